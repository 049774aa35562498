/* SPDX-License-Identifier: MIT */
/* See its-state.h. */
#include "its-state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct its_machine box;

/* ---- Guest memory ---- */

static bool there(uint64_t ipa, size_t len, uint64_t end)
{
	return ipa >= RAM && len <= end - RAM && ipa - RAM <= end - RAM - len &&
	       !(ipa < box.hole_end && box.hole < ipa + len);
}

static void touch(uint64_t at, size_t len)
{
	for (uint64_t page = at / 4096; len && page <= (at + len - 1) / 4096; page++)
		box.dirty[page] = true;
}

static bool mem_read(void *opaque, uint64_t ipa, void *buf, size_t len)
{
	if (!there(ipa, len, RAM + RAM_BYTES))
		return false;
	memcpy(buf, box.ram + (ipa - RAM), len);
	return true;
}

static bool mem_write(void *opaque, uint64_t ipa, const void *buf, size_t len)
{
	const uint8_t *p = buf;

	if (!there(ipa, len, ROM))
		return false;
	for (size_t i = 0; i < len; i++)
		box.nonzero |= p[i] != 0;
	box.written += (unsigned)len;
	touch(ipa - RAM, len);
	memcpy(box.ram + (ipa - RAM), buf, len);
	return true;
}

void ram_put(uint64_t ipa, const void *data, size_t len)
{
	if (ipa < RAM || ipa - RAM > RAM_BYTES || RAM_BYTES - (ipa - RAM) < len)
		return;
	touch(ipa - RAM, len);
	memcpy(box.ram + (ipa - RAM), data, len);
}

void ram_put64(uint64_t ipa, uint64_t value)
{
	uint8_t b[8];

	for (unsigned i = 0; i < 8; i++)
		b[i] = (uint8_t)(value >> 8 * i);
	ram_put(ipa, b, sizeof(b));
}

uint64_t ram_get64(uint64_t ipa)
{
	uint64_t v = 0;

	if (ipa < RAM || ipa - RAM > RAM_BYTES - 8)
		return 0;
	for (unsigned i = 0; i < 8; i++)
		v |= (uint64_t)box.ram[ipa - RAM + i] << 8 * i;
	return v;
}

void ram_zero(uint64_t ipa, size_t len)
{
	touch(ipa - RAM, len);
	memset(box.ram + (ipa - RAM), 0, len);
}

/* ---- Life ---- */

void box_start(unsigned cpus)
{
	struct am_gic_config config = {.nr_irqs = 64};

	fuzz_machine_start(&box.m);
	for (unsigned i = 0; i < RAM_BYTES / 4096; i++)
		if (box.dirty[i])
			memset(box.ram + i * 4096, 0, 4096);
	memset(box.dirty, 0, sizeof(box.dirty));
	box.hole = box.hole_end = 0;
	memset(box.its, 0, sizeof(box.its));
	if (fuzz_create(&box.m, &config))
		__builtin_trap();
	for (unsigned n = 0; n < cpus; n++)
		fuzz_add_vcpu(&box.m, n, fuzz_mpidr(n));
	am_gic_set_dist_base(box.m.gic, FUZZ_DIST);
	am_gic_set_redist_base(box.m.gic, FUZZ_REDIST);
	am_gic_init(box.m.gic);
	if (am_gic_map(box.m.gic, box.m.bus))
		__builtin_trap();
	am_bus_write(box.m.bus, 0, FUZZ_DIST, 4, 2);
	for (unsigned n = 0; n < cpus; n++) {
		am_gic_icc_write(box.m.gic, n, AM_GIC_SYSREG(3u, 0u, 4u, 6u, 0u), 0xff);
		am_gic_icc_write(box.m.gic, n, AM_GIC_SYSREG(3u, 0u, 12u, 12u, 7u), 1);
	}
	box.bytes_before = box.m.bytes;
}

void box_end(void)
{
	fuzz_machine_end(&box.m);
}

int box_its(unsigned n, size_t max_bytes)
{
	struct am_its_config config = {.ops = {.read = mem_read, .write = mem_write},
				       .bus = box.m.bus,
				       .max_bytes = max_bytes};
	int err = am_its_create(box.m.gic, &config, &box.its[n]);

	if (err)
		return err;
	box.max_bytes[n] = max_bytes ? max_bytes : AM_ITS_DEFAULT_BYTES;
	err = am_its_set_base(box.its[n], FUZZ_ITS(n));
	/* One without an address has no registers. */
	if (err)
		box_no_its(n);
	return err;
}

void box_no_its(unsigned n)
{
	am_its_destroy(box.its[n]);
	box.its[n] = NULL;
}

/* ---- What must hold ---- */

void box_check(void)
{
	/* 20 bytes for each LPI; and the bus has a little for each frame. */
	long bound = box.bytes_before + 20l * 57344 + 65536;

	for (unsigned n = 0; n < MAX_ITS; n++)
		if (box.its[n])
			bound += (long)box.max_bytes[n] + (128 << 10);
	if (box.m.bytes > bound)
		__builtin_trap();
	fuzz_check_lines(&box.m);
}

static uint64_t reg(unsigned n, uint64_t offset)
{
	uint64_t v = 0;

	if (am_its_get_attr(box.its[n], AM_ITS_GRP_REGS, offset, &v))
		__builtin_trap();
	return v;
}

static void reg_set(unsigned n, uint64_t offset, uint64_t value)
{
	if (am_its_set_attr(box.its[n], AM_ITS_GRP_REGS, offset, value))
		__builtin_trap();
}

enum { CTLR = 0, BASER0 = 0x100, BASER1 = 0x108 };

void box_check_empty(unsigned n)
{
	reg_set(n, CTLR, 0);
	reg_set(n, BASER0, VALID | DEVICES);
	reg_set(n, BASER1, VALID | COLLS);
	box.written = 0;
	box.nonzero = false;
	if (am_its_save_tables(box.its[n]) || box.nonzero || box.written > 8)
		__builtin_trap();
}

static bool makes_sense(unsigned n)
{
	const uint64_t address = UINT64_C(0x0000ffffffff00ff);
	uint64_t baser0 = reg(n, BASER0), v = 0;

	/* A third vCPU has no pending table, and yet may be a collection's target. */
	if (box.hole_end || box.m.nr_cpus > 2 ||
	    (reg(n, BASER1) & (VALID | address)) != (VALID | COLLS) ||
	    (baser0 & (VALID | address)) != (VALID | DEVICES))
		return false;
	if ((baser0 & INDIRECT) &&
	    (ram_get64(DEVICES) != (VALID | L2(0)) || ram_get64(DEVICES + 8) != (VALID | L2(1))))
		return false;
	am_bus_read(box.m.bus, 0, FUZZ_REDIST + 0x70, 8, &v);
	if ((v & ~UINT64_C(0xfff)) != PROP)
		return false;
	for (unsigned i = 0; i < 2; i++) {
		am_bus_read(box.m.bus, 0, FUZZ_REDIST + i * 0x20000 + 0x78, 8, &v);
		if ((v & UINT64_C(0xfffffffff0000)) != PEND(i))
			return false;
	}
	return true;
}

struct tables {
	uint8_t devices[0x10000], colls[0x10000], l2[0x20000], itts[ROM - ITTS];
};

/* Saved into memory of zeroes, but for level 1. */
static void save(unsigned n, bool indirect, struct tables *t)
{
	if (!indirect)
		ram_zero(DEVICES, 0x10000);
	ram_zero(COLLS, 0x10000);
	ram_zero(L2(0), 0x20000);
	ram_zero(ITTS, ROM - ITTS);
	if (am_its_save_tables(box.its[n]))
		__builtin_trap();
	memcpy(t->devices, box.ram + (DEVICES - RAM), sizeof(t->devices));
	memcpy(t->colls, box.ram + (COLLS - RAM), sizeof(t->colls));
	memcpy(t->l2, box.ram + (L2(0) - RAM), sizeof(t->l2));
	memcpy(t->itts, box.ram + (ITTS - RAM), sizeof(t->itts));
}

static void restore(unsigned n, uint64_t baser0, uint64_t baser1)
{
	am_its_reset(box.its[n]);
	reg_set(n, BASER0, baser0);
	reg_set(n, BASER1, baser1);
	if (am_its_restore_tables(box.its[n]))
		__builtin_trap();
}

/*
 * Events that have lost their collection are not restored, and then entries before them lead
 * elsewhere: what is the same is what two restores give.
 */
void box_check_saved(unsigned n)
{
	static struct tables first, second;
	uint64_t baser0 = reg(n, BASER0), baser1 = reg(n, BASER1);

	if (!makes_sense(n))
		return;
	box.m.fail_in = 0;
	reg_set(n, CTLR, 0);
	save(n, baser0 & INDIRECT, &first);
	restore(n, baser0, baser1);
	save(n, baser0 & INDIRECT, &first);
	restore(n, baser0, baser1);
	save(n, baser0 & INDIRECT, &second);
	if (memcmp(&first, &second, sizeof(first)))
		__builtin_trap();
	reg_set(n, 0x80, VALID | QUEUE);
	reg_set(n, CTLR, 1);
}
