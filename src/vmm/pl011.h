/* SPDX-License-Identifier: MIT */
/* The Arm PL011 UART (DDI 0183G, revision r1p5), without its DMA and infrared parts. */
#ifndef VMM_PL011_H
#define VMM_PL011_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PL011_FIFO 16

/* What the UART needs from the machine around it. */
struct pl011_host {
	void *opaque;
	/* The interrupt line's new level. Called with the UART's lock held, so levels stay in
	 * order. */
	void (*set_irq)(void *opaque, bool level);
	/* A character goes out. May block; called without the lock. */
	void (*transmit)(void *opaque, uint8_t c);
	/* pl011_receive() can take bytes again after it did not take all. Called without the lock.
	 */
	void (*room)(void *opaque);
};

struct pl011 {
	struct pl011_host host;

	/* Protects all below. vCPU threads and the console's thread take it; nothing inside it. */
	pthread_mutex_t lock;
	uint16_t fifo[PL011_FIFO]; /* characters with their error flags in bits 11:8 */
	unsigned head, count;
	uint32_t rsr, ilpr, ibrd, fbrd, lcr, cr, ifls, imsc, ris, dmacr;
	bool irq_level;
	bool starved;	/* somebody has bytes that were not taken */
	bool answered;	/* the guest looks at the causes of receive interrupts, or polls */
	unsigned polls; /* looks at the receiver since the last character sent */
};

void pl011_init(struct pl011 *u, const struct pl011_host *host);
void pl011_finish(struct pl011 *u);

/* Power-on state; the interrupt line goes low. */
void pl011_reset(struct pl011 *u);

/* Guest accesses: @offset within the 4 KiB frame. */
uint32_t pl011_read(struct pl011 *u, uint32_t offset);
void pl011_write(struct pl011 *u, uint32_t offset, uint32_t value);

/*
 * Offers bytes from outside; returns how many were taken. None are before the guest listens: its
 * driver empties the FIFO when it starts, and what was typed before would be lost.
 */
size_t pl011_receive(struct pl011 *u, const uint8_t *bytes, size_t n);

/* A break on the line. Dropped when the guest does not listen. */
void pl011_receive_break(struct pl011 *u);

#endif
