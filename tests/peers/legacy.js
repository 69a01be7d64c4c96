// The server list of Minecraft 1.6 and older.

'use strict'

const net = require('node:net')
const { within } = require('./wait')

const LEGACY_PINGS = {
  FE: Buffer.from('fe', 'hex'),
  'FE 01': Buffer.from('fe01', 'hex'),
  'FE 01 FA with a host': legacyPingWithHost('127.0.0.1', 25565)
}

/// Sends a ping of Minecraft 1.6 or older and gives the whole answer.
function legacyPing (port, request) {
  return within('answer to the legacy ping', new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(request))
    let answer = Buffer.alloc(0)
    socket.on('data', data => {
      answer = Buffer.concat([answer, data])
      // FF, a 16-bit count of UTF-16 units, the units.
      if (answer.length < 3 || answer.length < 3 + 2 * answer.readUInt16BE(1)) return
      socket.destroy()
      resolve(answer)
    })
    socket.on('error', reject)
    socket.on('end', () => reject(new Error(`the connection ended after ${answer.length} bytes`)))
  }))
}

/// The form of Minecraft 1.6: a plugin message with protocol number, host and port.
function legacyPingWithHost (host, port) {
  const text = string => {
    const units = Buffer.from(string, 'utf16le').swap16()
    const count = Buffer.alloc(2)
    count.writeUInt16BE(string.length)
    return Buffer.concat([count, units])
  }
  const data = Buffer.concat([Buffer.from([74]), text(host), Buffer.alloc(4)])
  data.writeInt32BE(port, data.length - 4)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(data.length)
  return Buffer.concat([Buffer.from([0xfe, 0x01, 0xfa]), text('MC|PingHost'), length, data])
}

/// The text of an answer: `§1`, protocol number, version, MOTD and players behind zeros, or the oldest form.
function legacyMotd (answer) {
  const text = Buffer.from(answer.subarray(3)).swap16().toString('utf16le')
  return text.startsWith('§1\0') ? text.split('\0')[3] : text.split('§')[0]
}

module.exports = { legacyPing, legacyMotd, LEGACY_PINGS }
