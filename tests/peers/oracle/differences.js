// Where midwire's definition and minecraft-data's differ in more than spelling.

'use strict'

/// What maps the value at the end of a trail, if that is not done by its type alone.
function find (version, trail) {
  return undefined
}

module.exports = { find }
