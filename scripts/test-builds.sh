#!/bin/sh
# test-builds.sh: builds the three tools for this machine and skopeo for the other kind, into a store and a dist of
# its own unless RST_TEST_STORE names one, then runs all tests that need real builds. A door to rst and
# cargo: what is tested stands in crates/cli/tests.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

export RST_TEST_STORE="${RST_TEST_STORE:-$work/store}"
case $(uname -m) in
aarch64) own=arm64 other=amd64 machine=trixie-arm64 ;;
*) own=amd64 other=arm64 machine=trixie ;;
esac
# Compiled as `make check` compiles it: for -p rst alone cargo would choose other features of what it needs.
cargo build --locked --quiet --workspace --bins
rst() { "${CARGO_TARGET_DIR:-target}/debug/rst" --store "$RST_TEST_STORE" "$@"; }

rst build podman buildah skopeo --dist "$work/dist"
rst build skopeo --platform "linux/$other" --dist "$work/dist"
rst prove "$work/dist/podman-full-linux-$own.tar.zst"
rst prove "$work/dist/skopeo-linux-$other.tar.gz"
# What only root can set up is named as not tried for others.
[ "$(id -u)" = 0 ] || others=--allow-untried
for archive in podman-full buildah skopeo; do
	rst trial "$work/dist/$archive-linux-$own.tar.zst" ${others:-}
done
# One virtual machine; `make trial` runs all.
rst trial "$work/dist/podman-full-linux-$own.tar.zst" --vm "$machine" ${others:-}
# Beside them a Sigstore on this machine, and a stand-in for GitHub that GitHub's own description of its API checks.
cargo test --locked --workspace --test real_build --test hermetic --test soak --test machine \
	--test workflows --test release --test local --test verify --test publish -- --ignored --test-threads=1
