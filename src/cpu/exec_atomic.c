/* SPDX-License-Identifier: MIT */
/*
 * Exclusives, ordered loads and stores, compare and swap, and FEAT_LSE.
 *
 * All of them work on host memory with host atomics, so they are atomic against every vCPU and
 * against the VMM. Store-exclusive is a compare-and-swap against what load-exclusive saw: a value
 * that changed and changed back is not noticed, which no guest can tell from no change at all
 * except by using the monitor as a write detector, and none does.
 *
 * Read-modify-writes are always sequentially consistent: on x86 that costs nothing, elsewhere it
 * is stronger than what the A and L bits ask for and therefore right.
 */
#include "a64_rows.h"
#include "cpu/access.h"
#include "cpu/cpu.h"

#define SP_CHECK()                                                                     \
	do {                                                                           \
		if (am_unlikely(i->rn == REG_SP && (c->r[REG_SP] & c->sp_align_mask))) \
			return cpu_sp_fault(c, i);                                     \
	} while (0)

/* X(bits, log2 of the bytes) */
#define SIZES(X) X(8, ACC_1) X(16, ACC_2) X(32, ACC_4) X(64, ACC_8)

/* ---- 128 bits ---- */

struct pair {
	uint64_t lo, hi;
};

/* Compare and swap 16 aligned bytes; returns what they were. Needs no libatomic. */
static inline __attribute__((always_inline)) struct pair cas128(void *p, struct pair expected,
								struct pair desired)
{
#if defined(__x86_64__)
	__asm__ volatile("lock cmpxchg16b %0"
			 : "+m"(*(unsigned __int128 *)p), "+a"(expected.lo), "+d"(expected.hi)
			 : "b"(desired.lo), "c"(desired.hi)
			 : "memory", "cc");
	return expected;
#else
	unsigned __int128 e = (unsigned __int128)expected.hi << 64 | expected.lo;
	unsigned __int128 d = (unsigned __int128)desired.hi << 64 | desired.lo;
	unsigned __int128 v = __sync_val_compare_and_swap((unsigned __int128 *)p, e, d);

	return (struct pair){v, v >> 64};
#endif
}

/* ---- Exclusives ---- */

static inline void monitor_set(struct cpu *c, uint64_t va, unsigned bytes, uint64_t lo, uint64_t hi)
{
	c->excl_valid = bytes;
	c->excl_va = va;
	c->excl_lo = lo;
	c->excl_hi = hi;
}

/* What a store-exclusive asks the monitor. Either answer leaves it open (DDI 0487 B2.9.2). */
static inline bool monitor_take(struct cpu *c, uint64_t va, unsigned bytes)
{
	bool ok = c->excl_valid == bytes && c->excl_va == va;

	c->excl_valid = 0;
	return ok;
}

/*
 * Alignment and translation are checked before the monitor. A status register that is also the
 * data or the base (CONSTRAINED UNPREDICTABLE, K1.1) receives the status after its old value
 * was used.
 */
#define EXCLUSIVE(bits, acc)                                                                       \
	CPU_OP(op_ldxr##bits)                                                                      \
	{                                                                                          \
		SP_CHECK();                                                                        \
		uint64_t va = c->r[i->rn];                                                         \
		const uint##bits##_t *p = cpu_atomic_ptr(c, i, va, (acc), false);                  \
		if (am_unlikely(!p))                                                               \
			return c->next;                                                            \
		uint64_t v = __atomic_load_n(p, __ATOMIC_ACQUIRE);                                 \
		monitor_set(c, va, sizeof(*p), v, 0);                                              \
		c->r[i->rd] = v;                                                                   \
		CPU_NEXT();                                                                        \
	}                                                                                          \
	CPU_OP(op_stxr##bits)                                                                      \
	{                                                                                          \
		SP_CHECK();                                                                        \
		uint64_t va = c->r[i->rn];                                                         \
		uint##bits##_t *p = cpu_atomic_ptr(c, i, va, (acc), true);                         \
		if (am_unlikely(!p))                                                               \
			return c->next;                                                            \
		uint##bits##_t old = c->excl_lo, v = c->r[i->rm];                                  \
		c->r[i->rd] =                                                                      \
		    !(monitor_take(c, va, sizeof(*p)) && __sync_bool_compare_and_swap(p, old, v)); \
		CPU_NEXT();                                                                        \
	}

SIZES(EXCLUSIVE)

/* A pair of words is one 64-bit value. */
CPU_OP(op_ldxp32)
{
	SP_CHECK();
	uint64_t va = c->r[i->rn];
	const uint64_t *p = cpu_atomic_ptr(c, i, va, ACC_8, false);

	if (am_unlikely(!p))
		return c->next;
	uint64_t v = __atomic_load_n(p, __ATOMIC_ACQUIRE);

	monitor_set(c, va, 8, v, 0);
	c->r[i->rd] = (uint32_t)v;
	c->r[i->ra] = v >> 32;
	CPU_NEXT();
}

CPU_OP(op_stxp32)
{
	SP_CHECK();
	uint64_t va = c->r[i->rn];
	uint64_t *p = cpu_atomic_ptr(c, i, va, ACC_8, true);

	if (am_unlikely(!p))
		return c->next;
	uint64_t old = c->excl_lo, v = (uint32_t)c->r[i->rm] | c->r[i->ra] << 32;

	c->r[i->rd] = !(monitor_take(c, va, 8) && __sync_bool_compare_and_swap(p, old, v));
	CPU_NEXT();
}

/*
 * Two loads: the pair is single-copy atomic only if a store-exclusive succeeds (DDI 0487 B2.2.1),
 * and that compares both.
 */
CPU_OP(op_ldxp64)
{
	SP_CHECK();
	uint64_t va = c->r[i->rn];
	const uint64_t *p = cpu_atomic_ptr(c, i, va, ACC_16, false);

	if (am_unlikely(!p))
		return c->next;
	uint64_t lo = __atomic_load_n(p, __ATOMIC_ACQUIRE);
	uint64_t hi = __atomic_load_n(p + 1, __ATOMIC_ACQUIRE);

	monitor_set(c, va, 16, lo, hi);
	c->r[i->rd] = lo;
	c->r[i->ra] = hi;
	CPU_NEXT();
}

CPU_OP(op_stxp64)
{
	SP_CHECK();
	uint64_t va = c->r[i->rn];
	void *p = cpu_atomic_ptr(c, i, va, ACC_16, true);
	bool ok;

	if (am_unlikely(!p))
		return c->next;
	ok = monitor_take(c, va, 16);
	if (ok) {
		struct pair old = {c->excl_lo, c->excl_hi};
		struct pair was = cas128(p, old, (struct pair){c->r[i->rm], c->r[i->ra]});

		ok = was.lo == old.lo && was.hi == old.hi;
	}
	c->r[i->rd] = !ok;
	CPU_NEXT();
}

bool emit_LDXR(struct cpu_insn *o, struct a64_LDXR f)
{
	static cpu_exec_fn *const ops[] = {op_ldxr8, op_ldxr16, op_ldxr32, op_ldxr64};

	*o = (struct cpu_insn){.exec = ops[f.size], .rd = reg_dst(f.rt), .rn = reg_sp(f.rn)};
	return true;
}

bool emit_STXR(struct cpu_insn *o, struct a64_STXR f)
{
	static cpu_exec_fn *const ops[] = {op_stxr8, op_stxr16, op_stxr32, op_stxr64};

	*o = (struct cpu_insn){
	    .exec = ops[f.size],
	    .rd = reg_dst(f.rs),
	    .rn = reg_sp(f.rn),
	    .rm = reg_src(f.rt),
	};
	return true;
}

bool emit_LDXP(struct cpu_insn *o, struct a64_LDXP f)
{
	*o = (struct cpu_insn){
	    .exec = f.sz ? op_ldxp64 : op_ldxp32,
	    .rd = reg_dst(f.rt),
	    .rn = reg_sp(f.rn),
	    .ra = reg_dst(f.rt2),
	};
	return true;
}

bool emit_STXP(struct cpu_insn *o, struct a64_STXP f)
{
	*o = (struct cpu_insn){
	    .exec = f.sz ? op_stxp64 : op_stxp32,
	    .rd = reg_dst(f.rs),
	    .rn = reg_sp(f.rn),
	    .rm = reg_src(f.rt),
	    .ra = reg_src(f.rt2),
	};
	return true;
}

/*
 * ---- Load-acquire, store-release ------------------------------------------------------------
 * STLR then LDAR stay in order (DDI 0487 B2.3.11), which on x86 takes a sequentially consistent
 * store. Without FEAT_LSE2 both must be aligned. ra is the encoded register, for the syndrome.
 */

static inline void full_barrier(void)
{
	__sync_synchronize();
}

#define ORDERED_ACC(acc, i)                                                            \
	((acc) | ACC_ORDERED | ACC_ALIGNED | ACC_ISV | ((acc) == ACC_8 ? ACC_SF : 0) | \
	 ACC_RT((i)->ra))

#define ORDERED(bits, acc)                                                                  \
	CPU_OP(op_ldar##bits)                                                               \
	{                                                                                   \
		SP_CHECK();                                                                 \
		uint64_t va = c->r[i->rn];                                                  \
		const uint##bits##_t *p = cpu_tlb_read(c->tlb, va, bits / 8);               \
		if (am_likely(p && !(va & (bits / 8 - 1)))) {                               \
			c->r[i->rd] = __atomic_load_n(p, __ATOMIC_SEQ_CST);                 \
			CPU_NEXT();                                                         \
		}                                                                           \
		if (!cpu_ld_slow(c, i, va, ORDERED_ACC(acc, i)))                            \
			return c->next;                                                     \
		full_barrier();                                                             \
		c->r[i->rd] = c->mem.lo;                                                    \
		CPU_NEXT();                                                                 \
	}                                                                                   \
	CPU_OP(op_stlr##bits)                                                               \
	{                                                                                   \
		SP_CHECK();                                                                 \
		uint64_t va = c->r[i->rn];                                                  \
		uint##bits##_t *p = cpu_tlb_write(c->tlb, va, bits / 8);                    \
		if (am_likely(p && !(va & (bits / 8 - 1)))) {                               \
			__atomic_store_n(p, (uint##bits##_t)c->r[i->rd], __ATOMIC_SEQ_CST); \
			CPU_NEXT();                                                         \
		}                                                                           \
		full_barrier();                                                             \
		if (!cpu_st_slow(c, i, va, ORDERED_ACC(acc, i), c->r[i->rd], 0))            \
			return c->next;                                                     \
		full_barrier();                                                             \
		CPU_NEXT();                                                                 \
	}

SIZES(ORDERED)

bool emit_LDAR(struct cpu_insn *o, struct a64_LDAR f)
{
	static cpu_exec_fn *const ops[] = {op_ldar8, op_ldar16, op_ldar32, op_ldar64};

	*o = (struct cpu_insn){
	    .exec = ops[f.size],
	    .rd = reg_dst(f.rt),
	    .rn = reg_sp(f.rn),
	    .ra = f.rt,
	};
	return true;
}

bool emit_STLR(struct cpu_insn *o, struct a64_STLR f)
{
	static cpu_exec_fn *const ops[] = {op_stlr8, op_stlr16, op_stlr32, op_stlr64};

	*o = (struct cpu_insn){
	    .exec = ops[f.size],
	    .rd = reg_src(f.rt),
	    .rn = reg_sp(f.rn),
	    .ra = f.rt,
	};
	return true;
}

/* ---- Compare and swap ---- */

/* Rs is compared and receives the old value: rm to read, rd to write. Rt is ra. */
#define COMPARE_AND_SWAP(bits, acc)                                                           \
	CPU_OP(op_cas##bits)                                                                  \
	{                                                                                     \
		SP_CHECK();                                                                   \
		uint##bits##_t *p = cpu_atomic_ptr(c, i, c->r[i->rn], (acc) | ACC_RMW, true); \
		if (am_unlikely(!p))                                                          \
			return c->next;                                                       \
		c->r[i->rd] = __sync_val_compare_and_swap(p, (uint##bits##_t)c->r[i->rm],     \
							  (uint##bits##_t)c->r[i->ra]);       \
		CPU_NEXT();                                                                   \
	}

SIZES(COMPARE_AND_SWAP)

/* The second registers: b[0] to write, b[1] to read for comparison, b[2] the new value. */
CPU_OP(op_casp32)
{
	SP_CHECK();
	uint64_t *p = cpu_atomic_ptr(c, i, c->r[i->rn], ACC_8 | ACC_RMW, true);

	if (am_unlikely(!p))
		return c->next;
	uint64_t expected = (uint32_t)c->r[i->rm] | c->r[i->b[1]] << 32;
	uint64_t desired = (uint32_t)c->r[i->ra] | c->r[i->b[2]] << 32;
	uint64_t was = __sync_val_compare_and_swap(p, expected, desired);

	c->r[i->rd] = (uint32_t)was;
	c->r[i->b[0]] = was >> 32;
	CPU_NEXT();
}

CPU_OP(op_casp64)
{
	SP_CHECK();
	void *p = cpu_atomic_ptr(c, i, c->r[i->rn], ACC_16 | ACC_RMW, true);

	if (am_unlikely(!p))
		return c->next;
	struct pair was = cas128(p, (struct pair){c->r[i->rm], c->r[i->b[1]]},
				 (struct pair){c->r[i->ra], c->r[i->b[2]]});

	c->r[i->rd] = was.lo;
	c->r[i->b[0]] = was.hi;
	CPU_NEXT();
}

bool emit_CAS(struct cpu_insn *o, struct a64_CAS f)
{
	static cpu_exec_fn *const ops[] = {op_cas8, op_cas16, op_cas32, op_cas64};

	*o = (struct cpu_insn){
	    .exec = ops[f.size],
	    .rd = reg_dst(f.rs),
	    .rn = reg_sp(f.rn),
	    .rm = reg_src(f.rs),
	    .ra = reg_src(f.rt),
	};
	return true;
}

bool emit_CASP(struct cpu_insn *o, struct a64_CASP f)
{
	*o = (struct cpu_insn){
	    .exec = f.sz ? op_casp64 : op_casp32,
	    .rd = reg_dst(f.rs),
	    .rn = reg_sp(f.rn),
	    .rm = reg_src(f.rs),
	    .ra = reg_src(f.rt),
	    .b = {reg_dst(f.rs + 1), reg_src(f.rs + 1), reg_src(f.rt + 1)},
	};
	return true;
}

/* ---- Atomic memory operations: v is Rs, rd the old value ---- */

#define ATOMIC(name, bits, acc, type, rmw)                                          \
	CPU_OP(op_##name##bits)                                                     \
	{                                                                           \
		SP_CHECK();                                                         \
		type *p = cpu_atomic_ptr(c, i, c->r[i->rn], (acc) | ACC_RMW, true); \
		if (am_unlikely(!p))                                                \
			return c->next;                                             \
		type v = (type)c->r[i->rm];                                         \
		c->r[i->rd] = (uint##bits##_t)(rmw);                                \
		CPU_NEXT();                                                         \
	}

/* Minimum and maximum, which hosts do not have: T is the type compared. */
#define MINMAX(bits, sign, type)                                                              \
	static inline type fetch_max_##sign##bits(type *p, type v)                            \
	{                                                                                     \
		type old = __atomic_load_n(p, __ATOMIC_RELAXED), was;                         \
		while ((was = __sync_val_compare_and_swap(p, old, old > v ? old : v)) != old) \
			old = was;                                                            \
		return old;                                                                   \
	}                                                                                     \
	static inline type fetch_min_##sign##bits(type *p, type v)                            \
	{                                                                                     \
		type old = __atomic_load_n(p, __ATOMIC_RELAXED), was;                         \
		while ((was = __sync_val_compare_and_swap(p, old, old < v ? old : v)) != old) \
			old = was;                                                            \
		return old;                                                                   \
	}

#define ATOMICS(bits, acc)                                                                   \
	MINMAX(bits, s, int##bits##_t)                                                       \
	MINMAX(bits, u, uint##bits##_t)                                                      \
	ATOMIC(ldadd, bits, acc, uint##bits##_t, __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST)) \
	ATOMIC(ldclr, bits, acc, uint##bits##_t,                                             \
	       __atomic_fetch_and(p, (uint##bits##_t) ~v, __ATOMIC_SEQ_CST))                 \
	ATOMIC(ldeor, bits, acc, uint##bits##_t, __atomic_fetch_xor(p, v, __ATOMIC_SEQ_CST)) \
	ATOMIC(ldset, bits, acc, uint##bits##_t, __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST))  \
	ATOMIC(swp, bits, acc, uint##bits##_t, __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST))  \
	ATOMIC(ldsmax, bits, acc, int##bits##_t, fetch_max_s##bits(p, v))                    \
	ATOMIC(ldsmin, bits, acc, int##bits##_t, fetch_min_s##bits(p, v))                    \
	ATOMIC(ldumax, bits, acc, uint##bits##_t, fetch_max_u##bits(p, v))                   \
	ATOMIC(ldumin, bits, acc, uint##bits##_t, fetch_min_u##bits(p, v))

SIZES(ATOMICS)

#define EMIT_ATOMIC(NAME, name)                                                                \
	bool emit_##NAME(struct cpu_insn *o, struct a64_##NAME f)                              \
	{                                                                                      \
		static cpu_exec_fn *const ops[] = {op_##name##8, op_##name##16, op_##name##32, \
						   op_##name##64};                             \
		*o = (struct cpu_insn){                                                        \
		    .exec = ops[f.size],                                                       \
		    .rd = reg_dst(f.rt),                                                       \
		    .rn = reg_sp(f.rn),                                                        \
		    .rm = reg_src(f.rs),                                                       \
		};                                                                             \
		return true;                                                                   \
	}

EMIT_ATOMIC(LDADD, ldadd)
EMIT_ATOMIC(LDCLR, ldclr)
EMIT_ATOMIC(LDEOR, ldeor)
EMIT_ATOMIC(LDSET, ldset)
EMIT_ATOMIC(LDSMAX, ldsmax)
EMIT_ATOMIC(LDSMIN, ldsmin)
EMIT_ATOMIC(LDUMAX, ldumax)
EMIT_ATOMIC(LDUMIN, ldumin)
EMIT_ATOMIC(SWP, swp)
