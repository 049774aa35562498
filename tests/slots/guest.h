/* SPDX-License-Identifier: MIT */
/* What the guests of tests/slots are written with. */
#ifndef SLOTS_GUEST_H
#define SLOTS_GUEST_H

#include "layout.h"

typedef uint64_t u64;

#define SHARED_DATA ((struct shared *)SHARED)

#define STR_(x) #x
#define STR(x)	STR_(x)
#define mrs(reg)                                                             \
	({                                                                   \
		u64 mrs_;                                                    \
		asm volatile("mrs %0, " STR(reg) : "=r"(mrs_) : : "memory"); \
		mrs_;                                                        \
	})
#define msr(reg, v) asm volatile("msr " STR(reg) ", %x0" : : "rZ"((u64)(v)) : "memory")
#define barrier()   asm volatile("dsb ish\n\tisb" : : : "memory")

#define load(p)	    __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define store(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

/* start.S: what an access gives instead of a value when it was refused. */
#define TOOK_DATA_ABORT	 UINT64_C(0xab00ab00ab00ab01)
#define TOOK_FETCH_ABORT UINT64_C(0xab00ab00ab00ab02)
#define TOOK_BREAKPOINT	 UINT64_C(0xab00ab00ab00ab03)
#define TOOK_OTHER	 UINT64_C(0xab00ab00ab00ab04)

u64 try_load(u64 va);
u64 try_store(u64 va, u64 value);
u64 try_late(u64 va, u64 value); /* stores value, then value + 1 */
u64 try_add(u64 va);
u64 try_exclusive(u64 va);
u64 try_zero(u64 va);
u64 try_call(u64 va, u64 *from_data);

static inline void tlb_flush(void)
{
	asm volatile("dsb ish\n\ttlbi vmalle1\n\tdsb ish\n\tisb" : : : "memory");
}

/* The host has made the tables at ROOT: addresses are themselves, and VIEW. */
static inline void mmu(int on)
{
	msr(sctlr_el1, 0x30d00800ul | 1 << 12 | 1 << 2 | (on ? 1 : 0));
	asm volatile("isb" : : : "memory");
	tlb_flush();
}

static inline void mmu_prepare(void)
{
	msr(mair_el1, 0xff);
	/* 48-bit outputs, 39-bit addresses, 4 KiB granule, write-back, no TTBR1. */
	msr(tcr_el1, 5ul << 32 | 1ul << 23 | 0x3500 | 25);
	msr(ttbr0_el1, ROOT);
	asm volatile("isb" : : : "memory");
}

static inline u64 random_next(u64 *state)
{
	u64 x = *state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	*state = x;
	return x * UINT64_C(0x2545f4914f6cdd1d) >> 16;
}

#endif
