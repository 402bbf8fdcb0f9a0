#!/bin/sh
# A STAND-IN for `k3s` and `rke2`, for tests: no k3s and no RKE2 is in it.
#
# Of `server --cluster-reset [--cluster-reset-restore-path=FILE]` it does what can be done with etcd's own programs, in the order of
# k3s's source (pkg/etcd/etcd.go: Reset and Restore; pkg/cluster/managed.go: start; pkg/cluster/encrypt.go: the token's hash):
#
#   1. the restore path goes with --cluster-reset only; without one, a reset-flag stops a second reset
#   2. a .zip is unpacked beside the snapshots
#   3. db/etcd becomes db/etcd-old-UNIX, and etcdutl restores the snapshot (checking its hash) as one new member
#   4. the member's new name is NODE and 8 digits, kept in db/etcd/name; db/reset-flag is written
#   5. etcd starts alone (--force-new-cluster), PROGRAM/apiaddresses is emptied, and the bootstrap data must be of the token
#   6. it ends with the words that k3s ends with
#
# What k3s does then and this does not: it decrypts the bootstrap data and writes CAs, keys and tokens into server/tls and server/cred,
# fetches from S3, and renews certificates. `server` without --cluster-reset only removes the reset-flag, as a normal start does.
#
# It is called as the program that it stands for. It needs etcd, etcdctl and etcdutl, and unzip for a .zip. STAND_IN_PORT is the first of
# two free ports on the loopback address (2399 as k3s has it).
set -eu

program=${0##*/}
fatal() { printf 'level=fatal msg="%s"\n' "$1" >&2; exit 1; }
say() { printf 'level=info msg="%s"\n' "$1" >&2; }
# A value of the configuration file; what is on the command line counts more.
configured() { sed -n "s/^$1:[[:space:]]*//p" "$config" 2>/dev/null | tail -n 1 | sed "s/^[\"']//; s/[\"']\$//"; }

[ "${1-}" = server ] || fatal "this stand-in knows only: $program server"
shift
config=/etc/rancher/$program/config.yaml
data= token= path= reset= node= address=
while [ $# -gt 0 ]; do
  flag=${1%%=*}
  case $1 in
    --cluster-reset | --cluster-reset=true) reset=yes; shift; continue ;;
    --etcd-s3=false) shift; continue ;;
    --*=*) value=${1#*=}; shift ;;
    *) [ $# -ge 2 ] || fatal "flag needs an argument: $1"; value=$2; shift 2 ;;
  esac
  case $flag in
    --config | -c) config=$value ;;
    --data-dir | -d) data=$value ;;
    --token | -t) token=$value ;;
    --token-file) token=$(cat "$value") ;;
    --cluster-reset-restore-path) path=$value ;;
    --node-name) node=$value ;;
    --node-ip) address=$value ;;
    *) fatal "flag provided but not defined: $flag" ;;
  esac
done
[ -n "$data" ] || data=$(configured data-dir)
[ -n "$data" ] || data=/var/lib/rancher/$program
[ -n "$node" ] || node=$(configured node-name)
[ -n "$node" ] || node=$(hostname)
[ -n "$address" ] || address=$(configured node-ip)
[ -n "$address" ] || address=127.0.0.1
[ -n "$token" ] || token=$(configured token)
server=$data/server
[ -n "$token" ] || { [ -r "$server/token" ] && token=$(cat "$server/token"); } || true
db=$server/db
flag=$db/reset-flag

if [ -z "$reset" ]; then
  [ -z "$path" ] || fatal "invalid flag use; --cluster-reset required with --cluster-reset-restore-path"
  rm -f "$flag"
  exit 0
fi
if [ -z "$path" ] && [ -e "$flag" ]; then
  fatal "Managed etcd cluster membership was previously reset, please remove the cluster-reset flag and start $program normally. If you need to perform another cluster reset, you must first manually delete the $flag file"
fi
[ -n "$token" ] || fatal "the token of the cluster is needed: --token, or the file $server/token"
mkdir -p "$db"
name=$node-$(od -An -N4 -tx1 /dev/urandom | tr -d ' \n')
peer=https://$address:2380

if [ -n "$path" ]; then
  [ -e "$path" ] || fatal "etcd: snapshot path does not exist: $path"
  [ ! -d "$path" ] || fatal "etcd: snapshot path must be a file, not a directory: $path"
  case $path in
    *.zip)
      mkdir -p "$db/snapshots"
      plain=$db/snapshots/$(basename "$path" .zip)
      unzip -p "$path" >"$plain" || fatal "the snapshot cannot be decompressed: $path"
      path=$plain
      ;;
  esac
  if [ -d "$db/etcd" ]; then
    old=$db/etcd-old-$(date +%s)
    while [ -e "$old" ]; do sleep 1; old=$db/etcd-old-$(date +%s); done
    mv "$db/etcd" "$old"
    say "Pre-restore etcd database moved to $old"
  fi
  etcdutl snapshot restore "$path" --name "$name" --data-dir "$db/etcd" --initial-cluster "$name=$peer" \
    --initial-advertise-peer-urls "$peer" >&2 || fatal "starting kubernetes: preparing server: start managed database: the snapshot cannot be restored"
fi
[ -d "$db/etcd/member" ] || fatal "there is no etcd to reset in $db/etcd"
printf %s "$name" >"$db/etcd/name"
chmod 600 "$db/etcd/name"
(umask 077; : >"$flag")

port=${STAND_IN_PORT:-2399}
client=http://127.0.0.1:$port
ctl() { etcdctl --endpoints "$client" --command-timeout 10s "$@"; }
etcd --name "$name" --data-dir "$db/etcd" --force-new-cluster --initial-advertise-peer-urls "$peer" --initial-cluster "$name=$peer" \
  --listen-client-urls "$client" --advertise-client-urls "$client" --listen-peer-urls "http://127.0.0.1:$((port + 1))" \
  >"$db/stand-in.log" 2>&1 &
etcd=$!
trap 'kill $etcd 2>/dev/null; wait $etcd 2>/dev/null || true' EXIT
tries=0
until ctl put "$program/apiaddresses" "" >/dev/null 2>&1; do
  kill -0 $etcd 2>/dev/null || fatal "etcd ended: $(tail -n 1 "$db/stand-in.log")"
  tries=$((tries + 1))
  [ $tries -lt 60 ] || fatal "etcd does not serve: $(tail -n 1 "$db/stand-in.log")"
  sleep 1
done
# Of K10CA::USER:PASSWORD only the password counts.
secret=$(printf %s "$token" | tr -d '\n' | sed 's/^K10[^:]*:://; s/^[^:]*://')
own=/bootstrap/$(printf %s "$secret" | sha256sum | cut -c1-12)
sealed=$(ctl get /bootstrap --prefix --keys-only | sed '/^$/d')
if [ -n "$sealed" ] && ! printf '%s\n' "$sealed" | grep -qxF "$own"; then
  fatal "starting kubernetes: preparing server: bootstrap data already found and encrypted with different token"
fi
members=$(ctl member list | wc -l)
[ "$members" -eq 1 ] || fatal "etcd has $members members after the reset"
kill $etcd
wait $etcd 2>/dev/null || true
trap - EXIT
rm -f "$db/stand-in.log"
say "Managed etcd cluster membership has been reset, restart without --cluster-reset flag now. Backup and delete \${datadir}/server/db on each peer etcd server and rejoin the nodes"
