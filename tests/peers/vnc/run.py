"""Real VNC servers (Xtigervnc, x11vnc) and viewers (vncdotool, raw bytes) through midwire."""

import pathlib
import subprocess
import sys
import traceback

from PIL import Image, ImageChops

from raw import Client, Refused
from servers import Peers, wait_until

FRONT, OTHER = 'front-pw', 'other-pw'
STUDIO, KITCHEN, ATTIC = 'studio-1', 'kitchen2', 'attic-03'

RAW, COPY_RECT, RRE, CORRE, HEXTILE, ZLIB, TIGHT, ZRLE, ZYWRLE = 0, 1, 2, 4, 5, 6, 7, 16, 17
# The pointer's picture, the desktop's size and name, the last rectangle.
PSEUDO = [-239, -314, -223, -224, -307, -308, -232]
FORMATS = {
    '32 bits': (4, (32, 24, (255, 255, 255), (16, 8, 0))),
    '32 bits of 21': (4, (32, 21, (127, 127, 127), (14, 7, 0))),
    '16 bits': (2, (16, 16, (31, 63, 31), (11, 5, 0))),
    '8 bits': (1, (8, 8, (7, 7, 3), (0, 3, 6))),
}


def vncdo(port, password, *commands):
    return subprocess.run(
        [pathlib.Path(sys.executable).parent / 'vncdo', '-s', f'127.0.0.1::{port}', '-p', password, '-t', '30',
         '--nocursor', *[str(command) for command in commands]],
        capture_output=True, text=True, timeout=90)


class Run:
    def __init__(self, peers):
        self.peers = peers
        self.studio, self.display = peers.tigervnc(STUDIO)
        self.kitchen, _ = peers.tigervnc(KITCHEN, '-geometry', '120x90')
        self.attic = peers.x11vnc(ATTIC)

    def front(self, port, password, *more, client=FRONT):
        """midwire before a server; its password is that of the server unless it is a wrong one."""
        files = ('--client-password-file', self.peers.secret('front', client),
                 '--server-password-file', self.peers.secret('inner', password))
        return self.peers.midwire('rfb', '--listen', '127.0.0.1:0', '--to', f'127.0.0.1:{port}', *files, *more)

    def a_viewer_sees_what_it_sees_without_midwire(self):
        for name, port, password in (('studio', self.studio, STUDIO), ('attic', self.attic, ATTIC)):
            for mode in ('-q', '--json'):
                midwire = self.front(port, password, mode)
                direct, through = (self.peers.folder / f'{name}-{way}.png' for way in ('direct', 'through'))
                for of, secret, to in ((port, password, direct), (midwire.port, FRONT, through)):
                    done = vncdo(of, secret, 'capture', to)
                    assert done.returncode == 0, done.stderr
                one, other = Image.open(direct).convert('RGB'), Image.open(through).convert('RGB')
                assert one.size == other.size == (203, 131), (one.size, other.size)
                assert one.getcolors(1) is None, 'an empty screen shows nothing'
                assert ImageChops.difference(one, other).getbbox() is None, f'{name} differs, {mode}'
                midwire.end()

    def keys_and_the_pointer_reach_the_screen(self):
        log = self.peers.folder / 'xev.log'
        with open(log, 'wb') as out:
            self.peers.start('stdbuf', '-oL', 'xev', '-display', f':{self.display}', '-root', '-event', 'keyboard', '-event',
                             'mouse', stdout=out, stderr=subprocess.STDOUT)
        midwire = self.front(self.studio, STUDIO, '--json')
        # xev needs a moment until it hears.
        def typed():
            done = vncdo(midwire.port, FRONT, 'move', 12, 34, 'move', 123, 45, 'type', 'vnc', 'pause', 0.3)
            assert done.returncode == 0, done.stderr
            text = log.read_text()
            return all(f'keysym 0x{ord(key):x}, {key})' in text for key in 'vnc') and '(123,45)' in text
        wait_until(typed, 'the keys and the pointer', log.read_text)
        packets = midwire.packets(1)
        keys = [p['fields']['key'] for p in packets if p['name'] == 'KeyEvent' and p['fields']['down']]
        assert keys[:3] == [ord(key) for key in 'vnc'], keys
        moves = [(p['fields']['x'], p['fields']['y']) for p in packets if p['name'] == 'PointerEvent']
        assert (123, 45) in moves, moves
        midwire.end()

    def a_wrong_password_is_refused_readably(self):
        midwire = self.front(self.studio, STUDIO, '-q')
        done = vncdo(midwire.port, 'mistaken', 'capture', self.peers.folder / 'none.png')
        assert done.returncode != 0 and not (self.peers.folder / 'none.png').exists()
        assert 'the password is wrong' in done.stderr + done.stdout, done.stderr
        # Nor does the server's own lead in.
        assert refusal(midwire.port, STUDIO) == 'the password is wrong'
        for version in (7, 3):
            assert refusal(midwire.port, 'mistaken', version) == ''
        wait_until(lambda: "the client's password is wrong (4 of 10" in midwire.told(), 'what midwire says of it',
                   midwire.told)
        for secret in (FRONT, STUDIO, 'mistaken'):
            assert secret not in midwire.told()
        midwire.end()

    def clients_of_all_versions_see_the_same(self):
        expected = screen(self.studio, STUDIO, 8, False)
        for mode in ('-q', '--json'):
            midwire = self.front(self.studio, STUDIO, mode)
            for version in (3, 5, 7, 8):
                for slowly in (False, True):
                    assert screen(midwire.port, FRONT, version, slowly) == expected, (version, slowly)
            midwire.end()

    def the_clients_password_chooses_among_servers(self):
        for name, password in (('one', FRONT), ('two', OTHER), ('three', 'third-pw'), ('studio', STUDIO),
                               ('kitchen', KITCHEN), ('attic', ATTIC)):
            self.peers.secret(f'chosen.{name}', password)
        config = self.peers.folder / 'midwire.toml'
        config.write_text('[[route]]\nprotocol = "rfb"\nlisten = "127.0.0.1:0"\n' + ''.join(
            f'[[route.server]]\nto = "127.0.0.1:{port}"\nclient_password_file = "chosen.{client}"\n'
            f'server_password_file = "chosen.{server}"\n'
            for port, client, server in ((self.studio, 'one', 'studio'), (self.kitchen, 'two', 'kitchen'),
                                         (self.attic, 'three', 'attic'))))
        midwire = self.peers.midwire('--config', config, '-q')
        for password, port, own in ((FRONT, self.studio, STUDIO), (OTHER, self.kitchen, KITCHEN),
                                    ('third-pw', self.attic, ATTIC)):
            for version in (3, 8):
                seen = screen(midwire.port, password, version, False)
                assert seen == screen(port, own, 8, False), (password, version)
        assert refusal(midwire.port, 'mistaken') == 'the password is wrong'
        midwire.end()

    def the_servers_wrong_password_is_told(self):
        midwire = self.front(self.studio, 'mistaken', '-q')
        assert refusal(midwire.port, FRONT) == \
            "the server refuses midwire's password: Authentication failure"
        assert refusal(midwire.port, FRONT, 3) == ''
        wait_until(lambda: "the server refuses midwire's password: Authentication failure" in midwire.told(),
                   'what midwire says of it', midwire.told)
        midwire.end()
        midwire = self.front(self.attic, 'mistaken', '-q')
        told = refusal(midwire.port, FRONT)
        assert told.startswith("the server refuses midwire's password"), told
        midwire.end()

    def a_server_that_comes_back_is_found_again(self):
        peers = Peers()
        try:
            port, _ = peers.tigervnc(KITCHEN)
            midwire = self.front(port, KITCHEN, '-q')
            screen(midwire.port, FRONT, 8, False)
            peers.end()
            told = refusal(midwire.port, FRONT)
            assert told.startswith('the server cannot be reached: connection refused'), told
            peers = Peers()
            peers.tigervnc(KITCHEN, port=port)
            wait_until(lambda: refusal(midwire.port, FRONT) is None, 'the server, again', midwire.told)
            midwire.end()
        finally:
            peers.end()

    def many_viewers_at_once_get_in(self):
        midwire = self.front(self.studio, STUDIO, '-q')
        clients = [Client(midwire.port, 3 + 4 * (n % 2)) for n in range(24)]
        for client in clients:
            client.log_in(FRONT)
        for client in clients:
            client.begin()
            client.want([RAW])
            client.raw_update()
            client.close()
        midwire.end()

    def every_encoding_is_read_at_every_depth(self):
        kinds = {
            self.studio: (STUDIO, [RAW, COPY_RECT, RRE, HEXTILE, TIGHT, ZRLE]),
            self.attic: (ATTIC, [RAW, RRE, CORRE, HEXTILE, ZLIB, TIGHT, ZRLE, ZYWRLE]),
        }
        seen = set()
        for port, (password, encodings) in kinds.items():
            midwire = self.front(port, password, '--json')
            session = 0
            for encoding in encodings:
                for format in FORMATS:
                    session += 1
                    seen |= self.read(midwire, session, encoding, format)
            midwire.end()
        # Which of those that were asked for a server uses is its own choice.
        for used in ('raw', 'rre', 'corre', 'hextile', 'zlib', 'tight', 'zrle', 'cursor'):
            assert used in seen, (used, seen)
        print('    encodings seen:', ', '.join(sorted(map(str, seen))))

    def read(self, midwire, session, encoding, format):
        """A session in one encoding: midwire finds its packets to the last byte."""
        case = f'session {session}, encoding {encoding}, {format}'
        client = Client(midwire.port)
        client.log_in(FRONT)
        client.begin()
        client.format(*FORMATS[format][1])
        # The lowest compression is a matter of filters, the lowest quality one of JPEG.
        client.want([encoding, -256 if session % 2 else -247, -32, *PSEUDO])
        for x, incremental in ((5, 0), (60, 1), (150, 0)):
            client.ask(incremental)
            client.say(bytes([5, 0, 0, x, 0, 40]))
            client.listen(0.4)
        client.close()

        def listed():
            return [p for p in midwire.packets(session) if p['direction'] == 'clientbound']
        wait_until(lambda: sum(p['wire_length'] for p in listed()) >= client.read_bytes, case,
                   lambda: str(midwire.notices(session)))
        packets = listed()
        assert sum(p['wire_length'] for p in packets) == client.read_bytes, case
        assert not any('error' in p for p in packets), case
        lost = [n for n in midwire.notices(session) if 'raw' in n['message'] or 'takes all' in n['message']]
        assert not lost, (case, lost)
        updates = [p['fields'] for p in packets if p['name'] == 'FramebufferUpdate']
        assert len(updates) >= 2, case
        return {r['encoding'] for update in updates for r in update.get('rectangles', [])}


def refusal(port, password, version=8):
    """Why a client is not let in; none if it is."""
    client = Client(port, version)
    try:
        client.log_in(password)
    except Refused as refused:
        return str(refused)
    finally:
        client.close()
    return None


def screen(port, password, version, slowly):
    client = Client(port, version, slowly)
    client.log_in(password)
    name = client.begin()
    client.want([RAW])
    parts = client.raw_update()
    client.close()
    return name, client.width, client.height, parts


def main():
    peers = Peers()
    passed = failed = 0
    try:
        run = Run(peers)
        for name, check in vars(Run).items():
            if name.startswith('_') or name in ('front', 'read'):
                continue
            try:
                check(run)
                passed += 1
                print(f'  ok      {name.replace("_", " ")}', flush=True)
            except Exception:
                failed += 1
                print(f'  FAILED  {name.replace("_", " ")}\n{traceback.format_exc()}', flush=True)
    finally:
        peers.end()
    print(f'{passed} passed, {failed} failed')
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == '__main__':
    sys.exit(main())
