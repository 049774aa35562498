/* SPDX-License-Identifier: MIT */
/* Attributes of a vCPU: which interrupts its timers raise, where its stolen time is told. */
#include <armature/kvm.h>
#include <errno.h>

#include "kvm/file.h"
#include "vm/vm.h"

/* ---- The timers' interrupts ---- */

static long timer_irq_attr(struct vcpu *v, uint32_t request, const struct kvm_device_attr *a)
{
	struct vm *vm = v->vm;
	unsigned which = a->attr == KVM_ARM_VCPU_TIMER_IRQ_VTIMER ? TIMER_VIRTUAL : TIMER_PHYSICAL;
	int32_t irq;
	long err;

	if (a->attr != KVM_ARM_VCPU_TIMER_IRQ_VTIMER && a->attr != KVM_ARM_VCPU_TIMER_IRQ_PTIMER)
		return -ENXIO;
	if (request == KVM_HAS_DEVICE_ATTR)
		return 0;
	if (request == KVM_GET_DEVICE_ATTR) {
		irq = (int32_t)atomic_load(&vm->timer_ppi[which]);
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
	atomic_store(&vm->timer_ppi[which], (unsigned)irq);
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

/* ---- KVM_SET_DEVICE_ATTR, KVM_GET_DEVICE_ATTR, KVM_HAS_DEVICE_ATTR ---- */

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
