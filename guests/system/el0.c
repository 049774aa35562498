/* SPDX-License-Identifier: MIT */
/* What EL0 may and may not do, and how it is told (DDI 0487 D17.2.118 SCTLR_EL1, D1.4). */
#include "../guest.h"

USER(user_svc, "add x0, x0, x1\n svc #0x42");
USER(user_mrs_ctr, "mrs x0, ctr_el0\n svc #0");
USER(user_mrs_midr, "mrs x0, midr_el1\n svc #0");
USER(user_mrs_sctlr, "mrs x0, sctlr_el1\n svc #0");
USER(user_daif, "mrs x0, daif\n svc #0");
USER(user_daifset, "msr daifset, #2\n svc #0");
USER(user_zva, "dc zva, x0\n svc #0");
USER(user_cvau, "dc cvau, x0\n svc #0");
USER(user_ivau, "ic ivau, x0\n svc #0");
USER(user_wfi, "wfi\n svc #0");
USER(user_cntvct, "mrs x0, cntvct_el0\n svc #0");
USER(user_cntv_ctl, "mrs x0, cntv_ctl_el0\n svc #0");
USER(user_cntfrq, "mrs x0, cntfrq_el0\n svc #0");
USER(user_hvc, "hvc #0\n svc #0");
USER(user_eret, "eret\n svc #0");
USER(user_fmov, "fmov d0, x0\n svc #0");
USER(user_load, "ldr x0, [x0]\n svc #0");
USER(user_store, "str x1, [x0]\n svc #0");
USER(user_sp, "ldr x0, [sp, #-8]!\n svc #0");
USER(user_tpidr, "msr tpidr_el0, x0\n mrs x0, tpidr_el0\n mrs x1, tpidrro_el0\n svc #0");
USER(user_tlbi, "tlbi vmalle1\n svc #0");
USER(user_br, "br x0");

static struct fault *fault_of(u64 x0)
{
	(void)x0;
	return &this_cpu->fault;
}

#define SVC_ESR(imm) (0x15ul << 26 | 1 << 25 | (imm))

TEST(el0_svc, "SVC from EL0: vector 0x400, registers and mode")
{
	CHECK_EQ(run_user(user_svc, 40, 2), 42);
	CHECK_EQ(this_cpu->fault.vector, V_EL0_SYNC);
	CHECK_EQ(this_cpu->fault.esr, SVC_ESR(0x42));
	CHECK_EQ(this_cpu->fault.elr, USER_CODE + 8);
	CHECK_EQ(this_cpu->fault.spsr & 0x1f, 0);
}

/* ISS of a trapped MRS/MSR (D17.2.37): op0 op2 op1 CRn Rt CRm direction. */
static u64 sysreg_esr(u64 op0, u64 op1, u64 crn, u64 crm, u64 op2, u64 rt, u64 read)
{
	return 0x18ul << 26 | 1 << 25 | op0 << 20 | op2 << 17 | op1 << 14 | crn << 10 | rt << 5 |
	       crm << 1 | read;
}

TEST(el0_traps, "SCTLR_EL1.UCT, DZE, UCI, UMA and nTWI trap with EC 0x18 and 0x01")
{
	u64 sctlr = mrs(sctlr_el1);

	CHECK_EQ(run_user(user_mrs_ctr, 0, 0), mrs(ctr_el0));
	CHECK_EQ(fault_of(run_user(user_zva, SPARE, 0))->count, 1);
	msr(sctlr_el1, sctlr & ~(1ul << 15 | 1ul << 14 | 1ul << 26 | 1ul << 16 | 1ul << 9));
	isb();
	CHECK_EQ(fault_of(run_user(user_mrs_ctr, 0, 0))->esr, sysreg_esr(3, 3, 0, 0, 1, 0, 1));
	CHECK_EQ(this_cpu->fault.elr, USER_CODE);
	CHECK_EQ(fault_of(run_user(user_zva, USER_STACK - 4096, 0))->esr,
		 sysreg_esr(1, 3, 7, 4, 1, 0, 0));
	CHECK_EQ(fault_of(run_user(user_cvau, USER_STACK - 4096, 0))->esr,
		 sysreg_esr(1, 3, 7, 11, 1, 0, 0));
	CHECK_EQ(fault_of(run_user(user_ivau, USER_STACK - 4096, 0))->esr,
		 sysreg_esr(1, 3, 7, 5, 1, 0, 0));
	CHECK_EQ(fault_of(run_user(user_daif, 0, 0))->esr, sysreg_esr(3, 3, 4, 2, 1, 0, 1));
	CHECK_EQ(fault_of(run_user(user_daifset, 0, 0))->esr, sysreg_esr(0, 3, 4, 2, 6, 31, 0));
	CHECK_EQ(EC(fault_of(run_user(user_wfi, 0, 0))->esr), 0x01);
	CHECK_EQ(ISS(this_cpu->fault.esr) & 1, 0);
	msr(sctlr_el1, sctlr | 1 << 9);
	isb();
	CHECK_EQ(run_user(user_daif, 0, 0), 0);
	CHECK_EQ(this_cpu->fault.esr, SVC_ESR(0));
	CHECK_EQ(fault_of(run_user(user_daifset, 0, 0))->spsr >> 7 & 1, 1);
	msr(sctlr_el1, sctlr);
	isb();
}

TEST(el0_cache_ops, "DC CVAU, IC IVAU and DC ZVA at EL0 work, and need permission")
{
	u64 page = USER_STACK - 4096;

	poke(SPARE + 4096 + 64, ~0ul);
	CHECK_EQ(fault_of(run_user(user_zva, page + 70, 0))->esr, SVC_ESR(0));
	CHECK_EQ(peek(SPARE + 4096 + 64), 0);
	CHECK_EQ(fault_of(run_user(user_cvau, page, 0))->esr, SVC_ESR(0));
	CHECK_EQ(fault_of(run_user(user_ivau, page, 0))->esr, SVC_ESR(0));
	CHECK_EQ(EC(fault_of(run_user(user_zva, SPARE, 0))->esr), 0x24);
	CHECK_EQ(ISS(this_cpu->fault.esr) >> 6 & 1, 1);
	CHECK_EQ(this_cpu->fault.far, SPARE);
}

TEST(el0_undefined, "EL1 registers and instructions are UNDEFINED at EL0")
{
	CHECK_EQ(fault_of(run_user(user_mrs_midr, 0, 0))->esr, 1 << 25);
	CHECK_EQ(fault_of(run_user(user_mrs_sctlr, 0, 0))->esr, 1 << 25);
	CHECK_EQ(fault_of(run_user(user_hvc, 0, 0))->esr, 1 << 25);
	CHECK_EQ(fault_of(run_user(user_eret, 0, 0))->esr, 1 << 25);
	CHECK_EQ(fault_of(run_user(user_tlbi, 0, 0))->esr, 1 << 25);
}

TEST(el0_timer, "CNTKCTL_EL1 lets EL0 at the counter and the timer")
{
	msr(cntkctl_el1, 0);
	isb();
	CHECK_EQ(fault_of(run_user(user_cntvct, 0, 0))->esr, sysreg_esr(3, 3, 14, 0, 2, 0, 1));
	CHECK_EQ(fault_of(run_user(user_cntv_ctl, 0, 0))->esr, sysreg_esr(3, 3, 14, 3, 1, 0, 1));
	CHECK_EQ(fault_of(run_user(user_cntfrq, 0, 0))->esr, sysreg_esr(3, 3, 14, 0, 0, 0, 1));
	msr(cntkctl_el1, 2);
	isb();
	CHECK(run_user(user_cntvct, 0, 0) > 0);
	CHECK_EQ(this_cpu->fault.esr, SVC_ESR(0));
	CHECK_EQ(run_user(user_cntfrq, 0, 0), mrs(cntfrq_el0));
	msr(cntkctl_el1, 1 << 8);
	isb();
	CHECK_EQ(fault_of(run_user(user_cntv_ctl, 0, 0))->esr, SVC_ESR(0));
	msr(cntkctl_el1, 3);
	isb();
}

TEST(el0_fp_trap, "CPACR_EL1.FPEN = 1 traps EL0 only")
{
	msr(cpacr_el1, 1 << 20);
	isb();
	CHECK_EQ(EC(fault_of(run_user(user_fmov, 0, 0))->esr), 0x07);
	msr(cpacr_el1, 3 << 20);
	isb();
	CHECK_EQ(fault_of(run_user(user_fmov, 0, 0))->esr, SVC_ESR(0));
}

TEST(el0_memory, "EL0 faults on EL1's memory and on nothing, with the address in FAR")
{
	run_user(user_load, SPARE, 0);
	CHECK_EQ(this_cpu->fault.esr & 0xfc00003f, 0x24ul << 26 | 0x0e); /* permission, level 2 */
	CHECK_EQ(this_cpu->fault.far, SPARE);
	run_user(user_store, SPARE, 0);
	CHECK_EQ(this_cpu->fault.esr & 0xfc00007f, 0x24ul << 26 | 0x4e);
	run_user(user_load, 0xffff000000000000, 0);
	CHECK_EQ(this_cpu->fault.esr & 0xfc00003c, 0x24ul << 26 | 0x04);
	CHECK_EQ(this_cpu->fault.far, 0xffff000000000000);
	/* Not EL0's to execute: user stack is UXN, kernel memory too. */
	run_user(user_br, USER_STACK - 4096, 0);
	CHECK_EQ(this_cpu->fault.esr & 0xfc00003f, 0x20ul << 26 | 0x0f);
	CHECK_EQ(this_cpu->fault.elr, USER_STACK - 4096);
	run_user(user_br, 0x40000000, 0);
	CHECK_EQ(EC(this_cpu->fault.esr), 0x20);
	run_user(user_br, USER_CODE + 2, 0);
	CHECK_EQ(EC(this_cpu->fault.esr), 0x22);
}

TEST(el0_sp, "SP alignment is checked at EL0 while SCTLR_EL1.SA0 is set")
{
	msr(sp_el0, 0);
	CHECK_EQ(fault_of(run_user(user_sp, 0, 0))->esr, SVC_ESR(0));
	for (unsigned n = 0; n < user_sp_end - user_sp; n++)
		((u32 *)SPARE)[n] = user_sp[n];
	sync_code(SPARE, 64);
	msr(sp_el0, USER_STACK - 4);
	fault_clear();
	enter_el0(USER_CODE, 0, 0, 0);
	CHECK_EQ(EC(this_cpu->fault.esr), 0x26);
	CHECK_EQ(mrs(sp_el0), USER_STACK - 4);
}

TEST(el0_tpidr, "TPIDR_EL0 belongs to EL0, TPIDRRO_EL0 is read-only there")
{
	msr(tpidrro_el0, 77);
	CHECK_EQ(run_user(user_tpidr, 0x1122334455667788, 0), 0x1122334455667788);
	CHECK_EQ(mrs(tpidr_el0), 0x1122334455667788);
}

TEST(el0_aarch32, "there is no AArch32: ERET with M[4] set is illegal")
{
	if ((mrs(id_aa64pfr0_el1) & 0xf) != 1)
		return;
	fault_clear();
	asm volatile("adr x9, 1f\n"
		     "msr elr_el1, x9\n"
		     "msr spsr_el1, %0\n"
		     "eret\n"
		     "1: nop\n"
		     :
		     : "r"(0x1d0ul)
		     : "memory", "x9", "cc");
	CHECK_EQ(EC(this_cpu->fault.esr), 0x0e);
}
