# Starts a host of the lab. Run as: nsenter --net=... unshare --mount --pid --uts --ipc --fork bash -c THIS boot
#   $1 image  $2 mount point  $3 directory of the lab's tools  $4 host name  $5 file for the pid
# It becomes runsvdir, the host's init: when that is killed, everything on the host is gone.
set -eu
# Which process this is, as the machine sees it, and when it started (field 22): written before anything is made, for
# whoever has to end it.
read -r -a stat < /proc/self/stat
echo "${stat[0]} ${stat[21]}" > "$5.new"
mv "$5.new" "$5"
mount --make-rprivate /
mount -o loop,noatime "$1" "$2"
cd "$2"
for d in usr usr/local dev proc sys run tmp root home opt srv mnt var etc .old; do mkdir -p "$d"; done
for l in bin sbin lib lib64 lib32 libx32; do [ ! -L "/$l" ] || ln -sfn "$(readlink "/$l")" "$l"; done
chmod 1777 tmp
[ -L var/run ] || ln -s /run var/run
mount --bind /usr usr
mount -o remount,bind,ro usr
mount --bind "$3" usr/local/bin
mount -o remount,bind,ro usr/local/bin
mount -t proc proc proc
mount -t sysfs sysfs sys
if [ -d sys/fs/cgroup ]; then mount --rbind /sys/fs/cgroup sys/fs/cgroup; fi
mount -t tmpfs -o mode=755,size=64m tmpfs run
mkdir -p run/lock run/lifeboat
mount -t tmpfs -o mode=755,size=1m tmpfs dev
for n in null zero full random urandom tty kmsg fuse; do [ ! -e "/dev/$n" ] || { : > "dev/$n"; mount --bind "/dev/$n" "dev/$n"; }; done
mkdir -p dev/pts dev/shm dev/net
[ ! -e /dev/net/tun ] || { : > dev/net/tun; mount --bind /dev/net/tun dev/net/tun; }
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
mount -t tmpfs -o mode=1777,size=256m tmpfs dev/shm
hostname "$4"
pivot_root . .old
cd /
umount -l /.old
exec env -i PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
  SVDIR=/etc/service runsvdir -P /etc/service </dev/null >>/var/log/boot.log 2>&1
