#!/bin/sh
# rebuild-test.sh [ARCHIVE...]: builds archives again (all of dist/ unless some are named) and compares them bit for bit,
# twice: in a root of Debian 12 with one processor, and in one of Debian sid with a build root of sid's tools. Each time
# all else that `rst rebuild --help` names is otherwise too. A door to rst. Takes as long as two cold builds; wants root,
# mmdebstrap and 12 GB of memory.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- dist/*-linux-*64.tar.zst
cargo build --locked --quiet --workspace --bins
rst() { "${CARGO_TARGET_DIR:-target}/debug/rst" "$@"; }
work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 130' INT TERM

# A mirror may lag behind; what it has is signed all the same.
debian() { mmdebstrap --quiet --mode=root --aptopt='Acquire::Check-Valid-Until "false"' "$@"; }

debian --variant=minbase bookworm "$work/bookworm"
rst rebuild "$@" --root "$work/bookworm" --processors 1

# The same tools as build/recipes/build-root.toml names, in the versions that sid has.
tools=base-files,dash,bash,coreutils,findutils,diffutils,grep,sed,mawk,make,patch,autoconf,automake,libtool,m4
tools=$tools,pkgconf-bin,perl,gperf,python3-minimal,libpython3-stdlib
debian --variant=minbase sid "$work/sid"
debian --variant=extract --include="$tools" sid "$work/tools"
# A sandbox has devices of its own, and who builds there is another user.
rm -rf "$work/tools/dev" && mkdir "$work/tools/dev"
chmod -R a+rX "$work/tools"
ln -sf mawk "$work/tools/usr/bin/awk"
ln -sf pkgconf "$work/tools/usr/bin/pkg-config"
rst rebuild "$@" --root "$work/sid" --build-root "$work/tools"
