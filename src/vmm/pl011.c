/* SPDX-License-Identifier: MIT */
/*
 * The PL011 as a state machine over its registers. Transmission takes no time: a character written
 * is out, and the transmit FIFO is always empty. On the receive side the FIFO is the real one, 16
 * deep, and the world behind it waits while it is full.
 */
#include "vmm/pl011.h"

#include <string.h>

/* Register offsets, DDI 0183G 3.2. */
enum {
	UARTDR = 0x000,
	UARTRSR = 0x004, /* written: UARTECR */
	UARTFR = 0x018,
	UARTILPR = 0x020,
	UARTIBRD = 0x024,
	UARTFBRD = 0x028,
	UARTLCR_H = 0x02c,
	UARTCR = 0x030,
	UARTIFLS = 0x034,
	UARTIMSC = 0x038,
	UARTRIS = 0x03c,
	UARTMIS = 0x040,
	UARTICR = 0x044,
	UARTDMACR = 0x048,
	UARTID = 0xfe0,
};

enum {
	FR_CTS = 1 << 0,
	FR_DSR = 1 << 1,
	FR_DCD = 1 << 2,
	FR_RXFE = 1 << 4,
	FR_RXFF = 1 << 6,
	FR_TXFE = 1 << 7,
};

enum { LCR_FEN = 1 << 4 };

enum { CR_LBE = 1 << 7, CR_TXE = 1 << 8, CR_RXE = 1 << 9 };

enum { INT_RX = 1 << 4, INT_TX = 1 << 5, INT_RT = 1 << 6, INT_BE = 1 << 9, INT_ALL = 0x7ff };

enum { DR_BE = 1 << 10, DR_ERRORS = 0xf00 };

/* This many looks at an empty receiver in a row: a guest that polls instead of using interrupts. */
#define POLLS_TO_LISTEN 64

/* UARTPeriphID0..3 and UARTPCellID0..3, DDI 0183G 3.3.14-3.3.21; revision 3 is r1p5. */
static const uint8_t ids[] = {0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

static unsigned depth(const struct pl011 *u)
{
	return u->lcr & LCR_FEN ? PL011_FIFO : 1;
}

/* Characters in the FIFO that raise UARTRXINTR: UARTIFLS bits 5:3; one without FIFOs. */
static unsigned trigger(const struct pl011 *u)
{
	static const uint8_t levels[] = {2, 4, 8, 12, 14, 14, 14, 14};

	return u->lcr & LCR_FEN ? levels[(u->ifls >> 3) & 7] : 1;
}

/* Must hold the lock. */
static void update_irq(struct pl011 *u)
{
	bool level = (u->ris & u->imsc) != 0;

	if (level != u->irq_level) {
		u->irq_level = level;
		u->host.set_irq(u->host.opaque, level);
	}
}

/*
 * Must hold the lock. A driver may unmask receive interrupts long before it serves them, and empty
 * the FIFO in between (Linux does): that it looked at the cause of one is the sign.
 */
static bool listening(const struct pl011 *u)
{
	return (u->cr & CR_RXE) && u->answered;
}

/* Must hold the lock. Somebody waits to send: a receive timeout without data asks for that look. */
static void knock(struct pl011 *u)
{
	if (u->starved && (u->imsc & (INT_RX | INT_RT)) && !listening(u))
		u->ris |= u->imsc & INT_RT ? INT_RT : INT_RX;
}

/* Must hold the lock. The guest looked whether there is a character. */
static void polled(struct pl011 *u)
{
	if (++u->polls >= POLLS_TO_LISTEN)
		u->answered = true;
}

/* Must hold the lock. UARTRIS and UARTMIS are read. */
static uint32_t look_at_causes(struct pl011 *u, uint32_t mask)
{
	uint32_t causes = u->ris & mask;

	if (u->ris & u->imsc & (INT_RX | INT_RT))
		u->answered = true;
	if (!u->count)
		u->ris &= ~(INT_RX | INT_RT);
	return causes;
}

/* Must hold the lock, and there is room. */
static void push(struct pl011 *u, uint16_t c)
{
	u->fifo[(u->head + u->count) % PL011_FIFO] = c;
	u->count++;
	if (u->count >= trigger(u))
		u->ris |= INT_RX;
	/*
	 * The receive timeout means that no more came for 32 bit times. There are no bit times
	 * here, so what came is always all.
	 */
	u->ris |= INT_RT;
}

static uint16_t pop(struct pl011 *u)
{
	uint16_t c = u->fifo[u->head];

	if (!u->count)
		return c & 0xff;
	u->head = (u->head + 1) % PL011_FIFO;
	u->count--;
	if (u->count < trigger(u))
		u->ris &= ~INT_RX;
	if (!u->count)
		u->ris &= ~INT_RT;
	u->rsr = (c & DR_ERRORS) >> 8;
	return c;
}

/* Must hold the lock. True if whoever waits to send should be told; the caller does, unlocked. */
static bool room_again(struct pl011 *u)
{
	/* Half a FIFO at a time: each message costs a switch to another thread. */
	if (!u->starved || !listening(u) || u->count > depth(u) / 2)
		return false;
	u->starved = false;
	return true;
}

static void set_power_on_state(struct pl011 *u)
{
	u->head = u->count = 0;
	memset(u->fifo, 0, sizeof(u->fifo));
	u->rsr = u->ilpr = u->ibrd = u->fbrd = u->lcr = u->imsc = u->ris = u->dmacr = 0;
	u->cr = CR_TXE | CR_RXE;
	u->ifls = 0x12;
	u->polls = 0;
	u->answered = false;
}

void pl011_init(struct pl011 *u, const struct pl011_host *host)
{
	memset(u, 0, sizeof(*u));
	u->host = *host;
	pthread_mutex_init(&u->lock, NULL);
	set_power_on_state(u);
}

void pl011_finish(struct pl011 *u)
{
	pthread_mutex_destroy(&u->lock);
}

void pl011_reset(struct pl011 *u)
{
	pthread_mutex_lock(&u->lock);
	set_power_on_state(u);
	update_irq(u);
	pthread_mutex_unlock(&u->lock);
}

static uint32_t read_locked(struct pl011 *u, uint32_t offset)
{
	switch (offset) {
	case UARTDR:
		if (!u->count)
			polled(u);
		return pop(u);
	case UARTRSR:
		return u->rsr;
	case UARTFR:
		polled(u);
		return FR_CTS | FR_DSR | FR_DCD | FR_TXFE | (u->count ? 0 : FR_RXFE) |
		       (u->count >= depth(u) ? FR_RXFF : 0);
	case UARTILPR:
		return u->ilpr;
	case UARTIBRD:
		return u->ibrd;
	case UARTFBRD:
		return u->fbrd;
	case UARTLCR_H:
		return u->lcr;
	case UARTCR:
		return u->cr;
	case UARTIFLS:
		return u->ifls;
	case UARTIMSC:
		return u->imsc;
	case UARTRIS:
		return look_at_causes(u, INT_ALL);
	case UARTMIS:
		return look_at_causes(u, u->imsc);
	case UARTDMACR:
		return u->dmacr;
	default:
		if (offset >= UARTID && offset < UARTID + 4 * sizeof(ids) && !(offset & 3))
			return ids[(offset - UARTID) / 4];
		return 0;
	}
}

uint32_t pl011_read(struct pl011 *u, uint32_t offset)
{
	uint32_t v;
	bool tell;

	pthread_mutex_lock(&u->lock);
	v = read_locked(u, offset);
	update_irq(u);
	tell = room_again(u);
	pthread_mutex_unlock(&u->lock);
	if (tell)
		u->host.room(u->host.opaque);
	return v;
}

/* True if a character is to be sent. */
static bool write_locked(struct pl011 *u, uint32_t offset, uint32_t v)
{
	switch (offset) {
	case UARTDR:
		u->polls = 0;
		u->ris |= INT_TX;
		if (u->cr & CR_LBE) {
			if (u->count < depth(u))
				push(u, v & 0xff);
			return false;
		}
		/* Sent even with UARTEN or TXE off: guests that never set them run elsewhere. */
		return true;
	case UARTRSR:
		u->rsr = 0;
		return false;
	case UARTILPR:
		u->ilpr = v & 0xff;
		return false;
	case UARTIBRD:
		u->ibrd = v & 0xffff;
		return false;
	case UARTFBRD:
		u->fbrd = v & 0x3f;
		return false;
	case UARTLCR_H:
		if ((u->lcr ^ v) & LCR_FEN) {
			u->head = u->count = 0;
			u->ris &= ~(INT_RX | INT_RT);
		}
		u->lcr = v & 0xff;
		return false;
	case UARTCR:
		u->cr = v & 0xff87;
		return false;
	case UARTIFLS:
		u->ifls = v & 0x3f;
		return false;
	case UARTIMSC:
		u->imsc = v & INT_ALL;
		if (!(u->imsc & (INT_RX | INT_RT)))
			u->answered = false;
		knock(u);
		return false;
	case UARTICR:
		u->ris &= ~v;
		return false;
	case UARTDMACR:
		u->dmacr = v & 7;
		return false;
	default:
		return false;
	}
}

void pl011_write(struct pl011 *u, uint32_t offset, uint32_t value)
{
	bool send, tell;

	pthread_mutex_lock(&u->lock);
	send = write_locked(u, offset, value);
	update_irq(u);
	tell = room_again(u);
	pthread_mutex_unlock(&u->lock);
	if (send)
		u->host.transmit(u->host.opaque, (uint8_t)value);
	if (tell)
		u->host.room(u->host.opaque);
}

size_t pl011_receive(struct pl011 *u, const uint8_t *bytes, size_t n)
{
	size_t taken = 0;

	pthread_mutex_lock(&u->lock);
	if (listening(u)) {
		while (taken < n && u->count < depth(u))
			push(u, bytes[taken++]);
		update_irq(u);
	}
	u->starved = taken < n;
	knock(u);
	update_irq(u);
	pthread_mutex_unlock(&u->lock);
	return taken;
}

void pl011_receive_break(struct pl011 *u)
{
	pthread_mutex_lock(&u->lock);
	if (listening(u) && u->count < depth(u)) {
		push(u, DR_BE);
		u->ris |= INT_BE;
		update_irq(u);
	}
	pthread_mutex_unlock(&u->lock);
}
