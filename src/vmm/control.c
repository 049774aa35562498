/* SPDX-License-Identifier: MIT */
/* The control socket: see control.h. */
#include "vmm/control.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm/report.h"

struct client {
	int fd; /* -1: nobody */
	char in[CONTROL_LINE];
	size_t in_count;
	bool too_long; /* the rest of this line is dropped */
	bool ended;    /* there is nothing more to read */
	char out[CONTROL_LINE];
	size_t out_at, out_end; /* of an answer that is on its way; equal: none is */
};

struct control {
	struct control_host host;
	int epoll;
	int listener;
	dev_t dev; /* which file the socket is */
	ino_t ino;
	struct sockaddr_un address;
	struct client client[CONTROL_MAX_CLIENTS];
};

/* ---- Clients ---- */

static void hang_up(struct client *cl)
{
	/* It leaves the epoll set with its only descriptor. */
	close(cl->fd);
	cl->fd = -1;
}

/* Whether it waits for the client to read (or else for it to write). */
static void watch(struct control *c, struct client *cl, bool output)
{
	struct epoll_event e = {.events = output ? EPOLLOUT : EPOLLIN, .data.ptr = cl};

	epoll_ctl(c->epoll, EPOLL_CTL_MOD, cl->fd, &e);
}

/* Sends what there is to send. False: it cannot all go out now, or never. */
static bool flush(struct control *c, struct client *cl)
{
	while (cl->out_at < cl->out_end) {
		ssize_t n = send(cl->fd, cl->out + cl->out_at, cl->out_end - cl->out_at,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			watch(c, cl, true);
			return false;
		}
		if (n < 0) {
			hang_up(cl);
			return false;
		}
		cl->out_at += (size_t)n;
	}
	cl->out_at = cl->out_end = 0;
	return true;
}

/* Takes the answer in cl->out on its way. */
static bool answer(struct control *c, struct client *cl)
{
	cl->out_end = strnlen(cl->out, sizeof(cl->out) - 1);
	cl->out[cl->out_end++] = '\n';
	return flush(c, cl);
}

static bool run_line(struct control *c, struct client *cl, size_t length)
{
	if (memchr(cl->in, 0, length)) {
		strcpy(cl->out, "error: not text");
		return answer(c, cl);
	}
	if (length && cl->in[length - 1] == '\r')
		length--;
	cl->in[length] = 0;
	c->host.command(c->host.opaque, cl->in, cl->out, sizeof(cl->out) - 1);
	return answer(c, cl);
}

/* One line, if there is a whole one. False: there is none, or the client must read first. */
static bool take_line(struct control *c, struct client *cl)
{
	char *end = memchr(cl->in, '\n', cl->in_count);
	size_t length = end ? (size_t)(end - cl->in) : cl->in_count;
	size_t used = end ? length + 1 : length;
	bool dropped = cl->too_long, go_on = true;

	/* The last line needs no end. */
	if (!end && (!cl->ended || !length) && cl->in_count < sizeof(cl->in))
		return false;
	cl->too_long = !end && !cl->ended;
	if (!dropped && cl->too_long) {
		strcpy(cl->out, "error: the line is too long");
		go_on = answer(c, cl);
	} else if (!dropped && length < sizeof(cl->in)) {
		go_on = run_line(c, cl, length);
	}
	cl->in_count -= used;
	memmove(cl->in, cl->in + used, cl->in_count);
	return go_on;
}

static void serve_client(struct control *c, struct client *cl)
{
	bool was_blocked = cl->out_at < cl->out_end;
	ssize_t n;

	if (was_blocked && !flush(c, cl))
		return;
	if (was_blocked)
		watch(c, cl, false);
	while (take_line(c, cl))
		;
	if (cl->fd < 0 || cl->out_at < cl->out_end)
		return;
	/* One piece at a time: others have their turn, and so has who polls. */
	if (!cl->ended) {
		n = recv(cl->fd, cl->in + cl->in_count, sizeof(cl->in) - cl->in_count,
			 MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			return;
		if (n < 0) {
			hang_up(cl);
			return;
		}
		cl->ended = n == 0;
		cl->in_count += (size_t)n;
		while (take_line(c, cl))
			;
	}
	if (cl->ended && cl->fd >= 0 && cl->out_at == cl->out_end)
		hang_up(cl);
}

static void refuse(int fd)
{
	static const char text[] = "error: too many clients\n";

	/* Who goes away before this arrives does not miss it. */
	if (send(fd, text, sizeof(text) - 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 || true)
		close(fd);
}

/* All who are there: the listener tells of each arrival once, whether it can be accepted or not. */
static void accept_clients(struct control *c)
{
	for (;;) {
		int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		struct client *cl = c->client;
		struct epoll_event e = {.events = EPOLLIN};

		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0)
			return;
		while (cl < c->client + CONTROL_MAX_CLIENTS && cl->fd >= 0)
			cl++;
		e.data.ptr = cl;
		if (cl == c->client + CONTROL_MAX_CLIENTS ||
		    epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &e) < 0) {
			refuse(fd);
			continue;
		}
		memset(cl, 0, sizeof(*cl));
		cl->fd = fd;
	}
}

int control_fd(const struct control *c)
{
	return c ? c->epoll : -1;
}

void control_serve(struct control *c)
{
	struct epoll_event e[CONTROL_MAX_CLIENTS + 1];
	int n = c ? epoll_wait(c->epoll, e, CONTROL_MAX_CLIENTS + 1, 0) : 0;
	bool arrivals = false;

	for (int i = 0; i < n; i++) {
		if (e[i].data.ptr)
			serve_client(c, e[i].data.ptr);
		else
			arrivals = true;
	}
	/* Last, so that no client is served for what happened to one before it in the same place.
	 */
	if (arrivals)
		accept_clients(c);
}

/* ---- The socket ---- */

static int failed(const struct control *c, const char *why)
{
	return vmm_fail(VMM_FILE, "--control %s: %s", c->address.sun_path, why);
}

static const struct sockaddr *address(const struct control *c)
{
	return (const struct sockaddr *)&c->address;
}

/* Something is at the path. Removes it if it is a socket that nobody listens to any more. */
static int remove_stale(struct control *c)
{
	struct stat st;
	int fd, error = 0;

	if (lstat(c->address.sun_path, &st) < 0)
		return errno == ENOENT ? 0 : failed(c, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return failed(c, "is there, and is not a socket: give another name");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, address(c), sizeof(c->address)) < 0)
		error = errno;
	if (fd >= 0)
		close(fd);
	/* EAGAIN: there is a queue, so there is somebody. */
	if (!error || error == EAGAIN)
		return failed(c, "in use by another program: give another name");
	if (error != ECONNREFUSED)
		return failed(c, strerror(error));
	if (unlink(c->address.sun_path) < 0 && errno != ENOENT)
		return failed(c, strerror(errno));
	return 0;
}

static int listen_at_path(struct control *c)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
	struct stat st;
	int status = 0;

	/* Linux makes the file with the mode that the socket has. */
	if (fchmod(c->listener, 0600) < 0)
		return failed(c, strerror(errno));
	if (bind(c->listener, address(c), sizeof(c->address)) < 0) {
		if (errno == EADDRINUSE)
			status = remove_stale(c);
		else
			status = failed(c, strerror(errno));
		if (!status && bind(c->listener, address(c), sizeof(c->address)) < 0)
			status = failed(c, strerror(errno));
		if (status)
			return status;
	}
	if (lstat(c->address.sun_path, &st) == 0) {
		c->dev = st.st_dev;
		c->ino = st.st_ino;
	}
	if (listen(c->listener, CONTROL_MAX_CLIENTS) < 0 ||
	    epoll_ctl(c->epoll, EPOLL_CTL_ADD, c->listener, &e) < 0)
		return failed(c, strerror(errno));
	return 0;
}

int control_create(const char *path, const struct control_host *host, struct control **out)
{
	struct control *c = calloc(1, sizeof(*c));
	int status;

	*out = NULL;
	if (!c)
		return vmm_fail(VMM_HOST, "not enough memory for --control");
	c->host = *host;
	for (unsigned i = 0; i < CONTROL_MAX_CLIENTS; i++)
		c->client[i].fd = -1;
	c->address.sun_family = AF_UNIX;
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	c->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->epoll < 0 || c->listener < 0)
		status = vmm_fail(VMM_HOST, "--control: cannot make a socket: %s", strerror(errno));
	else if (!*path || strlen(path) >= sizeof(c->address.sun_path))
		status = vmm_fail(VMM_USAGE, "--control %s: give a name of 1 to %zu bytes", path,
				  sizeof(c->address.sun_path) - 1);
	else {
		memcpy(c->address.sun_path, path, strlen(path));
		status = listen_at_path(c);
	}
	if (status) {
		control_destroy(c);
		return status;
	}
	*out = c;
	return 0;
}

void control_destroy(struct control *c)
{
	struct stat st;

	if (!c)
		return;
	for (unsigned i = 0; i < CONTROL_MAX_CLIENTS; i++) {
		if (c->client[i].fd >= 0)
			hang_up(&c->client[i]);
	}
	if (c->ino && lstat(c->address.sun_path, &st) == 0 && st.st_dev == c->dev &&
	    st.st_ino == c->ino)
		unlink(c->address.sun_path);
	if (c->listener >= 0)
		close(c->listener);
	if (c->epoll >= 0)
		close(c->epoll);
	free(c);
}
