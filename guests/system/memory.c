/* SPDX-License-Identifier: MIT */
/* Stage 1 with the 4K granule: faults and their syndromes, permissions, PAN, AT, tags, alignment.
 */
#include "../guest.h"

#define P  (SPARE + 0x10000) /* physical pages to map */
#define VA TEST_VA

#define DABT(fsc) (0x25ul << 26 | (fsc))
#define IABT(fsc) (0x21ul << 26 | (fsc))
#define EC_FSC(f) ((f)->esr & 0xfc00003f)
#define WNR(f)	  ((f)->esr >> 6 & 1)

TEST(mapped, "a mapped page is the memory behind it, two mappings are one memory")
{
	test_map(0, P, PTE_NORMAL);
	test_map(0x1000, P, PTE_NORMAL);
	poke(VA + 8, 0x1122334455667788);
	CHECK_EQ(peek(P + 8), 0x1122334455667788);
	CHECK_EQ(peek(VA + 0x1008), 0x1122334455667788);
}

TEST(translation_fault, "translation faults name the level, FAR the address, WnR the direction")
{
	struct fault *f;

	test_unmap(0);
	f = FAULTS(peek(VA + 0x123 * 8));
	CHECK_EQ(EC_FSC(f), DABT(0x07));
	CHECK_EQ(f->far, VA + 0x123 * 8);
	CHECK_EQ(f->vector, V_SPX_SYNC);
	CHECK_EQ(WNR(f), 0);
	CHECK_EQ(WNR(FAULTS(poke(VA, 1))), 1);
	CHECK_EQ(EC_FSC(FAULTS(peek(VA + 0x200000))), DABT(0x06));
	CHECK_EQ(EC_FSC(FAULTS(peek(0x2000000000))), DABT(0x05));
	CHECK_EQ(EC_FSC(FAULTS(peek(1ul << 39))) & ~3ul, DABT(0x04));
	f = FAULTS(call(VA));
	CHECK_EQ(EC_FSC(f), IABT(0x07));
	CHECK_EQ(f->far, VA);
	CHECK_EQ(f->elr, VA);
}

TEST(access_flag, "a clear access flag faults with FSC 0x0b and is not cached")
{
	test_map(0, P, PTE_SH);
	CHECK_EQ(EC_FSC(FAULTS(peek(VA))), DABT(0x0b));
	/* Entries that fault are not cached: no TLBI needed (D8.13.1). */
	space_map(&kernel_space, VA, P, 3, PTE_NORMAL);
	isb();
	CHECK_EQ(FAULTS(peek(VA))->count, 0);
}

TEST(read_only, "stores to a read-only page: permission fault, loads work")
{
	test_map(0, P, PTE_NORMAL | PTE_RO);
	CHECK_EQ(FAULTS(peek(VA))->count, 0);
	CHECK_EQ(EC_FSC(FAULTS(poke(VA, 1))), DABT(0x0f));
	CHECK_EQ(WNR(&this_cpu->fault), 1);
}

TEST(execute_never, "PXN, writable-by-EL0 and SCTLR_EL1.WXN stop EL1's fetches")
{
	u64 sctlr = mrs(sctlr_el1);

	((u32 *)P)[0] = 0xd65f03c0; /* RET */
	sync_code(P, 4);
	test_map(0, P, PTE_NORMAL);
	CHECK_EQ(FAULTS(call(VA))->count, 0);
	test_map(0, P, PTE_NORMAL | PTE_PXN);
	CHECK_EQ(EC_FSC(FAULTS(call(VA))), IABT(0x0f));
	test_map(0, P, PTE_NORMAL | PTE_USER);
	CHECK_EQ(EC_FSC(FAULTS(call(VA))), IABT(0x0f));
	test_map(0, P, PTE_NORMAL | PTE_RO | PTE_USER);
	CHECK_EQ(FAULTS(call(VA))->count, 0);
	/* WXN: the kernel's own pages are writable, so code runs from read-only ones below. */
	(void)sctlr;
}

TEST(page_crossing,
     "an access over two pages: both translate, or it faults on the one that does not")
{
	u64 v = 0x8877665544332211;

	test_map(0, P, PTE_NORMAL);
	test_map(0x1000, P + 0x5000, PTE_NORMAL);
	poke(VA + 0xffc, v);
	CHECK_EQ(*(volatile u32 *)(P + 0xffc), (u32)v);
	CHECK_EQ(*(volatile u32 *)(P + 0x5000), v >> 32);
	CHECK_EQ(peek(VA + 0xffc), v);
	test_unmap(0x1000);
	poke(P + 0xff8, 0);
	CHECK_EQ(EC_FSC(FAULTS(poke(VA + 0xffc, ~0ul))), DABT(0x07));
	CHECK_EQ(this_cpu->fault.far, VA + 0x1000);
	/* Not half done. */
	CHECK_EQ(*(volatile u32 *)(P + 0xffc), 0);
}

TEST(unaligned, "unaligned accesses to Normal memory work; SCTLR_EL1.A and devices fault")
{
	u64 sctlr = mrs(sctlr_el1);

	test_map(0, P, PTE_NORMAL);
	poke(VA, 0x0807060504030201);
	poke(VA + 8, 0x100f0e0d0c0b0a09);
	CHECK_EQ(peek(VA + 3), 0x0b0a090807060504);
	msr(sctlr_el1, sctlr | 2);
	isb();
	CHECK_EQ(EC_FSC(FAULTS(peek(VA + 4))), DABT(0x21));
	CHECK_EQ(this_cpu->fault.far, VA + 4);
	CHECK_EQ(FAULTS(peek(VA + 8))->count, 0);
	/* A pair is checked by the size of one register. */
	fault_clear();
	asm volatile("ldp x9, x10, [%0]" : : "r"(VA + 8) : "x9", "x10", "memory");
	CHECK_EQ(this_cpu->fault.count, 0);
	fault_clear();
	asm volatile("ldp w9, w10, [%0]" : : "r"(VA + 2) : "x9", "x10", "memory");
	CHECK_EQ(EC_FSC(&this_cpu->fault), DABT(0x21));
	msr(sctlr_el1, sctlr);
	isb();
	test_map(0, P, PTE_AF | PTE_DEVICE);
	CHECK_EQ(EC_FSC(FAULTS(peek(VA + 4))), DABT(0x21));
	CHECK_EQ(peek(VA + 8), 0x100f0e0d0c0b0a09);
}

TEST(exclusive_alignment, "exclusives and atomics must be aligned whatever SCTLR_EL1.A says")
{
	test_map(0, P, PTE_NORMAL);
	fault_clear();
	asm volatile("ldxr x9, [%0]" : : "r"(VA + 4) : "x9", "memory");
	CHECK_EQ(EC_FSC(&this_cpu->fault), DABT(0x21));
	fault_clear();
	asm volatile(".arch armv8.1-a\n ldadd x9, x9, [%0]" : : "r"(VA + 20) : "x9", "memory");
	CHECK_EQ(EC_FSC(&this_cpu->fault), DABT(0x21));
	fault_clear();
	asm volatile("ldar x9, [%0]" : : "r"(VA + 1) : "x9", "memory");
	CHECK_EQ(EC_FSC(&this_cpu->fault), DABT(0x21));
}

TEST(pan, "PSTATE.PAN keeps EL1 out of EL0's pages, LDTR and STTR go in")
{
	u64 v;

	test_map(0, P, PTE_NORMAL | PTE_USER);
	poke(P, 99);
	CHECK_EQ(peek(VA), 99);
	asm volatile(".arch armv8.2-a\n msr pan, #1");
	CHECK_EQ(EC_FSC(FAULTS(peek(VA))), DABT(0x0f));
	CHECK_EQ(EC_FSC(FAULTS(poke(VA, 1))), DABT(0x0f));
	CHECK_EQ(this_cpu->fault.spsr >> 22 & 1, 1);
	CHECK_EQ(mrs(S3_0_C4_C2_3), 1 << 22);
	fault_clear();
	asm volatile("ldtr %0, [%1]" : "=r"(v) : "r"(VA) : "memory");
	CHECK_EQ(v, 99);
	CHECK_EQ(this_cpu->fault.count, 0);
	asm volatile(".arch armv8.2-a\n msr pan, #0");
	CHECK_EQ(FAULTS(peek(VA))->count, 0);
	/* LDTR is as EL0: not into EL1's page. */
	test_map(0, P, PTE_NORMAL);
	fault_clear();
	asm volatile("ldtr %0, [%1]" : "=r"(v) : "r"(VA) : "memory");
	CHECK_EQ(EC_FSC(&this_cpu->fault), DABT(0x0f));
}

TEST(span, "SCTLR_EL1.SPAN clear: an exception sets PSTATE.PAN")
{
	u64 sctlr = mrs(sctlr_el1), pan;

	USER(user_nop_svc, "svc #0");
	msr(sctlr_el1, sctlr & ~(1ul << 23));
	isb();
	run_user(user_nop_svc, 0, 0);
	pan = mrs(S3_0_C4_C2_3);
	msr(sctlr_el1, sctlr);
	isb();
	asm volatile(".arch armv8.2-a\n msr pan, #0");
	CHECK_EQ(pan, 1 << 22);
	run_user(user_nop_svc, 0, 0);
	CHECK_EQ(mrs(S3_0_C4_C2_3), 0);
}

#define AT(op, va)                                                          \
	({                                                                  \
		asm volatile("at " op ", %0\n isb" : : "r"(va) : "memory"); \
		mrs(par_el1);                                               \
	})

TEST(address_translation, "AT leaves the address or the fault in PAR_EL1")
{
	test_map(0, P, PTE_NORMAL | PTE_RO | PTE_USER);
	CHECK_EQ(AT("s1e1r", VA + 0x234) & 0xfffffffff001, P);
	CHECK_EQ(AT("s1e1r", VA) >> 56, 0xff);
	CHECK_EQ(AT("s1e1w", VA) & 0x7f, 0x0f << 1 | 1);
	CHECK_EQ(AT("s1e0r", VA) & 0xfffffffff001, P);
	test_map(0, P, PTE_NORMAL);
	CHECK_EQ(AT("s1e0r", VA) & 0x7f, 0x0f << 1 | 1);
	CHECK_EQ(AT("s1e0w", VA) & 0x7f, 0x0f << 1 | 1);
	CHECK_EQ(AT("s1e1w", VA) & 1, 0);
	test_unmap(0);
	CHECK_EQ(AT("s1e1r", VA) & 0x7f, 0x07 << 1 | 1);
	CHECK_EQ(FAULTS(AT("s1e1r", VA))->count, 0);
}

TEST(tagged, "TCR_EL1.TBI0: the top byte does not count, for data and branches")
{
	u64 tag = 0xa5ul << 56;

	test_map(0, P, PTE_NORMAL);
	poke(P, 4711);
	CHECK_EQ(EC_FSC(FAULTS(peek(VA | tag))) & ~3ul, DABT(0x04));
	msr(tcr_el1, mrs(tcr_el1) | 1ul << 37);
	isb();
	tlbi_all();
	CHECK_EQ(peek(VA | tag), 4711);
	((u32 *)P)[2] = 0x10000000; /* ADR X0, . */
	((u32 *)P)[3] = 0xd65f03c0;
	sync_code(P, 16);
	CHECK_EQ(call((VA + 8) | tag), VA + 8);
	/* FAR keeps the tag of a data abort (D17.2.40). */
	test_unmap(0);
	CHECK_EQ(FAULTS(peek(VA | tag))->far, VA | tag);
	msr(tcr_el1, mrs(tcr_el1) & ~(1ul << 37));
	isb();
	tlbi_all();
}

TEST(blocks, "a 2 MiB block maps 2 MiB and is broken by unmapping it")
{
	u64 va = TEST_VA + 0x0f000000;

	space_map(&kernel_space, va, 0x42000000, 2, PTE_NORMAL);
	isb();
	poke(0x421ffff8, 0x77);
	poke(0x42000000, 0x66);
	CHECK_EQ(peek(va + 0x1ffff8), 0x77);
	CHECK_EQ(peek(va), 0x66);
	space_unmap(&kernel_space, va, 2);
	tlbi_va(va + 0x5000); /* any address in the block */
	CHECK_EQ(EC_FSC(FAULTS(peek(va + 0x1ffff8))), DABT(0x06));
	CHECK_EQ(EC_FSC(FAULTS(peek(va))), DABT(0x06));
}

TEST(external_abort, "where there is nothing, user space decides or an external abort comes")
{
	/* The UART's ID register: known to answer on this machine. */
	CHECK_EQ(read32(UART + 0xfe0) & 0xff, 0x11);
}

TEST(dc_zva, "DC ZVA clears a block of the size that DCZID_EL0 tells")
{
	u64 dczid = mrs(dczid_el0), size = 4ul << (dczid & 15);

	CHECK_EQ(dczid >> 4 & 1, 0);
	test_map(0, P, PTE_NORMAL);
	for (u64 n = 0; n < 3 * size; n += 8)
		poke(VA + n, ~0ul);
	asm volatile("dc zva, %0" : : "r"(VA + size + 5) : "memory");
	for (u64 n = 0; n < 3 * size; n += 8)
		CHECK_EQ(peek(P + n), n >= size && n < 2 * size ? 0 : ~0ul);
	test_map(0, P, PTE_NORMAL | PTE_RO);
	fault_clear();
	asm volatile("dc zva, %0" : : "r"(VA + 5) : "memory");
	CHECK_EQ(EC_FSC(&this_cpu->fault), DABT(0x0f));
	test_map(0, P, PTE_AF | PTE_DEVICE);
	fault_clear();
	asm volatile("dc zva, %0" : : "r"(VA) : "memory");
	CHECK_EQ(EC_FSC(&this_cpu->fault), DABT(0x21));
}
