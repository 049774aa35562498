/* SPDX-License-Identifier: MIT */
/*
 * Software delegated exceptions and what is around them: the gate, the filter of calls, resets,
 * bound interrupts, user space's single steps.
 */
#include "sdei_guest.h"

#include <stdatomic.h>
#include <unistd.h>

/* Behind a gate that is closed there is nothing. */
static void gate_closed(void **state)
{
	struct machine m;

	machine_create(&m, 1, false);
	for (unsigned n = 0; n < 0x20; n++) {
		emit_call(&m, FN(n), 0, 0, 0);
		emit(&m, A64_ADD_IMM(0, 0, 1));
		emit(&m, 0xaa000294u); /* ORR X20, X20, X0 */
	}
	emit_psci(&m, PSCI_SYSTEM_OFF);
	run_to_off(&m, 0);
	assert_int_equal(x_get(&m, 0, 20), 0);
	assert_int_equal(am_sdei_inject(m.vm, 0, AM_SDEI_ANY), -ENODEV);
	machine_destroy(&m);
}

/* The calls are subject to the filter, and come by SMC as well. */
static void conduits(void **state)
{
	struct kvm_smccc_filter f = {FN(0xb), 1, KVM_SMCCC_FILTER_DENY, {0}};
	struct kvm_device_attr a = {.addr = (uintptr_t)&f};
	struct machine m;

	machine_create_sdei(&m, 1, false);
	assert_int_equal(kvm_ptr(m.vm, KVM_SET_DEVICE_ATTR, &a), 0);
	emit_mov(&m, 0, FN(0));
	emit(&m, A64_SMC);
	emit(&m, A64_MOV(20, 0));
	emit_call(&m, PE_MASK, 0, 0, 0);
	emit(&m, A64_MOV(21, 0));
	emit_mov(&m, 1, 0x77);
	emit_mov(&m, 0, PE_UNMASK);
	emit(&m, A64_HVC);
	emit(&m, A64_MOV(22, 0));
	emit(&m, A64_MOV(23, 1));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	run_to_off(&m, 0);
	assert_int_equal(x_get(&m, 0, 20) & ~UINT64_C(0xffffffff), UINT64_C(1) << 48 | 1ull << 32);
	assert_int_equal(x_get(&m, 0, 21), UINT64_MAX);
	assert_int_equal(x_get(&m, 0, 22), 0);
	assert_int_equal(x_get(&m, 0, 23), 0x77);
	machine_destroy(&m);
}

/* The guest signals itself; the handler reads what was interrupted. */
static void signal_and_context(void **state)
{
	struct machine m;

	machine_create_sdei(&m, 1, false);
	emit_set_up(&m, AM_SDEI_EVENT_SOFTWARE, true);
	code_at(&m, HANDLER);
	emit_call(&m, CONTEXT, 9, 0, 0);
	emit(&m, A64_MOV(24, 0));
	emit_call(&m, CONTEXT, 18, 0, 0);
	emit(&m, A64_MOV(25, 0));
	emit_call(&m, COMPLETE, 0, 0, 0);
	code_at(&m, MAIN);
	emit_mov(&m, 9, 0x9999);
	emit_call(&m, SIGNAL, 0, 0, 0);
	emit(&m, A64_MOV(26, 0));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	run_to_off(&m, 0);
	assert_int_equal(x_get(&m, 0, 24), 0x9999);
	assert_int_equal(x_get(&m, 0, 25), (uint64_t)-2);
	assert_int_equal(x_get(&m, 0, 26), 0);
	machine_destroy(&m);
}

/* CPU_OFF, CPU_ON and KVM_ARM_VCPU_INIT leave private events unregistered and the PE masked. */
static void resets(void **state)
{
	struct kvm_vcpu_init init = {.target = 5, .features = {1u << KVM_ARM_VCPU_PSCI_0_2}};
	struct machine m;
	struct runner r;

	machine_create_sdei(&m, 1, false);
	emit_set_up(&m, AM_SDEI_EVENT_PRIVATE, true);
	code_at(&m, MAIN);
	emit_mark(&m);
	emit_psci(&m, PSCI_CPU_OFF);
	start(&r, &m, 0);
	wait_for_mark(&m);
	usleep(10000);
	assert_int_equal((intptr_t)interrupt(r.thread), -EINTR);
	assert_int_equal(reg_get(&m, 0, AM_SDEI_REG(AM_SDEI_REGISTERED)), 0);
	assert_int_equal(reg_get(&m, 0, AM_SDEI_REG(AM_SDEI_PE_STATE)), 1);
	assert_int_equal(am_sdei_inject(m.vm, AM_SDEI_EVENT_PRIVATE, 0), -EAGAIN);
	/* Stopping it from outside is no reset. */
	struct kvm_mp_state mp = {KVM_MP_STATE_STOPPED};

	reg_set(&m, 0, AM_SDEI_REG(AM_SDEI_SLOT_ENTRY(0)), HANDLER);
	reg_set(&m, 0, AM_SDEI_REG(AM_SDEI_REGISTERED), 1);
	reg_set(&m, 0, AM_SDEI_REG(AM_SDEI_PE_STATE), 0);
	assert_int_equal(kvm_ptr(m.vcpu[0], KVM_SET_MP_STATE, &mp), 0);
	assert_int_equal(reg_get(&m, 0, AM_SDEI_REG(AM_SDEI_REGISTERED)), 1);
	assert_int_equal(kvm_ptr(m.vcpu[0], KVM_ARM_VCPU_INIT, &init), 0);
	assert_int_equal(reg_get(&m, 0, AM_SDEI_REG(AM_SDEI_REGISTERED)), 0);
	assert_int_equal(reg_get(&m, 0, AM_SDEI_REG(AM_SDEI_PE_STATE)), 1);
	assert_int_equal(reg_get(&m, 0, AM_SDEI_REG(AM_SDEI_GATE)), 1);
	machine_destroy(&m);
}

/* An SPI that the guest binds reaches its handler although the guest masks interrupts. */
static void bound_interrupt(void **state)
{
	struct kvm_irq_level irq = {.irq = KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT | 40,
				    .level = 1};
	struct machine m;
	struct runner r;

	machine_create_sdei(&m, 1, true);
	emit_call(&m, BIND, 40, 0, 0);
	emit(&m, A64_MOV(23, 0));
	emit(&m, A64_MOV(1, 0));
	emit_mov(&m, 2, HANDLER);
	emit_mov(&m, 3, 0x1234);
	emit_mov(&m, 4, 0);
	emit_mov(&m, 0, REGISTER);
	emit(&m, A64_HVC);
	emit(&m, A64_MOV(20, 0));
	emit(&m, A64_MOV(1, 23));
	emit_mov(&m, 0, ENABLE);
	emit(&m, A64_HVC);
	emit(&m, A64_MOV(21, 0));
	emit_call(&m, PE_UNMASK, 0, 0, 0);
	emit(&m, A64_B(MAIN - here(&m)));
	/* A handler that lowers the line at user space's device. */
	emit_log(&m);
	emit_mov(&m, 5, DEVICE);
	emit(&m, A64_STR_X(5, 5));
	emit_call(&m, COMPLETE, 0, 0, 0);
	emit_main(&m);
	start(&r, &m, 0);
	wait_for_mark(&m);
	assert_int_equal(kvm_ptr(m.vm, KVM_IRQ_LINE, &irq), 0);
	void *result;

	pthread_join(r.thread, &result);
	assert_int_equal((intptr_t)result, 0);
	assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_MMIO);
	irq.level = 0;
	assert_int_equal(kvm_ptr(m.vm, KVM_IRQ_LINE, &irq), 0);
	run_to_off(&m, 0);
	assert_true(x_get(&m, 0, 23) >= AM_SDEI_EVENT_BOUND && !(x_get(&m, 0, 23) >> 31));
	assert_int_equal(x_get(&m, 0, 20), 0);
	assert_int_equal(x_get(&m, 0, 21), 0);
	assert_int_equal(sdei_at(&m, LOG)[0], x_get(&m, 0, 23));
	assert_int_equal(*sdei_at(&m, PASSED), 1);
	machine_destroy(&m);
}

/* User space steps over an event: the handler's instructions are steps like others. */
static void single_step(void **state)
{
	struct kvm_guest_debug d = {.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP};
	struct machine m;
	uint64_t pc;

	machine_create_sdei(&m, 1, false);
	emit_set_up(&m, AM_SDEI_EVENT_PRIVATE, true);
	code_at(&m, HANDLER);
	emit_call(&m, COMPLETE, 0, 0, 0);
	code_at(&m, MAIN);
	emit_mov(&m, 9, DEVICE);
	emit(&m, A64_LDR_W(8, 9));
	for (unsigned n = 0; n < 8; n++)
		emit(&m, A64_ADD_IMM(24, 24, 1));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_MMIO);
	assert_int_equal(kvm_ptr(m.vcpu[0], KVM_SET_GUEST_DEBUG, &d), 0);
	assert_int_equal(run(&m, 0), 0); /* the load */
	assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_DEBUG);
	pc = pc_get(&m, 0);
	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(pc_get(&m, 0), pc + 4);
	assert_int_equal(am_sdei_inject(m.vm, AM_SDEI_EVENT_PRIVATE, 0), 0);
	for (unsigned n = 1; n < 8; n++) {
		assert_int_equal(run(&m, 0), 0);
		assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_DEBUG);
		/* The seventh is the HVC: back to where it was. */
		if (n < 8 - 1)
			assert_int_equal(pc_get(&m, 0), HANDLER + 4 * n);
	}
	while (pc_get(&m, 0) - HANDLER < 0x100)
		assert_int_equal(run(&m, 0), 0);
	assert_int_equal(pc_get(&m, 0), pc + 4);
	assert_int_equal(x_get(&m, 0, 24), 1);
	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(pc_get(&m, 0), pc + 8);
	d.control = 0;
	assert_int_equal(kvm_ptr(m.vcpu[0], KVM_SET_GUEST_DEBUG, &d), 0);
	run_to_off(&m, 0);
	assert_int_equal(x_get(&m, 0, 24), 8);
	machine_destroy(&m);
}

static atomic_bool stop_raising;

static void *raise_again(void *opaque)
{
	struct machine *m = opaque;

	/* After pauses of all lengths, or it would be pending whenever a step begins. */
	for (unsigned n = 0; !atomic_load(&stop_raising); n++) {
		for (unsigned k = n * 7919 % 5000; k; k--)
			atomic_signal_fence(memory_order_seq_cst);
		am_sdei_inject(m->vm, AM_SDEI_EVENT_PRIVATE, 0);
	}
	return NULL;
}

/* Each run is one instruction, of the handler or not, also when the event comes during the step. */
static void steps_under_fire(void **state)
{
	struct kvm_guest_debug d = {.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP};
	struct machine m;
	uint64_t was, now = 0, pc;
	pthread_t t;

	machine_create_sdei(&m, 1, false);
	emit_set_up(&m, AM_SDEI_EVENT_PRIVATE, true);
	code_at(&m, HANDLER);
	emit_mov(&m, 0, COMPLETE);
	emit(&m, A64_HVC);
	code_at(&m, MAIN);
	emit_mov(&m, 9, DEVICE);
	emit(&m, A64_LDR_W(8, 9));
	emit(&m, A64_ADD_IMM(24, 24, 1));
	emit(&m, A64_B(-4));
	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_MMIO);
	assert_int_equal(kvm_ptr(m.vcpu[0], KVM_SET_GUEST_DEBUG, &d), 0);
	assert_int_equal(run(&m, 0), 0);
	pc = pc_get(&m, 0);
	atomic_store(&stop_raising, false);
	assert_int_equal(pthread_create(&t, NULL, raise_again, &m), 0);
	for (unsigned n = 0; n < 20000; n++) {
		was = now;
		assert_int_equal(run(&m, 0), 0);
		assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_DEBUG);
		now = x_get(&m, 0, 24);
		assert_true(now - was <= 1);
		/* The addition was the instruction: then none of the handler's was. */
		if (now != was)
			assert_true(pc_get(&m, 0) == pc + 4 || pc_get(&m, 0) == HANDLER);
	}
	atomic_store(&stop_raising, true);
	pthread_join(t, NULL);
	machine_destroy(&m);
}

#define USER	(RAM + 0x6000)
#define VECTORS (RAM + 0x7000)
#define STEPS	200u
#define EVENTS	500u

#define A64_B_MI(off) (0x54000004u | ((uint32_t)((off) / 4) & 0x7ffff) << 5)

/* EL0 steps until there were EVENTS; EL1 counts steps in x20, x9 counts the instructions. */
static void emit_guest_stepping(struct machine *m)
{
	code_at(m, MAIN);
	emit_mov(m, 10, VECTORS);
	emit(m, A64_MSR(10, 3, 0, 12, 0, 0)); /* VBAR_EL1 */
	emit_mov(m, 10, 1);
	emit(m, A64_MSR(10, 2, 0, 0, 2, 2)); /* MDSCR_EL1.SS */
	emit_mov(m, 23, PASSED);
	uint64_t again = here(m);

	emit_mov(m, 10, USER);
	emit(m, MSR(10, ELR_EL1));
	emit_mov(m, 10, 1u << 21);
	emit(m, MSR(10, SPSR_EL1));
	emit(m, 0xd69f03e0u); /* ERET */
	code_at(m, USER);
	for (unsigned n = 0; n < STEPS; n++)
		emit(m, A64_ADD_IMM(9, 9, 1));
	emit(m, 0xd4000001u); /* SVC */
	code_at(m, VECTORS + 0x400);
	emit(m, A64_MRS(21, 3, 0, 5, 2, 0)); /* ESR_EL1 */
	emit(m, 0xd35afeb5u);		     /* LSR X21, X21, #26 */
	emit(m, A64_SUBS_IMM(21, 21, 0x32));
	emit(m, A64_CBNZ(21, 6 * 4));
	emit(m, A64_ADD_IMM(20, 20, 1));
	emit(m, MRS(22, SPSR_EL1));
	emit(m, 0xb26b02d6u); /* ORR X22, X22, #1 << 21 */
	emit(m, MSR(22, SPSR_EL1));
	emit(m, 0xd69f03e0u); /* ERET */
	emit(m, A64_LDR_X(21, 23));
	emit(m, A64_SUBS_IMM(21, 21, EVENTS));
	emit(m, A64_B_MI(again - here(m)));
	emit_psci(m, PSCI_SYSTEM_OFF);
}

/* The guest steps: one exception for each instruction, whatever comes between. */
static void guest_steps_under_fire(void **state)
{
	struct machine m;
	pthread_t t;

	machine_create_sdei(&m, 1, false);
	emit_set_up(&m, AM_SDEI_EVENT_PRIVATE, true);
	emit_handler(&m);
	emit_guest_stepping(&m);
	atomic_store(&stop_raising, false);
	assert_int_equal(pthread_create(&t, NULL, raise_again, &m), 0);
	run_to_off(&m, 0);
	atomic_store(&stop_raising, true);
	pthread_join(t, NULL);
	assert_true(x_get(&m, 0, 9) >= STEPS);
	assert_int_equal(x_get(&m, 0, 20), x_get(&m, 0, 9));
	machine_destroy(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gate_closed),	  cmocka_unit_test(conduits),
	    cmocka_unit_test(signal_and_context), cmocka_unit_test(resets),
	    cmocka_unit_test(bound_interrupt),	  cmocka_unit_test(single_step),
	    cmocka_unit_test(steps_under_fire),	  cmocka_unit_test(guest_steps_under_fire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
