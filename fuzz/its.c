/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: ITSes, through everything that its.h declares, and tables in guest memory that
 * anybody may have written. An input is a program: commands, accesses of any width to the frames,
 * messages, tables that change meanwhile, saves, and restores of what was saved, of what was saved
 * and spoilt, and of anything. What must hold is in its-state.h; and each call ends in its time.
 */
#include <errno.h>

#include "fuzz.h"
#include "input.h"
#include "its-state.h"

struct fuzz_count fuzz_count;

/* Has this input done what a guest that makes sense would not: tables may then lie in each other */
static bool wild;
static uint32_t cwriter[MAX_ITS];

static void count(int err)
{
	if (err < 0)
		fuzz_count.bad++;
	else
		fuzz_count.good++;
}

/* ---- Arguments ---- */

static unsigned some_its(void)
{
	unsigned n = byte();

	return n < 200 ? 0 : n % MAX_ITS;
}

static unsigned some_vcpu(void)
{
	unsigned n = byte();

	return n < 240 ? n % 2 : n % 4;
}

static uint32_t some_device(void)
{
	unsigned n = byte();

	if (n >= 250)
		wild = true;
	if (n == 255)
		return word();
	if (n >= 250)
		return word() & 0x3ffff;
	/* A few are met often. Some lie beyond the first page of a table of two levels. */
	return (n < 200 ? n % 4 : n % NR_DEVS) * 401;
}

/* Of devices that make sense: their ITT. */
static uint64_t itt_of(uint32_t device)
{
	return ITT(device / 401 % NR_DEVS);
}

static uint32_t some_event(void)
{
	unsigned n = byte();

	if (n >= 254)
		return n == 255 ? word() : word() & 0xffff;
	return n < 180 ? n % 6 : n;
}

static uint32_t some_lpi(void)
{
	unsigned n = byte();

	return n == 255 ? word() : n == 254 ? word() & 0xffff : 8192 + n % 32 * 50;
}

static unsigned some_icid(void)
{
	unsigned n = byte();

	return n == 255 ? word() & 0x1ffff : n % NR_COLLS;
}

static uint64_t some_address(void)
{
	switch (byte() % 4) {
	case 0:
		return number();
	case 1:
		return RAM + (word() % (RAM_BYTES + 8192) & ~UINT32_C(7));
	default:
		return RAM + byte() % 17 * 0x10000;
	}
}

/* ---- Commands ---- */

static void mapd(uint64_t c[4])
{
	uint32_t device = some_device();
	unsigned n = byte();

	c[0] = 8 | (uint64_t)device << 32;
	c[1] = n % 8;
	c[2] = itt_of(device) | (n & 64 ? 0 : VALID);
	if (n < 8) {
		wild = true;
		c[1] = byte() & 31;
		c[2] = (some_address() & UINT64_C(0xfffffffffff00)) | VALID;
	}
}

static void command(uint64_t c[4])
{
	static const uint8_t with_event[] = {1, 3, 4, 10, 10, 10, 11, 12, 15, 15};
	unsigned op = byte();

	c[0] = c[1] = c[2] = c[3] = 0;
	if (op < 40) {
		mapd(c);
	} else if (op < 70) {
		c[0] = 9;
		c[2] = some_icid() | (uint64_t)some_vcpu() << 16 | (op < 45 ? 0 : VALID);
	} else if (op < 240) {
		c[0] = with_event[op % 10] | (uint64_t)some_device() << 32;
		c[1] = some_event();
		if (op % 10 >= 3 && op % 10 < 6)
			c[1] |= (uint64_t)some_lpi() << 32;
		c[2] = some_icid();
	} else if (op < 246) {
		c[0] = op % 2 ? 13 : 14;
		c[2] = op % 2 ? some_icid() : (uint64_t)some_vcpu() << 16;
		c[3] = (uint64_t)some_vcpu() << 16;
	} else {
		/* It may be a MAPD. */
		wild = true;
		for (unsigned i = 0; i < 4; i++)
			c[i] = number();
	}
}

static void its_write(unsigned n, unsigned offset, unsigned len, uint64_t value)
{
	count(am_bus_write(box.m.bus, 0, FUZZ_ITS(n) + offset, len, value));
}

static void commands(void)
{
	unsigned n = some_its(), nr = 1 + byte() % 16;
	uint64_t c[4], v = 0;

	for (; nr; nr--) {
		command(c);
		for (unsigned i = 0; i < 4; i++)
			ram_put64(QUEUE + cwriter[n] + 8 * i, c[i]);
		cwriter[n] = (cwriter[n] + 32) % 4096;
	}
	its_write(n, 0x88, byte() % 4 ? 8 : 4, cwriter[n]);
	am_bus_read(box.m.bus, 0, FUZZ_ITS(n) + 0x90, 8, &v);
}

/* ---- Registers ---- */

static void its_access(void)
{
	static const uint16_t offsets[] = {0x00, 0x04, 0x08, 0x0c,  0x80,  0x84,  0x88,	 0x8c,
					   0x90, 0x94, 0xf8, 0x100, 0x104, 0x108, 0x10c, 0x110};
	static const uint8_t lens[] = {4, 8, 4, 8, 1, 2, 4, 8};
	unsigned n = some_its(), at = byte(), how = byte();
	uint64_t offset = offsets[at % 16], v = number();

	if (at >= 240)
		offset = word() % 0x20010;
	if (at >= 200 && at < 216)
		v = VALID | (at & 1 ? INDIRECT : 0) | some_address();
	switch (how >> 3 & 7) {
	case 0:
		count(am_bus_read(box.m.bus, 0, FUZZ_ITS(n) + offset, lens[how & 7], &v));
		break;
	case 1:
		if (box.its[n])
			count(am_its_get_attr(box.its[n], byte() % 16, offset, &v));
		break;
	case 2:
		if (box.its[n])
			count(am_its_set_attr(box.its[n], byte() % 16, offset, v));
		break;
	case 3:
		if (box.its[n])
			count(am_its_set_attr(box.its[n], AM_ITS_GRP_REGS, offset, v));
		break;
	case 4:
		its_write(n, 0, 4, byte() % 4 != 0);
		break;
	default:
		its_write(n, (unsigned)offset, lens[how & 7], v);
	}
}

static void redist_access(void)
{
	static const uint16_t offsets[] = {0, 0, 0x70, 0x78, 0xa0, 0xb0, 0xc0, 0x74};
	unsigned vcpu = some_vcpu(), n = byte();
	uint64_t at = FUZZ_REDIST + vcpu * UINT64_C(0x20000) + offsets[n % 8], v = 0;

	if (n & 8) {
		count(am_bus_read(box.m.bus, vcpu, at, n & 16 ? 8 : 4, &v));
		return;
	}
	v = n % 8 < 2	? n >> 5 & 1
	    : n & 32	? number()
	    : n % 8 < 4 ? some_address() | 15
			: some_lpi();
	if (n & 64)
		count(am_gic_set_attr(box.m.gic, AM_GIC_GRP_REDIST_REGS,
				      fuzz_cpu_attr(&box.m, vcpu) | offsets[n % 8], v));
	else
		count(am_bus_write(box.m.bus, vcpu, at, n & 16 ? 8 : 4, v));
}

/* ---- Interrupts ---- */

static void message(void)
{
	unsigned n = some_its(), how = byte();
	uint32_t device = byte() % 5 * 401, event = some_event();
	int r;

	if (how < 200 && box.its[n])
		r = am_its_msi(box.its[n], how < 8 ? word() : device, event);
	else
		r = am_gic_msi(box.m.gic, how < 204 ? number() : FUZZ_ITS(n) + AM_ITS_TRANSLATER,
			       how & 1, device, event);
	if (r > 1 || (r < 0 && r != -EBUSY && r != -EINVAL && r != -ENODEV))
		__builtin_trap();
	count(r);
}

static void serve(void)
{
	const unsigned iar1 = AM_GIC_SYSREG(3u, 0u, 12u, 12u, 0u);
	unsigned vcpu = some_vcpu() % 2;
	struct am_gic_lrs *s = &box.m.lrs[vcpu];
	uint64_t intid = 1023;

	if (byte() % 8 == 0) {
		s->nr = 4;
		if (!am_gic_lr_fill(box.m.gic, vcpu, s)) {
			if (byte() % 2)
				s->lr[byte() % 4] &= UINT64_MAX >> 2;
			message();
			commands();
			count(am_gic_lr_fold(box.m.gic, vcpu, s));
		}
		return;
	}
	while (am_gic_irq_pending(box.m.gic, vcpu)) {
		am_gic_icc_read(box.m.gic, vcpu, iar1, &intid);
		/* An LPI has no active state: it must not come again by itself. */
		if (intid == 1023)
			break;
		count(am_gic_icc_write(box.m.gic, vcpu, iar1 + 1, intid));
	}
}

/* ---- Tables ---- */

static uint64_t some_entry(unsigned kind)
{
	switch (kind % 4) {
	case 0: /* device */
		return VALID | (uint64_t)byte() << 49 | (some_address() >> 8 & 0xfffffffffff) << 5 |
		       byte() % 18;
	case 1: /* event */
		return (uint64_t)(byte() % 8) << 48 | (uint64_t)some_lpi() << 16 | some_icid();
	case 2: /* collection */
		return VALID | (uint64_t)(byte() % 4 ? some_vcpu() : UINT32_MAX) << 16 |
		       some_icid();
	default: /* level 1 */
		return VALID | (some_address() & ~UINT64_C(0xffff));
	}
}

/* Memory changes, whatever is kept there. */
static void spoil(void)
{
	static const uint32_t tables[] = {0x10000, 0x20000, 0x60000, 0x80000};
	unsigned how = byte();
	uint64_t at = RAM + tables[how % 4] + (byte() % 64) * 8;

	if (how >= 240) {
		box.hole = RAM + byte() * 4096;
		box.hole_end = how >= 250 ? 0 : box.hole + (1 + byte() % 16) * 4096;
		return;
	}
	wild = true;
	if (how & 16)
		at = RAM + (word() % RAM_BYTES & ~UINT32_C(7));
	if (how & 32)
		ram_put64(at, some_entry(how >> 6));
	else
		ram_put64(at, ram_get64(at) ^ number());
}

/* Tables of a saved machine that somebody has edited, or made up altogether. */
static void restore(void)
{
	unsigned n = some_its(), edits = byte() % 32;
	int err;

	if (!box.its[n])
		return;
	if (byte() % 2)
		count(am_its_save_tables(box.its[n]));
	for (; edits && in.left; edits--)
		spoil();
	am_its_reset(box.its[n]);
	box_check_empty(n);
	its_write(n, 0x100, 8, VALID | (byte() & 1 ? INDIRECT : 0) | DEVICES | byte() % 2);
	err = am_its_restore_tables(box.its[n]);
	count(err);
	if (err && err != -EINVAL && err != -EEXIST && err != -EFAULT && err != -ENOMEM)
		__builtin_trap();
	if (err)
		box_check_empty(n);
	else
		count(am_its_save_tables(box.its[n]));
	cwriter[n] = 0;
	its_write(n, 0x80, 8, VALID | QUEUE);
	its_write(n, 0, 4, 1);
}

static void tables(void)
{
	unsigned n = some_its();

	if (!box.its[n])
		return;
	switch (byte() % 8) {
	case 0:
		am_its_reset(box.its[n]);
		box_check_empty(n);
		break;
	case 1:
		count(am_its_restore_tables(box.its[n]));
		break;
	case 2:
		count(am_gic_set_attr(box.m.gic, AM_GIC_GRP_CTRL, 3, 0));
		break;
	case 3:
	case 4:
		if (!wild)
			box_check_saved(n);
		cwriter[n] = 0;
		break;
	default:
		count(am_its_save_tables(box.its[n]));
	}
}

/* ---- Life ---- */

/* The guest's driver starts it. */
static void start(unsigned n, bool indirect)
{
	if (indirect) {
		ram_put64(DEVICES, VALID | L2(0));
		ram_put64(DEVICES + 8, VALID | L2(1));
	}
	for (unsigned i = 0; i < 2; i++) {
		am_bus_write(box.m.bus, i, FUZZ_REDIST + i * 0x20000 + 0x70, 8, PROP | 15);
		am_bus_write(box.m.bus, i, FUZZ_REDIST + i * 0x20000 + 0x78, 8, PEND(i));
		am_bus_write(box.m.bus, i, FUZZ_REDIST + i * 0x20000, 4, 1);
	}
	its_write(n, 0x80, 8, VALID | QUEUE);
	its_write(n, 0x100, 8, VALID | (indirect ? INDIRECT : 0) | DEVICES);
	its_write(n, 0x108, 8, VALID | COLLS);
	its_write(n, 0, 4, 1);
	cwriter[n] = 0;
}

/* Several ITSes share the tables' places: then nothing makes sense any more. */
static void life(void)
{
	unsigned n = byte() % MAX_ITS, how = byte();

	wild |= n != 0;
	if (box.its[n]) {
		if (how < 32)
			box_no_its(n);
		else
			am_its_run(box.its[n]);
		return;
	}
	if (!box_its(n, how % 4 ? 0 : (size_t)byte() * 4096))
		start(n, how & 4);
}

static void step(void)
{
	unsigned op = byte();

	if (op < 90)
		commands();
	else if (op < 130)
		message();
	else if (op < 155)
		serve();
	else if (op < 170)
		its_access();
	else if (op < 185)
		redist_access();
	else if (op < 215)
		tables();
	else if (op < 230)
		restore();
	else if (op < 238)
		spoil();
	else if (op < 244)
		life();
	else if (op == 244)
		box.m.fail_in = 1 + byte() % 8;
	else if (op < 248) /* of LPIs as some_lpi gives them */
		ram_put64(PEND(op % 2) + 1024 + byte() % 25 * 8, number());
	else
		ram_put64(PROP + byte() * 16, number());
	box_check();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned how;

	input_start(data, size);
	how = byte();
	wild = false;
	box_start(2 + how % 2);
	for (unsigned i = 0; i < 0x1000; i++)
		ram_put(PROP + i, &(uint8_t){how & 2 ? 0xa1 : (uint8_t)(i * 37)}, 1);
	if (!box_its(0, how & 4 ? 0 : (size_t)byte() * 1024))
		start(0, how & 8);
	while (in.left)
		step();
	box_end();
	return 0;
}
