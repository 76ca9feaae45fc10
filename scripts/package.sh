#!/bin/sh
# package.sh TOOL VERSION [VARIANT]: the archives of one version, as in `package.sh podman v6.0.2 full`.
# A door to `rst build`.
set -eu
if [ $# -lt 2 ] || [ $# -gt 3 ]; then
	echo "usage: $0 TOOL VERSION [VARIANT]    for example: $0 podman v6.0.2 full" >&2
	exit 2
fi
exec "$(dirname "$0")/build-tool.sh" "$1${3:+-$3}@$2"
