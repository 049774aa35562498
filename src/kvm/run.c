/* SPDX-License-Identifier: MIT */
/* KVM_RUN: between struct kvm_run and vm/'s loop. */
#include <armature/kvm.h>
#include <errno.h>
#include <string.h>

#include "base/trace.h"
#include "fw/sdei.h"
#include "kvm/file.h"
#include "vm/vm.h"

/* Of a data abort's syndrome, what user space may rely on without ISV (KVM_EXIT_ARM_NISV). */
#define NISV_ISS_MASK UINT64_C(0x17f) /* CM, WnR, DFSC */

static void report_mmio(struct kvm_run *run, const struct cpu_mmio *m)
{
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = m->ipa;
	run->mmio.len = m->size;
	run->mmio.is_write = m->write;
	memset(run->mmio.data, 0, sizeof(run->mmio.data));
	/* Bytes in memory order: guest and host are little-endian. */
	if (m->write)
		memcpy(run->mmio.data, &m->value, m->size);
}

static void report(struct kvm_run *run, const struct vm_exit *e)
{
	switch (e->kind) {
	case VM_EXIT_MMIO:
		report_mmio(run, &e->mmio);
		break;
	case VM_EXIT_NISV:
		run->exit_reason = KVM_EXIT_ARM_NISV;
		run->arm_nisv.esr_iss = e->mmio.esr & NISV_ISS_MASK;
		run->arm_nisv.fault_ipa = e->mmio.ipa;
		break;
	case VM_EXIT_SYSTEM_EVENT:
		run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
		memset(&run->system_event, 0, sizeof(run->system_event));
		run->system_event.type = e->event;
		run->system_event.ndata = e->has_flags;
		run->system_event.data[0] = e->event_flags;
		break;
	case VM_EXIT_DEBUG:
		run->exit_reason = KVM_EXIT_DEBUG;
		run->flags = KVM_DEBUG_ARCH_HSR_HIGH_VALID;
		run->debug.arch.hsr = (uint32_t)e->debug_esr;
		run->debug.arch.hsr_high = (uint32_t)(e->debug_esr >> 32);
		run->debug.arch.far = e->debug_far;
		break;
	case VM_EXIT_RING_FULL:
		run->exit_reason = KVM_EXIT_DIRTY_RING_FULL;
		break;
	case VM_EXIT_HYPERCALL:
		/* Arguments and results are in the vCPU's registers. */
		run->exit_reason = KVM_EXIT_HYPERCALL;
		memset(&run->hypercall, 0, sizeof(run->hypercall));
		run->hypercall.nr = e->call;
		run->hypercall.flags = e->smc ? KVM_HYPERCALL_EXIT_SMC : 0;
		break;
	}
}

/* The device's answer to the access of the last KVM_EXIT_MMIO, unless user space took it back. */
static void complete_mmio(struct vcpu *v, const struct kvm_run *run)
{
	uint64_t value = 0;

	if (!v->mmio_pending)
		return;
	if (__atomic_load_n(&run->exit_reason, __ATOMIC_RELAXED) != KVM_EXIT_MMIO) {
		v->mmio_pending = false;
		return;
	}
	memcpy(&value, run->mmio.data, v->cpu->mmio.size);
	vcpu_complete_mmio(v, value);
}

long kvm_run(struct vcpu *v, uint64_t arg)
{
	struct kvm_run *run = v->shared;
	struct vm_exit exit;
	sigset_t outside;
	int r;

	if (arg)
		return -EINVAL;
	if (!v->initialized)
		return -ENOEXEC;
	r = vcpu_first_run(v);
	if (!r)
		r = sdei_check(v->vm->sdei);
	if (r)
		return r;
	complete_mmio(v, run);
	vcpu_run_begin(v, &outside);
	if (__atomic_load_n(&run->immediate_exit, __ATOMIC_RELAXED)) {
		/* What the last run left in the page stays. */
		r = -EINTR;
	} else {
		run->exit_reason = KVM_EXIT_UNKNOWN;
		run->flags = 0;
		r = vcpu_run(v, &exit);
		if (!r)
			report(run, &exit);
		else if (r == -EINTR)
			run->exit_reason = KVM_EXIT_INTR;
		AM_TRACE(kvm_exit, v->id, run->exit_reason, r);
	}
	vcpu_run_end(&outside);
	return r;
}
