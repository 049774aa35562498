/* SPDX-License-Identifier: MIT */
/*
 * The guest's console on this process's standard input and output.
 *
 * Input: a thread reads standard input and offers the bytes to the UART, which takes them at the
 * guest's pace. From a terminal, Ctrl-A starts a command; from anything else all bytes are the
 * guest's. Output: vCPU threads put characters into a buffer that a second thread writes out, so a
 * slow terminal does not slow the guest until the buffer is full, and nothing is lost.
 */
#ifndef VMM_CONSOLE_H
#define VMM_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct console;

struct console_host {
	void *opaque;
	/* Called from the input thread. Takes up to @n bytes, returns how many. */
	size_t (*receive)(void *opaque, const uint8_t *bytes, size_t n);
	void (*receive_break)(void *opaque);
	/* Ctrl-A x. */
	void (*quit)(void *opaque);
	/* Ctrl-A n. */
	void (*nmi)(void *opaque);
	/* Standard output cannot be written; from the output thread. @error is an errno. */
	void (*output_failed)(void *opaque, int error);
};

/* Starts the threads and makes a terminal raw. NULL and errno on failure. */
struct console *console_create(const struct console_host *host);

/*
 * Ends the threads and gives the terminal back. Waits until all output is out, unless
 * console_discard() was called. NULL is fine.
 */
void console_destroy(struct console *c);

/* A character from the guest; waits while the buffer is full. */
void console_put(struct console *c, uint8_t ch);

/* receive() would take bytes again. Any thread. */
void console_room(struct console *c);

/* From now on nobody waits for standard output: what does not go out at once is dropped. */
void console_discard(struct console *c);

/* True when all output is out. */
bool console_drained(struct console *c);

#endif
