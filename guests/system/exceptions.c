/* SPDX-License-Identifier: MIT */
/* Exceptions at EL1: which vector, ESR_EL1, ELR_EL1, SPSR_EL1 (DDI 0487 D1.3, D17.2.37). */
#include "../guest.h"

#define LABEL(name)                               \
	({                                        \
		u64 a_;                           \
		asm("adr %0, " #name : "=r"(a_)); \
		a_;                               \
	})

TEST(svc_el1, "SVC from EL1 goes to the current EL's vector and returns after itself")
{
	struct fault *f = FAULTS(asm volatile("svc_here: svc #0x1234" : : : "memory"));

	CHECK_EQ(f->count, 1);
	CHECK_EQ(f->vector, V_SPX_SYNC);
	CHECK_EQ(f->esr, 0x15ul << 26 | 1 << 25 | 0x1234);
	CHECK_EQ(f->elr, LABEL(svc_here) + 4);
	CHECK_EQ(f->spsr & 0x3df, 0x3c5);
}

TEST(brk_el1, "BRK returns to itself, comment in ISS")
{
	struct fault *f = FAULTS(asm volatile("brk_here: brk #0xbeef" : : : "memory"));

	CHECK_EQ(f->esr, 0x3cul << 26 | 1 << 25 | 0xbeef);
	CHECK_EQ(f->elr, LABEL(brk_here));
}

TEST(undefined_el1, "unallocated words and unknown registers are Unknown exceptions")
{
	CHECK_EQ(FAULTS(asm volatile(".inst 0"))->esr, 1 << 25);
	CHECK_EQ(FAULTS(asm volatile(".inst 0xffffffff"))->esr, 1 << 25);
	/* S3_7_C15_C15_7: implementation defined space that nobody has. */
	CHECK_EQ(FAULTS(mrs(S3_7_C15_C15_7))->esr, 1 << 25);
	CHECK_EQ(FAULTS(msr(midr_el1, 0))->esr, 1 << 25);
	CHECK_EQ(FAULTS(mrs(hcr_el2))->esr, 1 << 25);
	CHECK_EQ(FAULTS(mrs(scr_el3))->esr, 1 << 25);
	CHECK_EQ(FAULTS(asm volatile("dcps1 #1"))->esr, 1 << 25);
	CHECK_EQ(FAULTS(asm volatile("hlt #1"))->esr, 1 << 25);
}

TEST(el1t, "with SP_EL0 selected, exceptions use the first vectors and SP_EL1")
{
	u64 sp_before, sp_after;
	struct fault *f;

	asm volatile("mov %0, sp" : "=r"(sp_before));
	msr(sp_el0, USER_STACK - 64);
	fault_clear();
	asm volatile("msr spsel, #0\n"
		     "svc #7\n"
		     "mrs x9, spsel\n"
		     "msr spsel, #1\n"
		     :
		     :
		     : "memory", "x9");
	asm volatile("mov %0, sp" : "=r"(sp_after));
	f = &this_cpu->fault;
	CHECK_EQ(f->vector, V_SP0_SYNC);
	CHECK_EQ(f->spsr & 0xf, 4);
	CHECK_EQ(sp_before, sp_after);
	/* MRS SP_EL0 is UNDEFINED while it is the current one; the value is still there. */
	CHECK_EQ(mrs(sp_el0), USER_STACK - 64);
}

TEST(spsel_bank, "SP_EL0 is another register than SP at EL1h")
{
	u64 sp, other;

	msr(sp_el0, 0x123456789abcdef0);
	asm volatile("mov %0, sp\n"
		     "msr spsel, #0\n"
		     "mov %1, sp\n"
		     "msr spsel, #1\n"
		     : "=&r"(sp), "=&r"(other));
	CHECK_EQ(other, 0x123456789abcdef0);
	CHECK(sp != other);
}

TEST(pstate, "NZCV, DAIF and CurrentEL through MSR and MRS")
{
	u64 daif = mrs(daif);

	msr(nzcv, 0xf0000000);
	CHECK_EQ(mrs(nzcv), 0xf0000000);
	msr(nzcv, 0x50000000);
	CHECK_EQ(mrs(nzcv), 0x50000000);
	msr(nzcv, ~0ul);
	CHECK_EQ(mrs(nzcv), 0xf0000000);
	CHECK_EQ(mrs(currentel), 4);
	msr(daif, 0);
	CHECK_EQ(mrs(daif), 0);
	asm volatile("msr daifset, #5");
	CHECK_EQ(mrs(daif), 0x140);
	asm volatile("msr daifclr, #4");
	CHECK_EQ(mrs(daif), 0x40);
	msr(daif, daif);
}

TEST(spsr_flags, "an exception saves NZCV and DAIF and ERET brings them back")
{
	u64 got;

	asm volatile("mov x9, #0xa0000000\n"
		     "msr nzcv, x9\n"
		     "svc #1\n"
		     "mrs %0, nzcv\n"
		     : "=r"(got)
		     :
		     : "x9", "memory", "cc");
	CHECK_EQ(got, 0xa0000000);
	CHECK_EQ(this_cpu->fault.spsr & 0xf0000000, 0xa0000000);
}

TEST(illegal_eret, "ERET to a mode that does not exist sets PSTATE.IL, then EC 0x0e")
{
	static const u64 modes[] = {
	    0x8,       /* EL2t */
	    0x9,       /* EL2h */
	    0xd,       /* EL3h */
	    0x1,       /* reserved */
	    0x3c5 | 2, /* M[1] set */
	};

	for (unsigned n = 0; n < sizeof(modes) / sizeof(modes[0]); n++) {
		u64 at;

		fault_clear();
		asm volatile("adr %0, 1f\n"
			     "msr elr_el1, %0\n"
			     "msr spsr_el1, %1\n"
			     "eret\n"
			     "1: nop\n"
			     : "=&r"(at)
			     : "r"(modes[n] | 0x3c0)
			     : "memory", "cc");
		CHECK_EQ(this_cpu->fault.count, 1);
		CHECK_EQ(EC(this_cpu->fault.esr), 0x0e);
		CHECK_EQ(this_cpu->fault.elr, at);
		CHECK_EQ(this_cpu->fault.spsr >> 20 & 1, 1);
		CHECK_EQ(this_cpu->fault.spsr & 0xf, 5);
	}
}

TEST(eret_il, "ERET with SPSR.IL set is taken with IL")
{
	fault_clear();
	asm volatile("adr x9, 1f\n"
		     "msr elr_el1, x9\n"
		     "msr spsr_el1, %0\n"
		     "eret\n"
		     "1: nop\n"
		     :
		     : "r"(0x3c5ul | 1 << 20)
		     : "memory", "x9", "cc");
	CHECK_EQ(EC(this_cpu->fault.esr), 0x0e);
}

TEST(fp_trap, "CPACR_EL1.FPEN traps FP and SIMD with EC 0x07")
{
	struct fault *f;

	msr(cpacr_el1, 0);
	isb();
	f = FAULTS(asm volatile("fmov d0, xzr" : : : "v0"));
	CHECK_EQ(f->esr, 0x07ul << 26 | 1 << 25 | 0x1e00000);
	CHECK_EQ(FAULTS(asm volatile("ldr q0, [%0]" : : "r"(SPARE) : "v0"))->count, 1);
	CHECK_EQ(FAULTS(mrs(fpcr))->count, 1);
	CHECK_EQ(FAULTS(mrs(fpsr))->count, 1);
	msr(cpacr_el1, 1 << 20); /* EL1 may, EL0 not */
	isb();
	CHECK_EQ(FAULTS(asm volatile("fmov d0, xzr" : : : "v0"))->count, 0);
	msr(cpacr_el1, 3 << 20);
	isb();
}

TEST(pc_alignment, "a branch to a misaligned address: EC 0x22, FAR and ELR are the address")
{
	struct fault *f = FAULTS(call(SPARE + 2));

	CHECK_EQ(EC(f->esr), 0x22);
	CHECK_EQ(f->far, SPARE + 2);
	CHECK_EQ(f->elr, SPARE + 2);
}

TEST(sp_alignment, "a misaligned SP as base: EC 0x26 while SCTLR_EL1.SA is set")
{
	u64 sctlr = mrs(sctlr_el1);

	msr(sp_el0, SPARE + 8);
	fault_clear();
	asm volatile("msr spsel, #0\n"
		     "ldr x9, [sp]\n"
		     "msr spsel, #1\n"
		     :
		     :
		     : "x9", "memory");
	CHECK_EQ(this_cpu->fault.count, 1);
	CHECK_EQ(EC(this_cpu->fault.esr), 0x26);
	msr(sctlr_el1, sctlr & ~8ul);
	isb();
	fault_clear();
	asm volatile("msr spsel, #0\n"
		     "ldr x9, [sp]\n"
		     "ldp x9, x10, [sp, #16]\n"
		     "msr spsel, #1\n"
		     :
		     :
		     : "x9", "x10", "memory");
	CHECK_EQ(this_cpu->fault.count, 0);
	msr(sctlr_el1, sctlr);
	isb();
}

TEST(hvc_unknown, "HVC of an unknown function answers NOT_SUPPORTED, PSCI is 1.x")
{
	CHECK_EQ((u32)hvc(0x8400ffff, 0, 0, 0), 0xffffffff);
	CHECK_EQ((u32)hvc(0x84000000, 0, 0, 0) >> 16, 1);
}

TEST(hints, "hints that are not implemented execute as NOP, PAuth ones too")
{
	register u64 lr asm("x30") = 0x1234567812345678;

	fault_clear();
	asm volatile("hint #127\n hint #0\n yield\n hint #16\n hint #20\n hint #34\n hint #36\n"
		     "hint #14\n");
	CHECK_EQ(this_cpu->fault.count, 0);
	(void)lr;
}

TEST(id_registers, "ID registers tell a consistent story")
{
	u64 pfr0 = mrs(id_aa64pfr0_el1), isar0 = mrs(id_aa64isar0_el1);

	CHECK((pfr0 & 0xf) >= 1);
	CHECK((pfr0 >> 4 & 0xf) >= 1);
	CHECK_EQ(pfr0 >> 24 & 0xf, 1);			 /* GIC system registers */
	CHECK((isar0 >> 16 & 0xf) >= 1);		 /* CRC32 */
	CHECK((isar0 >> 20 & 0xf) >= 2);		 /* LSE */
	CHECK((isar0 >> 28 & 0xf) >= 1);		 /* RDM */
	CHECK((mrs(id_aa64mmfr1_el1) >> 20 & 0xf) >= 1); /* PAN */
	CHECK_EQ(mrs(mpidr_el1) >> 31 & 1, 1);
	/* The reserved part of the ID space reads as zero. */
	CHECK_EQ(mrs(S3_0_C0_C7_7), 0);
	CHECK_EQ(FAULTS(mrs(S3_0_C0_C7_7))->count, 0);
}
