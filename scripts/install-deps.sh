#!/bin/sh
# install-deps.sh [build|test] [--yes]: installs, by the system's package manager, what building (and
# with `test` also trying what was built) needs and is not there. Zig, the build root and all other
# tools are fetched and pinned by rst itself. Asks first, unless --yes is given or CI is set.
# Exit codes: 0 all is there, 1 the package manager failed, 2 wrong usage, 7 something is missing.
set -eu

set_wanted=build yes=${CI:+yes}
for argument do
	case $argument in
	build | test) set_wanted=$argument ;;
	--yes) yes=yes ;;
	*) echo "usage: $0 [build|test] [--yes]" >&2; exit 2 ;;
	esac
done

# set, what must be there, then its package for apt, dnf, apk, zypper, pacman; - where there is none.
table='
build cc             gcc            gcc          gcc            gcc             gcc
build header:stdio.h libc6-dev      glibc-devel  musl-dev       glibc-devel     glibc
build make           make           make         make           make            make
build git            git            git          git            git             git
build pip            python3-pip    python3-pip  py3-pip        python3-pip     python-pip
test  newuidmap      uidmap         shadow-utils shadow-uidmap  shadow          shadow
test  nft            nftables       nftables     nftables       nftables        nftables
test  busybox        busybox-static busybox      busybox-static busybox-static  busybox
test  ip             iproute2       iproute      iproute2       iproute2        iproute2
test  zstd           zstd           zstd         zstd           zstd            zstd
test  setpriv        util-linux     util-linux   setpriv        util-linux      util-linux
test  mkfs.xfs       xfsprogs       xfsprogs     xfsprogs       xfsprogs        xfsprogs
test  mkfs.btrfs     btrfs-progs    btrfs-progs  btrfs-progs    btrfsprogs      btrfs-progs
test  node           nodejs         nodejs       nodejs         nodejs          nodejs
test  npm            npm            npm          npm            npm             npm
test  venv           python3-venv   python3      python3        python3         python
test  openssl        openssl        openssl      openssl        openssl         openssl
test  shellcheck     shellcheck     ShellCheck   shellcheck     ShellCheck      shellcheck
test  registry       docker-registry -           docker-registry distribution-registry -
test  docker         docker.io      docker-cli   docker-cli     docker          docker
test  compose        docker-compose docker-compose docker-cli-compose docker-compose docker-compose
test  mkfs.ext4      e2fsprogs      e2fsprogs    e2fsprogs      e2fsprogs       e2fsprogs
test  depmod         kmod           kmod         kmod           kmod            kmod
test  xz             xz-utils       xz           xz             xz              xz
test  mmdebstrap     mmdebstrap     mmdebstrap   -              -               -
test  file:/usr/share/keyrings/debian-archive-keyring.gpg debian-archive-keyring debian-keyring - - -
test  qemu-system-x86_64  qemu-system-x86 qemu-system-x86-core     qemu-system-x86_64  qemu-x86 qemu-system-x86
test  qemu-system-aarch64 qemu-system-arm qemu-system-aarch64-core qemu-system-aarch64 qemu-arm qemu-system-aarch64
'

is_there() {
	case $1 in
	pip) python3 -m pip --version >/dev/null 2>&1 ;;
	venv) python3 -c 'import venv, ensurepip' >/dev/null 2>&1 ;;
	registry) is_there docker-registry || command -v registry >/dev/null 2>&1 ;;
	compose) is_there docker-compose || docker compose version >/dev/null 2>&1 ;;
	file:*) [ -e "${1#file:}" ] ;;
	header:*) echo "#include <${1#header:}>" | cc -E - >/dev/null 2>&1 ;;
	*) PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null 2>&1 ;;
	esac
}

# Compilers that a distribution's package is seldom new enough for: said, not installed.
lacking=
is_there cargo || lacking="$lacking
  Rust: install rustup from https://rustup.rs; it then takes the version of rust-toolchain.toml"
is_there go || lacking="$lacking
  Go 1.21 or newer, which fetches Go modules: https://go.dev/doc/install"
is_there python3 || lacking="$lacking
  Python 3, whose pip fetches wheels: your distribution's package python3"
if [ -n "$lacking" ]; then
	echo "missing:$lacking" >&2
	exit 7
fi

column=0 install=
for manager in "apt-get install -y --no-install-recommends" "dnf install -y" "apk add" "zypper install -y" "pacman -S --noconfirm"; do
	column=$((column + 1))
	if command -v "${manager%% *}" >/dev/null 2>&1; then install=$manager; break; fi
done

packages= names=
while read -r set name apt dnf apk zypper pacman; do
	[ -n "$set" ] || continue
	[ "$set" = build ] || [ "$set_wanted" = test ] || continue
	is_there "$name" && continue
	# Debian 13 has Docker's client in a package of its own.
	[ "$apt" != docker.io ] || ! apt-cache show docker-cli >/dev/null 2>&1 || apt=docker-cli
	shift $#
	set -- "$apt" "$dnf" "$apk" "$zypper" "$pacman"
	shift $((column - 1))
	[ "$1" != - ] || continue
	names="$names $name"
	packages="$packages $1"
done <<END
$table
END
[ -n "$packages" ] || exit 0

if [ -z "$install" ]; then
	echo "missing:$names; no package manager that this script knows" >&2
	exit 7
fi
root=
[ "$(id -u)" = 0 ] || root=sudo
command="$root${root:+ }$install$packages"
echo "missing:$names" >&2
if [ -z "$yes" ]; then
	if ! [ -t 0 ]; then
		echo "to install:  $command" >&2
		exit 7
	fi
	printf 'run `%s`? [y/N] ' "$command" >&2
	read -r answer
	case $answer in [yY]*) ;; *) exit 7 ;; esac
fi
case $install in apt-get*) $root apt-get update -qq || exit 1 ;; esac
# Every word of $install and $packages is this script's own.
# RUNLEVEL: where there is no systemd, no service that a package brings is started.
$root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 $install $packages >&2 || exit 1
