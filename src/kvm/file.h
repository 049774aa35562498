/* SPDX-License-Identifier: MIT */
/*
 * Descriptors and what is behind them. A descriptor is a real one of the process (a memfd), so it
 * can be polled and passed around like KVM's; a table maps its number to a struct kvm_file. As
 * with the kernel's files an ioctl under way keeps the file, and the file keeps its VM.
 */
#ifndef AM_KVM_FILE_H
#define AM_KVM_FILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct vm;
struct vcpu;
struct kvm_file;

struct kvm_file_ops {
	/* >= 0, or -errno */
	long (*ioctl)(struct kvm_file *f, uint32_t request, uint64_t arg);
	void (*release)(struct kvm_file *f);
	bool can_map;  /* mmap() of the descriptor is allowed */
	bool can_read; /* read() is */
};

struct kvm_file {
	atomic_uint refs;
	struct kvm_file *next; /* of those not in use */
	const struct kvm_file_ops *ops;
	struct vm *vm; /* with a reference of the file's; NULL for /dev/kvm */
	struct vcpu *vcpu;
	struct am_its *its; /* the VM's */
};

/* ---- fds.c ---- */

/* A new descriptor of a file of @size bytes, not in the table yet; or -errno. */
int kvm_fd_create(const char *name, size_t size);
/* From now on @fd is @f, whose one reference goes to the table. */
int kvm_fd_install(int fd, struct kvm_file *f);
/* Drop a descriptor that was never installed. */
void kvm_fd_discard(int fd);
struct kvm_file *kvm_file_create(const struct kvm_file_ops *ops, struct vm *vm);
/* The file of a descriptor, with a reference; NULL: not one of ours. kvm_file_put(NULL) is fine. */
struct kvm_file *kvm_file_get(int fd);
void kvm_file_put(struct kvm_file *f);
/* As in KVM: a VM belongs to one process, and does nothing more once set-up failed. */
bool kvm_file_usable(const struct kvm_file *f);
/* For a file that was never installed: without release. */
void kvm_file_discard(struct kvm_file *f);
/* Create a file and install it as @fd: returns @fd, or -errno, and then @fd is closed. */
long kvm_fd_publish(int fd, const struct kvm_file_ops *ops, struct vm *vm);

/* ---- User memory (user.c): 0 or -EFAULT ---- */

int kvm_copy_in(void *to, uint64_t from, size_t len);
int kvm_copy_out(uint64_t to, const void *from, size_t len);

/* ---- The objects' ioctls ---- */

extern const struct kvm_file_ops kvm_system_ops; /* system.c */
extern const struct kvm_file_ops kvm_vm_ops;	 /* vm.c */
extern const struct kvm_file_ops kvm_vcpu_ops;	 /* vcpu.c */
extern const struct kvm_file_ops kvm_vgic_ops;	 /* device.c */
extern const struct kvm_file_ops kvm_its_ops;	 /* its.c */

#define KVM_VCPU_MMAP_PAGES 2

/* What KVM_SET_GUEST_DEBUG accepts. */
#define KVM_GUESTDBG_MASK                                                         \
	(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_SW_BP | \
	 KVM_GUESTDBG_USE_HW)

/* KVM_ARM_GET_REG_WRITABLE_MASKS */
long kvm_get_writable_masks(uint64_t arg);
/* KVM_GET_STATS_FD of a VM */
long kvm_vm_stats_fd(struct vm *vm);
long kvm_create_vm(uint64_t type);
long kvm_check_extension(struct vm *vm, uint64_t cap);
long kvm_create_vcpu(struct vm *vm, uint64_t id);
long kvm_create_device(struct vm *vm, uint64_t arg);
long kvm_create_vgic(struct vm *vm, unsigned version);
/* Its descriptor, or -errno. */
long kvm_create_its(struct vm *vm);
/* events.c */
long kvm_irqfd(struct vm *vm, uint64_t arg);
long kvm_ioeventfd(struct vm *vm, uint64_t arg);
long kvm_set_gsi_routing(struct vm *vm, uint64_t arg);
long kvm_signal_msi(struct vm *vm, uint64_t arg);
long kvm_coalesced_mmio(struct vm *vm, uint64_t arg, bool add);
/* dirty.c */
long kvm_get_dirty_log(struct vm *vm, uint64_t arg);
long kvm_clear_dirty_log(struct vm *vm, uint64_t arg);
long kvm_set_manual_log(struct vm *vm, uint64_t options);
long kvm_set_split_chunk(struct vm *vm, uint64_t size);
/* ring.c: dirty rings. A vCPU being made gets its own; the two parts of its mapping. */
#define KVM_MAX_RING_ENTRIES 65536u
long kvm_set_ring_size(struct vm *vm, uint64_t bytes);
long kvm_set_ring_bitmap(struct vm *vm);
long kvm_reset_dirty_rings(struct vm *vm);
int kvm_create_ring(struct vcpu *v);
/* KVM_{SET,GET,HAS}_DEVICE_ATTR of a VM and of a vCPU */
long kvm_vm_attr(struct vm *vm, uint32_t request, uint64_t arg);
long kvm_vcpu_attr(struct vcpu *v, uint32_t request, uint64_t arg);
/* sdei.c; @index: of a firmware pseudo-register. An event by user space's structure at @addr. */
bool kvm_is_sdei_reg(unsigned index);
int kvm_set_sdei_reg(struct vcpu *v, unsigned index, uint64_t value);
long kvm_inject_event(struct vm *vm, uint64_t addr);
/* With the vCPU's mutex held. */
long kvm_set_guest_debug(struct vcpu *v, uint64_t arg);
long kvm_get_vcpu_events(struct vcpu *v, uint64_t arg);
long kvm_set_vcpu_events(struct vcpu *v, uint64_t arg);
long kvm_vcpu_stats_fd(struct vcpu *v);
long kvm_run(struct vcpu *v, uint64_t arg);
long kvm_get_one_reg(struct vcpu *v, uint64_t arg);
long kvm_set_one_reg(struct vcpu *v, uint64_t arg);
long kvm_get_reg_list(struct vcpu *v, uint64_t arg);

#endif
