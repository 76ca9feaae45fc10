# enter.sh ROOT COMMAND...: runs a command, as root, in another root with a network that leads nowhere. In mount, network,
# IPC and PID namespaces of its own.
set -eu
root=$1
shift
mount --bind "$root" "$root"
cd "$root"
mount -t tmpfs -o mode=0755 tmpfs dev
mkdir dev/net dev/shm dev/pts dev/mqueue
node() { mknod --mode=0666 "dev/$1" c "$2" "$3"; }
node null 1 3
node zero 1 5
node full 1 7
node random 1 8
node urandom 1 9
node tty 5 0
node fuse 10 229
node net/tun 10 200
mknod --mode=0600 dev/tty1 c 4 1
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
mount -t mqueue mqueue dev/mqueue
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for number in 0:stdin 1:stdout 2:stderr; do ln -s "fd/${number%:*}" "dev/${number#*:}"; done
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=1777 tmpfs run
ip link set lo up
# pasta wants a route to copy.
ip link add name outside type veth peer name nobody
ip address add 192.0.2.2/24 dev outside
ip link set outside up
ip link set nobody up
ip route add default via 192.0.2.1
if [ -e /proc/sys/net/ipv6 ]; then
	ip address add 2001:db8::2/64 dev outside nodad
	ip route add default via 2001:db8::3 dev outside
fi
# User namespaces are refused below a mere chroot.
pivot_root . mnt
umount --lazy /mnt
mount --make-rshared /
exec "$@"
