// midwire as a batch tool: many packets in one process.

'use strict'

const { spawn } = require('node:child_process')
const json = require('./json')

/// Runs `midwire`, gives its lines.
function run (args, input) {
  if (!process.env.MIDWIRE) throw new Error('MIDWIRE must name the midwire binary')
  return new Promise((resolve, reject) => {
    const child = spawn(process.env.MIDWIRE, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    const output = []
    let diagnostics = ''
    child.stdout.on('data', data => output.push(data))
    child.stderr.setEncoding('utf8').on('data', text => { diagnostics += text })
    child.on('error', reject)
    child.on('close', code => {
      // 1 says that some line could not be read or written; the line itself says which.
      if (code !== 0 && code !== 1) reject(new Error(`midwire ended with ${code}: ${diagnostics}`))
      else resolve(Buffer.concat(output).toString().split('\n').slice(0, -1))
    })
    child.stdin.on('error', () => {}) // The exit code tells.
    child.stdin.end(input)
  })
}

function place ({ protocol = 'minecraft', version, state, direction }) {
  // Definitions that are being worked on, in front of the built-in ones.
  const defs = process.env.MIDWIRE_DEFS ? ['--defs', process.env.MIDWIRE_DEFS] : []
  return [...defs, '--protocol', protocol, ...(version ? ['--protocol-version', version] : []),
    ...(state ? ['--state', state] : []), '--direction', direction, '--unframed', '--lines']
}

/// What midwire says of each payload (packet id and fields).
async function decode (where, payloads) {
  if (payloads.length === 0) return []
  const input = payloads.map(payload => payload.toString('hex') + '\n').join('')
  const lines = await run(['decode', '-', '--json', ...place(where)], input)
  if (lines.length !== payloads.length) {
    throw new Error(`${payloads.length} packets were decoded to ${lines.length} lines`)
  }
  return lines.map(json.parse)
}

/// The payload of each `{name, fields}`, or an Error where midwire writes none.
async function encode (where, packets) {
  if (packets.length === 0) return []
  const input = packets.map(packet => json.stringify(packet) + '\n').join('')
  const lines = await run(['encode', ...place(where)], input)
  if (lines.length !== packets.length) {
    throw new Error(`${packets.length} packets were encoded to ${lines.length} lines`)
  }
  return lines.map(line => line.startsWith('error: ') ? new Error(line) : Buffer.from(line, 'hex'))
}

module.exports = { decode, encode }
