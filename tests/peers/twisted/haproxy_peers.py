"""haproxy in front of midwire and behind it: PROXY headers of both versions."""

import contextlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from midwire import Checks, Midwire, PATIENCE, equal, free_port

HTTP = b"GET / HTTP/1.0\r\n\r\n"


@contextlib.contextmanager
def haproxy(config: str, *ports: int):
    """haproxy with some sections, once it listens."""
    general = (
        "global\n    log stderr local0\ndefaults\n    mode tcp\n    timeout connect 10s\n"
        "    timeout client 60s\n    timeout server 60s\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "haproxy.cfg"
        file.write_text(general + config)
        process = subprocess.Popen(
            ["haproxy", "-db", "-q", "-f", str(file)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            deadline = time.monotonic() + PATIENCE
            while not all(listens(port) for port in ports):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("haproxy does not listen")
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            process.wait(PATIENCE)


def listens(port: int) -> bool:
    # A connection would be taken for a client; a port that cannot be had is listened on.
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


@contextlib.contextmanager
def echo_server():
    """Sends back what it gets, in capitals."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve(connection):
        with contextlib.suppress(OSError), connection:
            while data := connection.recv(65536):
                connection.sendall(data.upper())

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


def talk(port: int, say: bytes) -> tuple[str, bytes]:
    """The address that this client has, and all that it is answered."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        address = "{}:{}".format(*client.getsockname())
        client.sendall(say)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while data := client.recv(65536):
            answer += data
        return address, answer


def route(**keys: str) -> str:
    written = {"listen": "127.0.0.1:0", "protocol": "raw", **keys}
    return "[[route]]\n" + "".join(f'{key} = "{value}"\n' for key, value in written.items())


def in_front(version: str, option: str) -> None:
    """haproxy tells midwire who the client is."""
    with echo_server() as server:
        with Midwire(route(proxy_header="take", to=f"127.0.0.1:{server}")) as midwire:
            port = free_port()
            config = (
                f"listen front\n    bind 127.0.0.1:{port}\n"
                f"    server midwire 127.0.0.1:{midwire.ports[0]} {option}\n"
            )
            with haproxy(config, port):
                for number in range(5):
                    said = b"hello %d" % number
                    address, answer = talk(port, said)
                    equal(answer, said.upper())
                    midwire.wait_for(
                        f"a session of {address}", lambda line: line.get("client") == address
                    )


def checked(option: str) -> None:
    """haproxy looks whether midwire is there, with a header of its own connection."""
    with echo_server() as server:
        with Midwire(route(proxy_header="take", to=f"127.0.0.1:{server}")) as midwire:
            port = free_port()
            config = (
                f"listen front\n    bind 127.0.0.1:{port}\n    server midwire "
                f"127.0.0.1:{midwire.ports[0]} {option} check check-send-proxy inter 200ms\n"
            )
            with haproxy(config, port):
                opened = lambda line: line.get("event") == "opened"  # noqa: E731
                midwire.wait_for("a check", opened)
                _, answer = talk(port, b"hello")
                equal(answer, b"HELLO")
                wrong = [line for line in midwire.lines if "turned away" in line.get("message", "")]
                equal(wrong, [])


def source_section(port: int) -> str:
    """A server that answers with whom it takes for the client."""
    return (
        f"frontend source\n    mode http\n    bind 127.0.0.1:{port} accept-proxy\n"
        "    http-request return status 200 content-type text/plain lf-string %[src]:%[src_port]\n"
    )


def behind(version: str) -> None:
    """midwire tells haproxy who the client is."""
    source = free_port()
    with haproxy(source_section(source), source):
        with Midwire(route(send_proxy_header=version, to=f"127.0.0.1:{source}")) as midwire:
            for _ in range(5):
                address, answer = talk(midwire.ports[0], HTTP)
                equal(answer.split(b"\r\n\r\n")[-1].decode(), address)


def between(how: dict, option: str) -> None:
    """haproxy on both sides: the header goes through, as it came or written anew."""
    source, port = free_port(), free_port()
    with Midwire(route(to=f"127.0.0.1:{source}", **how)) as midwire:
        config = source_section(source) + (
            f"listen front\n    bind 127.0.0.1:{port}\n"
            f"    server midwire 127.0.0.1:{midwire.ports[0]} {option}\n"
        )
        with haproxy(config, port, source):
            for _ in range(5):
                address, answer = talk(port, HTTP)
                equal(answer.split(b"\r\n\r\n")[-1].decode(), address)
                midwire.wait_for(
                    f"a session of {address}", lambda line: line.get("client") == address
                )


def refused() -> None:
    """A client that does not come through haproxy."""
    with echo_server() as server:
        with Midwire(route(proxy_header="take", to=f"127.0.0.1:{server}")) as midwire:
            with contextlib.suppress(ConnectionResetError):
                equal(talk(midwire.ports[0], b"hello")[1], b"")
            midwire.wait_for(
                "a notice", lambda line: "no PROXY header in front" in line.get("message", "")
            )


def main() -> int:
    checks = Checks()
    for version, option in (("1", "send-proxy"), ("2", "send-proxy-v2")):
        checks.run(f"haproxy in front, version {version}", in_front, version, option)
        checks.run(f"haproxy's checks, version {version}", checked, option)
        checks.run(f"haproxy behind, version {version}", behind, f"v{version}")
        passed = {"proxy_header": "pass"}
        checks.run(f"haproxy on both sides, version {version} passed", between, passed, option)
        anew = {"proxy_header": "take", "send_proxy_header": f"v{3 - int(version)}"}
        checks.run(f"haproxy on both sides, version {version} made anew", between, anew, option)
    checks.run("without haproxy", refused)
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
