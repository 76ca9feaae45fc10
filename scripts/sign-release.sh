#!/bin/sh
# sign-release.sh FILE...: signs files by the CI's identity or by RST_SIGNING_KEY. A door to `rst sign`.
set -eu
# Files are named from where one is.
exec cargo run --locked --quiet --release --manifest-path "$(dirname "$0")/../Cargo.toml" -p rst -- sign "$@"
