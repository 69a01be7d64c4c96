// The oracle: minecraft-data's definitions, compiled by ProtoDef with the types of
// minecraft-protocol, and the same definitions as data.

'use strict'

const fs = require('node:fs')
const path = require('node:path')
const { ProtoDefCompiler } = require('protodef').Compiler
const nbt = require('prismarine-nbt')

const classic = require('./classic')

const DATA = path.join(path.dirname(require.resolve('minecraft-data')), 'minecraft-data/data')
const PATHS = JSON.parse(fs.readFileSync(path.join(DATA, 'dataPaths.json'))).pc

// What midwire calls a version, where minecraft-data's name is that of no release.
const KEYS = { 1.7: '1.7.10' }

const STATES = { handshaking: 'handshake' }
const DIRECTIONS = { toServer: 'serverbound', toClient: 'clientbound' }

/// The definitions of a version; of one without own ones, those of the nearest, as every user of
/// minecraft-data has them.
function definitions (version) {
  const folder = PATHS[version]?.protocol
  if (folder === undefined) return require('minecraft-data')(version).protocol
  return JSON.parse(fs.readFileSync(path.join(DATA, folder, 'protocol.json')))
}

/// The keys of the versions that have definitions of their own, oldest first.
function versions () {
  const own = Object.keys(PATHS).filter(key => PATHS[key].protocol !== undefined)
  const first = new Map()
  for (const key of own) {
    const file = PATHS[key].protocol
    // Several keys may share a file; the file bears the name of one of them.
    if (!first.has(file) || file === `pc/${key}`) first.set(file, key)
  }
  return [...first.values()]
}

/// Every state and direction of a version, with its oracle.
function places (version) {
  const protocol = definitions(version)
  // Minecraft Classic has no states.
  if (protocol.toServer) {
    return Object.keys(DIRECTIONS).map(direction => new Place(version, protocol, undefined, direction))
  }
  const found = []
  for (const [state, directions] of Object.entries(protocol)) {
    if (state === 'types') continue
    for (const direction of Object.keys(DIRECTIONS)) {
      if (directions[direction]?.types?.packet === undefined) continue
      found.push(new Place(version, protocol, state, direction))
    }
  }
  return found
}

/// One state and direction of one version.
class Place {
  constructor (version, protocol, state, direction) {
    this.key = version
    this.version = KEYS[version] ?? version
    this.protocol = state === undefined ? 'minecraft_classic' : 'minecraft'
    this.state = STATES[state] ?? state
    this.direction = DIRECTIONS[direction]
    this.types = typesOf(protocol, state, direction)
    this.definitions = protocol
    // In 1.7, items have packed NBT.
    this.packs = protocol.types.compressedNbt !== undefined
    this.path = state === undefined ? [direction] : [state, direction]
    // packet: an id, a name for it, and the fields that belong to the name.
    const [name, params] = this.types.packet[1]
    const { mappings } = name.type[1]
    this.packets = Object.values(mappings).map(packet => {
      const type = params.type[1].fields[packet]
      return { name: packet, type: type ?? 'void' }
    })
  }

  get codec () {
    if (this.compiled === undefined) {
      const compiler = new ProtoDefCompiler()
      compiler.addTypes(require('minecraft-protocol/src/datatypes/compiler-minecraft'))
      if (this.state === undefined) compiler.addTypes(classic.types)
      compiler.addProtocol(this.definitions, this.path)
      nbt.addTypesToCompiler('big', compiler)
      this.compiled = compiler.compileProtoDefSync()
    }
    return this.compiled
  }

  /// The payload of a packet. The buffer is zero where the oracle writes nothing: see FAULTS.md.
  serialize (name, params) {
    const packet = { name, params }
    const buffer = Buffer.alloc(this.codec.sizeOf(packet, 'packet'))
    this.codec.write(packet, buffer, 0, 'packet')
    return buffer
  }

  /// Name and params of a payload. The oracle works on a copy: see FAULTS.md.
  parse (payload) {
    const { value, size } = this.codec.read(Buffer.from(payload), 0, 'packet')
    if (size !== payload.length) throw new Error(`${size} bytes were read of ${payload.length}`)
    return value
  }
}

/// All named types: of those of one name the outermost holds, as the compiler has it.
function typesOf (protocol, state, direction) {
  const types = {}
  const inner = state === undefined ? protocol : protocol[state]
  const layers = [protocol.types, inner.types, inner[direction].types]
  for (const layer of layers) {
    for (const [name, type] of Object.entries(layer ?? {})) {
      if (types[name] === undefined || types[name] === 'native') types[name] = type
    }
  }
  return types
}

module.exports = { versions, places }
