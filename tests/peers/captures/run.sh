#!/usr/bin/env bash
# Captures against tshark, tcpdump and editcap: what midwire writes opens there and says the same, and what they
# write, whole or damaged, is read. Needs Node 20, and MIDWIRE for the program; installs tshark and tcpdump where
# it may.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

missing=()
command -v tshark editcap mergecap >/dev/null || missing+=(tshark)
command -v tcpdump >/dev/null || missing+=(tcpdump)
if ((${#missing[@]})); then
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
fi

cargo build --release --locked -p midwire-capture --examples
[[ -n ${MIDWIRE-} ]] || cargo build --release --locked -p midwire-proxy
target=$(cargo metadata --locked --no-deps --format-version 1 |
    node -p 'JSON.parse(require("node:fs").readFileSync(0, "utf8")).target_directory')
export MIDWIRE=${MIDWIRE-$target/release/midwire}
node run.js "$target/release/examples"
node live.js "$target/release/examples"
