/* SPDX-License-Identifier: MIT */
/*
 * How operations reach guest memory.
 *
 * The fast path is a hit in the software TLB: one compare and an addition give a host pointer,
 * which is read or written with a plain host access of the same size, as atomic as the
 * architecture asks (DDI 0487 B2.2.1: aligned accesses up to 8 bytes are single-copy atomic).
 * Everything else (misses, pages crossed, devices, faults) is a call that leaves the value in
 * c->mem, or fails, and then the operation returns c->next:
 *
 *     uint64_t va = c->r[i->rn] + i->imm;
 *     const void *p = cpu_tlb_read(c->tlb, va, 8);
 *     uint64_t v;
 *
 *     if (am_likely(p))
 *             v = guest_ld64(p);
 *     else if (cpu_ld_slow(c, i, va, ACC_8 | ACC_RT(rt)))
 *             v = c->mem.lo;
 *     else
 *             return c->next;
 *
 * A store of several registers must not write some and then fault: use cpu_st_slow() for the
 * whole (up to 16 bytes), or probe with cpu_tlb_write()/cpu_probe_write() first.
 *
 * The guest_* functions are exempt from ThreadSanitizer: vCPUs race on guest memory whenever the
 * guest does, and the guest's own ordering is what its barriers say.
 */
#ifndef AM_CPU_ACCESS_H
#define AM_CPU_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bits.h"
#include "cpu/cpu.h"

/* Access descriptor: bits of the @acc argument. */
enum {
	ACC_1 = 0,
	ACC_2 = 1,
	ACC_4 = 2,
	ACC_8 = 3,
	ACC_16 = 4,
	ACC_SIZE = 7,	      /* mask: log2 of the bytes */
	ACC_SEXT = 1 << 3,    /* ISS.SSE: the load sign-extends */
	ACC_SF = 1 << 4,      /* ISS.SF: 64-bit register */
	ACC_ISV = 1 << 5,     /* one general register, no writeback: a device can answer it */
	ACC_UNPRIV = 1 << 6,  /* LDTR, STTR */
	ACC_ORDERED = 1 << 7, /* ISS.AR: acquire/release */
	ACC_ALIGNED = 1 << 8, /* must be aligned whatever SCTLR_EL1.A says */
	ACC_ZVA = 1 << 9,     /* DC ZVA: alignment fault in Device memory */
	ACC_PAIR = 1 << 10,   /* two registers: alignment is that of one, half the size */
	ACC_RMW = 1 << 11,    /* an atomic operation: a write that reads */
	ACC_RT_SHIFT = 16,
};
#define ACC_RT(encoded_rt) ((uint32_t)(encoded_rt) << ACC_RT_SHIFT) /* 0..31; 31 is XZR */

#define CPU_TLB_BITS  9
#define CPU_TLB_SIZE  (1u << CPU_TLB_BITS)
#define CPU_PAGE_MASK (~UINT64_C(4095))

struct cpu_tlb_entry {
	uint64_t rtag, wtag; /* virtual page if readable / writable, else all ones */
	uint64_t addend;     /* host address minus virtual address */
	uint64_t ipa;	     /* guest physical page; bit 0: not global (tlb.c) */
};

struct cpu_tlb {
	struct cpu_tlb_entry e[CPU_TLB_SIZE];
};

/* Host pointer for reading @size bytes at @va, if they lie in one page that the TLB has. */
static inline const void *cpu_tlb_read(const struct cpu_tlb *tlb, uint64_t va, unsigned size)
{
	const struct cpu_tlb_entry *e = &tlb->e[va >> 12 & (CPU_TLB_SIZE - 1)];

	if (am_likely(((va + size - 1) & CPU_PAGE_MASK) == e->rtag))
		return (const void *)(uintptr_t)(va + e->addend);
	return NULL;
}

static inline void *cpu_tlb_write(const struct cpu_tlb *tlb, uint64_t va, unsigned size)
{
	const struct cpu_tlb_entry *e = &tlb->e[va >> 12 & (CPU_TLB_SIZE - 1)];

	if (am_likely(((va + size - 1) & CPU_PAGE_MASK) == e->wtag))
		return (void *)(uintptr_t)(va + e->addend);
	return NULL;
}

/* Read into c->mem.lo (.hi for ACC_16), zero-extended. False: return c->next. */
bool cpu_ld_slow(struct cpu *c, const struct cpu_insn *i, uint64_t va, uint32_t acc);
/* Write all or nothing. */
bool cpu_st_slow(struct cpu *c, const struct cpu_insn *i, uint64_t va, uint32_t acc, uint64_t lo,
		 uint64_t hi);
/*
 * Host pointer for an atomic read-modify-write of (1 << size) bytes, aligned (else an alignment
 * fault), writable; or NULL: return c->next. For exclusives' loads pass @write false.
 */
void *cpu_atomic_ptr(struct cpu *c, const struct cpu_insn *i, uint64_t va, uint32_t acc,
		     bool write);
/* Check that @len bytes (at most 4096) from @va may be read/written, filling the TLB, without
 * touching them; true also for device memory. False: return c->next. */
bool cpu_probe(struct cpu *c, const struct cpu_insn *i, uint64_t va, unsigned len, uint32_t acc,
	       bool write);

#define GUEST_ACCESS static inline __attribute__((no_sanitize("thread")))

typedef uint16_t guest_u16 __attribute__((aligned(1), may_alias));
typedef uint32_t guest_u32 __attribute__((aligned(1), may_alias));
typedef uint64_t guest_u64 __attribute__((aligned(1), may_alias));

GUEST_ACCESS uint8_t guest_ld8(const void *p)
{
	return *(const volatile uint8_t *)p;
}

GUEST_ACCESS uint16_t guest_ld16(const void *p)
{
	return *(const volatile guest_u16 *)p;
}

GUEST_ACCESS uint32_t guest_ld32(const void *p)
{
	return *(const volatile guest_u32 *)p;
}

GUEST_ACCESS uint64_t guest_ld64(const void *p)
{
	return *(const volatile guest_u64 *)p;
}

GUEST_ACCESS void guest_st8(void *p, uint8_t v)
{
	*(volatile uint8_t *)p = v;
}

GUEST_ACCESS void guest_st16(void *p, uint16_t v)
{
	*(volatile guest_u16 *)p = v;
}

GUEST_ACCESS void guest_st32(void *p, uint32_t v)
{
	*(volatile guest_u32 *)p = v;
}

GUEST_ACCESS void guest_st64(void *p, uint64_t v)
{
	*(volatile guest_u64 *)p = v;
}

#endif
