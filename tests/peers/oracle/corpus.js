// 3,358 packets of vanilla servers (npm minecraft-packets): decoded with nothing left over, equal to
// their JSON twins, and byte-equal when encoded from these.
//
//   MIDWIRE=path/to/midwire node corpus.js [VERSION...]

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

async function check (version, tally) {
  const place = places(version).find(p => p.state === 'play' && p.direction === 'clientbound')
  const mapping = new Mapping(place)
  const found = packets(version)
  const where = { version, state: 'play', direction: 'clientbound' }
  for (const packet of found) {
    try {
      packet.expected = mapping.fields(packet.name, today(packet))
    } catch (e) {
      packet.expected = { unmapped: e.message }
    }
  }
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

async function main (wanted) {
  const tally = new Tally()
  for (const version of wanted.length > 0 ? wanted : versions()) await check(version, tally)
  return tally.end()
}

module.exports = { packets, versions }
if (require.main === module) {
  main(process.argv.slice(2)).then(code => { process.exitCode = code })
}
