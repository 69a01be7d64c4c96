"""A real Twisted AMP server and client: first lines, then a challenge, then calls."""

import sys
import traceback

from midwire import Checks, Midwire, PATIENCE, equal
from twisted.internet import defer, error, protocol, reactor, threads
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.protocols import amp
from twisted.protocols.basic import LineReceiver

CHALLENGE = b"STARTAMP 7f3a\n"
SESSIONS = 100
CALLS = 20


class Sum(amp.Command):
    arguments = [(b"a", amp.Integer()), (b"b", amp.Integer())]
    response = [(b"total", amp.Integer())]


class Divide(amp.Command):
    arguments = [(b"numerator", amp.Integer()), (b"denominator", amp.Integer())]
    response = [(b"result", amp.Float())]
    errors = {ZeroDivisionError: b"ZERO_DIVISION"}


class Repeat(amp.Command):
    arguments = [(b"text", amp.String()), (b"times", amp.Integer())]
    response = [(b"text", amp.String())]


class Note(amp.Command):
    arguments = [(b"text", amp.String())]
    requiresAnswer = False


class Calculator(amp.AMP):
    """The server's side of the calls."""

    notes: list[bytes] = []

    @Sum.responder
    def sum(self, a, b):
        return {"total": a + b}

    @Divide.responder
    def divide(self, numerator, denominator):
        return {"result": numerator / denominator}

    @Repeat.responder
    def repeat(self, text, times):
        return {"text": text * times}

    @Note.responder
    def note(self, text):
        self.notes.append(text)
        return {}


class ChallengedCalculator(Calculator):
    """The same, behind a challenge that it takes itself."""

    challenge = b""

    def dataReceived(self, data):
        if self.challenge is not None:
            self.challenge += data
            if len(self.challenge) < len(CHALLENGE):
                return
            given, data = self.challenge[: len(CHALLENGE)], self.challenge[len(CHALLENGE) :]
            self.challenge = None
            if given != CHALLENGE:
                self.transport.abortConnection()
                return
        if data:
            super().dataReceived(data)


class Lines(LineReceiver):
    """Answers each line in capitals; says goodbye when the other side has ended."""

    delimiter = b"\n"
    farewell = b""

    def lineReceived(self, line):
        self.sendLine(line.upper())

    def readConnectionLost(self):
        if self.farewell:
            self.sendLine(self.farewell)
        self.transport.loseConnection()


class HalfCloseable(Lines):
    pass


from twisted.internet.interfaces import IHalfCloseableProtocol  # noqa: E402
from zope.interface import classImplements  # noqa: E402

classImplements(HalfCloseable, IHalfCloseableProtocol)
HalfCloseable.writeConnectionLost = lambda self: None


class Client(LineReceiver):
    """Lines first; then it goes on as AMP on the same connection."""

    delimiter = b"\n"

    def __init__(self):
        self.waiting: list[defer.Deferred] = []

    def ask(self, line: bytes) -> defer.Deferred:
        answered = defer.Deferred()
        self.waiting.append(answered)
        self.sendLine(line)
        return answered

    def expect(self) -> defer.Deferred:
        answered = defer.Deferred()
        self.waiting.append(answered)
        return answered

    def lineReceived(self, line):
        self.waiting.pop(0).callback(line)

    def become_amp(self) -> amp.AMP:
        calls = amp.AMP()
        self.transport.protocol = calls
        calls.makeConnection(self.transport)
        return calls


class Chopper(protocol.Protocol):
    """Passes bytes on one by one, each in a write of its own; the way back as it comes."""

    def __init__(self, port: int):
        self.port = port
        self.queue = bytearray()
        self.onwards = None

    def connectionMade(self):
        self.transport.pauseProducing()
        joined = connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", self.port), Back(self))
        joined.addCallback(self.go_on)

    def go_on(self, back):
        self.onwards = back
        back.transport.setTcpNoDelay(True)
        self.transport.resumeProducing()

    def dataReceived(self, data):
        idle = not self.queue
        self.queue += data
        if idle:
            reactor.callLater(0, self.step)

    def step(self):
        if self.queue and self.onwards.transport.connected:
            self.onwards.transport.write(bytes(self.queue[:1]))
            del self.queue[:1]
            reactor.callLater(0, self.step)

    def connectionLost(self, reason=error.ConnectionDone()):
        if self.onwards:
            self.onwards.transport.loseConnection()


class Back(protocol.Protocol):
    def __init__(self, chopper: Chopper):
        self.chopper = chopper

    def dataReceived(self, data):
        self.chopper.transport.write(data)

    def connectionLost(self, reason=error.ConnectionDone()):
        self.chopper.transport.loseConnection()


async def listen(make) -> tuple:
    factory = protocol.Factory.forProtocol(make)
    port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
    return port, port.getHost().port


def connect(port: int, client):
    return connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port), client)


async def calls_are_answered(calls: amp.AMP, number: int = 0) -> None:
    """Calls of every kind, several at once, each with the result that is its own."""
    asked = [calls.callRemote(Sum, a=number, b=n) for n in range(CALLS)]
    for n, answered in enumerate(asked):
        equal((await answered)["total"], number + n)
    equal((await calls.callRemote(Divide, numerator=7, denominator=2))["result"], 3.5)
    try:
        await calls.callRemote(Divide, numerator=1, denominator=0)
    except ZeroDivisionError:
        pass
    else:
        raise AssertionError("a division by zero has a result")
    long = await calls.callRemote(Repeat, text=b"%d," % number, times=9_000)
    equal(long["text"], b"%d," % number * 9_000)


async def a_session(port: int, number: int) -> None:
    client = await connect(port, Client())
    equal(await client.ask(b"hello %d" % number), b"HELLO %d" % number)
    equal(await client.ask(b"startamp"), b"STARTAMP")
    # The farewell of the line server comes before the first answer of the other.
    farewell = client.expect()
    client.transport.write(CHALLENGE)
    equal(await farewell, b"bye")
    calls = client.become_amp()
    await calls_are_answered(calls, number)
    calls.transport.loseConnection()


async def challenged(checks: Checks) -> None:
    HalfCloseable.farewell = b"bye"
    lines, line_port = await listen(HalfCloseable)
    for name, drop, server in (
        ("the challenge is dropped", "true", Calculator),
        ("the challenge is the server's", "false", ChallengedCalculator),
    ):
        amps, amp_port = await listen(server)
        config = f"""
[[route]]
name = "lines"
listen = "127.0.0.1:0"
protocol = "raw"
to = "127.0.0.1:{line_port}"
then = {{ text = "STARTAMP 7f3a\\n", route = "calls", drop_match = {drop} }}

[[route]]
name = "calls"
protocol = "amp"
to = "127.0.0.1:{amp_port}"
"""
        midwire = await threads.deferToThread(Midwire, config)
        try:
            port = midwire.ports[0]
            await attempt(checks, f"{name}: a session", a_session(port, 0))
            sessions = defer.gatherResults(
                [defer.ensureDeferred(a_session(port, n)) for n in range(1, SESSIONS + 1)]
            )
            await attempt(checks, f"{name}: {SESSIONS} sessions at once", sessions)
            chopped, chopped_port = await listen(lambda: Chopper(port))
            await attempt(checks, f"{name}: bytes in ones", a_session(chopped_port, 7))
            few = [defer.ensureDeferred(a_session(chopped_port, n)) for n in range(8)]
            await attempt(checks, f"{name}: 8 sessions in ones", defer.gatherResults(few))
            await chopped.stopListening()
            seen = threads.deferToThread(boxes_are_shown, midwire)
            await attempt(checks, f"{name}: midwire shows the boxes", seen)
        finally:
            await threads.deferToThread(midwire.__exit__)
            await amps.stopListening()
    await lines.stopListening()


def keys(line: dict) -> dict:
    pairs = line.get("fields", {}).get("pairs", [])
    return {pair["key"]: pair["value"] for pair in pairs}


def boxes_are_shown(midwire: Midwire) -> None:
    command = lambda name: lambda line: keys(line).get("_command") == name  # noqa: E731
    asked = midwire.wait_for("a call", command("Divide"))
    equal((asked["name"], asked["direction"]), ("box", "serverbound"))
    midwire.wait_for("an answer", lambda line: "_answer" in keys(line))
    failed = midwire.wait_for("a failure", lambda line: "_error" in keys(line))
    equal(keys(failed)["_error_code"], "ZERO_DIVISION")


async def told_by_first_bytes(checks: Checks) -> None:
    amps, amp_port = await listen(Calculator)
    to = f"127.0.0.1:{amp_port}"
    midwire = await threads.deferToThread(
        Midwire, "", "auto", "--listen", "127.0.0.1:0", "--to", to
    )

    async def session(port):
        calls = await connect(port, amp.AMP())
        await calls_are_answered(calls, 3)
        # No answer is asked for, so its box has no `_ask`.
        await calls.callRemote(Sum, a=1, b=1)
        calls.transport.loseConnection()

    async def only_a_note(port):
        calls = await connect(port, amp.AMP())
        calls.callRemote(Note, text=b"by the way")
        await calls.callRemote(Sum, a=1, b=1)
        equal(Calculator.notes, [b"by the way"])
        calls.transport.loseConnection()

    try:
        await attempt(checks, "auto: calls from the first byte on", session(midwire.ports[0]))
        await attempt(checks, "auto: a call without an answer first", only_a_note(midwire.ports[0]))
        chopped, port = await listen(lambda: Chopper(midwire.ports[0]))
        await attempt(checks, "auto: calls in ones", session(port))
        await chopped.stopListening()

        def shown():
            opened = lambda line: line.get("event") == "opened"  # noqa: E731
            equal(midwire.wait_for("a session", opened)["protocol"], "amp")
            boxes_are_shown(midwire)

        await attempt(checks, "auto: read as AMP", threads.deferToThread(shown))
    finally:
        await threads.deferToThread(midwire.__exit__)
        await amps.stopListening()


async def attempt(checks: Checks, name: str, work) -> None:
    work = defer.ensureDeferred(work) if not isinstance(work, defer.Deferred) else work
    try:
        await work.addTimeout(PATIENCE, reactor)
    except Exception:
        checks.wrong(name, traceback.format_exc())
    else:
        checks.ok(name)


def main() -> int:
    checks = Checks()

    async def all_of_it():
        try:
            await challenged(checks)
            await told_by_first_bytes(checks)
        except Exception:
            checks.wrong("the peers", traceback.format_exc())
        reactor.stop()

    reactor.callWhenRunning(lambda: defer.ensureDeferred(all_of_it()))
    reactor.run()
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
