// What depends on a field of a container: the arms of switches that compare it, and counts.

'use strict'

const known = new WeakMap()

/// What later fields of a container make of its field `name`.
function discriminants (types, fields, name) {
  let of = known.get(fields)
  if (of === undefined) known.set(fields, of = new Map())
  if (!of.has(name)) of.set(name, new Discriminant(types, fields, name))
  return of.get(name)
}

class Discriminant {
  constructor (types, fields, name) {
    this.types = types
    this.name = name
    this.isCount = false
    /// By the path within the field: '' for itself, `x` for a part of it.
    this.parts = new Map()
    this.fields(fields, 0)
  }

  /// The arms that the field, or a part of it, chooses.
  of (part = '') {
    return this.parts.get(part)
  }

  fields (fields, depth) {
    for (const { type, anon } of fields) {
      if (anon && type[0] === 'container') this.fields(type[1], depth)
      else this.type(type, depth)
    }
  }

  type (type, depth, argument) {
    if (!Array.isArray(type)) return
    const [kind, options] = type
    switch (kind) {
      case 'container':
        return this.fields(options, depth + 1)
      case 'switch': {
        const part = argument
          ? (options.compareTo === `$${argument.name}` ? argument.part : undefined)
          : this.part(options.compareTo, depth)
        if (part !== undefined) this.add(part, options)
        for (const arm of Object.values(options.fields)) this.type(arm, depth, argument)
        return this.type(options.default, depth, argument)
      }
      case 'option':
        return this.type(options, depth, argument)
      case 'array':
      case 'buffer':
      case 'pstring':
        if (typeof options.count === 'string' && this.part(options.count, depth) === '') {
          this.isCount = true
        }
        return this.type(options.type, depth, argument)
      case 'entityMetadataLoop':
      case 'topBitSetTerminatedArray':
        return this.type(options.type, depth, argument)
      case 'registryEntryHolder':
      case 'registryEntryHolderSet':
        return this.type(options.otherwise.type, depth, argument)
    }
    const declared = this.types[kind]
    if (declared === undefined || declared === 'native') return
    for (const [name, path] of Object.entries(options ?? {})) {
      const part = this.part(path, depth)
      if (part !== undefined) this.type(declared, depth, { name, part })
    }
  }

  /// Which part of the field a path means, if it means the field at all.
  part (path, depth) {
    if (typeof path !== 'string') return undefined
    const parts = path.split('/')
    let up = 0
    while (parts[0] === '..') {
      parts.shift()
      up++
    }
    // A path may lead less far out than the field is; then it is looked up further out.
    if (up > depth || parts[0] !== this.name) return undefined
    return parts.slice(1).join('/')
  }

  add (part, options) {
    if (!this.parts.has(part)) this.parts.set(part, new Arms(this.types))
    this.parts.get(part).add(options)
  }
}

/// The arms of all switches that compare one value.
class Arms {
  constructor (types) {
    this.types = types
    this.arms = new Map()
    this.defaults = []
    this.switches = []
    this.hasDefault = false
  }

  add (options) {
    this.switches.push(options)
    for (const key of Object.keys(options.fields)) this.arms.set(key, true)
    if (options.default !== undefined) this.hasDefault = true
  }

  /// How deep a value is at least, in named types inside each other, with this key.
  height (key) {
    const heights = this.switches.map(options =>
      height(this.types, options.fields[key] ?? options.default ?? 'void'))
    return Math.max(0, ...heights)
  }
}

const heightsOf = new WeakMap()

/// How many named types are inside each other at least in a value of a type.
function height (types, type) {
  let heights = heightsOf.get(types)
  if (heights === undefined) heightsOf.set(types, heights = leastHeights(types))
  return measure(types, heights, type)
}

function leastHeights (types) {
  const heights = new Map()
  for (let changed = true; changed;) {
    changed = false
    for (const [name, type] of Object.entries(types)) {
      if (type === 'native') continue
      const least = 1 + measure(types, heights, type)
      if (least < (heights.get(name) ?? Infinity)) {
        heights.set(name, least)
        changed = true
      }
    }
  }
  return heights
}

function measure (types, heights, type) {
  const [kind, options] = Array.isArray(type) ? type : [type]
  const inner = type => measure(types, heights, type)
  switch (kind) {
    case 'container': return Math.max(0, ...options.map(({ type }) => inner(type)))
    case 'switch':
      return Math.min(...[...Object.values(options.fields), options.default ?? 'void'].map(inner))
    case 'topBitSetTerminatedArray': return inner(options.type)
  }
  const declared = types[kind]
  return declared === undefined || declared === 'native' ? 0 : heights.get(kind) ?? Infinity
}

module.exports = { discriminants }
