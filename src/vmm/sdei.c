/* SPDX-License-Identifier: MIT */
/*
 * Software delegated exceptions for the guest (--sdei), through the registers and the attribute of
 * <armature/sdei.h> and nothing else: so with any KVM that has them. Saving and restoring takes
 * no code here: the state is in registers that KVM lists.
 */
#include <errno.h>
#include <string.h>

#include <armature/kvm.h>
#include <armature/sdei.h>

#include "vmm/machine.h"
#include "vmm/report.h"

/* What MPIDR_EL1 has besides affinities is not part of a target. */
#define AFFINITY UINT64_C(0xff00ffffff)

int machine_open_sdei(struct machine *m)
{
	if (!m->opt->sdei)
		return 0;
	/* The gate is the VM's: any vCPU shows it. */
	if (vcpu_set_reg(&m->vcpus[0], AM_SDEI_REG(AM_SDEI_GATE), 1) == 0)
		return 0;
	if (errno == ENOENT)
		return vmm_fail(VMM_HOST,
				"--sdei: the accelerator \"%s\" has no SDEI: use --accel "
				"armature",
				m->be->name);
	return vmm_fail(VMM_HOST, "%s: switching on SDEI failed: %s", m->be->name, strerror(errno));
}

int machine_raise(struct machine *m, uint32_t event, uint64_t mpidr)
{
	struct am_sdei_injection in = {
	    .event = event,
	    .target = mpidr == AM_SDEI_ANY ? mpidr : mpidr & AFFINITY,
	};
	struct kvm_device_attr a = {
	    .group = AM_SDEI_VM_CTRL,
	    .attr = AM_SDEI_VM_INJECT,
	    .addr = (uintptr_t)&in,
	};

	if (!m->opt->sdei)
		return -ENODEV;
	if (m->be->ioctl(m->vm_fd, KVM_SET_DEVICE_ATTR, (unsigned long)&a) < 0)
		return -errno;
	return 0;
}

int machine_nmi(struct machine *m)
{
	return machine_raise(m, AM_SDEI_EVENT_SOFTWARE, m->mpidr[0]);
}

const char *machine_raise_error(int error)
{
	switch (error) {
	case -ENODEV:
		return "the guest has no SDEI: start it with --sdei";
	case -EINVAL:
		return "no such event, or a shared one, which goes where the guest wants it";
	case -ENXIO:
		return "no CPU has this affinity";
	case -EAGAIN:
		return "the guest has not registered this event there: it is dropped";
	default:
		return strerror(-error);
	}
}
