# Copies the disks of a running lab as they are at one moment. Run as: setsid bash -c THIS save
#   $1 the lab's lock  $2 directory of the images  $3 where to  then, for each host: its image's name, its root
# It does not depend on lifeboat, which may be killed meanwhile: it finishes the copies, and whatever ends it but SIGKILL,
# every disk goes on.
set -u
lock=$1 from=$2 to=$3
shift 3
frozen=()
finish() {
  status=$?
  trap '' INT TERM HUP
  kill $(jobs -p) 2>/dev/null
  # All of them, also when one does not thaw.
  for fd in "${frozen[@]}"; do
    fsfreeze -u "/proc/$$/fd/$fd" || status=1
  done
  exit "$status"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP
# Lifeboat holds the lock; were it killed, this takes the lock over until the disks go on.
exec {held}<>"$lock"
flock "$held" &
images=() fds=()
while [ $# -gt 0 ]; do
  # A host that is only starting still has the machine's root: that must never freeze.
  if [ "$2" -ef / ]; then echo "$1: its host has not started" >&2; exit 1; fi
  # Held open, so that it can be thawed even when the host has ended.
  exec {fd}<"$2" || exit 1
  images+=("$1") fds+=("$fd")
  shift 2
done
# What is still in memory first, so that the freeze itself is short.
for fd in "${fds[@]}"; do sync -f "/proc/$$/fd/$fd"; done
for fd in "${fds[@]}"; do
  # Noted before it is done: a signal may come in between.
  frozen+=("$fd")
  fsfreeze -f "/proc/$$/fd/$fd" || { unset 'frozen[-1]'; exit 1; }
done
copies=()
for image in "${images[@]}"; do
  cp -a --sparse=always --reflink=auto "$from/$image" "$to/$image" &
  copies+=($!)
done
failed=0
for copy in "${copies[@]}"; do wait "$copy" || failed=1; done
exit "$failed"
