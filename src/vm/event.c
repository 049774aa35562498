/* SPDX-License-Identifier: MIT */
/* Eventfds of user space (event.h). */
#include "vm/event.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* /proc says what a descriptor is; eventfd-id is there since Linux 5.2. */
static int identify(int fd, int64_t *id)
{
	char path[48], text[512];
	const char *line;
	ssize_t n;

	*id = EVENT_ID_UNKNOWN;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	int info = open(path, O_RDONLY | O_CLOEXEC);

	if (info < 0)
		return errno == EMFILE || errno == ENFILE ? -EMFILE : 0;
	n = read(info, text, sizeof(text) - 1);
	close(info);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	if (!strstr(text, "eventfd-count:"))
		return -EINVAL;
	line = strstr(text, "eventfd-id:");
	if (line)
		*id = strtol(line + strlen("eventfd-id:"), NULL, 10);
	return 0;
}

int event_hold(int fd, int64_t *id)
{
	int held = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	int err;

	if (held < 0)
		return -errno;
	err = identify(held, id);
	if (err) {
		close(held);
		return err;
	}
	return held;
}

void event_drop(int held)
{
	if (held >= 0)
		close(held);
}

static bool ready(int fd, short what)
{
	struct pollfd p = {.fd = fd, .events = what};

	return poll(&p, 1, 0) == 1 && (p.revents & what);
}

void event_signal(int held)
{
	uint64_t one = 1;

	if (ready(held, POLLOUT) && write(held, &one, sizeof(one)) < 0)
		return; /* full after all */
}

bool event_take(int held)
{
	uint64_t count;
	struct iovec iov = {&count, sizeof(count)};
	ssize_t n = preadv2(held, &iov, 1, -1, RWF_NOWAIT);

	if (n < 0 && errno != EAGAIN && ready(held, POLLIN)) {
		/* No such call here. Somebody else's read would have to come just in between. */
		n = read(held, &count, sizeof(count));
	}
	return n == (ssize_t)sizeof(count);
}
