// live.js EXAMPLES: sessions through the program in MIDWIRE, recorded by it and by tcpdump at once. tshark opens
// what midwire recorded without a warning, and finds the bytes that each side saw.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const net = require('node:net');
const { spawn, spawnSync } = require('node:child_process');
const { came, expert, file, folder, follow, hash, lines, sameAsTshark, step, streams, tool, total } = require('./tools');

// How long something may take on a machine that does other things as well.
const PATIENCE = 60_000;

const GAME = `protocol game "A game" { frame { length: varint max 2097151, id: u8 } }
packet Say = 3 both { text: str[..] }
`;
const RULES = `drop clientbound Say where text startswith "7 "
set serverbound Say where text startswith "5 ": text = "another text"
duplicate clientbound Say where text startswith "9 "
delay 30ms both Say where text startswith "11 "
`;

function varint(number) {
  const bytes = [];
  for (; number > 127; number >>>= 7) bytes.push(number & 127 | 128);
  return Buffer.from([...bytes, number]);
}

function say(text) {
  const payload = Buffer.concat([Buffer.from([3]), Buffer.from(text)]);
  return Buffer.concat([varint(payload.length), payload]);
}

// Small lines, and some that take several packets of any network.
const line = (turn) => say(`${turn} ${'x'.repeat(turn % 6 === 0 ? turn * 4099 : turn * 7)}`);

async function until(what, holds) {
  const end = Date.now() + PATIENCE;
  while (!await holds()) {
    assert.ok(Date.now() < end, `${what}: not within ${PATIENCE} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

// A program that is running, once it has said something.
function started(command, args, pattern) {
  const program = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  program.said = '';
  program.ended = new Promise((resolve) => program.on('close', resolve));
  return new Promise((resolve, reject) => {
    program.on('error', reject);
    program.stderr.on('data', (data) => {
      program.said += data;
      const found = pattern.exec(program.said);
      if (found) resolve([program, found]);
    });
    program.ended.then(() => reject(new Error(`${command} has ended: ${program.said}`)));
  });
}

// One session in turns; gives what each side sent and got.
async function talk(name, protocol, more, framed) {
  const seen = { client: { sent: [], got: [] }, server: { sent: [], got: [] } };
  const server = net.createServer({ allowHalfOpen: true });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const to = `127.0.0.1:${server.address().port}`;
  const args = ['proxy', protocol, '--to', to, '--listen', '127.0.0.1:0', '-q', '-w', file(`${name}.pcapng`), ...more];
  const [midwire, found] = await started(process.env.MIDWIRE, args, /listening on 127\.0\.0\.1:(\d+)\n/);
  const port = Number(found[1]);
  const dumped = ['-i', 'lo', '-B', '32768', '-U', '-w', file(`${name}.pcap`), `tcp port ${port} or tcp port ${to.split(':')[1]}`];
  const [dump] = await started('tcpdump', dumped, /listening on/);
  const accepted = new Promise((resolve) => server.once('connection', resolve));
  const client = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const peer = await accepted;
  const put = (side, socket, bytes) => { seen[side].sent.push(bytes); socket.write(bytes); };
  client.on('data', (data) => seen.client.got.push(data));
  peer.on('data', (data) => seen.server.got.push(data));
  const size = (side) => total(seen[side].got.map((data) => ({ len: data.length })));
  for (let turn = 1; turn <= 24; turn += 1) {
    const bytes = framed ? line(turn) : Buffer.alloc(turn * 311 % 5000 + 1, turn);
    const before = [size('client'), size('server')];
    put('client', client, bytes);
    put('server', peer, bytes);
    await until(`${name}, turn ${turn}`, () => (turn === 7 || size('client') > before[0]) && size('server') > before[1]);
  }
  const over = Promise.all([client, peer].map((socket) => new Promise((resolve) => socket.on('end', resolve))));
  client.end();
  peer.end();
  await over;
  server.close();
  const all = (side, what) => Buffer.concat(seen[side][what]);
  const legs = {
    client: { serverbound: all('client', 'sent'), clientbound: all('client', 'got') },
    server: { serverbound: all('server', 'got'), clientbound: all('server', 'sent') },
  };
  const bytes = Object.values(legs).flatMap(Object.values).reduce((sum, { length }) => sum + length, 0);
  await until('tcpdump has all', () => fs.statSync(file(`${name}.pcap`)).size > bytes && came(streams(file(`${name}.pcap`))) === bytes);
  dump.kill('SIGINT');
  midwire.kill('SIGINT');
  assert.strictEqual(await midwire.ended, 0, midwire.said);
  await dump.ended;
  return { ...legs, port };
}

const sizes = (leg) => Object.fromEntries(Object.entries(leg).map(([side, bytes]) => [side, { len: bytes.length, hash: hash(bytes) }]));

// The streams of a capture, each as what its sides are.
const sides = (seen) => seen.streams.map((_, id) => Object.fromEntries(['serverbound', 'clientbound']
  .filter((side) => seen.bytes[`${id} ${side}`]).map((side) => [side, seen.bytes[`${id} ${side}`]])));

(async () => {
  fs.writeFileSync(file('game.wire'), GAME);
  fs.writeFileSync(file('test.rules'), RULES);
  for (const [name, protocol, more, framed] of [
    ['frames', file('game.wire'), [], true],
    ['rules', file('game.wire'), ['--rules', file('test.rules')], true],
    ['raw', 'raw', [], false],
  ]) {
    const legs = await talk(name, protocol, more, framed);
    const [ours, theirs] = [file(`${name}.pcapng`), file(`${name}.pcap`)];

    step(`tshark opens the recording of a live session without a warning: ${name}`, () => {
      const said = expert(ours, '-d', `tcp.port==${legs.port},data`)
        .filter((message) => !/This frame (initiates|undergoes) the connection closing/.test(message));
      assert.deepStrictEqual(said, []);
      const read = spawnSync('tshark', ['-r', ours, '-q', '-z', 'io,phs'], { encoding: 'utf8' });
      assert.strictEqual(read.status, 0);
      assert.doesNotMatch(read.stderr, /damaged|cut short|isn't a capture/);
    });

    step(`it follows the streams of what each side saw: ${name}`, () => {
      const client = follow(ours, 0);
      for (const side of ['serverbound', 'clientbound']) assert.ok(client[side].equals(legs.client[side]), side);
      const seen = sameAsTshark(ours);
      assert.strictEqual(seen.damage + seen.other, 0);
      const counted = tool('tshark', '-r', ours, '-Y', 'frame.interface_name == "client"', '-T', 'fields', '-e', 'tcp.len');
      const payload = lines(counted).reduce((sum, len) => sum + Number(len), 0);
      assert.strictEqual(payload, legs.client.serverbound.length + legs.client.clientbound.length);
      return `${payload} bytes`;
    });

    step(`tcpdump has seen the same: ${name}`, () => {
      const theirSides = sides(streams(theirs));
      assert.deepStrictEqual(theirSides, [sizes(legs.client), sizes(legs.server)]);
      const [first] = sides(streams(ours));
      assert.deepStrictEqual(first, sizes(legs.client));
      if (name !== 'rules') assert.deepStrictEqual(sizes(legs.client), sizes(legs.server));
      return `${theirSides.length} connections`;
    });

    step(`and so it is when its packets are lost, doubled and out of order: ${name}`, () => {
      const numbers = lines(tool('tshark', '-r', theirs, '-T', 'fields', '-e', 'frame.number')).map(Number);
      const odd = numbers.filter((number) => number % 2).map(String);
      tool('editcap', theirs, file('odd.pcap'), ...odd);
      tool('editcap', '-r', theirs, file('even.pcap'), ...odd);
      tool('editcap', '-t', '0.001', file('even.pcap'), file('late.pcap'));
      tool('mergecap', '-w', file('order.pcapng'), file('odd.pcap'), file('late.pcap'));
      tool('mergecap', '-w', file('twice.pcapng'), theirs, theirs);
      const wanted = [sizes(legs.client), sizes(legs.server)];
      assert.deepStrictEqual(sides(streams(file('twice.pcapng'))), wanted);
      // A handshake's packet that comes when all is over opens a stream in which nothing comes.
      const byLen = (list) => list.map((one) => JSON.stringify(one)).filter((one) => one !== '{}').sort();
      assert.deepStrictEqual(byLen(sides(streams(file('order.pcapng')))), byLen(wanted));
      const lost = numbers.filter((number) => number > 8 && number < numbers.length - 8 && number % 5 === 0);
      tool('editcap', theirs, file('lost.pcap'), ...lost.map(String));
      const seen = streams(file('lost.pcap'));
      const size = wanted.flatMap(Object.values).reduce((sum, { len }) => sum + len, 0);
      assert.strictEqual(came(seen) + total(seen.gaps), size);
      return `${seen.gaps.length} gaps`;
    });
  }
  fs.rmSync(folder, { recursive: true });
  console.log('recordings of live sessions: all the same');
})().catch((error) => { console.error(error); process.exit(1); });
