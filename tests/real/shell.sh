#!/bin/bash
# A plain Linux host on loopback: OpenSSH with bash (its readline echoes by itself) and dash (the kernel's terminal echoes).
#
#   shell.sh check       says what is missing, and exits 1, where this cannot work
#   shell.sh up TAG      bash on 127.X.Y.201:2222, dash on 127.X.Y.202:2222; account ct-shell-TAG, password netops-pw, or the key;
#                        on 127.X.Y.203:2222 dash again, with no algorithm that is younger than the year 2000
#   shell.sh down TAG    removes them
#
# TAG is the owner's process id (see openssh.sh); the account's home is /run/collector-shell.TAG/home.
KIND=shell
. "$(dirname "$0")/openssh.sh"

OUTDATED="LogLevel DEBUG2
KexAlgorithms diffie-hellman-group1-sha1
Ciphers 3des-cbc
MACs hmac-md5
HostKeyAlgorithms ssh-rsa"

up() {
    sweep
    remove "$1"
    make_account "$1" /bin/bash
    start_sshd "$1" 201
    start_sshd "$1" 202 "exec /bin/dash -i"
    ssh-keygen -q -t rsa -b 2048 -N '' -f "$(place "$1")/hostkey203"
    start_sshd "$1" 203 "exec /bin/dash -i" "$OUTDATED
HostKey $(place "$1")/hostkey203"
    within_5s listening "$(address "$1" 201)" 2222
    within_5s listening "$(address "$1" 202)" 2222
    within_5s listening "$(address "$1" 203)" 2222
}

case ${1:-} in
    check) check_programs bash dash ss ;;
    up) up "$2" ;;
    down) remove "$2" ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
