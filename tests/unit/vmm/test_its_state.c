/* SPDX-License-Identifier: MIT */
/*
 * An ITS of the real library, saved, destroyed and restored again and again between a guest's
 * commands and devices' messages. A model knows what is mapped and which LPIs are pending where:
 * that is what the pending tables say at every save, and how each message is answered after it.
 * Every restore has garbage around the tables' entries.
 */
#include "cm.h"

#include <stdlib.h>
#include <string.h>

#include <armature/kvm.h>

#include "vmm/machine.h"
#include "vmm/poison.h"
#include "vmm/report.h"
#include "vmm/state.h"

enum { CPUS = 3, DEVICES = 10, EVENTS = 6, COLLECTIONS = 4, ROUNDS = 60, STEPS = 40 };

/* Offsets in RAM. */
enum {
	QUEUE = 0x100000, /* 4 KiB: it comes round often */
	DEVICE_TABLE = 0x200000,
	LEVEL2 = 0x300000,
	COLLECTION_TABLE = 0x400000,
	PROPERTIES = 0x410000,
	PENDING = 0x420000, /* 64 KiB for each CPU */
	ITTS = 0x500000,    /* 512 KiB for each device */
	ITT_STEP = 0x80000,
};

enum { MOVI = 1, MAPD = 8, MAPC, MAPTI, DISCARD = 15 };

/* GITS_ and GICR_ registers. */
enum {
	CTLR = 0,
	CBASER = 0x80,
	CWRITER = 0x88,
	CREADR = 0x90,
	BASER0 = 0x100,
	BASER1 = 0x108,
	PROPBASER = 0x70,
	PENDBASER = 0x78,
};

#define VALID (UINT64_C(1) << 63)

struct event {
	uint32_t id;
	unsigned intid, icid;
	bool mapped, pending;
};

static struct {
	uint32_t id;
	unsigned bits;
	bool mapped;
	struct event event[EVENTS];
} model[DEVICES] = {
    {.id = 0, .bits = 3},      {.id = 1, .bits = 4},	  {.id = 7, .bits = 16},
    {.id = 100, .bits = 5},    {.id = 8191, .bits = 3},	  {.id = 8192, .bits = 16},
    {.id = 24600, .bits = 10}, {.id = 50000, .bits = 16}, {.id = 65534, .bits = 6},
    {.id = 65535, .bits = 16},
};
static unsigned target[COLLECTIONS]; /* CPU */

static struct options opt = {
    .kernel = "none", .cpus = CPUS, .memory = 64u << 20, .gic_version = 3, .accel = ACCEL_ARMATURE};
static struct machine m;
static unsigned queued; /* GITS_CWRITER */
static uint32_t seed;

static unsigned random_below(unsigned n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

/* ---- The guest ---- */

static uint64_t gpa(uint64_t offset)
{
	return m.map.ram_base + offset;
}

static void put(uint64_t at, uint64_t v)
{
	memcpy(m.ram + at, &v, 8);
}

static void its_put(uint64_t reg, uint64_t v)
{
	assert_int_equal(vgic_its_set(&m, KVM_DEV_ARM_VGIC_GRP_ITS_REGS, reg, v), 0);
}

static uint64_t its_get(uint64_t reg)
{
	uint64_t v;

	assert_int_equal(vgic_its_get(&m, KVM_DEV_ARM_VGIC_GRP_ITS_REGS, reg, &v), 0);
	return v;
}

static void gicr_put(unsigned cpu, uint32_t reg, uint32_t v)
{
	const uint64_t attr = (uint64_t)cpu << 32 | reg; /* its affinity is Aff0 */

	assert_int_equal(vgic_set(&m, KVM_DEV_ARM_VGIC_GRP_REDIST_REGS, attr, &v), 0);
}

static void command(uint64_t dw0, uint64_t dw1, uint64_t dw2)
{
	put(QUEUE + queued, dw0);
	put(QUEUE + queued + 8, dw1);
	put(QUEUE + queued + 16, dw2);
	put(QUEUE + queued + 24, 0);
	queued = (queued + 32) % 4096;
	its_put(CWRITER, queued);
	assert_int_equal(its_get(CREADR), queued);
}

static void map_collection(unsigned icid, unsigned cpu)
{
	command(MAPC, 0, VALID | (uint64_t)cpu << 16 | icid);
	target[icid] = cpu;
}

static void map_device(unsigned d, bool mapped)
{
	/* An ITT is all zeroes when it is given to the ITS: entries of an earlier save come back.
	 */
	if (mapped)
		memset(m.ram + ITTS + (size_t)d * ITT_STEP, 0, (size_t)8 << model[d].bits);
	command(MAPD | (uint64_t)model[d].id << 32, model[d].bits - 1,
		(mapped ? VALID : 0) | gpa(ITTS + (uint64_t)d * ITT_STEP));
	model[d].mapped = mapped;
	for (unsigned e = 0; e < EVENTS; e++)
		model[d].event[e].mapped = model[d].event[e].pending = false;
}

static void map_event(unsigned d, struct event *e, unsigned icid)
{
	const uint64_t device = (uint64_t)model[d].id << 32;

	if (e->mapped)
		command(MOVI | device, e->id, icid);
	else
		command(MAPTI | device, e->id | (uint64_t)e->intid << 32, icid);
	e->mapped = true;
	e->icid = icid;
}

static void unmap_event(unsigned d, struct event *e)
{
	command(DISCARD | (uint64_t)model[d].id << 32, e->id, 0);
	e->mapped = e->pending = false;
}

static void message(unsigned d, struct event *e)
{
	const uint64_t address = LAYOUT_ITS + 0x10040;
	struct kvm_msi msi = {
	    .address_lo = (uint32_t)address,
	    .data = e->id,
	    .flags = KVM_MSI_VALID_DEVID,
	    .devid = model[d].id,
	};

	assert_int_equal(m.be->ioctl(m.vm_fd, KVM_SIGNAL_MSI, (unsigned long)&msi), e->mapped);
	e->pending = e->mapped;
}

/* One of a driver's steps, or a message. */
static void step(void)
{
	unsigned d = random_below(DEVICES), icid = random_below(COLLECTIONS);
	struct event *e = &model[d].event[random_below(EVENTS)];

	switch (random_below(12)) {
	case 0:
		map_collection(icid, random_below(CPUS));
		break;
	case 1:
		map_device(d, !model[d].mapped);
		break;
	case 2:
	case 3:
		if (e->mapped)
			unmap_event(d, e);
		break;
	case 4:
	case 5:
	case 6:
	case 7:
		if (!model[d].mapped)
			map_device(d, true);
		map_event(d, e, icid);
		break;
	default:
		message(d, e);
	}
}

/* ---- The test ---- */

static void begin(bool two_levels)
{
	const uint64_t table = VALID | UINT64_C(7) << 48 | UINT64_C(2) << 8;

	assert_int_equal(machine_init(&m, &opt), 0);
	assert_int_equal(machine_create_vm(&m), 0);
	assert_true(m.has_its);
	queued = 0;
	seed = two_levels ? 77 : 1;
	for (unsigned cpu = 0; cpu < CPUS; cpu++) {
		const uint64_t pending = gpa(PENDING + cpu * 0x10000);

		gicr_put(cpu, PROPBASER, (uint32_t)gpa(PROPERTIES) | 15);
		gicr_put(cpu, PENDBASER, (uint32_t)pending);
		gicr_put(cpu, CTLR, 1);
	}
	memset(m.ram + PROPERTIES, 0xa1, 0xe000);
	its_put(CBASER, VALID | gpa(QUEUE));
	if (two_levels) {
		for (unsigned i = 0; i < 8; i++)
			put(DEVICE_TABLE + 8 * i, VALID | gpa(LEVEL2 + i * 0x10000));
		its_put(BASER0, table | UINT64_C(1) << 62 | gpa(DEVICE_TABLE));
	} else {
		its_put(BASER0, table | gpa(DEVICE_TABLE) | 7);
	}
	its_put(BASER1, table | gpa(COLLECTION_TABLE));
	its_put(CTLR, 1);
	for (unsigned i = 0; i < COLLECTIONS; i++)
		map_collection(i, i % CPUS);
	for (unsigned d = 0; d < DEVICES; d++) {
		model[d].mapped = false;
		for (unsigned e = 0; e < EVENTS; e++)
			model[d].event[e] = (struct event){
			    /* The first and the last ID are among them. */
			    .id = ((1u << model[d].bits) - 1) * e / (EVENTS - 1),
			    .intid = 8192 + (d * EVENTS + e) * 947,
			};
	}
}

/* What the model says is in the pending tables, which is all there is in them. */
static void check_pending(void)
{
	static uint8_t wanted[CPUS][0x2000];

	memset(wanted, 0, sizeof(wanted));
	for (unsigned d = 0; d < DEVICES; d++) {
		for (unsigned i = 0; i < EVENTS; i++) {
			const struct event *e = &model[d].event[i];

			if (e->pending)
				wanted[target[e->icid]][e->intid / 8] |=
				    (uint8_t)(1u << e->intid % 8);
		}
	}
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		assert_memory_equal(wanted[cpu], m.ram + PENDING + cpu * 0x10000, 0x2000);
}

/* With commands that wait: the ITS was switched off, and is switched on again by the restore. */
static void recreate(bool waiting)
{
	struct poison *poison;
	struct state *s;

	lines_hold(&m);
	assert_int_equal(state_save(&m, &s), 0);
	check_pending();
	if (waiting) {
		/* As if it had been saved before this one was handled. */
		put(QUEUE + queued, MAPC);
		put(QUEUE + queued + 16, VALID | (uint64_t)((target[0] + 1) % CPUS) << 16);
		queued = (queued + 32) % 4096;
		for (unsigned i = 0; i < s->its.nr; i++)
			if (s->its.reg[i].offset == CWRITER)
				s->its.reg[i].value = queued;
	}
	assert_int_equal(poison_apply(&m, s, &poison), 0);
	assert_true(poison_bytes(poison) > 0xf000);
	assert_int_equal(machine_recreate_vm(&m), 0);
	assert_int_equal(state_restore(&m, s), 0);
	poison_undo(poison);
	if (waiting)
		target[0] = (target[0] + 1) % CPUS;
	lines_release(&m, s->lines);
	state_destroy(s);
	assert_int_equal(its_get(CTLR) & 1, 1);
	assert_int_equal(its_get(CREADR), queued);
	assert_int_equal(its_get(CWRITER), queued);
}

static void run(bool two_levels)
{
	begin(two_levels);
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < STEPS; i++)
			step();
		recreate(round % 4 == 3);
		if (round % 8 == 0)
			for (unsigned d = 0; d < DEVICES; d++)
				for (unsigned e = 0; e < EVENTS; e++)
					message(d, &model[d].event[e]);
	}
	machine_finish(&m);
}

static void one_level(void **state)
{
	run(false);
}

static void two_levels(void **state)
{
	run(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_level),
	    cmocka_unit_test(two_levels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
