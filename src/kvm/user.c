/* SPDX-License-Identifier: MIT */
/* Copies from and to the addresses that ioctl arguments name: -EFAULT where KVM says so. */
#include <errno.h>
#include <string.h>

#include "kvm/file.h"
#include "mem/probe.h"

int kvm_copy_in(void *to, uint64_t from, size_t len)
{
	if (!mem_range_readable(from, len))
		return -EFAULT;
	if (len)
		memcpy(to, (const void *)(uintptr_t)from, len);
	return 0;
}

int kvm_copy_out(uint64_t to, const void *from, size_t len)
{
	if (!mem_range_writable(to, len))
		return -EFAULT;
	if (len)
		memcpy((void *)(uintptr_t)to, from, len);
	return 0;
}
