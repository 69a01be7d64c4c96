// One version: what a player sees when the server is down, and when it is killed in play and while it
// configures. Reports each step to run.js.

'use strict'

const assert = require('node:assert/strict')
const { fork } = require('node:child_process')
const net = require('node:net')
const path = require('node:path')

const mineflayer = require('mineflayer')
const minecraft = require('minecraft-protocol')
const supportFeature = version => require('minecraft-data')(version).supportFeature

const { Midwire } = require('./midwire')
const { within, event } = require('./wait')
const { step, run } = require('./steps')
const { legacyPing, legacyMotd, LEGACY_PINGS } = require('./legacy')

async function main (version) {
  const nobody = await freePort()
  const down = await Midwire.start(nobody)
  const refused = `midwire: cannot reach 127.0.0.1:${nobody}: connection refused`

  await step('with the server down, the server list says so', async () => {
    const ping = minecraft.ping({ host: '127.0.0.1', port: down.port, version })
    const answer = await within('answer to the ping', ping)
    assert.equal(answer.description.text, refused)
    assert.equal(answer.version.protocol, require('minecraft-data')(version).version.version)
    assert.deepEqual(answer.players, { max: 0, online: 0 })
    assert.ok(answer.latency >= 0)
  })
  for (const [form, request] of Object.entries(LEGACY_PINGS)) {
    await step(`with the server down, a legacy ping (${form}) says so`, async () => {
      assert.equal(legacyMotd(await legacyPing(down.port, request)), refused)
    })
  }
  await step('with the server down, a bot that joins is told', async () => {
    const bot = player(version, down.port)
    const [reason, loggedIn] = await kicked(bot)
    assert.equal(words(reason), refused)
    assert.equal(loggedIn, false)
    await down.stop()
  })

  await step('a bot whose server is killed in play is told', async () => {
    const server = await start(version)
    const midwire = await Midwire.start(server.port)
    const bot = player(version, midwire.port)
    const told = kicked(bot)
    await event(bot, 'spawn')
    server.child.kill('SIGKILL')
    const [reason, loggedIn] = await told
    assert.match(words(reason), new RegExp(`^midwire: .*127.0.0.1:${server.port} `))
    assert.equal(loggedIn, true)
    checkFarewell(await midwire.stop(), 'play', 'kick_disconnect')
  })

  if (supportFeature(version)('hasConfigurationState')) {
    await step('a client whose server is killed while it configures is told', async () => {
      const server = await start(version, 'configuration')
      const midwire = await Midwire.start(server.port)
      const client = minecraft.createClient({
        host: '127.0.0.1', port: midwire.port, version, username: 'Alva', auth: 'offline'
      })
      client.on('error', () => {})
      const told = event(client, 'disconnect')
      await server.reached
      server.child.kill('SIGKILL')
      assert.match(words((await told).reason), /^midwire: /)
      checkFarewell(await midwire.stop(), 'configuration', 'disconnect')
    })
  }

  await step('a bot whose server says goodbye hears nothing else', async () => {
    const server = await start(version)
    const midwire = await Midwire.start(server.port)
    const bot = player(version, midwire.port)
    await event(bot, 'spawn')
    const ended = event(bot, 'end')
    bot.quit()
    await ended
    server.child.kill('SIGKILL')
    const said = (await midwire.stop()).filter(line => line.origin === 'midwire')
    assert.deepEqual(said, [])
  })
}

/// Fails unless midwire has injected this packet, once, as the last one.
function checkFarewell (log, state, name) {
  const last = log.filter(line => line.type === 'packet' && line.direction === 'clientbound').at(-1)
  assert.deepEqual([last.origin, last.state, last.name], ['midwire', state, name])
  assert.equal(log.filter(line => line.origin === 'midwire').length, 1)
}

function player (version, port) {
  const bot = mineflayer.createBot({
    host: '127.0.0.1', port, version, username: 'Alva', auth: 'offline', hideErrors: true
  })
  bot.on('error', () => {})
  return bot
}

function kicked (bot) {
  return within("event 'kicked'", new Promise(resolve => {
    bot.on('kicked', (reason, loggedIn) => resolve([reason, loggedIn]))
  }))
}

/// The words of a reason: JSON, or NBT as minecraft-protocol gives it.
function words (reason) {
  const component = typeof reason === 'string' ? JSON.parse(reason) : reason
  return component.value?.text?.value ?? component.text
}

/// A server in a process of its own.
async function start (version, mode = 'play') {
  const child = fork(path.join(__dirname, 'server.js'), [version, mode], { silent: true })
  process.on('exit', () => child.kill('SIGKILL'))
  const reached = event(child, 'message', message => message.reached)
  reached.catch(() => {}) // Of interest only where it is waited for.
  const { port } = await event(child, 'message', message => message.port)
  return { child, port, reached }
}

async function freePort () {
  const server = net.createServer().listen(0, '127.0.0.1')
  await event(server, 'listening')
  const { port } = server.address()
  await new Promise(resolve => server.close(resolve))
  return port
}

const [version] = process.argv.slice(2)
run(() => main(version))
