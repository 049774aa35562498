/* SPDX-License-Identifier: MIT */
/*
 * The state of a virtual machine, taken out of the accelerator through KVM's interface and put into
 * another one. Guest memory and the devices of this program are not in it: memory stays where it
 * is, with what the ITS keeps there, and the devices are plain objects.
 *
 * A saved state belongs to whoever saved it and refers to nothing of the machine it came from. It
 * can be restored any number of times, into a machine of the same options whose vCPUs have not run.
 */
#ifndef VMM_STATE_H
#define VMM_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <armature/kvm.h>

#include "vmm/layout.h"

struct machine;
struct vcpu;

struct state_vcpu {
	size_t nr_regs;
	uint64_t *ids;	 /* in the order of KVM_GET_REG_LIST, which is that of restoring */
	uint8_t *values; /* one behind the other, each as long as its id says */
	size_t values_size;
	struct kvm_mp_state power;
	struct kvm_vcpu_events events;
};

#define STATE_ITS_REGS 13

/* One KVM_SET_DEVICE_ATTR of the interrupt controller. */
struct state_attr {
	uint32_t group;
	uint64_t attr;
	uint64_t value; /* 32 bits of it where the attribute has no more */
};

/* Attributes in the order of restoring. */
struct state_gic {
	struct state_attr *attr;
	size_t nr, room;
};

/* A 64-bit register of the ITS. */
struct state_its_reg {
	uint64_t offset;
	uint64_t value;
};

/* Registers in the order of restoring. GITS_CTLR is the last; it comes after the tables. */
struct state_its {
	struct state_its_reg reg[STATE_ITS_REGS];
	unsigned nr; /* 0: the machine has no ITS */
};

struct state {
	unsigned nr_vcpus;
	struct state_vcpu *vcpus;
	struct state_gic gic;
	struct state_its its;
	bool lines[LAYOUT_NR_LINES]; /* the devices' interrupt lines, as the controller sees them */
};

/*
 * Save all of it. The vCPUs' threads have left and have finished the access they left for, and the
 * devices' lines are held (devices.c). Returns 0 and the caller's state, or a status.
 */
int state_save(struct machine *m, struct state **out);

/* Returns 0 or a status. */
int state_restore(struct machine *m, const struct state *s);

void state_destroy(struct state *s);

/* ---- Parts ---- */

/* state_vcpu.c: returns 0 or a status; what there is of it can always be finished. */
int state_vcpu_save(struct vcpu *v, struct state_vcpu *s);
int state_vcpu_restore(struct vcpu *v, const struct state_vcpu *s);
void state_vcpu_finish(struct state_vcpu *s);

/*
 * The counters are the VM's, not the vCPU's, and go on while anything else is restored: they come
 * last, so that for the guest no time has passed.
 */
int state_counters_restore(struct vcpu *v, const struct state_vcpu *s);

/* state_gic.c */
int state_gic_save(struct machine *m, struct state_gic *s, const bool lines[LAYOUT_NR_LINES]);
int state_gic_restore(struct machine *m, const struct state_gic *s,
		      const bool lines[LAYOUT_NR_LINES]);
void state_gic_finish(struct state_gic *s);

/*
 * state_its.c. Saving also puts tables into guest memory: those of the ITS, and which LPIs are
 * pending. It comes before the GIC's registers are read, restoring after they are written.
 */
int state_its_save(struct machine *m, struct state_its *s);
int state_its_restore(struct machine *m, const struct state_its *s);

#endif
