'use strict'

/// Numbers from a seed, the same on every machine (mulberry32).
class Random {
  constructor (seed) {
    this.state = seed >>> 0
  }

  /// From 0 up to, but not including, 1.
  next () {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let t = this.state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  /// A whole number, both ends included.
  integer (min, max) {
    return min + Math.floor(this.next() * (max - min + 1))
  }

  pick (list) {
    return list[this.integer(0, list.length - 1)]
  }

  bytes (length) {
    return Buffer.from(Array.from({ length }, () => this.integer(0, 255)))
  }
}

/// A seed for each name.
function seedOf (text) {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}

module.exports = { Random, seedOf }
