# images.sh PODMAN SOURCE: makes the images that upstream's tests pull, loads the one that they expect to be there, and
# serves the others at 127.0.0.1:4999, where the root's registries.conf leads to. As the user, in the root, in an empty
# folder. What they hold is the root's: busybox and what upstream's test/system/build-testimage adds to it.
set -eu
podman=$1 source=$2
cache=/tmp/podman-systest-imagecache-$(id -u)
tag=20241011
mkdir -p "$cache"

program() { # program FOLDER NAME: with its libraries
	path=$(command -v "$2")
	for file in "$path" $(ldd "$path" | grep -o '/[^ ]*'); do
		mkdir -p "$1${file%/*}"
		rm -f "$1$file"
		cp -L "$file" "$1$file"
	done
}

build() { # build NAME OPTIONS...: of the folder NAME and its Containerfile
	name=$1
	shift
	"$podman" build --quiet --network none --file "$name.Containerfile" "$@" . >/dev/null
}

kept() { echo "$cache/$(echo "$1" | sed 's,[/:],--,g').tar"; } # kept IMAGE: where the tests look for what was pulled before

archive() { "$podman" save --quiet --format oci-archive --output "$(kept "$1")" "$1" >/dev/null; } # archive IMAGE

mkdir -p base/bin base/sbin base/usr/bin base/usr/sbin base/etc base/root base/home/podman base/mnt base/media base/opt \
	base/srv base/run base/proc base/sys base/dev base/tmp base/var/tmp base/var/log base/var/cache base/usr/local/bin
chmod 1777 base/tmp base/var/tmp
cp /bin/busybox base/bin/
for path in $(busybox --list-full); do
	[ -e "base/$path" ] || ln -s /bin/busybox "base/$path"
done
for name in ip ss socat printenv getent; do program base "$name"; done
ln -s ../usr/bin/printenv base/bin/
ln -s busybox base/bin/busybox-extras
ln -s ../proc/mounts base/etc/mtab
cat >base/etc/passwd <<'END'
root:x:0:0:root:/root:/bin/sh
bin:x:1:1:bin:/bin:/sbin/nologin
daemon:x:2:2:daemon:/sbin:/sbin/nologin
mail:x:8:12:mail:/var/mail:/sbin/nologin
nobody:x:65534:65534:nobody:/:/sbin/nologin
END
cat >base/etc/group <<'END'
root:x:0:root
bin:x:1:root,bin,daemon
daemon:x:2:root,bin,daemon
tty:x:5:
mail:x:12:mail
ping:x:999:
nobody:x:65534:
END
cat >base/usr/sbin/adduser <<'END'
#!/bin/sh
# adduser -D [-u ID] [-G GROUP] [-g NAME] [-s SHELL] ... USER: Debian's busybox has none.
id=1000 group= words= shell=/bin/sh
while getopts u:G:g:s:h:DH option; do
	case $option in
	u) id=$OPTARG ;;
	G) group=$(sed -n "s/^$OPTARG:[^:]*:\([0-9]*\):.*/\1/p" /etc/group) ;;
	g) words=$OPTARG ;;
	s) shell=$OPTARG ;;
	esac
done
shift $((OPTIND - 1))
echo "$1:x:$id:${group:-$id}:$words:/home/$1:$shell" >>/etc/passwd
END
chmod 755 base/usr/sbin/adduser
echo 'hosts: files dns' >base/etc/nsswitch.conf
printf 'ssh\t22/tcp\nhttp\t80/tcp\n' >base/etc/services
echo 'root:*::0:::::' >base/etc/shadow
# Upstream's image is made of it.
printf 'ID=alpine\nVERSION_ID=3.20.3\n' >base/etc/os-release
echo 3.20.3 >base/etc/alpine-release
if [ -e "$source/test/system/build-testimage" ]; then
	sed -n '/^echo $YMD/,/^chmod 755 bytecheck/p' "$source/test/system/build-testimage" >files.sh
	(cd base/home/podman && YMD=$tag sh -e ../../../files.sh)
fi

# Twice, as upstream does: the time of a file must stay, that of the image be known. Upstream's has an empty layer of the
# second, on which a test counts.
mkdir nothing
cat >base.Containerfile <<'END'
FROM scratch
COPY base /
END
cat >testimage.Containerfile <<'END'
FROM localhost/base
LABEL created_by=test/system/build-testimage
LABEL created_at=2024-10-11T00:00:00Z
COPY nothing /
WORKDIR /home/podman
CMD ["/bin/echo", "This container is intended for podman CI testing"]
END
testimage=quay.io/libpod/testimage:$tag
build base --squash-all --tag base
build testimage --squash --timestamp 1728604800 --tag "$testimage"
archive "$testimage"

program registry docker-registry
mkdir -p registry/etc registry/tmp registry/var/lib/registry
cat >registry/etc/config.yml <<'END'
version: 0.1
log: { level: error }
storage: { filesystem: { rootdirectory: /var/lib/registry }, delete: { enabled: true } }
http: { addr: ':5000' }
END
cat >registry.Containerfile <<'END'
FROM scratch
COPY registry /
ENTRYPOINT ["/usr/bin/docker-registry"]
CMD ["serve", "/etc/config.yml"]
END
registry=quay.io/libpod/registry:2.8.2
build registry --squash-all --tag "$registry"
archive "$registry"

sed "s,/var/lib/registry,$PWD/kept,; s,:5000,127.0.0.1:4999," registry/etc/config.yml >config.yml
docker-registry serve config.yml >registry.log 2>&1 &
until socat -u OPEN:/dev/null TCP:127.0.0.1:4999 2>/dev/null; do sleep 0.1; done
serve() { # serve IMAGE NAME...: at the registry
	image=$1
	shift
	for name do
		skopeo copy --quiet --dest-tls-verify=false "containers-storage:$image" "docker://127.0.0.1:4999/$name"
	done
}
# A test pulls it by the digest that it has here: see the last line.
skopeo copy --quiet --preserve-digests --dest-tls-verify=false "oci-archive:$(kept "$testimage")" \
	"docker://127.0.0.1:4999/libpod/testimage:$tag"
serve "$registry" "${registry#quay.io/}"
# What the tests look for in images of Alpine's and Fedora's.
cat >other.Containerfile <<'END'
FROM localhost/base
ENV FGC=f31 DISTTAG=f31container
LABEL PODMAN=podman
CMD ["/bin/sh"]
END
build other --tag other
serve localhost/other fedora/fedora:latest
for name in testimage:multiimage alpine:latest alpine_labels:latest fedora:31 k8s-pause:3.5; do
	serve localhost/other "libpod/$name"
done
# Docker's format, as the real one is.
skopeo copy --quiet --format v2s2 --dest-tls-verify=false containers-storage:localhost/other \
	docker://127.0.0.1:4999/libpod/busybox:latest
# The one that is never here before it is pulled is for many processors.
printf 'FROM scratch\nCOPY base /\nCMD ["sh"]\n' >nonlocal.Containerfile
"$podman" manifest create nonlocal >/dev/null
for arch in amd64 arm64 ppc64le s390x; do
	build nonlocal --platform "linux/$arch" --label "arch=$arch" --manifest nonlocal
done
"$podman" manifest push --quiet --all --tls-verify=false nonlocal docker://127.0.0.1:4999/libpod/testimage:00000004
"$podman" manifest rm nonlocal >/dev/null

"$podman" rmi --all --force >/dev/null
skopeo copy --quiet "oci-archive:$(kept "$testimage")" "containers-storage:$testimage"
