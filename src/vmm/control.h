/* SPDX-License-Identifier: MIT */
/*
 * The control socket (--control): a UNIX stream socket on which lines come in, and for each a line
 * goes out. What the lines mean is not known here; see commands.c.
 *
 * There is no thread: one descriptor tells when there is something to do, and who polls it calls
 * control_serve(). Nothing here waits for a client, and what a client can take up is bounded: one
 * that does not read its answers is not read from until it does.
 */
#ifndef VMM_CONTROL_H
#define VMM_CONTROL_H

#include <stddef.h>

#define CONTROL_MAX_CLIENTS 8
#define CONTROL_LINE	    256 /* bytes of a line, with its end */

struct control;

struct control_host {
	void *opaque;
	/* A line, without its end: the answer goes to @answer, without one too. */
	void (*command)(void *opaque, const char *line, char *answer, size_t size);
};

/*
 * Makes the socket at @path, for this user alone. One that is left over, of a program that is gone,
 * is replaced. Returns 0 or a status.
 */
int control_create(const char *path, const struct control_host *host, struct control **out);

/* Hangs up and removes the socket, unless another has taken its place. NULL is fine. */
void control_destroy(struct control *c);

/* To be polled for input. NULL: -1. */
int control_fd(const struct control *c);

/* Does what there is to do. NULL is fine. */
void control_serve(struct control *c);

#endif
