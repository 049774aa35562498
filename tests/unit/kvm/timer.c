/* SPDX-License-Identifier: MIT */
/* The generic timer through the guest: counters, conditions, interrupts, WFI. */
#include "machine.h"

#include <time.h>

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

#define MRS_CNT(t, crm, op2) A64_MRS(t, 3, 3, 14, crm, op2)
#define MSR_CNT(t, crm, op2) A64_MSR(t, 3, 3, 14, crm, op2)

/* CNTFRQ says 1 GHz, and that is how fast both counters run. */
static void counters(void **state)
{
	struct machine m;
	uint64_t t0, t1;

	machine_create(&m, 1, true);
	emit(&m, MRS_CNT(12, 0, 0));
	emit(&m, MRS_CNT(13, 0, 1));
	emit(&m, MRS_CNT(4, 0, 2));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	t0 = now_ns();
	run_to_off(&m, 0);
	t1 = now_ns();
	assert_int_equal(x_get(&m, 0, 12), 1000000000);
	/* The physical counter is the host's monotonic clock. */
	assert_true(x_get(&m, 0, 13) >= t0 && x_get(&m, 0, 13) <= t1);
	assert_true(x_get(&m, 0, 4) < x_get(&m, 0, 13));
	machine_destroy(&m);
}

/* The interrupt is enabled at the redistributor and the CPU interface, group 1, priority mask. */
static void emit_gic_setup(struct machine *m, unsigned intid)
{
	emit_mov(m, 1, GICD);
	emit_mov(m, 0, 2); /* GICD_CTLR.EnableGrp1 */
	emit(m, A64_STR_W(0, 1));
	emit_mov(m, 1, GICR + 0x10080); /* GICR_IGROUPR0 */
	emit_mov(m, 0, 0xffffffff);
	emit(m, A64_STR_W(0, 1));
	emit_mov(m, 1, GICR + 0x10100); /* GICR_ISENABLER0 */
	emit_mov(m, 0, UINT64_C(1) << intid);
	emit(m, A64_STR_W(0, 1));
	emit_mov(m, 0, 0xff);
	emit(m, A64_MSR(0, 3, 0, 4, 6, 0)); /* ICC_PMR_EL1 */
	emit_mov(m, 0, 1);
	emit(m, A64_MSR(0, 3, 0, 12, 12, 7)); /* ICC_IGRPEN1_EL1 */
	emit(m, A64_ISB);
}

/* WFI with the interrupt masked by PSTATE: sleeps until the deadline, no longer. */
static void wfi_wakes_at_the_deadline(struct machine *m, unsigned crm, unsigned intid)
{
	uint64_t t0, t1, slept = 50000000;

	code_at(m, RAM);
	emit_gic_setup(m, intid);
	emit_mov(m, 0, slept);
	emit(m, MSR_CNT(0, crm, 0)); /* TVAL */
	emit_mov(m, 0, 1);
	emit(m, MSR_CNT(0, crm, 1)); /* CTL */
	emit(m, A64_ISB);
	emit(m, MRS_CNT(12, crm, 1));
	emit(m, A64_WFI);
	emit(m, MRS_CNT(13, crm, 1));
	emit(m, A64_MRS(4, 3, 0, 12, 1, 0));  /* ISR_EL1 */
	emit(m, A64_MRS(5, 3, 0, 12, 12, 0)); /* ICC_IAR1_EL1 */
	emit(m, A64_MSR(5, 3, 0, 12, 12, 1)); /* ICC_EOIR1_EL1 */
	emit(m, A64_MRS(6, 3, 0, 12, 12, 2)); /* ICC_HPPIR1_EL1: level, so pending again */
	emit(m, MSR_CNT(31, crm, 1));	      /* off */
	emit(m, A64_ISB);
	emit(m, A64_MRS(7, 3, 0, 12, 12, 2)); /* nothing any more */
	emit_psci(m, PSCI_SYSTEM_OFF);
	t0 = now_ns();
	run_to_off(m, 0);
	t1 = now_ns();
	assert_true(t1 - t0 >= slept);
	assert_true(t1 - t0 < slept + UINT64_C(2000000000));
	assert_int_equal(x_get(m, 0, 12), 1);
	assert_int_equal(x_get(m, 0, 13), 5);
	assert_int_equal(x_get(m, 0, 4) & 0x80, 0x80);
	assert_int_equal(x_get(m, 0, 5), intid);
	assert_int_equal(x_get(m, 0, 6), intid);
	assert_int_equal(x_get(m, 0, 7), 1023);
}

static void virtual_timer_wakes(void **state)
{
	struct machine m;

	machine_create(&m, 1, true);
	wfi_wakes_at_the_deadline(&m, 3, 27);
	machine_destroy(&m);
}

static void physical_timer_wakes(void **state)
{
	struct machine m;

	machine_create(&m, 1, true);
	wfi_wakes_at_the_deadline(&m, 2, 30);
	machine_destroy(&m);
}

/* A guest that never waits is interrupted too. */
static void interrupts_a_loop(void **state)
{
	struct machine m;
	uint64_t t0, t1;

	machine_create(&m, 1, true);
	emit_gic_setup(&m, 27);
	emit_mov(&m, 0, 20000000);
	emit(&m, MSR_CNT(0, 3, 0));
	emit_mov(&m, 0, 1);
	emit(&m, MSR_CNT(0, 3, 1));
	emit(&m, A64_DAIFCLR_I);
	emit(&m, A64_B_SELF);
	code_at(&m, RAM + 0x1000 + 0x280); /* IRQ, current EL with SP_ELx */
	emit(&m, A64_MRS(5, 3, 0, 12, 12, 0));
	emit(&m, MRS_CNT(6, 3, 1));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	reg_set(&m, 0, ARM64_SYS_REG(3, 0, 12, 0, 0), RAM + 0x1000);
	t0 = now_ns();
	run_to_off(&m, 0);
	t1 = now_ns();
	assert_int_equal(x_get(&m, 0, 5), 27);
	assert_int_equal(x_get(&m, 0, 6), 5);
	assert_true(t1 - t0 >= 20000000 && t1 - t0 < UINT64_C(2000000000));
	machine_destroy(&m);
}

/* CVAL, TVAL and CTL: what the views of one timer say to each other (DDI 0487 D11.2.4). */
static void registers(void **state)
{
	struct machine m;
	uint64_t tval, cval, cnt;

	machine_create(&m, 1, true);
	emit_mov(&m, 0, 0xfffffffffffff000); /* TVAL is signed: in the past */
	emit(&m, MRS_CNT(12, 0, 2));
	emit(&m, MSR_CNT(0, 3, 0));
	emit(&m, MRS_CNT(13, 3, 2));
	emit_mov(&m, 0, 7);
	emit(&m, MSR_CNT(0, 3, 1)); /* enabled and masked; ISTATUS is read-only */
	emit(&m, MRS_CNT(4, 3, 1));
	emit_mov(&m, 0, UINT64_C(1) << 40);
	emit(&m, MSR_CNT(0, 3, 2));
	emit(&m, MRS_CNT(5, 3, 1));
	emit(&m, MRS_CNT(6, 3, 0));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	run_to_off(&m, 0);
	cnt = x_get(&m, 0, 12);
	cval = x_get(&m, 0, 13);
	tval = x_get(&m, 0, 6);
	assert_true(cval >= cnt - 4096 && cval - (cnt - 4096) < UINT64_C(1000000000));
	assert_int_equal(x_get(&m, 0, 4), 7); /* ENABLE, IMASK, and the condition holds */
	assert_int_equal(x_get(&m, 0, 5), 3);
	assert_int_equal(tval >> 32, 0);
	machine_destroy(&m);
}

/* Without a GIC the outputs are user space's: KVM_RUN tells when they change. */
static void levels_for_user_space(void **state)
{
	struct machine m;

	machine_create(&m, 1, false);
	emit_mov(&m, 0, 10000000);
	emit(&m, MSR_CNT(0, 3, 0));
	emit_mov(&m, 0, 1);
	emit(&m, MSR_CNT(0, 3, 1));
	emit(&m, A64_B_SELF);
	assert_int_equal(run(&m, 0), -EINTR);
	assert_int_equal(m.run[0]->s.regs.device_irq_level, KVM_ARM_DEV_EL1_VTIMER);
	reg_set(&m, 0, KVM_REG_ARM_TIMER_CTL, 0);
	assert_int_equal(run(&m, 0), -EINTR);
	assert_int_equal(m.run[0]->s.regs.device_irq_level, 0);
	machine_destroy(&m);
}

/*
 * A guest that polls the counter never sees the deadline behind it and its interrupt not taken:
 * the interrupt comes before the instruction after the MRS.
 */
static void interrupt_where_the_counter_says(void **state)
{
	struct machine m;
	uint64_t after;

	machine_create(&m, 1, true);
	reg_set(&m, 0, ARM64_SYS_REG(3, 0, 12, 0, 0), RAM + 0x10000); /* VBAR_EL1 */
	code_at(&m, RAM + 0x10000 + 0x280);
	emit(&m, A64_MRS(14, 3, 0, 4, 0, 1)); /* ELR_EL1 */
	emit_psci(&m, PSCI_SYSTEM_OFF);
	code_at(&m, RAM);
	emit_gic_setup(&m, 27);
	emit(&m, A64_DAIFCLR_I);
	emit(&m, MRS_CNT(10, 0, 2));
	emit_mov(&m, 11, 3000000);
	emit(&m, 0x8b0b014au);	     /* ADD X10, X10, X11 */
	emit(&m, MSR_CNT(10, 3, 2)); /* CVAL */
	emit_mov(&m, 0, 1);
	emit(&m, MSR_CNT(0, 3, 1)); /* CTL */
	emit(&m, MRS_CNT(12, 0, 2));
	after = here(&m);
	emit(&m, 0xeb0a019fu); /* CMP X12, X10 */
	emit(&m, 0x54ffffc3u); /* B.LO to the MRS */
	emit_mov(&m, 13, 1);
	emit_psci(&m, PSCI_SYSTEM_OFF);
	for (unsigned n = 0; n < 20; n++) {
		struct kvm_vcpu_init init = {.target = 5, .features = {4}};

		run_to_off(&m, 0);
		assert_int_equal(x_get(&m, 0, 13), 0);
		if (x_get(&m, 0, 12) >= x_get(&m, 0, 10))
			assert_int_equal(x_get(&m, 0, 14), after);
		assert_int_equal(kvm_ptr(m.vcpu[0], KVM_ARM_VCPU_INIT, &init), 0);
		reg_set(&m, 0, ARM64_SYS_REG(3, 0, 12, 0, 0), RAM + 0x10000);
		pc_set(&m, 0, RAM);
	}
	machine_destroy(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(counters),
	    cmocka_unit_test(interrupt_where_the_counter_says),
	    cmocka_unit_test(registers),
	    cmocka_unit_test(virtual_timer_wakes),
	    cmocka_unit_test(physical_timer_wakes),
	    cmocka_unit_test(interrupts_a_loop),
	    cmocka_unit_test(levels_for_user_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
