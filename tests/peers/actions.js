// One version: minecraft-protocol at both ends, and between them midwire with a rule for each action; to hide is in
// rules.js, as chat has its own ways. What the receiving end sees of every message is compared with the bytes that it
// has to be. Reports each step to run.js.

'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const data = require('minecraft-data')
const minecraft = require('minecraft-protocol')

const { Midwire } = require('./midwire')
const { step, run } = require('./steps')
const { event, within } = require('./wait')

/// What comes last by then: far more than it takes to send everything.
const UNORDERED_MS = 3000

const RULES = `
  set both custom_payload where channel == "mw:set": channel = "mw:was_set"
  replace both custom_payload channel "red" with "green"
  drop both custom_payload where channel == "mw:drop"
  disconnect "go to bed" serverbound custom_payload where channel == "mw:bye"
  pass both custom_payload where channel == "mw:pass"
  drop both custom_payload where channel == "mw:pass"
  duplicate both custom_payload where channel == "mw:twice"
  delay 300ms both custom_payload where channel == "mw:late"
  delay ${UNORDERED_MS}ms unordered both custom_payload where channel == "mw:loose"
  mark red both custom_payload where channel == "mw:mark"
  log both custom_payload where channel == "mw:log": channel
  count counted both custom_payload where channel == "mw:count"
  send clientbound custom_payload { channel: "mw:sent", data: hex "01 02" } before clientbound custom_payload where channel == "mw:before"
  send serverbound custom_payload { channel: "mw:sent", data: hex "01 02" } before serverbound custom_payload where channel == "mw:before"
  send clientbound custom_payload { channel: "mw:sent", data: hex "03" } after clientbound custom_payload where channel == "mw:after"
  send serverbound custom_payload { channel: "mw:sent", data: hex "03" } after serverbound custom_payload where channel == "mw:after"
`

/// What is sent, and what has to come of it, as channels; those that are sent by rules with their data.
const MESSAGES = [
  ['plain', ['plain']],
  ['set', ['was_set']],
  ['red_red', ['green_green']],
  ['drop', []],
  ['pass', ['pass']],
  ['twice', ['twice', 'twice']],
  ['late', ['late']],
  ['behind', ['behind']],
  ['loose', []],
  ['mark', ['mark']],
  ['log', ['log']],
  ['count', ['count']],
  ['before', [{ channel: 'sent', data: Buffer.from([1, 2]) }, 'before']],
  ['after', ['after', { channel: 'sent', data: Buffer.from([3]) }]],
  ['last', ['last']]
]
/// What was not to keep its place comes when its time has.
const LAST = 'loose'

/// Of several sizes: compressed ones, and such that are not.
function dataOf (n) {
  return Buffer.alloc(n % 2 === 0 ? 40 : 3000, n + 1)
}

/// The bytes of a message as its sender would write them.
function bytesOf (end, channel, data) {
  return end.serializer.createPacketBuffer({ name: 'custom_payload', params: { channel: `mw:${channel}`, data } })
    .toString('hex')
}

function expected (end) {
  const all = MESSAGES.flatMap(([, come], n) => come.map(what => typeof what === 'string'
    ? bytesOf(end, what, dataOf(n))
    : bytesOf(end, what.channel, what.data)))
  const loose = MESSAGES.findIndex(([channel]) => channel === LAST)
  return [...all, bytesOf(end, LAST, dataOf(loose))]
}

/// The bytes of all messages that an end gets, once the last of them has come.
function received (end) {
  const got = []
  return within('the last message', new Promise(resolve => {
    end.on('packet', (data, meta, body, bytes) => {
      if (meta.name !== 'custom_payload' || !data.channel.startsWith('mw:')) return
      got.push(Buffer.from(bytes).toString('hex'))
      if (data.channel === `mw:${LAST}`) resolve(got)
    })
  }))
}

async function main (version) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'midwire-actions-'))
  const rules = path.join(folder, 'actions.rules')
  fs.writeFileSync(rules, RULES)
  const server = minecraft.createServer({
    host: '127.0.0.1', port: 0, version, 'online-mode': false, hideErrors: true, checkTimeoutInterval: 600_000,
    keepAlive: false
  })
  await event(server, 'listening')
  const midwire = await Midwire.start(server.socketServer.address().port, ['--rules', rules])
  const joined = event(server, 'playerJoin')
  const client = minecraft.createClient({
    host: '127.0.0.1', port: midwire.port, version, username: 'Alva', auth: 'offline', hideErrors: true,
    keepAlive: false
  })
  const trouble = new Promise((resolve, reject) => {
    client.on('error', reject)
    client.on('disconnect', reason => reject(new Error(`refused: ${JSON.stringify(reason)}`)))
  })
  trouble.catch(() => {}) // Each step sees it by its own race.
  const untilTrouble = promise => Promise.race([promise, trouble])
  let player
  await step('a client joins through midwire with a rule for each action', () => untilTrouble(async function () {
    player = await joined
    if (client.state !== 'play') await event(client, 'state', state => state === 'play')
  }()))
  let got
  await step('messages go both ways', () => untilTrouble(async function () {
    const all = Promise.all([received(player), received(client)])
    MESSAGES.forEach(([channel], n) => {
      for (const end of [client, player]) end.write('custom_payload', { channel: `mw:${channel}`, data: dataOf(n) })
    })
    got = await all
  }()))
  await step('the server sees exactly the bytes that the rules make', () => assert.deepEqual(got[0], expected(client)))
  await step('the client sees exactly the bytes that the rules make', () => assert.deepEqual(got[1], expected(player)))
  let lines = []
  await step('a rule that disconnects sends exactly the bytes of the game', async () => {
    const told = within('the last packet', new Promise(resolve => {
      client.on('packet', (data, meta, body, bytes) => {
        if (meta.name === 'kick_disconnect') resolve(Buffer.from(bytes).toString('hex'))
      })
    }))
    client.write('custom_payload', { channel: 'mw:bye', data: dataOf(0) })
    const bytes = await told
    // A component in JSON, or in NBT from 1.20.3 on.
    const isNbt = data(version).version['>=']('1.20.3')
    const reason = isNbt
      ? { type: 'compound', name: '', value: { text: { type: 'string', value: 'go to bed' } } }
      : JSON.stringify({ text: 'go to bed' })
    const packet = player.serializer.createPacketBuffer({ name: 'kick_disconnect', params: { reason } })
    assert.equal(bytes, packet.toString('hex'))
  })
  await step('midwire ends on ctrl-c', async () => {
    client.end('done')
    lines = await midwire.stop()
  })
  await step('what marks, logs and counts has done so', () => {
    const payloads = lines.filter(line => line.type === 'packet' && line.name === 'custom_payload')
    const at = channel => payloads.filter(line => line.fields?.channel === `mw:${channel}`)
    assert.equal(at('mark').length, 2)
    for (const line of at('mark')) assert.match(JSON.stringify(line), /red/)
    for (const line of at('log')) assert.match(JSON.stringify(line), /actions\.rules:\d+/)
    assert.match(midwire.diagnostics, /counted/)
  })
  fs.rmSync(folder, { recursive: true })
  server.close()
}

run(() => main(process.argv[2]))
