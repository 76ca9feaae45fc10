# What compiler is here, and whether it makes static programs with musl. Run in the sandbox, in an empty folder,
# in which it leaves `facts` and, if the compiler does not find them by itself, the kernel's headers.
say() { printf '%s=%s\n' "$1" "$2" >>facts; }
lacking() { say lacking "$*"; rm -rf check.c check said; exit 0; }

command= seen=
for name in gcc musl-gcc; do
	machine=$($name -dumpmachine 2>/dev/null) || continue
	seen="${seen:+$seen, }$name for $machine"
	case $name,$machine in
	*musl*) command=$name; break ;;
	esac
done
[ -n "$command" ] || lacking "${seen:-no gcc and no musl-gcc}"

cat >check.c <<'END'
#include <stdio.h>
#include <linux/limits.h>
#include <asm/unistd.h>
int main(void) { return puts("runs") < 0; }
END
if ! echo '#include <asm/unistd.h>
#include <linux/limits.h>' | $command -E - >/dev/null 2>&1; then
	# Debian's musl-gcc looks in musl's own folder alone.
	for folder in /usr/include/asm "/usr/include/$(uname -m)-linux-gnu/asm"; do
		[ ! -d "$folder" ] || asm=$folder
	done
	[ -n "$asm" ] && [ -d /usr/include/linux ] || lacking "$command, and not the kernel's headers"
	mkdir kernel
	cp -rL "$asm" /usr/include/linux /usr/include/asm-generic kernel/
	command="$command -idirafter /kit/kernel"
	check="$command -idirafter kernel"
fi
${check:-$command} -static -no-pie check.c -o check 2>said || lacking "$command, which links no static program: $(head -n 1 said)"
[ "$(./check 2>said)" = runs ] || lacking "$command, whose programs do not run: $(head -n 1 said)"
for loader in /lib/ld-musl-*.so.1 /usr/lib/*-linux-musl/libc.so /usr/lib/musl/lib/libc.so; do
	[ ! -x "$loader" ] || musl=$("$loader" 2>&1 | sed -n 's/^Version //p')
	[ -z "$musl" ] || break
done
say command "$command"
say version "$($command -dumpfullversion)"
say musl "${musl:-unknown}"
rm -f check.c check said
