'use strict'

// How long any single wait may last: far above what a loaded machine needs.
const PATIENCE_MS = 60_000

/// Gives what `promise` gives, or fails saying `what` did not happen.
async function within (what, promise) {
  let timer
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} in ${PATIENCE_MS / 1000} s`)), PATIENCE_MS)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/// Waits for an event whose arguments satisfy `wanted`; resolves to its first argument.
function event (emitter, name, wanted = () => true) {
  return within(`event '${name}'`, new Promise(resolve => {
    emitter.on(name, function listener (...args) {
      if (!wanted(...args)) return
      emitter.removeListener(name, listener)
      resolve(args[0])
    })
  }))
}

module.exports = { within, event }
