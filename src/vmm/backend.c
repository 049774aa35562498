/* SPDX-License-Identifier: MIT */
/* The two back ends of --accel. The kernel's exists only where KVM speaks the arm64 ABI. */
#include "vmm/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <armature/armature.h>

#include "vmm/report.h"

static const struct vmm_backend backend_armature = {
    .name = "armature",
    .open = am_kvm_open,
    .ioctl = am_kvm_ioctl,
    .mmap = am_kvm_mmap,
    .munmap = am_kvm_munmap,
    .close = am_kvm_close,
};

#if defined(__linux__) && defined(__aarch64__)
#include <sys/ioctl.h>
#include <sys/mman.h>

static int kernel_open(void)
{
	return open("/dev/kvm", O_RDWR | O_CLOEXEC);
}

static int kernel_ioctl(int fd, unsigned long request, unsigned long arg)
{
	return ioctl(fd, request, arg);
}

static const struct vmm_backend backend_kernel = {
    .name = "kvm",
    .open = kernel_open,
    .ioctl = kernel_ioctl,
    .mmap = mmap,
    .munmap = munmap,
    .close = close,
};
static const struct vmm_backend *const kernel = &backend_kernel;
#else
static const struct vmm_backend *const kernel;
#endif

int backend_choose(enum options_accel accel, const struct vmm_backend **backend, int *fd)
{
	if (accel != ACCEL_ARMATURE && kernel) {
		*backend = kernel;
		*fd = kernel->open();
		if (*fd >= 0)
			return 0;
		if (accel == ACCEL_KVM)
			return vmm_fail(VMM_HOST, "/dev/kvm: %s: use --accel armature",
					strerror(errno));
	}
	if (accel == ACCEL_KVM)
		return vmm_fail(VMM_USAGE, "--accel kvm: only on arm64 Linux hosts: use --accel "
					   "armature");
	*backend = &backend_armature;
	*fd = backend_armature.open();
	if (*fd < 0)
		return vmm_fail(VMM_HOST, "cannot start the software CPU: %s", strerror(errno));
	return 0;
}
