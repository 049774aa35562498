/* SPDX-License-Identifier: MIT */
/* Other granules and sizes, ASIDs, both table bases, TLB maintenance. */
#include "../guest.h"

#define EC_FSC(f) ((f)->esr & 0xfc00003f)
#define DABT(fsc) (0x25ul << 26 | (fsc))
#define P	  (SPARE + 0x40000)

#define WIDE true

/* Map one page and one block in a fresh space, look at both, at holes and at permissions. */
static void try_space(unsigned granule, unsigned va_bits, bool wide)
{
	struct space s;
	u64 page = 1ul << granule, block = 1ul << (granule + granule - 3);
	u64 va = (1ul << va_bits) - 4 * block; /* near the top: all levels take part */
	u64 pa = (P + page - 1) & ~(page - 1);

	if (wide)
		space_init_wide(&s, granule, va_bits);
	else
		space_init(&s, granule, va_bits);
	space_map_machine(&s);
	space_map(&s, va, pa, 3, PTE_NORMAL);
	space_map(&s, va + page, pa + page, 3, PTE_NORMAL | PTE_RO);
	space_map(&s, va + block, 0x40000000, 2, PTE_NORMAL);
	space_map(&s, va + 2 * page, pa, 3, PTE_SH);
	poke(pa + 8, granule);
	poke(pa + page, va_bits);
	*(u32 *)(pa + 0x100) = 0xd65f03c0; /* RET */
	sync_code(pa + 0x100, 4);
	poke(0x42000008, 0x1234);
	mmu_on(&s);
	CHECK_EQ(peek(va + 8), granule);
	CHECK_EQ(peek(va + page), va_bits);
	if (block > 0x2000000)
		CHECK_EQ(peek(va + block + 0x2000008), 0x1234);
	poke(va + page - 8, 0x4321);
	CHECK_EQ(peek(pa + page - 8), 0x4321);
	CHECK_EQ(FAULTS(call(va + 0x100))->count, 0);
	CHECK_EQ(EC_FSC(FAULTS(poke(va + page, 0))), DABT(0x0f));
	CHECK_EQ(EC_FSC(FAULTS(peek(va + 2 * page))), DABT(0x0b));
	CHECK_EQ(EC_FSC(FAULTS(peek(va + 3 * page))), DABT(0x07));
	CHECK_EQ(EC_FSC(FAULTS(peek(va + 2 * block))), DABT(0x06));
	CHECK_EQ(EC_FSC(FAULTS(peek(1ul << va_bits))) & ~3ul, DABT(0x04));
	/* An access over the page boundary, first page writable, second not. */
	CHECK_EQ(EC_FSC(FAULTS(poke(va + page - 4, 0))), DABT(0x0f));
	CHECK_EQ(this_cpu->fault.far, va + page);
	/* TLBI by address reaches the top of the address space. */
	space_unmap(&s, va, 3);
	tlbi_va(va);
	CHECK_EQ(EC_FSC(FAULTS(peek(va + 8))), DABT(0x07));
	CHECK_EQ(peek(va + page), va_bits);
	mmu_on(&kernel_space);
	tables_reset();
}

TEST(granule_4k, "4K granule, 48, 42, 39 and 32-bit addresses")
{
	try_space(12, 48, false);
	try_space(12, 42, false);
	try_space(12, 39, false);
	try_space(12, 32, false);
}

TEST(granule_16k, "16K granule, 48, 47, 40 and 36-bit addresses")
{
	if ((mrs(id_aa64mmfr0_el1) >> 20 & 0xf) == 0) {
		puts("# 16K is not offered\n");
		return;
	}
	try_space(14, 48, false);
	try_space(14, 47, false);
	try_space(14, 40, false);
	try_space(14, 36, false);
}

TEST(granule_64k, "64K granule, 48, 42 and 36-bit addresses")
{
	try_space(16, 48, false);
	try_space(16, 42, false);
	try_space(16, 36, false);
}

TEST(granule_4k_wide, "4K granule with LPA2, 52, 49, 48 and 39-bit addresses")
{
	if ((mrs(id_aa64mmfr0_el1) >> 28 & 0xf) != 1) {
		puts("# LPA2 is not offered for 4K\n");
		return;
	}
	try_space(12, 52, WIDE);
	try_space(12, 49, WIDE);
	try_space(12, 48, WIDE);
	try_space(12, 39, WIDE);
}

TEST(granule_16k_wide, "16K granule with LPA2, 52, 49, 48 and 36-bit addresses")
{
	if ((mrs(id_aa64mmfr0_el1) >> 20 & 0xf) != 2) {
		puts("# LPA2 is not offered for 16K\n");
		return;
	}
	try_space(14, 52, WIDE);
	try_space(14, 49, WIDE);
	try_space(14, 48, WIDE);
	try_space(14, 36, WIDE);
}

TEST(granule_64k_wide, "64K granule with LPA and LVA, 52, 49 and 42-bit addresses")
{
	if ((mrs(id_aa64mmfr0_el1) & 0xf) != 6 || (mrs(S3_0_C0_C7_2) >> 16 & 0xf) == 0) {
		puts("# LPA and LVA are not offered\n");
		return;
	}
	try_space(16, 52, WIDE);
	try_space(16, 49, WIDE);
	try_space(16, 42, WIDE);
}

TEST(asids, "non-global pages belong to their ASID, global ones to all")
{
	struct space a, b;
	u64 va = TEST_VA, shared = TEST_VA + 0x1000;

	space_init(&a, 12, 39);
	space_init(&b, 12, 39);
	space_map_machine(&a);
	space_map_machine(&b);
	space_map(&a, va, P, 3, PTE_NORMAL | PTE_NG);
	space_map(&b, va, P + 0x1000, 3, PTE_NORMAL | PTE_NG);
	space_map(&a, shared, P + 0x2000, 3, PTE_NORMAL);
	space_map(&b, shared, P + 0x2000, 3, PTE_NORMAL);
	poke(P, 0xa);
	poke(P + 0x1000, 0xb);
	poke(P + 0x2000, 0xc);
	for (u64 n = 0; n < 20; n++) {
		/* More address spaces than the TLB may have room for. */
		u64 asid = n / 2 + 1;

		msr(ttbr0_el1, (u64)a.root | asid << 48);
		isb();
		CHECK_EQ(peek(va), 0xa);
		CHECK_EQ(peek(shared), 0xc);
		msr(ttbr0_el1, (u64)b.root | (asid + 100) << 48);
		isb();
		CHECK_EQ(peek(va), 0xb);
		CHECK_EQ(peek(shared), 0xc);
	}
	/* TLBI ASIDE1 makes a changed entry of that ASID seen. */
	space_map(&b, va, P, 3, PTE_NORMAL | PTE_NG);
	asm volatile("tlbi aside1is, %0\n dsb sy\n isb" : : "r"(110ul << 48) : "memory");
	CHECK_EQ(peek(va), 0xa);
	/* TLBI VAE1 too, and for a global entry with any ASID. */
	space_map(&b, va, P + 0x1000, 3, PTE_NORMAL | PTE_NG);
	asm volatile("tlbi vae1, %0\n dsb sy\n isb" : : "r"(110ul << 48 | va >> 12) : "memory");
	CHECK_EQ(peek(va), 0xb);
	space_map(&b, shared, P, 3, PTE_NORMAL);
	asm volatile("tlbi vae1, %0\n dsb sy\n isb" : : "r"(1ul << 48 | shared >> 12) : "memory");
	CHECK_EQ(peek(shared), 0xa);
	mmu_on(&kernel_space);
	tables_reset();
}

TEST(ttbr1, "the upper half goes through TTBR1_EL1")
{
	struct space s;
	u64 top = 0xffffff8000000000, tcr = mrs(tcr_el1);

	space_init(&s, 12, 39);
	space_map(&s, 0x3000, P, 3, PTE_NORMAL);
	space_map(&s, 0x7fffffe000, P + 0x1000, 3, PTE_NORMAL);
	poke(P, 0x11);
	poke(P + 0x1000, 0x22);
	CHECK_EQ(EC_FSC(FAULTS(peek(top + 0x3000))) & ~3ul, DABT(0x04));
	msr(ttbr1_el1, s.root);
	/* EPD1 off; T1SZ 25, 4K, write-back, inner shareable. */
	msr(tcr_el1, (tcr & ~(1ul << 23)) | 2ul << 30 | 3ul << 28 | 1ul << 26 | 1ul << 24);
	isb();
	tlbi_all();
	CHECK_EQ(peek(top + 0x3000), 0x11);
	CHECK_EQ(peek(0xffffffffffffe000), 0x22);
	CHECK_EQ(EC_FSC(FAULTS(peek(top + 0x4000))), DABT(0x07));
	CHECK_EQ(EC_FSC(FAULTS(peek(top - 8))) & ~3ul, DABT(0x04));
	/* The very last bytes, and over the end to address 0, which is mapped to nothing. */
	CHECK_EQ(EC_FSC(FAULTS(peek(0xfffffffffffffff8))), DABT(0x07));
	msr(tcr_el1, tcr);
	msr(ttbr1_el1, 0);
	isb();
	tlbi_all();
	tables_reset();
}

static u64 peek_test_page(u64 n)
{
	u64 v = 0;

	for (u64 k = 0; k < n; k++)
		v = peek(TEST_VA + 0x5000);
	return v;
}

TEST(tlbi_broadcast, "TLBI ...IS reaches the other CPUs before DSB is done")
{
	unsigned n = start_cpus();

	if (n < 2) {
		puts("# one CPU only\n");
		return;
	}
	poke(P, 1);
	poke(P + 0x1000, 2);
	for (unsigned round = 0; round < 200; round++) {
		u64 pa = P + (round & 1) * 0x1000;

		test_map(0x5000, pa, PTE_NORMAL);
		for (unsigned c = 1; c < n; c++)
			cpu_do(c, peek_test_page, 3);
		for (unsigned c = 1; c < n; c++)
			CHECK_EQ(cpu_wait(c), (round & 1) + 1);
	}
}

/* Reads the page for ever until it faults; returns what it read last. */
static u64 peek_until_fault(u64 va)
{
	u64 last = 0, v;

	fault_clear();
	for (;;) {
		v = peek(va);
		if (this_cpu->fault.count)
			return last;
		last = v;
	}
}

TEST(tlbi_running, "unmapping under a running reader stops it")
{
	if (start_cpus() < 2)
		return;
	for (unsigned round = 0; round < 50; round++) {
		test_map(0x6000, P, PTE_NORMAL);
		poke(P, 100 + round);
		cpu_do(1, peek_until_fault, TEST_VA + 0x6000);
		for (u64 end = now_ns() + 100000; now_ns() < end;)
			;
		test_unmap(0x6000);
		/* From here nobody can see the page through that address. */
		poke(P, 0xdead);
		CHECK(cpu_wait(1) != 0xdead);
	}
}
