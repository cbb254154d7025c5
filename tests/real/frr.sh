#!/bin/bash
# Real routers on loopback: FRRouting behind OpenSSH and telnet, without systemd and beside any FRRouting of the system.
#
#   frr.sh check           says what is missing, and exits 1, where this cannot work
#   frr.sh up TAG N        routers r1..rN, each in a network namespace; ROUTES=3000 makes the last one's configuration long
#   frr.sh down TAG        removes them
#
# TAG is the owner's process id (see openssh.sh). In /run/collector-frr.TAG: key, sshdI.log, rI/ (sockets and configuration).
#   ssh     127.X.Y.I:2222   account ct-frr-TAG, password netops-pw, or the key; the shell is vtysh
#   telnet  127.X.Y.I:2601   zebra's own terminal: password zebra-pw, enable enable-pw
#   truth   vtysh --vty_socket DIR/rI --config_dir DIR/rI -c '...'
KIND=frr
. "$(dirname "$0")/openssh.sh"

DAEMONS="zebra staticd ospfd bgpd"
LIBEXEC=/usr/lib/frr

check() {
    check_programs vtysh socat ip ss setsid "$LIBEXEC/zebra" "$LIBEXEC/bgpd"
    ip netns add "${ACCOUNT}probe$$" 2>/dev/null || { echo "may not make network namespaces"; exit 1; }
    ip netns del "${ACCOUNT}probe$$"
}

configuration() {
    cat <<CONF
frr defaults traditional
hostname r$1
service integrated-vtysh-config
!
interface lo
 ip address 10.255.0.$1/32
!
interface eth0
 description uplink of r$1 # not a prompt>
 ip address 10.$1.0.1/24
!
$(for k in $(seq 20); do printf 'interface port%s\n description r%s# port %s\n!\n' "$k" "$1" "$k"; done)
ip route 192.0.2.0/24 10.$1.0.254
!
router ospf
 ospf router-id 10.255.0.$1
 network 10.$1.0.0/24 area 0
!
router bgp $((65000 + $1))
 no bgp ebgp-requires-policy
 neighbor 10.$1.0.2 remote-as 65000
!
$(for k in $(seq "$2"); do echo "ip route 100.$((k / 65536)).$((k / 256 % 256)).$((k % 256))/32 10.$1.0.254"; done)
end
CONF
}

# Files only: vtysh takes its prompt from vtysh.conf; a daemon's own terminal knows names and passwords from vty.conf.
write_configuration() {
    configuration "$2" "$3" >"$1/frr.conf"
    printf 'service integrated-vtysh-config\nhostname r%s\n' "$2" >"$1/vtysh.conf"
    printf 'hostname r%s\npassword zebra-pw\nenable password enable-pw\n' "$2" >"$1/vty.conf"
    chown -R frr:frrvty "$1"
    chmod 750 "$1"
    chmod 640 "$1"/*
}

start_router() {
    tag=$1 i=$2 routes=$3
    ns=$ACCOUNT$tag-r$i dir=$(place "$tag")/r$i
    mkdir "$dir"
    write_configuration "$dir" "$i" "$routes"
    ip netns add "$ns"
    ip -n "$ns" link set lo up
    ip -n "$ns" link add eth0 type veth peer name eth1
    ip -n "$ns" link set eth0 addrgenmode none # no IPv6 address that would come a second later
    ip -n "$ns" link set eth1 addrgenmode none
    ip -n "$ns" link set eth0 up
    ip -n "$ns" link set eth1 up
    for daemon in $DAEMONS; do
        ip netns exec "$ns" "$LIBEXEC/$daemon" -d -A 127.0.0.1 -f "$dir/vty.conf" -i "$dir/$daemon.pid" \
            -z "$dir/zserv.api" --vty_socket "$dir" >>"$dir.log" 2>&1
    done
    vtysh --vty_socket "$dir" --config_dir "$dir" -b >>"$dir.log" 2>&1
    start_sshd "$tag" "$i" "exec vtysh --vty_socket $dir --config_dir $dir"
    setsid socat "TCP-LISTEN:2601,bind=$(address "$tag" "$i"),fork,reuseaddr" \
        EXEC:"ip netns exec $ns socat STDIO TCP\:127.0.0.1\:2601" </dev/null >/dev/null 2>&1 &
    echo $! >"$(place "$tag")/socat$i.pid"
    within_5s listening "$(address "$tag" "$i")" 2601
    within_5s listening "$(address "$tag" "$i")" 2222
}

up() {
    sweep
    remove "$1"
    make_account "$1" /bin/sh --groups frrvty
    for i in $(seq "$2"); do
        start_router "$1" "$i" "$([ "$i" = "$2" ] && echo "${ROUTES:-0}" || echo 0)"
    done
}

case ${1:-} in
    check) check ;;
    up) up "$2" "$3" ;;
    down) remove "$2" ;;
    *) sed -n '2,12s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
