/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's state: every register that KVM lists, its power state, and exceptions that wait to be
 * taken. Nothing here knows what a register is for, but for the two that are the VM's clocks.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <armature/kvm.h>

#include "vmm/machine.h"
#include "vmm/report.h"
#include "vmm/state.h"

/* The longest register there is (SVE's Z registers). */
#define REG_SIZE_MAX 256

static int failed(const struct vcpu *v, const char *what)
{
	return vmm_fail(VMM_HOST, "%s: CPU %u: %s failed: %s", v->m->be->name, v->id, what,
			strerror(errno));
}

static int reg_failed(const struct vcpu *v, const char *what, uint64_t id)
{
	return vmm_fail(VMM_HOST, "%s: CPU %u: %s register 0x%llx failed: %s", v->m->be->name,
			v->id, what, (unsigned long long)id, strerror(errno));
}

static int vcpu_ioctl(struct vcpu *v, unsigned long request, void *arg)
{
	return v->m->be->ioctl(v->fd, request, (unsigned long)arg);
}

static bool is_counter(uint64_t id)
{
	return id == KVM_REG_ARM_TIMER_CNT || id == KVM_REG_ARM_PTIMER_CNT;
}

/* ---- Saving ---- */

static int get_list(struct vcpu *v, struct state_vcpu *s)
{
	struct kvm_reg_list probe = {.n = 0}, *list;
	size_t size;

	/* The first call only says how many there are. */
	if (vcpu_ioctl(v, KVM_GET_REG_LIST, &probe) == 0 || errno != E2BIG || probe.n > 100000)
		return failed(v, "counting the registers");
	size = sizeof(*list) + probe.n * sizeof(uint64_t);
	list = malloc(size);
	s->ids = malloc(probe.n * sizeof(uint64_t));
	if (!list || !s->ids) {
		free(list);
		return vmm_fail(VMM_HOST, "not enough memory to save CPU %u", v->id);
	}
	list->n = probe.n;
	if (vcpu_ioctl(v, KVM_GET_REG_LIST, list) < 0) {
		int status = failed(v, "listing the registers");

		free(list);
		return status;
	}
	s->nr_regs = list->n < probe.n ? list->n : probe.n;
	memcpy(s->ids, list->reg, s->nr_regs * sizeof(uint64_t));
	free(list);
	return 0;
}

static int get_registers(struct vcpu *v, struct state_vcpu *s)
{
	uint8_t *p;

	for (size_t i = 0; i < s->nr_regs; i++) {
		if (KVM_REG_SIZE(s->ids[i]) > REG_SIZE_MAX)
			return vmm_fail(VMM_HOST, "CPU %u: register 0x%llx is of no known size",
					v->id, (unsigned long long)s->ids[i]);
		s->values_size += KVM_REG_SIZE(s->ids[i]);
	}
	s->values = p = calloc(1, s->values_size + 1);
	if (!p)
		return vmm_fail(VMM_HOST, "not enough memory to save CPU %u", v->id);
	for (size_t i = 0; i < s->nr_regs; i++) {
		struct kvm_one_reg r = {.id = s->ids[i], .addr = (uintptr_t)p};

		if (vcpu_ioctl(v, KVM_GET_ONE_REG, &r) < 0)
			return reg_failed(v, "reading", r.id);
		p += KVM_REG_SIZE(r.id);
	}
	return 0;
}

int state_vcpu_save(struct vcpu *v, struct state_vcpu *s)
{
	int status = get_list(v, s);

	if (!status)
		status = get_registers(v, s);
	if (status)
		return status;
	if (vcpu_ioctl(v, KVM_GET_MP_STATE, &s->power) < 0)
		return failed(v, "reading the power state");
	if (vcpu_ioctl(v, KVM_GET_VCPU_EVENTS, &s->events) < 0)
		return failed(v, "reading the pending exceptions");
	return 0;
}

void state_vcpu_finish(struct state_vcpu *s)
{
	free(s->ids);
	free(s->values);
	memset(s, 0, sizeof(*s));
}

/* ---- Restoring ---- */

/*
 * ID_AA64PFR0_EL1.GIC says whether there is a GICv3. KVM clears it when a VM without one runs for
 * the first time, and takes no other value from us before.
 */
static bool set_but_gic(struct vcpu *v, struct kvm_one_reg *r, const uint8_t *value,
			const uint8_t *now)
{
	const uint64_t field = UINT64_C(0xf) << 24;
	uint64_t wanted, present;

	if (r->id != ARM64_SYS_REG(3, 0, 0, 4, 0))
		return false;
	memcpy(&wanted, value, 8);
	memcpy(&present, now, 8);
	if (wanted & field)
		return false;
	wanted |= present & field;
	r->addr = (uintptr_t)&wanted;
	return vcpu_ioctl(v, KVM_SET_ONE_REG, r) == 0;
}

static int set_register(struct vcpu *v, uint64_t id, const uint8_t *value)
{
	struct kvm_one_reg r = {.id = id, .addr = (uintptr_t)value};
	uint8_t now[REG_SIZE_MAX];
	int error;

	if (vcpu_ioctl(v, KVM_SET_ONE_REG, &r) == 0)
		return 0;
	/* Some cannot be written with anything, and have that value already. */
	error = errno;
	r.addr = (uintptr_t)now;
	if (vcpu_ioctl(v, KVM_GET_ONE_REG, &r) == 0 &&
	    (memcmp(now, value, KVM_REG_SIZE(id)) == 0 || set_but_gic(v, &r, value, now)))
		return 0;
	errno = error;
	return reg_failed(v, "writing", id);
}

/* All registers of one kind. */
static int set_registers(struct vcpu *v, const struct state_vcpu *s, bool counters)
{
	const uint8_t *p = s->values;
	int status = 0;

	for (size_t i = 0; i < s->nr_regs && !status; i++) {
		if (is_counter(s->ids[i]) == counters)
			status = set_register(v, s->ids[i], p);
		p += KVM_REG_SIZE(s->ids[i]);
	}
	return status;
}

int state_vcpu_restore(struct vcpu *v, const struct state_vcpu *s)
{
	struct kvm_mp_state power = s->power;
	struct kvm_vcpu_events events = s->events;
	int status = set_registers(v, s, false);

	if (status)
		return status;
	if (vcpu_ioctl(v, KVM_SET_VCPU_EVENTS, &events) < 0)
		return failed(v, "writing the pending exceptions");
	if (vcpu_ioctl(v, KVM_SET_MP_STATE, &power) < 0)
		return failed(v, "writing the power state");
	return 0;
}

int state_counters_restore(struct vcpu *v, const struct state_vcpu *s)
{
	return set_registers(v, s, true);
}
