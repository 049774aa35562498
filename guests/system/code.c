/* SPDX-License-Identifier: MIT */
/* Code that changes: DC CVAU, IC IVAU, IC IALLU, on this CPU and on others (DDI 0487 B2.4.4). */
#include "../guest.h"

#define P (SPARE + 0x80000)

static void write_return(u64 at, u32 value)
{
	u32 *p = (u32 *)at;

	p[0] = 0x52800000 | value << 5; /* MOV W0, #value */
	p[1] = 0xd65f03c0;		/* RET */
}

TEST(code_changes, "changed code runs after DC CVAU, IC IVAU, ISB")
{
	for (u32 n = 0; n < 1000; n++) {
		write_return(P, n);
		sync_code(P, 8);
		CHECK_EQ(call(P), n);
	}
}

TEST(code_iallu, "IC IALLU and IALLUIS do the same for everything")
{
	for (u32 n = 0; n < 100; n++) {
		write_return(P, n);
		dsb();
		if (n & 1)
			asm volatile("ic iallu" : : : "memory");
		else
			asm volatile("ic ialluis" : : : "memory");
		dsb();
		isb();
		CHECK_EQ(call(P), n);
	}
}

TEST(code_alias, "IC IVAU through one address reaches code run through another")
{
	test_map(0, P, PTE_NORMAL | PTE_RO);
	for (u32 n = 0; n < 100; n++) {
		write_return(P, n);
		sync_code(P, 8);
		CHECK_EQ(call(TEST_VA), n);
	}
}

TEST(code_remap, "another page at the same address is other code")
{
	write_return(P, 1);
	write_return(P + 0x1000, 2);
	sync_code(P, 0x1008);
	for (u32 n = 0; n < 100; n++) {
		test_map(0, P + (n & 1) * 0x1000, PTE_NORMAL | PTE_RO);
		CHECK_EQ(call(TEST_VA), (n & 1) + 1);
	}
}

TEST(code_same_page, "code may rewrite the instructions just ahead of it")
{
	u32 *p = (u32 *)P;

	/* str w2, [x1]; dc cvau; dsb; ic ivau; dsb; isb; <patched>; ret */
	static const u32 code[] = {
	    0x10000141, /* adr x1, p + 10 words */
	    0x528000e0, /* mov w0, #7 */
	    0x18000122, /* ldr w2, p + 11 words */
	    0xb9000022, /* str w2, [x1] */
	    0xd50b7b21, /* dc cvau, x1 */
	    0xd5033f9f, /* dsb sy */
	    0xd50b7521, /* ic ivau, x1 */
	    0xd5033f9f, /* dsb sy */
	    0xd5033fdf, /* isb */
	    0xd503201f, /* nop */
	    0xd503201f, /* nop, becomes the next word */
	    0x52800540, /* mov w0, #42 */
	    0xd65f03c0, /* ret */
	};

	for (unsigned n = 0; n < sizeof(code) / 4; n++)
		p[n] = code[n];
	p[11] = 0x52800540;
	sync_code(P, sizeof(code));
	CHECK_EQ(call(P), 42);
	p[10] = 0xd503201f;
	p[11] = 0xd503201f;
	sync_code(P, sizeof(code));
	CHECK_EQ(call(P), 7);
}

TEST(code_page_end, "an instruction stream runs over the end of a page")
{
	test_map(0, P, PTE_NORMAL | PTE_RO);
	test_map(0x1000, P + 0x3000, PTE_NORMAL | PTE_RO);
	*(u32 *)(P + 0xffc) = 0x52800080;  /* MOV W0, #4 */
	*(u32 *)(P + 0x3000) = 0x11000400; /* ADD W0, W0, #1 */
	*(u32 *)(P + 0x3004) = 0xd65f03c0;
	sync_code(P, 0x4000);
	CHECK_EQ(call(TEST_VA + 0xffc), 5);
	test_unmap(0x1000);
	FAULTS(call(TEST_VA + 0xffc));
	CHECK_EQ(this_cpu->fault.elr, TEST_VA + 0x1000);
	CHECK_EQ(this_cpu->fault.far, TEST_VA + 0x1000);
}

static u64 run_code(u64 at)
{
	isb();
	return call(at);
}

TEST(code_other_cpu, "IC IVAU reaches the other CPUs")
{
	unsigned n = start_cpus();

	if (n < 2) {
		puts("# one CPU only\n");
		return;
	}
	for (u32 round = 0; round < 300; round++) {
		write_return(P, round);
		sync_code(P, 8);
		for (unsigned c = 1; c < n; c++)
			cpu_do(c, run_code, P);
		for (unsigned c = 1; c < n; c++)
			CHECK_EQ(cpu_wait(c), round);
	}
}
