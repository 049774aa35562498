/* SPDX-License-Identifier: MIT */
/*
 * The interrupt controller's state, as a list of attributes to set.
 *
 * GICv3: the latch of a pending interrupt (ISPENDR) and its line (LEVEL_INFO) are told apart, so
 * the list is complete. GICv2: ISPENDR shows latch or line. The lines of SPIs are this program's
 * devices' and known; PPIs are the timers', which raise them again by themselves. So what a line
 * alone makes pending is not put into the latch, where it would stay when the line falls. (What
 * is lost is a latch that the guest itself set beside a high line.)
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <armature/kvm.h>

#include "vmm/machine.h"
#include "vmm/report.h"
#include "vmm/state.h"

enum {
	DIST = KVM_DEV_ARM_VGIC_GRP_DIST_REGS,
	REDIST = KVM_DEV_ARM_VGIC_GRP_REDIST_REGS,
	CPU_REGS = KVM_DEV_ARM_VGIC_GRP_CPU_REGS,
	SYSREGS = KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS,
	LEVEL = KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO,
};

/* IHI 0069H 12.8 and 12.11; GICv2 has the same numbers (IHI 0048B 4.1.2). */
enum {
	GICD_CTLR = 0x000,
	GICD_IIDR = 0x008,
	IGROUPR = 0x080,
	ISENABLER = 0x100,
	ICENABLER = 0x180,
	ISPENDR = 0x200,
	ISACTIVER = 0x300,
	ICACTIVER = 0x380,
	IPRIORITYR = 0x400,
	ITARGETSR = 0x800,
	ICFGR = 0xc00,
	SPENDSGIR = 0xf20,
	IROUTER = 0x6000,
	GICR_CTLR = 0x0000,
	GICR_WAKER = 0x0014,
	GICR_PROPBASER = 0x0070,
	GICR_PENDBASER = 0x0078,
	GICR_SGI = 0x10000,
	GICC_CTLR = 0x00,
	GICC_PMR = 0x04,
	GICC_BPR = 0x08,
	GICC_ABPR = 0x1c,
	GICC_APR = 0xd0,
};

#define SYSREG(op1, crn, crm, op2) (3u << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

enum {
	ICC_PMR = SYSREG(0, 4, 6, 0),
	ICC_BPR0 = SYSREG(0, 12, 8, 3),
	ICC_AP0R = SYSREG(0, 12, 8, 4),
	ICC_AP1R = SYSREG(0, 12, 9, 0),
	ICC_BPR1 = SYSREG(0, 12, 12, 3),
	ICC_CTLR = SYSREG(0, 12, 12, 4),
	ICC_SRE = SYSREG(0, 12, 12, 5),
	ICC_IGRPEN0 = SYSREG(0, 12, 12, 6),
	ICC_IGRPEN1 = SYSREG(0, 12, 12, 7),
};

/* ---- The list ---- */

struct save {
	struct machine *m;
	struct state_gic *s;
	const bool *lines;
	unsigned nr_irqs;
	int status; /* the first failure; nothing more is done after it */
};

static void add(struct save *c, uint32_t group, uint64_t attr, uint64_t value)
{
	struct state_gic *s = c->s;

	if (c->status)
		return;
	if (s->nr == s->room) {
		size_t room = s->room ? s->room * 2 : 256;
		struct state_attr *more = realloc(s->attr, room * sizeof(*more));

		if (!more) {
			c->status = vmm_fail(VMM_HOST, "not enough memory to save the GIC");
			return;
		}
		s->attr = more;
		s->room = room;
	}
	s->attr[s->nr++] = (struct state_attr){group, attr, value};
}

static int access_failed(struct machine *m, const char *what, uint32_t group, uint64_t attr)
{
	return vmm_fail(VMM_HOST, "%s: %s attribute %u:0x%llx of the GIC failed: %s", m->be->name,
			what, group, (unsigned long long)attr, strerror(errno));
}

static uint64_t get(struct save *c, uint32_t group, uint64_t attr)
{
	uint64_t wide = 0;
	uint32_t word = 0;
	int r;

	if (c->status)
		return 0;
	r = vgic_get(c->m, group, attr, group == SYSREGS ? (void *)&wide : (void *)&word);
	if (r < 0)
		c->status = access_failed(c->m, "reading", group, attr);
	return group == SYSREGS ? wide : word;
}

static void keep(struct save *c, uint32_t group, uint64_t attr)
{
	add(c, group, attr, get(c, group, attr));
}

/* Pairs of registers that set and clear bits: what is clear is cleared. */
static void keep_bits(struct save *c, uint32_t group, uint64_t set, uint64_t clear)
{
	uint64_t v = get(c, group, set);

	add(c, group, clear, ~v & UINT32_MAX);
	add(c, group, set, v);
}

void state_gic_finish(struct state_gic *s)
{
	free(s->attr);
	memset(s, 0, sizeof(*s));
}

/* ---- What both have ---- */

/* The registers of 32 interrupts from @intid on, which is a multiple of 32. */
static void keep_32(struct save *c, uint32_t group, uint64_t base, unsigned intid)
{
	const unsigned word = intid / 32 * 4;

	keep(c, group, base + IGROUPR + word);
	for (unsigned i = 0; i < 2; i++)
		keep(c, group, base + ICFGR + word * 2 + i * 4);
	for (unsigned i = 0; i < 8; i++)
		keep(c, group, base + IPRIORITYR + word * 8 + i * 4);
	keep_bits(c, group, base + ISENABLER + word, base + ICENABLER + word);
	keep_bits(c, group, base + ISACTIVER + word, base + ICACTIVER + word);
}

/* ---- GICv3 ---- */

static uint64_t affinity(uint64_t mpidr)
{
	return (mpidr & UINT64_C(0xff00000000)) << 24 | (mpidr & 0xffffff) << 32;
}

static void keep_sysregs(struct save *c, uint64_t cpu)
{
	static const uint16_t plain[] = {ICC_SRE,  ICC_PMR,	ICC_BPR0,
					 ICC_BPR1, ICC_IGRPEN0, ICC_IGRPEN1};
	/* CTLR first: it says how many active priority registers there are. */
	uint64_t ctlr = get(c, SYSREGS, cpu | ICC_CTLR);
	unsigned bits = (unsigned)(ctlr >> 8 & 7) + 1;
	unsigned nr = bits <= 5 ? 1 : bits == 6 ? 2 : 4;

	add(c, SYSREGS, cpu | ICC_CTLR, ctlr);
	for (unsigned i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		keep(c, SYSREGS, cpu | plain[i]);
	for (unsigned i = 0; i < nr; i++) {
		keep(c, SYSREGS, cpu | (ICC_AP0R + i));
		keep(c, SYSREGS, cpu | (ICC_AP1R + i));
	}
}

static void keep_redistributor(struct save *c, uint64_t cpu)
{
	keep(c, REDIST, cpu | GICR_WAKER);
	/* Where LPIs are must be known before CTLR enables them. */
	for (unsigned i = 0; i < 2; i++) {
		keep(c, REDIST, cpu | (GICR_PROPBASER + 4 * i));
		keep(c, REDIST, cpu | (GICR_PENDBASER + 4 * i));
	}
	keep(c, REDIST, cpu | GICR_CTLR);
	keep_32(c, REDIST, cpu | GICR_SGI, 0);
	keep(c, REDIST, cpu | (GICR_SGI + ISPENDR));
	keep(c, LEVEL, cpu);
	keep_sysregs(c, cpu);
}

static void save_v3(struct save *c)
{
	uint64_t first = affinity(c->m->mpidr[0]);

	keep(c, DIST, GICD_IIDR);
	for (unsigned intid = 32; intid < c->nr_irqs; intid += 32) {
		keep_32(c, DIST, 0, intid);
		keep(c, DIST, ISPENDR + intid / 8);
		keep(c, LEVEL, first | intid);
		for (unsigned i = 0; i < 64; i++)
			keep(c, DIST, IROUTER + intid * 8 + i * 4);
	}
	for (unsigned i = 0; i < c->m->nr_vcpus; i++)
		keep_redistributor(c, affinity(c->m->mpidr[i]));
	keep(c, DIST, GICD_CTLR);
}

/* ---- GICv2 ---- */

/* Of the SPIs from @intid on, those that are level-sensitive with a high line. */
static uint32_t high_lines(struct save *c, unsigned intid)
{
	uint64_t edge = get(c, DIST, ICFGR + intid / 4) | get(c, DIST, ICFGR + intid / 4 + 4) << 32;
	uint32_t high = 0;

	for (unsigned i = 0; i < 32; i++) {
		unsigned spi = intid + i - 32;

		if (spi < LAYOUT_NR_LINES && c->lines[spi] && !(edge >> (2 * i + 1) & 1))
			high |= 1u << i;
	}
	return high;
}

static void save_v2_cpu(struct save *c, uint64_t cpu)
{
	keep_32(c, DIST, cpu, 0);
	/* SGIs are pending per sender; PPIs by their lines. */
	for (unsigned i = 0; i < 4; i++)
		keep(c, DIST, cpu | (SPENDSGIR + 4 * i));
	keep(c, CPU_REGS, cpu | GICC_CTLR);
	keep(c, CPU_REGS, cpu | GICC_PMR);
	keep(c, CPU_REGS, cpu | GICC_BPR);
	keep(c, CPU_REGS, cpu | GICC_ABPR);
	for (unsigned i = 0; i < 4; i++)
		keep(c, CPU_REGS, cpu | (GICC_APR + 4 * i));
}

static void save_v2(struct save *c)
{
	/* Writing IIDR is what says that groups may be written. */
	keep(c, DIST, GICD_IIDR);
	for (unsigned intid = 32; intid < c->nr_irqs; intid += 32) {
		uint64_t pending = get(c, DIST, ISPENDR + intid / 8);

		keep_32(c, DIST, 0, intid);
		for (unsigned i = 0; i < 8; i++)
			keep(c, DIST, ITARGETSR + intid + 4 * i);
		add(c, DIST, ISPENDR + intid / 8, pending & ~(uint64_t)high_lines(c, intid));
	}
	for (unsigned i = 0; i < c->m->nr_vcpus; i++)
		save_v2_cpu(c, (uint64_t)i << KVM_DEV_ARM_VGIC_CPUID_SHIFT);
	keep(c, DIST, GICD_CTLR);
}

/* ---- Either ---- */

int state_gic_save(struct machine *m, struct state_gic *s, const bool lines[LAYOUT_NR_LINES])
{
	struct save c = {.m = m, .s = s, .lines = lines};
	uint32_t nr_irqs = 0;

	if (vgic_get(m, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &nr_irqs) < 0)
		return access_failed(m, "reading", KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0);
	c.nr_irqs = nr_irqs;
	if (m->map.gic_version == 2)
		save_v2(&c);
	else
		save_v3(&c);
	return c.status;
}

/* Told again, but for edge-triggered interrupts: for those it would be another edge. */
static int restore_v2_lines(struct machine *m, const bool lines[LAYOUT_NR_LINES])
{
	uint32_t edge[2];

	for (unsigned i = 0; i < 2; i++)
		if (vgic_get(m, DIST, ICFGR + 8 + 4 * i, &edge[i]) < 0)
			return access_failed(m, "reading", DIST, ICFGR + 8 + 4 * i);
	for (unsigned spi = 0; spi < LAYOUT_NR_LINES; spi++)
		if (lines[spi] && !(edge[spi / 16] >> (2 * (spi % 16) + 1) & 1))
			machine_drive_line(m, spi, true);
	return 0;
}

int state_gic_restore(struct machine *m, const struct state_gic *s,
		      const bool lines[LAYOUT_NR_LINES])
{
	for (size_t i = 0; i < s->nr; i++) {
		const struct state_attr *a = &s->attr[i];
		const uint32_t word = (uint32_t)a->value;
		const void *value = a->group == SYSREGS ? (const void *)&a->value : &word;

		if (vgic_set(m, a->group, a->attr, value) < 0)
			return access_failed(m, "writing", a->group, a->attr);
	}
	/* The lines of a GICv3 were in LEVEL_INFO. */
	return m->map.gic_version == 2 ? restore_v2_lines(m, lines) : 0;
}
