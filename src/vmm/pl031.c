/* SPDX-License-Identifier: MIT */
/*
 * The PL031. Its counter is the host's clock plus an offset, so there is nothing to count; the
 * alarm is a time to be woken at.
 */
#include "vmm/pl031.h"

#include <string.h>

/* Register offsets, DDI 0224C 3.2. */
enum {
	RTCDR = 0x00,
	RTCMR = 0x04,
	RTCLR = 0x08,
	RTCCR = 0x0c,
	RTCIMSC = 0x10,
	RTCRIS = 0x14,
	RTCMIS = 0x18,
	RTCICR = 0x1c,
	RTCID = 0xfe0,
};

static const uint8_t ids[] = {0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

/* Must hold the lock. */
static void update_irq(struct pl031 *r)
{
	bool level = (r->ris & r->imsc) != 0;

	if (level != r->irq_level) {
		r->irq_level = level;
		r->host.set_irq(r->host.opaque, level);
	}
}

/* Must hold the lock. The next time the counter passes the match value. */
static void set_alarm(struct pl031 *r)
{
	int64_t now = r->host.now(r->host.opaque);
	uint32_t counter = (uint32_t)now + r->offset;

	r->alarm = now + (uint32_t)(r->match - counter);
	if (r->alarm == now) {
		r->alarm = 0;
		r->ris = 1;
	}
	r->host.wake_at(r->host.opaque, r->alarm);
}

void pl031_init(struct pl031 *r, const struct pl031_host *host)
{
	memset(r, 0, sizeof(*r));
	r->host = *host;
	pthread_mutex_init(&r->lock, NULL);
}

void pl031_finish(struct pl031 *r)
{
	pthread_mutex_destroy(&r->lock);
}

/* The time of day survives, as behind a battery. */
void pl031_reset(struct pl031 *r)
{
	pthread_mutex_lock(&r->lock);
	r->match = r->imsc = r->ris = 0;
	r->alarm = 0;
	r->host.wake_at(r->host.opaque, 0);
	update_irq(r);
	pthread_mutex_unlock(&r->lock);
}

uint32_t pl031_read(struct pl031 *r, uint32_t offset)
{
	uint32_t v = 0;

	pthread_mutex_lock(&r->lock);
	switch (offset) {
	case RTCDR:
		v = (uint32_t)r->host.now(r->host.opaque) + r->offset;
		break;
	case RTCMR:
		v = r->match;
		break;
	case RTCLR:
		v = r->load;
		break;
	case RTCCR:
		v = 1; /* always running */
		break;
	case RTCIMSC:
		v = r->imsc;
		break;
	case RTCRIS:
		v = r->ris;
		break;
	case RTCMIS:
		v = r->ris & r->imsc;
		break;
	default:
		if (offset >= RTCID && offset < RTCID + 4 * sizeof(ids) && !(offset & 3))
			v = ids[(offset - RTCID) / 4];
	}
	pthread_mutex_unlock(&r->lock);
	return v;
}

void pl031_write(struct pl031 *r, uint32_t offset, uint32_t value)
{
	pthread_mutex_lock(&r->lock);
	switch (offset) {
	case RTCMR:
		r->match = value;
		set_alarm(r);
		break;
	case RTCLR:
		r->load = value;
		r->offset = value - (uint32_t)r->host.now(r->host.opaque);
		set_alarm(r);
		break;
	case RTCIMSC:
		r->imsc = value & 1;
		break;
	case RTCICR:
		r->ris &= ~value;
		break;
	default:
		break;
	}
	update_irq(r);
	pthread_mutex_unlock(&r->lock);
}

void pl031_tick(struct pl031 *r)
{
	pthread_mutex_lock(&r->lock);
	if (r->alarm) {
		if (r->host.now(r->host.opaque) >= r->alarm) {
			r->alarm = 0;
			r->ris = 1;
			update_irq(r);
		}
		r->host.wake_at(r->host.opaque, r->alarm);
	}
	pthread_mutex_unlock(&r->lock);
}
