/* SPDX-License-Identifier: MIT */
/*
 * Standard input and output as the guest's console: see console.h.
 *
 * Locks: out.lock protects the output buffer and is the innermost lock of all. The input queue
 * belongs to the input thread alone.
 */
#include "vmm/console.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "vmm/report.h"
#include "vmm/terminal.h"

#define OUT_SIZE (64u << 10)
#define IN_SIZE	 (16u << 10)
#define ESCAPE	 0x01 /* Ctrl-A */

struct console {
	struct console_host host;
	pthread_t in_thread, out_thread;
	int wake; /* eventfd: the input thread has something else to do than read */
	atomic_bool stop;
	bool terminal;

	/* Input thread only: a ring of bytes that the guest has not taken yet. */
	uint8_t in[IN_SIZE];
	size_t in_head, in_count;
	bool escaped;
	bool in_ended;

	struct {
		pthread_mutex_t lock;
		pthread_cond_t more;  /* for the output thread: there is something, or stop */
		pthread_cond_t space; /* for vCPU threads */
		uint8_t ring[OUT_SIZE];
		size_t head, count;
		bool writing; /* the output thread has taken bytes that are not out yet */
		bool discard;
		bool stop;
	} out;
};

/* ---- output ---- */

void console_put(struct console *c, uint8_t ch)
{
	pthread_mutex_lock(&c->out.lock);
	while (c->out.count == OUT_SIZE && !c->out.discard)
		pthread_cond_wait(&c->out.space, &c->out.lock);
	if (c->out.count < OUT_SIZE) {
		c->out.ring[(c->out.head + c->out.count) % OUT_SIZE] = ch;
		if (c->out.count++ == 0 && !c->out.writing)
			pthread_cond_signal(&c->out.more);
	}
	pthread_mutex_unlock(&c->out.lock);
}

void console_discard(struct console *c)
{
	pthread_mutex_lock(&c->out.lock);
	c->out.discard = true;
	pthread_cond_broadcast(&c->out.space);
	pthread_mutex_unlock(&c->out.lock);
}

bool console_drained(struct console *c)
{
	bool drained;

	pthread_mutex_lock(&c->out.lock);
	drained = c->out.count == 0 && !c->out.writing;
	pthread_mutex_unlock(&c->out.lock);
	return drained;
}

/* Writes all of it, also where somebody made the descriptor non-blocking. Returns an errno or 0. */
static int write_all(const uint8_t *bytes, size_t n)
{
	while (n) {
		ssize_t w = write(STDOUT_FILENO, bytes, n);

		if (w >= 0) {
			bytes += w;
			n -= (size_t)w;
		} else if (errno == EAGAIN) {
			struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};

			poll(&p, 1, 100);
		} else if (errno != EINTR) {
			return errno;
		}
	}
	return 0;
}

static void *out_main(void *arg)
{
	/* Characters come one by one: let a few come together before each write. */
	const struct timespec gather = {.tv_nsec = 300000};
	static uint8_t chunk[OUT_SIZE]; /* of the only console there is */
	struct console *c = arg;
	bool failed = false;

	pthread_mutex_lock(&c->out.lock);
	for (;;) {
		size_t n, first;
		int error;

		while (c->out.count == 0 && !c->out.stop)
			pthread_cond_wait(&c->out.more, &c->out.lock);
		if (c->out.count == 0)
			break;
		c->out.writing = true;
		pthread_mutex_unlock(&c->out.lock);
		nanosleep(&gather, NULL);

		pthread_mutex_lock(&c->out.lock);
		n = c->out.count;
		first = OUT_SIZE - c->out.head < n ? OUT_SIZE - c->out.head : n;
		memcpy(chunk, c->out.ring + c->out.head, first);
		memcpy(chunk + first, c->out.ring, n - first);
		c->out.head = (c->out.head + n) % OUT_SIZE;
		c->out.count = 0;
		pthread_cond_broadcast(&c->out.space);
		pthread_mutex_unlock(&c->out.lock);

		error = failed ? 0 : write_all(chunk, n);
		if (error) {
			failed = true;
			c->host.output_failed(c->host.opaque, error);
		}
		pthread_mutex_lock(&c->out.lock);
		c->out.writing = false;
	}
	pthread_mutex_unlock(&c->out.lock);
	return NULL;
}

/* ---- input ---- */

static void wake_input(struct console *c)
{
	uint64_t one = 1;

	/* It only fails when the counter is full, and then the thread is awake anyway. */
	if (write(c->wake, &one, sizeof(one)) < 0)
		return;
}

void console_room(struct console *c)
{
	wake_input(c);
}

/* The guest's share of the queue, as far as it takes it. */
static void offer(struct console *c)
{
	while (c->in_count) {
		size_t n = IN_SIZE - c->in_head;
		size_t taken;

		if (n > c->in_count)
			n = c->in_count;
		taken = c->host.receive(c->host.opaque, c->in + c->in_head, n);
		c->in_head = (c->in_head + taken) % IN_SIZE;
		c->in_count -= taken;
		if (taken < n)
			return;
	}
}

static void enqueue(struct console *c, uint8_t byte)
{
	/* Only a terminal gets here with a full queue: it is still read for the sake of Ctrl-A x.
	 */
	if (c->in_count == IN_SIZE)
		return;
	c->in[(c->in_head + c->in_count++) % IN_SIZE] = byte;
}

/* A byte after Ctrl-A. */
static void command(struct console *c, uint8_t byte)
{
	switch (byte) {
	case 'x':
	case 'X':
		c->host.quit(c->host.opaque);
		break;
	case 'a':
	case ESCAPE:
		enqueue(c, ESCAPE);
		break;
	case 'b':
		c->host.receive_break(c->host.opaque);
		break;
	case 'n':
		c->host.nmi(c->host.opaque);
		break;
	case 'h':
	case 'H':
	case '?':
		vmm_say("keys: Ctrl-A x quits, Ctrl-A a types Ctrl-A, Ctrl-A b sends a break "
			"(magic SysRq), Ctrl-A n raises an NMI (event 0 of SDEI) at the first CPU, "
			"Ctrl-A h shows this");
		break;
	default:
		break;
	}
}

static void read_input(struct console *c)
{
	uint8_t bytes[1024];
	size_t room = c->terminal ? sizeof(bytes) : IN_SIZE - c->in_count;
	ssize_t n;

	n = read(STDIN_FILENO, bytes, room < sizeof(bytes) ? room : sizeof(bytes));
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		c->in_ended = true;
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		if (c->escaped) {
			c->escaped = false;
			command(c, bytes[i]);
		} else if (c->terminal && bytes[i] == ESCAPE) {
			c->escaped = true;
		} else {
			enqueue(c, bytes[i]);
		}
	}
}

static void *in_main(void *arg)
{
	struct console *c = arg;

	while (!atomic_load(&c->stop)) {
		bool want = !c->in_ended && (c->terminal || c->in_count < IN_SIZE);
		struct pollfd p[2] = {
		    {.fd = c->wake, .events = POLLIN},
		    {.fd = want ? STDIN_FILENO : -1, .events = POLLIN},
		};
		uint64_t count;

		offer(c);
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			break;
		if (p[0].revents && read(c->wake, &count, sizeof(count)) < 0 && errno != EAGAIN &&
		    errno != EINTR)
			break;
		if (p[1].revents)
			read_input(c);
	}
	return NULL;
}

/* ---- life ---- */

struct console *console_create(const struct console_host *host)
{
	struct console *c = calloc(1, sizeof(*c));
	int error;

	if (!c)
		return NULL;
	c->host = *host;
	c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->wake < 0) {
		error = errno;
		free(c);
		errno = error;
		return NULL;
	}
	pthread_mutex_init(&c->out.lock, NULL);
	pthread_cond_init(&c->out.more, NULL);
	pthread_cond_init(&c->out.space, NULL);
	c->terminal = terminal_init();
	error = pthread_create(&c->out_thread, NULL, out_main, c);
	if (!error) {
		error = pthread_create(&c->in_thread, NULL, in_main, c);
		if (!error)
			return c;
		pthread_mutex_lock(&c->out.lock);
		c->out.stop = true;
		pthread_cond_signal(&c->out.more);
		pthread_mutex_unlock(&c->out.lock);
		pthread_join(c->out_thread, NULL);
	}
	terminal_restore();
	close(c->wake);
	free(c);
	errno = error;
	return NULL;
}

void console_destroy(struct console *c)
{
	const struct timespec moment = {.tv_nsec = 2000000};
	bool stuck;

	if (!c)
		return;
	atomic_store(&c->stop, true);
	wake_input(c);
	pthread_join(c->in_thread, NULL);

	pthread_mutex_lock(&c->out.lock);
	c->out.stop = true;
	pthread_cond_signal(&c->out.more);
	stuck = c->out.discard;
	pthread_mutex_unlock(&c->out.lock);
	/* What was on its way gets a moment even so. */
	for (unsigned i = 0; stuck && i < 100; i++) {
		nanosleep(&moment, NULL);
		stuck = !console_drained(c);
	}
	terminal_restore();
	if (stuck) {
		/* In a write that may never end: the process is about to, and takes it along. */
		pthread_detach(c->out_thread);
		return;
	}
	pthread_join(c->out_thread, NULL);
	pthread_cond_destroy(&c->out.more);
	pthread_cond_destroy(&c->out.space);
	pthread_mutex_destroy(&c->out.lock);
	close(c->wake);
	free(c);
}
