// A recorded connection as payloads: frames, compression and encryption as minecraft-protocol's own
// end points had them.

'use strict'

const crypto = require('node:crypto')
const zlib = require('node:zlib')

/// `{direction, payload}` of a connection whose bytes are given as they were read.
function frames ({ c2s, s2c }, key) {
  const serverbound = new Reader(Buffer.concat(c2s))
  const clientbound = new Reader(Buffer.concat(s2c))
  const found = []
  const take = (reader, direction) => {
    const payload = reader.next()
    if (payload) found.push({ direction, payload })
    return payload
  }
  // A list ping: no key, no compression.
  const handshake = take(serverbound, 'serverbound')
  const isLogin = handshake?.[handshake.length - 1] === 2
  if (isLogin && key) {
    // Encryption begins behind the server's request and the client's answer.
    take(serverbound, 'serverbound')
    take(serverbound, 'serverbound')
    take(clientbound, 'clientbound')
    serverbound.decrypt(key)
    clientbound.decrypt(key)
  }
  if (isLogin) {
    // Whether and when the server compresses is said by the first of its packets, with id 3.
    const first = take(clientbound, 'clientbound')
    if (first?.[0] === 3) {
      clientbound.compressed = true
      // The client has sent its handshake, its name, and with encryption its answer.
      if (!key) take(serverbound, 'serverbound')
      serverbound.compressed = true
    }
  }
  while (take(serverbound, 'serverbound'));
  while (take(clientbound, 'clientbound'));
  return found
}

class Reader {
  constructor (bytes) {
    this.bytes = bytes
    this.at = 0
    this.compressed = false
  }

  decrypt (key) {
    const decipher = crypto.createDecipheriv('aes-128-cfb8', key, key)
    const rest = decipher.update(this.bytes.subarray(this.at))
    this.bytes = Buffer.concat([this.bytes.subarray(0, this.at), rest])
  }

  /// The next payload; undefined at the end, also before a frame that is not whole.
  next () {
    const length = varint(this.bytes, this.at)
    if (length === undefined || length.end + length.value > this.bytes.length) return undefined
    const frame = this.bytes.subarray(length.end, length.end + length.value)
    this.at = length.end + length.value
    if (!this.compressed) return frame
    const plain = varint(frame, 0)
    const rest = frame.subarray(plain.end)
    return plain.value === 0 ? rest : zlib.inflateSync(rest)
  }
}

function varint (bytes, at) {
  let value = 0
  for (let shift = 0; at < bytes.length; shift += 7) {
    const byte = bytes[at++]
    value |= (byte & 127) << shift
    if (byte < 128) return { value, end: at }
  }
  return undefined
}

module.exports = { frames }
