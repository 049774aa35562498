/* SPDX-License-Identifier: MIT */
/* Translation tables of any granule (DDI 0487 D8.3), from a small pool. */
#include "guest.h"

#define POOL_SIZE (4u << 20)
static u8 pool[POOL_SIZE] __attribute__((aligned(65536)));
static u64 pool_used, pool_kept;
struct space kernel_space;

static u64 *table_alloc(unsigned granule)
{
	u64 size = 1ul << granule;
	u64 at = (pool_used + size - 1) & ~(size - 1);
	u64 *t = (u64 *)(pool + at);

	if (at + size > POOL_SIZE) {
		puts("Bail out! out of translation tables\n");
		power_off();
	}
	pool_used = at + size;
	for (u64 n = 0; n < size / 8; n++)
		t[n] = 0;
	return t;
}

void tables_reset(void)
{
	pool_used = pool_kept;
}

unsigned space_shift(const struct space *s, int level)
{
	return s->granule + (unsigned)(3 - level) * (s->granule - 3);
}

int space_start_level(const struct space *s)
{
	int level = 3;

	while (level > -1 && space_shift(s, level) + s->granule - 3 < s->va_bits)
		level--;
	return level;
}

void space_init(struct space *s, unsigned granule, unsigned va_bits)
{
	s->granule = granule;
	s->va_bits = va_bits;
	s->wide = false;
	s->root = table_alloc(granule);
}

void space_init_wide(struct space *s, unsigned granule, unsigned va_bits)
{
	space_init(s, granule, va_bits);
	s->wide = true;
}

/* Tables are in low memory, so their addresses look the same in every format. */
u64 *space_pte(struct space *s, u64 va, int level)
{
	u64 *t = s->root;
	u64 mask = (1ul << (s->granule - 3)) - 1;

	for (int l = space_start_level(s);; l++) {
		unsigned shift = space_shift(s, l);
		u64 *e = &t[va >> shift & mask];

		if (l == space_start_level(s))
			e = &t[(va & ((1ul << s->va_bits) - 1)) >> shift];
		if (l == level)
			return e;
		if ((*e & 3) != 3)
			*e = (u64)table_alloc(s->granule) | 3;
		t = (u64 *)(*e & 0xfffffffff000ul & ~((1ul << s->granule) - 1));
	}
}

/* An output address and attributes as a descriptor holds them (DDI 0487 D8.3.1). */
static u64 descriptor(const struct space *s, u64 pa, u64 attrs)
{
	if (!s->wide)
		return pa | attrs;
	if (s->granule == 16)
		return (pa & 0xffffffff0000) | (pa >> 48 & 0xf) << 12 | attrs;
	return (pa & 0x3fffffffff000) | (pa >> 50 & 3) << 8 | (attrs & ~PTE_SH);
}

void space_map(struct space *s, u64 va, u64 pa, int level, u64 attrs)
{
	u64 *e = space_pte(s, va, level);

	__atomic_store_n(e, descriptor(s, pa, attrs) | (level == 3 ? 3 : 1), __ATOMIC_RELEASE);
	dsb();
}

void space_unmap(struct space *s, u64 va, int level)
{
	__atomic_store_n(space_pte(s, va, level), 0, __ATOMIC_RELEASE);
	dsb();
}

void space_map_machine(struct space *s)
{
	u64 block = 1ul << space_shift(s, 2);

	for (u64 a = 0x08000000; a < 0x0a000000; a += block)
		space_map(s, a & ~(block - 1), a & ~(block - 1), 2,
			  PTE_AF | PTE_DEVICE | PTE_PXN | PTE_UXN);
	for (u64 a = 0x40000000; a < 0x44000000; a += block)
		space_map(s, a & ~(block - 1), a & ~(block - 1), 2, PTE_NORMAL | PTE_UXN);
}

u64 space_tcr(const struct space *s)
{
	u64 tg0 = s->granule == 12 ? 0 : s->granule == 14 ? 2 : 1;

	u64 size = s->wide ? 6 : 5, ds = s->wide && s->granule < 16;

	/* 48 or 52-bit IPS, TTBR1 walks off, inner and outer write-back, inner shareable. */
	return ds << 59 | size << 32 | 2ul << 30 | 1ul << 23 | 25ul << 16 | tg0 << 14 | 3 << 12 |
	       1 << 10 | 1 << 8 | (64 - s->va_bits) | 1ul << 36;
}

void mmu_on(struct space *s)
{
	if (!kernel_space.root) {
		space_init(&kernel_space, 12, 39);
		space_map_machine(&kernel_space);
		space_map(&kernel_space, USER_CODE, SPARE, 3, PTE_NORMAL | PTE_USER | PTE_PXN);
		space_map(&kernel_space, USER_STACK - 4096, SPARE + 4096, 3,
			  PTE_NORMAL | PTE_USER | PTE_PXN | PTE_UXN);
		space_pte(&kernel_space, TEST_VA, 3);
		pool_kept = pool_used;
	}
	/* Not while the old tables could be walked with the new size. */
	mmu_off();
	msr(mair_el1, 0x00ff | 0x04 << 8); /* 0: Normal write-back; 1: Device-nGnRE */
	msr(tcr_el1, space_tcr(s));
	msr(ttbr0_el1, s->root);
	msr(ttbr1_el1, 0);
	isb();
	tlbi_all();
	/* RES1 bits, no traps for EL0, stack alignment checked, MMU and caches on. */
	msr(sctlr_el1, 0x30d00800ul | 1 << 26 | 1 << 18 | 1 << 16 | 1 << 15 | 1 << 14 | 1 << 12 |
			   1 << 4 | 1 << 3 | 1 << 2 | 1);
	isb();
}

void mmu_off(void)
{
	msr(sctlr_el1, mrs(sctlr_el1) & ~1ul);
	isb();
	tlbi_all();
}

void tlbi_va(u64 va)
{
	dsb();
	asm volatile("tlbi vaae1is, %0" : : "r"(va >> 12 & 0xffffffffffful) : "memory");
	dsb();
	isb();
}

void tlbi_all(void)
{
	dsb();
	asm volatile("tlbi vmalle1is" : : : "memory");
	dsb();
	isb();
}

void test_map(u64 offset, u64 pa, u64 attrs)
{
	space_unmap(&kernel_space, TEST_VA + offset, 3);
	tlbi_va(TEST_VA + offset);
	space_map(&kernel_space, TEST_VA + offset, pa, 3, attrs);
	isb();
}

void test_unmap(u64 offset)
{
	space_unmap(&kernel_space, TEST_VA + offset, 3);
	tlbi_va(TEST_VA + offset);
}

void sync_code(u64 va, u64 len)
{
	for (u64 a = va & ~63ul; a < va + len; a += 64)
		asm volatile("dc cvau, %0" : : "r"(a) : "memory");
	dsb();
	for (u64 a = va & ~63ul; a < va + len; a += 64)
		asm volatile("ic ivau, %0" : : "r"(a) : "memory");
	dsb();
	isb();
}

u64 run_user_code(const u32 *code, const u32 *end, u64 arg0, u64 arg1, u64 spsr)
{
	u32 *to = (u32 *)SPARE; /* the same memory as USER_CODE */

	for (u64 n = 0; n < (u64)(end - code); n++)
		to[n] = code[n];
	sync_code(SPARE, (u64)(end - code) * 4);
	msr(sp_el0, USER_STACK);
	fault_clear();
	return enter_el0(USER_CODE, arg0, arg1, spsr);
}
