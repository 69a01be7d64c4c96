"""Twisted's AMP, haproxy and TLS peers talk through midwire's routes.

    MIDWIRE=path/to/midwire python3 run.py [FOLDER]

FOLDER is where the virtual environment is made; without it a folder of its own beside the binary. haproxy and
openssl are taken from the path; haproxy is installed with apt-get where it is not there.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SUITES = ("amp", "haproxy", "tls")


def python_with_twisted(folder: Path) -> Path:
    """A Python of its own with the locked requirements."""
    python = folder / "bin" / "python"
    requirements = HERE / "requirements.txt"
    stamp = folder / "requirements.txt"
    if not (python.exists() and stamp.exists() and stamp.read_text() == requirements.read_text()):
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, "--requirement", requirements], check=True)
        stamp.write_text(requirements.read_text())
    return python


def need_haproxy() -> None:
    if shutil.which("haproxy"):
        return
    sudo = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([*sudo, "apt-get", "update", "-qq"], check=True, env=quiet)
    install = [*sudo, "apt-get", "install", "-qq", "-y", "--no-install-recommends", "haproxy"]
    subprocess.run(install, check=True, env=quiet, stdout=subprocess.DEVNULL)


def main() -> int:
    midwire = os.environ.get("MIDWIRE")
    if not midwire:
        print("MIDWIRE must name the midwire binary", file=sys.stderr)
        return 2
    midwire = Path(midwire).resolve()
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else midwire.parent / "twisted-peers"
    python = python_with_twisted(folder.resolve())
    need_haproxy()
    passed = failed = 0
    for suite in SUITES:
        print(f"{suite}:", flush=True)
        command = [python, "-B", HERE / f"{suite}_peers.py"]
        environment = {**os.environ, "MIDWIRE": str(midwire)}
        ran = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
        print(ran.stdout, end="", flush=True)
        lines = ran.stdout.splitlines()
        passed += sum(line.startswith("  ok ") for line in lines)
        failed += sum(line.startswith("  FAILED ") for line in lines)
        if ran.returncode not in (0, 1) or "  end" not in lines:
            print(f"  FAILED {suite} did not come to its end (exit code {ran.returncode})")
            failed += 1
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
