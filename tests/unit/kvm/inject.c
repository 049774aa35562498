/* SPDX-License-Identifier: MIT */
/* KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, and what follows from them in the guest. */
#include "machine.h"

#define VECTORS	   (RAM + 0x10000)
#define VBAR_EL1   ARM64_SYS_REG(3, 0, 12, 0, 0)
#define ESR_EL1	   ARM64_SYS_REG(3, 0, 5, 2, 0)
#define ELR_EL1	   REG_CORE(elr_el1)
#define FAR_EL1	   ARM64_SYS_REG(3, 0, 6, 0, 0)
#define ESB	   0xd503221fu
#define DAIFCLR(n) (0xd50340ffu | (n) << 8)

static int set_events(struct machine *m, const struct kvm_vcpu_events *e)
{
	return kvm_ptr(m->vcpu[0], KVM_SET_VCPU_EVENTS, e);
}

static struct kvm_vcpu_events get_events(struct machine *m)
{
	struct kvm_vcpu_events e;

	memset(&e, 0xff, sizeof(e));
	assert_int_equal(kvm_ptr(m->vcpu[0], KVM_GET_VCPU_EVENTS, &e), 0);
	return e;
}

/* Handlers at EL1 that say in X9 which of them was it. */
static void vectors(struct machine *m)
{
	for (unsigned n = 0; n < 4; n++) {
		code_at(m, VECTORS + 0x200 + n * 0x80);
		emit_mov(m, 9, n + 1);
		emit_psci(m, PSCI_SYSTEM_OFF);
	}
	code_at(m, RAM);
	reg_set(m, 0, VBAR_EL1, VECTORS);
}

static void arguments(void **state)
{
	struct kvm_vcpu_events e, zero = {.reserved = {0}};
	struct machine m;

	machine_create(&m, 1, false);
	e = get_events(&m);
	assert_int_equal(e.exception.serror_has_esr, 1);
	e.exception.serror_has_esr = 0;
	assert_memory_equal(&e, &zero, sizeof(e));
	e.exception.pad[4] = 1;
	assert_int_equal(set_events(&m, &e), -EINVAL);
	e = zero;
	e.reserved[11] = 1;
	assert_int_equal(set_events(&m, &e), -EINVAL);
	/* A syndrome has 25 bits. Nobody looks at it if nothing is pending. */
	e = zero;
	e.exception.serror_has_esr = 1;
	e.exception.serror_esr = 1u << 25;
	assert_int_equal(set_events(&m, &e), 0);
	e.exception.serror_pending = 1;
	assert_int_equal(set_events(&m, &e), -EINVAL);
	assert_int_equal(get_events(&m).exception.serror_pending, 0);
	assert_int_equal(kvm(m.vcpu[0], KVM_SET_VCPU_EVENTS, 8), -EFAULT);
	assert_int_equal(kvm(m.vcpu[0], KVM_GET_VCPU_EVENTS, 8), -EFAULT);
	machine_destroy(&m);
}

/* It waits until the guest unmasks it. */
static void serror(void **state)
{
	struct kvm_vcpu_events e = {.exception = {.serror_pending = 1}};
	struct kvm_vcpu_events none = {.reserved = {0}};
	struct machine m;

	machine_create(&m, 1, false);
	vectors(&m);
	emit_mov(&m, 10, 7);
	emit(&m, A64_MRS(11, 3, 0, 12, 1, 0)); /* ISR_EL1 */
	emit(&m, DAIFCLR(4));
	emit_mov(&m, 10, 8);
	assert_int_equal(set_events(&m, &e), 0);
	assert_int_equal(get_events(&m).exception.serror_pending, 1);
	assert_int_equal(get_events(&m).exception.serror_esr, 1u << 24);
	/* Not asking for one does not take it back. */
	assert_int_equal(set_events(&m, &none), 0);
	assert_int_equal(get_events(&m).exception.serror_pending, 1);
	run_to_off(&m, 0);
	assert_int_equal(x_get(&m, 0, 9), 4);
	assert_int_equal(x_get(&m, 0, 10), 7);
	assert_int_equal(x_get(&m, 0, 11), 0x100);
	assert_int_equal(reg_get(&m, 0, ESR_EL1), 0xbf000000);
	assert_int_equal(get_events(&m).exception.serror_pending, 0);
	machine_destroy(&m);
}

/* One with a syndrome. ESB takes it if it is not masked, and puts it into DISR_EL1 if it is. */
static void serror_syndrome(void **state)
{
	struct kvm_vcpu_events e = {
	    .exception = {.serror_pending = 1, .serror_has_esr = 1, .serror_esr = 0x123}};
	struct machine m;

	for (unsigned masked = 0; masked < 2; masked++) {
		machine_create(&m, 1, false);
		vectors(&m);
		if (!masked)
			emit(&m, DAIFCLR(4));
		emit(&m, ESB);
		emit(&m, A64_MRS(10, 3, 0, 12, 1, 1)); /* DISR_EL1 */
		emit(&m, A64_MRS(11, 3, 0, 12, 1, 0)); /* ISR_EL1 */
		emit_mov(&m, 12, 7);
		emit_psci(&m, PSCI_SYSTEM_OFF);
		assert_int_equal(set_events(&m, &e), 0);
		assert_int_equal(get_events(&m).exception.serror_esr, 0x123);
		run_to_off(&m, 0);
		if (masked) {
			assert_int_equal(x_get(&m, 0, 10), 0x80000123);
			assert_int_equal(x_get(&m, 0, 11), 0);
			assert_int_equal(x_get(&m, 0, 12), 7);
		} else {
			assert_int_equal(x_get(&m, 0, 9), 4);
			assert_int_equal(x_get(&m, 0, 12), 0);
			assert_int_equal(reg_get(&m, 0, ESR_EL1), 0xbe000123);
		}
		assert_int_equal(get_events(&m).exception.serror_pending, 0);
		machine_destroy(&m);
	}
}

/* The answer to an access: instead of data, an abort. The load has not been executed. */
static void external_abort(void **state)
{
	struct kvm_vcpu_events e = {.exception = {.ext_dabt_pending = 1}};
	struct machine m;
	uint64_t load;

	machine_create(&m, 1, false);
	vectors(&m);
	emit_mov(&m, 6, DEVICE + 0x24);
	load = here(&m);
	emit(&m, A64_LDR_W(7, 6));
	emit_mov(&m, 10, 8);
	x_set(&m, 0, 7, 1234);
	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_MMIO);
	assert_int_equal(set_events(&m, &e), 0);
	assert_int_equal(get_events(&m).exception.ext_dabt_pending, 0);
	run_to_off(&m, 0);
	assert_int_equal(x_get(&m, 0, 9), 1);
	assert_int_equal(x_get(&m, 0, 10), 0);
	assert_int_equal(x_get(&m, 0, 7), 1234);
	assert_int_equal(reg_get(&m, 0, ESR_EL1), 0x96000010);
	assert_int_equal(reg_get(&m, 0, ELR_EL1), load);
	assert_int_equal(reg_get(&m, 0, FAR_EL1), DEVICE + 0x24);
	machine_destroy(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(arguments),
	    cmocka_unit_test(serror),
	    cmocka_unit_test(serror_syndrome),
	    cmocka_unit_test(external_abort),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
