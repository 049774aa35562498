/* SPDX-License-Identifier: MIT */
/*
 * Inside the stage 2 library: descriptors of VMSAv8-64 stage 2 (DDI 0487 D8.3), made and read, and
 * the shape of an address space. Section numbers are those of issue L; rule names (R_...) stay.
 *
 * One expression serves every layout of addresses: bits 47 (49 with LPA2) down to the granule as
 * they are, and the few bits above them in a place of their own (D8.3.1):
 *
 *     neither                 oa[47:12]
 *     64 KiB, 52-bit          oa[47:16]  and oa[51:48] in bits 15:12
 *     VTCR_EL2.DS (LPA2)      oa[49:12]  and oa[51:50] in bits 9:8, where SH is otherwise
 */
#ifndef AM_MEM_S2_DESC_H
#define AM_MEM_S2_DESC_H

#include <armature/stage2.h>
#include <stdatomic.h>

#include "base/bits.h"

#define S2_VALID AM_BIT(0)
#define S2_TABLE AM_BIT(1) /* a table; at level 3, a page */
#define S2_AF	 AM_S2_DESC_AF
#define S2_SH_IS (UINT64_C(3) << 8)

#define S2_MEMATTR_SHIFT 2
#define S2_XN_SHIFT	 53
/* What may change without break-before-make (R_WHZWS), besides AF. */
#define S2_PERMISSIONS (AM_S2_DESC_READ | AM_S2_DESC_WRITE | (UINT64_C(3) << S2_XN_SHIFT))

#define S2_LAST_LEVEL 3

/* ---- Descriptors in memory: the processor reads them, and may set AF, at any time ---- */

static inline uint64_t s2_load(uint64_t *slot)
{
	return atomic_load_explicit((_Atomic(uint64_t) *)slot, memory_order_acquire);
}

static inline void s2_store(uint64_t *slot, uint64_t desc)
{
	atomic_store_explicit((_Atomic(uint64_t) *)slot, desc, memory_order_release);
}

static inline uint64_t s2_swap(uint64_t *slot, uint64_t desc)
{
	return atomic_exchange_explicit((_Atomic(uint64_t) *)slot, desc, memory_order_acq_rel);
}

static inline bool s2_cas(uint64_t *slot, uint64_t *old, uint64_t desc)
{
	return atomic_compare_exchange_strong_explicit((_Atomic(uint64_t) *)slot, old, desc,
						       memory_order_acq_rel, memory_order_acquire);
}

static inline uint64_t s2_set_bits(uint64_t *slot, uint64_t bits)
{
	return atomic_fetch_or_explicit((_Atomic(uint64_t) *)slot, bits, memory_order_acq_rel);
}

static inline uint64_t s2_clear_bits(uint64_t *slot, uint64_t bits)
{
	return atomic_fetch_and_explicit((_Atomic(uint64_t) *)slot, ~bits, memory_order_acq_rel);
}

/* ---- Shape ---- */

/* log2 of what one entry of a table of @level maps. */
static inline unsigned s2_log2(const struct am_s2 *s2, int level)
{
	return s2->config.granule + s2->stride * (unsigned)(S2_LAST_LEVEL - level);
}

/* The entry for @ipa. Concatenated tables are one long one (D8.2.2). */
static inline uint64_t s2_index(const struct am_s2 *s2, int level, uint64_t ipa)
{
	uint64_t index = ipa >> s2_log2(s2, level);

	return level == s2->start_level ? index : index & (AM_BIT(s2->stride) - 1);
}

/* The end of the part of [ipa, end) that one entry of @level maps. */
static inline uint64_t s2_next(const struct am_s2 *s2, int level, uint64_t ipa, uint64_t end)
{
	uint64_t next = (ipa | (AM_BIT(s2_log2(s2, level)) - 1)) + 1;

	return next < end ? next : end;
}

/*
 * May a valid descriptor not become another one directly? (R_WHZWS, R_KFLJB.) @only_size: they
 * translate the same, in other pieces.
 */
static inline bool s2_must_break(const struct am_s2 *s2, bool only_size)
{
	return s2->ops->tlbi && !(only_size && (s2->config.flags & AM_S2_BBM2));
}

/* ---- Descriptors ---- */

static inline bool s2_is_table(uint64_t desc, int level)
{
	return (desc & (S2_VALID | S2_TABLE)) == (S2_VALID | S2_TABLE) && level < S2_LAST_LEVEL;
}

static inline uint64_t s2_address_bits(const struct am_s2 *s2, uint64_t pa)
{
	return (pa & s2->address_mask) | ((pa >> s2->high_shift) & s2->high_mask);
}

/* The address of the table that @desc points to. */
static inline uint64_t s2_table_pa(const struct am_s2 *s2, uint64_t desc)
{
	return (desc & s2->address_mask) | ((desc & s2->high_mask) << s2->high_shift);
}

/* ... and the output address of a page or block of 1 << @log2 bytes; lower bits may be in use. */
static inline uint64_t s2_leaf_oa(const struct am_s2 *s2, uint64_t desc, unsigned log2)
{
	return s2_table_pa(s2, desc) & ~(AM_BIT(log2) - 1);
}

static inline uint64_t s2_table_desc(const struct am_s2 *s2, uint64_t pa)
{
	return s2_address_bits(s2, pa) | S2_TABLE | S2_VALID;
}

/* @attrs: all bits but the address and the type. */
static inline uint64_t s2_leaf_desc(const struct am_s2 *s2, int level, uint64_t oa, uint64_t attrs)
{
	return s2_address_bits(s2, oa) | attrs | S2_VALID | (level == S2_LAST_LEVEL ? S2_TABLE : 0);
}

static inline uint64_t s2_attrs(const struct am_s2 *s2, uint64_t desc)
{
	return desc & ~(s2->address_mask | s2->high_mask | S2_TABLE | S2_VALID);
}

/* What @block, of the level above @level, says of the nth part of itself. */
static inline uint64_t s2_part(const struct am_s2 *s2, uint64_t block, int level, uint64_t n)
{
	uint64_t oa = s2_leaf_oa(s2, block, s2_log2(s2, level - 1));

	return s2_leaf_desc(s2, level, oa + (n << s2_log2(s2, level)), s2_attrs(s2, block));
}

static inline uint64_t *s2_at(const struct am_s2 *s2, uint64_t pa)
{
	if (s2->config.flags & AM_S2_IDENTITY)
		return (uint64_t *)(uintptr_t)pa;
	return s2->ops->table_at(s2->opaque, pa);
}

static inline uint64_t *s2_table_at(const struct am_s2 *s2, uint64_t desc)
{
	return s2_at(s2, s2_table_pa(s2, desc));
}

/* ---- s2_desc.c: attributes ---- */

uint64_t s2_prot_bits(const struct am_s2 *s2, unsigned prot);
unsigned s2_prot(const struct am_s2 *s2, uint64_t desc);
/* Of MemAttr; false: there is no such type with this configuration. */
bool s2_memory_bits(const struct am_s2 *s2, enum am_s2_memory memory, uint64_t *bits);
enum am_s2_memory s2_memory(const struct am_s2 *s2, uint64_t desc);
bool s2_is_device(uint64_t desc);

/* ---- s2.c: tables ---- */

/* [ipa, ipa + size) is made of granules and in range. */
bool s2_range_ok(const struct am_s2 *s2, uint64_t ipa, uint64_t size);
bool s2_table_new(struct am_s2 *s2, unsigned nr, uint64_t *pa);
void s2_table_free(struct am_s2 *s2, uint64_t pa, unsigned nr);
/* The table that @desc, of @level, points to, and those below it, are no longer reachable. */
void s2_retire(struct am_s2 *s2, uint64_t desc, int level);

/* ---- s2_age.c ---- */

/* The block that says what all entries of the table, of @level, say; young if one of them is. */
bool s2_as_block(const struct am_s2 *s2, uint64_t *table, int level, uint64_t *block);

#endif
