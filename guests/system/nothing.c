/* SPDX-License-Identifier: MIT */
/*
 * Addresses without memory, as KVM lets a guest see them: beyond the VM's address space every kind
 * of access is aborted; below its end data accesses are user space's, fetches and table walks
 * are aborted.
 */
#include "../guest.h"

#define EC_FSC(f) ((f)->esr & 0xfc00003f)
#define DABT(fsc) (0x25ul << 26 | (fsc))
#define IABT(fsc) (0x21ul << 26 | (fsc))
#define IL	  (1ul << 25)
#define VA	  TEST_VA

#define NOWHERE 0x0f000000ul /* no memory and no device */
#define BEYOND	(1ul << 47)  /* more than the VM has */

TEST(beyond_data, "a load beyond the address space: synchronous external abort")
{
	test_map(0, BEYOND, PTE_NORMAL);
	CHECK_EQ(EC_FSC(FAULTS(peek(VA + 0x128))), DABT(0x10));
	CHECK_EQ(EC_FSC(FAULTS(poke(VA + 0x128, 1))), DABT(0x10));
}

TEST(beyond_fetch, "a fetch from beyond the address space: instruction abort, FSC 0x10")
{
	test_map(0, BEYOND, PTE_NORMAL);
	CHECK_EQ(EC_FSC(FAULTS(call(VA + 0x40))), IABT(0x10));
	CHECK_EQ(this_cpu->fault.elr, VA + 0x40);
}

TEST(nowhere_fetch, "a fetch from where nothing is: instruction abort, FSC 0x10, FAR the address")
{
	test_map(0, NOWHERE, PTE_NORMAL);
	CHECK_EQ(EC_FSC(FAULTS(call(VA + 0x40))), IABT(0x10));
	CHECK_EQ(this_cpu->fault.far, VA + 0x40);
	CHECK_EQ(this_cpu->fault.elr, VA + 0x40);
}

TEST(nowhere_maintenance, "cache maintenance by address where nothing is does nothing")
{
	test_map(0, NOWHERE, PTE_NORMAL);
	fault_clear();
	asm volatile("dc cvac, %0\n dc civac, %0\n dc ivac, %0\n dsb sy" : : "r"(VA) : "memory");
	CHECK_EQ(this_cpu->fault.count, 0);
}

/* ---- What KVM injects: nothing but FSC 0x10 and IL in the syndrome, FAR the IPA ---- */

TEST(beyond_syndrome, "aborts beyond the address space: FAR is the IPA, ISS says no more than 0x10")
{
	u64 esr = DABT(0x10) | IL;

	test_map(0, BEYOND + 0x3000, PTE_NORMAL);
	CHECK_EQ(FAULTS(peek(VA + 0x128))->esr, esr);
	CHECK_EQ(this_cpu->fault.far, BEYOND + 0x3128);
	CHECK_EQ(FAULTS(poke(VA + 0x130, 1))->esr, esr);
	CHECK_EQ(this_cpu->fault.far, BEYOND + 0x3130);
	/* What has no syndrome for a device, too. */
	fault_clear();
	asm volatile("ldp x9, x10, [%0]" : : "r"(VA + 0x140) : "x9", "x10", "memory");
	CHECK_EQ(this_cpu->fault.esr, esr);
	CHECK_EQ(this_cpu->fault.far, BEYOND + 0x3140);
	fault_clear();
	asm volatile("ldxr x9, [%0]" : : "r"(VA + 0x150) : "x9", "memory");
	CHECK_EQ(this_cpu->fault.far, BEYOND + 0x3150);
	fault_clear();
	asm volatile("dc civac, %0" : : "r"(VA + 0x160) : "memory");
	CHECK_EQ(this_cpu->fault.esr, esr);
	CHECK_EQ(FAULTS(call(VA + 0x40))->esr, IABT(0x10) | IL);
	CHECK_EQ(this_cpu->fault.far, BEYOND + 0x3040);
	CHECK_EQ(this_cpu->fault.elr, VA + 0x40);
}

TEST(beyond_el0, "the same from EL0: EC 0x24")
{
	USER(user_load_x0, "ldr x0, [x0]\n svc #0");
	test_map(0, BEYOND, PTE_NORMAL | PTE_USER);
	run_user(user_load_x0, VA + 0x18, 0);
	CHECK_EQ(this_cpu->fault.vector, V_EL0_SYNC);
	CHECK_EQ(this_cpu->fault.esr, 0x24ul << 26 | IL | 0x10);
	CHECK_EQ(this_cpu->fault.far, BEYOND + 0x18);
}

/* The last table for @va is at @table: load, fetch and AT through it. */
static void try_walk(u64 table, u64 va, u64 far_low)
{
	u64 *e = space_pte(&kernel_space, va, 2), old = *e;

	*e = table | 3;
	tlbi_all();
	CHECK_EQ(FAULTS(peek(va + 0x128))->esr, DABT(0x10) | IL);
	CHECK_EQ(this_cpu->fault.far, far_low + 0x128);
	CHECK_EQ(FAULTS(poke(va + 0x128, 0))->esr, DABT(0x10) | IL);
	CHECK_EQ(FAULTS(call(va + 0x40))->esr, IABT(0x10) | IL);
	CHECK_EQ(this_cpu->fault.far, far_low + 0x40);
	CHECK_EQ(this_cpu->fault.elr, va + 0x40);
	fault_clear();
	asm volatile("at s1e1r, %0" : : "r"(va + 0x28) : "memory");
	CHECK_EQ(this_cpu->fault.esr, DABT(0x10) | IL);
	CHECK_EQ(this_cpu->fault.far, far_low + 0x28);
	*e = old;
	tlbi_all();
}

TEST(walk_nowhere, "a table walk into nothing: external abort of the access, FAR its address")
{
	u64 va = VA + 0x0f000000;

	try_walk(NOWHERE, va, va);
}

TEST(walk_device, "a table walk into a device: the same")
{
	u64 va = VA + 0x0f000000;

	try_walk(UART, va, va);
}

TEST(walk_beyond, "a table walk beyond the address space: FAR is the table's page")
{
	try_walk(BEYOND + 0x7000, VA + 0x0f000000, BEYOND + 0x7000);
}
