"""A VNC client of a few lines, which speaks any version and says what it was told."""

import socket
import struct

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes


class Refused(Exception):
    """The server does not let in; its reason, if its version has one."""


def answer(password, challenge):
    key = bytes(int(f'{byte:08b}'[::-1], 2) for byte in password.encode()[:8].ljust(8, b'\0'))
    # Three times the same key is DES.
    cipher = Cipher(TripleDES(key * 3), modes.ECB()).encryptor()
    return cipher.update(challenge) + cipher.finalize()


class Client:
    def __init__(self, port, version=8, slowly=False):
        self.socket = socket.create_connection(('127.0.0.1', port), 30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # All others count as 3.3.
        self.version, self.spoken, self.slowly = version, version if version in (7, 8) else 3, slowly
        self.width = self.height = 0
        self.read_bytes = 0

    def close(self):
        self.socket.close()

    def say(self, data):
        for piece in (data[i:i + 1] for i in range(len(data))) if self.slowly else (data,):
            self.socket.sendall(piece)

    def hear(self, length):
        data = b''
        while len(data) < length:
            piece = self.socket.recv(length - len(data))
            if not piece:
                raise EOFError(f'{length} bytes were to come, and {data!r} did')
            data += piece
        self.read_bytes += length
        return data

    def number(self, form):
        return struct.unpack(form, self.hear(struct.calcsize(form)))[0]

    def reason(self):
        return self.hear(self.number('>I')).decode()

    def log_in(self, password):
        """The security handshake, with VNC authentication."""
        assert self.hear(12) == b'RFB 003.008\n'
        self.say(b'RFB 003.%03d\n' % self.version)
        if self.spoken == 3:
            kind = self.number('>I')
        else:
            kinds = self.hear(self.number('B'))
            kind = kinds[0] if kinds else 0
        if kind == 0:
            raise Refused(self.reason())
        if self.spoken > 3:
            self.say(bytes([kind]))
        if kind == 2:
            self.say(answer(password, self.hear(16)))
        if (kind == 2 or self.spoken == 8) and self.number('>I') != 0:
            raise Refused(self.reason() if self.spoken == 8 else '')
        self.read_bytes = 0

    def begin(self):
        self.say(b'\1')
        self.width, self.height = struct.unpack('>HH', self.hear(4))
        self.hear(16)
        return self.hear(self.number('>I')).decode()

    def want(self, encodings):
        self.say(struct.pack('>BxH', 2, len(encodings)) + b''.join(struct.pack('>i', e) for e in encodings))

    def format(self, bits, depth, maxima, shifts):
        self.say(struct.pack('>B3xBBBBHHHBBB3x', 0, bits, depth, 0, 1, *maxima, *shifts))

    def ask(self, incremental=0):
        self.say(struct.pack('>BBHHHH', 3, incremental, 0, 0, self.width, self.height))

    def raw_update(self, pixel=4):
        """Asks for the whole screen in the encoding Raw, and gives its pixels by rectangle."""
        self.ask()
        while True:
            kind = self.number('B')
            if kind == 0:
                break
            assert kind == 2, kind
        parts = {}
        self.hear(1)
        for _ in range(self.number('>H')):
            x, y, width, height, encoding = struct.unpack('>HHHHi', self.hear(12))
            assert encoding == 0, encoding
            parts[x, y, width, height] = self.hear(width * height * pixel)
        return parts

    def listen(self, seconds):
        """Reads until nothing has come for so long."""
        self.socket.settimeout(seconds)
        try:
            while True:
                piece = self.socket.recv(65536)
                if not piece:
                    return
                self.read_bytes += len(piece)
        except TimeoutError:
            self.socket.settimeout(30)
