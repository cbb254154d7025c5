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
    trap - EXIT
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

# Succeeds when every device of the inventory accepts a connection.
listening() {
    "$python" - <<'PY'
import pathlib, socket, sys, yaml

inventory = yaml.safe_load(pathlib.Path("inventory/lab.yaml").read_text())
defaults = inventory.get("defaults") or {}
for device in inventory["devices"].values():
    merged = {**defaults, **(device or {})}
    try:
        socket.create_connection((merged["host"], merged["port"]), timeout=1).close()
    except OSError:
        sys.exit(1)
PY
}

"$python" -m collector lab --inventory lab.yaml >"$scratch/lab.log" 2>&1 &
lab=$!
for try in {1..60}; do
    listening && break
    if ! kill -0 "$lab" 2>/dev/null || [ "$try" -eq 60 ]; then
        echo "The emulated lab did not start:" >&2
        cat "$scratch/lab.log" >&2
        exit 1
    fi
    sleep 0.25
done

echo '$ python -m collector run --inventory lab.yaml'
status=0
"$python" -m collector run --inventory lab.yaml || status=$?

echo
if [ -e output/runs/latest ]; then
    echo "The outputs:  output/runs/latest/devices/<device>/<command>.txt"
    echo "What became of each device:  output/runs/latest/manifest.json"
fi
exit "$status"
