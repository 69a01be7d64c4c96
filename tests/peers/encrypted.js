// One version: minecraft-protocol at both ends in online mode, and between them midwire, which stands in the
// middle of the encrypted login. Reports each step to run.js.

'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const yggdrasil = require('yggdrasil')

// The session service: whoever asks is told that the client is who it says it is.
yggdrasil.server = () => ({
  hasJoined: (name, serverId, secret, key, done) => done(null, { id: '0'.repeat(32), name }),
  join: (token, profile, serverId, secret, key, done) => done(null)
})

const minecraft = require('minecraft-protocol')

const { Midwire } = require('./midwire')
const { step, run } = require('./steps')
const { event, within } = require('./wait')

const MESSAGES = 30
const CHANGED = 10

/// Keeps the plain bytes of all packets that an end sends and gets.
function watch (end) {
  const seen = { sent: [], got: [] }
  let state = end.state
  const listen = () => {
    state = end.state
    const at = state
    end.serializer.on('data', bytes => seen.sent.push(at + ' ' + Buffer.from(bytes).toString('hex')))
  }
  listen()
  end.on('state', listen)
  end.on('packet', (data, meta, body, bytes) => {
    seen.got.push(meta.state + ' ' + Buffer.from(bytes).toString('hex'))
  })
  return seen
}

/// Payloads of all sizes: compressed ones, and such that are not.
function message (n) {
  return Buffer.alloc(n * n * 7, `${n} `)
}

async function session (version, midwire, server) {
  const joined = event(server, 'playerJoin')
  const atServer = new Promise(resolve => {
    server.once('connection', end => resolve({ end, seen: watch(end) }))
  })
  const client = minecraft.createClient({
    host: '127.0.0.1', port: midwire.port, version, username: 'Alva', auth: 'offline', hideErrors: true,
    keepAlive: false
  })
  const atClient = watch(client)
  const trouble = new Promise((resolve, reject) => {
    client.on('error', reject)
    client.on('disconnect', reason => reject(new Error(`refused: ${JSON.stringify(reason)}`)))
  })
  trouble.catch(() => {}) // Each step sees it by its own race.
  const untilTrouble = promise => Promise.race([promise, trouble])
  let player, other
  await step('a client logs in, encrypted on both sides', () => untilTrouble(async function () {
    player = await joined
    other = (await atServer).seen
    if (client.state !== 'play') {
      await event(client, 'state', state => state === 'play')
    }
    assert.ok(client.cipher && player.cipher)
  }()))
  await step('messages of all sizes go both ways', () => untilTrouble(async function () {
    const got = { client: 0, player: 0 }
    const all = within('all messages', new Promise(resolve => {
      for (const [name, end] of Object.entries({ client, player })) {
        end.on('custom_payload', ({ channel, data }) => {
          if (!channel.startsWith('mw:')) return
          got[name]++
          assert.equal(data.toString('hex'), message(Number(/\d+$/.exec(channel)[0])).toString('hex'))
          if (got.client === MESSAGES && got.player === MESSAGES) resolve()
        })
      }
    }))
    for (let n = 0; n < MESSAGES; n++) {
      client.write('custom_payload', { channel: `mw:up${n}`, data: message(n) })
      player.write('custom_payload', { channel: `mw:down${n}`, data: message(n) })
    }
    await all
  }()))
  await step('the client leaves', async () => {
    const left = event(player, 'end')
    client.end('done')
    await left
  })
  return { client: atClient, server: other }
}

/// All but the packets in which the keys are others.
function withoutKeys (packets) {
  return packets.filter(packet => !/^login 01/.test(packet))
}

function same (sent, got) {
  assert.deepEqual(withoutKeys(got).map(brief), withoutKeys(sent).map(brief))
  assert.deepEqual(withoutKeys(got), withoutKeys(sent))
  assert.equal(sent.length, got.length)
}

function brief (packet) {
  return `${packet.slice(0, 30)} (${packet.length})`
}

function checkLog (lines, seen, direction) {
  const packets = lines.filter(line => line.type === 'packet' && line.direction === direction)
  assert.deepEqual(packets.filter(line => line.name === null), [])
  assert.deepEqual(packets.filter(line => line.error !== undefined && line.state !== 'play'), [])
  const states = { handshaking: 'handshake' }
  const expected = seen.map(packet => {
    const [state, bytes] = packet.split(' ')
    return `${states[state] ?? state} ${bytes.length / 2}`
  })
  assert.deepEqual(packets.map(line => `${line.state} ${line.length}`), expected)
}

async function main (version) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'midwire-encrypted-'))
  const rules = path.join(folder, 'change.rules')
  fs.writeFileSync(rules, `
    set clientbound custom_payload where channel == "mw:down${CHANGED}": channel = "mw:changed${CHANGED}"
    set serverbound custom_payload where channel == "mw:up${CHANGED}": channel = "mw:changed${CHANGED}"
  `)
  const server = minecraft.createServer({
    host: '127.0.0.1', port: 0, version, 'online-mode': true, hideErrors: true, checkTimeoutInterval: 600_000,
    keepAlive: false
  })
  await event(server, 'listening')
  const port = server.socketServer.address().port
  for (const changes of [false, true]) {
    const midwire = await Midwire.start(port,
      ['--encryption', 'read', ...(changes ? ['--rules', rules] : [])])
    const seen = await session(version, midwire, server)
    let lines = []
    await step('midwire ends on ctrl-c', async () => { lines = await midwire.stop() })
    await step('the log says that packets are read', () => {
      const said = lines.filter(line => /encrypted from here/.test(line.message ?? ''))
      assert.deepEqual(said.map(line => line.message), ['encrypted from here, and read'])
    })
    await step('all packets are in the log, named, by what the ends saw', () => {
      checkLog(lines, seen.client.sent, 'serverbound')
      checkLog(lines, seen.server.sent, 'clientbound')
    })
    if (!changes) {
      await step('every packet has the same plain bytes at both ends', () => {
        same(seen.client.sent, seen.server.got)
        same(seen.server.sent, seen.client.got)
      })
    } else {
      await step('one packet of each direction was changed, and no other', () => {
        for (const [sent, got] of [[seen.client.sent, seen.server.got], [seen.server.sent, seen.client.got]]) {
          const differs = withoutKeys(sent).filter((packet, n) => packet !== withoutKeys(got)[n])
          assert.equal(differs.length, 1, differs.map(brief).join('\n'))
          assert.equal(sent.length, got.length)
        }
        const changed = lines.filter(line => line.fate === 'changed').map(line => line.name)
        assert.equal(changed.filter(name => name === 'custom_payload').length, 2)
      })
    }
  }
  fs.rmSync(folder, { recursive: true })
  server.close()
}

const [version] = process.argv.slice(2)
run(() => main(version))
