// What the tests of captures share: midwire's examples, tshark, and what both say.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFileSync, spawnSync } = require('node:child_process');

const examples = process.argv[2];
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'midwire-captures-'));
const file = (name) => path.join(folder, name);
const options = { encoding: 'utf8', maxBuffer: 1 << 30, stdio: ['ignore', 'pipe', 'ignore'] };
const tool = (name, ...args) => execFileSync(name, args, options);
const lines = (text) => text.split('\n').filter((line) => line !== '');

function hash(bytes) {
  let value = 0xcbf29ce484222325n;
  for (const byte of bytes) value = (value ^ BigInt(byte)) * 0x100000001b3n & 0xffffffffffffffffn;
  return value.toString(16).padStart(16, '0');
}

// What midwire makes of a capture.
function streams(capture) {
  const done = spawnSync(path.join(examples, 'streams'), [capture], { encoding: 'utf8', maxBuffer: 1 << 30 });
  assert.strictEqual(done.status, 0, `${capture}: ${done.stderr}`);
  const seen = { streams: [], bytes: {}, gaps: [], damage: 0, other: 0 };
  for (const line of lines(done.stdout)) {
    const [kind, id, ...rest] = line.split(' ');
    if (kind === 'stream') seen.streams.push(rest.join(' '));
    if (kind === 'bytes') seen.bytes[`${id} ${rest[0]}`] = { len: Number(rest[1]), hash: rest[2] };
    if (kind === 'gap') seen.gaps.push({ id, direction: rest[0], offset: Number(rest[1]), len: Number(rest[2]) });
    if (kind === 'damage') seen.damage += 1;
    if (kind === 'other') seen.other += 1;
  }
  return seen;
}

const total = (items) => items.reduce((sum, item) => sum + item.len, 0);
const came = (seen) => total(Object.values(seen.bytes));

// What tshark makes of one stream.
function follow(capture, stream) {
  const text = tool('tshark', '-r', capture, '-q', '-z', `follow,tcp,raw,${stream}`);
  const sides = { serverbound: [], clientbound: [] };
  for (const line of lines(text)) {
    if (/^[0-9a-f]+$/.test(line)) sides.serverbound.push(Buffer.from(line, 'hex'));
    if (/^\t[0-9a-f]+$/.test(line)) sides.clientbound.push(Buffer.from(line.trim(), 'hex'));
  }
  return Object.fromEntries(Object.entries(sides).map(([side, parts]) => [side, Buffer.concat(parts)]));
}

// Whether tshark finds the same bytes in all streams.
function sameAsTshark(capture) {
  const seen = streams(capture);
  assert.ok(seen.streams.length > 0);
  for (let id = 0; id < seen.streams.length; id += 1) {
    for (const [side, bytes] of Object.entries(follow(capture, id))) {
      const ours = seen.bytes[`${id} ${side}`] ?? { len: 0, hash: hash([]) };
      assert.deepStrictEqual(ours, { len: bytes.length, hash: hash(bytes) }, `${capture} ${id} ${side}`);
    }
  }
  assert.deepStrictEqual(seen.gaps, []);
  return seen;
}

function step(name, act) {
  const started = Date.now();
  const detail = act();
  console.log(`ok: ${name}${detail ? `: ${detail}` : ''} (${Date.now() - started} ms)`);
}

function expert(capture, ...more) {
  // Notes, warnings and errors; a comment is below that.
  return lines(tool('tshark', '-r', capture, '-o', 'tcp.check_checksum:TRUE', '-o', 'ip.check_checksum:TRUE',
    '-Y', '_ws.expert.severity >= 0x400000', '-T', 'fields', '-e', '_ws.expert.message', ...more));
}

module.exports = { came, examples, expert, file, follow, folder, hash, lines, sameAsTshark, step, streams, tool, total };
