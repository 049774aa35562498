/* SPDX-License-Identifier: MIT */
/* KVM_CREATE_DEVICE, and the attributes of the VGIC devices. */
#include <armature/gic.h>
#include <armature/kvm.h>
#include <errno.h>

#include "kvm/file.h"
#include "vm/vm.h"

/* ---- Creation ---- */

/* KVM's order. The vCPUs must stand still and never have run. */
static long create_locked(struct vm *vm, unsigned version)
{
	long err = vm_lock_vcpus(vm);

	if (err)
		return err;
	if (vm_gic(vm))
		err = -EEXIST;
	else if (atomic_load(&vm->has_run))
		err = -EBUSY;
	else
		err = vm_create_gic(vm, version);
	vm_unlock_vcpus(vm);
	return err;
}

long kvm_create_vgic(struct vm *vm, unsigned version)
{
	long r;

	pthread_mutex_lock(&vm->lock);
	r = create_locked(vm, version);
	pthread_mutex_unlock(&vm->lock);
	return r;
}

static long new_device_fd(struct vm *vm, unsigned version)
{
	int fd = kvm_fd_create(version == 2 ? "kvm-arm-vgic-v2" : "kvm-arm-vgic-v3", 0);

	return fd < 0 ? fd : kvm_fd_publish(fd, &kvm_vgic_ops, vm);
}

long kvm_create_device(struct vm *vm, uint64_t arg)
{
	struct kvm_create_device cd;
	unsigned version;
	long r = kvm_copy_in(&cd, arg, sizeof(cd));

	if (r)
		return r;
	if (cd.type == KVM_DEV_TYPE_ARM_VGIC_V2)
		version = 2;
	else if (cd.type == KVM_DEV_TYPE_ARM_VGIC_V3)
		version = 3;
	else if (cd.type == KVM_DEV_TYPE_ARM_VGIC_ITS)
		version = 0;
	else
		return -ENODEV;
	if (cd.flags & KVM_CREATE_DEVICE_TEST)
		return 0;
	if (!version) {
		r = kvm_create_its(vm);
	} else {
		r = kvm_create_vgic(vm, version);
		if (r)
			return r;
		r = new_device_fd(vm, version);
	}
	if (r < 0)
		return r;
	cd.fd = (uint32_t)r;
	return kvm_copy_out(arg, &cd, sizeof(cd));
}

/* ---- Attributes ---- */

static bool is_region(const struct kvm_device_attr *a)
{
	return a->group == KVM_DEV_ARM_VGIC_GRP_ADDR &&
	       a->attr == KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION;
}

/* The access itself, with the vCPUs standing still where the attribute asks for it. */
static long access_attr(struct vm *vm, const struct kvm_device_attr *a, bool set, uint64_t *value)
{
	struct am_gic *gic = vm_gic(vm);
	bool stop = am_gic_attr_stops_vcpus(a->group, a->attr);
	long err;

	pthread_mutex_lock(&vm->lock);
	err = stop ? vm_lock_vcpus(vm) : 0;
	if (!err) {
		bool was_ready = am_gic_initialized(gic);

		err = set ? am_gic_set_attr(gic, a->group, a->attr, *value)
			  : am_gic_get_attr(gic, a->group, a->attr, value);
		/* CTRL_INIT also gives interrupt numbers their usual meaning. */
		if (!err && !was_ready && am_gic_initialized(gic))
			err = vm_default_routes(vm);
		if (stop)
			vm_unlock_vcpus(vm);
	}
	pthread_mutex_unlock(&vm->lock);
	return err;
}

/* The order of checks is the one that gic.h describes. */
static long vgic_attr(struct vm *vm, const struct kvm_device_attr *a, bool set)
{
	unsigned size = am_gic_attr_size(a->group, a->attr);
	uint64_t value = 0;
	long err = am_gic_attr_check(vm_gic(vm), a->group, a->attr, set);

	if (err)
		return err;
	if (size > sizeof(value))
		return -ENXIO;
	if (set || is_region(a)) {
		err = kvm_copy_in(&value, a->addr, size);
		if (err)
			return err;
	}
	err = access_attr(vm, a, set, &value);
	if (err || set)
		return err;
	return kvm_copy_out(a->addr, &value, size);
}

static long vgic_ioctl(struct kvm_file *f, uint32_t request, uint64_t arg)
{
	struct kvm_device_attr a;
	long err;

	switch (request) {
	case KVM_SET_DEVICE_ATTR:
	case KVM_GET_DEVICE_ATTR:
	case KVM_HAS_DEVICE_ATTR:
		break;
	default:
		return -ENOTTY;
	}
	err = kvm_copy_in(&a, arg, sizeof(a));
	if (err)
		return err;
	if (request == KVM_HAS_DEVICE_ATTR)
		return am_gic_has_attr(vm_gic(f->vm), a.group, a.attr);
	return vgic_attr(f->vm, &a, request == KVM_SET_DEVICE_ATTR);
}

const struct kvm_file_ops kvm_vgic_ops = {.ioctl = vgic_ioctl};
