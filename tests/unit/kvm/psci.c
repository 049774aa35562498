/* SPDX-License-Identifier: MIT */
/* PSCI and SMCCC as the guest finds them behind HVC and SMC, and what reaches user space. */
#include "machine.h"

#include <signal.h>
#include <unistd.h>

#define NOT_SUPPORTED  ((uint64_t)-1)
#define INVALID_PARAMS ((uint64_t)-2)
#define ALREADY_ON     ((uint64_t)-4)

/* One call with its arguments; X0 afterwards. */
static uint64_t call(struct machine *m, uint32_t id, uint64_t a, uint64_t b, uint64_t c)
{
	code_at(m, RAM);
	emit_mov(m, 1, a);
	emit_mov(m, 2, b);
	emit_mov(m, 3, c);
	emit_psci(m, id);
	emit(m, A64_MOV(20, 0));
	emit_psci(m, PSCI_SYSTEM_OFF);
	struct kvm_mp_state on = {KVM_MP_STATE_RUNNABLE};

	/* The last call's SYSTEM_OFF stopped it; reset, so that changed code is seen. */
	struct kvm_vcpu_init init = {.target = 5, .features = {1u << KVM_ARM_VCPU_PSCI_0_2}};

	assert_int_equal(kvm_ptr(m->vcpu[0], KVM_ARM_VCPU_INIT, &init), 0);
	assert_int_equal(kvm_ptr(m->vcpu[0], KVM_SET_MP_STATE, &on), 0);
	pc_set(m, 0, RAM);
	run_to_off(m, 0);
	return x_get(m, 0, 20);
}

static void values(void **state)
{
	struct machine m;

	machine_create(&m, 1, true);
	assert_int_equal(call(&m, PSCI_VERSION, 0, 0, 0), 0x10001);
	assert_int_equal(call(&m, 0x80000000, 0, 0, 0), 0x10001);    /* SMCCC_VERSION */
	assert_int_equal(call(&m, 0x80000001, 0x80008000, 0, 0), 1); /* unaffected */
	assert_int_equal(call(&m, 0x80000001, 0x80007fff, 0, 0), (uint64_t)-2);
	assert_int_equal(call(&m, 0x80000001, 0x80000002, 0, 0), NOT_SUPPORTED);
	assert_int_equal(call(&m, PSCI_MIGRATE_TYPE, 0, 0, 0), 2);
	assert_int_equal(call(&m, 0x84000005, 0, 0, 0), NOT_SUPPORTED); /* MIGRATE */
	assert_int_equal(call(&m, 0x12345678, 0, 0, 0), NOT_SUPPORTED);
	assert_int_equal(call(&m, 0xc4000000, 0, 0, 0), NOT_SUPPORTED); /* VERSION is 32-bit */
	assert_int_equal(call(&m, PSCI_FEATURES, PSCI_CPU_ON, 0, 0), 0);
	assert_int_equal(call(&m, PSCI_FEATURES, 0x80000000, 0, 0), 0);
	assert_int_equal(call(&m, PSCI_FEATURES, PSCI_RESET2, 0, 0), 0);
	assert_int_equal(call(&m, PSCI_FEATURES, PSCI_SYS_SUSPEND, 0, 0), NOT_SUPPORTED);
	assert_int_equal(call(&m, PSCI_FEATURES, 0x84000007, 0, 0), NOT_SUPPORTED);
	assert_int_equal(call(&m, PSCI_SYS_SUSPEND, 0, 0, 0), NOT_SUPPORTED);
	assert_int_equal(call(&m, PSCI_RESET2, 1, 0, 0), INVALID_PARAMS);
	assert_int_equal(call(&m, PSCI_FEATURES, PSCI_OFF2, 0, 0), NOT_SUPPORTED);
	assert_int_equal(call(&m, PSCI_OFF2, 0, 0, 0), NOT_SUPPORTED);
	machine_destroy(&m);
}

/* SYSTEM_OFF2 is there with 1.3, and not before. */
static void newer_versions(void **state)
{
	struct machine m;

	machine_create(&m, 1, true);
	reg_set(&m, 0, KVM_REG_ARM_PSCI_VERSION, 0x10002);
	assert_int_equal(call(&m, PSCI_VERSION, 0, 0, 0), 0x10002);
	assert_int_equal(call(&m, PSCI_FEATURES, PSCI_OFF2, 0, 0), NOT_SUPPORTED);
	assert_int_equal(call(&m, PSCI_OFF2, 0, 0, 0), NOT_SUPPORTED);
	reg_set(&m, 0, KVM_REG_ARM_PSCI_VERSION, 0x10003);
	assert_int_equal(call(&m, PSCI_VERSION, 0, 0, 0), 0x10003);
	assert_int_equal(call(&m, PSCI_FEATURES, PSCI_OFF2, 0, 0), 1);
	assert_int_equal(call(&m, PSCI_FEATURES, 0x84000015, 0, 0), 1);
	assert_int_equal(call(&m, PSCI_OFF2, 2, 0, 0), INVALID_PARAMS);
	assert_int_equal(call(&m, PSCI_OFF2, 1, 1, 0), INVALID_PARAMS); /* the cookie */
	machine_destroy(&m);
}

/* What a version does not have it does not answer. */
static void older_versions(void **state)
{
	struct machine m;

	machine_create(&m, 1, true);
	reg_set(&m, 0, KVM_REG_ARM_PSCI_VERSION, 2);
	assert_int_equal(call(&m, PSCI_VERSION, 0, 0, 0), 2);
	assert_int_equal(call(&m, PSCI_FEATURES, PSCI_CPU_ON, 0, 0), NOT_SUPPORTED);
	reg_set(&m, 0, KVM_REG_ARM_PSCI_VERSION, 0x10000);
	assert_int_equal(call(&m, PSCI_FEATURES, PSCI_CPU_ON, 0, 0), 0);
	assert_int_equal(call(&m, PSCI_FEATURES, PSCI_RESET2, 0, 0), NOT_SUPPORTED);
	machine_destroy(&m);
}

static void affinities(void **state)
{
	struct machine m;

	machine_create(&m, 2, true);
	assert_int_equal(call(&m, PSCI_AFFINITY_INFO, 0, 0, 0), 0);
	assert_int_equal(call(&m, PSCI_AFFINITY_INFO, 1, 0, 0), 1);
	assert_int_equal(call(&m, PSCI_AFFINITY_INFO, 1, 1, 0), 0); /* one of the cluster is on */
	assert_int_equal(call(&m, PSCI_AFFINITY_INFO, 2, 0, 0), INVALID_PARAMS);
	assert_int_equal(call(&m, PSCI_AFFINITY_INFO, 0x100, 1, 0), INVALID_PARAMS);
	assert_int_equal(call(&m, PSCI_AFFINITY_INFO, 0, 4, 0), INVALID_PARAMS);
	assert_int_equal(call(&m, PSCI_AFFINITY_INFO, UINT64_C(1) << 31, 0, 0), INVALID_PARAMS);
	assert_int_equal(call(&m, PSCI_CPU_ON, 0, RAM, 0), ALREADY_ON);
	assert_int_equal(call(&m, PSCI_CPU_ON, 7, RAM, 0), INVALID_PARAMS);
	assert_int_equal(call(&m, PSCI_CPU_ON, UINT64_C(1) << 30 | 1, RAM, 0), INVALID_PARAMS);
	/* On at once, though it has not run yet. */
	assert_int_equal(call(&m, PSCI_CPU_ON, 1, RAM + 0x1000, 77), 0);
	machine_destroy(&m);
}

/* A 32-bit call looks at the low halves of its arguments only. */
static void narrow_calls(void **state)
{
	struct machine m;

	machine_create(&m, 2, true);
	assert_int_equal(call(&m, 0x84000004, UINT64_C(0xdead00000001), 0, 0), 1);
	assert_int_equal(call(&m, 0xc4000004, UINT64_C(0xdead00000001), 0, 0), INVALID_PARAMS);
	machine_destroy(&m);
}

static void system_events(void **state)
{
	struct machine m;

	machine_create(&m, 1, true);
	emit_psci(&m, PSCI_SYSTEM_RESET);
	emit_mov(&m, 1, 0);
	emit_psci(&m, PSCI_RESET2);
	emit(&m, A64_B_SELF);
	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_SYSTEM_EVENT);
	assert_int_equal(m.run[0]->system_event.type, KVM_SYSTEM_EVENT_RESET);
	assert_int_equal(m.run[0]->system_event.ndata, 1);
	assert_int_equal(m.run[0]->system_event.data[0], 0);
	/* A VMM that lets it go on shows the guest a failure. */
	assert_int_equal(x_get(&m, 0, 0), (uint64_t)-6);
	struct kvm_mp_state mp;

	assert_int_equal(kvm_ptr(m.vcpu[0], KVM_GET_MP_STATE, &mp), 0);
	assert_int_equal(mp.mp_state, KVM_MP_STATE_STOPPED);
	mp.mp_state = KVM_MP_STATE_RUNNABLE;
	assert_int_equal(kvm_ptr(m.vcpu[0], KVM_SET_MP_STATE, &mp), 0);
	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(m.run[0]->system_event.type, KVM_SYSTEM_EVENT_RESET);
	assert_int_equal(m.run[0]->system_event.data[0], KVM_SYSTEM_EVENT_RESET_FLAG_PSCI_RESET2);
	machine_destroy(&m);
}

/* One call on a machine that @m is made for; the system event that comes of it. */
static void system_call(struct machine *m, uint32_t id, uint64_t a, uint64_t b)
{
	machine_create(m, 1, true);
	reg_set(m, 0, KVM_REG_ARM_PSCI_VERSION, 0x10003);
	emit_mov(m, 1, a);
	emit_mov(m, 2, b);
	emit_psci(m, id);
	emit(m, A64_B_SELF);
	assert_int_equal(run(m, 0), 0);
	assert_int_equal(m->run[0]->exit_reason, KVM_EXIT_SYSTEM_EVENT);
	assert_int_equal(m->run[0]->system_event.ndata, 1);
	assert_int_equal(x_get(m, 0, 0), (uint64_t)-6);
}

/* The type is 32 bits wide in a 64-bit call, too; user space finds it and the cookie in place. */
static void reset2_types(void **state)
{
	struct machine m;

	system_call(&m, PSCI_RESET2, UINT64_C(0x700000000), 5);
	assert_int_equal(m.run[0]->system_event.type, KVM_SYSTEM_EVENT_RESET);
	assert_int_equal(x_get(&m, 0, 2), 5);
	machine_destroy(&m);
	system_call(&m, 0x84000012, UINT64_C(0x180000003), UINT64_C(0x900000005));
	assert_int_equal(m.run[0]->system_event.type, KVM_SYSTEM_EVENT_RESET);
	assert_int_equal(m.run[0]->system_event.data[0], KVM_SYSTEM_EVENT_RESET_FLAG_PSCI_RESET2);
	assert_int_equal(x_get(&m, 0, 1), 0x80000003);
	assert_int_equal(x_get(&m, 0, 2), 5);
	machine_destroy(&m);
}

/* Hibernation: by its number, or by 0, which the specification wants to mean the same. */
static void off2_types(void **state)
{
	struct machine m;

	for (uint64_t type = 0; type < 2; type++) {
		system_call(&m, type ? PSCI_OFF2 : 0x84000015, type, 0);
		assert_int_equal(m.run[0]->system_event.type, KVM_SYSTEM_EVENT_SHUTDOWN);
		assert_int_equal(m.run[0]->system_event.data[0],
				 KVM_SYSTEM_EVENT_SHUTDOWN_FLAG_PSCI_OFF2);
		machine_destroy(&m);
	}
	system_call(&m, PSCI_SYSTEM_OFF, 0, 0);
	assert_int_equal(m.run[0]->system_event.type, KVM_SYSTEM_EVENT_SHUTDOWN);
	assert_int_equal(m.run[0]->system_event.data[0], 0);
	machine_destroy(&m);
}

/* SYSTEM_SUSPEND is user space's: no register changes but the PC. */
static void system_suspend(void **state)
{
	struct kvm_enable_cap cap = {.cap = KVM_CAP_ARM_SYSTEM_SUSPEND};
	struct machine m;

	machine_create(&m, 1, true);
	assert_int_equal(kvm_ptr(m.vm, KVM_ENABLE_CAP, &cap), 0);
	emit_psci(&m, PSCI_SYS_SUSPEND);
	uint64_t after = here(&m);

	emit_psci(&m, PSCI_SYSTEM_OFF);
	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_SYSTEM_EVENT);
	assert_int_equal(m.run[0]->system_event.type, KVM_SYSTEM_EVENT_SUSPEND);
	assert_int_equal(m.run[0]->system_event.ndata, 0);
	assert_int_equal(x_get(&m, 0, 0), PSCI_SYS_SUSPEND);
	assert_int_equal(pc_get(&m, 0), after);
	run_to_off(&m, 0);
	machine_destroy(&m);
}

/* A suspended vCPU runs nothing; an interrupt makes an exit of it, and the state stays. */
static void suspended_vcpus_wake_user_space(void **state)
{
	struct kvm_irq_level irq = {.irq = KVM_ARM_IRQ_TYPE_CPU << KVM_ARM_IRQ_TYPE_SHIFT,
				    .level = 1};
	struct kvm_mp_state mp = {KVM_MP_STATE_SUSPENDED};
	struct machine m;

	machine_create(&m, 1, false);
	emit_psci(&m, PSCI_SYSTEM_OFF);
	assert_int_equal(kvm_ptr(m.vcpu[0], KVM_SET_MP_STATE, &mp), 0);
	assert_int_equal(kvm_ptr(m.vm, KVM_IRQ_LINE, &irq), 0);
	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_SYSTEM_EVENT);
	assert_int_equal(m.run[0]->system_event.type, KVM_SYSTEM_EVENT_WAKEUP);
	assert_int_equal(pc_get(&m, 0), RAM);
	assert_int_equal(kvm_ptr(m.vcpu[0], KVM_GET_MP_STATE, &mp), 0);
	assert_int_equal(mp.mp_state, KVM_MP_STATE_SUSPENDED);
	mp.mp_state = KVM_MP_STATE_RUNNABLE;
	assert_int_equal(kvm_ptr(m.vcpu[0], KVM_SET_MP_STATE, &mp), 0);
	run_to_off(&m, 0);
	machine_destroy(&m);
}

/* SMC #0 is as good as HVC, but for what KVM serves in HVC's fast path; others are refused. */
static void smc_conduit(void **state)
{
	struct machine m;

	machine_create(&m, 1, true);
	emit_mov(&m, 0, PSCI_VERSION);
	emit(&m, A64_SMC);
	emit(&m, A64_MOV(20, 0));
	emit_mov(&m, 0, 0x80008000);
	emit(&m, A64_SMC);
	emit(&m, A64_MOV(21, 0));
	emit_mov(&m, 0, 0x80008000);
	emit_mov(&m, 1, 77);
	emit(&m, A64_HVC);
	emit(&m, A64_MOV(22, 0));
	emit(&m, A64_MOV(23, 1));
	emit_mov(&m, 0, PSCI_VERSION);
	emit(&m, A64_SMC | 1u << 5);
	emit(&m, A64_MOV(24, 0));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	run_to_off(&m, 0);
	assert_int_equal(x_get(&m, 0, 20), 0x10001);
	assert_int_equal(x_get(&m, 0, 21), NOT_SUPPORTED);
	assert_int_equal(x_get(&m, 0, 22), 0);
	assert_int_equal(x_get(&m, 0, 23), 77);
	assert_int_equal(x_get(&m, 0, 24), NOT_SUPPORTED);
	machine_destroy(&m);
}

/* Without the feature PSCI_0_2: four ids, of which two are there, and registers count whole. */
static void version_0_1(void **state)
{
	struct kvm_vcpu_init init = {.target = 5};
	struct machine m;

	machine_create(&m, 1, false);
	for (unsigned n = 1; n < 3; n++) {
		m.vcpu[n] = kvm(m.vm, KVM_CREATE_VCPU, n);
		assert_true(m.vcpu[n] >= 0);
		init.features[0] = n == 2;
		assert_int_equal(kvm_ptr(m.vcpu[n], KVM_ARM_VCPU_INIT, &init), 0);
	}
	assert_int_equal(reg_get(&m, 1, KVM_REG_ARM_PSCI_VERSION), 1);
	emit_mov(&m, 0, 0x95c1ba5e); /* CPU_SUSPEND: none */
	emit(&m, A64_HVC);
	emit(&m, A64_MOV(20, 0));
	emit_mov(&m, 1, 2);
	emit_mov(&m, 2, UINT64_C(0x123400001000));
	emit_mov(&m, 3, UINT64_C(0x987600000005));
	emit_mov(&m, 0, 0x95c1ba60);
	emit(&m, A64_HVC);
	emit(&m, A64_MOV(21, 0));
	emit_mov(&m, 1, 2);
	emit_mov(&m, 0, 0x95c1ba60);
	emit(&m, A64_HVC); /* on already */
	emit(&m, A64_MOV(22, 0));
	emit_mov(&m, 0, PSCI_VERSION);
	emit(&m, A64_HVC);
	emit(&m, A64_MOV(23, 0));
	emit_mov(&m, 0, DEVICE);
	emit(&m, A64_STR_X(0, 0));
	m.nr = 1;
	pc_set(&m, 1, RAM);
	assert_int_equal(kvm(m.vcpu[1], KVM_RUN, 0), 0);
	assert_int_equal(x_get(&m, 1, 20), NOT_SUPPORTED);
	assert_int_equal(x_get(&m, 1, 21), 0);
	assert_int_equal(x_get(&m, 1, 22), INVALID_PARAMS);
	assert_int_equal(x_get(&m, 1, 23), NOT_SUPPORTED);
	assert_int_equal(pc_get(&m, 2), UINT64_C(0x123400001000));
	assert_int_equal(x_get(&m, 2, 0), UINT64_C(0x987600000005));
	assert_int_equal(am_kvm_close(m.vcpu[2]), 0);
	assert_int_equal(am_kvm_close(m.vcpu[1]), 0);
	machine_destroy(&m);
}

/* A vCPU is where user space says it is: for PSCI, and for an SGI. */
static void moved_affinity(void **state)
{
	const uint64_t mpidr = UINT64_C(0x0500000000) | 1u << 31 | 0x10203;
	struct machine m;

	machine_create(&m, 2, true);
	reg_set(&m, 1, ARM64_SYS_REG(3, 0, 0, 0, 5), mpidr);
	assert_int_equal(call(&m, PSCI_AFFINITY_INFO, 1, 0, 0), INVALID_PARAMS);
	assert_int_equal(call(&m, PSCI_AFFINITY_INFO, UINT64_C(0x0500010203), 0, 0), 1);
	assert_int_equal(call(&m, PSCI_CPU_ON, 1, RAM, 0), INVALID_PARAMS);
	/* ICC_SGI1R_EL1: INTID 3 to Aff3 5, Aff2 1, Aff1 2, Aff0 3. */
	code_at(&m, RAM);
	emit_mov(&m, 0, UINT64_C(5) << 48 | UINT64_C(1) << 32 | 3u << 24 | 2u << 16 | 1u << 3);
	emit(&m, A64_MSR(0, 3, 0, 12, 11, 5));
	emit_mov(&m, 1, GICR + 0x20000 + 0x10200); /* GICR_ISPENDR0 of the second */
	emit(&m, A64_LDR_W(21, 1));
	emit_mov(&m, 1, UINT64_C(0x0500010203));
	emit_mov(&m, 2, RAM + 0x1000);
	emit_psci(&m, PSCI_CPU_ON);
	emit(&m, A64_MOV(20, 0));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	struct kvm_vcpu_init init = {.target = 5, .features = {1u << KVM_ARM_VCPU_PSCI_0_2}};

	assert_int_equal(kvm_ptr(m.vcpu[0], KVM_ARM_VCPU_INIT, &init), 0);
	pc_set(&m, 0, RAM);
	run_to_off(&m, 0);
	assert_int_equal(x_get(&m, 0, 20), 0);
	assert_int_equal(x_get(&m, 0, 21), 1u << 3);
	/* Reset keeps it. */
	assert_int_equal(pc_get(&m, 1), RAM + 0x1000);
	assert_int_equal(reg_get(&m, 1, ARM64_SYS_REG(3, 0, 0, 0, 5)), mpidr);
	machine_destroy(&m);
}

static pthread_t main_thread;

static void nothing(int sig)
{
}

static void *stop_first(void *opaque)
{
	usleep(300000);
	pthread_kill(main_thread, SIGUSR1);
	return NULL;
}

static void *run_second(void *opaque)
{
	return (void *)(intptr_t)run(opaque, 1);
}

/*
 * The first vCPU starts the second and waits for its mark; the second, blocked in KVM_RUN since
 * before, comes up reset with PC and X0 as asked, and shuts the machine down.
 */
static void cpu_on(void **state)
{
	struct machine m;
	pthread_t t;
	void *r;

	machine_create(&m, 2, true);
	emit_mov(&m, 1, 1);
	emit_mov(&m, 2, RAM + 0x1000);
	emit_mov(&m, 3, 0x1234567890);
	emit_psci(&m, PSCI_CPU_ON);
	emit(&m, A64_MOV(20, 0));
	emit(&m, A64_B_SELF);
	code_at(&m, RAM + 0x1000);
	emit(&m, A64_MOV(21, 0));
	emit(&m, A64_MRS(22, 3, 0, 0, 0, 5)); /* MPIDR_EL1 */
	emit(&m, A64_MRS(23, 3, 0, 4, 2, 2)); /* CurrentEL */
	emit(&m, A64_MRS(24, 3, 3, 4, 2, 1)); /* DAIF */
	emit_psci(&m, PSCI_SYSTEM_OFF);
	x_set(&m, 1, 25, 0xbad); /* the reset clears it */

	assert_int_equal(pthread_create(&t, NULL, run_second, &m), 0);
	usleep(10000);
	/* The second's SYSTEM_OFF stops the first, which sleeps until a signal; so ask it to go. */
	pthread_t kicker;

	assert_int_equal(pthread_create(&kicker, NULL, stop_first, &m), 0);
	run(&m, 0);
	pthread_join(kicker, NULL);
	pthread_join(t, &r);
	assert_int_equal((intptr_t)r, 0);
	assert_int_equal(m.run[1]->exit_reason, KVM_EXIT_SYSTEM_EVENT);
	assert_int_equal(m.run[1]->system_event.type, KVM_SYSTEM_EVENT_SHUTDOWN);
	assert_int_equal(x_get(&m, 0, 20), 0);
	assert_int_equal(x_get(&m, 1, 21), 0x1234567890);
	assert_int_equal(x_get(&m, 1, 22), 0x80000001);
	assert_int_equal(x_get(&m, 1, 23), 4);
	assert_int_equal(x_get(&m, 1, 24), 0x3c0);
	assert_int_equal(x_get(&m, 1, 25), 0);
	machine_destroy(&m);
}

/* CPU_OFF: the thread stays in KVM_RUN, the vCPU shows as off, and can be started again. */
static void cpu_off(void **state)
{
	struct machine m;
	struct kvm_mp_state mp;
	pthread_t kicker;

	machine_create(&m, 1, true);
	emit_psci(&m, PSCI_CPU_OFF);
	emit(&m, A64_B_SELF);
	assert_int_equal(pthread_create(&kicker, NULL, stop_first, &m), 0);
	assert_int_equal(run(&m, 0), -EINTR);
	pthread_join(kicker, NULL);
	assert_int_equal(kvm_ptr(m.vcpu[0], KVM_GET_MP_STATE, &mp), 0);
	assert_int_equal(mp.mp_state, KVM_MP_STATE_STOPPED);
	machine_destroy(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values),	      cmocka_unit_test(older_versions),
	    cmocka_unit_test(newer_versions), cmocka_unit_test(affinities),
	    cmocka_unit_test(narrow_calls),   cmocka_unit_test(system_events),
	    cmocka_unit_test(system_suspend), cmocka_unit_test(suspended_vcpus_wake_user_space),
	    cmocka_unit_test(reset2_types),   cmocka_unit_test(off2_types),
	    cmocka_unit_test(smc_conduit),    cmocka_unit_test(version_0_1),
	    cmocka_unit_test(moved_affinity), cmocka_unit_test(cpu_on),
	    cmocka_unit_test(cpu_off),
	};
	struct sigaction sa = {.sa_handler = nothing};

	main_thread = pthread_self();
	sigemptyset(&sa.sa_mask);
	sigaction(SIGUSR1, &sa, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
