'use strict'

// Packets that every session of the scripts meets. One of several names is enough where versions
// or clients differ.
const EXPECTED = [
  ['handshake', 'serverbound', 'set_protocol'],
  ['status', 'serverbound', 'ping_start'],
  ['status', 'clientbound', 'server_info'],
  ['status', 'serverbound', 'ping'],
  ['status', 'clientbound', 'ping'],
  ['login', 'serverbound', 'login_start'],
  ['login', 'clientbound', 'compress'],
  ['login', 'clientbound', 'success'],
  ['play', 'clientbound', 'login'],
  ['play', 'clientbound', 'map_chunk', 'map_chunk_bulk'],
  ['play', 'clientbound', 'update_health'],
  ['play', 'clientbound', 'chat', 'system_chat', 'player_chat', 'profileless_chat'],
  ['play', 'serverbound', 'chat', 'chat_message'],
  ['play', 'serverbound', 'position', 'position_look']
]

const EXPECTED_WITH_CONFIGURATION = [
  ['login', 'serverbound', 'login_acknowledged'],
  ['configuration', 'clientbound', 'registry_data'],
  ['configuration', 'clientbound', 'finish_configuration'],
  ['configuration', 'serverbound', 'finish_configuration']
]

/// The packets of a JSON log.
function packets (log) {
  return log.filter(line => line.type === 'packet')
}

/// Fails unless the log names the packets that the session is known to have had.
function checkNames (log, hasConfiguration) {
  const seen = new Set(packets(log).map(p => `${p.state} ${p.direction} ${p.name}`))
  const expected = hasConfiguration ? [...EXPECTED, ...EXPECTED_WITH_CONFIGURATION] : EXPECTED
  const missing = expected
    .filter(([state, direction, ...names]) => !names.some(n => seen.has(`${state} ${direction} ${n}`)))
    .map(parts => parts.join(' '))
  fail('not in the log', missing)
}

/// Fails if the log has a packet whose id no definition knows.
function checkKnown (log) {
  fail('packets without a name', packets(log).filter(p => p.name === null).map(brief))
}

/// Fails if a packet before play, all of which are defined, could not be read.
function checkRead (log) {
  const unread = packets(log).filter(p => p.error !== undefined && p.state !== 'play')
  fail('packets that could not be read', unread.map(brief))
}

function fail (what, items) {
  if (items.length === 0) return
  const shown = [...new Set(items)].slice(0, 5)
  throw new Error([`${items.length} ${what}, such as:`, ...shown].join('\n'))
}

function brief (p) {
  const error = p.error ? `: ${p.error.field} at ${p.error.offset}: ${p.error.message}` : ''
  return `${p.state} ${p.direction} ${p.name ?? p.id}${error}`
}

module.exports = { checkNames, checkKnown, checkRead }
