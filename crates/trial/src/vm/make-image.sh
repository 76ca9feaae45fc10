#!/bin/sh
# Makes a system's image in the current folder, as root: out/disk, out/kernel, out/initrd. The entry of
# systems.toml is in the environment: SUITE, ARCH, INIT, KERNEL, PACKAGES (with commas); MIRROR is where from,
# EMULATOR (with its arguments) and CONSOLE are what a machine of that kind has.
set -eu
PATH=$PATH:/usr/sbin:/sbin
root=$PWD/root
mkdir out initrd initrd/bin initrd/dev initrd/modules initrd/root

# Packages' own scripts run in the new root, which a processor of another kind cannot: see `foreign` and `finish`.
# There rst runs by an emulator of this one.
native=$(dpkg --print-architecture)
variant=minbase essential= emulator=
[ "$ARCH" = "$native" ] || variant=extract essential='--include=?essential' emulator=qemu-user
# Suites that are no longer kept have release files that are out of date. The kernel is unpacked, not
# installed: its scripts would want a boot loader's files; the emulator, since it is large and there is one of each.
mmdebstrap --quiet --mode=root --variant=$variant $essential --architectures="$ARCH" --include="$PACKAGES" \
	--aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Languages "none"' \
	--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
	--dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt=force-unsafe-io \
	--extract-hook='
		export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
		if [ '$variant' = extract ]; then mkdir "$1/packages" && mv "$1"/var/cache/apt/archives/*.deb "$1/packages"; fi
		packages=$(apt-cache depends --recurse --important "$KERNEL" | grep -E "^linux-[a-z]+-[0-9]" | sort -u)
		mkdir -p "$1/boot" && cd "$1/boot" && apt-get download $packages '$emulator'
		for package in ./*.deb; do dpkg-deb -x "$package" "$1" && rm "$package"; done
		find "$1/usr/bin" -name "qemu-*" ! -name "qemu-$(uname -m)*" -delete' \
	"$SUITE" "$root" "$MIRROR"

# What the kernel must load before it sees the disk.
version=$(ls "$root/lib/modules")
depmod -b "$root" "$version"
number=10
for module in crc32c_generic virtio_pci virtio_blk ext4; do
	modprobe --set-version "$version" --dirname "$root" --show-depends "$module" 2>/dev/null || true
done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
	number=$((number + 1))
	case $file in
	*.xz) xz -dc "$file" ;;
	*.zst) zstd -qdc "$file" ;;
	*) cat "$file" ;;
	esac >"initrd/modules/$number.ko"
done
cp "$root/bin/busybox" initrd/bin/
cat >initrd/init <<'END_OF_INIT'
#!/bin/busybox sh
busybox mount -t devtmpfs dev /dev
for module in /modules/*; do busybox insmod "$module"; done
until busybox mount -t ext4 /dev/vda /root; do busybox sleep 0.1; done
busybox mount --move /dev /root/dev
exec busybox switch_root /root "${process1:-/sbin/init}"
END_OF_INIT
chmod 755 initrd/init
(cd initrd && find . | busybox cpio -o -H newc 2>/dev/null) | gzip -1 >out/initrd
# Debian 14 has it among the modules.
for kernel in "$root/boot/vmlinuz-$version" "$root/lib/modules/$version/vmlinuz"; do
	if [ -e "$kernel" ]; then mv "$kernel" out/kernel; fi
done

# disk FOLDER FILE MIB: an ext4 file system with what the folder holds, and so much free.
disk() { mke2fs -q -t ext4 -O ^has_journal -m 0 -d "$1" "$2" "$(($(du -sm "$1" | cut -f1) * 5 / 4 + $3))M"; }

# What the scripts of base-passwd and libpam-runtime would have made, which is all that busybox needs.
foreign() {
	cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
	cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
	sed 's/:.*/:*:20000:0:99999:7:::/' "$root/etc/passwd" >"$root/etc/shadow"
	printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$root/etc/nsswitch.conf"
	[ -e "$root/bin/sh" ] || ln -s dash "$root/bin/sh"
	rm -rf "$root/packages" "$root/usr/share/doc" "$root/usr/share/man" "$root/usr/share/locale"
}

# Installs in a machine of its kind what was only unpacked here, and gets it back as an archive on a second disk.
finish() {
	cat >"$root/finish" <<-'FINISH'
		#!/bin/sh
		export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C
		mount -t proc proc /proc
		mount -t sysfs sys /sys
		mount -t tmpfs run /run
		printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
		chmod 755 /usr/sbin/policy-rc.d
		if dpkg --force-depends --force-unsafe-io --install /packages/*.deb && dpkg --audit; then
			rm -rf /packages /finish /usr/sbin/policy-rc.d /usr/share/doc /usr/share/man /usr/share/locale
			echo installed >/installed
		fi
		tar --create --one-file-system --file=/dev/vdb --directory=/ .
		echo s >/proc/sysrq-trigger
		echo o >/proc/sysrq-trigger
		sleep 1000
	FINISH
	chmod 755 "$root/finish"
	[ -e "$root/bin/sh" ] || ln -s dash "$root/bin/sh"
	disk "$root" unpacked 1000
	for attempt in 1 2 3; do
		rm -rf "$root" installed && mkdir "$root" && truncate --size=4G installed
		$EMULATOR -m 2048 -nodefaults -display none -no-reboot -kernel out/kernel -initrd out/initrd \
			-append "root=/dev/vda rw console=$CONSOLE panic=-1 cryptomgr.notests process1=/finish" \
			-drive if=none,id=root,format=raw,cache=unsafe,file=unpacked,snapshot=on -device virtio-blk-pci,drive=root \
			-drive if=none,id=more,format=raw,cache=unsafe,file=installed -device virtio-blk-pci,drive=more \
			-device virtio-rng-pci -serial stdio </dev/null
		tar --extract --file=installed --directory="$root" --numeric-owner
		if [ -e "$root/installed" ]; then
			rm "$root/installed" installed unpacked
			return
		fi
	done
	exit 1
}
case $ARCH:$INIT in
"$native":*) ;;
*:busybox) foreign ;;
*) finish ;;
esac

# The users of crates/trial/src/check.rs. Who has a name has a home, and one of them subordinate ids.
for user in person:54321:Person poor:54322:Poor; do
	name=${user%%:*} id=${user#*:} home=/trial/${user##*:}
	id=${id%:*}
	echo "$name:x:$id:$id::$home:/bin/sh" >>"$root/etc/passwd"
	echo "$name:x:$id:" >>"$root/etc/group"
	echo "$name:*:20000:0:99999:7:::" >>"$root/etc/shadow"
done
echo person:200000:65536 >"$root/etc/subuid"
echo person:200000:65536 >"$root/etc/subgid"
echo machine >"$root/etc/hostname"
printf '127.0.0.1 localhost machine\n::1 localhost\n' >"$root/etc/hosts"
echo nameserver 192.0.2.1 >"$root/etc/resolv.conf"
mkdir -p "$root/trial"

case $INIT in
systemd)
	printf '/dev/vda / ext4 defaults 0 0\n/dev/vdb /trial ext4 defaults 0 0\n' >"$root/etc/fstab"
	printf '%s\n' tun fuse overlay virtio_console >"$root/etc/modules-load.d/trial.conf"
	mkdir -p "$root/var/lib/systemd/linger"
	: >"$root/var/lib/systemd/linger/person"
	# With an id this is not the first boot, on which systemd asks for a locale and a password.
	echo 00000000000000000000000000000001 >"$root/etc/machine-id"
	# Nor the first after an update of /usr, when hardware lists and catalogues are made anew.
	touch "$root/etc/.updated" "$root/var/.updated"
	for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
		fstrim.timer logrotate.timer man-db.timer getty@tty1.service "serial-getty@$CONSOLE.service" \
		systemd-timesyncd.service systemd-tmpfiles-clean.timer; do
		ln -sf /dev/null "$root/etc/systemd/system/$unit"
	done
	cat >"$root/etc/systemd/system/rst-trial.service" <<-'UNIT'
		[Unit]
		Description=The trial
		RequiresMountsFor=/trial
		# Units of podman's wait for it.
		Wants=user@54321.service network-online.target
		After=user@54321.service systemd-user-sessions.service systemd-modules-load.service dbus.service
		[Service]
		ExecStart=/bin/sh /trial/start
	UNIT
	# Root links the generator, as the archive's README says; what it leads to is on the second disk.
	mkdir -p "$root/etc/systemd/user-generators" "$root/etc/systemd/system/multi-user.target.wants"
	ln -s /trial/quadlet "$root/etc/systemd/user-generators/podman-user-generator"
	ln -s ../rst-trial.service "$root/etc/systemd/system/multi-user.target.wants/"
	;;
busybox)
	ln -sf /bin/busybox "$root/sbin/init"
	printf '%s\n' '::sysinit:/bin/sh /etc/rc' '::once:/bin/sh /trial/start' >"$root/etc/inittab"
	cat >"$root/etc/rc" <<-'RC'
		mount -t proc proc /proc
		mount -t sysfs sys /sys
		mount -t tmpfs -o mode=0755 run /run
		mkdir -p /dev/pts /dev/shm
		mount -t devpts -o gid=5,mode=620 pts /dev/pts
		mount -t tmpfs -o mode=1777 shm /dev/shm
		mount -t cgroup2 cgroup2 /sys/fs/cgroup
		for module in tun fuse overlay virtio_console; do modprobe $module; done
		chmod 666 /dev/fuse /dev/net/tun
		hostname machine
		ip link set lo up
		mount /dev/vdb /trial
	RC
	;;
openrc)
	printf '/dev/vda / ext4 defaults 0 0\n/dev/vdb /trial ext4 defaults 0 0\n' >"$root/etc/fstab"
	printf '%s\n' tun fuse overlay virtio_console >"$root/etc/modules"
	# After all services. There is no udev to open these devices to all.
	cat >>"$root/etc/inittab" <<-'INITTAB'
		dev:2:wait:/bin/chmod 666 /dev/fuse /dev/net/tun
		rst:2:once:/bin/sh /trial/start
	INITTAB
	sed -i '/getty/d' "$root/etc/inittab"
	;;
esac

rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/boot/*
disk "$root" out/disk 200
