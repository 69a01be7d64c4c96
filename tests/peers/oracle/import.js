// minecraft-data imported as a whole: the definition that comes of it is checked, and what is built in is
// compared with it. What differs is listed in KNOWN.md, with the reason.
//
//   MIDWIRE=path/to/midwire node import.js

'use strict'

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const { Tally } = require('./tally')

const DATA = path.dirname(require.resolve('minecraft-data/package.json'))
const KNOWN = path.join(__dirname, 'KNOWN.md')

/// Runs midwire; its lines and its exit code.
function midwire (...args) {
  if (!process.env.MIDWIRE) throw new Error('MIDWIRE must name the midwire binary')
  const options = { encoding: 'utf8', maxBuffer: 1 << 28 }
  const { status, stdout, stderr, error } = spawnSync(process.env.MIDWIRE, args, options)
  if (error) throw error
  return { status, lines: stdout.split('\n').filter(line => line !== ''), stderr }
}

/// The lines that stand in blocks of KNOWN.md.
function known () {
  const blocks = fs.readFileSync(KNOWN, 'utf8').split('```')
  const lines = blocks.filter((_, at) => at % 2 === 1).flatMap(block => block.split('\n').slice(1))
  return lines.filter(line => line !== '')
}

function main () {
  const tally = new Tally()
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'midwire-import-'))
  const file = name => path.join(folder, name)
  const ends = (what, args) => {
    const ended = midwire(...args)
    tally.add(what, ended.status === 0 ? undefined : `ended with ${ended.status}: ${ended.stderr}`)
    return ended
  }
  try {
    const made = ends('import', ['defs', 'import', 'protodef', DATA, '-o', file('all.wire')])
    const whole = made.stderr.includes('all of them carried whole')
    tally.add('import', whole ? undefined : `not all is carried: ${made.stderr}`)
    const bedrock = ['--edition', 'bedrock', '-o', file('bedrock.wire')]
    ends('import bedrock', ['defs', 'import', 'protodef', DATA, ...bedrock])
    for (const name of fs.readdirSync(folder)) {
      ends(`check ${name}`, ['check', file(name)])
      ends(`fmt ${name}`, ['fmt', '--check', file(name)])
    }

    const over = ['defs', 'import', 'protodef', DATA, '-o', file('over.wire'), '--over', 'minecraft']
    const found = new Set(ends('compare', over).lines)
    const listed = known()
    for (const line of found) {
      tally.add(line, listed.includes(line) ? undefined : 'a difference that KNOWN.md does not list')
    }
    for (const line of listed) {
      if (!found.has(line)) tally.add(line, 'KNOWN.md lists a difference that is none')
    }
    // All of its versions are listed in what is built in, so there is nothing to lay over it.
    const laid = fs.readFileSync(file('over.wire'), 'utf8').split('\n')
    const written = laid.find(line => /^(packet|type|ids) /.test(line))
    tally.add('overlay', written === undefined ? undefined : `it has ${written}`)
  } finally {
    fs.rmSync(folder, { recursive: true })
  }
  return tally.end()
}

process.exitCode = main()
