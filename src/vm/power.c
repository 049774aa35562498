/* SPDX-License-Identifier: MIT */
/* The firmware's hands: hypercalls in, power states and events out (fw/fw.h). */
#include <armature/kvm.h>
#include <string.h>
#include <time.h>

#include "fw/sdei.h"
#include "vm/vm.h"

static void *find(void *opaque, uint64_t affinity)
{
	return vm_vcpu_by_affinity(opaque, affinity);
}

static void *nth(void *opaque, unsigned n, uint64_t *affinity)
{
	struct vcpu *v = vm_vcpu_nth(opaque, n);

	if (v)
		*affinity = atomic_load_explicit(&v->affinity, memory_order_relaxed);
	return v;
}

static bool is_off(void *vcpu)
{
	struct vcpu *v = vcpu;

	return atomic_load(&v->power) == VCPU_STOPPED;
}

static bool power_on(void *vcpu, uint64_t pc, uint64_t context)
{
	return vcpu_power_on(vcpu, pc, context);
}

static void clocks(void *vcpu, unsigned counter, uint64_t *count, uint64_t *real_ns)
{
	struct vcpu *v = vcpu;
	struct timespec real;
	uint64_t before = timer_now();

	clock_gettime(CLOCK_REALTIME, &real);
	*real_ns = (uint64_t)real.tv_sec * UINT64_C(1000000000) + (uint64_t)real.tv_nsec;
	/* The middle of the two: the counter at the moment when the real time was read. */
	uint64_t now = before + (timer_now() - before) / 2;

	*count = timer_read(&v->timer, counter ? TIMER_PHYSICAL : TIMER_VIRTUAL, TIMER_CNT, now);
}

const struct fw_ops vm_fw_ops = {
    .find = find,
    .nth = nth,
    .is_off = is_off,
    .power_on = power_on,
    .stolen_time = vm_steal_address,
    .stolen_time_begin = vm_steal_begin,
    .clocks = clocks,
};

static bool leave_with(struct vm_exit *exit, enum vm_event event, bool has_flags, uint64_t flags)
{
	*exit = (struct vm_exit){.kind = VM_EXIT_SYSTEM_EVENT,
				 .event = event,
				 .has_flags = has_flags,
				 .event_flags = flags};
	return true;
}

bool vm_hypercall(struct vcpu *v, bool smc, struct vm_exit *exit, bool *wait)
{
	uint64_t *r = v->cpu->r;
	uint64_t x[4] = {r[0], r[1], r[2], r[3]};
	uint64_t flags = 0;
	struct fw_caller caller = {.fw = &v->vm->fw,
				   .vcpu = v,
				   .id = v->id,
				   .has_0_2 = v->features & AM_BIT(KVM_ARM_VCPU_PSCI_0_2),
				   .smc = smc};
	enum fw_action action = fw_call(&caller, x, &flags);

	*wait = action == FW_WAIT;
	if (action == FW_SDEI) {
		vcpu_sdei_call(v);
		return false;
	}
	memcpy(r, x, sizeof(x));
	switch (action) {
	case FW_FORWARD:
		*exit =
		    (struct vm_exit){.kind = VM_EXIT_HYPERCALL, .call = (uint32_t)x[0], .smc = smc};
		return true;
	case FW_SYSTEM_SUSPEND:
		return leave_with(exit, VM_EVENT_SUSPEND, false, 0);
	case FW_CPU_OFF:
		/* Here, so that no shared event waits for a CPU that is off. */
		sdei_pe_reset(v->sdei);
		vcpu_set_power(v, VCPU_STOPPED);
		return false;
	case FW_SYSTEM_OFF:
		vm_stop_all(v->vm);
		return leave_with(exit, VM_EVENT_SHUTDOWN, true, flags);
	case FW_SYSTEM_RESET:
		vm_stop_all(v->vm);
		return leave_with(exit, VM_EVENT_RESET, true, flags);
	default:
		return false;
	}
}
