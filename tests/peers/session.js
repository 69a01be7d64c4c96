// One version: a flying-squid server, midwire before it, a list ping of every age, and a mineflayer
// bot that joins, chats, walks and leaves. Reports each step to run.js.

'use strict'

const assert = require('node:assert/strict')

const mineflayer = require('mineflayer')
const minecraft = require('minecraft-protocol')
const supportFeature = version => require('minecraft-data')(version).supportFeature

const { Midwire } = require('./midwire')
const { within, event } = require('./wait')
const { step, run } = require('./steps')
const { MOTD, startServer } = require('./server')
const { legacyPing, LEGACY_PINGS } = require('./legacy')
const log = require('./log')

const TO_SERVER = 'hello, server: åß☃'
const TO_CLIENT = 'hello, client: åß☃'

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

const [version, mode] = process.argv.slice(2)
run(() => main(version, mode === '--direct'))
