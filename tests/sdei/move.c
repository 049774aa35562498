/* SPDX-License-Identifier: MIT */
/*
 * All of a machine but its memory goes to another one, made for it: the vCPUs' registers by a loop
 * over KVM_GET_REG_LIST, which knows nothing of SDEI, their power states, and the GIC's state.
 */
#include "machine.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---- vCPUs ---- */

struct saved_vcpu {
	struct kvm_reg_list *list;
	uint8_t (*value)[16];
	struct kvm_mp_state power;
	struct kvm_vcpu_events events;
};

static void save_vcpu(struct machine_vcpu *v, struct saved_vcpu *s)
{
	struct kvm_reg_list none = {0};

	am_kvm_ioctl(v->fd, KVM_GET_REG_LIST, (uintptr_t)&none);
	s->list = malloc(sizeof(none) + none.n * sizeof(none.reg[0]));
	s->value = calloc(none.n, sizeof(s->value[0]));
	if (!s->list || !s->value)
		err(1, "memory");
	s->list->n = none.n;
	machine_ioctl(v->fd, KVM_GET_REG_LIST, s->list, "KVM_GET_REG_LIST");
	for (uint64_t n = 0; n < s->list->n; n++) {
		struct kvm_one_reg r = {s->list->reg[n], (uintptr_t)s->value[n]};

		if (KVM_REG_SIZE(r.id) > sizeof(s->value[n]))
			errx(1, "register %#llx", (unsigned long long)r.id);
		machine_ioctl(v->fd, KVM_GET_ONE_REG, &r, "KVM_GET_ONE_REG");
	}
	machine_ioctl(v->fd, KVM_GET_MP_STATE, &s->power, "KVM_GET_MP_STATE");
	machine_ioctl(v->fd, KVM_GET_VCPU_EVENTS, &s->events, "KVM_GET_VCPU_EVENTS");
}

static bool is_counter(uint64_t id)
{
	return id == KVM_REG_ARM_TIMER_CNT || id == KVM_REG_ARM_PTIMER_CNT;
}

/* The counters are the VM's and go on meanwhile: last, so that no time passes for the guest. */
static void restore_registers(struct machine_vcpu *v, const struct saved_vcpu *s, bool counters)
{
	for (uint64_t n = 0; n < s->list->n; n++) {
		struct kvm_one_reg r = {s->list->reg[n], (uintptr_t)s->value[n]};

		if (is_counter(r.id) != counters)
			continue;
		if (am_kvm_ioctl(v->fd, KVM_SET_ONE_REG, (uintptr_t)&r))
			err(1, "KVM_SET_ONE_REG of %#llx", (unsigned long long)r.id);
	}
}

static void restore_vcpu(struct machine_vcpu *v, struct saved_vcpu *s)
{
	restore_registers(v, s, false);
	machine_ioctl(v->fd, KVM_SET_VCPU_EVENTS, &s->events, "KVM_SET_VCPU_EVENTS");
	machine_ioctl(v->fd, KVM_SET_MP_STATE, &s->power, "KVM_SET_MP_STATE");
}

/* ---- GIC ---- */

#define MAX_ATTRS 1024

struct saved_gic {
	unsigned nr;
	struct {
		uint32_t group;
		uint64_t attr, value;
	} a[MAX_ATTRS];
};

static uint64_t keep(struct machine *m, struct saved_gic *s, uint32_t group, uint64_t attr)
{
	uint64_t v = 0;

	machine_gic(m, KVM_GET_DEVICE_ATTR, group, attr, &v);
	if (s->nr == MAX_ATTRS)
		errx(1, "the GIC has more state than was thought");
	s->a[s->nr].group = group;
	s->a[s->nr].attr = attr;
	s->a[s->nr++].value = v;
	return v;
}

enum {
	DIST = KVM_DEV_ARM_VGIC_GRP_DIST_REGS,
	REDIST = KVM_DEV_ARM_VGIC_GRP_REDIST_REGS,
	SYSREGS = KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS,
	LEVEL = KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO,
};

/*
 * Registers of 32 interrupts (IHI 0069H 12.8): group, configuration, priority, enabled, active,
 * then the latch and the line. The machine that they go to is fresh, so nothing needs clearing.
 */
static void save_32(struct machine *m, struct saved_gic *s, uint32_t group, uint64_t base,
		    unsigned intid, uint64_t cpu)
{
	const unsigned word = intid / 32 * 4;

	keep(m, s, group, base + 0x080 + word);
	keep(m, s, group, base + 0xc00 + word * 2);
	keep(m, s, group, base + 0xc00 + word * 2 + 4);
	for (unsigned n = 0; n < 32; n += 4)
		keep(m, s, group, base + 0x400 + word * 8 + n);
	keep(m, s, group, base + 0x100 + word);
	keep(m, s, group, base + 0x300 + word);
	keep(m, s, group, base + 0x200 + word);
	keep(m, s, LEVEL, cpu | intid);
}

#define SYSREG(op1, crn, crm, op2) (3u << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

static void save_gic(struct machine *m, struct saved_gic *s)
{
	static const uint16_t icc[] = {
	    SYSREG(0, 12, 12, 4), SYSREG(0, 12, 12, 5), SYSREG(0, 4, 6, 0),
	    SYSREG(0, 12, 8, 3),  SYSREG(0, 12, 12, 3), SYSREG(0, 12, 12, 6),
	    SYSREG(0, 12, 12, 7), SYSREG(0, 12, 8, 4),	SYSREG(0, 12, 9, 0),
	};

	s->nr = 0;
	keep(m, s, DIST, 0x008); /* IIDR */
	for (unsigned intid = 32; intid < NR_IRQS; intid += 32) {
		save_32(m, s, DIST, 0, intid, 0);
		for (unsigned n = 0; n < 64; n++) {
			/* IROUTER, zero as in a fresh machine more often than not. */
			if (!keep(m, s, DIST, 0x6000 + intid * 8 + n * 4))
				s->nr--;
		}
	}
	for (uint64_t n = 0; n < m->nr; n++) {
		uint64_t cpu = n << 32;

		keep(m, s, REDIST, cpu | 0x14); /* WAKER */
		keep(m, s, REDIST, cpu);
		save_32(m, s, REDIST, cpu | 0x10000, 0, cpu);
		for (unsigned i = 0; i < sizeof(icc) / sizeof(icc[0]); i++)
			keep(m, s, SYSREGS, cpu | icc[i]);
	}
	keep(m, s, DIST, 0x000);
}

static void restore_gic(struct machine *m, struct saved_gic *s)
{
	for (unsigned n = 0; n < s->nr; n++)
		machine_gic(m, KVM_SET_DEVICE_ATTR, s->a[n].group, s->a[n].attr, &s->a[n].value);
}

/* ---- Both ---- */

void machine_move(struct machine *m)
{
	static struct saved_gic gic;
	struct saved_vcpu vcpu[MAX_CPUS];

	for (unsigned n = 0; n < m->nr; n++)
		save_vcpu(&m->vcpu[n], &vcpu[n]);
	save_gic(m, &gic);
	machine_close(m);
	machine_build(m);
	for (unsigned n = 0; n < m->nr; n++)
		restore_vcpu(&m->vcpu[n], &vcpu[n]);
	restore_gic(m, &gic);
	for (unsigned n = 0; n < m->nr; n++) {
		restore_registers(&m->vcpu[n], &vcpu[n], true);
		free(vcpu[n].list);
		free(vcpu[n].value);
	}
	m->moves++;
}
