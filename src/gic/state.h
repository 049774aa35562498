/* SPDX-License-Identifier: MIT */
/*
 * The state of a GIC and who may touch it.
 *
 * Locks. An interrupt *lives* at one vCPU: a private one at its own, an SPI at the vCPU it is
 * routed to, or in limbo when there is none. One lock per vCPU protects everything that lives
 * there, the queue of what can be delivered, and the CPU interface; so taking, finishing or
 * injecting an interrupt takes one lock. Only moving an SPI takes two:
 *
 *     config (addresses, regions, vCPUs being added)
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
	GIC_PRI_BITS = 5,
	GIC_IDLE_PRIORITY = 0xff,
};

#define GIC_DIST_SIZE	UINT64_C(0x10000)
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
	GIC_EDGE = 32,	/* configuration: edge, else level */
	GIC_OWNED = 64, /* the input belongs to a device inside the machine */
};

/* One interrupt, 16 bytes. */
struct gic_irq {
	uint16_t intid;
	uint16_t next, prev; /* in the queue, when key says so; [home's lock] */
	_Atomic(uint16_t) home;
	_Atomic(uint8_t) flags;
	_Atomic(uint8_t) priority;
	uint8_t key; /* which queue: group << 6 | level, or GIC_NOT_QUEUED; [home's lock] */
	_Atomic(uint32_t) route; /* GICD_IROUTER's affinity */
};

_Static_assert(sizeof(struct gic_irq) == 16, "interrupts are many");

/* What can be delivered, by group and level of priority, each level in order of arrival. */
struct gic_queue {
	uint64_t levels[2]; /* bit n: level n has an interrupt */
	uint16_t head[2][GIC_LEVELS];
	uint16_t tail[2][GIC_LEVELS];
};

/* The CPU interface. Values as user space wrote them; see cpuif.c for what they mean. */
struct gic_cpuif {
	uint8_t pmr;
	uint8_t bpr[2];
	bool enabled[2]; /* ICC_IGRPEN0/1 */
	bool cbpr, eoimode;
	uint32_t apr[2]; /* active priorities, one bit for each of 32 levels */
	/* What ICC_CTLR.PRIbits (plus 1) and IDbits were lowered to by user space. */
	uint8_t pri_bits, id_bits;
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
	struct am_lock lock;
	uint16_t id; /* vCPU number, or GIC_LIMBO */
	struct am_gic *gic;
	_Atomic(uint64_t) mpidr;
	_Atomic(uint64_t) pendbaser;
	atomic_uint lines; /* AM_GIC_IRQ, AM_GIC_FIQ; written under the lock */

	struct gic_queue queue;		    /* [lock] */
	struct gic_cpuif ifc;		    /* [lock] */
	struct gic_irq irq[GIC_NR_PRIVATE]; /* [lock], see above */

	struct gic_region *region; /* where its redistributor is, or NULL; [config] */
	uint32_t slot;
	struct gic_port port;
	struct am_reg_frame frame;
};

struct am_gic {
	struct am_gic_config config;
	struct am_lock lock; /* "config" above */
	atomic_bool ready;   /* initialised; the vCPUs and interrupts are fixed */
	bool nr_irqs_set;    /* [config] */
	atomic_uint nr_irqs;
	atomic_uint nr_cpus;			/* grows under [config] until ready */
	struct gic_cpu *cpus[AM_GIC_MAX_VCPUS]; /* by number */
	uint16_t order[AM_GIC_MAX_VCPUS];	/* numbers in order of creation */

	struct gic_irq *spis; /* INTID 32 is the first; set once by init */
	struct gic_cpu limbo;

	_Atomic(uint64_t) dist_base;		  /* written under [config] */
	struct gic_region *regions, *last_region; /* [config] */
	struct am_bus *bus;			  /* [config] */

	atomic_bool enabled;	     /* GICD_CTLR.EnableGrp1, which KVM makes the only enable */
	atomic_uint revision;	     /* GICD_IIDR.Revision */
	_Atomic(uint64_t) propbaser; /* one for all redistributors */

	struct gic_port port;
	struct am_reg_frame frame;
	uint8_t *dist_index, *redist_index;
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

/* ---- irq.c: the state machine of an interrupt, and queues ---- */

void gic_irq_init(struct gic_irq *irq, unsigned intid, unsigned home);
void gic_queue_init(struct gic_queue *q);

static inline unsigned gic_irq_flags(const struct gic_irq *irq)
{
	return atomic_load_explicit(&irq->flags, memory_order_relaxed);
}

static inline bool gic_irq_is_pending(unsigned flags)
{
	return flags & GIC_EDGE ? flags & GIC_LATCH : flags & (GIC_LATCH | GIC_LINE);
}

/* The interrupt an INTID means for a vCPU (any, for SPIs), or NULL. */
struct gic_irq *gic_irq_get(struct am_gic *gic, struct gic_cpu *cpu, unsigned intid);

/* Locks the vCPU where @irq lives. */
struct gic_cpu *gic_irq_lock(struct am_gic *gic, struct gic_irq *irq);

/*
 * Changes flags and queues the interrupt, or not, accordingly; the caller holds the lock and ends
 * with gic_cpu_update.
 */
void gic_irq_change(struct gic_cpu *cpu, struct gic_irq *irq, unsigned set, unsigned clear);
void gic_irq_set_priority(struct gic_cpu *cpu, struct gic_irq *irq, unsigned priority);

/* The three steps at once: lock, change, report. */
void gic_irq_update(struct am_gic *gic, struct gic_irq *irq, unsigned set, unsigned clear);

/* The input line went to @level. */
void gic_irq_input(struct am_gic *gic, struct gic_irq *irq, bool level);

/* Moves an SPI to another home (NULL: limbo), recording the affinity that led there. */
void gic_irq_move(struct am_gic *gic, struct gic_irq *irq, struct gic_cpu *to, uint32_t route);

/* The first in the best level of the groups in @groups (bit 0, bit 1), or NULL. */
struct gic_irq *gic_queue_best(struct gic_cpu *cpu, unsigned groups);

/* ---- cpuif.c: priorities, acknowledging and finishing; the lock is held where "cpu_" ---- */

void gic_cpuif_init(struct gic_cpuif *ifc);
/* Works out the lines again and reports a change. Every change under the lock ends here. */
void gic_cpu_update(struct gic_cpu *cpu);
unsigned gic_cpu_running_priority(const struct gic_cpu *cpu);
unsigned gic_cpu_bpr(const struct gic_cpu *cpu, unsigned group);
unsigned gic_cpu_hppi(struct gic_cpu *cpu, unsigned group);
unsigned gic_ack(struct gic_cpu *cpu, unsigned group);
void gic_eoi(struct gic_cpu *cpu, unsigned group, unsigned intid);
void gic_dir(struct gic_cpu *cpu, unsigned intid);
/* A write of ICC_SGI1R (any_group), ICC_ASGI1R or ICC_SGI0R. */
void gic_send_sgi(struct gic_cpu *from, uint64_t value, bool any_group);

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

/* ---- dist.c, redist.c: the frames ---- */

extern const struct am_reg_table gic_dist_table, gic_redist_table;

/* GICR_TYPER.Last of a vCPU. */
bool gic_redist_is_last(struct gic_cpu *cpu);

/* ---- layout.c: where the frames are ---- */

/* Finds a place for the vCPU's redistributor if there is one. -EINVAL when it must not be there. */
int gic_redist_attach(struct am_gic *gic, struct gic_cpu *cpu);
void gic_layout_finish(struct am_gic *gic);

/* ---- gic.c ---- */

/* NULL when there is no such vCPU. */
struct gic_cpu *gic_cpu_get(const struct am_gic *gic, unsigned vcpu);
/* The @n-th vCPU that was added; n < nr_cpus. */
struct gic_cpu *gic_cpu_nth(const struct am_gic *gic, unsigned n);
struct gic_cpu *gic_cpu_by_affinity(const struct am_gic *gic, uint64_t affinity);

#endif
