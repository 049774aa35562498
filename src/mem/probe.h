/* SPDX-License-Identifier: MIT */
/*
 * May this process read or write that address? User space names addresses that need not be mapped
 * (memory slots, ioctl arguments); the kernel is asked, so that the answer is an errno where KVM
 * gives one and never a signal.
 */
#ifndef AM_MEM_PROBE_H
#define AM_MEM_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The 8 bytes around @addr. */
bool mem_can_read(uint64_t addr);
/* As reading, for the 4 bytes around @addr. Changes nothing there; populates the page. */
bool mem_can_write(uint64_t addr);

/* Every page of [addr, addr + len). An empty range is fine. */
bool mem_range_readable(uint64_t addr, size_t len);
bool mem_range_writable(uint64_t addr, size_t len);

/*
 * [addr, addr + len), at most 512 pages of 4 KiB, is in the host's memory already and can be
 * written. Where the kernel cannot tell (before Linux 5.14), it is not.
 */
bool mem_block_at_hand(uint64_t addr, size_t len);

#endif
