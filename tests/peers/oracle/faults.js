'use strict'

function find (place, name) {
  return undefined
}

module.exports = { find }
