// A flying-squid server. As a process of its own (forked with a version) it tells its port, and can be killed.
// With `configuration` behind the version it is a server that never comes to an end with configuring.

'use strict'

const flyingSquid = require('flying-squid')
const minecraft = require('minecraft-protocol')
const { event } = require('./wait')

const MOTD = 'midwire peers'

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

/// A server whose clients stay in configuration; `reached` is called when one is there.
async function startConfiguring (version, reached) {
  const server = minecraft.createServer({
    version, host: '127.0.0.1', port: 0, 'online-mode': false, keepAlive: false
  })
  server.on('connection', client => {
    const write = client.write
    client.write = (name, params) => {
      if (name === 'finish_configuration') reached()
      else write.call(client, name, params)
    }
  })
  await event(server, 'listening')
  return server.socketServer.address().port
}

async function main (version, mode) {
  const tell = message => process.send(message)
  const port = mode === 'configuration'
    ? await startConfiguring(version, () => tell({ reached: true }))
    : (await startServer(version)).listeningPort
  tell({ port })
  process.on('disconnect', () => process.exit(0))
}

if (require.main === module) main(...process.argv.slice(2))

module.exports = { MOTD, startServer }
