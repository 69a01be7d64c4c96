// Every packet of a version, both ways: a valid random instance made by the oracle is decoded to
// equal values, and what midwire encodes from these values the oracle reads as equal values.

'use strict'

const midwire = require('./midwire')
const json = require('./json')
const { places } = require('./protocol')
const { Mapping } = require('./mapping')
const { Random, seedOf } = require('./random')
const { Values } = require('./values')
const faults = require('./faults')

const INSTANCES_LEAST = 3

/// Checks all packets of a version; `tally` hears of each.
async function check (version, tally) {
  const counts = { packets: 0, instances: 0, failed: 0, excepted: 0 }
  for (const place of places(version)) {
    const packets = place.packets.map(({ name, type }) => ({
      name,
      title: `${version}/${place.state ?? ''} ${place.direction} ${name}`,
      type,
      fault: faults.find(place, name)
    }))
    const seed = seedOf(`${place.version} ${place.state} ${place.direction}`)
    const values = new Values(place, new Random(seed))
    for (const packet of packets) {
      const { fault } = packet
      packet.instances = fault && !fault.avoid ? [] : instances(place, values, packet, fault?.avoid)
      packet.faulty = fault ? instances(place, new Values(place, new Random(seed)), packet) : []
    }
    await bothWays(place, packets.flatMap(packet => [...packet.instances, ...packet.faulty]))
    for (const packet of packets) {
      counts.packets++
      counts.instances += packet.instances.length
      let problem = firstProblem(packet.instances)
      if (packet.fault) {
        const shown = firstProblem(packet.faulty)
        if (shown !== undefined) counts.excepted++
        tally.except(packet.title, packet.fault, shown)
      }
      if (problem) counts.failed++
      // What is excepted as a whole has not passed, either.
      if (problem || packet.instances.length > 0) tally.add(packet.title, problem)
    }
  }
  return counts
}

function firstProblem (instances) {
  const failed = instances.find(instance => instance.problem !== undefined)
  return failed && `${failed.problem}\n    ${failed.payload?.toString('hex').slice(0, 400)}`
}

/// Instances of a packet, as the oracle writes them, and what midwire should make of them.
function instances (place, values, { name, type }, avoid) {
  const mapping = new Mapping(place)
  const made = []
  try {
    for (const params of values.instances(type, INSTANCES_LEAST, avoid)) {
      const instance = { name, params }
      made.push(instance)
      instance.payload = place.serialize(name, params)
      instance.expected = mapping.fields(name, params)
      const again = place.parse(instance.payload)
      const back = mapping.fields(name, again.params ?? {})
      const lost = json.difference(instance.expected, back)
      if (lost) instance.problem = `the oracle does not read what it wrote: ${lost}`
    }
  } catch (e) {
    if (made.length === 0) made.push({ name })
    made.at(-1).problem = `no instance: ${e.message}`
  }
  return made
}

async function bothWays (place, all) {
  const sound = all.filter(instance => instance.problem === undefined)
  const decoded = await midwire.decode(place, sound.map(instance => instance.payload))
  const encoded = await midwire.encode(place,
    sound.map(({ name, expected }) => ({ name, fields: expected })))
  sound.forEach((instance, i) => {
    instance.problem = wrong(instance, decoded[i]) ?? unequal(place, instance, encoded[i])
  })
}

function wrong ({ name, expected }, line) {
  if (line.name !== name) return `read as ${line.name}`
  if (line.error) return `error at ${line.error.field}: ${line.error.message}`
  if (line.rest !== undefined) return `left over: ${line.rest.slice(0, 80)}`
  return json.difference(expected, line.fields)
}

function unequal (place, { name, payload, expected }, made) {
  if (made instanceof Error) return `encoded: ${made.message}`
  if (made.equals(payload)) return undefined
  const read = place.parse(made)
  const fields = new Mapping(place).fields(name, read.params ?? {})
  const difference = json.difference(expected, fields)
  if (difference) return `encoded: ${difference}`
  // Two packers need not make the same of the same content.
  return place.packs ? undefined : 'encoded: other bytes'
}

module.exports = { check }
