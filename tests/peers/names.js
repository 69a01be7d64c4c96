// Writes the names of items, blocks, entities and so on, as crates/definition/protocols/minecraft has
// them: for each kind a list, and what each release with another list changed.
//
//   npm ci && node names.js            (or: node names.js FOLDER, the folder of minecraft-data's `data`)
//
// A release without a file of its own has that of the release before and the next, where these agree;
// elsewhere what minecraft-data says (dataPaths.json), or nothing. Snapshots are read as the release in
// front of them.
'use strict'
const fs = require('fs')
const path = require('path')

const data = process.argv[2] ??
  path.join(path.dirname(require.resolve('minecraft-data/package.json')), 'minecraft-data', 'data')
const out = path.join(__dirname, '..', '..', 'crates', 'definition', 'protocols', 'minecraft')
const read = file => JSON.parse(fs.readFileSync(path.join(data, file), 'utf8'))
const paths = read('dataPaths.json').pc
const source = 'minecraft-data ' + (() => {
  try { return require(path.join(data, '..', '..', 'package.json')).version } catch { return '' }
})()

/** Releases from 1.7 on, oldest first: wire number and the keys that have it. */
const releases = new Map()
for (const key of Object.keys(paths).filter(key => /^\d+(\.\d+)+$/.test(key))) {
  const { version } = read(`${paths[key].version}/version.json`)
  releases.set(version, [...(releases.get(version) ?? []), key])
}
const numbers = [...releases.keys()].sort((a, b) => a - b)

/**
 * Where another number's list is the right one: 1.13.1 has the five dead corals already that
 * minecraft-data has from 1.13.2 on; and in 1.14 to 1.16 it gives two effects one number.
 */
const EXCEPTIONS = {
  items: { 401: 404 },
  blocks: { 401: 404 },
  effects: Object.fromEntries([477, 480, 490, 498, 573, 575, 578, 735, 736, 751, 753, 754].map(n => [n, 755]))
}

/** The file of a kind at a wire number, and whether it is that number's own. */
function file (kind, number) {
  number = EXCEPTIONS[kind]?.[number] ?? number
  const keys = releases.get(number)
  const own = keys.map(key => paths[key][kind]).find(file => file && keys.includes(file.slice(3)))
  return { own, said: own ?? paths[keys[0]][kind] }
}

/** The records of a kind at a wire number. */
function records (kind, number) {
  const { own, said } = file(kind, number)
  const at = numbers.indexOf(number)
  const near = step => {
    for (let i = at + step; numbers[i]; i += step) if (file(kind, numbers[i]).own) return file(kind, numbers[i]).own
  }
  const load = file => file && read(`${file}/${kind}.json`)
  const names = file => JSON.stringify(load(file)?.map(({ id, name, type }) => [id, name, type]))
  const [before, next] = [near(-1), near(1)]
  if (own || (next && names(before) === names(next))) return load(own ?? before)
  if (SAID.has(kind)) return load(said)
}

/** Kinds of which also what minecraft-data says of releases without a file of their own is right. */
const SAID = new Set(['items', 'blocks', 'entities', 'effects', 'enchantments', 'particles'])

const snake = name => name.replace(/(?<=[a-z0-9])(?=[A-Z])|\s+/g, '_').toLowerCase()

/** Records with an id as a list from 0 on; numbers without a name are `_`. */
function list (records, id = record => record.id) {
  const names = []
  for (const record of records) names[id(record)] ??= snake(record.name)
  return Array.from(names, name => ({ name: name ?? '_', count: 1 }))
}

/** The same with numbers that follow each other and have one name put together. */
function folded (list) {
  const runs = []
  for (const { name, count } of list) {
    if (runs.at(-1)?.name === name) runs.at(-1).count += count
    else runs.push({ name, count })
  }
  return runs
}

/** The kinds: from which number on, up to which, and their lists. */
const kinds = {
  items: {
    about: 'Items',
    list: number => list(records('items', number))
  },
  blocks: {
    about: 'Blocks',
    list: number => list(records('blocks', number))
  },
  block_states: {
    about: 'States of blocks: so many of each block',
    from: 47,
    list: number => {
      const blocks = records('blocks', number)
      if (number >= 393) {
        return blocks.sort((a, b) => a.minStateId - b.minStateId)
          .map(({ name, minStateId: low, maxStateId: high }) => ({ name, count: high - low + 1 }))
      }
      return list(blocks).map(({ name }) => ({ name, count: 16 }))
    }
  },
  entities: {
    about: 'Kinds of entities; up to 1.12.2 of mobs',
    list: number => list(records('entities', number).filter(e => number >= 477 || e.type === 'mob'))
  },
  objects: {
    about: 'Kinds of entities that are no mobs, as up to 1.13.2 they are numbered apart',
    to: 476,
    list: number => list(records('entities', number).filter(e => e.type === 'object'))
  },
  effects: {
    about: 'Effects of potions and beacons',
    list: number => list(records('effects', number))
  },
  enchantments: {
    about: 'Enchantments; from 1.21 on each server has its own list',
    from: 393,
    to: 766,
    list: number => list(records('enchantments', number))
  },
  particles: {
    about: 'Particles; from 1.20.5 on the definition names them itself',
    from: 47,
    to: 765,
    list: number => list(records('particles', number))
  },
  sounds: {
    about: 'Sounds; from 1.19.3 on counted from 1, as fields have them in which 0 is something else',
    list: number => {
      const sounds = records('sounds', number)
      if (!sounds) return undefined
      const first = Math.min(...sounds.map(sound => sound.id))
      return list(sounds, sound => sound.id - first + (number >= 761 ? 1 : 0))
    }
  }
}

/** The longest common list of names: for each name of `after` its place in `before`, or -1. */
function kept (before, after) {
  const [n, m] = [before.length, after.length]
  const best = Array.from({ length: n + 1 }, () => new Uint16Array(m + 1))
  for (let i = n - 1; i >= 0; i--) {
    for (let j = m - 1; j >= 0; j--) {
      best[i][j] = before[i].name === after[j].name
        ? best[i + 1][j + 1] + 1
        : Math.max(best[i + 1][j], best[i][j + 1])
    }
  }
  const places = []
  for (let i = 0, j = 0; j < m;) {
    if (i < n && before[i].name === after[j].name) {
      places.push(i++)
      j++
    } else if (i < n && best[i + 1][j] >= best[i][j + 1]) {
      i++
    } else {
      places.push(-1)
      j++
    }
  }
  return places
}

const written = ({ name, count }) => count === 1 ? name : `${name}*${count}`

/** Words in lines of at most 100 columns; what is behind the first line is given in front of each. */
function lines (front, words, behind = '') {
  const all = []
  let line = front
  for (const word of words) {
    if (line.length + word.length + 1 + behind.length > 100 && line !== front) {
      all.push(line + behind)
      line = front
    }
    line += (line === '' ? '' : ' ') + word
  }
  return [...all, line + behind]
}

/** The lines that make one list of another. */
function changes (before, after) {
  const places = kept(before, after)
  const staying = new Set(places)
  const removed = before.filter((_, at) => !staying.has(at)).map(({ name }) => name)
  const all = removed.length ? lines('-', removed) : []
  const resized = after.filter(({ count }, at) => places[at] >= 0 && before[places[at]].count !== count)
  if (resized.length) all.push(...lines('~', resized.map(written)))
  for (let at = 0; at < after.length; at++) {
    if (places[at] >= 0) continue
    const start = at
    while (at + 1 < after.length && places[at + 1] < 0) at++
    // From the last to the first, so that each goes behind the same name.
    const behind = start === 0 ? ' first' : ` after ${after[start - 1].name}`
    const added = lines('+', after.slice(start, at + 1).map(written), behind)
    all.push(...added.reverse())
  }
  return all
}

/** What a reader makes of these lines. */
function applied (before, all) {
  const names = before.map(entry => ({ ...entry }))
  const place = name => {
    const at = names.findIndex(entry => entry.name === name)
    if (at < 0) throw new Error(name)
    return at
  }
  const entry = word => {
    const [name, count] = word.split('*')
    return { name, count: Number(count ?? 1) }
  }
  for (const line of all) {
    const [kind, ...words] = line.split(' ')
    if (kind === '-') words.forEach(word => names.splice(place(word), 1))
    else if (kind === '~') words.map(entry).forEach(e => { names[place(e.name)].count = e.count })
    else if (words.at(-1) === 'first') names.unshift(...words.slice(0, -1).map(entry))
    else names.splice(place(words.at(-1)) + 1, 0, ...words.slice(0, -2).map(entry))
  }
  return names
}

for (const [kind, { about, from = 0, to = Infinity, list }] of Object.entries(kinds)) {
  const text = [
    `# ${about}.`,
    `# Of ${source} (MIT, see LICENSE-minecraft-data); made by tests/peers/names.js.`
  ]
  let before = []
  let known = false
  for (const number of numbers.filter(number => number >= from)) {
    const records = number <= to ? list(number) : undefined
    const after = folded(records ?? [])
    const same = JSON.stringify(after) === JSON.stringify(before)
    if (records ? known && same : !known) continue
    known = records !== undefined
    // Snapshots of 1.7 have 47 too.
    text.push('', `from ${number === 47 ? '"1.8"' : number}`)
    if (!known) {
      text.push('none')
      continue
    }
    const whole = [...(before.length ? ['anew'] : []), ...lines('', after.map(written))]
    let edits = before.length ? changes(before, after) : whole
    const size = all => all.join('\n').length
    let good = size(edits) < size(whole)
    try {
      good &&= JSON.stringify(applied(before, edits)) === JSON.stringify(after)
    } catch {
      good = false
    }
    text.push(...(good ? edits : whole))
    before = after
  }
  fs.writeFileSync(path.join(out, `${kind}.txt`), text.join('\n') + '\n')
}
