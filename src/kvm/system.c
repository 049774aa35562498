/* SPDX-License-Identifier: MIT */
/* /dev/kvm: what there is, and making VMs. */
#include <armature/armature.h>
#include <armature/its.h>
#include <armature/kvm.h>
#include <errno.h>
#include <unistd.h>

#include "base/bits.h"
#include "cpu/debug.h"
#include "kvm/file.h"
#include "vm/vm.h"

/* Capabilities that are simply there. What is not listed answers 0: it does not work. */
static const uint16_t present[] = {
    KVM_CAP_IRQCHIP,
    KVM_CAP_USER_MEMORY,
    KVM_CAP_MP_STATE,
    KVM_CAP_COALESCED_MMIO, /* and where its ring is */
    KVM_CAP_SYNC_MMU,
    KVM_CAP_SET_GUEST_DEBUG,
    KVM_CAP_VCPU_EVENTS,
    KVM_CAP_ARM_INJECT_SERROR_ESR,
    KVM_CAP_ARM_INJECT_EXT_DABT,
    KVM_CAP_PTP_KVM,
    KVM_CAP_BINARY_STATS_FD,
    KVM_CAP_DESTROY_MEMORY_REGION_WORKS,
    KVM_CAP_JOIN_MEMORY_REGIONS_WORKS,
    KVM_CAP_INTERNAL_ERROR_DATA,
    KVM_CAP_IRQFD,
    KVM_CAP_IRQFD_RESAMPLE,
    KVM_CAP_IOEVENTFD,
    KVM_CAP_IOEVENTFD_ANY_LENGTH,
    KVM_CAP_COALESCED_PIO,
    KVM_CAP_HALT_POLL,
    KVM_CAP_ONE_REG,
    KVM_CAP_READONLY_MEM,
    KVM_CAP_SIGNAL_MSI,
    KVM_CAP_ARM_SET_DEVICE_ADDR,
    KVM_CAP_ARM_PSCI,
    KVM_CAP_DEVICE_CTRL,
    KVM_CAP_ENABLE_CAP_VM,
    KVM_CAP_ARM_PSCI_0_2,
    KVM_CAP_CHECK_EXTENSION_VM,
    KVM_CAP_VCPU_ATTRIBUTES,
    KVM_CAP_IMMEDIATE_EXIT,
    KVM_CAP_ARM_USER_IRQ,
    KVM_CAP_ARM_IRQ_LINE_LAYOUT_2,
    KVM_CAP_ARM_NISV_TO_USER,
    KVM_CAP_SYSTEM_EVENT_DATA,
    KVM_CAP_ARM_SYSTEM_SUSPEND,
    KVM_CAP_COUNTER_OFFSET,
    KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES, /* a mask: the one range */
    KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP,
    KVM_CAP_USER_MEMORY2,
};

static long nr_cpus(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > (long)VM_MAX_VCPUS ? (long)VM_MAX_VCPUS : n;
}

static atomic_uint ipa_limit = VM_IPA_BITS_LIMIT;
static atomic_bool keep_failed_vms;

void am_kvm_keep_failed_vms(bool keep)
{
	atomic_store(&keep_failed_vms, keep);
}

int am_kvm_set_ipa_limit(unsigned bits)
{
	if (bits < VM_IPA_BITS_MIN || bits > VM_IPA_BITS_LIMIT)
		return -EINVAL;
	atomic_store(&ipa_limit, bits);
	return 0;
}

long kvm_check_extension(struct vm *vm, uint64_t cap)
{
	switch (cap) {
	case KVM_CAP_NR_VCPUS:
		return nr_cpus();
	case KVM_CAP_NR_MEMSLOTS:
		return MEM_MAX_SLOTS;
	case KVM_CAP_IRQ_ROUTING:
		return VM_MAX_GSIS;
	case KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2:
		return KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET;
	case KVM_CAP_MAX_VCPUS:
	case KVM_CAP_MAX_VCPU_ID:
		return vm ? atomic_load(&vm->max_vcpus) : VM_MAX_VCPUS;
	case KVM_CAP_ARM_VM_IPA_SIZE:
		return atomic_load(&ipa_limit);
	case KVM_CAP_DIRTY_LOG_RING_ACQ_REL:
		return KVM_MAX_RING_ENTRIES * sizeof(struct kvm_dirty_gfn);
	case KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE:
		return vm ? (long)mem_split_chunk(vm->mem) : 0;
	case KVM_CAP_ARM_SUPPORTED_BLOCK_SIZES:
		return (long)mem_block_sizes();
	case KVM_CAP_SET_GUEST_DEBUG2:
		return KVM_GUESTDBG_MASK;
	case KVM_CAP_GUEST_DEBUG_HW_BPS:
		return CPU_BREAKPOINTS;
	case KVM_CAP_GUEST_DEBUG_HW_WPS:
		return CPU_WATCHPOINTS;
	case KVM_CAP_STEAL_TIME:
		return vm_steal_supported();
	case KVM_CAP_MSI_DEVID:
		if (!vm)
			return -EINVAL;
		return vm_has_its(vm);
	}
	for (unsigned n = 0; n < AM_ARRAY_SIZE(present); n++) {
		if (present[n] == cap)
			return 1;
	}
	return 0;
}

long kvm_create_vm(uint64_t type)
{
	unsigned bits = KVM_VM_TYPE_ARM_IPA_SIZE(type), limit = atomic_load(&ipa_limit);
	struct vm *vm;
	int fd, err;
	long r;

	if (type & ~(uint64_t)KVM_VM_TYPE_ARM_IPA_SIZE_MASK)
		return -EINVAL;
	if (!bits)
		bits = VM_IPA_BITS_USUAL;
	if (bits < VM_IPA_BITS_MIN || bits > limit)
		return -EINVAL;
	fd = kvm_fd_create("kvm-vm", 0);
	if (fd < 0)
		return fd;
	err = vm_create(bits, limit, &vm);
	if (err) {
		kvm_fd_discard(fd);
		return err;
	}
	vm->keep_failed = atomic_load(&keep_failed_vms);
	r = kvm_fd_publish(fd, &kvm_vm_ops, vm);
	vm_put(vm); /* the file has it now */
	return r;
}

static long system_ioctl(struct kvm_file *f, uint32_t request, uint64_t arg)
{
	switch (request) {
	case KVM_GET_API_VERSION:
		return arg ? -EINVAL : KVM_API_VERSION;
	case KVM_CREATE_VM:
		return kvm_create_vm(arg);
	case KVM_CHECK_EXTENSION:
		return kvm_check_extension(NULL, arg);
	case KVM_GET_VCPU_MMAP_SIZE:
		return arg ? -EINVAL : KVM_VCPU_MMAP_PAGES * sysconf(_SC_PAGESIZE);
	default:
		return -EINVAL;
	}
}

const struct kvm_file_ops kvm_system_ops = {.ioctl = system_ioctl};
