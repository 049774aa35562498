/* SPDX-License-Identifier: MIT */
/*
 * A guest that uses an ITS to do harm: it maps whatever can be mapped, and then has nothing but
 * commands handled that look at everything. What that does to the host is measured there.
 */
#include "../guest.h"
#include "hostile.h"

#define TABLES	  SPARE
#define QUEUE	  TABLES
#define QUEUE_LEN 0x100000ul /* the largest there is: 32,768 commands */
#define DEVICES	  (TABLES + 0x100000)
#define COLLS	  (TABLES + 0x110000)
#define PROP	  (TABLES + 0x120000)
#define PEND(n)	  (TABLES + 0x130000 + (n)*0x10000)
#define L2(n)	  (TABLES + 0x200000 + (n)*0x10000)
#define ITT	  (TABLES + 0x400000) /* all devices' */
#define VALID	  (1ul << 63)

#define NR_DEVICES 65536ul
#define NR_EVENTS  (5ul << 20) /* more than there is memory for */
#define DENSE	   64ul	       /* devices with most of the events */

static struct hostile *const shared = (struct hostile *)SHARED_BASE;
static u64 cwriter, queued;

static u64 its_read(u64 offset)
{
	return peek(GITS + offset);
}

static void its_write(u64 offset, u64 value)
{
	dsb();
	write64(GITS + offset, value);
}

static bool told_to_stop(void)
{
	return __atomic_load_n(&shared->stop, __ATOMIC_ACQUIRE);
}

/* Has the queue handled; each access is measured. An ITS that was reset will not finish. */
static void flush(void)
{
	u64 start = now_ns(), end, longest = 0;

	its_write(0x88, cwriter);
	for (;;) {
		end = now_ns();
		longest = end - start > longest ? end - start : longest;
		shared->accesses++;
		start = end;
		if (its_read(0x90) == cwriter || told_to_stop())
			break;
	}
	if (longest > shared->longest_ns)
		shared->longest_ns = longest;
	queued = 0;
}

static void command(u64 a, u64 b, u64 c, u64 d)
{
	u64 at = QUEUE + cwriter;

	write64(at, a);
	write64(at + 8, b);
	write64(at + 16, c);
	write64(at + 24, d);
	cwriter = (cwriter + 32) % QUEUE_LEN;
	if (++queued == QUEUE_LEN / 32 - 1)
		flush();
}

static void mapd(u64 device, bool valid)
{
	command(8 | device << 32, 15, (valid ? VALID : 0) | ITT, 0);
	shared->devices++;
}

static void mapc(u64 icid, u64 cpu)
{
	command(9, 0, VALID | cpu << 16 | icid, 0);
}

static void mapti(u64 device, u64 event, u64 intid, u64 icid)
{
	command(10 | device << 32, event | intid << 32, icid, 0);
	shared->events++;
}

static void set_phase(enum phase phase)
{
	__atomic_store_n(&shared->phase, phase, __ATOMIC_RELEASE);
}

static void start_its(void)
{
	for (u64 i = 0; i < 57344; i++)
		((volatile u8 *)PROP)[i] = 0xa1;
	for (u64 i = 0; i < 8; i++)
		poke(DEVICES + 8 * i, VALID | L2(i));
	write64(GICR + 0x70, PROP | 15);
	write64(GICR + 0x78, PEND(0));
	write64(GICR + 0x20078, PEND(1));
	write32(GICR, 1);
	write32(GICR + 0x20000, 1);
	its_write(0x80, VALID | QUEUE | (QUEUE_LEN / 4096 - 1));
	its_write(0x100, VALID | 1ul << 62 | DEVICES);
	its_write(0x108, VALID | COLLS);
	write32(GITS, 1);
	CHECK_EQ(read32(GITS) & 1, 1);
	mapc(0, 0);
	mapc(1, 1);
	flush();
	set_phase(PHASE_READY);
}

/* 65,536 devices of 65,536 events each, and events until memory ends. */
static void fill(void)
{
	for (u64 d = 0; d < NR_DEVICES; d++)
		mapd(d, true);
	for (u64 c = 0; c < 8192; c += 2)
		mapc(c, c & 1);
	for (u64 n = 0; n < NR_EVENTS; n++)
		mapti(n % DENSE, n / DENSE & 0xffff, 8192 + n % 57344, 0);
	/* And a little everywhere, which takes most memory for an event. */
	for (u64 d = DENSE; d < NR_DEVICES; d++)
		mapti(d, d * 7919 & 0xffff, 8192 + d % 57344, 1);
	flush();
	CHECK_EQ(its_read(0x90), cwriter);
	set_phase(PHASE_FULL);
}

/* Commands that look at everything, until told to stop. */
static void loop(void)
{
	shared->accesses = shared->longest_ns = 0;
	set_phase(PHASE_LOOP);
	while (!told_to_stop()) {
		/* As many of each as an access may not do all of. */
		for (u64 n = 0; n < 400 && !told_to_stop(); n++) {
			mapc(0, n & 1);
			command(13, 0, n & 1, 0);		       /* INVALL */
			command(14, 0, (n & 1) << 16, (~n & 1) << 16); /* MOVALL */
			if (n % 50 == 49)
				flush();
		}
		for (u64 d = 0; d < 4; d++) {
			mapd(d, false);
			mapd(d, true);
			for (u64 n = 0; n < 65536 && !told_to_stop(); n++)
				mapti(d, n, 8192 + n % 57344, 0);
			flush();
		}
		shared->rounds++;
	}
	set_phase(PHASE_STOPPED);
}

TEST(harm, "whatever the ITS is given to do, it does")
{
	start_its();
	fill();
	loop();
}
