/* SPDX-License-Identifier: MIT */
/* KVM_RUN: MMIO exits and their completion, errors of the host's memory, immediate exit. */
#include "machine.h"

#include <sys/mman.h>
#include <unistd.h>

static void expect_mmio(struct machine *m, uint64_t addr, unsigned len, bool write)
{
	assert_int_equal(run(m, 0), 0);
	assert_int_equal(m->run[0]->exit_reason, KVM_EXIT_MMIO);
	assert_int_equal(m->run[0]->mmio.phys_addr, addr);
	assert_int_equal(m->run[0]->mmio.len, len);
	assert_int_equal(m->run[0]->mmio.is_write, write);
}

static void answer(struct machine *m, uint64_t v)
{
	memcpy(m->run[0]->mmio.data, &v, 8);
}

static uint64_t written(struct machine *m)
{
	uint64_t v;

	memcpy(&v, m->run[0]->mmio.data, 8);
	return v;
}

/* Loads of each width: the data's low bytes, extended as the instruction says. */
static void mmio_reads(void **state)
{
	struct machine m;

	machine_create(&m, 1, true);
	emit_mov(&m, 1, DEVICE);
	emit(&m, A64_LDR_X(12, 1));
	emit(&m, A64_LDR_W(13, 1));
	emit(&m, A64_LDRB(4, 1));
	emit(&m, A64_LDRSB_X(5, 1));
	emit(&m, A64_LDRSH_W(6, 1));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	expect_mmio(&m, DEVICE, 8, false);
	answer(&m, 0x8877665544332211);
	expect_mmio(&m, DEVICE, 4, false);
	answer(&m, 0x8877665584332281);
	expect_mmio(&m, DEVICE, 1, false);
	answer(&m, 0xffffffffffffff85);
	expect_mmio(&m, DEVICE, 1, false);
	answer(&m, 0x85);
	expect_mmio(&m, DEVICE, 2, false);
	answer(&m, 0x8001);
	run_to_off(&m, 0);
	assert_int_equal(x_get(&m, 0, 12), 0x8877665544332211);
	assert_int_equal(x_get(&m, 0, 13), 0x84332281);
	assert_int_equal(x_get(&m, 0, 4), 0x85);
	assert_int_equal(x_get(&m, 0, 5), 0xffffffffffffff85);
	assert_int_equal(x_get(&m, 0, 6), 0xffff8001);
	machine_destroy(&m);
}

static void mmio_writes(void **state)
{
	struct machine m;

	machine_create(&m, 1, true);
	emit_mov(&m, 1, DEVICE + 0x18);
	emit_mov(&m, 2, 0x8877665544332211);
	emit(&m, A64_STR_X(2, 1));
	emit(&m, A64_STR_W(2, 1));
	emit(&m, A64_STRH(2, 1));
	emit(&m, A64_STR_X(31, 1)); /* XZR */
	emit_psci(&m, PSCI_SYSTEM_OFF);
	expect_mmio(&m, DEVICE + 0x18, 8, true);
	assert_int_equal(written(&m), 0x8877665544332211);
	expect_mmio(&m, DEVICE + 0x18, 4, true);
	assert_int_equal(written(&m), 0x44332211);
	expect_mmio(&m, DEVICE + 0x18, 2, true);
	assert_int_equal(written(&m), 0x2211);
	expect_mmio(&m, DEVICE + 0x18, 8, true);
	assert_int_equal(written(&m), 0);
	run_to_off(&m, 0);
	machine_destroy(&m);
}

/* The load completes at the next KVM_RUN, also one that leaves at once; then and only then. */
static void completion_with_immediate_exit(void **state)
{
	struct machine m;

	machine_create(&m, 1, true);
	emit_mov(&m, 1, DEVICE);
	uint64_t load = here(&m);

	emit(&m, A64_LDR_W(0, 1));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	x_set(&m, 0, 0, 99);
	expect_mmio(&m, DEVICE, 4, false);
	assert_int_equal(pc_get(&m, 0), load);
	assert_int_equal(x_get(&m, 0, 0), 99);
	answer(&m, 0x1234);
	m.run[0]->immediate_exit = 1;
	assert_int_equal(run(&m, 0), -EINTR);
	assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_MMIO); /* of the last run */
	assert_int_equal(pc_get(&m, 0), load + 4);
	assert_int_equal(x_get(&m, 0, 0), 0x1234);
	answer(&m, 0x9999);
	assert_int_equal(run(&m, 0), -EINTR);
	assert_int_equal(pc_get(&m, 0), load + 4);
	assert_int_equal(x_get(&m, 0, 0), 0x1234);
	m.run[0]->immediate_exit = 0;
	run_to_off(&m, 0);
	machine_destroy(&m);
}

/* An access that no syndrome describes: ENOSYS, or its own exit once that is asked for. */
static void mmio_without_syndrome(void **state)
{
	struct kvm_enable_cap cap = {.cap = KVM_CAP_ARM_NISV_TO_USER};
	struct machine m;

	machine_create(&m, 1, true);
	emit_mov(&m, 1, DEVICE + 0x20);
	uint64_t at = here(&m);

	emit(&m, A64_STP_X(2, 3, 1));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	assert_int_equal(run(&m, 0), -ENOSYS);
	assert_int_equal(pc_get(&m, 0), at);
	assert_int_equal(kvm_ptr(m.vm, KVM_ENABLE_CAP, &cap), 0);
	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_ARM_NISV);
	assert_int_equal(m.run[0]->arm_nisv.fault_ipa, DEVICE + 0x20);
	/* A write, and the first GiB has no table: translation fault, level 1. */
	assert_int_equal(m.run[0]->arm_nisv.esr_iss, 0x40 | 0x05);
	pc_set(&m, 0, at + 4);
	run_to_off(&m, 0);
	machine_destroy(&m);
}

/* The same to a read-only slot: a permission fault, of a page that has been read. */
static void read_only_without_syndrome(void **state)
{
	struct kvm_enable_cap cap = {.cap = KVM_CAP_ARM_NISV_TO_USER};
	struct kvm_userspace_memory_region r = {
	    .slot = 1, .flags = KVM_MEM_READONLY, .guest_phys_addr = DEVICE, .memory_size = 0x1000};
	struct machine m;

	machine_create(&m, 1, true);
	r.userspace_addr = (uintptr_t)m.ram;
	assert_int_equal(kvm_ptr(m.vm, KVM_SET_USER_MEMORY_REGION, &r), 0);
	assert_int_equal(kvm_ptr(m.vm, KVM_ENABLE_CAP, &cap), 0);
	emit_mov(&m, 1, DEVICE + 0x20);
	emit(&m, A64_LDR_X(2, 1));
	emit(&m, A64_STP_X(2, 3, 1));
	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_ARM_NISV);
	assert_int_equal(m.run[0]->arm_nisv.fault_ipa, DEVICE + 0x20);
	assert_int_equal(m.run[0]->arm_nisv.esr_iss, 0x40 | 0x0f);
	machine_destroy(&m);
}

/* Nothing answers beyond the IPA space: the guest gets an external abort. */
static void beyond_the_address_space(void **state)
{
	struct machine m;

	machine_create(&m, 1, true);
	emit_mov(&m, 1, UINT64_C(1) << 40);
	emit(&m, A64_LDR_W(0, 1));
	emit(&m, A64_B_SELF);
	code_at(&m, RAM + 0x1000 + 0x200);   /* current EL with SP_ELx, synchronous */
	emit(&m, A64_MRS(5, 3, 0, 5, 2, 0)); /* ESR_EL1 */
	emit(&m, A64_MRS(6, 3, 0, 6, 0, 0)); /* FAR_EL1 */
	emit_psci(&m, PSCI_SYSTEM_OFF);
	reg_set(&m, 0, ARM64_SYS_REG(3, 0, 12, 0, 0), RAM + 0x1000);
	run_to_off(&m, 0);
	assert_int_equal(x_get(&m, 0, 5) >> 26, 0x25);
	assert_int_equal(x_get(&m, 0, 5) & 0x3f, 0x10);
	assert_int_equal(x_get(&m, 0, 6), UINT64_C(1) << 40);
	machine_destroy(&m);
}

/* A slot may name host memory that is not there: the run fails, the process does not. */
static void slots_without_memory(void **state)
{
	struct machine m;
	uint8_t *p = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region r = {.slot = 1,
						.guest_phys_addr = 0x80000000,
						.memory_size = 8192,
						.userspace_addr = (uintptr_t)p};

	machine_create(&m, 1, true);
	emit_mov(&m, 1, 0x80000000);
	emit(&m, A64_LDR_W(0, 1));
	emit(&m, A64_STR_W(0, 1)); /* not writable */
	emit_mov(&m, 1, 0x80001000);
	uint64_t second = here(&m);

	emit(&m, A64_LDR_W(0, 1)); /* not there */
	emit_psci(&m, PSCI_SYSTEM_OFF);
	assert_int_equal(kvm_ptr(m.vm, KVM_SET_USER_MEMORY_REGION, &r), 0);
	munmap(p + 4096, 4096);
	assert_int_equal(run(&m, 0), -EFAULT);
	assert_int_equal(run(&m, 0), -EFAULT);
	pc_set(&m, 0, second);
	x_set(&m, 0, 1, 0x80001000);
	assert_int_equal(run(&m, 0), -EFAULT);
	assert_int_equal(pc_get(&m, 0), second);
	munmap(p, 4096);
	machine_destroy(&m);
}

/* Reads of a read-only slot are memory; writes are MMIO. */
static void read_only_slots(void **state)
{
	struct machine m;
	uint32_t *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region r = {.slot = 1,
						.flags = KVM_MEM_READONLY,
						.guest_phys_addr = 0x80000000,
						.memory_size = 4096,
						.userspace_addr = (uintptr_t)p};

	p[0] = 0xabcd;
	machine_create(&m, 1, true);
	assert_int_equal(kvm_ptr(m.vm, KVM_SET_USER_MEMORY_REGION, &r), 0);
	emit_mov(&m, 1, 0x80000000);
	emit(&m, A64_LDR_W(12, 1));
	emit(&m, A64_STR_W(1, 1));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	expect_mmio(&m, 0x80000000, 4, true);
	assert_int_equal(written(&m), 0x80000000);
	run_to_off(&m, 0);
	assert_int_equal(x_get(&m, 0, 12), 0xabcd);
	assert_int_equal(p[0], 0xabcd);
	munmap(p, 4096);
	machine_destroy(&m);
}

static void *run_forever(void *opaque)
{
	struct machine *m = opaque;

	while (run(m, 0) == 0 && m->run[0]->exit_reason == KVM_EXIT_MMIO)
		;
	return (void *)(uintptr_t)m->run[0]->exit_reason;
}

/* A slot deleted under a running guest: its accesses become MMIO at once. */
static void slot_removal_while_running(void **state)
{
	struct machine m;
	uint64_t *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region r = {.slot = 1,
						.guest_phys_addr = 0x80000000,
						.memory_size = 4096,
						.userspace_addr = (uintptr_t)p};
	pthread_t t;
	void *reason;

	machine_create(&m, 1, true);
	assert_int_equal(kvm_ptr(m.vm, KVM_SET_USER_MEMORY_REGION, &r), 0);
	/* Count in memory until the word at the next page of code says stop. */
	emit_mov(&m, 1, 0x80000000);
	emit_mov(&m, 4, RAM + 0x3000);
	emit(&m, A64_ADD_IMM(2, 2, 1));
	emit(&m, A64_STR_X(2, 1));
	emit(&m, A64_LDR_X(3, 4));
	emit(&m, A64_CBZ(3, -12));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	mmu_on(&m, 0);
	assert_int_equal(pthread_create(&t, NULL, run_forever, &m), 0);
	while (__atomic_load_n(p, __ATOMIC_ACQUIRE) < 1000)
		usleep(100);
	r.memory_size = 0;
	assert_int_equal(kvm_ptr(m.vm, KVM_SET_USER_MEMORY_REGION, &r), 0);
	/* Nothing writes there any more: the page can go. */
	assert_int_equal(munmap(p, 4096), 0);
	usleep(5000);
	__atomic_store_n((uint64_t *)(void *)(m.ram + 0x3000), 1, __ATOMIC_RELEASE);
	pthread_join(t, &reason);
	assert_int_equal((uintptr_t)reason, KVM_EXIT_SYSTEM_EVENT);
	machine_destroy(&m);
}

/* Device frames inside the VM never leave KVM_RUN. */
static void frames_are_served_inside(void **state)
{
	struct machine m;

	machine_create(&m, 1, true);
	emit_mov(&m, 1, GICD + 8); /* GICD_IIDR */
	emit(&m, A64_LDR_W(12, 1));
	emit_mov(&m, 1, GICR + 8); /* GICR_TYPER */
	emit(&m, A64_LDR_X(13, 1));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	run_to_off(&m, 0);
	assert_int_equal(x_get(&m, 0, 12), 0x4b00343b);
	assert_int_equal(x_get(&m, 0, 13) >> 32, 0);
	assert_true(x_get(&m, 0, 13) & 0x10); /* the last one */
	machine_destroy(&m);
}

/* A guest that jumps to where nothing is takes aborts for ever, and can be stopped. */
static void jump_to_nowhere(void **state)
{
	struct machine m;

	machine_create(&m, 1, true);
	pc_set(&m, 0, 0x90000000);
	pthread_t t;
	void *reason;

	assert_int_equal(pthread_create(&t, NULL, run_forever, &m), 0);
	usleep(20000);
	reason = interrupt(t);
	assert_int_equal((uintptr_t)reason, KVM_EXIT_INTR);
	/* The abort's ESR says: instruction abort, external. */
	assert_int_equal(reg_get(&m, 0, ARM64_SYS_REG(3, 0, 5, 2, 0)) >> 26, 0x21);
	machine_destroy(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(mmio_reads),
	    cmocka_unit_test(mmio_writes),
	    cmocka_unit_test(completion_with_immediate_exit),
	    cmocka_unit_test(mmio_without_syndrome),
	    cmocka_unit_test(read_only_without_syndrome),
	    cmocka_unit_test(beyond_the_address_space),
	    cmocka_unit_test(slots_without_memory),
	    cmocka_unit_test(read_only_slots),
	    cmocka_unit_test(slot_removal_while_running),
	    cmocka_unit_test(frames_are_served_inside),
	    cmocka_unit_test(jump_to_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
