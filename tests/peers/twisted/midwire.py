"""A midwire with a configuration, and the counting of what passed."""

import json
import os
import re
import socket
import subprocess
import tempfile
import threading
import traceback
from pathlib import Path

# Far above what anything takes on a loaded machine.
PATIENCE = 60


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


class Midwire:
    """`midwire proxy` with these arguments, or a configuration; each event is a line of JSON."""

    def __init__(self, config: str = "", *arguments: str):
        self.folder = tempfile.TemporaryDirectory()
        if config:
            file = Path(self.folder.name) / "routes.toml"
            file.write_text(config)
            arguments = ("--config", str(file), *arguments)
        command = [os.environ["MIDWIRE"], "proxy", *arguments, "--json"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.lines: list[dict] = []
        self.changed = threading.Condition()
        self.told = ""
        self.ports: list[int] = []
        for line in self.process.stderr:
            self.told += line
            self.ports += [int(port) for port in re.findall(r"^listening on \S+?:(\d+)\b", line)]
            if "ctrl-c ends" in line:
                break
        else:
            raise RuntimeError(self.told)
        threading.Thread(target=self._follow, daemon=True).start()
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def _follow(self) -> None:
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(json.loads(line))
                self.changed.notify_all()

    def wait_for(self, what: str, wanted) -> dict:
        """The first event that is wanted."""
        found = None

        def find():
            nonlocal found
            found = next((line for line in self.lines if wanted(line)), None)
            return found is not None

        with self.changed:
            if not self.changed.wait_for(find, PATIENCE):
                raise AssertionError(f"{what} never came; {len(self.lines)} events did")
        return found

    def __enter__(self) -> "Midwire":
        return self

    def __exit__(self, *_) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.folder.cleanup()


class Checks:
    """Runs checks, and says of each how it went."""

    def __init__(self):
        self.failed = False

    def ok(self, name: str) -> None:
        print(f"  ok {name}", flush=True)

    def wrong(self, name: str, why: str) -> None:
        self.failed = True
        print(f"  FAILED {name}: {why}", flush=True)

    def run(self, name: str, check, *arguments) -> None:
        try:
            check(*arguments)
        except Exception:
            self.wrong(name, traceback.format_exc())
        else:
            self.ok(name)

    def end(self) -> int:
        print("  end", flush=True)
        return 1 if self.failed else 0


def equal(is_, wanted) -> None:
    if is_ != wanted:
        raise AssertionError(f"{shown(is_)} is not {shown(wanted)}")


def shown(value) -> str:
    text = repr(value)
    return text if len(text) < 200 else f"{text[:100]}... of {len(value)}"
