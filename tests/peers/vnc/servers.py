"""VNC servers that others wrote, and midwire in front of them."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import time

PATIENCE = 60


class Peers:
    """A folder for what a run needs, and the programs that it started."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='midwire-vnc-'))
        self.programs = []

    def start(self, *command, **options):
        program = subprocess.Popen([str(part) for part in command], **options)
        self.programs.append(program)
        return program

    def end(self):
        for program in reversed(self.programs):
            program.terminate()
        for program in self.programs:
            try:
                program.wait(10)
            except subprocess.TimeoutExpired:
                program.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def secret(self, name, password):
        """A file with a password as midwire takes it."""
        path = self.folder / name
        path.write_text(password + '\n')
        path.chmod(0o600)
        return path

    def log(self, name):
        return open(self.folder / name, 'wb')

    def tigervnc(self, password, *more, port=None):
        """Xtigervnc with the stippled root window of old; gives its port and its display."""
        display, port = free_display(), port or free_port()
        file = self.folder / f'tigervnc-{display}.passwd'
        made = subprocess.run(['vncpasswd', '-f'], input=password.encode() + b'\n', capture_output=True)
        file.write_bytes(made.stdout)
        file.chmod(0o600)
        self.start(
            'Xtigervnc', f':{display}', '-geometry', '203x131', '-depth', '24', '-retro', '-rfbport', port,
            '-SecurityTypes', 'VncAuth', '-PasswordFile', file, '-localhost', '-BlacklistThreshold', '1000',
            *more, stdout=self.log(f'tigervnc-{display}.log'), stderr=subprocess.STDOUT)
        wait_for_port(port)
        return port, display

    def x11vnc(self, password):
        """x11vnc, which is made with libvncserver, before an Xvfb; gives its port."""
        display = free_display()
        self.start('Xvfb', f':{display}', '-screen', '0', '203x131x24', '-retro',
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: pathlib.Path(f'/tmp/.X11-unix/X{display}').exists(), 'Xvfb')
        port = free_port()
        file = self.folder / 'x11vnc.passwd'
        made = subprocess.run(['vncpasswd', '-f'], input=password.encode() + b'\n', capture_output=True)
        file.write_bytes(made.stdout)
        self.start('x11vnc', '-display', f':{display}', '-rfbport', port, '-rfbauth', file, '-localhost',
                   '-forever', '-shared', '-noxdamage', '-noipv6', '-norc', '-nopw',
                   stdout=self.log('x11vnc.log'), stderr=subprocess.STDOUT)
        wait_for_port(port)
        return port

    def midwire(self, *arguments):
        return Midwire(self, arguments)


class Midwire:
    """A running `midwire proxy`."""

    def __init__(self, peers, arguments):
        self.program = peers.start(
            os.environ['MIDWIRE'], 'proxy', *arguments, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.output, self.diagnostics = [], []
        for pipe, lines in ((self.program.stdout, self.output), (self.program.stderr, self.diagnostics)):
            threading.Thread(target=self._follow, args=(pipe, lines), daemon=True).start()
        self.ports = []
        wait_until(self._listens, 'midwire to listen', lambda: ''.join(self.diagnostics))

    @staticmethod
    def _follow(pipe, lines):
        for line in pipe:
            lines.append(line)

    def _listens(self):
        found = [line.split() for line in list(self.diagnostics) if line.startswith('listening on ')]
        self.ports = [int(words[2].rstrip(':').rsplit(':', 1)[1]) for words in found]
        return bool(found)

    @property
    def port(self):
        return self.ports[0]

    def told(self):
        return ''.join(self.diagnostics)

    def packets(self, session):
        lines = [json.loads(line) for line in list(self.output)]
        return [line for line in lines if line['type'] == 'packet' and line['session'] == session]

    def notices(self, session):
        lines = [json.loads(line) for line in list(self.output)]
        return [line for line in lines if line['type'] == 'notice' and line.get('session') == session]

    def end(self):
        self.program.terminate()
        self.program.wait(20)


def free_display():
    number = 71
    while pathlib.Path(f'/tmp/.X{number}-lock').exists():
        number += 1
    return number


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def wait_for_port(port):
    def answers():
        with socket.socket() as probe:
            return probe.connect_ex(('127.0.0.1', port)) == 0
    wait_until(answers, f'a server on port {port}')


def wait_until(holds, what, story=lambda: ''):
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f'{what} did not come in {PATIENCE} s {story()}')
        time.sleep(0.05)
