#!/bin/sh
# build-tool.sh TOOL[@VERSION] [OPTIONS]: builds, proves and packs a tool. A door to `rst build`.
set -eu
cd "$(dirname "$0")/.."
exec cargo run --locked --quiet --release -p rst -- build "$@"
