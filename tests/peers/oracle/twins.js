// The twins of the corpus, as the minecraft-data of today would have them: they were written with
// that of the day on which a packet was recorded.

'use strict'

function today ({ version, name, twin, payload }) {
  const change = CHANGES[name]
  return change ? change(twin, version, payload) : twin
}

const velocity = ({ velocityX, velocityY, velocityZ, ...rest }) =>
  velocityX === undefined ? rest : { ...rest, velocity: { x: velocityX, y: velocityY, z: velocityZ } }

const CHANGES = {
  // The channel's content was read as text: the length in front of it is missing.
  custom_payload: twin => {
    if (typeof twin.data !== 'string') return twin
    return { ...twin, data: Buffer.concat([Buffer.from([twin.data.length]), Buffer.from(twin.data)]) }
  },
  entity_velocity: velocity,
  spawn_entity_living: velocity,
  spawn_entity: twin => {
    if (typeof twin.objectData !== 'object') return velocity(twin)
    const { intField, ...speed } = twin.objectData
    return velocity({ ...twin, ...speed, objectData: intField })
  },
  entity_update_attributes: twin => ({
    ...twin,
    properties: twin.properties.map(({ key, ...rest }) => ({ name: key, ...rest, key }))
  }),
  // From 1.19.3 on the actions are a number of bits.
  player_info: (twin, version) => ({
    action: isBefore(version, '1.19.3') ? ACTIONS[twin.action] ?? twin.action : bits(twin.action),
    data: twin.data.map(({ UUID, listed, ...rest }) =>
      ({ uuid: UUID, ...rest, listed: listed === undefined ? undefined : Number(listed) }))
  }),
  sound_effect: holder,
  // The twin of the one packet of 1.19 has lost the seed, which is at the packet's end.
  entity_sound_effect: (twin, version, payload) => version === '1.19' && twin.seed === undefined
    ? { ...twin, seed: payload.readBigInt64BE(payload.length - 8) }
    : twin
}

const ACTION_BITS = ['add_player', 'initialize_chat', 'update_game_mode', 'update_listed',
  'update_latency', 'update_display_name']

const bits = action => Object.fromEntries(ACTION_BITS.map((name, i) => [name, (action >> i & 1) === 1]))

const ACTIONS = ['add_player', 'update_game_mode', 'update_latency', 'update_display_name',
  'remove_player']

/// From 1.19.3 on a sound is a number of the registry and 1, or 0 and the sound.
function holder (twin, version) {
  if (isBefore(version, '1.19.3') || twin.sound !== undefined) return twin
  const { soundId, soundEvent, ...rest } = twin
  const sound = soundId === 0
    ? { data: { soundName: soundEvent.resource, fixedRange: soundEvent.range } }
    : { soundId: soundId - 1 }
  return { ...rest, sound }
}

const isBefore = (a, b) => a.localeCompare(b, 'en', { numeric: true }) < 0

module.exports = { today }
