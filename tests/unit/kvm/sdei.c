/* SPDX-License-Identifier: MIT */
/*
 * Delivery of software delegated exceptions: handlers are entered and left with the registers that
 * DEN0054 says, whatever the vCPU is at, and sleepers wake.
 */
#include "sdei_guest.h"

#include <unistd.h>

/* A vCPU that computes: all of its registers come back, the handler has what it shall have. */
static void running_vcpu(void **state)
{
	struct machine m;
	struct runner r;
	uint64_t *log, spins;

	machine_create_sdei(&m, 1, false);
	emit_set_up(&m, AM_SDEI_EVENT_PRIVATE, true);
	emit_handler(&m);
	code_at(&m, MAIN);
	emit_mov(&m, 10, PASSED);
	for (unsigned x = 1; x < 10; x++)
		emit_mov(&m, x, 0x1000 + x);
	for (unsigned x = 12; x < 16; x++)
		emit_mov(&m, x, 0x1000 + x);
	emit_mark(&m);
	emit_mov(&m, 17, 0x1017);
	emit_mov(&m, 0, 0x10000);
	emit_mov(&m, 30, 0x1030);
	spins = here(&m);
	emit(&m, A64_SUBS_IMM(31, 0, 0)); /* C */
	emit(&m, A64_LDR_X(11, 10));
	emit(&m, A64_CBZ(11, -8));
	emit(&m, A64_MRS(19, 3, 3, 4, 2, 0)); /* NZCV */
	emit(&m, A64_MOV(24, 0));
	emit(&m, A64_MOV(25, 17));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	start(&r, &m, 0);
	wait_for_mark(&m);
	assert_int_equal(am_sdei_inject(m.vm, AM_SDEI_EVENT_PRIVATE, 0), 0);
	expect_off(&r);
	for (unsigned n = 20; n < 23; n++)
		assert_int_equal(x_get(&m, 0, n), 0);
	for (unsigned x = 4; x < 10; x++)
		assert_int_equal(x_get(&m, 0, x), 0x1000 + x);
	for (unsigned x = 12; x < 16; x++)
		assert_int_equal(x_get(&m, 0, x), 0x1000 + x);
	assert_int_equal(x_get(&m, 0, 24), 0x10000);
	assert_int_equal(x_get(&m, 0, 25), 0x1017);
	assert_int_equal(x_get(&m, 0, 30), 0x1030);
	assert_int_equal(x_get(&m, 0, 19), 0x20000000);
	log = sdei_at(&m, LOG);
	assert_int_equal(log[0], AM_SDEI_EVENT_PRIVATE);
	assert_int_equal(log[1], 0x1234);
	assert_true(log[2] >= spins - 24 && log[2] <= spins + 8);
	assert_int_equal(log[3] & ~(uint64_t)NZCV, EL1H);
	assert_int_equal(log[4], 0x3c0);
	assert_int_equal(log[5], 1);
	assert_int_equal(log[6], 4); /* EL1 */
	assert_int_equal(log[8], 1);
	machine_destroy(&m);
}

/*
 * The middle of an exception: interrupts are masked, SP_EL0 is in use, and ELR and SPSR hold what
 * the guest has not saved yet. An event gets through and changes none of it.
 */
static void exception_prologue(void **state)
{
	struct machine m;
	struct runner r;

	machine_create_sdei(&m, 1, false);
	emit_set_up(&m, AM_SDEI_EVENT_PRIVATE_CRITICAL, true);
	emit_handler(&m);
	code_at(&m, MAIN);
	emit(&m, 0xd50040bfu); /* MSR SPSel, #0 */
	emit_mov(&m, 9, RAM + 0x9000);
	emit(&m, A64_ADD_IMM(31, 9, 0)); /* SP */
	emit_mov(&m, 10, PASSED);
	emit_mark(&m);
	emit(&m, A64_LDR_X(11, 10));
	emit(&m, A64_CBZ(11, -4));
	emit(&m, A64_ADD_IMM(26, 31, 0));
	emit(&m, MRS(24, ELR_EL1));
	emit(&m, MRS(25, SPSR_EL1));
	emit(&m, MRS(27, SP_SEL));
	emit(&m, MRS(28, DAIF));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	reg_set(&m, 0, REG_CORE(elr_el1), 0xabcd1234);
	reg_set(&m, 0, REG_CORE(spsr[0]), 0x80000005);
	reg_set(&m, 0, SYS(3, 0, 5, 2, 0), 0x56000000); /* ESR_EL1 */
	reg_set(&m, 0, SYS(3, 0, 6, 0, 0), 0x7777);	/* FAR_EL1 */
	start(&r, &m, 0);
	wait_for_mark(&m);
	assert_int_equal(am_sdei_inject(m.vm, AM_SDEI_EVENT_PRIVATE_CRITICAL, AM_SDEI_ANY), 0);
	expect_off(&r);
	assert_int_equal(x_get(&m, 0, 24), 0xabcd1234);
	assert_int_equal(x_get(&m, 0, 25), 0x80000005);
	assert_int_equal(x_get(&m, 0, 26), RAM + 0x9000);
	assert_int_equal(x_get(&m, 0, 27), 0);
	assert_int_equal(x_get(&m, 0, 28), 0x3c0);
	assert_int_equal(reg_get(&m, 0, SYS(3, 0, 5, 2, 0)), 0x56000000);
	assert_int_equal(reg_get(&m, 0, SYS(3, 0, 6, 0, 0)), 0x7777);
	assert_int_equal(sdei_at(&m, LOG)[3], 0x3c4); /* EL1t */
	assert_int_equal(sdei_at(&m, LOG)[5], 1);
	machine_destroy(&m);
}

/* PAN is set as by an exception, and the interrupted value comes back. */
static void pan(void **state)
{
	struct machine m;

	for (unsigned span = 0; span < 2; span++) {
		machine_create_sdei(&m, 1, false);
		emit_set_up(&m, AM_SDEI_EVENT_SOFTWARE, true);
		code_at(&m, HANDLER);
		emit(&m, A64_MRS(24, 3, 0, 4, 2, 3)); /* PAN */
		emit_call(&m, COMPLETE, 0, 0, 0);
		code_at(&m, MAIN);
		emit_call(&m, SIGNAL, 0, 0, 0);
		emit(&m, A64_MRS(25, 3, 0, 4, 2, 3));
		emit_psci(&m, PSCI_SYSTEM_OFF);
		reg_set(&m, 0, SYS(3, 0, 1, 0, 0), 0x00450078 | span << 23); /* SCTLR_EL1.SPAN */
		run_to_off(&m, 0);
		assert_int_equal(x_get(&m, 0, 24), span ? 0 : PAN);
		assert_int_equal(x_get(&m, 0, 25), 0);
		machine_destroy(&m);
	}
}

/* Sleepers: WFI, WFE and PSCI's standby wake for an event, with interrupts masked as they are. */
static void sleepers(void **state)
{
	static const uint32_t how[] = {A64_WFI, A64_WFE, 0};
	struct machine m;
	struct runner r;
	uint64_t after;

	for (unsigned n = 0; n < 3; n++) {
		machine_create_sdei(&m, 1, true);
		emit_set_up(&m, AM_SDEI_EVENT_SHARED, true);
		emit_handler(&m);
		code_at(&m, MAIN);
		emit_mark(&m);
		emit_mov(&m, 10, PASSED);
		uint64_t loop = here(&m);

		if (how[n])
			emit(&m, how[n]);
		else
			emit_psci(&m, PSCI_CPU_SUSPEND);
		after = here(&m);
		emit(&m, A64_LDR_X(11, 10));
		emit(&m, A64_CBZ(11, loop - here(&m)));
		emit_psci(&m, PSCI_SYSTEM_OFF);
		start(&r, &m, 0);
		wait_for_mark(&m);
		usleep(20000);
		assert_int_equal(am_sdei_inject(m.vm, AM_SDEI_EVENT_SHARED, AM_SDEI_ANY), 0);
		expect_off(&r);
		if (how[n] != A64_WFE) /* which may be over for other reasons */
			assert_int_equal(sdei_at(&m, LOG)[2], after);
		machine_destroy(&m);
	}
}

/* A masked PE sleeps on. The event waits for the unmasking. */
static void masked_sleeper(void **state)
{
	struct machine m;
	struct runner r;

	machine_create_sdei(&m, 1, true);
	emit_set_up(&m, AM_SDEI_EVENT_PRIVATE, false);
	emit_handler(&m);
	code_at(&m, MAIN);
	emit_mark(&m);
	emit(&m, A64_WFI);
	emit_psci(&m, PSCI_SYSTEM_OFF);
	start(&r, &m, 0);
	wait_for_mark(&m);
	usleep(10000);
	assert_int_equal(am_sdei_inject(m.vm, AM_SDEI_EVENT_PRIVATE, 0), 0);
	usleep(20000);
	assert_int_equal((intptr_t)interrupt(r.thread), -EINTR);
	assert_int_equal(*sdei_at(&m, PASSED), 0);
	assert_int_equal(reg_get(&m, 0, AM_SDEI_REG(AM_SDEI_PENDING)), 2);
	/* Nor does it end a suspended state; unmasked, it does. */
	struct kvm_mp_state mp = {KVM_MP_STATE_SUSPENDED};

	assert_int_equal(kvm_ptr(m.vcpu[0], KVM_SET_MP_STATE, &mp), 0);
	start(&r, &m, 0);
	usleep(10000);
	assert_int_equal((intptr_t)interrupt(r.thread), -EINTR);
	reg_set(&m, 0, AM_SDEI_REG(AM_SDEI_PE_STATE), 0);
	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_SYSTEM_EVENT);
	assert_int_equal(m.run[0]->system_event.type, KVM_SYSTEM_EVENT_WAKEUP);
	mp.mp_state = KVM_MP_STATE_RUNNABLE;
	assert_int_equal(kvm_ptr(m.vcpu[0], KVM_SET_MP_STATE, &mp), 0);
	run_to_off(&m, 0);
	assert_int_equal(*sdei_at(&m, PASSED), 1);
	machine_destroy(&m);
}

/* The load that user space answers is complete before the event comes between. */
static void pending_mmio(void **state)
{
	struct machine m;

	machine_create_sdei(&m, 1, false);
	emit_set_up(&m, AM_SDEI_EVENT_PRIVATE, true);
	emit_handler(&m);
	code_at(&m, MAIN);
	emit_mov(&m, 9, DEVICE);
	emit(&m, A64_LDR_W(8, 9));
	uint64_t after = here(&m);

	emit(&m, A64_MOV(24, 8));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_MMIO);
	assert_int_equal(am_sdei_inject(m.vm, AM_SDEI_EVENT_PRIVATE, 0), 0);
	memcpy(m.run[0]->mmio.data, &(uint32_t){0xcafe}, 4);
	/* Complete it, run nothing: nothing is delivered. */
	m.run[0]->immediate_exit = 1;
	assert_int_equal(run(&m, 0), -EINTR);
	m.run[0]->immediate_exit = 0;
	assert_int_equal(pc_get(&m, 0), after);
	assert_int_equal(x_get(&m, 0, 8), 0xcafe);
	assert_int_equal(reg_get(&m, 0, AM_SDEI_REG(AM_SDEI_RUNNING)), 0);
	run_to_off(&m, 0);
	assert_int_equal(sdei_at(&m, LOG)[2], after);
	assert_int_equal(*sdei_at(&m, PASSED), 1);
	assert_int_equal(x_get(&m, 0, 24), 0xcafe);
	machine_destroy(&m);
}

/* COMPLETE_AND_RESUME looks like an exception from the interrupted context to the address given. */
static void complete_and_resume(void **state)
{
	struct machine m;

	machine_create_sdei(&m, 1, false);
	emit_set_up(&m, AM_SDEI_EVENT_SOFTWARE, true);
	emit_log(&m);
	emit_call(&m, RESUME, RAM + 0x6000, 0, 0);
	emit(&m, A64_B_SELF);
	code_at(&m, RAM + 0x6000);
	emit(&m, MRS(24, ELR_EL1));
	emit(&m, MRS(25, SPSR_EL1));
	emit(&m, MRS(26, DAIF));
	emit(&m, MRS(27, SP_SEL));
	emit(&m, A64_MOV(28, 1));
	emit(&m, 0xd69f03e0u); /* ERET */
	code_at(&m, MAIN);
	emit(&m, 0xd50342ffu); /* MSR DAIFClr, #2 */
	emit(&m, 0xd50040bfu); /* MSR SPSel, #0 */
	emit_mov(&m, 1, 0);
	emit_mov(&m, 0, SIGNAL);
	emit_mov(&m, 2, 0);
	emit(&m, A64_HVC);
	uint64_t after = here(&m);

	emit(&m, MRS(19, DAIF));
	emit(&m, MRS(23, SP_SEL));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	run_to_off(&m, 0);
	assert_int_equal(*sdei_at(&m, PASSED), 1);
	assert_int_equal(x_get(&m, 0, 24), after);
	assert_int_equal(x_get(&m, 0, 25), 0x344);
	assert_int_equal(x_get(&m, 0, 26), 0x3c0);
	assert_int_equal(x_get(&m, 0, 27), 1);
	assert_int_equal(x_get(&m, 0, 28), 0);
	assert_int_equal(x_get(&m, 0, 19), 0x340);
	assert_int_equal(x_get(&m, 0, 23), 0);
	machine_destroy(&m);
}

/* From EL0, and back to it. */
static void user_mode(void **state)
{
	struct machine m;
	struct runner r;

	machine_create_sdei(&m, 1, false);
	emit_set_up(&m, AM_SDEI_EVENT_PRIVATE, true);
	emit_handler(&m);
	code_at(&m, MAIN);
	emit_mov(&m, 9, RAM + 0x6000);
	emit(&m, MSR(9, ELR_EL1));
	emit_mov(&m, 9, 0x80000000); /* EL0t, N */
	emit(&m, MSR(9, SPSR_EL1));
	emit(&m, 0xd69f03e0u); /* ERET */
	code_at(&m, RAM + 0x6000);
	emit_mark(&m);
	emit_mov(&m, 10, PASSED);
	emit(&m, A64_LDR_X(11, 10));
	emit(&m, A64_CBZ(11, -4));
	emit_mov(&m, 9, DEVICE);
	emit(&m, A64_STR_X(11, 9));
	start(&r, &m, 0);
	wait_for_mark(&m);
	assert_int_equal(am_sdei_inject(m.vm, AM_SDEI_EVENT_PRIVATE, 0), 0);
	void *result;

	pthread_join(r.thread, &result);
	assert_int_equal((intptr_t)result, 0);
	assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_MMIO);
	assert_int_equal(reg_get(&m, 0, REG_CORE(regs.pstate)), 0x80000000);
	assert_int_equal(sdei_at(&m, LOG)[3], 0x80000000);
	assert_int_equal(sdei_at(&m, LOG)[6], 4);
	machine_destroy(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(running_vcpu),
	    cmocka_unit_test(exception_prologue),
	    cmocka_unit_test(pan),
	    cmocka_unit_test(sleepers),
	    cmocka_unit_test(masked_sleeper),
	    cmocka_unit_test(pending_mmio),
	    cmocka_unit_test(complete_and_resume),
	    cmocka_unit_test(user_mode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
