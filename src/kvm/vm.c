/* SPDX-License-Identifier: MIT */
/* Ioctls of a VM's descriptor. */
#include "vm/vm.h"

#include <armature/gic.h>
#include <armature/kvm.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "kvm/file.h"

/*
 * Both forms begin with the same fields; what the second one adds counts only with a flag that
 * arm64 does not have.
 */
static long set_memory_region(struct vm *vm, uint64_t arg, size_t len)
{
	struct kvm_userspace_memory_region2 r;
	long err = kvm_copy_in(&r, arg, len);

	if (err)
		return err;
	struct mem_slot slot = {.id = r.slot,
				.flags = r.flags,
				.gpa = r.guest_phys_addr,
				.size = r.memory_size,
				.hva = r.userspace_addr};

	pthread_mutex_lock(&vm->slots_lock);
	err = mem_set_slot(vm->mem, &slot);
	pthread_mutex_unlock(&vm->slots_lock);
	return err;
}

/*
 * KVM_IRQ_LINE: vCPU number and interrupt in one word. PPIs that the timers drive are theirs:
 * user space's word is ignored there.
 */
static long irq_line(struct vm *vm, uint64_t arg)
{
	struct kvm_irq_level l;
	struct am_gic *gic = vm_gic(vm);
	long err = kvm_copy_in(&l, arg, sizeof(l));

	if (err)
		return err;
	unsigned type = l.irq >> KVM_ARM_IRQ_TYPE_SHIFT & KVM_ARM_IRQ_TYPE_MASK;
	unsigned id = (l.irq >> KVM_ARM_IRQ_VCPU_SHIFT & KVM_ARM_IRQ_VCPU_MASK) +
		      (l.irq >> KVM_ARM_IRQ_VCPU2_SHIFT & KVM_ARM_IRQ_VCPU2_MASK) *
			  (KVM_ARM_IRQ_VCPU_MASK + 1);
	unsigned num = l.irq >> KVM_ARM_IRQ_NUM_SHIFT & KVM_ARM_IRQ_NUM_MASK;
	struct vcpu *v = vm_vcpu_by_id(vm, id);

	switch (type) {
	case KVM_ARM_IRQ_TYPE_CPU:
		if (gic)
			return -ENXIO;
		if (!v || num > KVM_ARM_IRQ_CPU_FIQ)
			return -EINVAL;
		vcpu_set_user_irq(v, num == KVM_ARM_IRQ_CPU_FIQ, l.level);
		return 0;
	case KVM_ARM_IRQ_TYPE_PPI:
		if (!gic)
			return -ENXIO;
		if (!v || num < 16 || num >= 32)
			return -EINVAL;
		err = vm_gic_ready(vm);
		if (err)
			return err;
		if (am_gic_ppi_is_owned(gic, id, num))
			return 0;
		return am_gic_set_ppi(gic, id, num, l.level);
	case KVM_ARM_IRQ_TYPE_SPI:
		if (!gic)
			return -ENXIO;
		if (num < 32)
			return -EINVAL;
		err = vm_gic_ready(vm);
		return err ? err : am_gic_set_spi(gic, num, l.level);
	default:
		return -EINVAL;
	}
}

static long irq_line_status(struct vm *vm, uint64_t arg)
{
	struct kvm_irq_level l = {.status = 0};
	long err = irq_line(vm, arg);

	if (err < 0)
		return err;
	l.status = 1; /* delivered */
	return kvm_copy_out(arg, &l.status, sizeof(l.status));
}

static long preferred_target(uint64_t arg)
{
	struct kvm_vcpu_init init = {.target = KVM_ARM_TARGET_GENERIC_V8};

	return kvm_copy_out(arg, &init, sizeof(init));
}

static long enable_cap(struct vm *vm, uint64_t arg)
{
	struct kvm_enable_cap cap;
	long err = kvm_copy_in(&cap, arg, sizeof(cap));

	if (err)
		return err;
	if (cap.flags)
		return -EINVAL;
	switch (cap.cap) {
	case KVM_CAP_ARM_NISV_TO_USER:
		atomic_store(&vm->nisv_to_user, true);
		return 0;
	case KVM_CAP_ARM_SYSTEM_SUSPEND:
		atomic_store(&vm->fw.system_suspend, true);
		return 0;
	case KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2:
		return kvm_set_manual_log(vm, cap.args[0]);
	case KVM_CAP_DIRTY_LOG_RING_ACQ_REL:
		return kvm_set_ring_size(vm, cap.args[0]);
	case KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP:
		return kvm_set_ring_bitmap(vm);
	case KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE:
		return kvm_set_split_chunk(vm, cap.args[0]);
	case KVM_CAP_HALT_POLL:
		/* A limit on polling before a vCPU sleeps; ours sleep at once. */
		return cap.args[0] > UINT32_MAX ? -EINVAL : 0;
	default:
		return -EINVAL;
	}
}

/* The only device that is told its addresses this way is a GICv2. */
static long set_device_addr(struct vm *vm, uint64_t arg)
{
	struct kvm_arm_device_addr a;
	long err = kvm_copy_in(&a, arg, sizeof(a));
	unsigned device, type;

	if (err)
		return err;
	device =
	    a.id >> KVM_ARM_DEVICE_ID_SHIFT & (KVM_ARM_DEVICE_ID_MASK >> KVM_ARM_DEVICE_ID_SHIFT);
	type = a.id & KVM_ARM_DEVICE_TYPE_MASK;
	if (device != KVM_ARM_DEVICE_VGIC_V2 || !vm_gic(vm) || am_gic_version(vm_gic(vm)) != 2 ||
	    type > KVM_VGIC_V2_ADDR_TYPE_CPU)
		return -ENODEV;
	pthread_mutex_lock(&vm->lock);
	err = am_gic_set_attr(vm_gic(vm), KVM_DEV_ARM_VGIC_GRP_ADDR, type, a.addr);
	pthread_mutex_unlock(&vm->lock);
	return err;
}

/* Both counters run @counter_offset behind the host's from now on. */
static long set_counter_offset(struct vm *vm, uint64_t arg)
{
	struct kvm_arm_counter_offset o;
	long err = kvm_copy_in(&o, arg, sizeof(o));

	if (err)
		return err;
	if (o.reserved)
		return -EINVAL;
	pthread_mutex_lock(&vm->lock);
	err = vm_lock_vcpus(vm);
	if (!err) {
		atomic_store(&vm->offsets_fixed, true);
		for (unsigned w = 0; w < TIMER_COUNT; w++)
			timer_set_count(&vm->timers, w, 0, o.counter_offset);
		vm_unlock_vcpus(vm);
	}
	pthread_mutex_unlock(&vm->lock);
	return err;
}

static long vm_ioctl(struct kvm_file *f, uint32_t request, uint64_t arg)
{
	struct vm *vm = f->vm;

	switch (request) {
	case KVM_CHECK_EXTENSION:
		return kvm_check_extension(vm, arg);
	case KVM_ARM_GET_REG_WRITABLE_MASKS:
		return kvm_get_writable_masks(arg);
	case KVM_GET_STATS_FD:
		return kvm_vm_stats_fd(vm);
	case KVM_SET_USER_MEMORY_REGION:
		return set_memory_region(vm, arg, sizeof(struct kvm_userspace_memory_region));
	case KVM_SET_USER_MEMORY_REGION2:
		return set_memory_region(vm, arg, sizeof(struct kvm_userspace_memory_region2));
	case KVM_CREATE_VCPU:
		return kvm_create_vcpu(vm, arg);
	case KVM_CREATE_DEVICE:
		return kvm_create_device(vm, arg);
	case KVM_CREATE_IRQCHIP:
		return kvm_create_vgic(vm, 2);
	case KVM_IRQ_LINE:
		return irq_line(vm, arg);
	case KVM_IRQ_LINE_STATUS:
		return irq_line_status(vm, arg);
	case KVM_ARM_PREFERRED_TARGET:
		return preferred_target(arg);
	case KVM_ENABLE_CAP:
		return enable_cap(vm, arg);
	case KVM_ARM_SET_DEVICE_ADDR:
		return set_device_addr(vm, arg);
	case KVM_ARM_SET_COUNTER_OFFSET:
		return set_counter_offset(vm, arg);
	case KVM_IRQFD:
		return kvm_irqfd(vm, arg);
	case KVM_IOEVENTFD:
		return kvm_ioeventfd(vm, arg);
	case KVM_SET_GSI_ROUTING:
		return kvm_set_gsi_routing(vm, arg);
	case KVM_SIGNAL_MSI:
		return kvm_signal_msi(vm, arg);
	case KVM_REGISTER_COALESCED_MMIO:
		return kvm_coalesced_mmio(vm, arg, true);
	case KVM_UNREGISTER_COALESCED_MMIO:
		return kvm_coalesced_mmio(vm, arg, false);
	case KVM_GET_DIRTY_LOG:
		return kvm_get_dirty_log(vm, arg);
	case KVM_CLEAR_DIRTY_LOG:
		return kvm_clear_dirty_log(vm, arg);
	case KVM_RESET_DIRTY_RINGS:
		return kvm_reset_dirty_rings(vm);
	case KVM_SET_DEVICE_ATTR:
	case KVM_GET_DEVICE_ATTR:
	case KVM_HAS_DEVICE_ATTR:
		return kvm_vm_attr(vm, request, arg);
	default:
		return -EINVAL;
	}
}

const struct kvm_file_ops kvm_vm_ops = {.ioctl = vm_ioctl};
