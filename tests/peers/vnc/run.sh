#!/usr/bin/env bash
# Real VNC servers and viewers talk through midwire; the last line counts what passed.
#
#   MIDWIRE=path/to/midwire VNC_VENV=folder run.sh
#
# VNC_VENV is made anew if it is not there. Installs Debian packages where they are missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

packages=()
for pair in Xtigervnc:tigervnc-standalone-server vncpasswd:tigervnc-tools x11vnc:x11vnc Xvfb:xvfb xev:x11-utils; do
    command -v "${pair%%:*}" >/dev/null || packages+=("${pair##*:}")
done
if ((${#packages[@]})); then
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${packages[@]}"
fi

venv=${VNC_VENV:?names a folder for Python packages}
if [[ ! -x $venv/bin/vncdo ]]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q --disable-pip-version-check -r requirements.txt
fi
exec "$venv/bin/python" run.py
