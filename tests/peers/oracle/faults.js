// Faults of the oracle: packets, or parts of them, that it reads and writes otherwise than the game
// does. FAULTS.md tells how it is known. What is listed here has to show: a fault that does not is
// a failure.

'use strict'

const { versions } = require('./protocol')

const order = new Map(versions().map((version, i) => [version, i]))

const OPTIONAL_GLOBAL_POS = 'an optional dimension and position of an entity is an optional text'
const PARTICLE = 'a particle has the names of 1.20.5, and no data'

/// Without `packets`, all that have the field. `avoid`: by the trail of a field, values that lead to the
/// fault; everything else is checked. Without it, the packet as a whole is excepted.
const FAULTS = [
  {
    what: 'records are listed from their lowest bits up, but come from the highest down',
    from: '1.7',
    to: '1.7',
    packets: ['multi_block_change']
  },
  {
    what: 'teams of 1.13.2-pre1 and -pre2 have no prefix and suffix, as 1.13.1 and 1.13.2 have',
    from: '1.13.2-pre1',
    to: '1.13.2-pre2',
    packets: ['teams']
  },
  {
    what: OPTIONAL_GLOBAL_POS,
    from: '1.19.2',
    to: '1.19.2',
    packets: ['entity_metadata'],
    avoid: { 'entityMetadata[].type': [21] }
  },
  {
    what: OPTIONAL_GLOBAL_POS,
    from: '1.19.3',
    to: '1.20.2',
    packets: ['entity_metadata'],
    avoid: { 'entityMetadata[].type': [22, 'optional_global_pos'] }
  },
  {
    what: `${OPTIONAL_GLOBAL_POS}; ${PARTICLE}`,
    from: '1.20.3',
    to: '1.20.3',
    packets: ['entity_metadata'],
    avoid: { 'entityMetadata[].type': ['optional_global_pos', 'particle'] }
  },
  {
    what: OPTIONAL_GLOBAL_POS,
    from: '1.20.5',
    to: '1.21.8',
    packets: ['entity_metadata'],
    avoid: { 'entityMetadataEntry.type': ['optional_global_pos'] }
  },
  {
    what: 'the pattern of a banner is a sound',
    from: '1.21.3',
    to: '1.21.3',
    avoid: { SlotComponentType: ['banner_patterns'] }
  },
  {
    what: 'the number of an enchantment is a byte, in this version alone',
    from: '1.21.11',
    to: '1.21.11',
    packets: ['enchant_item']
  },
  {
    what: "the checksum of a signed command is signed, in this version alone; that of a message is not",
    from: '1.21.11',
    to: '1.21.11',
    packets: ['chat_command_signed']
  },
  {
    what: PARTICLE,
    from: '1.20.3',
    to: '1.20.3',
    packets: ['explosion']
  }
]

function find (place, name) {
  const at = order.get(place.key)
  const faults = FAULTS.filter(({ from, to, packets }) =>
    (packets?.includes(name) ?? true) && order.get(from) <= at && at <= order.get(to))
  // That of the packet before one that many have.
  return faults.find(fault => fault.packets) ?? faults[0]
}

module.exports = { find }
