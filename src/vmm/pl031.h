/* SPDX-License-Identifier: MIT */
/* The Arm PL031 real time clock (DDI 0224C): seconds since 1970, with one alarm. */
#ifndef VMM_PL031_H
#define VMM_PL031_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct pl031_host {
	void *opaque;
	/* Seconds since 1970. */
	int64_t (*now)(void *opaque);
	/* Call pl031_tick() at this time (0: not at all). Both are called with the lock held. */
	void (*wake_at)(void *opaque, int64_t seconds);
	void (*set_irq)(void *opaque, bool level);
};

struct pl031 {
	struct pl031_host host;

	/* Protects all below; nothing is taken inside it. */
	pthread_mutex_t lock;
	uint32_t offset; /* counter minus the host's seconds, modulo 2^32 */
	uint32_t load, match, imsc, ris;
	int64_t alarm; /* host seconds at which the counter equals match; 0: none set */
	bool irq_level;
};

void pl031_init(struct pl031 *r, const struct pl031_host *host);
void pl031_finish(struct pl031 *r);
void pl031_reset(struct pl031 *r);

uint32_t pl031_read(struct pl031 *r, uint32_t offset);
void pl031_write(struct pl031 *r, uint32_t offset, uint32_t value);

/* The time asked for with wake_at() has come (or may have). */
void pl031_tick(struct pl031 *r);

#endif
