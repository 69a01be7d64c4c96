"""TLS servers chosen by the name that the client asks for; the bytes pass unopened."""

import contextlib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from midwire import Checks, Midwire, PATIENCE, equal


def certificate(folder: Path, name: str) -> Path:
    """A certificate of its own for a name, with its key in one file."""
    file = folder / f"{name}.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
         "-keyout", file, "-out", file.with_suffix(".crt")],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    file.write_text(file.read_text() + file.with_suffix(".crt").read_text())
    return file


@contextlib.contextmanager
def tls_server(pem: Path, greeting: bytes, alpn: list[str]):
    """Greets each client, then sends back what it gets."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    context.set_alpn_protocols(alpn)
    listening = socket.create_server(("127.0.0.1", 0))

    def serve(connection):
        with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as tls:
            tls.sendall(greeting)
            while data := tls.recv(65536):
                tls.sendall(data)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.close()


def read(tls: ssl.SSLSocket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = tls.recv(65536)
        if not more:
            break
        data += more
    return data


def by_name(port: int, name: str, pem: Path, greeting: bytes, alpn: list[str], agreed) -> None:
    """A client that trusts one certificate alone: another server's would be refused."""
    context = ssl.create_default_context(cafile=pem.with_suffix(".crt"))
    if alpn:
        context.set_alpn_protocols(alpn)
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        with context.wrap_socket(connection, server_hostname=name) as tls:
            equal(tls.selected_alpn_protocol(), agreed)
            equal(read(tls, len(greeting)), greeting)
            # One thread: Python's TLS connections may not be read and written at once.
            for number in range(100):
                piece = bytes([number]) * 5_000
                tls.sendall(piece)
                equal(read(tls, len(piece)), piece)


def by_openssl(port: int, name: str, pem: Path, greeting: bytes) -> None:
    client = subprocess.Popen(
        ["openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{port}", "-servername", name,
         "-verify_return_error", "-verify_hostname", name, "-CAfile", pem.with_suffix(".crt")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    # It ends when its connection does, not with its input.
    late = threading.Timer(PATIENCE, client.kill)
    late.start()
    try:
        equal(client.stdout.read(len(greeting)), greeting)
        client.stdin.write(b"through and through\n")
        client.stdin.flush()
        equal(client.stdout.readline(), b"through and through\n")
    finally:
        late.cancel()
        client.kill()
        client.communicate()


def in_ones(port: int, name: str, pem: Path, greeting: bytes) -> None:
    """The ClientHello comes byte by byte."""
    context = ssl.create_default_context(cafile=pem.with_suffix(".crt"))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                for byte in outgoing.read():
                    connection.sendall(bytes([byte]))
                incoming.write(connection.recv(65536))
        connection.sendall(outgoing.read())
        data = b""
        while len(data) < len(greeting):
            try:
                data += tls.read(65536)
            except ssl.SSLWantReadError:
                incoming.write(connection.recv(65536))
        equal(data, greeting)


def main() -> int:
    checks = Checks()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        one, other = certificate(folder, "one.example.org"), certificate(folder, "two.example.net")
        servers = [
            stack.enter_context(tls_server(one, b"this is one\n", ["http/1.1"])),
            stack.enter_context(tls_server(other, b"this is two\n", ["http/1.1"])),
            stack.enter_context(tls_server(one, b"this is h2\n", ["h2"])),
        ]
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            port = listening.getsockname()[1]
        matches = [
            'match = { server_name = "one.example.org", alpn = "h2" }',
            'match = { server_name = "*.example.org" }',
            'match = { server_name = "two.example.net" }',
        ]
        config = "[settings]\nsniff_wait = 30000\n" + "".join(
            f'[[route]]\nlisten = "127.0.0.1:{port}"\n{match}\nprotocol = "raw"\n'
            f'to = "127.0.0.1:{server}"\n'
            for match, server in zip(matches, [servers[2], servers[0], servers[1]])
        )
        midwire = stack.enter_context(Midwire(config))
        port = midwire.ports[0]
        checks.run("TLS by name", by_name, port, "one.example.org", one, b"this is one\n", [], None)
        checks.run("TLS by another name", by_name, port, "two.example.net", other, b"this is two\n",
                   ["http/1.1"], "http/1.1")
        checks.run("TLS by name and ALPN", by_name, port, "one.example.org", one, b"this is h2\n",
                   ["h2", "http/1.1"], "h2")
        checks.run("openssl s_client", by_openssl, port, "two.example.net", other, b"this is two\n")
        checks.run("a ClientHello in ones", in_ones, port, "one.example.org", one, b"this is one\n")

        def nobody():
            try:
                by_name(port, "three.example.com", one, b"", [], None)
            except (ssl.SSLError, ConnectionError):
                return
            raise AssertionError("a name without a route reaches a server")

        checks.run("a name without a route", nobody)
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
