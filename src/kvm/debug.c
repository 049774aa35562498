/* SPDX-License-Identifier: MIT */
/*
 * User space's hand in the guest's exceptions: debug events that come to it instead of the guest
 * (KVM_SET_GUEST_DEBUG), and exceptions that it injects (KVM_SET_VCPU_EVENTS).
 */
#include <armature/kvm.h>
#include <errno.h>
#include <string.h>

#include "kvm/file.h"
#include "vm/vm.h"

/* ---- KVM_SET_GUEST_DEBUG ---- */

long kvm_set_guest_debug(struct vcpu *v, uint64_t arg)
{
	struct kvm_guest_debug d;
	struct cpu_host_debug host = {0};
	long err = kvm_copy_in(&d, arg, sizeof(d));

	if (err)
		return err;
	if (d.control & ~(uint32_t)KVM_GUESTDBG_MASK)
		return -EINVAL;
	host.enabled = d.control & KVM_GUESTDBG_ENABLE;
	host.step = d.control & KVM_GUESTDBG_SINGLESTEP;
	host.hw = d.control & KVM_GUESTDBG_USE_HW;
	if (host.enabled && host.hw) {
		memcpy(host.bcr, d.arch.dbg_bcr, sizeof(host.bcr));
		memcpy(host.bvr, d.arch.dbg_bvr, sizeof(host.bvr));
		memcpy(host.wcr, d.arch.dbg_wcr, sizeof(host.wcr));
		memcpy(host.wvr, d.arch.dbg_wvr, sizeof(host.wvr));
	}
	cpu_set_host_debug(v->cpu, &host);
	return 0;
}

/* ---- KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS ---- */

/* ISS of an SError: the rest is IMPLEMENTATION DEFINED (DDI 0487 D17.2.37). */
#define SERROR_IDS (1u << 24)

long kvm_get_vcpu_events(struct vcpu *v, uint64_t arg)
{
	struct kvm_vcpu_events e = {0};

	e.exception.serror_pending = atomic_load(&v->cpu->serror_pending);
	e.exception.serror_has_esr = 1; /* the CPU has FEAT_RAS */
	if (e.exception.serror_pending)
		e.exception.serror_esr = atomic_load(&v->cpu->serror_iss);
	return kvm_copy_out(arg, &e, sizeof(e));
}

long kvm_set_vcpu_events(struct vcpu *v, uint64_t arg)
{
	struct kvm_vcpu_events e;
	long err = kvm_copy_in(&e, arg, sizeof(e));

	if (err)
		return err;
	for (unsigned n = 0; n < sizeof(e.exception.pad); n++) {
		if (e.exception.pad[n])
			return -EINVAL;
	}
	for (unsigned n = 0; n < sizeof(e.reserved) / sizeof(e.reserved[0]); n++) {
		if (e.reserved[n])
			return -EINVAL;
	}
	if (e.exception.serror_pending) {
		if (!e.exception.serror_has_esr)
			e.exception.serror_esr = SERROR_IDS;
		else if (e.exception.serror_esr & ~UINT64_C(0x1ffffff))
			return -EINVAL;
		cpu_inject_serror(v->cpu, (uint32_t)e.exception.serror_esr);
	}
	if (e.exception.ext_dabt_pending)
		vcpu_abort_access(v);
	return 0;
}
