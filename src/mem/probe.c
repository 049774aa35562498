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
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bits.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

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

/* ---- Blocks ---- */

static bool populate(uint64_t addr, size_t len)
{
	return !madvise((void *)(uintptr_t)addr, len, MADV_POPULATE_WRITE);
}

/* Some kernels do not know the advice, and emulators say yes to any: try what must fail. */
static bool populate_works(void)
{
	static atomic_int works; /* 0: not tried; 1: no; 2: yes */
	int w = atomic_load_explicit(&works, memory_order_relaxed);

	if (!w) {
		w = !populate(0, PROBE_STEP) && errno == ENOMEM ? 2 : 1;
		atomic_store_explicit(&works, w, memory_order_relaxed);
	}
	return w == 2;
}

bool mem_block_at_hand(uint64_t addr, size_t len)
{
	unsigned char resident[512];
	size_t pages = len / PROBE_STEP;

	if (pages > sizeof(resident) || !populate_works() ||
	    mincore((void *)(uintptr_t)addr, len, resident))
		return false;
	for (size_t n = 0; n < pages; n++) {
		if (!(resident[n] & 1))
			return false;
	}
	return populate(addr, len);
}
