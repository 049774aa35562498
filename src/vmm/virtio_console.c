/* SPDX-License-Identifier: MIT */
/*
 * Console (VIRTIO 1.2, 5.3) with one port: the guest's hvc0.
 *
 * Input waits in a small buffer until the driver has given receive buffers for it, and its sender
 * waits while that is full. Input that the driver has not taken outlives a reset of the device: a
 * driver resets it when it starts, and what was typed before is for the guest all the same.
 *
 * A driver may give receive buffers before it has somebody who reads, and drop what it gets then
 * (Linux does). The sign that all is set up is the first output; a guest that has read nothing and
 * said nothing for a while gets its input all the same.
 *
 * Locks: the console's is taken before the device's.
 */
#include "vmm/virtio_device.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "vmm/report.h"

#define F_SIZE (UINT64_C(1) << 0) /* 5.3.3 */

/* Queues of port 0: 5.3.2. */
enum { RECEIVE = 0, TRANSMIT = 1, NR_QUEUES = 2 };

/* The configuration, 5.3.4, as far as the features go: columns and rows. */
#define CONFIG_LEN 4u

#define IN_SIZE	   4096u
#define SILENCE_NS UINT64_C(2000000000)
#define TURN	   16u	 /* buffers before it is the other queue's turn */
#define OUT_PART   1024u /* bytes sent before it is asked again whether to stop */

struct virtio_console {
	struct virtio_device dev;
	struct virtio_console_host host;
	struct virtq_chain chain;
	uint8_t out[OUT_PART];
	/* The thread's. */
	bool listening;
	uint64_t silent_since; /* ns; input has waited for the first output; 0: there is none */

	pthread_mutex_t lock;
	/* Under the lock: a ring. */
	uint8_t in[IN_SIZE];
	unsigned in_head, in_count;
	bool starved; /* the sender waits to be told of room */
};

static struct virtio_console *to_console(struct virtio_device *d)
{
	return (struct virtio_console *)(void *)((char *)d - offsetof(struct virtio_console, dev));
}

/* ---- Input ---- */

size_t virtio_console_receive(struct virtio_device *d, const uint8_t *bytes, size_t n)
{
	struct virtio_console *c = to_console(d);
	size_t taken = 0;

	pthread_mutex_lock(&c->lock);
	/* Said before it is looked whether the driver runs: if it starts now, it finds this. */
	c->starved = true;
	if (virtio_running(d))
		while (taken < n && c->in_count < IN_SIZE)
			c->in[(c->in_head + c->in_count++) % IN_SIZE] = bytes[taken++];
	c->starved = taken < n;
	pthread_mutex_unlock(&c->lock);
	if (taken)
		virtio_kick(d, RECEIVE);
	return taken;
}

/* Moves input to a buffer of the driver's. With the lock held. */
static void fill(struct virtio_console *c, struct virtq *q)
{
	unsigned written = 0;

	while (c->in_count && c->chain.in_len) {
		unsigned n = IN_SIZE - c->in_head;

		if (n > c->in_count)
			n = c->in_count;
		if (n > c->chain.in_len)
			n = (unsigned)c->chain.in_len;
		virtq_write(&c->chain, c->in + c->in_head, n);
		c->in_head = (c->in_head + n) % IN_SIZE;
		c->in_count -= n;
		written += n;
	}
	virtq_push(q, &c->chain, written);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* There is input: is it time for it? */
static bool listening(struct virtio_console *c)
{
	if (c->listening)
		return true;
	if (!c->silent_since)
		c->silent_since = now_ns();
	c->listening = now_ns() - c->silent_since >= SILENCE_NS;
	if (!c->listening)
		virtio_later(&c->dev, RECEIVE);
	return c->listening;
}

static void receive(struct virtio_console *c, struct virtq *q)
{
	unsigned left = TURN;
	bool room;

	pthread_mutex_lock(&c->lock);
	if (c->in_count && listening(c)) {
		while (left && c->in_count && virtq_pop(q, &c->chain)) {
			fill(c, q);
			left--;
		}
		/* The lock goes in between: how long this takes is the guest's choice. */
		if (c->in_count && virtq_rearm(q))
			virtio_again(&c->dev, RECEIVE);
	}
	/* Half of it at a time: each message costs a switch to another thread. */
	room = c->starved && c->in_count <= IN_SIZE / 2;
	if (room)
		c->starved = false;
	pthread_mutex_unlock(&c->lock);
	virtq_signal(q);
	if (room)
		c->host.room(c->host.opaque);
}

/* ---- Output ---- */

/* False: not all of it is out, because the device is being reset. */
static bool send(struct virtio_console *c)
{
	while (c->chain.out_len) {
		size_t n = c->chain.out_len < OUT_PART ? c->chain.out_len : OUT_PART;

		if (virtio_resetting(&c->dev))
			return false;
		virtq_read(&c->chain, c->out, n);
		c->host.transmit(c->host.opaque, c->out, n);
	}
	return true;
}

static void transmit(struct virtio_console *c, struct virtq *q)
{
	unsigned left = TURN;

	do {
		virtq_quiet(q);
		while (left && virtq_pop(q, &c->chain)) {
			if (!send(c))
				return;
			virtq_push(q, &c->chain, 0);
			virtq_signal(q);
			left--;
		}
		if (!left) {
			virtio_again(&c->dev, TRANSMIT);
			return;
		}
	} while (virtq_rearm(q));
}

/* The driver is ready. Linux reads the window's size only when it is told that it changed. */
static void start_listening(struct virtio_console *c)
{
	c->listening = true;
	virtio_again(&c->dev, RECEIVE);
	if (c->dev.accepted & F_SIZE)
		virtio_config_changed(&c->dev);
}

static void process(struct virtio_device *d, unsigned index)
{
	struct virtio_console *c = to_console(d);

	if (index == RECEIVE) {
		receive(c, &d->queue[index]);
		return;
	}
	transmit(c, &d->queue[index]);
	if (!c->listening && d->queue[index].next_used)
		start_listening(c);
}

/* ---- Life ---- */

/* The driver is to start over, so this is the time to look at the window again. */
static void reset(struct virtio_device *d)
{
	struct virtio_console *c = to_console(d);
	struct winsize w;

	c->listening = false;
	c->silent_since = 0;
	if (!(d->offered & F_SIZE) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0)
		return;
	d->config[0] = (uint8_t)w.ws_col;
	d->config[1] = (uint8_t)(w.ws_col >> 8);
	d->config[2] = (uint8_t)w.ws_row;
	d->config[3] = (uint8_t)(w.ws_row >> 8);
}

static void destroy(struct virtio_device *d)
{
	struct virtio_console *c = to_console(d);

	pthread_mutex_destroy(&c->lock);
	free(c);
}

static const struct virtio_ops ops = {.process = process, .reset = reset, .destroy = destroy};

int virtio_console_create(struct virtio_device **d, struct pci_bus *bus, const struct dma *dma,
			  const struct virtio_console_host *host, bool with_msix)
{
	struct virtio_setup setup = {
	    .ops = &ops,
	    .name = "console",
	    .type = VIRTIO_TYPE_CONSOLE,
	    .class_code = 0x078000, /* a communication controller */
	    .nr_queues = NR_QUEUES,
	    .config_len = CONFIG_LEN,
	    .with_msix = with_msix,
	};
	struct virtio_console *c = calloc(1, sizeof(*c));
	struct winsize w;
	int status;

	if (!c)
		return vmm_fail(VMM_HOST, "not enough memory for the console");
	c->host = *host;
	pthread_mutex_init(&c->lock, NULL);
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col && w.ws_row)
		setup.features |= F_SIZE;
	status = virtio_init(&c->dev, bus, dma, &setup);
	if (status) {
		destroy(&c->dev);
		return status;
	}
	*d = &c->dev;
	return 0;
}
