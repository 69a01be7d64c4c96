// One version: a flying-squid server and a mineflayer bot, and between them midwire with rules that a
// person edits meanwhile. Reports each step to run.js.

'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const mineflayer = require('mineflayer')

const { Midwire } = require('./midwire')
const { startServer } = require('./server')
const { step, run } = require('./steps')
const { event } = require('./wait')

/// The words of a chat component in the form of a version: a rule that sends a line of chat.
function greeting (version, text) {
  const [, minor, patch = 0] = version.split('.').map(Number)
  if (minor < 16) {
    return `send clientbound chat { message: '{"text":"${text}"}', position: 1 }`
  }
  if (minor < 19) {
    return `send clientbound chat { message: '{"text":"${text}"}', position: 1 }`
  }
  const isNbt = minor > 20 || (minor === 20 && patch >= 3)
  const content = isNbt ? `"${text}"` : `'{"text":"${text}"}'`
  return `send clientbound system_chat { content: ${content}, is_action_bar: false }`
}

async function main (version) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'midwire-rules-'))
  const file = path.join(folder, 'live.rules')
  const save = text => {
    // As editors do: a new file takes the place of the old one.
    fs.writeFileSync(`${file}.new`, text)
    fs.renameSync(`${file}.new`, file)
  }
  save(`
    replace clientbound group:chat text "gold" with "mud"
    drop serverbound group:chat where text startswith "secret"
    replace serverbound group:chat text "hullo" with "hello"
    hide clientbound group:chat where text contains "psst"
    ${greeting(version, 'echo of midwire')} after clientbound group:chat where text contains "cave"
    both_counted: count lines both group:chat
  `)
  const server = await startServer(version)
  const midwire = await Midwire.start(server.listeningPort, ['--rules', file])
  const joined = event(server, 'newPlayer')
  const bot = mineflayer.createBot({
    host: '127.0.0.1', port: midwire.port, version, username: 'Alva', auth: 'offline', hideErrors: true
  })
  const trouble = new Promise((resolve, reject) => {
    bot.on('error', reject)
    bot.on('kicked', reason => reject(new Error(`kicked: ${JSON.stringify(reason)}`)))
  })
  trouble.catch(() => {}) // Each step sees it by its own race.
  const untilTrouble = promise => Promise.race([promise, trouble])
  const seen = []
  bot.on('messagestr', text => seen.push(text))

  let player
  await step('a bot joins through midwire with rules', () => untilTrouble(async function () {
    const spawned = event(bot, 'spawn')
    player = await joined
    await spawned
  }()))
  const said = []
  player?.on('chat', ({ message }) => said.push(message))
  await step('a line of chat is rewritten for the bot', () => untilTrouble(async function () {
    const heard = event(bot, 'messagestr', text => text.includes('of mud'))
    server.broadcast('a pot of gold')
    assert.ok((await heard).includes('a pot of mud'))
  }()))
  await step('a line of chat is rewritten for the server', () => untilTrouble(async function () {
    const heard = event(player, 'chat', ({ message }) => message === 'hello there')
    bot.chat('hullo there')
    await heard
  }()))
  await step('a line that is dropped does not reach the server', () => untilTrouble(async function () {
    const heard = event(player, 'chat', ({ message }) => message === 'after it')
    bot.chat('secret words')
    bot.chat('after it')
    await heard
    assert.deepEqual(said.filter(line => line.startsWith('secret')), [])
  }()))
  await step('a line that is hidden is not seen by the bot', () => untilTrouble(async function () {
    const heard = event(bot, 'messagestr', text => text.includes('no longer'))
    server.broadcast('psst, a word')
    server.broadcast('no longer')
    await heard
    assert.deepEqual(seen.filter(text => text.includes('psst')), [])
  }()))
  await step('a packet that is sent reaches the bot behind its cause', () => untilTrouble(async function () {
    const heard = event(bot, 'messagestr', text => text.includes('echo of midwire'))
    server.broadcast('into the cave')
    await heard
    const cause = seen.findIndex(text => text.includes('into the cave'))
    assert.ok(seen[cause + 1].includes('echo of midwire'), seen.join('\n'))
  }()))
  await step('a file that is saved counts at once', () => untilTrouble(async function () {
    save('replace clientbound group:chat text "gold" with "glitter"\n')
    await midwire.line('a notice of the new rules', line => /rules were read/.test(line.message ?? ''))
    const heard = event(bot, 'messagestr', text => text.includes('of glitter'))
    server.broadcast('a pot of gold')
    await heard
  }()))
  await step('a file that is wrong changes nothing', () => untilTrouble(async function () {
    save('replace clientbound group:chat txet "gold" with "dust"\n')
    await midwire.line('the error', line => /are active/.test(line.message ?? ''))
    const heard = event(bot, 'messagestr', text => text.includes('of glitter'))
    server.broadcast('a pot of gold')
    await heard
  }()))
  await step('a rule that disconnects tells the bot why', async () => {
    save('disconnect "go to bed" serverbound group:chat where text == "five more minutes"\n')
    await midwire.line('a notice of the new rules',
      line => /nothing is wrong with them any more/.test(line.message ?? ''))
    const kicked = event(bot, 'kicked', reason => JSON.stringify(reason).includes('go to bed'))
    bot.chat('five more minutes')
    await kicked
  })
  let lines = []
  await step('midwire ends on ctrl-c', async () => { lines = await midwire.stop() })
  await step('the log names the rules', () => {
    const packets = lines.filter(line => line.type === 'packet')
    const changed = packets.filter(line => line.fate === 'changed')
    assert.ok(changed.some(line => line.rules?.includes('live.rules:2')), JSON.stringify(changed))
    assert.ok(packets.some(line => line.fate === 'dropped'))
    assert.ok(packets.some(line => line.origin === 'rule'))
  })
  await step('each rule is counted at the end', () => {
    assert.match(midwire.diagnostics, /disconnect|live\.rules:1/)
  })
  fs.rmSync(folder, { recursive: true })
}

run(() => main(process.argv[2]))
