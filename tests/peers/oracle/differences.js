// Where midwire's definition and minecraft-data's differ in more than spelling.

'use strict'

/// Numbers that midwire has names for. Names that minecraft-data has as well stay.
const named = (...names) => value => typeof value === 'number' ? names[value] ?? value : value

const difficulty = named('peaceful', 'easy', 'normal', 'hard')
const hand = named('main_hand', 'off_hand')
const sound = named('master', 'music', 'record', 'weather', 'block', 'hostile', 'neutral', 'player',
  'ambient', 'voice', 'ui')

function rename (value, from, to) {
  const entries = Object.entries(value)
  return Object.fromEntries(entries.map(([name, inner]) => [name === from ? to : name, inner]))
}

/// By the last name of the trail; `under` is a name that must stand somewhere before it, `after` are
/// those just before it.
const RULES = {
  difficulty: [{ under: 'packet_difficulty', map: difficulty }],
  newDifficulty: [{ map: difficulty }],
  hand: [{ map: hand }],
  soundCategory: [{ map: sound }],
  reason: [{ under: 'packet_game_state_change', map: named('no_respawn_block_available', 'start_raining',
    'stop_raining', 'change_game_mode', 'win_game', 'demo_event', 'play_arrow_hit_sound',
    'rain_level_change', 'thunder_level_change', 'puffer_fish_sting', 'guardian_elder_effect',
    'immediate_respawn', 'limited_crafting', 'level_chunks_load_start') }],
  // 1.21.1 alone has another name for this field of an item's block state.
  '[]': [{
    after: 'SlotComponent data properties',
    map: (value, plain) => rename(plain(value), 'property', 'name')
  }],
  // Bits without a name of their own: in front of a chunk's block entity, and up to 1.8 of a property of
  // an entity.
  '(anonymous)': [
    { after: 'chunkBlockEntity', map: (value, plain) => ({ at: plain(value) }) },
    { after: 'entityMetadata []', map: (value, plain) => ({ head: plain(value) }) }
  ]
}

/// What maps the value at the end of a trail, if that is not done by its type alone.
function find (version, trail) {
  const rules = RULES[trail.at(-1)]
  return rules?.find(({ under, after }) =>
    (under === undefined || trail.includes(under)) &&
    (after === undefined || trail.slice(0, -1).join(' ').endsWith(after)))?.map
}

module.exports = { find }
