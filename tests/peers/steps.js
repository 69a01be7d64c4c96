'use strict'

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

/// Runs the steps of a process of its own, and ends it.
function run (main) {
  process.on('SIGTERM', () => process.exit(1))
  main().then(
    () => end(failed ? 1 : 0),
    e => {
      failed = false
      step('the session goes on to its end', () => { throw e }).then(() => end(1))
    }
  )
}

module.exports = { step, run }
