// Checks every package of the dependency graph: its licence is one that deny.toml allows, and it
// comes from this repository or from crates.io.
//
//   cargo metadata --format-version 1 | node .ci/licences.js

'use strict'

const fs = require('node:fs')
const path = require('node:path')

const CRATES_IO = 'registry+https://github.com/rust-lang/crates.io-index'

const deny = fs.readFileSync(path.join(__dirname, '..', 'deny.toml'), 'utf8')
const list = /^allow = \[([^\]]*)\]/m.exec(deny)[1]
const allowed = new Set([...list.matchAll(/"([^"]+)"/g)].map(found => found[1]))

/// Is an SPDX expression satisfied by the allowed licences? `/` is an old way to write OR.
function isAllowed (expression) {
  const tokens = expression.replaceAll('/', ' OR ').match(/[()]|[^\s()]+/g)
  const any = () => {
    let answer = all()
    while (tokens[0] === 'OR') {
      tokens.shift()
      answer = all() || answer
    }
    return answer
  }
  const all = () => {
    let answer = one()
    while (tokens[0] === 'AND') {
      tokens.shift()
      answer = one() && answer
    }
    return answer
  }
  const one = () => {
    if (tokens[0] === '(') {
      tokens.shift()
      const answer = any()
      tokens.shift()
      return answer
    }
    let licence = tokens.shift()
    if (tokens[0] === 'WITH') licence += ` ${tokens.shift()} ${tokens.shift()}`
    return allowed.has(licence)
  }
  return any()
}

const { packages } = JSON.parse(fs.readFileSync(0, 'utf8'))
const complaints = []
for (const { name, version, license, source } of packages) {
  const what = `${name} ${version}`
  if (license === null) complaints.push(`${what} states no licence`)
  else if (!isAllowed(license)) complaints.push(`${what} is under ${license}`)
  if (source !== null && source !== CRATES_IO) complaints.push(`${what} comes from ${source}`)
}
console.log(`${packages.length} packages, ${complaints.length} of them not allowed`)
complaints.forEach(complaint => console.log(`  ${complaint}`))
process.exitCode = complaints.length === 0 && packages.length > 0 ? 0 : 1
