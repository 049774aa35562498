/* SPDX-License-Identifier: MIT */
/*
 * The commands (IHI 0069 5.3), with KVM's checks and effects. What a command is not allowed to do
 * it does not do, and nobody is told: the queue never stalls. KVM's error numbers, which are the
 * architecture's, go to the trace.
 *
 * Commands are read and handled some at a time with the lock held. The work they are is counted,
 * where it is done, in units of what it takes to look at one event that is not concerned: 64 for
 * each command, 8 for a device or an LPI, 64 for an LPI that is moved or dropped. When a call has
 * done its share it leaves the rest for the next; so it takes no longer than its share and one
 * command, and holds the lock no longer than a few commands and one.
 */
#include "gic/its.h"

enum {
	CMD_MOVI = 0x01,
	CMD_INT = 0x03,
	CMD_CLEAR = 0x04,
	CMD_SYNC = 0x05,
	CMD_MAPD = 0x08,
	CMD_MAPC = 0x09,
	CMD_MAPTI = 0x0a,
	CMD_MAPI = 0x0b,
	CMD_INV = 0x0c,
	CMD_INVALL = 0x0d,
	CMD_MOVALL = 0x0e,
	CMD_DISCARD = 0x0f,

	UNMAPPED_INTERRUPT = 7, /* low byte of the errors of several commands */
};

#define WORK_COMMAND 64
/* The most that a queue of simple commands can be, and as much again. */
#define BUDGET	   (UINT64_C(65536) * WORK_COMMAND)
#define BATCH	   32
#define BATCH_WORK (2 * BATCH * WORK_COMMAND)

struct cmd {
	uint64_t dw[4];
};

static uint32_t cmd_device(const struct cmd *c)
{
	return (uint32_t)(c->dw[0] >> 32);
}

static uint32_t cmd_event(const struct cmd *c)
{
	return (uint32_t)c->dw[1];
}

static unsigned cmd_icid(const struct cmd *c)
{
	return (unsigned)c->dw[2] & 0xffff;
}

/* RDbase: a processor number (GITS_TYPER.PTA 0), as in GICR_TYPER. */
static unsigned rdbase(uint64_t dw)
{
	return (unsigned)am_bits(dw, 47, 16);
}

static bool cmd_valid(const struct cmd *c)
{
	return am_bit(c->dw[2], 63);
}

static struct gic_cpu *cmd_cpu(struct am_its *its, uint64_t dw)
{
	return gic_cpu_get(its->gic, rdbase(dw));
}

/* The event of a command, its device in *@dev; 0 if there is none. */
static uint64_t cmd_find(struct am_its *its, const struct cmd *c, struct its_device **dev)
{
	*dev = its_device(its, cmd_device(c));
	return *dev && cmd_event(c) < ITS_NR_IDS ? its_event(*dev, cmd_event(c)) : 0;
}

static bool coll_is_mapped(const struct its_coll *coll)
{
	return coll && coll->cpu != ITS_NO_CPU;
}

/* ---- devices ---- */

static unsigned do_mapd(struct am_its *its, const struct cmd *c)
{
	unsigned bits = (unsigned)am_bits(c->dw[1], 4, 0) + 1;
	uint32_t id = cmd_device(c);
	uint64_t entry;

	if (!its_entry(its, ITS_DEVICES, id, &entry))
		return 0x010801;
	if (cmd_valid(c) && bits > ITS_ID_BITS)
		return 0x010802;
	if (its_device(its, id)) {
		its_device_unmap(its, id);
		its_forget(its);
	}
	if (cmd_valid(c))
		its_device_map(its, id, bits, c->dw[2] & AM_MASK(51, 8));
	else
		its_write64(its, entry, 0);
	return 0;
}

/* ---- collections ---- */

static unsigned do_mapc(struct am_its *its, const struct cmd *c)
{
	struct its_coll *coll = its_coll(its, cmd_icid(c));
	struct gic_cpu *cpu = cmd_cpu(its, c->dw[2]);
	uint64_t entry;

	if (!cmd_valid(c)) {
		if (coll)
			its_coll_delete(its, cmd_icid(c));
		its_forget(its);
		return 0;
	}
	if (!cpu)
		return 0x010902;
	if (coll) {
		its_coll_move(its, cmd_icid(c), cpu->id);
		return 0;
	}
	if (!its_entry(its, ITS_COLLECTIONS, cmd_icid(c), &entry))
		return 0x010903;
	its_coll_create(its, cmd_icid(c), cpu->id);
	return 0;
}

static unsigned do_invall(struct am_its *its, const struct cmd *c)
{
	struct its_coll *coll = its_coll(its, cmd_icid(c));

	if (!coll_is_mapped(coll))
		return 0x010d09;
	its->work += gic_lpi_invalidate_all(its->gic, its->gic->cpus[coll->cpu]);
	return 0;
}

static unsigned do_movall(struct am_its *its, const struct cmd *c)
{
	struct gic_cpu *from = cmd_cpu(its, c->dw[2]), *to = cmd_cpu(its, c->dw[3]);

	if (!from || !to)
		return 0x010e01;
	if (from == to)
		return 0;
	its->work += gic_lpi_move_all(its->gic, from, to);
	its_forget(its);
	return 0;
}

/* ---- events ---- */

static uint64_t nr_intids(const struct am_its *its)
{
	unsigned bits = (unsigned)(atomic_load(&its->gic->propbaser) & 31) + 1;

	return UINT64_C(1) << (bits < 16 ? bits : 16);
}

static unsigned do_mapti(struct am_its *its, const struct cmd *c, uint32_t intid)
{
	struct its_device *dev = its_device(its, cmd_device(c));
	unsigned icid = cmd_icid(c);
	bool created = false;
	uint64_t entry;

	if (!dev)
		return 0x010a04;
	if (!its_event_fits(its, dev, cmd_event(c)))
		return 0x010a05;
	if (intid < GIC_FIRST_LPI || intid >= nr_intids(its))
		return 0x010a06;
	if (its_event(dev, cmd_event(c)))
		return 0;
	if (!its_coll(its, icid)) {
		if (!its_entry(its, ITS_COLLECTIONS, icid, &entry))
			return 0x010903;
		created = !its_coll_create(its, icid, ITS_NO_CPU);
		if (!created)
			return 0;
	}
	if (its_event_map(its, dev, cmd_event(c), intid, icid) && created)
		its_coll_delete(its, icid);
	return 0;
}

static unsigned do_movi(struct am_its *its, const struct cmd *c)
{
	struct its_device *dev;
	uint64_t w = cmd_find(its, c, &dev);

	if (!w)
		return 0x010107;
	if (EVENT_CPU(w) == ITS_NO_CPU || !coll_is_mapped(its_coll(its, cmd_icid(c))))
		return 0x010109;
	its_event_move(its, dev, cmd_event(c), cmd_icid(c));
	its_forget(its);
	return 0;
}

static unsigned do_discard(struct am_its *its, const struct cmd *c)
{
	struct its_device *dev;
	uint64_t w = cmd_find(its, c, &dev);

	if (!w || EVENT_CPU(w) == ITS_NO_CPU)
		return 0x010f00 + UNMAPPED_INTERRUPT;
	its_event_unmap(its, dev, cmd_event(c));
	its_forget(its);
	its_write64(its, dev->itt + (uint64_t)cmd_event(c) * ITS_ENTRY, 0);
	return 0;
}

static unsigned do_event(struct am_its *its, const struct cmd *c, unsigned op)
{
	struct its_device *dev;
	uint64_t w = cmd_find(its, c, &dev);

	if (!w)
		return 0x010000 + (op << 8) + UNMAPPED_INTERRUPT;
	if (op == CMD_CLEAR)
		gic_lpi_clear(its->gic, EVENT_INTID(w));
	else
		gic_lpi_invalidate(its->gic, EVENT_INTID(w));
	return 0;
}

static unsigned do_command(struct am_its *its, const struct cmd *c)
{
	unsigned op = (unsigned)c->dw[0] & 0xff;

	switch (op) {
	case CMD_MAPD:
		return do_mapd(its, c);
	case CMD_MAPC:
		return do_mapc(its, c);
	case CMD_MAPTI:
		return do_mapti(its, c, (uint32_t)(c->dw[1] >> 32));
	case CMD_MAPI:
		return do_mapti(its, c, cmd_event(c));
	case CMD_MOVI:
		return do_movi(its, c);
	case CMD_DISCARD:
		return do_discard(its, c);
	case CMD_INV:
	case CMD_CLEAR:
		return do_event(its, c, op);
	case CMD_INT:
		return am_its_msi(its, cmd_device(c), cmd_event(c)) ? 0 : 0x010307;
	case CMD_INVALL:
		return do_invall(its, c);
	case CMD_MOVALL:
		return do_movall(its, c);
	default:
		return 0; /* SYNC: what was asked for is done. Others are not there. */
	}
}

/* ---- the queue ---- */

/*
 * Handles what lies together of the queue, at most BATCH commands and not much more than
 * BATCH_WORK; false when there is none. One that cannot be read is skipped. [lock]
 */
static bool do_batch(struct am_its *its)
{
	uint32_t at = atomic_load_explicit(&its->creadr, memory_order_relaxed);
	uint32_t to = atomic_load_explicit(&its->cwriter, memory_order_relaxed), n;
	uint64_t cbaser = atomic_load_explicit(&its->cbaser, memory_order_relaxed);
	uint32_t size = (uint32_t)(am_bits(cbaser, 7, 0) + 1) * 4096;
	uint64_t queue = cbaser & AM_MASK(51, 12);
	struct cmd batch[BATCH];
	bool all;

	if (at == to || !atomic_load_explicit(&its->enabled, memory_order_relaxed))
		return false;
	n = ((to > at ? to : size) - at) / ITS_COMMAND;
	if (n > BATCH)
		n = BATCH;
	all = its_read(its, queue + at, batch, n * ITS_COMMAND);
	for (uint32_t i = 0; i < n && its->work < BATCH_WORK; i++) {
		struct cmd *c = &batch[i];
		unsigned error = 0;

		if (all || its_read(its, queue + at, c, sizeof(*c))) {
			for (unsigned d = 0; d < 4; d++)
				c->dw[d] = its_le64(c->dw[d]);
			error = do_command(its, c);
			AM_TRACE(its_command, its->number, (unsigned)c->dw[0] & 0xff, cmd_device(c),
				 cmd_event(c), (unsigned long long)c->dw[2], error);
		}
		at = at + ITS_COMMAND == size ? 0 : at + ITS_COMMAND;
		atomic_store_explicit(&its->creadr, at, memory_order_release);
		its->work += WORK_COMMAND;
	}
	return true;
}

void its_process(struct am_its *its)
{
	uint64_t done = 0;
	bool more = true;

	while (more && done < BUDGET) {
		am_lock(&its->lock);
		its->work = 0;
		more = do_batch(its);
		done += its->work;
		am_unlock(&its->lock);
	}
}

bool am_its_run(struct am_its *its)
{
	its_process(its);
	return atomic_load_explicit(&its->enabled, memory_order_relaxed) &&
	       atomic_load_explicit(&its->creadr, memory_order_acquire) !=
		   atomic_load_explicit(&its->cwriter, memory_order_acquire);
}
