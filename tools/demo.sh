#!/bin/bash
# Serves the emulated lab of inventory/lab.yaml, collects from it, and leaves nothing running.
set -euo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python
scratch=$(mktemp -d)
lab=
# The lab is somebody new at every start: its host keys stay out of the user's known hosts.
export COLLECTOR_KNOWN_HOSTS="$scratch/known_hosts"

stop_lab() {
    trap '' HUP INT TERM # make passes a signal on, so it may come twice
    if [ -n "$lab" ] && kill -TERM "$lab" 2>/dev/null; then
        for _ in {1..50}; do
            kill -0 "$lab" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "$lab" 2>/dev/null || true
    fi
    rm -rf "$scratch"
}
trap stop_lab EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Waits until every device accepts a connection; fails when the lab has ended or 20 seconds are over.
await_lab() {
    "$python" - "$lab" <<'PY'
import os, pathlib, signal, socket, sys, time

signal.signal(signal.SIGINT, signal.SIG_DFL)
import yaml

inventory = yaml.safe_load(pathlib.Path("inventory/lab.yaml").read_text())
defaults = inventory.get("defaults") or {}
waiting = [{**defaults, **device} for device in inventory["devices"].values()]
until = time.monotonic() + 20
while waiting:
    try:
        os.kill(int(sys.argv[1]), 0)
        socket.create_connection((waiting[-1]["host"], waiting[-1]["port"]), timeout=1).close()
        waiting.pop()
    except ProcessLookupError:
        sys.exit(1)
    except OSError:
        if time.monotonic() > until:
            sys.exit(1)
        time.sleep(0.1)
PY
}

"$python" -m collector lab --inventory lab.yaml >"$scratch/lab.log" 2>&1 &
lab=$!
if ! await_lab; then
    echo "The emulated lab did not start:" >&2
    cat "$scratch/lab.log" >&2
    exit 1
fi

echo '$ python -m collector run --inventory lab.yaml'
status=0
"$python" -m collector run --inventory lab.yaml || status=$?

echo
if [ -e output/runs/latest ]; then
    echo "The outputs:  output/runs/latest/devices/<device>/<command>.txt"
    echo "What became of each device:  output/runs/latest/manifest.json"
fi
exit "$status"
