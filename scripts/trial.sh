#!/bin/sh
# trial.sh: tries each podman-full archive in dist/ in all virtual machines that it is for, and this machine's
# on this host first, there by upstream's own tests too. Time for each is printed. A door to rst. Exit code: the first
# that is not 0.
set -u
cd "$(dirname "$0")/.." || exit
case $(uname -m) in
aarch64) own=arm64 ;;
*) own=amd64 ;;
esac
result=0
# The program that built them: see build-tool.sh.
rst() { cargo run --locked --quiet --release --no-default-features -p rst -- "$@" || { code=$?; [ $result != 0 ] || result=$code; }; }

rst trial "dist/podman-full-linux-$own.tar.zst"
rst trial "dist/podman-full-linux-$own.tar.zst" --upstream
for archive in dist/podman-full-linux-*.tar.zst; do
	rst trial "$archive" --vm all
done
exit $result
