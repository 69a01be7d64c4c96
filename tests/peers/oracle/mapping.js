// A packet as minecraft-data has it, as midwire's JSON has it. What differs besides the spelling of
// names is in differences.js, and told in crates/definition/protocols/minecraft/SOURCES.md.

'use strict'

const [, writeLpVec3, sizeOfLpVec3] = require('minecraft-protocol/src/datatypes/lpVec3')
const [readVarInt] = require('protodef').types.varint

const { TEXT, PIECE } = require('./classic')
const { ANY } = require('./json')
const { Scope, arm, inside } = require('./schema')
const differences = require('./differences')

/// `fieldName`, `UUID` and `minecraft:thing` as midwire spells them.
function snake (name) {
  if (/[:/]/.test(name)) return name
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .toLowerCase()
}

/// Integers of 64 bits come as two halves, as a BigInt or as a number.
function exact (value, unsigned = false) {
  if (Array.isArray(value)) {
    const bits = (BigInt(value[0]) << 32n) | BigInt.asUintN(32, BigInt(value[1]))
    return unsigned ? BigInt.asUintN(64, bits) : BigInt.asIntN(64, bits)
  }
  return BigInt(value)
}

/// Bytes are a Buffer, a list of numbers (signed or not), or what JSON.stringify makes of a Buffer.
function hex (value) {
  if (value?.type === 'Buffer') return hex(value.data)
  return Buffer.from(value).toString('hex')
}

/// What is no number in JSON is text.
function double (value) {
  const number = Number(value)
  return Number.isFinite(number) ? number : String(number)
}

/// A float of 32 bits by the shortest decimal that gives it, which is how midwire writes it.
function single (value) {
  const exact = Math.fround(Number(value))
  if (!Number.isFinite(exact)) return String(exact)
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(exact.toPrecision(digits))
    if (Math.fround(short) === exact) return Object.is(exact, -0) ? -0 : short
  }
  return Number(exact.toPrecision(9))
}

/// Bits that have no meaning.
const isUnused = name => name.startsWith('_') || name === 'unused'

/// A tag's payload.
function tagValue (type, value) {
  switch (type) {
    case 'long': return exact(value)
    case 'float': return single(value)
    case 'double': return double(value)
    case 'byteArray': return hex(value)
    case 'longArray': return value.map(v => exact(v))
    case 'list': return { type: value.type, value: value.value.map(v => tagValue(value.type, v)) }
    case 'compound': {
      const entries = Object.entries(value).map(([k, v]) =>
        [k, { type: v.type, value: tagValue(v.type, v.value) }])
      // Names that are no keys of a JavaScript object.
      const odd = entries.some(([k]) => /^\d+$|^\$/.test(k))
      return odd ? { $entries: entries } : Object.fromEntries(entries)
    }
    default: return value
  }
}

function tag (value, hasName) {
  const { name, type } = value
  return { ...(hasName ? { name } : {}), type, value: tagValue(type, value.value) }
}

/// A vector as its bytes: midwire shows these, since rounding them is not its business.
function lpVec3 (value) {
  const bytes = Buffer.alloc(sizeOfLpVec3(value))
  writeLpVec3(value, bytes, 0)
  const low = bytes[0]
  if (low === 0) return { low }
  const vector = { low, middle: bytes[1], high: bytes.readUInt32BE(2) }
  return low & 4 ? { ...vector, scale_high: readVarInt(bytes, 6).value } : vector
}

const LEAVES = {
  void: () => undefined,
  bool: value => value,
  i64: value => exact(value),
  u64: value => exact(value, true),
  varlong: value => exact(value),
  f32: value => single(value),
  f64: value => double(value),
  UUID: value => value.toLowerCase(),
  restBuffer: hex,
  lpVec3,
  // Of Minecraft Classic; all other versions declare what a string is.
  string: value => value.padEnd(TEXT),
  nbt: value => tag(value, true),
  optionalNbt: value => value === undefined ? null : tag(value, true),
  compressedNbt: value => value === undefined ? { length: -1 } : { length: ANY, tag: tag(value, true) },
  anonymousNbt: value => tag(value, false),
  anonOptionalNbt: value => value === undefined ? null : tag(value, false)
}
for (const type of ['varint', 'i8', 'u8', 'i16', 'u16', 'i32', 'u32']) LEAVES[type] = value => value

/// From values of minecraft-data to midwire's, for one place of one version.
class Mapping {
  constructor (place) {
    this.types = place.types
    this.version = place.version
    this.place = place
  }

  /// The fields of a packet.
  fields (name, params) {
    const packet = this.place.packets.find(packet => packet.name === name)
    const { state, direction } = this.place
    const trail = [`${state ? `${state}.` : ''}${direction}.${name}`]
    this.trail = trail
    try {
      return this.map(packet.type, params, new Scope(), trail) ?? {}
    } catch (e) {
      throw new Error(`${this.version} ${this.trail.join(' ')}: ${e.message}`, { cause: e })
    }
  }

  /// `trail` names the packet, the types and the fields on the way.
  map (type, value, scope, trail) {
    this.trail = trail
    const difference = differences.find(this.version, trail)
    if (difference) return difference(value, value => this.plain(type, value, scope, trail), scope)
    return this.plain(type, value, scope, trail)
  }

  plain (type, value, scope, trail) {
    const [kind, options] = Array.isArray(type) ? type : [type]
    if (this.types[kind] !== undefined && this.types[kind] !== 'native') {
      return this.map(this.types[kind], value, inside(options, scope), [...trail, kind])
    }
    if (LEAVES[kind]) return LEAVES[kind](value)
    return this[kind](options, value, scope, trail)
  }

  container (fields, value, around, trail) {
    const scope = new Scope(around)
    const mapped = {}
    this.into(mapped, fields, value, scope, trail)
    return mapped
  }

  into (mapped, fields, value, scope, trail) {
    for (const { name, type, anon } of fields) {
      if (type === 'byte_array') {
        // The length is a field of its own.
        mapped.chunk_length = value[name].length
        mapped[name] = hex(Buffer.concat([value[name], Buffer.alloc(PIECE - value[name].length)]))
      } else if (!anon) {
        scope.fields[name] = value[name]
        const field = this.map(type, value[name], scope, [...trail, name])
        if (field !== undefined) mapped[snake(name)] = field
      } else if (type[0] === 'container') {
        this.into(mapped, type[1], value, scope, trail)
      } else {
        if (type[0] === 'bitfield') {
          for (const { name } of type[1]) scope.fields[name] = value[name]
        }
        Object.assign(mapped, this.map(type, value, scope, [...trail, '(anonymous)']))
      }
    }
  }

  switch (options, value, scope, trail) {
    return this.map(arm(options, scope), value, scope, trail)
  }

  option (type, value, scope, trail) {
    return value === undefined || value === null ? undefined : this.map(type, value, scope, trail)
  }

  array (options, value, scope, trail) {
    if (options.type === 'u8' || options.type === 'i8') return hex(value)
    return value.map(element => this.map(options.type, element, scope, [...trail, '[]']) ?? null)
  }

  entityMetadataLoop (options, value, scope, trail) {
    return this.array(options, value, scope, trail)
  }

  topBitSetTerminatedArray (options, value, scope, trail) {
    const elements = this.array(options, value, scope, trail)
    // The bit in front of the first field that tells whether another element follows.
    return elements.map((element, i) => {
      const [first] = Object.keys(element)
      const more = i + 1 < elements.length ? 1 : 0
      return { ...element, [first]: { more, [first]: element[first] } }
    })
  }

  count (options, value) {
    return value
  }

  pstring (options, value) {
    return value
  }

  buffer (options, value) {
    return hex(value)
  }

  mapper (options, value) {
    return typeof value === 'string' ? snake(value) : value
  }

  bitfield (parts, value) {
    return Object.fromEntries(parts
      .filter(({ name }) => !isUnused(name))
      .map(({ name }) => [snake(name), value[name]]))
  }

  bitflags (options, value) {
    const names = Array.isArray(options.flags)
      ? options.flags.map((name, bit) => [name, 2 ** bit])
      : Object.entries(options.flags).map(([name, n]) => [name, options.shift ? 2 ** n : n])
    return names.filter(([name]) => name && value[name]).map(([name]) => snake(name))
  }

  registryEntryHolder (options, value, scope, trail) {
    const id = value[options.baseName]
    if (id !== undefined && id !== null) return { id: id + 1 }
    const { name, type } = options.otherwise
    return { id: 0, value: this.map(type, value[name], scope, [...trail, name]) }
  }

  registryEntryHolderSet (options, value, scope, trail) {
    const { base, otherwise } = options
    const name = value[base.name]
    if (name !== undefined && name !== null) return { size: 0, name }
    const ids = this.array(otherwise, value[otherwise.name], scope, [...trail, otherwise.name])
    return { size: ids.length + 1, ids }
  }
}

module.exports = { Mapping, isUnused }
