// Recorded sessions (captures/minecraft): every packet, both directions, against what the end points
// logged: names, lengths, and the values of every field.
//
//   MIDWIRE=path/to/midwire node recordings.js [NAME...]

'use strict'

const crypto = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')
const zlib = require('node:zlib')

const midwire = require('./midwire')
const json = require('./json')
const { places } = require('./protocol')
const { Mapping } = require('./mapping')
const { frames } = require('./frames')
const { Tally } = require('./tally')

const FOLDER = path.join(__dirname, '../../../captures/minecraft')

// One of these was sent malformed: the server's library left out the 0 in front of a sound given by
// name, so that ten bytes are left over.
const MALFORMED = 'mc-1.21.4-offline play clientbound sound_effect'

const STATES = { handshaking: 'handshake' }
const DIRECTIONS = { c2s: 'serverbound', s2c: 'clientbound' }

const lines = file => {
  const bytes = fs.readFileSync(path.join(FOLDER, file))
  const text = (file.endsWith('.gz') ? zlib.gunzipSync(bytes) : bytes).toString()
  return text.split('\n').filter(line => line !== '').map(line => JSON.parse(line))
}

/// What the end points received, by the hash of the payload.
function truths (name) {
  const found = new Map()
  for (const line of lines(`${name}.truth.jsonl.gz`)) {
    if (line.act !== 'recv') continue
    const direction = DIRECTIONS[line.dir]
    found.set(`${direction} ${line.sha}`, { ...line, direction, state: STATES[line.state] ?? line.state })
  }
  return found
}

/// The payloads of a recording, decrypted and decompressed, in both directions.
function payloads (name) {
  const keys = fs.existsSync(path.join(FOLDER, `${name}.keys.jsonl`))
    ? Buffer.from(lines(`${name}.keys.jsonl`)[0].client_secret_hex, 'hex')
    : undefined
  const streams = new Map()
  for (const { conn, ev, dir, b64 } of lines(`${name}.stream.jsonl.gz`)) {
    if (ev !== 'data') continue
    if (!streams.has(conn)) streams.set(conn, { c2s: [], s2c: [] })
    streams.get(conn)[dir].push(Buffer.from(b64, 'base64'))
  }
  return [...streams.values()].flatMap(stream => frames(stream, keys))
}

/// Values as the log has them: of bytes and long lists, the hash.
function logged (value) {
  if (typeof value === 'bigint') return { $i64: value.toString() }
  if (typeof value === 'number' && !Number.isFinite(value)) return { $f: String(value) }
  if (Buffer.isBuffer(value)) {
    if (value.length <= 64) return { $hex: value.toString('hex') }
    return { $len: value.length, $sha256: hash(value) }
  }
  if (Array.isArray(value)) {
    const all = Array.from(value, logged)
    return all.length > 512 ? { $items: all.length, $sha256: hash(JSON.stringify(all)) } : all
  }
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, logged(v)]))
}

const hash = data => crypto.createHash('sha256').update(data).digest('hex')

async function check (name, tally) {
  const version = /^mc-([^-]+)-/.exec(name)[1]
  const truth = truths(name)
  const groups = new Map()
  for (const { direction, payload } of payloads(name)) {
    const found = truth.get(`${direction} ${hash(payload).slice(0, 32)}`)
    // A packet at the very end may have come when its end point had gone.
    if (found === undefined) {
      tally.unlogged++
      continue
    }
    const key = `${found.state} ${direction}`
    if (!groups.has(key)) groups.set(key, [])
    groups.get(key).push({ truth: found, payload })
  }
  let packets = 0
  for (const [key, group] of groups) {
    const place = places(version).find(place => `${place.state} ${place.direction}` === key)
    const decoded = await midwire.decode(place, group.map(({ payload }) => payload))
    group.forEach(({ truth, payload }, i) => {
      packets++
      const title = `${name} ${key} ${truth.name}`
      const problem = wrong(place, truth, payload, decoded[i])
      if (title === MALFORMED && problem?.startsWith('left over')) tally.malformed++
      else tally.add(title, problem)
    })
  }
  console.log(`${name.padEnd(22)} ${String(packets).padStart(5)} packets`)
}

function wrong (place, truth, payload, line) {
  if (line.name !== truth.name) return `read as ${line.name}`
  if (line.length !== truth.len) return `${truth.len} bytes, read as ${line.length}`
  if (line.error) return `error at ${line.error.field}: ${line.error.message}`
  if (line.rest !== undefined) return `left over: ${line.rest.slice(0, 80)}`
  // The log has hashes of what is long: the oracle's reading, which must have the same, has all of it.
  const { params } = place.parse(payload)
  const logs = json.difference(truth.params ?? {}, JSON.parse(JSON.stringify(logged(params ?? {}))))
  if (logs) return `the log has ${logs}`
  return json.difference(new Mapping(place).fields(truth.name, params ?? {}), line.fields)
}

async function main (wanted) {
  const tally = new Tally()
  Object.assign(tally, { unlogged: 0, malformed: 0 })
  const all = fs.readdirSync(FOLDER).filter(file => file.endsWith('.truth.jsonl.gz'))
    .map(file => file.replace('.truth.jsonl.gz', ''))
  for (const name of wanted.length > 0 ? wanted : all) await check(name, tally)
  console.log(`${tally.malformed} was sent malformed, ${tally.unlogged} are in no log`)
  return tally.end()
}

main(process.argv.slice(2)).then(code => { process.exitCode = code })
