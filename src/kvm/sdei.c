/* SPDX-License-Identifier: MIT */
/*
 * Software delegated exceptions at the ABI (<armature/sdei.h>): their registers among a vCPU's, and
 * raising an event from outside, by an attribute of the VM or by am_sdei_inject().
 */
#include "fw/sdei.h"

#include <armature/kvm.h>
#include <errno.h>
#include <unistd.h>

#include "kvm/file.h"
#include "vm/vm.h"

/* ---- Registers ---- */

bool kvm_is_sdei_reg(unsigned index)
{
	return index >= AM_SDEI_GATE;
}

/* The gate is the VM's, and so is much of what is behind it: nobody may write meanwhile. */
int kvm_set_sdei_reg(struct vcpu *v, unsigned index, uint64_t value)
{
	struct vm *vm = v->vm;
	int err;

	pthread_mutex_lock(&vm->lock);
	err = sdei_set_reg(v->sdei, index, value, atomic_load(&vm->has_run));
	pthread_mutex_unlock(&vm->lock);
	return err;
}

/* ---- Raising ---- */

long kvm_inject_event(struct vm *vm, uint64_t addr)
{
	struct am_sdei_injection in;
	long err = kvm_copy_in(&in, addr, sizeof(in));

	if (err)
		return err;
	if (in.flags || in.pad)
		return -EINVAL;
	return sdei_raise(vm->sdei, in.event, in.target);
}

/* The file of a VM that this process may use; to be given back. 0 or -errno. */
static int get_vm(int fd, struct kvm_file **out)
{
	struct kvm_file *f = kvm_file_get(fd);
	int err = -EBADF;

	if (f && f->ops == &kvm_vm_ops)
		err = kvm_file_usable(f) ? 0 : -EIO;
	if (err)
		kvm_file_put(f);
	else
		*out = f;
	return err;
}

int am_sdei_inject(int vm_fd, uint32_t event, uint64_t target)
{
	struct kvm_file *f;
	int err = get_vm(vm_fd, &f);

	if (err)
		return err;
	err = sdei_raise(f->vm->sdei, event, target);
	kvm_file_put(f);
	return err;
}

int am_sdei_on_handled(int vm_fd, am_sdei_handled *handled, void *opaque)
{
	struct kvm_file *f;
	int err = get_vm(vm_fd, &f);

	if (err)
		return err;
	err = vm_sdei_on_handled(f->vm, handled, opaque);
	kvm_file_put(f);
	return err;
}
