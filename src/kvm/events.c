/* SPDX-License-Identifier: MIT */
/* A VM's ioctls about eventfds, interrupt numbers, messages and coalesced MMIO. */
#include <armature/kvm.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "kvm/file.h"
#include "vm/vm.h"

long kvm_irqfd(struct vm *vm, uint64_t arg)
{
	struct kvm_irqfd args;
	long err = kvm_copy_in(&args, arg, sizeof(args));

	return err ? err : vm_irqfd(vm, &args);
}

long kvm_ioeventfd(struct vm *vm, uint64_t arg)
{
	struct kvm_ioeventfd args;
	long err = kvm_copy_in(&args, arg, sizeof(args));

	return err ? err : vm_ioeventfd(&vm->io, &args);
}

long kvm_set_gsi_routing(struct vm *vm, uint64_t arg)
{
	struct kvm_irq_routing_entry *e = NULL;
	struct kvm_irq_routing r;
	long err = kvm_copy_in(&r, arg, sizeof(r));

	if (err)
		return err;
	if (r.nr > VM_MAX_GSIS || r.flags)
		return -EINVAL;
	if (r.nr) {
		e = calloc(r.nr, sizeof(*e));
		if (!e)
			return -ENOMEM;
		err = kvm_copy_in(e, arg + offsetof(struct kvm_irq_routing, entries),
				  r.nr * sizeof(*e));
	}
	if (!err)
		err = vm_set_routes(vm, e, r.nr);
	free(e);
	return err;
}

long kvm_signal_msi(struct vm *vm, uint64_t arg)
{
	struct kvm_msi msi;
	long err = kvm_copy_in(&msi, arg, sizeof(msi));
	struct vm_msi m;

	if (err)
		return err;
	if (!vm_gic(vm) || (msi.flags & ~KVM_MSI_VALID_DEVID))
		return -EINVAL;
	m = (struct vm_msi){.address = msi.address_lo | (uint64_t)msi.address_hi << 32,
			    .data = msi.data,
			    .devid = msi.devid,
			    .has_devid = msi.flags & KVM_MSI_VALID_DEVID};
	return vm_send_msi(vm, &m);
}

long kvm_coalesced_mmio(struct vm *vm, uint64_t arg, bool add)
{
	struct kvm_coalesced_mmio_zone zone;
	long err = kvm_copy_in(&zone, arg, sizeof(zone));

	if (err)
		return err;
	return add ? vm_coalesce(&vm->io, &zone) : vm_uncoalesce(&vm->io, &zone);
}
