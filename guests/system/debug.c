/* SPDX-License-Identifier: MIT */
/* Self-hosted debug at EL1 and EL0: breakpoints, watchpoints, single step, OS lock (DDI 0487 D2).
 */
#include "../guest.h"

#define MDSCR_SS  (1ul << 0)
#define MDSCR_KDE (1ul << 13)
#define MDSCR_MDE (1ul << 15)
#define BCR	  (1ul | 0xful << 5)		 /* enabled, all of the word */
#define WCR	  (1ul | 3ul << 3 | 0xfful << 5) /* enabled, loads and stores, 8 bytes */
#define EL1_ONLY  (1ul << 1)
#define EL0_ONLY  (2ul << 1)
#define PSR_SS	  (1ul << 21)

static void debug_off(void)
{
	msr(mdscr_el1, 0);
	msr(dbgbcr0_el1, 0);
	msr(dbgbcr1_el1, 0);
	msr(dbgwcr0_el1, 0);
	msr(oslar_el1, 0);
	asm volatile("msr daifset, #8");
	isb();
}

static void debug_on(u64 mdscr)
{
	msr(oslar_el1, 0);
	msr(mdscr_el1, mdscr);
	isb();
	asm volatile("msr daifclr, #8");
}

#define LABEL(name)                               \
	({                                        \
		u64 a_;                           \
		asm("adr %0, " #name : "=r"(a_)); \
		a_;                               \
	})

static void __attribute__((noinline)) with_breakpoint(void)
{
	asm volatile("nop\nbp_here: nop\n nop");
}

TEST(debug_breakpoint, "a hardware breakpoint at EL1: EC 0x31, ELR is the instruction")
{
	struct fault *f;

	msr(dbgbvr0_el1, LABEL(bp_here));
	msr(dbgbcr0_el1, BCR | EL1_ONLY);
	debug_on(MDSCR_MDE | MDSCR_KDE);
	f = FAULTS(with_breakpoint());
	debug_off();
	CHECK_EQ(f->count, 1);
	CHECK_EQ(f->esr, 0x31ul << 26 | 1 << 25 | 0x22);
	CHECK_EQ(f->elr, LABEL(bp_here));
	/* Each of these alone keeps it quiet: KDE, PSTATE.D, MDE, E, the wrong EL, the OS lock. */
	msr(dbgbcr0_el1, BCR | EL1_ONLY);
	debug_on(MDSCR_MDE);
	CHECK_EQ(FAULTS(with_breakpoint())->count, 0);
	debug_on(MDSCR_MDE | MDSCR_KDE);
	asm volatile("msr daifset, #8");
	CHECK_EQ(FAULTS(with_breakpoint())->count, 0);
	debug_on(MDSCR_KDE);
	CHECK_EQ(FAULTS(with_breakpoint())->count, 0);
	debug_on(MDSCR_MDE | MDSCR_KDE);
	msr(dbgbcr0_el1, BCR | EL0_ONLY);
	isb();
	CHECK_EQ(FAULTS(with_breakpoint())->count, 0);
	msr(dbgbcr0_el1, BCR | EL1_ONLY);
	msr(oslar_el1, 1);
	isb();
	CHECK_EQ(mrs(oslsr_el1) >> 1 & 1, 1);
	CHECK_EQ(FAULTS(with_breakpoint())->count, 0);
	/* BRK is a debug exception that nothing masks. */
	CHECK_EQ(FAULTS(asm volatile("brk #3"))->count, 1);
	msr(oslar_el1, 0);
	isb();
	CHECK_EQ(FAULTS(with_breakpoint())->count, 1);
	debug_off();
}

USER(user_debug, "nop\n nop\n str x1, [x0]\n svc #0");

TEST(debug_el0, "break- and watchpoints for EL0 need neither KDE nor PSTATE.D")
{
	msr(dbgbvr0_el1, USER_CODE + 4);
	msr(dbgbcr0_el1, BCR | EL0_ONLY);
	msr(oslar_el1, 0);
	msr(mdscr_el1, MDSCR_MDE);
	isb();
	run_user(user_debug, USER_STACK - 4096, 0);
	CHECK_EQ(this_cpu->fault.esr, 0x30ul << 26 | 1 << 25 | 0x22);
	CHECK_EQ(this_cpu->fault.elr, USER_CODE + 4);
	msr(dbgbcr0_el1, 0);
	msr(dbgwvr0_el1, USER_STACK - 4096);
	msr(dbgwcr0_el1, WCR | EL0_ONLY);
	isb();
	run_user(user_debug, USER_STACK - 4096, 0);
	CHECK_EQ(this_cpu->fault.esr & ~0x1f00ul, 0x34ul << 26 | 1 << 25 | 0x62);
	CHECK_EQ(this_cpu->fault.elr, USER_CODE + 8);
	CHECK_EQ(this_cpu->fault.far, USER_STACK - 4096);
	debug_off();
}

TEST(debug_watchpoint, "a watchpoint: EC 0x35 before the access, by bytes and direction")
{
	static u64 watched[4] __attribute__((aligned(32)));
	u64 at = (u64)&watched[1];
	struct fault *f;

	poke(at, 1);
	msr(dbgwvr0_el1, at);
	msr(dbgwcr0_el1, WCR | EL1_ONLY);
	debug_on(MDSCR_MDE | MDSCR_KDE);
	f = FAULTS(poke(at, 2));
	CHECK_EQ(f->count, 1);
	CHECK_EQ(f->esr & ~0x1f00ul, 0x35ul << 26 | 1 << 25 | 0x62);
	CHECK_EQ(f->far, at);
	f = FAULTS(peek(at));
	CHECK_EQ(f->esr & ~0x1f00ul, 0x35ul << 26 | 1 << 25 | 0x22);
	CHECK_EQ(FAULTS(peek(at + 8))->count, 0);
	CHECK_EQ(FAULTS(peek(at - 8))->count, 0);
	CHECK_EQ(FAULTS(peek(at - 1))->count, 1);
	fault_clear();
	asm volatile("ldp x9, x10, [%0]" : : "r"(at - 8) : "x9", "x10", "memory");
	CHECK_EQ(this_cpu->fault.count, 1);
	/* Byte 3, stores only. */
	msr(dbgwcr0_el1, 1 | 2 << 3 | 8 << 5 | EL1_ONLY);
	isb();
	CHECK_EQ(FAULTS(peek(at))->count, 0);
	fault_clear();
	asm volatile("strb wzr, [%0]" : : "r"(at + 2) : "memory");
	CHECK_EQ(this_cpu->fault.count, 0);
	asm volatile("strb wzr, [%0]" : : "r"(at + 3) : "memory");
	CHECK_EQ(this_cpu->fault.count, 1);
	CHECK_EQ(this_cpu->fault.far, at + 3);
	/* 32 bytes by mask. */
	msr(dbgwvr0_el1, (u64)watched);
	msr(dbgwcr0_el1, WCR | EL1_ONLY | 5ul << 24);
	isb();
	CHECK_EQ(FAULTS(peek((u64)&watched[3]))->count, 1);
	CHECK_EQ(FAULTS(peek((u64)&watched[4]))->count, 0);
	debug_off();
	/* None of the stores happened. */
	CHECK_EQ(peek(at), 1);
}

USER(user_step, "mov x0, #1\n add x0, x0, #1\n b 1f\n nop\n1: add x0, x0, #5\n svc #0x77");

/* Step through user code, an instruction at a time. */
TEST(debug_step_el0, "single step of EL0: one instruction each, SPSR.SS rearms it")
{
	static const u64 pcs[] = {0, 4, 8, 16, 20};
	u64 x0 = 0;

	msr(oslar_el1, 0);
	msr(mdscr_el1, MDSCR_SS);
	isb();
	/* SS clear: the step is due before the first instruction. */
	run_user_code(user_step, user_step_end, 0, 0, 0);
	CHECK_EQ(this_cpu->fault.elr, USER_CODE);
	CHECK_EQ(EC(this_cpu->fault.esr), 0x32);
	for (unsigned n = 1; n < 5; n++) {
		fault_clear();
		x0 = enter_el0(USER_CODE + pcs[n - 1], x0, 0, PSR_SS);
		CHECK_EQ(this_cpu->fault.esr & 0xff00003f, 0x32ul << 26 | 1 << 25 | 1 << 24 | 0x22);
		CHECK_EQ(this_cpu->fault.elr, USER_CODE + pcs[n]);
		CHECK_EQ(this_cpu->fault.spsr & PSR_SS, 0);
	}
	CHECK_EQ(x0, 7);
	/* Stepping the SVC takes its exception; SPSR.SS is clear. */
	fault_clear();
	enter_el0(USER_CODE + 20, 0, 0, PSR_SS);
	CHECK_EQ(this_cpu->fault.esr, 0x15ul << 26 | 1 << 25 | 0x77);
	CHECK_EQ(this_cpu->fault.spsr & PSR_SS, 0);
	/* A fault does not count as executed: SPSR.SS stays. */
	run_user_code(user_debug, user_debug_end, 0x1234, 0, 0);
	fault_clear();
	enter_el0(USER_CODE + 8, 0x12340000000000, 0, PSR_SS);
	CHECK_EQ(EC(this_cpu->fault.esr), 0x24);
	CHECK_EQ(this_cpu->fault.spsr & PSR_SS, PSR_SS);
	debug_off();
}

TEST(debug_step_el1, "single step of EL1 is due at once when PSTATE.D is cleared")
{
	struct fault *f;

	fault_clear();
	msr(oslar_el1, 0);
	msr(mdscr_el1, MDSCR_SS | MDSCR_KDE);
	isb();
	asm volatile("msr daifclr, #8\n step_here: msr daifset, #8" : : : "memory");
	debug_off();
	f = &this_cpu->fault;
	CHECK_EQ(f->count, 1);
	CHECK_EQ(EC(f->esr), 0x33);
	CHECK_EQ(f->elr, LABEL(step_here));
}

TEST(debug_context, "a linked breakpoint wants its context too")
{
	u64 last = mrs(id_aa64dfr0_el1) >> 12 & 15;

	if (last != 5 && last != 15)
		puts("# other number of breakpoints\n");
	msr(contextidr_el1, 1234);
	msr(dbgbvr0_el1, LABEL(bp_here));
	msr(dbgbvr5_el1, 1234);
	msr(dbgbcr5_el1, BCR | EL1_ONLY | 3ul << 20);
	msr(dbgbcr0_el1, BCR | EL1_ONLY | 1ul << 20 | 5ul << 16);
	debug_on(MDSCR_MDE | MDSCR_KDE);
	if (last == 5) {
		CHECK_EQ(FAULTS(with_breakpoint())->count, 1);
		msr(contextidr_el1, 1235);
		isb();
		CHECK_EQ(FAULTS(with_breakpoint())->count, 0);
	}
	debug_off();
	msr(dbgbcr5_el1, 0);
	msr(contextidr_el1, 0);
}
