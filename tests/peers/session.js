// One version: a flying-squid server, midwire before it, a list ping of every age, and a mineflayer
// bot that joins, chats, walks and leaves. Reports each step to run.js.

'use strict'

const assert = require('node:assert/strict')
const net = require('node:net')

const flyingSquid = require('flying-squid')
const mineflayer = require('mineflayer')
const minecraft = require('minecraft-protocol')
const supportFeature = version => require('minecraft-data')(version).supportFeature

const { Midwire } = require('./midwire')
const { within, event } = require('./wait')
const log = require('./log')

const MOTD = 'midwire peers'
const TO_SERVER = 'hello, server: åß☃'
const TO_CLIENT = 'hello, client: åß☃'

const LEGACY_PINGS = {
  FE: Buffer.from('fe', 'hex'),
  'FE 01': Buffer.from('fe01', 'hex'),
  'FE 01 FA with a host': legacyPingWithHost('127.0.0.1', 25565)
}

async function main (version, direct) {
  const server = await startServer(version)
  const midwire = direct ? null : await Midwire.start(server.listeningPort)
  const port = direct ? server.listeningPort : midwire.port

  await step('a server list ping is answered', async () => {
    const ping = minecraft.ping({ host: '127.0.0.1', port, version })
    const answer = await within('answer to the ping', ping)
    assert.equal(answer.version.name, version)
    assert.equal(answer.description.text, MOTD)
  })
  for (const [form, request] of Object.entries(LEGACY_PINGS)) {
    await step(`a legacy ping (${form}) is answered`, async () => {
      const wanted = await legacyPing(server.listeningPort, request)
      assert.ok(wanted.subarray(3).swap16().toString('utf16le').includes(MOTD))
      wanted.subarray(3).swap16()
      assert.deepEqual(await legacyPing(port, request), wanted)
    })
  }

  const joined = event(server, 'newPlayer')
  const bot = mineflayer.createBot({
    host: '127.0.0.1', port, version, username: 'Alva', auth: 'offline', hideErrors: true
  })
  const trouble = new Promise((resolve, reject) => {
    bot.on('error', reject)
    bot.on('kicked', reason => reject(new Error(`kicked: ${JSON.stringify(reason)}`)))
  })
  trouble.catch(() => {}) // Each step sees it by its own race.
  const untilTrouble = promise => Promise.race([promise, trouble])

  let player
  await step('a bot joins and spawns', () => untilTrouble(async function () {
    const spawned = event(bot, 'spawn')
    player = await joined
    await spawned
    assert.equal(player.username, 'Alva')
  }()))
  await step('the server sees what the bot says', () => untilTrouble(async function () {
    const heard = event(player, 'chat', ({ message }) => message === TO_SERVER)
    bot.chat(TO_SERVER)
    await heard
  }()))
  await step('the bot sees what the server says', () => untilTrouble(async function () {
    const heard = event(bot, 'messagestr', text => text.includes(TO_CLIENT))
    server.broadcast(TO_CLIENT)
    await heard
  }()))
  await step('the bot walks, at the server too', () => untilTrouble(async function () {
    const start = player.position.clone()
    const walked = event(player, 'move', () => {
      const { x, z } = player.position
      return Math.hypot(x - start.x, z - start.z) >= 3
    })
    bot.setControlState('forward', true)
    await walked
    bot.clearControlStates()
    const { x, z } = bot.entity.position
    assert.ok(Math.hypot(x - start.x, z - start.z) >= 3)
  }()))
  await step('the bot leaves', async () => {
    const left = event(player, 'disconnected')
    const ended = event(bot, 'end')
    bot.quit()
    await Promise.all([left, ended])
  })
  if (!direct) await inspect(midwire, version)
}

/// What midwire says of the session it has just relayed.
async function inspect (midwire, version) {
  let lines = []
  await step('midwire ends on ctrl-c', async () => { lines = await midwire.stop() })
  await step('the log names the packets of the session', () => {
    log.checkNames(lines, supportFeature(version)('hasConfigurationState'))
  })
  await step('the log has no packet without a name', () => log.checkKnown(lines))
  await step('every packet before play could be read', () => log.checkRead(lines))
}

async function startServer (version) {
  const server = flyingSquid.createMCServer({
    version,
    host: '127.0.0.1',
    port: 0,
    motd: MOTD,
    'max-players': 5,
    'online-mode': false,
    logging: false,
    gameMode: 0,
    difficulty: 0,
    generation: { name: 'superflat', options: {} },
    kickTimeout: 60_000,
    plugins: {},
    modpe: false,
    'view-distance': 2,
    'player-list-text': { header: { text: 'midwire' }, footer: { text: 'peers' } },
    'everybody-op': false,
    'max-entities': 10
  })
  await event(server, 'ready')
  return server
}

/// Sends a ping of Minecraft 1.6 or older and gives the whole answer.
function legacyPing (port, request) {
  return within('answer to the legacy ping', new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(request))
    let answer = Buffer.alloc(0)
    socket.on('data', data => {
      answer = Buffer.concat([answer, data])
      // FF, a 16-bit count of UTF-16 units, the units.
      if (answer.length < 3 || answer.length < 3 + 2 * answer.readUInt16BE(1)) return
      socket.destroy()
      resolve(answer)
    })
    socket.on('error', reject)
    socket.on('end', () => reject(new Error(`the connection ended after ${answer.length} bytes`)))
  }))
}

/// The form of Minecraft 1.6: a plugin message with protocol number, host and port.
function legacyPingWithHost (host, port) {
  const text = string => {
    const units = Buffer.from(string, 'utf16le').swap16()
    const count = Buffer.alloc(2)
    count.writeUInt16BE(string.length)
    return Buffer.concat([count, units])
  }
  const data = Buffer.concat([Buffer.from([74]), text(host), Buffer.alloc(4)])
  data.writeInt32BE(port, data.length - 4)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(data.length)
  return Buffer.concat([Buffer.from([0xfe, 0x01, 0xfa]), text('MC|PingHost'), length, data])
}

let failed = false

/// Does and reports one step; what follows a failed one is reported as not reached.
async function step (name, work) {
  let error = failed ? 'not reached' : undefined
  if (!failed) {
    try {
      await work()
    } catch (e) {
      error = e.stack ?? String(e)
      failed = true
    }
  }
  await new Promise(resolve => process.send({ step: name, error }, resolve))
}

function end (code) {
  // Servers and bots keep timers that never end by themselves.
  process.send({ over: true }, () => process.exit(code))
}

process.on('SIGTERM', () => process.exit(1))
const [version, mode] = process.argv.slice(2)
main(version, mode === '--direct').then(
  () => end(failed ? 1 : 0),
  e => {
    failed = false
    step('the session goes on to its end', () => { throw e }).then(() => end(1))
  }
)
