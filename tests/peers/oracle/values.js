// Random valid instances of ProtoDef types. Where there is a choice (an arm of a switch, an entry of
// an enum, a value or none), each possibility has its turn, so that a few instances show them all.

'use strict'

const { Scope, arm, inside } = require('./schema')
const { isUnused } = require('./mapping')
const { discriminants } = require('./discriminants')

// Packets do not get more instances than this, however many choices there are.
const INSTANCES_MAX = 200
// A type may be inside itself so often; then the smallest choice is taken.
const NESTED_MAX = 2

const STRINGS = ['', 'a', 'Alva', 'minecraft:stone', 'åß☃', 'two words', '{"text":"hi"}', 'x'.repeat(140)]
const FLOATS = [0, -0, 1, -1.5, 0.1, 1e-7, 3.5e30, Infinity, -Infinity, NaN]

const INTEGERS = {
  i8: [-128, 127],
  u8: [0, 255],
  i16: [-32768, 32767],
  u16: [0, 65535],
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u32: [0, 2 ** 32 - 1],
  varint: [-(2 ** 31), 2 ** 31 - 1],
  // The oracle reads and writes these as varints: see FAULTS.md.
  varlong: [0, 2 ** 31 - 1]
}

class Values {
  constructor (place, random) {
    this.types = place.types
    this.random = random
    this.inner = []
    this.turns = new Map()
  }

  /// Instances of a packet until every choice has been made, but `least` at any rate. What is chosen
  /// in types that several packets have need not be chosen in each of them.
  /// `avoid`: by the trail of a field, values that it must not have.
  * instances (type, least, avoid = {}) {
    this.avoid = avoid
    this.open = 0
    this.seen = new Set()
    for (let i = 0; i < INSTANCES_MAX && (i < least || this.open > 0); i++) {
      yield this.make(type, new Scope(), { trail: '' }) ?? {}
    }
  }

  /// One of `count` possibilities at a place, in turn.
  turn (place, count) {
    if (count <= 1) return 0
    const before = this.turns.get(place) ?? 0
    // Open as long as there is a possibility that has not had its turn.
    if (before === 0 || !this.seen.has(place)) this.open += before < count ? 1 : 0
    this.seen.add(place)
    if (before + 1 === count) this.open--
    this.turns.set(place, before + 1)
    // Not always the first one first: places that are filled together would always agree.
    return (before + (before >= count ? this.random.integer(0, count - 1) : 0)) % count
  }

  /// No choice is offered any more: the types have been nested deep enough.
  get small () {
    return this.limit !== undefined
  }

  make (type, scope, at) {
    const [kind, options] = Array.isArray(type) ? type : [type]
    const declared = this.types[kind]
    if (declared !== undefined && declared !== 'native') {
      const isLimit = !this.small && this.inner.filter(name => name === kind).length >= NESTED_MAX
      if (isLimit) this.limit = this.inner.length
      this.inner.push(kind)
      const value = this.make(declared, inside(options, scope), { ...at, trail: kind })
      this.inner.pop()
      if (isLimit) this.limit = undefined
      return value
    }
    if (INTEGERS[kind]) return this.integer(...INTEGERS[kind], at)
    if (this[kind] === undefined) throw new Error(`no values of type ${kind}`)
    return this[kind](options, scope, at)
  }

  integer (min, max, { trail, bounds }) {
    if (bounds) [min, max] = [Math.max(min, bounds[0]), Math.min(max, bounds[1])]
    switch (this.random.integer(0, 4)) {
      case 0: return min
      case 1: return max
      case 2: return this.random.integer(Math.max(min, -200), Math.min(max, 200))
      default: return this.random.integer(min, max)
    }
  }

  void () {}

  bool (options, scope, { trail }) {
    return this.turn(`${trail} bool`, 2) === 1
  }

  i64 () {
    return [this.random.integer(-(2 ** 31), 2 ** 31 - 1), this.random.integer(-(2 ** 31), 2 ** 31 - 1)]
  }

  u64 () {
    return [this.random.integer(0, 2 ** 32 - 1), this.random.integer(0, 2 ** 32 - 1)]
  }

  f32 () {
    if (this.random.integer(0, 3) === 0) return Math.fround(this.random.pick(FLOATS))
    return Math.fround((this.random.next() - 0.5) * 1000)
  }

  f64 () {
    if (this.random.integer(0, 3) === 0) return this.random.pick(FLOATS)
    return (this.random.next() - 0.5) * 1e6
  }

  UUID () {
    const hex = this.random.bytes(16).toString('hex')
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  }

  text () {
    return this.random.integer(0, 5) === 0 ? '😀 \u2028 "\\' : this.random.pick(STRINGS)
  }

  /// Of Minecraft Classic.
  string () {
    return this.random.pick(['', 'Alva', 'two words', '\u00e5\u00df', 'x'.repeat(64)])
  }

  byte_array () {
    return this.random.bytes(this.random.pick([0, 1, 1024]))
  }

  pstring ({ count }) {
    return count === undefined ? this.text() : 'x'.repeat(Number(count))
  }

  restBuffer () {
    return this.random.bytes(this.random.integer(0, 20))
  }

  buffer ({ count }, scope) {
    if (count === undefined) return this.restBuffer()
    return this.random.bytes(Number.isInteger(count) ? count : scope.find(count))
  }

  lpVec3 (options, scope, { trail }) {
    const most = [1e-6, 1, 3, 100, 1e6][this.turn(`${trail} lpVec3`, 5)]
    const part = () => (this.random.next() * 2 - 1) * most
    return { x: part(), y: part(), z: part() }
  }

  mapper ({ mappings }, scope, { trail, keys }) {
    const names = [...new Set(Object.values(mappings))]
    const fit = this.fitting(keys, this.allowed(trail, names))
    return fit[this.turn(`${trail} mapper`, fit.length)]
  }

  option (type, scope, at) {
    if (this.small || this.turn(`${at.trail} option`, 2) === 1) return undefined
    return this.make(type, scope, { trail: `${at.trail}?` })
  }

  switch (options, scope, at) {
    return this.make(arm(options, scope), scope, at)
  }

  array ({ count, type }, scope, { trail }) {
    let length = Number(count)
    if (count === undefined) length = this.small ? 0 : [1, 0, 2][this.turn(`${trail} array`, 3)]
    else if (!Number.isInteger(length)) length = scope.find(count)
    return this.list(length, type, scope, { trail: `${trail}[]` })
  }

  count (options, scope, at) {
    return this.make(options.type, scope, at)
  }

  list (length, type, scope, at) {
    return Array.from({ length }, () => this.make(type, scope, at))
  }

  entityMetadataLoop ({ type, endVal }, scope, { trail }) {
    // The end mark is no key. In 1.7 and 1.8 it is in the low bits, where 31 could make it.
    const list = this.list(this.small ? 0 : this.random.integer(1, 3), type, scope, { trail: `${trail}[]` })
    for (const element of list) element.key = this.random.integer(0, endVal === 127 ? 30 : 254)
    return list
  }

  topBitSetTerminatedArray ({ type }, scope, { trail }) {
    const list = this.list(this.random.integer(1, 3), type, scope, { trail: `${trail}[]` })
    // The bit above is the list's.
    for (const element of list) element.slot &= 127
    return list
  }

  container (fields, around, { trail }) {
    const scope = new Scope(around)
    this.into(fields, scope, trail, fields)
    return scope.fields
  }

  into (fields, scope, trail, all) {
    for (const { name, type, anon } of fields) {
      const at = { trail: `${trail}.${name ?? ''}` }
      if (anon && type[0] === 'container') {
        this.into(type[1], scope, trail, all)
      } else if (anon && type[0] === 'bitfield') {
        for (const part of type[1]) {
          const keys = discriminants(this.types, all, part.name)
          scope.fields[part.name] = this.part(part, { trail: `${at.trail}.${part.name}`, keys: keys.of() })
        }
      } else if (anon) {
        Object.assign(scope.fields, this.make(type, scope, at))
      } else {
        const keys = discriminants(this.types, all, name)
        scope.fields[name] = this.field(type, scope, { ...at, keys })
      }
    }
  }

  /// A field that later ones may depend on.
  field (type, scope, { trail, keys }) {
    if (keys.isCount) return [1, 0, 3][this.small ? 1 : this.turn(`${trail} count`, 3)]
    const own = keys.of()
    const base = this.base(type)
    if (base[0] === 'bitfield') return this.bitfield(base[1], scope, { trail, keys })
    if (base[0] === 'mapper') return this.make(type, scope, { trail, keys: own })
    if (own === undefined || base[0] === 'switch' || base[0] === 'option') {
      return this.make(type, scope, { trail })
    }
    if (base[0] === 'bool') {
      const fit = this.fitting(own, [true, false])
      return fit[this.turn(`${trail} bool`, fit.length)]
    }
    const isNumber = INTEGERS[base[0]] !== undefined
    const values = [...own.arms.keys()].map(key => isNumber ? Number(key) : key)
      .filter(key => !Number.isNaN(key))
    // Beside the arms, a value for the default.
    if (own.hasDefault) values.push(this.other(values, () => this.make(type, scope, { trail })))
    const fit = this.fitting(own, this.allowed(trail, values))
    return fit[this.turn(`${trail} key`, fit.length)]
  }

  allowed (trail, values) {
    const avoided = this.avoid[trail]
    return avoided ? values.filter(value => !avoided.includes(value)) : values
  }

  other (values, make) {
    for (;;) {
      const value = make()
      if (!values.includes(value)) return value
    }
  }

  /// What a named type is in the end.
  base (type) {
    for (;;) {
      const [kind, options] = Array.isArray(type) ? type : [type]
      const declared = this.types[kind]
      if (declared === undefined || declared === 'native') return [kind, options]
      type = declared
    }
  }

  /// Of values that choose an arm, those that lead out soonest when types are nested deep enough.
  fitting (keys, values) {
    if (!this.small || keys === undefined) return values
    const heights = values.map(value => keys.height(String(value)))
    const least = Math.min(...heights)
    return values.filter((value, i) => heights[i] === least)
  }

  bitfield (parts, scope, { trail, keys }) {
    return Object.fromEntries(parts.map(part => {
      const own = keys?.of(part.name)
      return [part.name, this.part(part, { trail: `${trail}.${part.name}`, keys: own })]
    }))
  }

  part ({ name, size, signed }, { trail, keys }) {
    if (isUnused(name)) return 0
    const [min, max] = signed ? [-(2 ** (size - 1)), 2 ** (size - 1) - 1] : [0, 2 ** size - 1]
    if (keys !== undefined) {
      const values = [...keys.arms.keys()].map(Number)
      if (keys.hasDefault && values.length <= max - min) {
        values.push(this.other(values, () => this.random.integer(min, max)))
      }
      const fit = this.fitting(keys, values)
      return fit[this.turn(`${trail} key`, fit.length)]
    }
    return this.integer(min, max, {})
  }

  bitflags ({ flags, type }, scope, { trail }) {
    const names = Array.isArray(flags) ? flags.filter(name => name) : Object.keys(flags)
    const turn = this.small ? 0 : this.turn(`${trail} flags`, names.length + 2)
    return Object.fromEntries(names.map((name, i) => [name, turn === 1 || turn === i + 2]))
  }

  registryEntryHolder ({ baseName, otherwise }, scope, { trail }) {
    if (this.small || this.turn(`${trail} holder`, 2) === 0) {
      return { [baseName]: this.random.integer(0, 300) }
    }
    const at = { trail: `${trail}.${otherwise.name}` }
    const value = this.make(otherwise.type, scope, at)
    // Empty text is taken for nothing: see FAULTS.md.
    return { [otherwise.name]: value === '' ? 'x' : value }
  }

  registryEntryHolderSet ({ base, otherwise }, scope, { trail }) {
    if (this.turn(`${trail} set`, 2) === 0) {
      return { [base.name]: this.make(base.type, scope, { trail: `${trail}.${base.name}` }) }
    }
    const at = { trail: `${trail}.${otherwise.name}` }
    return { [otherwise.name]: this.list(this.random.integer(0, 3), otherwise.type, scope, at) }
  }

  nbt () {
    return this.tag(this.random.integer(0, 4) === 0 ? 'name' : '')
  }

  compressedNbt (options, scope, { trail }) {
    return this.turn(`${trail} nbt`, 2) === 0 ? this.nbt() : undefined
  }

  optionalNbt (options, scope, { trail }) {
    return this.turn(`${trail} nbt`, 2) === 0 ? this.nbt() : undefined
  }

  anonymousNbt () {
    return this.tag()
  }

  anonOptionalNbt (options, scope, { trail }) {
    return this.turn(`${trail} nbt`, 2) === 0 ? this.tag() : undefined
  }

  tag (name) {
    const value = { type: 'compound', name, value: this.payload('compound', 0) }
    if (name === undefined) delete value.name
    return value
  }

  payload (type, depth) {
    const { random } = this
    const types = ['byte', 'short', 'int', 'long', 'float', 'double', 'string', 'byteArray', 'intArray',
      'longArray', ...(depth < 2 ? ['list', 'compound'] : [])]
    const some = make => Array.from({ length: random.integer(0, 3) }, make)
    switch (type) {
      case 'byte': return random.integer(-128, 127)
      case 'short': return random.integer(-32768, 32767)
      case 'int': return random.integer(-(2 ** 31), 2 ** 31 - 1)
      case 'long': return this.i64()
      case 'float': return this.f32()
      case 'double': return this.f64()
      // Characters whose UTF-8 is that of Java, too: see FAULTS.md.
      case 'string': return random.pick(STRINGS)
      case 'byteArray': return some(() => random.integer(-128, 127))
      case 'intArray': return some(() => random.integer(-(2 ** 31), 2 ** 31 - 1))
      case 'longArray': return some(() => this.i64())
      case 'list': {
        const of = random.pick(types)
        const value = some(() => this.payload(of, depth + 1))
        return { type: value.length > 0 ? of : 'end', value }
      }
      default: {
        const entries = some(() => random.pick(types)).map((type, i) => {
          const name = `${random.pick(['a', 'Name', 'minecraft:key'])}${i}`
          return [name, { type, value: this.payload(type, depth + 1) }]
        })
        return Object.fromEntries(entries)
      }
    }
  }
}

module.exports = { Values }
