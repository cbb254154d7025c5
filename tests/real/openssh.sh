# Sourced by frr.sh and shell.sh: a place, an account and OpenSSH servers of one test run, and their removal.
#
# The sourcing script sets KIND. A run is named by the process id of its owner, TAG, and all it makes by both: the folder
# /run/collector-KIND.TAG, the account ct-KIND-TAG, the network namespaces ct-KIND-TAG-rI, the addresses 127.X.Y.I.
# So runs do not meet, and what a crashed one left behind is known by its dead owner and removed by the next.
set -eu

PLACE=/run/collector-$KIND
ACCOUNT=ct-$KIND-
PASSWORD=netops-pw

place() { echo "$PLACE.$1"; }

# 127.64.0.I to 127.191.255.I: apart from 127.0.0.0/16, where people's own services live.
address() { echo "127.$((64 + $1 / 256 % 128)).$(($1 % 256)).$2"; }

# Says what is missing of the named programs, and whether this process may make accounts.
check_programs() {
    [ "$(id -u)" = 0 ] || { echo "needs root, to make an account and start sshd"; exit 1; }
    for program in /usr/sbin/sshd ssh-keygen useradd chpasswd pkill "$@"; do
        command -v "$program" >/dev/null || { echo "$program is not installed"; exit 1; }
    done
}

# Waits until a condition holds, five seconds at most.
within_5s() {
    for _ in $(seq 100); do
        if "$@"; then return 0; fi
        sleep 0.05
    done
    return 1
}

# make_account TAG SHELL [useradd arguments]: the account, its password and its key.
make_account() {
    tag=$1 shell=$2
    shift 2
    dir=$(place "$tag")
    mkdir -p /run/sshd
    mkdir -m 755 "$dir"
    # another run may hold the lock of the account files for a moment
    within_5s useradd --no-log-init --create-home --home-dir "$dir/home" --shell "$shell" "$@" "$ACCOUNT$tag"
    echo "$ACCOUNT$tag:$PASSWORD" | chpasswd
    ssh-keygen -q -t ed25519 -N '' -f "$dir/hostkey"
    ssh-keygen -q -t ed25519 -N '' -f "$dir/key"
    cp "$dir/key.pub" "$dir/authorized_keys"
}

# start_sshd TAG I [FORCECOMMAND [LINES]]: a server on 127.X.Y.I:2222 with a log of its own; the LINES of its configuration
# hold before those here.
start_sshd() {
    dir=$(place "$1")
    cat >"$dir/sshd$2.conf" <<CONF
${4:-}
ListenAddress $(address "$1" "$2"):2222
HostKey $dir/hostkey
PidFile $dir/sshd$2.pid
AuthorizedKeysFile $dir/authorized_keys
AllowUsers $ACCOUNT$1
UsePAM no
PasswordAuthentication yes
KbdInteractiveAuthentication no
PubkeyAuthentication yes
StrictModes no
PrintMotd no
PrintLastLog no
UseDNS no
LogLevel VERBOSE
MaxStartups 200
${3:+ForceCommand $3}
CONF
    /usr/sbin/sshd -f "$dir/sshd$2.conf" -E "$dir/sshd$2.log"
}

no_process_of() { ! pgrep -u "$1" >/dev/null 2>&1; }

no_process_in() { [ -z "$(ip netns pids "$1" 2>/dev/null)" ]; }

listening() { [ -n "$(ss -Hltn "src $1:$2")" ]; }

# remove TAG: everything of that run, in whatever state it is.
remove() {
    dir=$(place "$1")
    for pidfile in "$dir"/*.pid; do
        [ -f "$pidfile" ] && kill "$(cat "$pidfile")" 2>/dev/null || true
    done
    for ns in $(ip netns list 2>/dev/null | awk -v prefix="^$ACCOUNT$1-" '$1 ~ prefix {print $1}'); do
        ip netns pids "$ns" | xargs -r kill 2>/dev/null || true
        within_5s no_process_in "$ns" || ip netns pids "$ns" | xargs -r kill -KILL 2>/dev/null || true
        ip netns del "$ns"
    done
    if id "$ACCOUNT$1" >/dev/null 2>&1; then
        pkill -KILL -u "$ACCOUNT$1" || true
        within_5s no_process_of "$ACCOUNT$1" || true
        userdel "$ACCOUNT$1"
    fi
    rm -rf "$dir"
}

# A dead process that its parent has not noticed yet is no owner.
alive() { grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$1/status"; }

# Removes the runs whose owner has ended; one at a time, where two runs start together.
sweep() (
    exec 9>/run/lock/collector-tests
    flock 9
    for dir in "$PLACE".*; do
        tag=${dir#"$PLACE".}
        case $tag in *[!0-9]*) continue ;; esac
        alive "$tag" || remove "$tag"
    done
)
