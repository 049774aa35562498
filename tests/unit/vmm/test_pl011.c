/* SPDX-License-Identifier: MIT */
/* The UART: FIFO, flags, each interrupt's rise and fall, and how input waits for the guest. */
#include "cm.h"

#include <stdbool.h>
#include <string.h>

#include "vmm/pl011.h"

enum {
	DR = 0,
	RSR = 4,
	FR = 0x18,
	IBRD = 0x24,
	LCR = 0x2c,
	CR = 0x30,
	IFLS = 0x34,
	IMSC = 0x38,
	RIS = 0x3c,
	MIS = 0x40,
	ICR = 0x44
};
enum { RXFE = 0x10, RXFF = 0x40, TXFE = 0x80 };
enum { RX = 0x10, TX = 0x20, RT = 0x40, BE = 0x200 };

static struct pl011 u;
static bool line;
static unsigned rooms, sent_count;
static uint8_t sent[64];

static void set_irq(void *opaque, bool level)
{
	assert_true(level != line);
	line = level;
}

static void transmit(void *opaque, uint8_t c)
{
	sent[sent_count++ % sizeof(sent)] = c;
}

static void room(void *opaque)
{
	rooms++;
}

static int setup(void **state)
{
	const struct pl011_host host = {.set_irq = set_irq, .transmit = transmit, .room = room};

	line = false;
	rooms = sent_count = 0;
	pl011_init(&u, &host);
	return 0;
}

static int teardown(void **state)
{
	pl011_finish(&u);
	return 0;
}

static size_t type(const char *text)
{
	return pl011_receive(&u, (const uint8_t *)text, strlen(text));
}

/* As a driver starts: FIFOs on, enabled, receive interrupts unmasked and served once. */
static void start(uint32_t imsc)
{
	pl011_write(&u, LCR, 0x70);
	pl011_write(&u, CR, 0x301);
	pl011_write(&u, ICR, 0x7ff);
	pl011_write(&u, IMSC, 0);
	pl011_write(&u, IMSC, imsc);
	rooms = 0;
	if (!(imsc & (RX | RT)))
		return;
	assert_int_equal(type("?"), 0);
	assert_true(line);
	pl011_read(&u, MIS);
	assert_false(line);
	assert_int_equal(rooms, 1);
	rooms = 0;
}

static void reset_values(void **state)
{
	static const uint8_t ids[] = {0x11, 0x10, 0x34, 0, 0x0d, 0xf0, 0x05, 0xb1};

	assert_int_equal(pl011_read(&u, CR), 0x300);
	assert_int_equal(pl011_read(&u, IFLS), 0x12);
	assert_int_equal(pl011_read(&u, FR) & (RXFE | RXFF | TXFE), RXFE | TXFE);
	assert_int_equal(pl011_read(&u, RIS), 0);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(pl011_read(&u, 0xfe0 + 4 * i), ids[i]);
	assert_int_equal(pl011_read(&u, 0x800), 0);
	pl011_write(&u, IBRD, 0xfffff);
	assert_int_equal(pl011_read(&u, IBRD), 0xffff);
	pl011_write(&u, IMSC, 0xffffffff);
	assert_int_equal(pl011_read(&u, IMSC), 0x7ff);
}

static void sends(void **state)
{
	start(TX);
	assert_false(line);
	pl011_write(&u, DR, 'a');
	pl011_write(&u, DR, 'b');
	assert_int_equal(sent_count, 2);
	assert_memory_equal(sent, "ab", 2);
	assert_true(line);
	assert_int_equal(pl011_read(&u, MIS), TX);
	pl011_write(&u, ICR, TX);
	assert_false(line);
}

static void input_waits(void **state)
{
	/* Switched on but not listening: a driver that starts empties the FIFO. */
	assert_int_equal(type("x"), 0);
	start(0);
	assert_int_equal(type("x"), 0);
	assert_int_equal(rooms, 0);
	/* Unmasked, but nobody serves the interrupt yet: what was there would be thrown away. */
	pl011_write(&u, IMSC, RX);
	assert_int_equal(rooms, 0);
	assert_int_equal(type("x"), 0);
	assert_true(line);
	assert_int_equal(pl011_read(&u, FR) & 0x10, 0x10);
	/* The handler looks at the cause: now it listens. */
	assert_int_equal(pl011_read(&u, MIS), RX);
	assert_false(line);
	assert_int_equal(rooms, 1);
	assert_int_equal(type("x"), 1);
	/* Told once, until something is left over again. */
	pl011_write(&u, IMSC, RX | RT);
	assert_int_equal(rooms, 1);
	pl011_write(&u, CR, 0x101);
	assert_int_equal(type("y"), 0);
	pl011_write(&u, CR, 0x301);
	assert_int_equal(rooms, 2);
	/* Masked again: the next start of the driver has to show itself again. */
	pl011_write(&u, IMSC, 0);
	assert_int_equal(type("z"), 0);
}

static void input_for_pollers(void **state)
{
	assert_int_equal(type("x"), 0);
	for (unsigned i = 0; i < 200; i++) {
		/* Looking at the transmitter before each character is not polling for input. */
		pl011_read(&u, FR);
		pl011_write(&u, DR, 'o');
	}
	assert_int_equal(type("x"), 0);
	assert_int_equal(rooms, 0);
	for (unsigned i = 0; i < 200; i++)
		pl011_read(&u, FR);
	assert_int_equal(rooms, 1);
	assert_int_equal(type("x"), 1);
	assert_int_equal(pl011_read(&u, DR), 'x');
}

static void fifo(void **state)
{
	start(RX | RT);
	assert_int_equal(type("0123456789abcdefghij"), 16);
	assert_int_equal(pl011_read(&u, FR) & (RXFE | RXFF), RXFF);
	assert_int_equal(type("g"), 0);
	for (unsigned i = 0; i < 16; i++) {
		assert_int_equal(rooms, i > 8 ? 1 : i == 8);
		assert_true(line);
		assert_int_equal(pl011_read(&u, DR), "0123456789abcdef"[i]);
	}
	assert_int_equal(pl011_read(&u, FR) & (RXFE | RXFF), RXFE);
	assert_false(line);
	assert_int_equal(type("ghij"), 4);
	assert_int_equal(pl011_read(&u, DR), 'g');
	/* Switching FIFOs off or on empties them; without, there is one place. */
	pl011_write(&u, LCR, 0x60);
	assert_int_equal(pl011_read(&u, FR) & (RXFE | RXFF), RXFE);
	assert_false(line);
	assert_int_equal(type("kl"), 1);
	assert_int_equal(pl011_read(&u, FR) & (RXFE | RXFF), RXFF);
	assert_int_equal(pl011_read(&u, RIS) & RX, RX);
	assert_int_equal(pl011_read(&u, DR), 'k');
}

static void levels(void **state)
{
	static const unsigned at[] = {2, 4, 8, 12, 14};

	for (unsigned i = 0; i < 5; i++) {
		start(RX);
		pl011_write(&u, IFLS, i << 3);
		for (unsigned n = 1; n <= 16; n++) {
			type("x");
			assert_int_equal(line, n >= at[i]);
			/* The timeout tells of fewer, if it is unmasked. */
			assert_int_equal(pl011_read(&u, RIS) & RT, RT);
		}
		for (unsigned n = 16; n--;) {
			pl011_read(&u, DR);
			assert_int_equal(line, n >= at[i]);
		}
		assert_int_equal(pl011_read(&u, RIS), 0);
	}
}

static void breaks_and_loopback(void **state)
{
	start(BE | RT);
	pl011_receive_break(&u);
	assert_int_equal(pl011_read(&u, MIS), BE | RT);
	assert_int_equal(pl011_read(&u, DR), 0x400);
	assert_int_equal(pl011_read(&u, RSR), 4);
	pl011_write(&u, RSR, 0);
	assert_int_equal(pl011_read(&u, RSR), 0);
	pl011_write(&u, ICR, BE);
	assert_false(line);
	pl011_write(&u, CR, 0x381);
	pl011_write(&u, DR, 'l');
	assert_int_equal(sent_count, 0);
	assert_int_equal(pl011_read(&u, DR), 'l');
}

static void reset(void **state)
{
	start(RX | RT);
	type("hello");
	assert_true(line);
	pl011_reset(&u);
	assert_false(line);
	assert_int_equal(pl011_read(&u, FR) & RXFE, RXFE);
	assert_int_equal(type("x"), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(reset_values), T(sends),	T(input_waits),		T(input_for_pollers),
	    T(fifo),	     T(levels), T(breaks_and_loopback), T(reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
