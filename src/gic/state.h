/* SPDX-License-Identifier: MIT */
/*
 * The state of a GIC and who may touch it.
 *
 * Locks. An interrupt *lives* at one vCPU: a private one at its own, an SPI at the vCPU it is
 * routed to, or in limbo when there is none. One lock per vCPU protects everything that lives
 * there, the queue of what can be delivered, and the CPU interface; so taking, finishing or
 * injecting an interrupt takes one lock. Only moving an SPI takes two:
 *
 *     config (addresses, regions, vCPUs being added); am_its.lock (its.h)
 *       `- gic_lpis.lock (lpi.h)
 *       `- gic_cpu.lock, the smaller vCPU number first, limbo last
 *            `- whatever irq_line_changed takes
 *
 * Fields of an interrupt are written under its home's lock and may be read by anybody at any time:
 * they are atomics, each by itself.
 */
#ifndef AM_GIC_STATE_H
#define AM_GIC_STATE_H

#include <armature/gic.h>
#include <stdatomic.h>

#include "base/bits.h"
#include "base/lock.h"
#include "bus/error.h"

enum {
	GIC_NR_PRIVATE = 32,
	GIC_NR_SGIS = 16,
	GIC_DEFAULT_IRQS = 256,
	GIC_SPURIOUS = 1023, /* also the end of a queue: never an interrupt's INTID */
	GIC_FIRST_LPI = 8192,
	GIC_LIMBO = 0xffff, /* the home of SPIs that are routed to nobody */
	GIC_LEVELS = 64,    /* of priority: LPIs have 6 bits, the others 5 */
	GIC_NOT_QUEUED = 0xff,
	GIC_BOUND_DUE = 0x80, /* a key that belongs to no queue, see bound.c */
	GIC_NO_GROUP0 = 1022, /* GICv2: what is pending is in the other group */
	GIC_PRI_BITS = 5,
	GIC_IDLE_PRIORITY = 0xff,
};

#define GIC_DIST_SIZE	UINT64_C(0x10000)
#define GIC_DIST2_SIZE	UINT64_C(0x1000)
#define GIC_CPUIF_SIZE	UINT64_C(0x2000)
#define GIC_REDIST_SIZE UINT64_C(0x20000)
#define GIC_SGI_FRAME	0x10000u /* offset of the second frame in a redistributor */

/* Affinity fields of an MPIDR. */
#define GIC_AFFINITY UINT64_C(0xff00ffffff)

enum gic_flag {
	GIC_LATCH = 1,	/* made pending by an edge, an SGI or a write */
	GIC_LINE = 2,	/* the input is high */
	GIC_ACTIVE = 4, /* acknowledged, not yet deactivated */
	GIC_ENABLED = 8,
	GIC_GROUP1 = 16,
	GIC_EDGE = 32,	 /* configuration: edge, else level */
	GIC_OWNED = 64,	 /* the input belongs to a device inside the machine */
	GIC_IN_LR = 128, /* in a list register: latch and active state are there; see lr.c */
};

/* One interrupt. Its flags and its priority are in its block. */
struct gic_irq {
	uint16_t intid;
	uint16_t next, prev; /* in the queue, when key says so; [home's lock] */
	_Atomic(uint16_t) home;
	_Atomic(uint32_t) route; /* GICD_IROUTER's affinity, or GICD_ITARGETSR's field */
	uint8_t key;	    /* which queue: group << 6 | level, or GIC_NOT_QUEUED; [home's lock] */
	uint8_t moving : 1; /* its route leads elsewhere, see gic_irq_move; [home's lock] */
	uint8_t bound : 1;  /* its owner takes it, see bound.c; [home's lock] */
	union {
		struct {			  /* GICv2 SGI */
			_Atomic(uint8_t) sources; /* vCPUs that sent it, by number */
			uint8_t active_source;	  /* whose is active; [home's lock] */
		};
		uint16_t goal; /* its home when it has moved; [home's lock] */
	};
};

/*
 * The 32 interrupts of a register with one bit for each. What such registers show lies together,
 * so that they are read eight interrupts at a time. 18 bytes for each interrupt.
 */
struct gic_block {
	_Alignas(8) _Atomic(uint8_t) flags[32];
	_Atomic(uint8_t) priority[32];
	struct gic_irq irq[32];
};

_Static_assert(sizeof(struct gic_block) == 32 * 18, "interrupts are many");

/* Interrupts of one group and level of priority, in order of arrival. */
struct gic_list {
	uint16_t head, tail;
};

/*
 * The CPU interface. Values as user space wrote them; see cpuif.c for what they mean. The last
 * fields follow from the others (gic_cpuif_derive), for what is done at each interrupt.
 */
struct gic_cpuif {
	uint8_t pmr;
	uint8_t bpr[2];
	bool enabled[2]; /* ICC_IGRPEN0/1 */
	bool cbpr, eoimode;
	bool fiqen;  /* group 0 is signalled as FIQ; always in a GICv3 */
	bool ackctl; /* GICC_CTLR.AckCtl */
	/* What ICC_CTLR.PRIbits (plus 1) and IDbits were lowered to by user space. */
	uint8_t pri_bits, id_bits;

	uint8_t limit;	 /* of priorities that PMR lets through, exclusive */
	uint8_t mask[2]; /* a priority's part that decides on preemption */
	uint8_t groups;	 /* enabled, bit n for group n */
	uint32_t apr[2]; /* active priorities, one bit for each of 32 levels; GICv2: one, [0] */
};

/* The device of a register frame: a distributor has no cpu. */
struct gic_port {
	struct am_gic *gic;
	struct gic_cpu *cpu;
};

struct gic_region {
	struct gic_region *next;
	uint64_t base;
	uint32_t count; /* of redistributors; 0: the legacy region, which grows */
	uint32_t index;
	uint32_t used;
};

struct gic_cpu {
	/* What every interrupt needs, in one cache line. */
	struct am_lock lock;
	atomic_bool lpis;     /* GICR_CTLR.EnableLPIs; written under gic_lpis.lock */
	uint16_t id;	      /* vCPU number, or GIC_LIMBO */
	uint16_t nth;	      /* in order of creation */
	atomic_uint lines;    /* AM_GIC_IRQ, AM_GIC_FIQ; written under the lock */
	struct gic_cpuif ifc; /* [lock] */
	struct am_gic *gic;
	uint64_t
	    levels[2]; /* of priority, by group: bit n, there is an interrupt in list n; [lock] */

	struct gic_list list[2 * GIC_LEVELS]; /* what can be delivered; [lock] */
	struct gic_block block;		      /* SGIs and PPIs; [lock], see above */

	_Atomic(uint64_t) mpidr;
	_Atomic(uint64_t) pendbaser;
	atomic_bool lpis_busy;	   /* GICR_CTLR.RWP: LPIs are being switched off */
	atomic_uint invalidating;  /* GICR_SYNCR.Busy */
	struct gic_region *region; /* where its redistributor is, or NULL; [config] */
	uint32_t slot;
	atomic_bool last; /* GICR_TYPER.Last; written under [config] */
	struct gic_port port;
	struct am_reg_frame frame;
	bool in_lrs;   /* between fill and fold; [lock] */
	bool uses_lrs; /* has been filled; [lock] */
	bool stray;    /* interrupts may be active here that no list register remembers; [lock] */
	void *memory;  /* as allocated; this structure is aligned to a cache line */
};

_Static_assert(offsetof(struct gic_cpu, list) == 64, "what every interrupt needs");

struct am_gic {
	struct am_gic_config config;
	struct am_lock lock; /* "config" above */
	atomic_bool ready;   /* initialised; the vCPUs and interrupts are fixed */
	bool v2;	     /* GICv2 */
	bool nr_irqs_set;    /* [config] */
	atomic_uint nr_irqs;
	atomic_uint nr_cpus;			/* grows under [config] until ready */
	struct gic_cpu *cpus[AM_GIC_MAX_VCPUS]; /* by number */
	uint16_t order[AM_GIC_MAX_VCPUS];	/* numbers in order of creation */
	atomic_bool irregular; /* some affinity is not the one KVM makes from the vCPU number */
	/* Then: order's index plus 1 by a hash of the affinity; written under [config]. */
	_Atomic(uint16_t) by_affinity[2 * AM_GIC_MAX_VCPUS];

	struct gic_block *spis; /* INTID 32 is the first; set once by init */
	struct gic_cpu limbo;

	_Atomic(uint64_t) dist_base;		  /* written under [config] */
	_Atomic(uint64_t) cpuif_base;		  /* the same; GICv2 */
	struct gic_region *regions, *last_region; /* [config] */
	struct am_bus *bus;			  /* [config] */

	atomic_bool enabled;	     /* GICD_CTLR's group 1 enable, which KVM makes the only one */
	atomic_uint revision;	     /* GICD_IIDR.Revision */
	atomic_bool user_groups;     /* GICv2: user space may write groups, it knows of revisions */
	_Atomic(uint64_t) propbaser; /* one for all redistributors */
	_Atomic(struct gic_lpis *) lpis; /* NULL: there are none; set once, by the first ITS */

	struct gic_port port;
	struct am_reg_frame frame;	/* the distributor */
	struct am_reg_frame gicc_frame; /* GICv2 */
	uint8_t *dist_index;
	uint8_t *second_index; /* of redistributors, or GICC */
};

/*
 * For builds that check the lock rules: -DAM_GIC_CHECK_LOCKS. There gic_race stands where another
 * thread may come between, and lets it.
 */
static inline void gic_race(void)
{
#ifdef AM_GIC_CHECK_LOCKS
	am_cpu_relax(63);
#endif
}

static inline void gic_must_hold(struct gic_cpu *cpu)
{
#ifdef AM_GIC_CHECK_LOCKS
	if (!am_lock_is_held(&cpu->lock))
		__builtin_trap();
#else
	(void)cpu;
#endif
}

/* The lock that is held must be the one of the interrupt's home. */
static inline void gic_must_live(struct gic_cpu *cpu, struct gic_irq *irq)
{
	gic_must_hold(cpu);
#ifdef AM_GIC_CHECK_LOCKS
	if (atomic_load_explicit(&irq->home, memory_order_relaxed) != cpu->id)
		__builtin_trap();
#else
	(void)irq;
#endif
}

/* ---- vCPUs ---- */

static inline unsigned gic_nr_cpus(const struct am_gic *gic)
{
	return atomic_load_explicit(&gic->nr_cpus, memory_order_acquire);
}

/* gic.c: while vCPUs are being added. */
struct gic_cpu *gic_cpu_get_early(const struct am_gic *gic, unsigned vcpu);

/* NULL when there is no such vCPU. */
static inline struct gic_cpu *gic_cpu_get(const struct am_gic *gic, unsigned vcpu)
{
	if (am_unlikely(vcpu >= AM_GIC_MAX_VCPUS))
		return NULL;
	if (am_likely(atomic_load_explicit(&gic->ready, memory_order_acquire)))
		return gic->cpus[vcpu];
	return gic_cpu_get_early(gic, vcpu);
}

/* The @n-th vCPU that was added; n < nr_cpus. */
static inline struct gic_cpu *gic_cpu_nth(const struct am_gic *gic, unsigned n)
{
	return gic->cpus[gic->order[n]];
}

/* ---- irq.c: the state machine of an interrupt, and queues ---- */

void gic_block_init(struct am_gic *gic, struct gic_block *block, unsigned first, unsigned home);

static inline struct gic_block *gic_irq_block(const struct gic_irq *irq)
{
	const struct gic_irq *first = irq - irq->intid % 32;

	return (struct gic_block *)((char *)first - offsetof(struct gic_block, irq));
}

static inline unsigned gic_irq_flags(const struct gic_irq *irq)
{
	return atomic_load_explicit(&gic_irq_block(irq)->flags[irq->intid % 32],
				    memory_order_relaxed);
}

static inline unsigned gic_irq_priority(const struct gic_irq *irq)
{
	return atomic_load_explicit(&gic_irq_block(irq)->priority[irq->intid % 32],
				    memory_order_relaxed);
}

static inline unsigned gic_irq_group(const struct gic_irq *irq)
{
	return !!(gic_irq_flags(irq) & GIC_GROUP1);
}

/* The line of an interrupt that is in a list register has been seen to there. */
static inline bool gic_irq_is_pending(unsigned flags)
{
	return flags & (GIC_EDGE | GIC_IN_LR) ? flags & GIC_LATCH : flags & (GIC_LATCH | GIC_LINE);
}

/* The block of an INTID for a vCPU (any, for SPIs), or NULL. */
static inline struct gic_block *gic_block_get(struct am_gic *gic, struct gic_cpu *cpu,
					      unsigned intid)
{
	if (intid < GIC_NR_PRIVATE)
		return cpu ? &cpu->block : NULL;
	if (intid >= atomic_load_explicit(&gic->nr_irqs, memory_order_relaxed) || !gic->spis)
		return NULL;
	return &gic->spis[intid / 32 - 1];
}

/* The interrupt, the same way. */
static inline struct gic_irq *gic_irq_get(struct am_gic *gic, struct gic_cpu *cpu, unsigned intid)
{
	struct gic_block *block = gic_block_get(gic, cpu, intid);

	return block ? &block->irq[intid % 32] : NULL;
}

/* One bit for each interrupt of a block: has it @flag, is it pending? Takes no lock. */
uint32_t gic_block_read(const struct gic_block *block, unsigned flag);
uint32_t gic_block_pending(const struct gic_block *block);
/* The same change for all interrupts in @mask. */
void gic_block_change(struct am_gic *gic, struct gic_block *block, uint32_t mask, unsigned set,
		      unsigned clear);

void gic_irq_set_priority(struct gic_cpu *cpu, struct gic_irq *irq, unsigned priority);

/* The three steps at once: lock, change, report. */
void gic_irq_update(struct am_gic *gic, struct gic_irq *irq, unsigned set, unsigned clear);

/* The input line went to @level. */
void gic_irq_input(struct am_gic *gic, struct gic_irq *irq, bool level);

/*
 * Moves an SPI to another home (NULL: limbo), recording the affinity or targets that led there.
 * While it is in a list register, or active at a vCPU that uses them, it stays until gic_irq_settle
 * finds it ended.
 */
void gic_irq_move(struct am_gic *gic, struct gic_irq *irq, struct gic_cpu *to, uint32_t route);
void gic_irq_settle(struct am_gic *gic, struct gic_irq *irq);

/* The lock is held: is gic_irq_settle to be called when it is free? */
static inline bool gic_irq_must_move(const struct gic_irq *irq)
{
	return am_unlikely(irq->moving) && !(gic_irq_flags(irq) & (GIC_ACTIVE | GIC_IN_LR));
}

/* GICv2 SGIs: more sources, or fewer, of an SGI that lives at @cpu, whose lock is held. */
void gic_sgi_sources(struct gic_cpu *cpu, unsigned intid, unsigned set, unsigned clear);

/* ---- cpuif.c: priorities, acknowledging and finishing; the lock is held where "cpu_" ---- */

void gic_cpuif_init(struct gic_cpuif *ifc, bool v2);
/* After a change of the interface: what follows from it, and the lines. The lock is held. */
void gic_cpuif_changed(struct gic_cpu *cpu);
/* gic_cpu_update for all vCPUs, taking their locks. */
void gic_update_all(struct am_gic *gic);
/* The binary point that counts for a group, and the register's own value without regard to CBPR. */
unsigned gic_cpu_bpr(const struct gic_cpu *cpu, unsigned group);
unsigned gic_cpu_own_bpr(const struct gic_cpu *cpu, unsigned group);
/*
 * The highest priority pending interrupt, or GIC_SPURIOUS, or @other if it is not in @groups (bit
 * 0, bit 1). In a GICv2 an SGI's INTID has its source above it, as in GICC_IAR.
 */
unsigned gic_cpu_hppi(struct gic_cpu *cpu, unsigned groups, unsigned other);
unsigned gic_ack(struct gic_cpu *cpu, unsigned groups, unsigned other);
/* Deactivates, if that is a part of it, only interrupts of @groups. */
void gic_eoi(struct gic_cpu *cpu, unsigned groups, unsigned intid);
void gic_dir(struct gic_cpu *cpu, unsigned intid);
/* The owner of a bound interrupt ends it: 1, 0 when it was not active, -EINVAL if not bound. */
int gic_bound_end(struct am_gic *gic, struct gic_irq *irq);

/* ---- bound.c ---- */

/* The interrupt is bound, and now due or not. The lock is held. */
void gic_bound_queue(struct gic_cpu *cpu, struct gic_irq *irq, bool due);

/* ---- sgi.c ---- */

/* A write of ICC_SGI1R (any_group), ICC_ASGI1R or ICC_SGI0R. */
void gic_send_sgi(struct gic_cpu *from, uint64_t value, bool any_group);
/* A write of a GICv2's GICD_SGIR. */
void gic_send_sgi2(struct gic_cpu *from, uint32_t value);

/* ---- icc.c: the system registers ---- */

/* A register: its number, the guest's handlers, and user space's when it is part of the state. */
struct gic_icc_row {
	const char *name;
	uint16_t sysreg;
	uint8_t order; /* of saving */
	uint8_t n;     /* group, or index of the register */
	uint64_t (*get)(struct gic_cpu *cpu, unsigned n);
	void (*set)(struct gic_cpu *cpu, unsigned n, uint64_t value);
	int (*user_get)(struct gic_cpu *cpu, unsigned n, uint64_t *value);
	int (*user_set)(struct gic_cpu *cpu, unsigned n, uint64_t value);
};

/* NULL when there is no such register. */
const struct gic_icc_row *gic_icc_row(unsigned sysreg);
extern const struct gic_icc_row gic_icc_rows[];
extern const unsigned gic_nr_icc_rows;

/* ---- dist.c, redist.c, dist2.c, gicc.c: the frames ---- */

extern const struct am_reg_table gic_dist_table, gic_redist_table;
/* dist2.c, gicc.c: a GICv2's. */
extern const struct am_reg_table gic_dist2_table, gic_gicc_table;

#define GIC_PROPBASER_RESET UINT64_C(0x580) /* when there are LPIs */

enum { GIC_DIST_IIDR = 0x4b00043b /* product 'K', implementer Arm; and a revision, [15:12] */ };

/* User space chooses the revision of the machine that it restores: 2 or 3. 0 or -EINVAL. */
int gic_user_set_revision(struct am_gic *gic, uint64_t iidr);

/* GICD_CTLR's enable. */
void gic_set_enabled(struct am_gic *gic, bool enabled);

/* ---- layout.c: where the frames are ---- */

/* Finds a place for the vCPU's redistributor if there is one. -EINVAL when it must not be there. */
int gic_redist_attach(struct am_gic *gic, struct gic_cpu *cpu);
/* Works out GICR_TYPER.Last again; [config]. */
void gic_layout_changed(struct am_gic *gic);
void gic_layout_finish(struct am_gic *gic);

/* ---- gic.c ---- */

/* CTRL_INIT, under [config] and only once. */
int gic_init_locked(struct am_gic *gic);

/* Where an SPI goes by GICD_IROUTER's affinity or GICD_ITARGETSR's targets. */
struct gic_cpu *gic_route_cpu(const struct am_gic *gic, uint32_t route);
struct gic_cpu *gic_cpu_by_affinity(const struct am_gic *gic, uint64_t affinity);

#endif
