/* SPDX-License-Identifier: MIT */
/*
 * LPIs: interrupts from INTID 8192 up, which the events of ITSes are mapped to. They are interrupts
 * like the others, edge-triggered and of group 1, without an active state; they live at their
 * target and are queued there. What is their own: priority and enable are a copy of a byte of the
 * configuration table in guest memory, taken when the LPI is mapped or invalidated, and the pending
 * table of a redistributor holds their latches while they are not mapped.
 *
 * There are none until the GIC has an ITS. Then they are found by INTID, 256 at a time, which are
 * allocated when the first of them is mapped and stay. An LPI that was never mapped has no flags,
 * so whoever has its home's lock sees that it is not there; one whose last event is unmapped while
 * it waits to be taken is still taken, as in KVM, and then is like one that does not wait.
 *
 * gic_lpis.lock comes between an ITS's lock and those of vCPUs. It protects who is mapped, and what
 * is read from guest memory from being applied in another order.
 */
#ifndef AM_GIC_LPI_H
#define AM_GIC_LPI_H

#include <armature/its.h>

#include "gic/state.h"

enum {
	GIC_NR_LPIS = 0x10000 - GIC_FIRST_LPI,
	GIC_LPI_CHUNK = 256,
	GIC_NR_LPI_CHUNKS = GIC_NR_LPIS / GIC_LPI_CHUNK,
	GIC_LPI_MAX_REFS = UINT16_MAX,
};

#define GIC_PENDBASER_PTZ AM_BIT(62)

struct gic_lpi_chunk {
	struct gic_block block[GIC_LPI_CHUNK / 32];
	uint16_t refs[GIC_LPI_CHUNK]; /* how many events each is mapped by; [gic_lpis.lock] */
};

struct gic_lpis {
	_Atomic(struct gic_lpi_chunk *) chunk[GIC_NR_LPI_CHUNKS];
	struct am_lock lock;
	struct am_its_ops ops; /* guest memory */
	void *opaque;
	/* The ITSes in order of creation, gaps where one has gone. */
	_Atomic(struct am_its *) its[AM_ITS_MAX];
	atomic_uint nr_its;
};

static inline struct gic_lpis *gic_lpis_get(const struct am_gic *gic)
{
	return atomic_load_explicit(&gic->lpis, memory_order_acquire);
}

/* NULL if no LPI near it was ever mapped, or if it cannot be an LPI. */
static inline struct gic_irq *gic_lpi_irq(const struct am_gic *gic, unsigned intid)
{
	struct gic_lpis *lpis = gic_lpis_get(gic);
	unsigned n = intid - GIC_FIRST_LPI;
	struct gic_lpi_chunk *c;

	if (am_unlikely(!lpis || n >= GIC_NR_LPIS))
		return NULL;
	c = atomic_load_explicit(&lpis->chunk[n / GIC_LPI_CHUNK], memory_order_acquire);
	return c ? &c->block[n % GIC_LPI_CHUNK / 32].irq[n % 32] : NULL;
}

static inline struct gic_lpi_chunk *gic_lpi_chunk_get(struct gic_lpis *lpis, unsigned i)
{
	return atomic_load_explicit(&lpis->chunk[i], memory_order_relaxed);
}

/* A vCPU's number, or GIC_LIMBO. */
static inline unsigned gic_lpi_target(const struct gic_irq *irq)
{
	return atomic_load_explicit(&irq->route, memory_order_relaxed);
}

/*
 * As in KVM, an LPI that waits to be taken outlives its last event: it is still taken, and an event
 * that maps it meanwhile finds it as it is.
 */
static inline bool gic_lpi_waits(unsigned flags)
{
	return (flags & (GIC_LATCH | GIC_ENABLED)) == (GIC_LATCH | GIC_ENABLED);
}

/* Mapped, or waiting. [lpis->lock] */
static inline bool gic_lpi_exists(const struct gic_lpi_chunk *c, unsigned i)
{
	return c->refs[i] || gic_lpi_waits(gic_irq_flags(&c->block[i / 32].irq[i % 32]));
}

static inline uint64_t gic_pending_address(const struct gic_cpu *cpu)
{
	return atomic_load(&cpu->pendbaser) & AM_MASK(51, 16);
}

/* 0 or -ENOMEM. The first time, this is where LPIs begin to exist. */
int gic_lpis_create(struct am_gic *gic, const struct am_its_ops *ops, void *opaque);
void gic_lpis_destroy(struct am_gic *gic);

/* ---- what events do; the caller holds its ITS's lock ---- */

/*
 * One event more maps LPI @intid (8192..65535). The first makes it exist, at @to (NULL: nowhere).
 * -EFAULT: its configuration or pending state cannot be read; -ENOMEM.
 */
int gic_lpi_map(struct am_gic *gic, unsigned intid, struct gic_cpu *to);
/*
 * The same for an INTID that is none of this GIC's: -EFAULT, or 0, and nothing exists. Others of
 * these functions do nothing for an @intid below 8192, as which such an LPI is known (its_map.c).
 */
int gic_lpi_check_far(struct am_gic *gic, uint32_t intid, const struct gic_cpu *to);
void gic_lpi_unmap(struct am_gic *gic, unsigned intid);
void gic_lpi_move(struct am_gic *gic, unsigned intid, struct gic_cpu *to);
void gic_lpi_clear(struct am_gic *gic, unsigned intid);
void gic_lpi_invalidate(struct am_gic *gic, unsigned intid);

/* ---- what a vCPU's redistributor does ---- */

/* The work it was, as its_cmd.c counts it. */
unsigned gic_lpi_invalidate_all(struct am_gic *gic, struct gic_cpu *cpu);
unsigned gic_lpi_move_all(struct am_gic *gic, struct gic_cpu *from, struct gic_cpu *to);
/* GICR_CTLR.EnableLPIs. */
void gic_lpi_enable(struct gic_cpu *cpu, bool enable);

/* lpi_save.c: writes the latches into the pending tables of the LPIs' targets. */
int gic_lpi_save_pending(struct am_gic *gic);

/* its.c: the redistributors' registers changed in a way that empties KVM's translation caches. */
void its_forget_all(struct am_gic *gic);

#endif
