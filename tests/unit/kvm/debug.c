/* SPDX-License-Identifier: MIT */
/* KVM_SET_GUEST_DEBUG and the guest's own debug registers (DDI 0487 D2). */
#include "machine.h"

#define NOP	       0xd503201fu
#define ERET	       0xd69f03e0u
#define BRK(n)	       (0xd4200000u | (n) << 5)
#define DAIFSET(n)     (0xd50340dfu | (n) << 8)
#define DAIFCLR(n)     (0xd50340ffu | (n) << 8)
#define LDADD(s, t, n) (0xf8200000u | (s) << 16 | (n) << 5 | (t))
#define LDXR(t, n)     (0xc85f7c00u | (n) << 5 | (t))
#define STXR(s, t, n)  (0xc8007c00u | (s) << 16 | (n) << 5 | (t))
#define MSR_MDSCR(t)   A64_MSR(t, 2, 0, 0, 2, 2)
#define DBGBVR0	       ARM64_SYS_REG(2, 0, 0, 0, 4)
#define DBGBCR0	       ARM64_SYS_REG(2, 0, 0, 0, 5)
#define DBGWVR0	       ARM64_SYS_REG(2, 0, 0, 0, 6)
#define DBGWCR0	       ARM64_SYS_REG(2, 0, 0, 0, 7)
#define OSLSR_EL1      ARM64_SYS_REG(2, 0, 1, 1, 4)
#define VBAR_EL1       ARM64_SYS_REG(3, 0, 12, 0, 0)
#define FAR_EL1	       ARM64_SYS_REG(3, 0, 6, 0, 0)
#define ESR_EL1	       ARM64_SYS_REG(3, 0, 5, 2, 0)

#define MDSCR_SS  1u
#define MDSCR_KDE (1u << 13)
#define MDSCR_MDE (1u << 15)
#define SPSR_SS	  (1u << 21)
#define BCR_EL1	  (0xfu << 5 | 1u << 1 | 1u)
#define WCR_LOAD  (1u << 3)
#define WCR_STORE (2u << 3)
#define WCR_EL1	  (0xffu << 5 | 1u << 1 | 1u)
#define VECTORS	  (RAM + 0x10000)
#define DATA	  (RAM + 0x8000)
#define TRACE	  (RAM + 0x9000) /* where the step handler writes the addresses */
#define EC(hsr)	  ((hsr) >> 26)

enum { EC_SAME_BREAK = 0x31, EC_BREAK = 0x30, EC_STEP = 0x32, EC_WATCH = 0x34, EC_BRK = 0x3c };

static int debug(struct machine *m, uint32_t control, const struct kvm_guest_debug_arch *arch)
{
	struct kvm_guest_debug d = {.control = control};

	if (arch)
		d.arch = *arch;
	return kvm_ptr(m->vcpu[0], KVM_SET_GUEST_DEBUG, &d);
}

static void expect_debug(struct machine *m, unsigned ec, uint64_t pc)
{
	assert_int_equal(run(m, 0), 0);
	assert_int_equal(m->run[0]->exit_reason, KVM_EXIT_DEBUG);
	assert_int_equal(EC(m->run[0]->debug.arch.hsr), ec);
	assert_int_equal(m->run[0]->flags, KVM_DEBUG_ARCH_HSR_HIGH_VALID);
	assert_int_equal(m->run[0]->debug.arch.hsr_high, 0);
	assert_int_equal(pc_get(m, 0), pc);
}

static uint64_t data(struct machine *m)
{
	return *(uint64_t *)(void *)(m->ram + (DATA - RAM));
}

/* ---- By user space ---- */

static void arguments(void **state)
{
	struct machine m;

	machine_create(&m, 1, false);
	assert_int_equal(debug(&m, KVM_GUESTDBG_ENABLE | 4, NULL), -EINVAL);
	assert_int_equal(debug(&m, KVM_GUESTDBG_ENABLE | 1u << 18, NULL), -EINVAL);
	assert_int_equal(debug(&m, 0x30003, NULL), 0);
	assert_int_equal(debug(&m, 0, NULL), 0);
	assert_int_equal(kvm(m.vcpu[0], KVM_SET_GUEST_DEBUG, 1), -EFAULT);
	machine_destroy(&m);
}

/* Each run is one instruction, wherever it leads: branches, the next page, itself. */
static void steps(void **state)
{
	struct machine m;
	uint64_t a = RAM + 0xff4;

	machine_create(&m, 1, false);
	code_at(&m, a);
	emit(&m, A64_ADD_IMM(5, 5, 1));
	emit(&m, A64_CBZ(6, 8));
	emit(&m, NOP);			/* not reached */
	emit(&m, A64_ADD_IMM(5, 5, 1)); /* the first of the next page */
	emit(&m, A64_CBNZ(5, 8));
	emit(&m, NOP);
	emit(&m, A64_B(-24)); /* back into the first page */
	pc_set(&m, 0, a);
	assert_int_equal(debug(&m, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP, NULL), 0);
	for (unsigned n = 1; n < 4; n++) {
		expect_debug(&m, EC_STEP, a + 4);
		assert_int_equal(x_get(&m, 0, 5), 2 * n - 1);
		expect_debug(&m, EC_STEP, a + 12);
		expect_debug(&m, EC_STEP, a + 16);
		assert_int_equal(x_get(&m, 0, 5), 2 * n);
		expect_debug(&m, EC_STEP, a + 24);
		expect_debug(&m, EC_STEP, a);
	}
	code_at(&m, RAM);
	emit(&m, A64_B_SELF);
	pc_set(&m, 0, RAM);
	expect_debug(&m, EC_STEP, RAM);
	expect_debug(&m, EC_STEP, RAM);
	machine_destroy(&m);
}

/* An exception is where a step ends, an exit is not: it is reported by the run after it. */
static void steps_over_exceptions_and_exits(void **state)
{
	struct machine m;

	machine_create(&m, 1, false);
	reg_set(&m, 0, VBAR_EL1, VECTORS);
	emit(&m, 0xd4000001u); /* SVC #0 */
	emit(&m, A64_HVC);
	emit(&m, A64_LDR_W(7, 6));
	emit(&m, A64_LDR_W(8, 6));
	emit(&m, NOP);
	emit(&m, NOP);
	code_at(&m, VECTORS + 0x200);
	emit(&m, ERET);
	x_set(&m, 0, 0, PSCI_VERSION);
	x_set(&m, 0, 6, DEVICE);
	assert_int_equal(debug(&m, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP, NULL), 0);
	expect_debug(&m, EC_STEP, VECTORS + 0x200);
	expect_debug(&m, EC_STEP, RAM + 4);
	expect_debug(&m, EC_STEP, RAM + 8);
	assert_int_equal(x_get(&m, 0, 0), 0x10001);
	/* A load that user space wants again has not been executed: no step. */
	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_MMIO);
	m.run[0]->exit_reason = KVM_EXIT_UNKNOWN;
	/* The load, completed by the run that then reports the step. */
	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_MMIO);
	*(uint32_t *)m.run[0]->mmio.data = 77;
	expect_debug(&m, EC_STEP, RAM + 12);
	assert_int_equal(x_get(&m, 0, 7), 77);
	/* The same with a run in between that only completes. */
	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_MMIO);
	m.run[0]->immediate_exit = 1;
	assert_int_equal(run(&m, 0), -EINTR);
	assert_int_equal(pc_get(&m, 0), RAM + 16);
	m.run[0]->immediate_exit = 0;
	expect_debug(&m, EC_STEP, RAM + 16);
	expect_debug(&m, EC_STEP, RAM + 20);
	machine_destroy(&m);
}

/* BRK is user space's while it debugs, and the guest's otherwise. */
static void software_breakpoints(void **state)
{
	struct machine m;

	machine_create(&m, 1, false);
	reg_set(&m, 0, VBAR_EL1, VECTORS);
	emit(&m, BRK(0x123));
	code_at(&m, VECTORS + 0x200);
	emit(&m, A64_ADD_IMM(5, 5, 1));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	assert_int_equal(debug(&m, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP, NULL), 0);
	for (unsigned n = 0; n < 3; n++) {
		expect_debug(&m, EC_BRK, RAM);
		assert_int_equal(m.run[0]->debug.arch.hsr, 0xf2000123);
	}
	assert_int_equal(debug(&m, 0, NULL), 0);
	run_to_off(&m, 0);
	assert_int_equal(x_get(&m, 0, 5), 1);
	machine_destroy(&m);
}

/* Breakpoint 5 is the last; before the instruction, and only while enabled. */
static void hardware_breakpoints(void **state)
{
	struct kvm_guest_debug_arch arch = {.dbg_bvr[5] = RAM + 8, .dbg_bcr[5] = BCR_EL1};
	struct machine m;

	machine_create(&m, 1, false);
	emit(&m, A64_ADD_IMM(5, 5, 1));
	emit(&m, A64_ADD_IMM(5, 5, 1));
	emit(&m, A64_ADD_IMM(5, 5, 1));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	assert_int_equal(debug(&m, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW, &arch), 0);
	expect_debug(&m, EC_BREAK, RAM + 8);
	assert_int_equal(x_get(&m, 0, 5), 2);
	expect_debug(&m, EC_BREAK, RAM + 8);
	/* What the guest reads of its own registers is its own. */
	assert_int_equal(reg_get(&m, 0, ARM64_SYS_REG(2, 0, 0, 5, 5)), 0);
	arch.dbg_bcr[5] = 0;
	assert_int_equal(debug(&m, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW, &arch), 0);
	run_to_off(&m, 0);
	assert_int_equal(x_get(&m, 0, 5), 3);
	machine_destroy(&m);
}

/* Runs the word @insn with X6 = @address and one watchpoint: does it hit? */
static bool watched(uint32_t insn, uint64_t address, uint64_t wvr, uint32_t wcr)
{
	struct kvm_guest_debug_arch arch = {.dbg_wvr[3] = wvr, .dbg_wcr[3] = wcr};
	struct machine m;
	bool hit;

	machine_create(&m, 1, false);
	emit(&m, insn);
	emit_psci(&m, PSCI_SYSTEM_OFF);
	x_set(&m, 0, 6, address);
	x_set(&m, 0, 7, 0x55);
	assert_int_equal(debug(&m, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW, &arch), 0);
	assert_int_equal(run(&m, 0), 0);
	hit = m.run[0]->exit_reason == KVM_EXIT_DEBUG;
	if (hit) {
		assert_int_equal(EC(m.run[0]->debug.arch.hsr), EC_WATCH);
		assert_int_equal(m.run[0]->debug.arch.hsr & 0x3f, 0x22);
		assert_int_equal(m.run[0]->debug.arch.far, address);
		assert_int_equal(pc_get(&m, 0), RAM);
		assert_int_equal(data(&m), 0); /* not executed */
		assert_int_equal(debug(&m, 0, NULL), 0);
		run_to_off(&m, 0);
	}
	machine_destroy(&m);
	return hit;
}

static void watchpoints(void **state)
{
	const uint32_t st = WCR_EL1 | WCR_STORE, ld = WCR_EL1 | WCR_LOAD, rw = st | ld;
	const uint32_t byte3 = (rw & ~0x1fe0u) | 1u << 8, word = (rw & ~0x1fe0u) | 0xfu << 5;

	assert_true(watched(A64_STR_X(7, 6), DATA, DATA, st));
	assert_false(watched(A64_STR_X(7, 6), DATA, DATA, ld));
	assert_false(watched(A64_LDR_X(7, 6), DATA, DATA, st));
	assert_true(watched(A64_LDR_X(7, 6), DATA, DATA, ld));
	assert_false(watched(A64_STR_X(7, 6), DATA, DATA, rw & ~1u));
	assert_false(watched(A64_STR_X(7, 6), DATA + 8, DATA, rw));
	assert_false(watched(A64_STR_X(7, 6), DATA, DATA, (rw & ~6u) | 4u)); /* EL0 only */
	/* One byte of eight, and accesses that reach it or do not. */
	assert_true(watched(A64_LDRB(7, 6), DATA + 3, DATA, byte3));
	assert_false(watched(A64_LDRB(7, 6), DATA + 2, DATA, byte3));
	assert_true(watched(A64_STRH(7, 6), DATA + 2, DATA, byte3));
	assert_false(watched(A64_STRH(7, 6), DATA + 4, DATA, byte3));
	/* A word-aligned address has four bytes. */
	assert_true(watched(A64_STR_W(7, 6), DATA + 4, DATA + 4, word));
	assert_false(watched(A64_STR_W(7, 6), DATA, DATA + 4, word));
	/* MASK = 5: 32 bytes. */
	assert_true(watched(A64_STR_X(7, 6), DATA + 24, DATA, rw | 5u << 24));
	assert_false(watched(A64_STR_X(7, 6), DATA + 32, DATA, rw | 5u << 24));
	/* An atomic operation reads and writes, a store-exclusive only writes. */
	assert_true(watched(LDADD(7, 8, 6), DATA, DATA, ld));
	assert_true(watched(LDADD(7, 8, 6), DATA, DATA, st));
	assert_false(watched(STXR(8, 7, 6), DATA, DATA, ld));
	assert_true(watched(LDXR(8, 6), DATA, DATA, ld));
	/* The second register of a pair. */
	assert_true(watched(A64_STP_X(7, 8, 6), DATA, DATA + 8, st));
}

/* ---- By the guest ---- */

/* A handler that counts in X20 and masks debug exceptions for good. */
static void emit_masking_handler(struct machine *m)
{
	code_at(m, VECTORS + 0x200);
	emit(m, A64_ADD_IMM(20, 20, 1));
	emit(m, A64_MRS(21, 3, 0, 4, 0, 0)); /* SPSR_EL1 */
	emit_mov(m, 22, 0x200);
	emit(m, 0xaa1602b5u); /* ORR X21, X21, X22: D */
	emit(m, A64_MSR(21, 3, 0, 4, 0, 0));
	emit(m, A64_MRS(23, 3, 0, 4, 0, 1)); /* ELR_EL1 */
	emit(m, ERET);
	code_at(m, RAM);
}

static void own_breakpoints(void **state)
{
	struct machine m;

	for (unsigned locked = 0; locked < 2; locked++) {
		machine_create(&m, 1, false);
		reg_set(&m, 0, VBAR_EL1, VECTORS);
		emit_masking_handler(&m);
		emit(&m, DAIFCLR(8));
		emit_mov(&m, 1, MDSCR_KDE | MDSCR_MDE);
		emit(&m, MSR_MDSCR(1));
		emit(&m, A64_ISB);
		uint64_t at = here(&m);

		emit(&m, A64_ADD_IMM(5, 5, 1));
		emit_psci(&m, PSCI_SYSTEM_OFF);
		reg_set(&m, 0, DBGBVR0, at);
		reg_set(&m, 0, DBGBCR0, BCR_EL1);
		reg_set(&m, 0, OSLSR_EL1, 8 | locked << 1);
		run_to_off(&m, 0);
		assert_int_equal(x_get(&m, 0, 5), 1);
		assert_int_equal(x_get(&m, 0, 20), !locked);
		if (!locked) {
			assert_int_equal(x_get(&m, 0, 23), at);
			assert_int_equal(EC(reg_get(&m, 0, ESR_EL1)), EC_SAME_BREAK);
		}
		machine_destroy(&m);
	}
}

static void own_watchpoints(void **state)
{
	/* MDE off; KDE off; both on. */
	static const uint32_t mdscr[] = {MDSCR_KDE, MDSCR_MDE, MDSCR_KDE | MDSCR_MDE};
	struct machine m;

	for (unsigned n = 0; n < 3; n++) {
		machine_create(&m, 1, false);
		reg_set(&m, 0, VBAR_EL1, VECTORS);
		emit_masking_handler(&m);
		emit(&m, DAIFCLR(8));
		emit_mov(&m, 1, mdscr[n]);
		emit(&m, MSR_MDSCR(1));
		emit(&m, A64_ISB);
		emit_mov(&m, 6, DATA);
		uint64_t at = here(&m);

		emit(&m, A64_STR_X(6, 6));
		emit_psci(&m, PSCI_SYSTEM_OFF);
		reg_set(&m, 0, DBGWVR0, DATA);
		reg_set(&m, 0, DBGWCR0, WCR_EL1 | WCR_STORE);
		run_to_off(&m, 0);
		assert_int_equal(data(&m), DATA);
		assert_int_equal(x_get(&m, 0, 20), n == 2);
		if (n == 2) {
			assert_int_equal(x_get(&m, 0, 23), at);
			assert_int_equal(reg_get(&m, 0, ESR_EL1), 0xd6000062);
			assert_int_equal(reg_get(&m, 0, FAR_EL1), DATA);
		}
		machine_destroy(&m);
	}
}

/* A handler of steps: writes down where, and lets one more instruction go. */
static void emit_step_handler(struct machine *m)
{
	code_at(m, VECTORS + 0x200);
	emit(m, A64_MRS(23, 3, 0, 4, 0, 1)); /* ELR_EL1 */
	emit(m, A64_STR_X(23, 20));
	emit(m, A64_ADD_IMM(20, 20, 8));
	emit(m, A64_MRS(21, 3, 0, 4, 0, 0)); /* SPSR_EL1 */
	emit_mov(m, 22, SPSR_SS);
	emit(m, 0xaa1602b5u); /* ORR X21, X21, X22 */
	emit(m, A64_MSR(21, 3, 0, 4, 0, 0));
	emit(m, ERET);
	code_at(m, RAM);
}

static uint64_t traced(struct machine *m, unsigned n)
{
	return ((uint64_t *)(void *)(m->ram + (TRACE - RAM)))[n];
}

/* One instruction at a time, a device access among them; D ends it. */
static void own_steps(void **state)
{
	struct machine m;
	uint64_t at;

	machine_create(&m, 1, false);
	reg_set(&m, 0, VBAR_EL1, VECTORS);
	emit_step_handler(&m);
	emit_mov(&m, 20, TRACE);
	emit_mov(&m, 6, DEVICE);
	emit(&m, DAIFCLR(8));
	emit_mov(&m, 1, MDSCR_KDE | MDSCR_SS);
	emit(&m, MSR_MDSCR(1));
	at = here(&m);
	emit(&m, A64_ADD_IMM(5, 5, 1));
	emit(&m, A64_LDR_W(7, 6));
	emit(&m, A64_B(8));
	emit(&m, NOP); /* not reached */
	emit(&m, DAIFSET(8));
	emit(&m, A64_ADD_IMM(5, 5, 1));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_MMIO);
	run_to_off(&m, 0);
	assert_int_equal(x_get(&m, 0, 5), 2);
	assert_int_equal(x_get(&m, 0, 20), TRACE + 4 * 8);
	assert_int_equal(traced(&m, 0), at);
	assert_int_equal(traced(&m, 1), at + 4);
	assert_int_equal(traced(&m, 2), at + 8);
	assert_int_equal(traced(&m, 3), at + 16);
	machine_destroy(&m);
}

/* An interrupt comes between the stepped instruction and the exception: the step is not lost. */
static void interrupted_step(void **state)
{
	struct kvm_irq_level irq = {.irq = KVM_ARM_IRQ_TYPE_CPU << KVM_ARM_IRQ_TYPE_SHIFT |
					   KVM_ARM_IRQ_CPU_IRQ,
				    .level = 1};
	struct machine m;
	uint64_t at;

	machine_create(&m, 1, false);
	reg_set(&m, 0, VBAR_EL1, VECTORS);
	emit_step_handler(&m);
	code_at(&m, VECTORS + 0x280);
	emit(&m, A64_MRS(24, 3, 0, 4, 0, 0)); /* SPSR_EL1 */
	emit(&m, A64_MRS(25, 3, 0, 4, 0, 1)); /* ELR_EL1 */
	emit_psci(&m, PSCI_SYSTEM_OFF);
	code_at(&m, RAM);
	emit_mov(&m, 20, TRACE);
	emit(&m, DAIFCLR(8));
	emit_mov(&m, 1, MDSCR_KDE | MDSCR_SS);
	emit(&m, MSR_MDSCR(1));
	at = here(&m);
	emit(&m, NOP);
	emit(&m, DAIFCLR(2));
	emit(&m, NOP);
	emit(&m, A64_B_SELF);
	assert_int_equal(kvm_ptr(m.vm, KVM_IRQ_LINE, &irq), 0);
	run_to_off(&m, 0);
	assert_int_equal(x_get(&m, 0, 25), at + 8);
	assert_int_equal(x_get(&m, 0, 24) & SPSR_SS, 0);
	machine_destroy(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(arguments),
	    cmocka_unit_test(steps),
	    cmocka_unit_test(steps_over_exceptions_and_exits),
	    cmocka_unit_test(software_breakpoints),
	    cmocka_unit_test(hardware_breakpoints),
	    cmocka_unit_test(watchpoints),
	    cmocka_unit_test(own_breakpoints),
	    cmocka_unit_test(own_watchpoints),
	    cmocka_unit_test(own_steps),
	    cmocka_unit_test(interrupted_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
