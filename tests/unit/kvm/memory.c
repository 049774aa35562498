/* SPDX-License-Identifier: MIT */
/* What a guest finds where memory ends, and the second form of KVM_SET_USER_MEMORY_REGION. */
#include "machine.h"

#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096u

static int set_region2(struct machine *m, uint32_t slot, uint32_t flags, uint64_t gpa,
		       uint64_t size)
{
	struct kvm_userspace_memory_region2 r = {.slot = slot,
						 .flags = flags,
						 .guest_phys_addr = gpa,
						 .memory_size = size,
						 .userspace_addr = (uintptr_t)m->ram,
						 .guest_memfd = 77,
						 .pad1 = 1};

	return kvm_ptr(m->vm, KVM_SET_USER_MEMORY_REGION2, &r);
}

/* It is the first form with room at the end, which counts only with a flag that arm64 has not. */
static void second_form(void **state)
{
	struct machine m;

	machine_create(&m, 1, false);
	assert_int_equal(kvm(m.vm, KVM_CHECK_EXTENSION, KVM_CAP_USER_MEMORY2), 1);
	assert_int_equal(set_region2(&m, 1, KVM_MEM_GUEST_MEMFD, 0, PAGE), -EINVAL);
	assert_int_equal(set_region2(&m, 1, 0, RAM, PAGE), -EEXIST);
	assert_int_equal(set_region2(&m, 1, KVM_MEM_LOG_DIRTY_PAGES, DEVICE, PAGE), 0);
	assert_int_equal(kvm(m.vm, KVM_SET_USER_MEMORY_REGION2, 8), -EFAULT);
	emit_mov(&m, 0, DEVICE);
	emit_mov(&m, 1, RAM);
	emit(&m, A64_LDR_X(5, 0));
	emit(&m, A64_LDR_X(6, 1));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	run_to_off(&m, 0);
	assert_int_equal(x_get(&m, 0, 5), x_get(&m, 0, 6)); /* one page seen twice */
	assert_int_not_equal(x_get(&m, 0, 5), 0);
	assert_int_equal(set_region2(&m, 1, 0, 0, 0), 0);
	machine_destroy(&m);
}

/* Blocks are cut in the size that the VMM chose, which it may do before there is memory. */
static void block_sizes(void **state)
{
	struct kvm_enable_cap c = {.cap = KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE};
	int fd = am_kvm_open(), vm = kvm(fd, KVM_CREATE_VM, 0);
	struct machine m;

	assert_int_equal(kvm(fd, KVM_CHECK_EXTENSION, KVM_CAP_ARM_SUPPORTED_BLOCK_SIZES),
			 PAGE | 2 << 20 | 1 << 30);
	assert_int_equal(kvm(vm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE), 0);
	c.args[0] = 3 << 20;
	assert_int_equal(kvm_ptr(vm, KVM_ENABLE_CAP, &c), -EINVAL);
	c.args[0] = PAGE | 2 << 20;
	assert_int_equal(kvm_ptr(vm, KVM_ENABLE_CAP, &c), -EINVAL);
	c.args[0] = 2 << 20;
	assert_int_equal(kvm_ptr(vm, KVM_ENABLE_CAP, &c), 0);
	assert_int_equal(kvm(vm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE), 2 << 20);
	am_kvm_close(vm);
	am_kvm_close(fd);

	machine_create(&m, 1, false);
	assert_int_equal(kvm_ptr(m.vm, KVM_ENABLE_CAP, &c), -EINVAL);
	machine_destroy(&m);
}

/* ---- Aborts ---- */

#define VECTORS	   (RAM + 0x8000)
#define ESR_FSC	   0x3fu
#define FSC_SIZE   0x00u
#define FSC_EXTABT 0x10u
#define EC(esr)	   ((esr) >> 26 & 0x3f)
#define EC_IABT	   0x21u
#define EC_DABT	   0x25u
#define SYS(a, b, c, d, e)                                                                 \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM64_SYSREG | (a) << 14 | (b) << 11 | \
	 (c) << 7 | (d) << 3 | (e))
#define ESR_EL1	 SYS(3ull, 0, 5, 2, 0)
#define FAR_EL1	 SYS(3ull, 0, 6, 0, 0)
#define VBAR_EL1 SYS(3ull, 0, 12, 0, 0)

/* A machine whose exceptions to EL1 from EL1 switch it off. */
static void abort_machine(struct machine *m, void (*first)(int vm))
{
	machine_create_with(m, 1, false, first);
	reg_set(m, 0, VBAR_EL1, VECTORS);
	code_at(m, VECTORS + 0x200);
	emit_psci(m, PSCI_SYSTEM_OFF);
	code_at(m, RAM);
}

static void expect_abort(struct machine *m, unsigned ec, unsigned fsc, uint64_t far)
{
	uint64_t esr;

	run_to_off(m, 0);
	esr = reg_get(m, 0, ESR_EL1);
	assert_int_equal(EC(esr), ec);
	assert_int_equal(esr & 0x1ffffff, fsc); /* and no other bit of the ISS */
	assert_int_equal(reg_get(m, 0, FAR_EL1), far);
	machine_destroy(m);
}

/* The VM has 40 bits of a machine's 52: in between nothing answers, not even user space. */
static void beyond_the_vm(void **state)
{
	uint64_t far = UINT64_C(1) << 40 | 0x123458;
	struct machine m;

	abort_machine(&m, NULL);
	emit_mov(&m, 0, far);
	emit(&m, A64_LDR_X(1, 0));
	expect_abort(&m, EC_DABT, FSC_EXTABT, far);

	abort_machine(&m, NULL);
	emit_mov(&m, 0, far);
	emit(&m, A64_STP_X(1, 2, 0)); /* without a syndrome it is the same */
	expect_abort(&m, EC_DABT, FSC_EXTABT, far);

	abort_machine(&m, NULL);
	emit_mov(&m, 0, far);
	emit(&m, 0xd61f0000); /* BR X0 */
	expect_abort(&m, EC_IABT, FSC_EXTABT, far);
}

/* Beyond what the machine has, the address has the wrong size. */
static void beyond_the_machine(void **state)
{
	uint64_t far = UINT64_C(1) << 41 | 0x123458;
	struct machine m;

	assert_int_equal(am_kvm_set_ipa_limit(40), 0);
	abort_machine(&m, NULL);
	emit_mov(&m, 0, far);
	emit(&m, A64_LDR_X(1, 0));
	expect_abort(&m, EC_DABT, FSC_SIZE, far);
	abort_machine(&m, NULL);
	emit_mov(&m, 0, far);
	emit(&m, 0xd61f0000); /* BR X0 */
	expect_abort(&m, EC_IABT, FSC_SIZE, far);
	assert_int_equal(am_kvm_set_ipa_limit(53), -EINVAL);
	assert_int_equal(am_kvm_set_ipa_limit(52), 0);
}

/* Code cannot be fetched from where there is no memory, and tables cannot be read there. */
static void from_nothing(void **state)
{
	struct machine m;

	abort_machine(&m, NULL);
	emit_mov(&m, 0, DEVICE + 0x20);
	emit(&m, 0xd61f0000); /* BR X0 */
	expect_abort(&m, EC_IABT, FSC_EXTABT, DEVICE + 0x20);

	abort_machine(&m, NULL);
	mmu_on(&m, 0);
	/* The first table's second entry, for the vectors, stays; the first leads to a device. */
	*(uint64_t *)(void *)(m.ram + 0x100000) = DEVICE | 3;
	emit_mov(&m, 0, 0x5678);
	emit(&m, A64_LDR_X(1, 0));
	expect_abort(&m, EC_DABT, FSC_EXTABT, 0x5678);
}

/* Cache maintenance needs memory to have an effect, but none to be harmless. */
static void maintenance_of_nothing(void **state)
{
	struct machine m;

	abort_machine(&m, NULL);
	emit_mov(&m, 0, DEVICE + 0x40);
	emit(&m, 0xd50b7a20); /* DC CVAC, X0 */
	emit(&m, 0xd50b7e20); /* DC CIVAC, X0 */
	emit_mov(&m, 5, 7);
	emit_psci(&m, PSCI_SYSTEM_OFF);
	run_to_off(&m, 0);
	assert_int_equal(x_get(&m, 0, 5), 7);
	machine_destroy(&m);
}

/* The largest VM: memory at the very top of 52 bits, reached through 52-bit stage 1 or none. */
static void top_of_52_bits(void **state)
{
	uint64_t top = (UINT64_C(1) << 52) - PAGE;
	struct kvm_userspace_memory_region r = {
	    .slot = 0, .guest_phys_addr = RAM, .memory_size = RAM_SIZE};
	int fd = am_kvm_open(), vm = kvm(fd, KVM_CREATE_VM, 52);
	uint8_t *ram =
	    mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(vm >= 0);
	r.userspace_addr = (uintptr_t)ram;
	assert_int_equal(kvm_ptr(vm, KVM_SET_USER_MEMORY_REGION, &r), 0);
	r.slot = 1;
	r.memory_size = PAGE;
	r.guest_phys_addr = top + PAGE;
	assert_int_equal(kvm_ptr(vm, KVM_SET_USER_MEMORY_REGION, &r), -EFAULT);
	r.guest_phys_addr = top;
	assert_int_equal(kvm_ptr(vm, KVM_SET_USER_MEMORY_REGION, &r), 0);
	munmap(ram, RAM_SIZE);
	am_kvm_close(vm);
	am_kvm_close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(second_form),    cmocka_unit_test(block_sizes),
	    cmocka_unit_test(beyond_the_vm),  cmocka_unit_test(beyond_the_machine),
	    cmocka_unit_test(from_nothing),   cmocka_unit_test(maintenance_of_nothing),
	    cmocka_unit_test(top_of_52_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
