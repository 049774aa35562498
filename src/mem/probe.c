/* SPDX-License-Identifier: MIT */
/*
 * Probing user addresses with system calls that do nothing else (probe.h).
 *
 * Reading: rt_sigprocmask() with an invalid `how` copies the new mask from the address and then
 * refuses with EINVAL; EFAULT comes first. Writing: FUTEX_WAKE_OP adds 0 to the word atomically,
 * so a probe cannot lose a store that somebody makes at the same time.
 */
#include "mem/probe.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bits.h"

/* The smallest page of any host. */
#define PROBE_STEP UINT64_C(4096)

bool mem_can_read(uint64_t addr)
{
	/* A null pointer would mean "no mask": ask for its neighbour. */
	uint64_t at = addr & ~UINT64_C(7) ? addr & ~UINT64_C(7) : 8;

	return syscall(SYS_rt_sigprocmask, -1L, at, NULL, sizeof(uint64_t)) == 0 || errno != EFAULT;
}

bool mem_can_write(uint64_t addr)
{
	static const long add_0 = FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_EQ, 0);
	uint32_t unused = 0;

	return syscall(SYS_futex, &unused, (long)FUTEX_WAKE_OP_PRIVATE, 0L, 0L, addr & ~UINT64_C(3),
		       add_0) >= 0;
}

static bool each_page(uint64_t addr, size_t len, bool (*can)(uint64_t))
{
	if (!len)
		return true;
	uint64_t last = addr + len - 1;

	if (last < addr)
		return false;
	for (uint64_t a = addr;; a = am_align_down(a, PROBE_STEP) + PROBE_STEP) {
		if (a > last || a < addr)
			return true;
		if (!can(a))
			return false;
	}
}

bool mem_range_readable(uint64_t addr, size_t len)
{
	return each_page(addr, len, mem_can_read);
}

bool mem_range_writable(uint64_t addr, size_t len)
{
	return each_page(addr, len, mem_can_write);
}
