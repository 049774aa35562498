/* SPDX-License-Identifier: MIT */
/* The VGIC_ITS device: its creation and attributes. */
#include <armature/its.h>
#include <armature/kvm.h>
#include <errno.h>

#include "kvm/file.h"
#include "vm/vm.h"

static long publish(struct vm *vm, int fd, struct am_its *its)
{
	struct kvm_file *f = kvm_file_create(&kvm_its_ops, vm);
	int err = -ENOMEM;

	if (f) {
		f->its = its;
		err = kvm_fd_install(fd, f);
		if (err)
			kvm_file_discard(f);
	}
	return err ? err : fd;
}

long kvm_create_its(struct vm *vm)
{
	struct am_its *its;
	int fd = kvm_fd_create("kvm-arm-vgic-its", 0);
	long r;

	if (fd < 0)
		return fd;
	pthread_mutex_lock(&vm->lock);
	r = vm_create_its(vm, &its);
	pthread_mutex_unlock(&vm->lock);
	/* One that cannot be published stays with the VM, without effect: it has no address. */
	if (!r)
		r = publish(vm, fd, its);
	if (r < 0)
		kvm_fd_discard(fd);
	return r;
}

/* With the vCPUs standing still, and no message on its way, where the attribute asks for it. */
static long access_attr(struct kvm_file *f, const struct kvm_device_attr *a, bool set,
			uint64_t *value)
{
	struct vm *vm = f->vm;
	bool stop = am_its_attr_stops_vcpus(a->group, a->attr);
	long err;

	pthread_mutex_lock(&vm->lock);
	err = stop ? vm_lock_vcpus(vm) : 0;
	if (!err) {
		pthread_mutex_lock(&vm->irqs.lock);
		err = set ? am_its_set_attr(f->its, a->group, a->attr, *value)
			  : am_its_get_attr(f->its, a->group, a->attr, value);
		pthread_mutex_unlock(&vm->irqs.lock);
		if (stop)
			vm_unlock_vcpus(vm);
	}
	pthread_mutex_unlock(&vm->lock);
	return err;
}

/* The order of checks is the one that its.h describes. */
static long its_attr(struct kvm_file *f, const struct kvm_device_attr *a, bool set)
{
	unsigned size = am_its_attr_size(a->group, a->attr);
	uint64_t value = 0;
	long err = am_its_attr_check(a->group, a->attr, set);

	if (err)
		return err;
	if (size > sizeof(value))
		return -ENXIO;
	if (set) {
		err = kvm_copy_in(&value, a->addr, size);
		if (err)
			return err;
	}
	err = am_its_attr_check_offset(a->group, a->attr);
	if (!err)
		err = access_attr(f, a, set, &value);
	if (err || set)
		return err;
	return kvm_copy_out(a->addr, &value, size);
}

static long its_ioctl(struct kvm_file *f, uint32_t request, uint64_t arg)
{
	struct kvm_device_attr a;
	long err;

	if (request != KVM_SET_DEVICE_ATTR && request != KVM_GET_DEVICE_ATTR &&
	    request != KVM_HAS_DEVICE_ATTR)
		return -ENOTTY;
	err = kvm_copy_in(&a, arg, sizeof(a));
	if (err)
		return err;
	if (request == KVM_HAS_DEVICE_ATTR)
		return am_its_has_attr(f->its, a.group, a.attr);
	return its_attr(f, &a, request == KVM_SET_DEVICE_ATTR);
}

const struct kvm_file_ops kvm_its_ops = {.ioctl = its_ioctl};
