/* SPDX-License-Identifier: MIT */
/* Making vCPUs, and the ioctls of a vCPU's descriptor. */
#include <armature/kvm.h>
#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bits.h"
#include "kvm/file.h"
#include "vm/vm.h"

/* ---- KVM_CREATE_VCPU ---- */

/* The pages that user space maps: struct kvm_run, and one for the coalesced MMIO ring. */
static int share_pages(struct vcpu *v, int fd, size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct kvm_run *run = p;

	if (p == MAP_FAILED)
		return -ENOMEM;
	v->shared = p;
	v->shared_len = len;
	v->immediate_exit = &run->immediate_exit;
	v->user_irq_level = &run->s.regs.device_irq_level;
	return 0;
}

static int create_files(struct vcpu *v, struct kvm_file **out)
{
	size_t len = KVM_VCPU_MMAP_PAGES * (size_t)sysconf(_SC_PAGESIZE);
	char name[32];
	int fd, err;

	snprintf(name, sizeof(name), "kvm-vcpu:%u", v->id);
	fd = kvm_fd_create(name, len);
	if (fd < 0)
		return fd;
	err = share_pages(v, fd, len);
	if (!err)
		err = kvm_create_ring(v);
	if (!err) {
		*out = kvm_file_create(&kvm_vcpu_ops, v->vm);
		if (*out) {
			(*out)->vcpu = v;
			return fd;
		}
		err = -ENOMEM;
	}
	kvm_fd_discard(fd);
	return err;
}

static long create_vcpu(struct vm *vm, unsigned id)
{
	struct kvm_file *f = NULL;
	struct vcpu *v;
	int fd, err = vm_vcpu_check(vm, id);

	if (err)
		return err;
	err = vm_vcpu_create(vm, id, &v);
	if (err)
		return err;
	fd = create_files(v, &f);
	if (fd < 0) {
		vm_vcpu_abandon(v);
		return fd;
	}
	err = vm_vcpu_publish(v);
	if (err) {
		kvm_file_discard(f);
		kvm_fd_discard(fd);
		vm_vcpu_abandon(v);
		return err;
	}
	err = kvm_fd_install(fd, f);
	if (err) {
		/* The vCPU exists without a descriptor, as one does that was closed. */
		kvm_file_discard(f);
		kvm_fd_discard(fd);
		return err;
	}
	return fd;
}

long kvm_create_vcpu(struct vm *vm, uint64_t id)
{
	long r;

	if (id >= VM_MAX_VCPUS)
		return -EINVAL;
	pthread_mutex_lock(&vm->lock);
	r = create_vcpu(vm, (unsigned)id);
	pthread_mutex_unlock(&vm->lock);
	return r;
}

/* ---- KVM_ARM_VCPU_INIT ---- */

#define KNOWN_FEATURES (KVM_ARM_VCPU_PTRAUTH_GENERIC + 1)
/* The rest needs what this CPU does not have. */
#define OFFERED_FEATURES (AM_BIT(KVM_ARM_VCPU_POWER_OFF) | AM_BIT(KVM_ARM_VCPU_PSCI_0_2))

static long vcpu_init(struct vcpu *v, uint64_t arg)
{
	struct kvm_vcpu_init init;
	long err = kvm_copy_in(&init, arg, sizeof(init));
	uint32_t kept;

	if (err)
		return err;
	/* KVM's order: the power bit is not part of what must stay the same. */
	kept = init.features[0] & ~(uint32_t)AM_BIT(KVM_ARM_VCPU_POWER_OFF);
	if (init.target != KVM_ARM_TARGET_GENERIC_V8)
		return -EINVAL;
	if (kept >> KNOWN_FEATURES)
		return -ENOENT;
	for (unsigned n = 1; n < AM_ARRAY_SIZE(init.features); n++) {
		if (init.features[n])
			return -ENOENT;
	}
	if (kept & ~OFFERED_FEATURES)
		return -EINVAL;
	if (v->initialized && (init.target != v->target || kept != v->features))
		return -EINVAL;
	v->target = init.target;
	v->features = kept;
	v->initialized = true;
	vcpu_reset(v, 0, 0);
	atomic_store(&v->cpu->serror_pending, false);
	am_lock(&v->power_lock);
	v->reset_due = false;
	am_unlock(&v->power_lock);
	vcpu_set_power(v, init.features[0] & AM_BIT(KVM_ARM_VCPU_POWER_OFF) ? VCPU_STOPPED
									    : VCPU_RUNNABLE);
	return 0;
}

/* ---- KVM_GET_MP_STATE, KVM_SET_MP_STATE ---- */

static long get_mp_state(struct vcpu *v, uint64_t arg)
{
	static const uint32_t states[] = {
	    [VCPU_RUNNABLE] = KVM_MP_STATE_RUNNABLE,
	    [VCPU_STOPPED] = KVM_MP_STATE_STOPPED,
	    [VCPU_SUSPENDED] = KVM_MP_STATE_SUSPENDED,
	};
	struct kvm_mp_state s = {states[atomic_load(&v->power)]};

	return kvm_copy_out(arg, &s, sizeof(s));
}

static long set_mp_state(struct vcpu *v, uint64_t arg)
{
	struct kvm_mp_state s;
	long err = kvm_copy_in(&s, arg, sizeof(s));

	if (err)
		return err;
	switch (s.mp_state) {
	case KVM_MP_STATE_RUNNABLE:
		vcpu_set_power(v, VCPU_RUNNABLE);
		return 0;
	case KVM_MP_STATE_STOPPED:
		vcpu_set_power(v, VCPU_STOPPED);
		return 0;
	case KVM_MP_STATE_SUSPENDED:
		vcpu_set_power(v, VCPU_SUSPENDED);
		return 0;
	default:
		return -EINVAL;
	}
}

/* ---- KVM_SET_SIGNAL_MASK ---- */

static long set_signal_mask(struct vcpu *v, uint64_t arg)
{
	struct kvm_signal_mask head;
	uint64_t bits;
	long err;

	if (!arg) {
		v->has_sigmask = false;
		return 0;
	}
	err = kvm_copy_in(&head, arg, sizeof(head));
	if (err)
		return err;
	if (head.len != sizeof(bits))
		return -EINVAL;
	err = kvm_copy_in(&bits, arg + sizeof(head), sizeof(bits));
	if (err)
		return err;
	sigemptyset(&v->sigmask);
	for (int sig = 1; sig <= 64; sig++) {
		if (am_bit(bits, sig - 1))
			sigaddset(&v->sigmask, sig);
	}
	/* sigaddset() refuses the C library's own signals: those never end a run. */
	v->has_sigmask = true;
	return 0;
}

/* ---- What there is nothing of ---- */

/* These read their argument before they find out. */
static long refused(uint64_t arg, size_t size)
{
	unsigned char bytes[sizeof(struct kvm_regs)];
	long err = kvm_copy_in(bytes, arg, size);

	return err ? err : -EINVAL;
}

static long finalize(struct vcpu *v, uint64_t arg)
{
	long err = refused(arg, sizeof(int));

	return err == -EINVAL && !v->initialized ? -ENOEXEC : err;
}

/* ---- Dispatch ---- */

static long vcpu_ioctl_locked(struct vcpu *v, uint32_t request, uint64_t arg)
{
	switch (request) {
	case KVM_ARM_VCPU_INIT:
		return vcpu_init(v, arg);
	case KVM_GET_MP_STATE:
		return get_mp_state(v, arg);
	case KVM_SET_MP_STATE:
		return set_mp_state(v, arg);
	case KVM_RUN:
		return kvm_run(v, arg);
	case KVM_SET_SIGNAL_MASK:
		return set_signal_mask(v, arg);
	case KVM_SET_GUEST_DEBUG:
		return kvm_set_guest_debug(v, arg);
	case KVM_GET_VCPU_EVENTS:
		return kvm_get_vcpu_events(v, arg);
	case KVM_SET_VCPU_EVENTS:
		return kvm_set_vcpu_events(v, arg);
	case KVM_GET_STATS_FD:
		return kvm_vcpu_stats_fd(v);
	case KVM_GET_ONE_REG:
		return v->initialized ? kvm_get_one_reg(v, arg) : -ENOEXEC;
	case KVM_SET_ONE_REG:
		return v->initialized ? kvm_set_one_reg(v, arg) : -ENOEXEC;
	case KVM_GET_REG_LIST:
		return v->initialized ? kvm_get_reg_list(v, arg) : -ENOEXEC;
	case KVM_SET_DEVICE_ATTR:
	case KVM_GET_DEVICE_ATTR:
	case KVM_HAS_DEVICE_ATTR:
		return kvm_vcpu_attr(v, request, arg);
	case KVM_ARM_VCPU_FINALIZE: /* SVE */
		return finalize(v, arg);
	case KVM_SET_REGS:
		return refused(arg, sizeof(struct kvm_regs));
	case KVM_TRANSLATE:
		return refused(arg, sizeof(struct kvm_translation));
	default:
		return -EINVAL;
	}
}

static long vcpu_ioctl(struct kvm_file *f, uint32_t request, uint64_t arg)
{
	struct vcpu *v = f->vcpu;
	long r;

	pthread_mutex_lock(&v->mutex);
	r = vcpu_ioctl_locked(v, request, arg);
	pthread_mutex_unlock(&v->mutex);
	return r;
}

const struct kvm_file_ops kvm_vcpu_ops = {.ioctl = vcpu_ioctl, .can_map = true};
