// Writes captures with everything that may stand in front of TCP: one small conversation each, in
// the form that its file name says. craft.js FOLDER
'use strict';
const fs = require('node:fs');
const path = require('node:path');

const CLIENT4 = Buffer.from([192, 0, 2, 1]);
const SERVER4 = Buffer.from([198, 51, 100, 2]);
const CLIENT6 = Buffer.from('20010db8000000000000000000000001', 'hex');
const SERVER6 = Buffer.from('20010db8000000000000000000000002', 'hex');
const SYN = 2, ACK = 16, PSH = 8, FIN = 1;

const u16 = (n) => Buffer.from([n >> 8 & 255, n & 255]);
const u32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32BE(n >>> 0); return b; };

function sum(...parts) {
  const all = Buffer.concat(parts);
  let total = 0;
  for (let i = 0; i < all.length; i += 2) total += all[i] << 8 | (all[i + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return ~total & 0xffff;
}

// A conversation: SYN, SYN and ACK, ACK, then what is said, then both ends.
function conversation() {
  const next = { c: 0xfffffff0, s: 4000 };
  const segments = [];
  const say = (from, flags, data = Buffer.alloc(0)) => {
    const other = from === 'c' ? 's' : 'c';
    segments.push({ from, flags, seq: next[from], ack: flags & ACK ? next[other] : 0, data });
    next[from] = next[from] + data.length + (flags & (SYN | FIN) ? 1 : 0) >>> 0;
  };
  const text = (n, tag) => Buffer.from(Array.from({ length: n }, (_, i) => i * tag + (i >> 8)));
  say('c', SYN);
  say('s', SYN | ACK);
  say('c', ACK);
  say('c', ACK | PSH, text(100, 3));
  say('s', ACK | PSH, text(1200, 5));
  say('s', ACK | PSH, text(1, 9));
  say('c', ACK | PSH, text(7, 11));
  say('c', ACK | FIN);
  say('s', ACK | FIN);
  say('c', ACK);
  return segments;
}

function tcp(segment, source, destination, ipv6) {
  const ports = segment.from === 'c' ? [50000, 25565] : [25565, 50000];
  const header = Buffer.concat([
    u16(ports[0]), u16(ports[1]), u32(segment.seq), u32(segment.ack),
    Buffer.from([0x80, segment.flags]), u16(60000), u16(0), u16(0),
    Buffer.from([1, 1, 8, 10]), u32(1), u32(2),
  ]);
  header[12] = 0x80;
  const options = header.subarray(20, 32);
  options.set([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
  const length = header.length + segment.data.length;
  const pseudo = ipv6 ? [source, destination, u32(length), u32(6)] :
    [source, destination, u16(6), u16(length)];
  header.writeUInt16BE(sum(...pseudo, header, segment.data), 16);
  return Buffer.concat([header, segment.data]);
}

let identification = 1;

function ip4(segment, payload, fragment = { start: 0, more: false }, id = identification++) {
  const [source, destination] = segment.from === 'c' ? [CLIENT4, SERVER4] : [SERVER4, CLIENT4];
  const header = Buffer.concat([
    Buffer.from([0x46, 0]), u16(24 + payload.length), u16(id),
    u16((fragment.more ? 0x2000 : 0) | fragment.start / 8), Buffer.from([64, 6]), u16(0),
    source, destination, Buffer.from([1, 1, 1, 0]),
  ]);
  header.writeUInt16BE(sum(header), 10);
  return Buffer.concat([header, payload]);
}

function ip6(segment, payload, first = 6) {
  const [source, destination] = segment.from === 'c' ? [CLIENT6, SERVER6] : [SERVER6, CLIENT6];
  return Buffer.concat([
    Buffer.from([0x60, 0, 0, 0]), u16(payload.length), Buffer.from([first, 64]),
    source, destination, payload,
  ]);
}

const segment4 = (segment) => tcp(segment, ...(segment.from === 'c' ?
  [CLIENT4, SERVER4] : [SERVER4, CLIENT4]), false);
const segment6 = (segment) => tcp(segment, ...(segment.from === 'c' ?
  [CLIENT6, SERVER6] : [SERVER6, CLIENT6]), true);

const v4 = (segment) => [ip4(segment, segment4(segment))];
const v6 = (segment) => [ip6(segment, segment6(segment))];

// Hop by hop, destination options, routing, then TCP.
const v6Extended = (segment) => [ip6(segment, Buffer.concat([
  Buffer.from([60, 0, 1, 4, 0, 0, 0, 0]),
  Buffer.from([43, 1, 1, 4, 0, 0, 0, 0, 1, 6, 0, 0, 0, 0, 0, 0]),
  Buffer.from([6, 0, 253, 0, 0, 0, 0, 0]),
  segment6(segment),
]), 0)];

function cut(payload, size) {
  const parts = [];
  for (let start = 0; start < payload.length; start += size) {
    const end = Math.min(payload.length, start + size);
    parts.push({ start, more: end < payload.length, bytes: payload.subarray(start, end) });
  }
  return parts;
}

// Fragments of 64 bytes; the last one first.
function v4Fragments(segment) {
  const id = identification++;
  return cut(segment4(segment), 64).reverse()
    .map((part) => ip4(segment, part.bytes, part, id));
}

function v6Fragments(segment) {
  const id = identification++;
  return cut(segment6(segment), 128).map((part) => ip6(segment, Buffer.concat([
    Buffer.from([6, 0]), u16(part.start | (part.more ? 1 : 0)), u32(id), part.bytes,
  ]), 44));
}

const typeOf = (packet) => packet[0] >> 4 === 4 ? 0x0800 : 0x86dd;
const MACS = Buffer.from('020000000001020000000002', 'hex');
const padded = (packet) => Buffer.concat([packet, Buffer.alloc(Math.max(0, 60 - packet.length), 0x5a)]);
const ethernet = (packet) => padded(Buffer.concat([MACS, u16(typeOf(packet)), packet]));
const vlan = (packet) => padded(Buffer.concat([
  MACS, u16(0x8100), u16(7), u16(typeOf(packet)), packet,
]));
const qinq = (packet) => padded(Buffer.concat([
  MACS, u16(0x88a8), u16(8), u16(0x8100), u16(7), u16(typeOf(packet)), packet,
]));
const sll = (packet) => Buffer.concat([
  u16(0), u16(1), u16(6), MACS.subarray(0, 6), u16(0), u16(typeOf(packet)), packet,
]);
const sll2 = (packet) => Buffer.concat([
  u16(typeOf(packet)), u16(0), u32(2), u16(1), Buffer.from([0, 6]), MACS.subarray(0, 6), u16(0),
  packet,
]);
const family = (big) => (packet) => {
  const number = typeOf(packet) === 0x0800 ? 2 : 30;
  const head = Buffer.alloc(4);
  if (big) head.writeUInt32BE(number); else head.writeUInt32LE(number);
  return Buffer.concat([head, packet]);
};
const raw = (packet) => packet;

function pcap({ link, big = false, magic = 0xa1b2c3d4 }, packets) {
  const word = (n) => { const b = u32(n); return big ? b : b.reverse(); };
  const half = (n) => { const b = u16(n); return big ? b : b.reverse(); };
  const parts = [word(magic), half(2), half(4), word(0), word(0), word(262144), word(link)];
  packets.forEach((packet, i) => {
    parts.push(word(1795000000 + (i >> 4)), word((i & 15) * 1000), word(packet.length), word(packet.length));
    if (magic === 0xa1b2cd34) parts.push(word(3), half(8), Buffer.from([0, 0]));
    parts.push(packet);
  });
  return Buffer.concat(parts);
}

const NANOS = 0xa1b23c4d, MODIFIED = 0xa1b2cd34;
const files = {
  'ethernet-4': [v4, ethernet, { link: 1 }],
  'ethernet-6': [v6, ethernet, { link: 1, big: true }],
  'ethernet-6-extended': [v6Extended, ethernet, { link: 1, magic: NANOS }],
  'ethernet-4-fragments': [v4Fragments, ethernet, { link: 1, magic: NANOS, big: true }],
  'ethernet-6-fragments': [v6Fragments, ethernet, { link: 1, magic: MODIFIED }],
  'vlan': [v4, vlan, { link: 1, magic: MODIFIED, big: true }],
  'qinq': [v6, qinq, { link: 1 }],
  'sll': [v4, sll, { link: 113 }],
  'sll2': [v6, sll2, { link: 276 }],
  'null': [v4, family(false), { link: 0 }],
  'null-big': [v6, family(true), { link: 0, big: true }],
  'loop': [v4, family(true), { link: 108 }],
  'raw-4': [v4, raw, { link: 101 }],
  'raw-6': [v6, raw, { link: 101 }],
  'ipv4': [v4Fragments, raw, { link: 228 }],
  'ipv6': [v6, raw, { link: 229 }],
};

const [folder] = process.argv.slice(2);
fs.mkdirSync(folder, { recursive: true });
for (const [name, [network, link, format]] of Object.entries(files)) {
  const packets = conversation().flatMap(network).map(link);
  fs.writeFileSync(path.join(folder, `${name}.pcap`), pcap(format, packets));
}
