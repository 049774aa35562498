/* SPDX-License-Identifier: MIT */
/*
 * 52-bit addresses: where each granule and format faults, which blocks it has, what it makes of
 * output addresses above 48 bits (DDI 0487 D8.2, D8.3).
 */
#include "../guest.h"

#define EC_FSC(f) ((f)->esr & 0xfc00003f)
#define DABT(fsc) (0x25ul << 26 | (fsc))
#define P	  (SPARE + 0x80000)

#define IPS(tcr, v) (((tcr) & ~(7ul << 32)) | (v) << 32)

static bool have_wide(void)
{
	u64 mmfr0 = mrs(id_aa64mmfr0_el1);

	/* PARange 52, TGran16 and TGran4 with LPA2; ID_AA64MMFR2_EL1.VARange. */
	if ((mmfr0 & 0xf) == 6 && (mmfr0 >> 20 & 0xf) == 2 && (mmfr0 >> 28 & 0xf) == 1 &&
	    (mrs(S3_0_C0_C7_2) >> 16 & 0xf) == 1)
		return true;
	puts("# 52-bit addresses are not offered\n");
	return false;
}

static u64 translation(int level)
{
	return DABT(level < 0 ? 0x2b : 0x04 + (u64)level);
}

static u64 address_size(int level)
{
	return DABT(level < 0 ? 0x29 : (u64)level);
}

static void set_tcr(u64 tcr)
{
	msr(tcr_el1, tcr);
	isb();
	tlbi_all();
}

static void set_entry(u64 *e, u64 v)
{
	__atomic_store_n(e, v, __ATOMIC_RELEASE);
	tlbi_all();
}

struct walk {
	struct space s;
	u64 va, tcr;
};

/* One page at the end of the address space, seen once. */
static void begin(struct walk *w, unsigned granule)
{
	w->va = (1ul << 52) - (1ul << granule);
	space_init_wide(&w->s, granule, 52);
	space_map_machine(&w->s);
	space_map(&w->s, w->va, P & ~((1ul << granule) - 1), 3, PTE_NORMAL);
	mmu_on(&w->s);
	w->tcr = mrs(tcr_el1);
	CHECK_EQ(FAULTS(peek(w->va))->count, 0);
}

static void end(void)
{
	mmu_on(&kernel_space);
	tables_reset();
}

/* Break the walk at each level in turn. */
static void try_levels(unsigned granule)
{
	struct walk w;

	begin(&w, granule);
	for (int level = space_start_level(&w.s); level <= 3; level++) {
		u64 *e = space_pte(&w.s, w.va, level), old = *e;

		set_entry(e, 0);
		CHECK_EQ(EC_FSC(FAULTS(peek(w.va))), translation(level));
		CHECK_EQ(this_cpu->fault.far, w.va);
		set_entry(e, old);
		CHECK_EQ(FAULTS(peek(w.va))->count, 0);
	}
	end();
}

TEST(levels_4k, "4K with LPA2: translation faults name the level, -1 to 3")
{
	if (have_wide())
		try_levels(12);
}

TEST(levels_16k, "16K with LPA2: translation faults name the level, 0 to 3")
{
	if (have_wide())
		try_levels(14);
}

TEST(levels_64k, "64K with LPA: translation faults name the level, 1 to 3")
{
	if (have_wide())
		try_levels(16);
}

/* The lowest address bit above 47 of a descriptor: OA[50] with LPA2, OA[48] with 64K. */
static void try_sizes(unsigned granule)
{
	u64 large = granule == 16 ? 1 << 12 : 1 << 8;
	struct walk w;

	begin(&w, granule);
	for (int level = space_start_level(&w.s); level <= 3; level++) {
		u64 *e = space_pte(&w.s, w.va, level), old = *e;

		set_entry(e, old | large);
		set_tcr(IPS(w.tcr, 5ul));
		CHECK_EQ(EC_FSC(FAULTS(peek(w.va))), address_size(level));
		set_tcr(w.tcr);
		set_entry(e, old);
		CHECK_EQ(FAULTS(peek(w.va))->count, 0);
	}
	end();
}

TEST(sizes, "a descriptor with an address above IPS: address size fault of its level")
{
	if (!have_wide())
		return;
	try_sizes(12);
	try_sizes(14);
	try_sizes(16);
}

static void try_no_block(unsigned granule, int level)
{
	struct walk w;

	begin(&w, granule);
	set_entry(space_pte(&w.s, w.va, level), PTE_AF | 1);
	CHECK_EQ(EC_FSC(FAULTS(peek(w.va))), translation(level));
	end();
}

TEST(no_block, "a block's descriptor at level -1 (4K) or 0 (16K) is invalid")
{
	if (!have_wide())
		return;
	try_no_block(12, -1);
	try_no_block(14, 0);
}

TEST(page_bit, "at level 3 a descriptor with bit 1 clear is invalid")
{
	if (!have_wide())
		return;
	try_no_block(12, 3);
	try_no_block(14, 3);
	try_no_block(16, 3);
}

/* The largest block maps all memory from address 0 on; it checks the flags at its level. */
static void try_block(unsigned granule, int level)
{
	struct space s;
	u64 va;

	space_init_wide(&s, granule, 52);
	space_map_machine(&s);
	va = (1ul << 52) - (1ul << space_shift(&s, level));
	space_map(&s, va, 0, level, PTE_NORMAL);
	poke(P, 0xb10c + granule);
	mmu_on(&s);
	CHECK_EQ(peek(va + P), 0xb10c + granule);
	set_entry(space_pte(&s, va, level), 1 | PTE_RO | PTE_AF);
	CHECK_EQ(EC_FSC(FAULTS(poke(va + P, 0))), DABT(0x0c + (u64)level));
	set_entry(space_pte(&s, va, level), 1);
	CHECK_EQ(EC_FSC(FAULTS(peek(va + P))), DABT(0x08 + (u64)level));
	/* TLBI of any address in it drops all of it. */
	set_entry(space_pte(&s, va, level), 1 | PTE_AF);
	CHECK_EQ(peek(va + P), 0xb10c + granule);
	*space_pte(&s, va, level) = 0;
	tlbi_va(va + 0x1000000);
	CHECK_EQ(EC_FSC(FAULTS(peek(va + P))), DABT(0x04 + (u64)level));
	end();
}

TEST(large_blocks, "blocks of 512 GiB (4K), 64 GiB (16K) with LPA2, 4 TiB (64K) with LPA")
{
	if (!have_wide())
		return;
	try_block(12, 0);
	try_block(14, 1);
	try_block(16, 1);
}

TEST(no_large_blocks, "without TCR_EL1.DS there are no blocks of 512 GiB and 64 GiB")
{
	struct space s;

	for (unsigned granule = 12; granule <= 14; granule += 2) {
		int level = granule == 12 ? 0 : 1;
		u64 va;

		space_init(&s, granule, 48);
		space_map_machine(&s);
		va = (1ul << 48) - (1ul << space_shift(&s, level));
		space_map(&s, va, 0, level, PTE_NORMAL);
		mmu_on(&s);
		CHECK_EQ(EC_FSC(FAULTS(peek(va + P))), translation(level));
		end();
	}
}

/* TTBR1 too, so that this code stays mapped: T1SZ 12, 4K. Returns TCR_EL1. */
static u64 begin_upper(struct space *s)
{
	u64 tcr;

	space_init_wide(s, 12, 52);
	space_map_machine(s);
	mmu_on(s);
	tcr = (mrs(tcr_el1) & ~(1ul << 23 | 0x3ful << 16)) | 12ul << 16 | 2ul << 30;
	msr(ttbr1_el1, s->root);
	set_tcr(tcr);
	return tcr;
}

TEST(upper_half, "the upper half of 52 bits, with LPA2")
{
	struct space s;

	if (!have_wide())
		return;
	begin_upper(&s);
	poke(P, 0x7711);
	CHECK_EQ(peek(0xfff0000000000000 + P), 0x7711);
	CHECK_EQ(EC_FSC(FAULTS(peek(0xffe0000000000000 + P))), DABT(0x04));
	CHECK_EQ(EC_FSC(FAULTS(peek(~0xffful))), translation(-1));
	end();
}

TEST(ttbr_size, "a table base above IPS: address size fault, level 0")
{
	struct space s;
	u64 tcr;

	if (!have_wide())
		return;
	tcr = begin_upper(&s);
	/* Bits 5:2 are address bits 51:48. */
	msr(ttbr1_el1, (u64)s.root | 1 << 3);
	set_tcr(IPS(tcr, 5ul));
	CHECK_EQ(EC_FSC(FAULTS(peek(~0xffful))), DABT(0x00));
	end();
}

TEST(small_txsz, "a TxSZ below what the format allows: translation fault, level 0")
{
	u64 tcr = mrs(tcr_el1);

	if (!have_wide())
		return;
	msr(ttbr1_el1, kernel_space.root);
	/* 4K without DS has 48 bits at most; 64K always 52. */
	for (u64 tsz = 8; tsz < 16; tsz++) {
		set_tcr((tcr & ~(1ul << 23 | 0x3ful << 16)) | tsz << 16 | 2ul << 30);
		CHECK_EQ(EC_FSC(FAULTS(peek(~0xffful))), DABT(0x04));
	}
	set_tcr((tcr & ~(1ul << 23 | 0x3ful << 16 | 3ul << 30)) | 11ul << 16 | 3ul << 30);
	CHECK_EQ(EC_FSC(FAULTS(peek(~0xfffful))), DABT(0x04));
	set_tcr(tcr);
	msr(ttbr1_el1, 0);
	isb();
}

#define AT(va)                                                             \
	({                                                                 \
		asm volatile("at s1e1r, %0\n isb" : : "r"(va) : "memory"); \
		mrs(par_el1);                                              \
	})

TEST(par_52, "AT reports output addresses of 52 bits in PAR_EL1")
{
	static const u8 granules[] = {12, 14, 16};

	if (!have_wide())
		return;
	for (unsigned n = 0; n < 3; n++) {
		u64 page = 1ul << granules[n], pa = 0xfedc123456780000 & 0xfffffffff0000;
		u64 va = (1ul << 52) - page;
		struct space s;

		space_init_wide(&s, granules[n], 52);
		space_map_machine(&s);
		space_map(&s, va, pa, 3, PTE_NORMAL);
		mmu_on(&s);
		CHECK_EQ(AT(va + 0x123) & 0xffffffffff001, pa);
		CHECK_EQ(AT(va + page - 1) & 0xffffffffff001, pa + page - 0x1000);
		CHECK_EQ(AT(va - (1ul << space_shift(&s, space_start_level(&s)))) & 0x7f,
			 (translation(space_start_level(&s)) & 0x3f) << 1 | 1);
		end();
	}
}

TEST(mmu_off_size, "with the MMU off, addresses above PARange: address size fault, level 0")
{
	if ((mrs(id_aa64mmfr0_el1) & 0xf) != 6)
		return;
	mmu_off();
	CHECK_EQ(EC_FSC(FAULTS(peek(1ul << 52))), DABT(0x00));
	CHECK_EQ(EC_FSC(FAULTS(peek(1ul << 54))), DABT(0x00));
	mmu_on(&kernel_space);
}
