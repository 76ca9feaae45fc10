# compare.sh FOLDER FOLDER...: measures what each folder's podman does; in FOLDER/bin and FOLDER/lib/podman are its
# programs. Leaves NAME.ROUND.json in HOME for each of the things measured, with a result for each folder, and in
# `versions` a line for each. Rounds, because a machine is faster in one minute than in the next: each folder's program
# has its runs in all of them.
set -eu
each() { # each WHAT ARGUMENTS...: by each folder's program
	name=$1 program=$2
	shift 2
	number=0
	commands=
	for folder in $folders; do
		number=$((number + 1))
		commands="$commands
HOME=$HOME/$number XDG_RUNTIME_DIR=/tmp/$number $folder/$program $*"
	done
	IFS='
'
	set -- $commands
	unset IFS
	for command do
		shift
		set -- "$@" "env $command"
	done
	for round in 1 2 3 4 5 6; do
		hyperfine --shell none --warmup 2 --runs 10 --style none --export-json "$HOME/$name.$round.json" "$@" >/dev/null
	done
}

folders=$*
number=0
for folder do
	number=$((number + 1))
	mkdir -p "$HOME/$number" "/tmp/$number"
	export XDG_RUNTIME_DIR="/tmp/$number"
	podman() { HOME=$HOME/$number "$folder/bin/podman" "$@"; }
	podman --version >>"$HOME/versions"
	tar -c -C / bin/busybox | podman import --change 'ENTRYPOINT ["/bin/busybox"]' - small >/dev/null
	podman run --detach --name holder --network none small sleep 10000 >/dev/null
done
each version bin/podman --version
each ps bin/podman ps
each none bin/podman run --rm --network none small true
each pasta bin/podman run --rm --network pasta small true
each exec bin/podman exec holder /bin/busybox true
each crun bin/crun --version
each conmon lib/podman/conmon --version
each netavark lib/podman/netavark --version
each aardvark-dns lib/podman/aardvark-dns --version
each pasta-version lib/podman/pasta --version
each fuse-overlayfs bin/fuse-overlayfs --version
each catatonit lib/podman/catatonit --version
