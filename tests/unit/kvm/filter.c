/* SPDX-License-Identifier: MIT */
/* The filter of calls: which ranges user space may name, and what becomes of a call in one. */
#include "machine.h"

#define NOT_SUPPORTED ((uint64_t)-1)
#define ARCH_FEATURES 0x80000001u
#define TRNG_VERSION  0x84000050u
#define VENDOR	      0xc6000000u

enum { HANDLE, DENY, FORWARD };

static int vm_attr(struct machine *m, unsigned long request, uint32_t group, uint64_t attr,
		   const void *addr)
{
	struct kvm_device_attr a = {.group = group, .attr = attr, .addr = (uintptr_t)addr};

	return kvm_ptr(m->vm, request, &a);
}

static int filter(struct machine *m, uint32_t base, uint32_t nr, uint8_t action)
{
	struct kvm_smccc_filter f = {.base = base, .nr_functions = nr, .action = action};

	return vm_attr(m, KVM_SET_DEVICE_ATTR, KVM_ARM_VM_SMCCC_CTRL, KVM_ARM_VM_SMCCC_FILTER, &f);
}

static void attributes(void **state)
{
	struct kvm_smccc_filter f = {.base = VENDOR, .nr_functions = 1};
	struct machine m;

	machine_create(&m, 1, false);
	assert_int_equal(vm_attr(&m, KVM_HAS_DEVICE_ATTR, 0, 0, NULL), 0);
	assert_int_equal(vm_attr(&m, KVM_HAS_DEVICE_ATTR, 0, 1, NULL), -ENXIO);
	assert_int_equal(vm_attr(&m, KVM_HAS_DEVICE_ATTR, 1, 0, NULL), -ENXIO);
	assert_int_equal(vm_attr(&m, KVM_SET_DEVICE_ATTR, 0, 1, &f), -ENXIO);
	assert_int_equal(vm_attr(&m, KVM_SET_DEVICE_ATTR, 1, 0, &f), -ENXIO);
	assert_int_equal(vm_attr(&m, KVM_SET_DEVICE_ATTR, 0, 0, NULL), -EFAULT);
	assert_int_equal(kvm(m.vm, KVM_HAS_DEVICE_ATTR, 8), -EFAULT);
	assert_int_equal(vm_attr(&m, KVM_GET_DEVICE_ATTR, 0, 0, &f), -EINVAL);
	f.pad[14] = 1;
	assert_int_equal(vm_attr(&m, KVM_SET_DEVICE_ATTR, 0, 0, &f), -EINVAL);
	machine_destroy(&m);
}

static void ranges(void **state)
{
	struct machine m;

	machine_create(&m, 1, false);
	assert_int_equal(filter(&m, VENDOR, 1, FORWARD + 1), -EINVAL);
	assert_int_equal(filter(&m, VENDOR, 0, DENY), -EINVAL);
	assert_int_equal(filter(&m, 0xffffffff, 2, DENY), -EINVAL);
	assert_int_equal(filter(&m, 0xffffffff, 0xffffffff, DENY), -EINVAL);
	/* Arm's own, also where a range only touches them; and no function is no range. */
	assert_int_equal(filter(&m, 0x80000000, 1, DENY), -EEXIST);
	assert_int_equal(filter(&m, 0x8000ffff, 1, HANDLE), -EEXIST);
	assert_int_equal(filter(&m, 0xc0000000, 1, DENY), -EEXIST);
	assert_int_equal(filter(&m, 0xc000fff0, 0x100, DENY), -EEXIST);
	assert_int_equal(filter(&m, 0, 0, DENY), -EINVAL);
	assert_int_equal(filter(&m, 0x7fffff00, 0x101, DENY), -EEXIST);
	/* Up to both its ends. */
	assert_int_equal(filter(&m, 0, 0x80000000, DENY), 0);
	assert_int_equal(filter(&m, 0x80010000, 0x40000000 - 0x10000, DENY), 0);
	assert_int_equal(filter(&m, 0xffffffff, 1, FORWARD), 0);
	assert_int_equal(filter(&m, 0xc0010000, 0x3ffeffff, FORWARD), 0);
	/* Full now. */
	for (uint64_t id = 0; id < UINT64_C(1) << 32; id += 0x1000f)
		assert_int_equal(filter(&m, (uint32_t)id, 1, DENY), -EEXIST);
	machine_destroy(&m);
}

static void overlaps(void **state)
{
	struct machine m;

	machine_create(&m, 1, false);
	/* From the top down, so that each comes before all others: room must grow. */
	for (unsigned n = 100; n-- > 0;)
		assert_int_equal(filter(&m, VENDOR + 16 * n, 4, n % 3), 0);
	for (unsigned n = 0; n < 100; n++) {
		uint32_t base = VENDOR + 16 * n;

		assert_int_equal(filter(&m, base, 4, n % 3), -EEXIST);
		assert_int_equal(filter(&m, base + 3, 1, DENY), -EEXIST);
		assert_int_equal(filter(&m, base - 2, 3, DENY), -EEXIST);
		assert_int_equal(filter(&m, base - 1, 8, DENY), -EEXIST);
		assert_int_equal(filter(&m, base + 4, 1, DENY), 0);
	}
	machine_destroy(&m);
}

static void frozen(void **state)
{
	struct machine m;

	machine_create(&m, 1, false);
	emit_psci(&m, PSCI_SYSTEM_OFF);
	run_to_off(&m, 0);
	assert_int_equal(filter(&m, VENDOR, 1, DENY), -EBUSY);
	assert_int_equal(filter(&m, VENDOR, 0, DENY), -EINVAL);
	assert_int_equal(filter(&m, 0x80000000, 1, DENY), -EBUSY);
	machine_destroy(&m);
}

/* Two calls, one in a range and one beside it; x0-x3 after each in x20-x23 and x24-x27. */
static void denied(void **state)
{
	struct machine m;

	machine_create(&m, 1, false);
	assert_int_equal(filter(&m, TRNG_VERSION, 1, DENY), 0);
	assert_int_equal(filter(&m, PSCI_VERSION, 1, DENY), 0);
	assert_int_equal(filter(&m, PSCI_SYSTEM_OFF, 1, HANDLE), 0);
	for (unsigned n = 0; n < 2; n++) {
		emit_mov(&m, 1, 11);
		emit_mov(&m, 2, 12);
		emit_mov(&m, 3, 13);
		emit_psci(&m, n ? PSCI_VERSION : TRNG_VERSION);
		for (unsigned k = 0; k < 4; k++)
			emit(&m, A64_MOV(20 + 4 * n + k, k));
	}
	emit_mov(&m, 1, TRNG_VERSION);
	emit_psci(&m, TRNG_VERSION + 1);
	emit(&m, A64_MOV(28, 0));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	run_to_off(&m, 0);
	for (unsigned k = 0; k < 8; k++)
		assert_int_equal(x_get(&m, 0, 20 + k), k % 4 ? 0 : NOT_SUPPORTED);
	assert_int_equal(x_get(&m, 0, 28), 0);
	machine_destroy(&m);
}

/* User space answers: it finds the call in the registers, the PC behind it, and writes x0. */
static void forwarded(void **state)
{
	struct machine m;

	for (unsigned smc = 0; smc < 2; smc++) {
		machine_create(&m, 1, false);
		assert_int_equal(filter(&m, VENDOR, 0x10, FORWARD), 0);
		emit_mov(&m, 1, 11);
		emit_mov(&m, 0, UINT64_C(0x500000000) | (VENDOR + 0xf));
		emit(&m, smc ? A64_SMC : A64_HVC);
		uint64_t after = here(&m);

		emit(&m, A64_MOV(20, 0));
		emit_psci(&m, PSCI_SYSTEM_OFF);
		memset(&m.run[0]->hypercall, 0xff, sizeof(m.run[0]->hypercall));
		assert_int_equal(run(&m, 0), 0);
		assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_HYPERCALL);
		assert_int_equal(m.run[0]->hypercall.nr, VENDOR + 0xf);
		assert_int_equal(m.run[0]->hypercall.flags, smc ? KVM_HYPERCALL_EXIT_SMC : 0);
		assert_int_equal(m.run[0]->hypercall.args[0], 0);
		assert_int_equal(m.run[0]->hypercall.ret, 0);
		assert_int_equal(pc_get(&m, 0), after);
		assert_int_equal(x_get(&m, 0, 0), UINT64_C(0x500000000) | (VENDOR + 0xf));
		assert_int_equal(x_get(&m, 0, 1), 11);
		x_set(&m, 0, 0, 0x4242);
		run_to_off(&m, 0);
		assert_int_equal(x_get(&m, 0, 20), 0x4242);
		machine_destroy(&m);
	}
}

/* The filter comes before the bitmaps; and an SMC with an immediate is no call at all. */
static void order(void **state)
{
	struct machine m;

	machine_create(&m, 1, false);
	reg_set(&m, 0, KVM_REG_ARM_STD_BMAP, 0);
	assert_int_equal(filter(&m, TRNG_VERSION, 1, FORWARD), 0);
	emit_mov(&m, 0, TRNG_VERSION);
	emit(&m, A64_SMC | 7u << 5);
	emit(&m, A64_MOV(21, 0));
	emit_psci(&m, TRNG_VERSION + 1);
	emit(&m, A64_MOV(22, 0));
	emit_psci(&m, TRNG_VERSION);
	emit_psci(&m, PSCI_SYSTEM_OFF);
	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_HYPERCALL);
	assert_int_equal(x_get(&m, 0, 21), NOT_SUPPORTED);
	assert_int_equal(x_get(&m, 0, 22), NOT_SUPPORTED);
	run_to_off(&m, 0);
	machine_destroy(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(attributes), cmocka_unit_test(ranges), cmocka_unit_test(overlaps),
	    cmocka_unit_test(frozen),	  cmocka_unit_test(denied), cmocka_unit_test(forwarded),
	    cmocka_unit_test(order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
