// The two types that minecraft-data names for Minecraft Classic, but does not describe.

'use strict'

const TEXT = 64
const PIECE = 1024

/// Text, filled up with spaces, in one byte a character.
const text = {
  read: (buffer, offset) => ({
    value: buffer.toString('latin1', offset, offset + TEXT).trimEnd(),
    size: TEXT
  }),
  write: (value, buffer, offset) => offset + buffer.write(value.padEnd(TEXT), offset, TEXT, 'latin1')
}

/// A piece of a file: its length in two bytes, and 1024 bytes, the last of which may be none of it.
const piece = {
  read: (buffer, offset) => ({
    value: buffer.subarray(offset + 2, offset + 2 + buffer.readInt16BE(offset)),
    size: 2 + PIECE
  }),
  write: (value, buffer, offset) => {
    buffer.writeInt16BE(value.length, offset)
    value.copy(buffer, offset + 2)
    return offset + 2 + PIECE
  }
}

const types = {
  Read: { string: ['native', text.read], byte_array: ['native', piece.read] },
  Write: { string: ['native', text.write], byte_array: ['native', piece.write] },
  SizeOf: { string: ['native', TEXT], byte_array: ['native', 2 + PIECE] }
}

module.exports = { types, TEXT, PIECE }
