#!/bin/sh
# build-tool.sh TOOL[@VERSION] [OPTIONS]: builds, proves and packs a tool. A door to `rst build`.
set -eu
cd "$(dirname "$0")/.."
# Building needs none of Sigstore's crates, which take longer to compile than all others.
exec cargo run --locked --quiet --release --no-default-features -p rst -- build "$@"
