# kubelet sets these for the whole machine unless it finds them so: here it finds them so.
mkdir -p /run/lifeboat/sysctl
for pair in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
  kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
  path=/proc/sys/${pair%=*}
  grep -q " $path " /proc/self/mountinfo && continue
  own=/run/lifeboat/sysctl/$(basename "$path")
  echo "${pair#*=}" > "$own"
  mount --bind "$own" "$path"
done
# The root of this host's control groups, in each hierarchy; the hosts of a machine have these in common.
set -- /sys/fs/cgroup/*/
[ ! -e /sys/fs/cgroup/cgroup.controllers ] || set -- /sys/fs/cgroup/
for group in "$@"; do
  own="${group}{cgroup}"
  mkdir -p "$own"
  if [ -e "$own/cpuset.cpus" ] && [ ! -s "$own/cpuset.cpus" ]; then
    cat "${group}cpuset.cpus" > "$own/cpuset.cpus"
    cat "${group}cpuset.mems" > "$own/cpuset.mems"
  fi
done
# runsv starts this again until containerd answers.
have=$(ctr -n k8s.io images list -q) || { sleep 0.2; exit 1; }
for name in $(cat {images}/names); do
  case "$have" in
    *"$name"*) ;;
    *) missing=1 ;;
  esac
done
if [ "${missing-}" ]; then
  for file in {images}/*.tar; do ctr -n k8s.io images import --local "$file" || exit 1; done
  # A loss of power would otherwise leave images that are known and empty.
  sync -f /var/lib/containerd
fi
# A loss of power can leave the certificate that kubelet signed itself there and empty; kubelet would read it, fail, and
# never start again. Without the file it makes a new one.
[ ! -d /var/lib/kubelet/pki ] || find /var/lib/kubelet/pki -type f -empty -delete
# Its first words to an API server that is not there yet would make it wait long for the next.
for i in $(seq 100); do
  curl -sk --max-time 1 -o /dev/null https://{address}:6443/livez && break
  sleep 0.2
done
exec kubelet --config /etc/kubernetes/kubelet.yaml --kubeconfig /etc/kubernetes/kubelet.conf --node-ip {address}
