// Real Minecraft servers and clients talk through midwire, and lose each other, a process for each version.
//
//   MIDWIRE=path/to/midwire node run.js [--direct] [VERSION...]
//
// --direct leaves midwire out: what fails then is not midwire's fault.

'use strict'

const { fork } = require('node:child_process')
const path = require('node:path')

const VERSIONS = ['1.8.8', '1.12.2', '1.16.5', '1.20.4', '1.21.4']
const ENCRYPTED_VERSIONS = ['1.7.10', '1.8.8', '1.12.2', '1.16.5', '1.19.4', '1.20.4', '1.21.1', '1.21.4']

// Several times what a session takes on a loaded machine.
const SESSION_MS_MAX = 240_000

async function main (args) {
  const direct = args.includes('--direct')
  const versions = args.filter(arg => arg !== '--direct')
  if (!direct && !process.env.MIDWIRE) {
    console.error('MIDWIRE must name the midwire binary (or say --direct)')
    return 2
  }
  let passed = 0
  let failed = 0
  const play = async (script, version) => {
    const result = await session(script, version, direct)
    passed += result.passed
    failed += result.failed
  }
  for (const version of versions.length > 0 ? versions : VERSIONS) {
    for (const script of direct ? ['session.js'] : ['session.js', 'broken.js', 'rules.js', 'actions.js']) {
      await play(script, version)
    }
  }
  if (!direct) {
    for (const version of versions.length > 0 ? versions : ENCRYPTED_VERSIONS) {
      await play('encrypted.js', version)
    }
  }
  console.log(`${passed} passed, ${failed} failed`)
  return failed === 0 && passed > 0 ? 0 : 1
}

function session (script, version, direct) {
  const kinds = {
    'broken.js': ', broken',
    'rules.js': ', with rules',
    'actions.js': ', with a rule for each action',
    'encrypted.js': ', encrypted'
  }
  const what = kinds[script] ?? (direct ? ', direct' : '')
  console.log(`Minecraft ${version}${what}`)
  return new Promise(resolve => {
    const result = { passed: 0, failed: 0 }
    let complete = false
    const args = direct ? [version, '--direct'] : [version]
    const child = fork(path.join(__dirname, script), args, { silent: true })
    // The server and the bot talk a lot; it is of interest only when something fails.
    let talk = ''
    for (const pipe of [child.stdout, child.stderr]) {
      pipe.setEncoding('utf8').on('data', text => { talk += text })
    }
    const timer = setTimeout(() => {
      console.log(`  FAILED  the session is not over after ${SESSION_MS_MAX / 1000} s`)
      child.kill('SIGTERM')
    }, SESSION_MS_MAX)
    child.on('message', message => {
      if (message.over) {
        complete = true
        return
      }
      console.log(`  ${message.error ? 'FAILED' : 'ok    '}  ${message.step}`)
      if (message.error) console.log(message.error.replace(/^/gm, '            '))
      if (message.error) result.failed++
      else result.passed++
    })
    child.on('close', code => {
      clearTimeout(timer)
      if (!complete) {
        console.log(`  FAILED  the session's process ended too soon, exit code ${code}`)
        result.failed++
      }
      if (result.failed > 0) console.log(`  what server and bot printed:\n${readable(talk)}`)
      resolve(result)
    })
  })
}

/// Without the control sequences that are meant for a terminal.
function readable (talk) {
  return talk.replace(/\x1b\[[0-9;]*[A-Za-z]/g, '').replace(/^/gm, '    ')
}

main(process.argv.slice(2)).then(code => { process.exitCode = code })
