// 3,358 packets of vanilla servers (npm minecraft-packets): decoded with nothing left over, equal to
// their JSON twins, and byte-equal when encoded from these.
//
//   MIDWIRE=path/to/midwire node corpus.js [VERSION...]
//   node corpus.js --write FILE | --sample FILE
//
// The second form writes what midwire's own test of these packets reads: all, or the smallest of each
// name and version.

'use strict'

const fs = require('node:fs')
const path = require('node:path')

const midwire = require('./midwire')
const json = require('./json')
const { places } = require('./protocol')
const { Mapping } = require('./mapping')
const { today } = require('./twins')
const { Tally } = require('./tally')

const ROOT = path.join(path.dirname(require.resolve('minecraft-packets')),
  'minecraft-packets/data/pc')

const text = file => fs.readFileSync(file, 'utf8')

/// The packets of a version: name, payload and twin.
function packets (version) {
  const folder = path.join(ROOT, version, 'from-server')
  return fs.readdirSync(folder).flatMap(name => {
    const files = fs.readdirSync(path.join(folder, name)).filter(file => file.endsWith('.raw'))
    return files.sort((a, b) => parseInt(a) - parseInt(b)).map(file => ({
      version,
      name,
      file: `${version}/${name}/${file}`,
      payload: fs.readFileSync(path.join(folder, name, file)),
      // A packet without fields has an empty file.
      twin: JSON.parse(text(path.join(folder, name, file.replace(/raw$/, 'json'))) || '{}')
    }))
  })
}

function versions () {
  return fs.readdirSync(ROOT).filter(name => !name.endsWith('.md'))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
}

/// The same, with what midwire's fields have to be.
function expected (version) {
  const place = places(version).find(p => p.state === 'play' && p.direction === 'clientbound')
  const mapping = new Mapping(place)
  return packets(version).map(packet =>
    ({ ...packet, expected: mapping.fields(packet.name, today(packet)) }))
}

async function check (version, tally) {
  const found = expected(version)
  const where = { version, state: 'play', direction: 'clientbound' }
  const decoded = await midwire.decode(where, found.map(packet => packet.payload))
  const again = found.map((packet, i) => ({ name: packet.name, fields: decoded[i].fields }))
  const encoded = await midwire.encode(where, again)
  const twins = found.map(packet => ({ name: packet.name, fields: packet.expected }))
  const made = await midwire.encode(where, twins)
  found.forEach((packet, i) => {
    const problem = wrong(packet, decoded[i]) ??
      differs('encoded from its values', packet.payload, encoded[i]) ??
      differs('encoded from its twin', packet.payload, made[i])
    tally.add(packet.file, problem)
  })
  console.log(`${version.padEnd(8)} ${String(found.length).padStart(5)} packets`)
}

function wrong (packet, line) {
  if (line.name !== packet.name) return `read as ${line.name}`
  if (line.error) return `error at ${line.error.field}: ${line.error.message}`
  if (line.rest !== undefined) return `left over: ${line.rest.slice(0, 80)}`
  return json.difference(packet.expected, line.fields)
}

function differs (how, payload, made) {
  if (made instanceof Error) return `${how}: ${made.message}`
  return payload.equals(made) ? undefined : `${how}: other bytes`
}

/// Longer packets are left out of the sample: they are chunks and registries.
const SAMPLE_MAX = 2000

function write (file, isSample) {
  const lines = versions().flatMap(version => {
    const all = expected(version)
    if (!isSample) return all
    const smallest = new Map()
    for (const packet of all) {
      const best = smallest.get(packet.name)
      const isBetter = best === undefined || packet.payload.length < best.payload.length
      if (isBetter && packet.payload.length <= SAMPLE_MAX) smallest.set(packet.name, packet)
    }
    return [...smallest.values()]
  }).map(({ version, name, payload, expected }) =>
    json.stringify({ version, name, payload: payload.toString('hex'), fields: expected }))
  fs.writeFileSync(file, lines.map(line => line + '\n').join(''))
  console.log(`${lines.length} packets written`)
  return 0
}

async function main (wanted) {
  if (wanted[0] === '--write' || wanted[0] === '--sample') {
    return write(wanted[1], wanted[0] === '--sample')
  }
  const tally = new Tally()
  for (const version of wanted.length > 0 ? wanted : versions()) await check(version, tally)
  return tally.end()
}

main(process.argv.slice(2)).then(code => { process.exitCode = code })
