/* SPDX-License-Identifier: MIT */
/*
 * The ITS's state. What it knows of devices, events and collections goes to the tables that the
 * guest gave it (GITS_BASER), which LPIs are pending to the redistributors' tables; so most of it
 * is in guest memory, and the rest is registers.
 *
 * The order of restoring is the one that KVM asks for (arm-vgic-its.rst): the GIC's registers, with
 * GICR_PROPBASER and GICR_PENDBASER, are there before the tables are read, because an LPI begins
 * with what its configuration and pending table say. GITS_CBASER comes first, for it resets the
 * queue's two pointers; GITS_CREADR before the ITS is enabled, or commands would run again.
 * GITS_CTLR is last: with it, the ITS goes on with commands that were waiting.
 */
#include <errno.h>
#include <string.h>

#include <armature/kvm.h>

#include "vmm/machine.h"
#include "vmm/report.h"
#include "vmm/state.h"

/* IHI 0069H 12.19. */
enum {
	GITS_CTLR = 0x0000,
	GITS_IIDR = 0x0004,
	GITS_CBASER = 0x0080,
	GITS_CWRITER = 0x0088,
	GITS_CREADR = 0x0090,
	GITS_BASER = 0x0100, /* eight of them */
};

/* In the order of restoring. GITS_IIDR says in which format the tables are. */
static const uint16_t order[STATE_ITS_REGS] = {
    GITS_CBASER,     GITS_IIDR,	      GITS_BASER,      GITS_BASER + 8,	GITS_BASER + 16,
    GITS_BASER + 24, GITS_BASER + 32, GITS_BASER + 40, GITS_BASER + 48, GITS_BASER + 56,
    GITS_CREADR,     GITS_CWRITER,    GITS_CTLR,
};

static int failed(struct machine *m, const char *what)
{
	return vmm_fail(VMM_HOST, "%s: %s failed: %s", m->be->name, what, strerror(errno));
}

static int register_failed(struct machine *m, const char *what, uint64_t offset)
{
	return vmm_fail(VMM_HOST, "%s: %s register 0x%llx of the ITS failed: %s", m->be->name, what,
			(unsigned long long)offset, strerror(errno));
}

int state_its_save(struct machine *m, struct state_its *s)
{
	s->nr = 0;
	if (!m->has_its)
		return 0;
	if (vgic_set(m, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES, NULL) < 0)
		return failed(m, "saving the pending LPIs");
	if (vgic_its_set(m, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_ITS_SAVE_TABLES, 0) < 0)
		return failed(m, "saving the ITS's tables");
	for (unsigned i = 0; i < STATE_ITS_REGS; i++) {
		struct state_its_reg *r = &s->reg[i];

		r->offset = order[i];
		if (vgic_its_get(m, KVM_DEV_ARM_VGIC_GRP_ITS_REGS, r->offset, &r->value) < 0)
			return register_failed(m, "reading", r->offset);
	}
	s->nr = STATE_ITS_REGS;
	return 0;
}

int state_its_restore(struct machine *m, const struct state_its *s)
{
	if (!s->nr)
		return 0;
	if (!m->has_its)
		return vmm_fail(VMM_HOST, "a state with an ITS is not one of a machine without");
	for (unsigned i = 0; i < s->nr; i++) {
		const struct state_its_reg *r = &s->reg[i];

		if (r->offset == GITS_CTLR && vgic_its_set(m, KVM_DEV_ARM_VGIC_GRP_CTRL,
							   KVM_DEV_ARM_ITS_RESTORE_TABLES, 0) < 0)
			return failed(m, "restoring the ITS's tables");
		if (vgic_its_set(m, KVM_DEV_ARM_VGIC_GRP_ITS_REGS, r->offset, r->value) < 0)
			return register_failed(m, "writing", r->offset);
	}
	return 0;
}
