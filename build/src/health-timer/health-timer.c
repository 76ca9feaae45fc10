/*
 * podman-health-timer INTERVAL_MS PID[,PID...] PROGRAM [ARGUMENT...]
 * podman-health-timer --version
 *
 * What a transient timer of systemd is to podman, where no systemd can be asked for one: runs PROGRAM at
 * once, and again INTERVAL_MS after each run has ended (OnUnitInactiveSec), until one of the processes
 * PID is gone or SIGTERM comes. One such process stands beside each container that has a health check,
 * so it is small: no heap, no threads, no open files but a signal and the processes it watches.
 *
 * Ends with 0 when there is nothing left to do, 2 for wrong arguments, 3 where the kernel refuses what
 * it needs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	MAX_WATCHED = 4,
	MIN_INTERVAL_MS = 100,
	/* How often processes are looked at where the kernel has no pidfd_open (before 5.3). */
	LOOK_MS = 1000,
};

/* The kernel's numbers, one for all architectures since 5.1. */
enum { PIDFD_OPEN = 434, CLOSE_RANGE = 436 };

extern char **environ;

/* A process, told from a later one of the same number by its time of start. */
struct watched {
	pid_t pid;
	unsigned long long started;
	/* -1: no pidfd to be had. */
	int fd;
};

static long long now_ms(void)
{
	struct timespec t;
	/* Goes on while the machine sleeps, as systemd's timers do. */
	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* proc(5), stat, field 22, in clock ticks since boot; 0 for one that is gone or a zombie. */
static unsigned long long start_of(pid_t pid)
{
	char path[32], text[512];
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t size = read(fd, text, sizeof text - 1);
	close(fd);
	if (size <= 0)
		return 0;
	text[size] = '\0';
	/* The name, field 2, may hold blanks and brackets: count from its end. */
	char *at = strrchr(text, ')');
	if (!at || at[1] != ' ' || at[2] == 'Z' || at[2] == 'X')
		return 0;
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at, NULL, 10) : 0;
}

static int gone(const struct watched *process, const struct pollfd *seen)
{
	if (process->fd >= 0)
		return seen->revents != 0;
	return start_of(process->pid) != process->started;
}

/* A whole number above 0, or -1. */
static long long number(const char *text)
{
	char *end;
	errno = 0;
	long long value = strtoll(text, &end, 10);
	return errno || end == text || *end || value <= 0 ? -1 : value;
}

static pid_t start(char **argv, const sigset_t *mask)
{
	posix_spawnattr_t attributes;
	sigset_t defaults;
	pid_t child = 0;
	posix_spawnattr_init(&attributes);
	/* Whatever podman was started with, a check begins as usual. */
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawnattr_setsigmask(&attributes, mask);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	int failed = posix_spawn(&child, argv[0], NULL, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	return failed ? 0 : child;
}

static int usage(void)
{
	static const char text[] = "usage: podman-health-timer INTERVAL_MS PID[,PID...] PROGRAM [ARGUMENT...], with "
				   "whole numbers above 0 and four processes at most\n";
	(void)!write(2, text, sizeof text - 1);
	return 2;
}

int main(int argc, char **argv)
{
	static const char version[] = "podman-health-timer " VERSION "\n";
	if (argc == 2 && !strcmp(argv[1], "--version"))
		return write(1, version, sizeof version - 1) < 0;
	long long interval = argc < 4 ? -1 : number(argv[1]);
	if (interval < 0)
		return usage();
	if (interval < MIN_INTERVAL_MS)
		interval = MIN_INTERVAL_MS;
	prctl(PR_SET_NAME, "podman-health");

	/* Whatever podman had open would be held open for as long as the container lives. */
	if (syscall(CLOSE_RANGE, 3, ~0U, 0))
		for (int fd = 3; fd < 4096; fd++)
			close(fd);

	sigset_t mask, before;
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, &before);

	struct pollfd polled[1 + MAX_WATCHED];
	polled[0] = (struct pollfd){ .fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK), .events = POLLIN };
	if (polled[0].fd < 0)
		return 3;

	struct watched watched[MAX_WATCHED];
	int count = 0, look = 0;
	for (char *word = strtok(argv[2], ","); word; word = strtok(NULL, ",")) {
		long long pid = number(word);
		if (pid < 0 || pid > INT_MAX || count == MAX_WATCHED)
			return usage();
		struct watched *process = &watched[count];
		*process = (struct watched){ .pid = pid, .started = start_of(pid), .fd = syscall(PIDFD_OPEN, pid, 0) };
		if (!process->started)
			return 0;
		if (process->fd < 0)
			look = 1;
		polled[++count] = (struct pollfd){ .fd = process->fd, .events = POLLIN };
	}
	if (!count)
		return usage();

	pid_t child = 0;
	long long next = now_ms();
	for (;;) {
		long long wait = next - now_ms();
		if (!child && wait <= 0) {
			child = start(argv + 3, &before);
			if (!child)
				next = now_ms() + interval;
			continue;
		}
		if (child || wait > INT_MAX)
			wait = INT_MAX;
		if (look && wait > LOOK_MS)
			wait = LOOK_MS;
		if (poll(polled, 1 + count, wait) < 0 && errno != EINTR)
			return 3;
		for (int i = 0; i < count; i++)
			if (gone(&watched[i], &polled[1 + i]))
				return 0;
		struct signalfd_siginfo signal;
		while (read(polled[0].fd, &signal, sizeof signal) == sizeof signal) {
			if (signal.ssi_signo != SIGTERM)
				continue;
			/* A start-up check that has passed ends its own timer, and has more to do. */
			if (child && (pid_t)signal.ssi_pid != child)
				kill(child, SIGTERM);
			return 0;
		}
		if (child && waitpid(child, NULL, WNOHANG) == child) {
			child = 0;
			next = now_ms() + interval;
		}
	}
}
