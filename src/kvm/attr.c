/* SPDX-License-Identifier: MIT */
/*
 * Attributes of a vCPU: which interrupts its timers raise, where its stolen time is told. And of a
 * VM: who answers the guest's calls, and events for the guest.
 */
#include <armature/kvm.h>
#include <armature/sdei.h>
#include <errno.h>

#include "base/bits.h"
#include "kvm/file.h"
#include "vm/vm.h"

/* ---- The timers' interrupts ---- */

static long timer_irq_attr(struct vcpu *v, uint32_t request, const struct kvm_device_attr *a)
{
	/* By the attribute's number. */
	static const unsigned timer[VM_NR_TIMER_PPIS] = {
	    TIMER_VIRTUAL, TIMER_PHYSICAL, VM_TIMER_HYP_VIRTUAL, VM_TIMER_HYP_PHYSICAL};
	struct vm *vm = v->vm;
	int32_t irq;
	long err;

	if (request == KVM_HAS_DEVICE_ATTR)
		return a->attr < VM_NR_TIMER_PPIS ? 0 : -ENXIO;
	if (request == KVM_GET_DEVICE_ATTR) {
		if (a->attr >= VM_NR_TIMER_PPIS)
			return -ENXIO;
		irq = (int32_t)atomic_load(&vm->timer_ppi[timer[a->attr]]);
		return kvm_copy_out(a->addr, &irq, sizeof(irq));
	}
	if (!vm_gic(vm))
		return -EINVAL;
	err = kvm_copy_in(&irq, a->addr, sizeof(irq));
	if (err)
		return err;
	if (irq < 16 || irq > 31)
		return -EINVAL;
	if (atomic_load(&vm->has_run))
		return -EBUSY;
	if (a->attr >= VM_NR_TIMER_PPIS)
		return -ENXIO;
	atomic_store(&vm->timer_ppi[timer[a->attr]], (unsigned)irq);
	return 0;
}

/* ---- Stolen time ---- */

static long steal_attr(struct vcpu *v, uint32_t request, const struct kvm_device_attr *a)
{
	uint64_t ipa;
	long err;

	if (a->attr != KVM_ARM_VCPU_PVTIME_IPA || !vm_steal_supported())
		return -ENXIO;
	if (request == KVM_HAS_DEVICE_ATTR)
		return 0;
	if (request == KVM_GET_DEVICE_ATTR) {
		ipa = v->steal.ipa;
		return kvm_copy_out(a->addr, &ipa, sizeof(ipa));
	}
	err = kvm_copy_in(&ipa, a->addr, sizeof(ipa));
	return err ? err : vcpu_set_steal(v, ipa);
}

/* ---- The filter of calls ---- */

static long add_filter(struct vm *vm, const struct fw_range *r)
{
	long err = -EBUSY;

	pthread_mutex_lock(&vm->lock);
	if (!atomic_load(&vm->has_run))
		err = fw_filter_add(&vm->fw.filter, r);
	pthread_mutex_unlock(&vm->lock);
	return err;
}

static long set_filter(struct vm *vm, uint64_t addr)
{
	struct kvm_smccc_filter f;
	long err = kvm_copy_in(&f, addr, sizeof(f));
	struct fw_range r;

	if (err)
		return err;
	for (unsigned n = 0; n < AM_ARRAY_SIZE(f.pad); n++) {
		if (f.pad[n])
			return -EINVAL;
	}
	r = (struct fw_range){f.base, f.base + f.nr_functions - 1, (enum fw_filter_action)f.action};
	if (!f.nr_functions || r.last < r.first || f.action > KVM_SMCCC_FILTER_FWD_TO_USER)
		return -EINVAL;
	return add_filter(vm, &r);
}

/* ---- KVM_SET_DEVICE_ATTR, KVM_GET_DEVICE_ATTR, KVM_HAS_DEVICE_ATTR ---- */

long kvm_vm_attr(struct vm *vm, uint32_t request, uint64_t arg)
{
	struct kvm_device_attr a;
	long err;

	/* Nothing can be read: KVM does not know the request. */
	if (request == KVM_GET_DEVICE_ATTR)
		return -EINVAL;
	err = kvm_copy_in(&a, arg, sizeof(a));
	if (err)
		return err;
	if (a.group == KVM_ARM_VM_SMCCC_CTRL && a.attr == KVM_ARM_VM_SMCCC_FILTER)
		return request == KVM_HAS_DEVICE_ATTR ? 0 : set_filter(vm, a.addr);
	if (a.group == AM_SDEI_VM_CTRL && a.attr == AM_SDEI_VM_INJECT)
		return request == KVM_HAS_DEVICE_ATTR ? 0 : kvm_inject_event(vm, a.addr);
	return -ENXIO;
}

long kvm_vcpu_attr(struct vcpu *v, uint32_t request, uint64_t arg)
{
	struct kvm_device_attr a;
	long err = kvm_copy_in(&a, arg, sizeof(a));

	if (err)
		return err;
	switch (a.group) {
	case KVM_ARM_VCPU_PMU_V3_CTRL:
		/* no PMU */
		return request == KVM_SET_DEVICE_ATTR ? -ENODEV : -ENXIO;
	case KVM_ARM_VCPU_TIMER_CTRL:
		return timer_irq_attr(v, request, &a);
	case KVM_ARM_VCPU_PVTIME_CTRL:
		return steal_attr(v, request, &a);
	default:
		return -ENXIO;
	}
}
