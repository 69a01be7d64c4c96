// run.js EXAMPLES: compares midwire's examples `sample` and `streams` with tshark and tcpdump.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { spawn, spawnSync } = require('node:child_process');
const { came, examples, expert, file, folder, hash, lines, sameAsTshark, step, streams, tool, total } = require('./tools');

// Ports of games are also ports of other things, whose dissectors are not asked here.
const asData = ['-d', 'tcp.port==25565,data'];

step('tshark opens what midwire writes without a warning', () => {
  for (const more of [[], ['--reset']]) {
    const capture = file(`sample${more.length}.pcapng`);
    tool(path.join(examples, 'sample'), capture, ...more);
    const said = expert(capture, ...asData)
      .filter((message) => !/This frame (initiates|undergoes) the connection closing/.test(message))
      .filter((message) => !(more.length && /^Connection reset/.test(message)));
    assert.deepStrictEqual(said, []);
  }
  const errors = spawnSync('tshark', ['-r', file('sample0.pcapng'), '-c', '100'], { encoding: 'utf8' });
  assert.strictEqual(errors.status, 0);
  assert.doesNotMatch(errors.stderr, /damaged|cut short|isn't a capture/);
});

step('it counts the same payload of each leg', () => {
  const expected = {};
  for (const line of lines(tool(path.join(examples, 'sample'), file('sample0.pcapng')))) {
    const [session, leg, direction, bytes] = line.split(' ');
    expected[`${session} ${leg} ${direction}`] = Number(bytes);
  }
  const counted = {};
  const names = {};
  const packets = tool('tshark', '-r', file('sample0.pcapng'), '-T', 'fields', '-e', 'tcp.stream', '-e',
    'frame.interface_name', '-e', 'tcp.dstport', '-e', 'tcp.len', '-e', 'frame.comment');
  for (const line of lines(packets)) {
    const [stream, leg, port, len, comment] = line.split('\t');
    const opened = /session=(\d+) leg=/.exec(comment ?? '');
    if (opened) names[stream] = opened[1];
    const direction = port === '25565' ? 'serverbound' : 'clientbound';
    const key = `${names[stream]} ${leg} ${direction}`;
    counted[key] = (counted[key] ?? 0) + Number(len);
  }
  assert.deepStrictEqual(counted, expected);
  return `${Object.values(expected).reduce((a, b) => a + b)} bytes`;
});

step('it follows the same streams', () => {
  tool('editcap', '-r', file('sample0.pcapng'), file('some.pcapng'), '1-100');
  return `${came(sameAsTshark(file('some.pcapng')))} bytes`;
});

step('notes survive editcap and mergecap', () => {
  const notes = (capture) => lines(tool('tshark', '-r', capture, '-Y', 'frame.comment', '-T', 'fields', '-e',
    'frame.comment'));
  const before = notes(file('some.pcapng'));
  assert.ok(before.length > 20);
  tool('editcap', file('some.pcapng'), file('edited.pcapng'));
  tool('mergecap', '-w', file('merged.pcapng'), file('some.pcapng'));
  assert.deepStrictEqual(notes(file('edited.pcapng')), before);
  assert.deepStrictEqual(notes(file('merged.pcapng')), before);
  return `${before.length} notes`;
});

step('a session of every link, network and file format', () => {
  tool(process.execPath, path.join(__dirname, 'craft.js'), file('craft'));
  const captures = fs.readdirSync(file('craft'));
  for (const name of captures) {
    const seen = sameAsTshark(file(`craft/${name}`));
    assert.strictEqual(came(seen), 1308, name);
    assert.strictEqual(seen.other + seen.damage, 0, name);
  }
  return `${captures.length} files`;
});

const TRIES = 5;
const COMPLETE_WAIT = 5000;

// A conversation over loopback while tcpdump records it, again where the system has lost packets before tcpdump
// took them, which it does when others need the processor. Gives what each side got.
async function talk(host, device, capture) {
  for (let tries = 1; ; tries += 1) {
    const got = await talkOnce(host, device, capture);
    const { serverbound, clientbound, isComplete } = got;
    if (isComplete || tries === TRIES) return { serverbound, clientbound };
    console.log(`again: tcpdump lost packets of ${device}`);
  }
}

function talkOnce(host, device, capture) {
  const script = `
    const net = require('node:net');
    const bytes = (n, seed) => Buffer.from(Array.from({ length: n }, (_, i) => i * seed + (i >> 7)));
    const got = { serverbound: [], clientbound: [] };
    const server = net.createServer({ allowHalfOpen: true }, (peer) => {
      peer.on('data', (data) => { got.serverbound.push(data); peer.write(bytes(data.length * 3 % 90001, 5)); });
      peer.on('end', () => peer.end());
    }).listen(0, ${JSON.stringify(host)}, () => {
      console.log(server.address().port);
      process.stdin.once('data', () => {
        let turns = 0;
        const client = net.connect(server.address().port, ${JSON.stringify(host)});
        client.write(bytes(100, 3));
        client.on('data', (data) => {
          got.clientbound.push(data);
          turns += 1;
          if (turns < 40) client.write(bytes(turns * 997 % 70001, turns)); else client.end();
        });
        client.on('close', () => {
          server.close();
          const [s, c] = [got.serverbound, got.clientbound].map((all) => Buffer.concat(all).toString('hex'));
          console.log(s + ' ' + c);
          process.stdin.destroy();
        });
      });
    });`;
  return new Promise((resolve, reject) => {
    const peers = spawn(process.execPath, ['-e', script]);
    let out = '';
    let dump;
    peers.stdout.on('data', (data) => {
      out += data;
      const port = Number(/^(\d+)\n/.exec(out)?.[1]);
      if (port && !dump) {
        dump = spawn('tcpdump', ['-i', device, '-B', '65536', '-U', '-w', capture, 'tcp', 'port', String(port)]);
        dump.stderr.on('data', (said) => { if (/listening on/.test(said)) peers.stdin.write('go\n'); });
        dump.on('error', reject);
      }
    });
    peers.on('close', async () => {
      const [serverbound, clientbound] = lines(out)[1].split(' ').map((hex) => Buffer.from(hex, 'hex'));
      const isComplete = () => came(streams(capture)) === serverbound.length + clientbound.length;
      const end = Date.now() + COMPLETE_WAIT;
      do await new Promise((later) => setTimeout(later, 700)); while (!isComplete() && Date.now() < end);
      dump.on('close', () => resolve({ serverbound, clientbound, isComplete: isComplete() }));
      dump.kill('SIGINT');
    });
  });
}

function same(seen, got, what) {
  for (const [side, bytes] of Object.entries(got)) {
    const ours = Object.entries(seen.bytes).filter(([key]) => key.endsWith(side)).map(([, value]) => value);
    assert.deepStrictEqual(ours, [{ len: bytes.length, hash: hash(bytes) }], `${what} ${side}`);
  }
}

(async () => {
  const live = {};
  for (const [host, device] of [['127.0.0.1', 'lo'], ['::1', 'lo'], ['127.0.0.1', 'any'], ['::1', 'any']]) {
    const name = `live-${device}-${host.includes(':') ? 6 : 4}`;
    live[name] = await talk(host, device, file(`${name}.pcap`));
    step(`tcpdump of a live session: ${name}`, () => {
      same(streams(file(`${name}.pcap`)), live[name], name);
      return `${live[name].serverbound.length + live[name].clientbound.length} bytes`;
    });
  }
  const whole = file('live-lo-4.pcap');
  const got = live['live-lo-4'];
  const size = got.serverbound.length + got.clientbound.length;
  const packets = lines(tool('tshark', '-r', whole, '-T', 'fields', '-e', 'frame.number')).length;

  step('editcap changes the format', () => {
    for (const format of ['pcap', 'nsecpcap', 'pcapng', 'modpcap']) {
      const capture = file(`format-${format}`);
      tool('editcap', '-F', format, whole, capture);
      same(streams(capture), got, format);
    }
  });

  step('packets that come twice', () => {
    tool('mergecap', '-w', file('twice.pcapng'), whole, whole);
    tool('mergecap', '-a', '-w', file('again.pcapng'), whole, whole);
    same(streams(file('twice.pcapng')), got, 'twice');
    // One after the other it is the same connection twice.
    const seen = streams(file('again.pcapng'));
    assert.ok(Object.values(seen.bytes).every(({ len }) => Object.values(got).some((side) => side.length === len)));
    assert.deepStrictEqual(seen.gaps, []);
  });

  step('packets in another order', () => {
    for (const shift of ['0.0001', '0.001', '0.01', '5']) {
      const odd = [];
      for (let n = 2; n <= packets; n += 2) odd.push(String(n));
      tool('editcap', whole, file('odd.pcap'), ...odd);
      tool('editcap', '-r', whole, file('even.pcap'), ...odd);
      tool('editcap', '-t', shift, file('even.pcap'), file('late.pcap'));
      tool('mergecap', '-w', file('order.pcapng'), file('odd.pcap'), file('late.pcap'));
      same(streams(file('order.pcapng')), got, `order ${shift}`);
    }
  });

  step('packets that are lost are gaps', () => {
    const detail = [];
    for (const every of [3, 7, 20]) {
      const lost = [];
      for (let n = 5; n <= packets - 4; n += every) lost.push(String(n));
      tool('editcap', whole, file('lost.pcap'), ...lost);
      const seen = streams(file('lost.pcap'));
      assert.strictEqual(seen.streams.length, 1);
      assert.strictEqual(came(seen) + total(seen.gaps), size);
      assert.ok(seen.gaps.length > 0);
      detail.push(`${seen.gaps.length} gaps`);
    }
    return detail.join(', ');
  });

  step('packets that are cut short are gaps', () => {
    for (const len of ['80', '200', '1000']) {
      tool('editcap', '-s', len, whole, file('short.pcap'));
      const seen = streams(file('short.pcap'));
      assert.strictEqual(came(seen) + total(seen.gaps), size);
    }
  });

  step('the first packets are not there', () => {
    for (const first of [2, 4, 9]) {
      tool('editcap', whole, file('middle.pcap'), `1-${first}`);
      const seen = streams(file('middle.pcap'));
      assert.strictEqual(seen.streams.length, 1);
      assert.deepStrictEqual(seen.gaps, []);
      assert.ok(came(seen) > size / 2);
    }
  });

  step('bytes of packets that are wrong', () => {
    for (const share of ['0.001', '0.01', '0.2']) {
      tool('editcap', '-E', share, '--seed', '7', whole, file('wrong.pcap'));
      streams(file('wrong.pcap'));
    }
  });

  step('bytes of files that are wrong', () => {
    let state = 12345;
    const random = (n) => { state = Math.imul(state, 1103515245) + 12345 >>> 0; return (state >>> 8) % n; };
    let least = size;
    for (let round = 0; round < 60; round += 1) {
      for (const name of ['live-lo-4.pcap', 'format-pcapng']) {
        const bytes = fs.readFileSync(file(name));
        for (let n = 0; n < 1 + round % 10; n += 1) bytes[150 + random(bytes.length - 150)] = random(256);
        if (round % 3 === 0) bytes.copyWithin(1000, 1000 + random(5000));
        fs.writeFileSync(file('bad'), bytes.subarray(0, bytes.length - random(3000)));
        least = Math.min(least, came(streams(file('bad'))));
      }
    }
    return `${Math.round(least / size * 100)} % of the bytes in the worst case`;
  });

  fs.rmSync(folder, { recursive: true });
  console.log('captures: all the same');
})().catch((error) => { console.error(error); process.exit(1); });
