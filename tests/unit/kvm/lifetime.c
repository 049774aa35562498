/* SPDX-License-Identifier: MIT */
/* Descriptors: who keeps whom alive, and what several threads may do with them. */
#include "machine.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int open_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Closing the VM first is fine: its vCPU and GIC keep it. */
static void vm_outlives_its_descriptor(void **state)
{
	struct machine m;
	struct kvm_device_attr a = {.group = KVM_DEV_ARM_VGIC_GRP_NR_IRQS};
	uint32_t nr = 0;

	a.addr = (uintptr_t)&nr;
	machine_create(&m, 1, true);
	emit_psci(&m, PSCI_SYSTEM_OFF);
	assert_int_equal(am_kvm_close(m.kvm), 0);
	assert_int_equal(am_kvm_close(m.vm), 0);
	run_to_off(&m, 0);
	assert_int_equal(am_kvm_close(m.vcpu[0]), 0);
	assert_int_equal(kvm_ptr(m.gic, KVM_GET_DEVICE_ATTR, &a), 0);
	assert_int_equal(nr, 256);
	assert_int_equal(am_kvm_close(m.gic), 0);
	/* The mapping outlives everything. */
	m.run[0]->immediate_exit = 1;
	am_kvm_munmap(m.run[0], 8192);
	munmap(m.ram, RAM_SIZE);
}

static void nothing_leaks(void **state)
{
	int before = open_descriptors();

	for (int n = 0; n < 50; n++) {
		struct machine m;

		machine_create(&m, 3, n & 1);
		emit(&m, A64_WFI);
		emit_psci(&m, PSCI_SYSTEM_OFF);
		m.run[0]->immediate_exit = 1;
		assert_int_equal(run(&m, 0), -EINTR);
		machine_destroy(&m);
	}
	assert_int_equal(open_descriptors(), before);
}

/* A descriptor number that was closed behind our back and given out again is not ours for ever. */
static void reused_numbers(void **state)
{
	int fd = am_kvm_open(), again;

	close(fd);
	again = am_kvm_open();
	assert_int_equal(fd, again);
	assert_int_equal(kvm(again, KVM_GET_API_VERSION, 0), 12);
	assert_int_equal(am_kvm_close(again), 0);
	assert_false(am_kvm_owns(again));
}

/* Nobody can pull the pages of struct kvm_run from under the library. */
static void shared_pages_cannot_shrink(void **state)
{
	struct machine m;

	machine_create(&m, 1, true);
	emit_psci(&m, PSCI_SYSTEM_OFF);
	assert_int_equal(ftruncate(m.vcpu[0], 0), -1);
	run_to_off(&m, 0);
	machine_destroy(&m);
}

/* A VM belongs to the process that made it. */
static void another_process(void **state)
{
	struct machine m;
	int status;

	machine_create(&m, 1, true);
	pid_t pid = fork();

	if (!pid) {
		bool ok = kvm(m.vm, KVM_CHECK_EXTENSION, KVM_CAP_IRQCHIP) == -EIO &&
			  run(&m, 0) == -EIO && kvm(m.gic, KVM_HAS_DEVICE_ATTR, 0) == -EIO &&
			  kvm(m.kvm, KVM_GET_API_VERSION, 0) == 12;

		_exit(!ok);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	machine_destroy(&m);
}

static void *run_thread(void *opaque)
{
	return (void *)(intptr_t)run(opaque, 0);
}

/* Two threads run one vCPU: the second waits for the first, as with KVM's mutex. */
static void one_vcpu_two_threads(void **state)
{
	struct machine m;
	pthread_t t[2];
	void *r;

	machine_create(&m, 1, true);
	emit_mov(&m, 4, RAM + 0x3000);
	emit(&m, A64_LDR_X(3, 4));
	emit(&m, A64_CBZ(3, -4));
	emit_mov(&m, 1, DEVICE);
	emit(&m, A64_STR_W(1, 1));
	emit(&m, A64_STR_W(1, 1));
	for (int n = 0; n < 2; n++)
		assert_int_equal(pthread_create(&t[n], NULL, run_thread, &m), 0);
	usleep(20000);
	__atomic_store_n((uint64_t *)(void *)(m.ram + 0x3000), 1, __ATOMIC_RELEASE);
	for (int n = 0; n < 2; n++) {
		pthread_join(t[n], &r);
		assert_int_equal((intptr_t)r, 0);
	}
	assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_MMIO);
	machine_destroy(&m);
}

/* Register groups of the GIC want all vCPUs to stand still. */
static void busy_vcpus(void **state)
{
	struct machine m;
	uint32_t v = 0;
	struct kvm_device_attr a = {
	    .group = KVM_DEV_ARM_VGIC_GRP_DIST_REGS, .attr = 8, .addr = (uintptr_t)&v};
	pthread_t t;
	void *r;

	machine_create(&m, 1, true);
	emit_mark(&m);
	emit(&m, A64_B_SELF);
	assert_int_equal(kvm_ptr(m.gic, KVM_GET_DEVICE_ATTR, &a), 0);
	assert_int_equal(v, 0x4b00343b);
	assert_int_equal(pthread_create(&t, NULL, run_thread, &m), 0);
	wait_for_mark(&m);
	assert_int_equal(kvm_ptr(m.gic, KVM_GET_DEVICE_ATTR, &a), -EBUSY);
	r = interrupt(t);
	assert_int_equal((intptr_t)r, -EINTR);
	assert_int_equal(kvm_ptr(m.gic, KVM_GET_DEVICE_ATTR, &a), 0);
	machine_destroy(&m);
}

/* Descriptors run out in the middle of things: an errno, and everything still works. */
static void out_of_descriptors(void **state)
{
	struct machine m;
	struct kvm_create_device cd = {.type = KVM_DEV_TYPE_ARM_VGIC_V3};
	struct rlimit old, few;
	int fds[64], n = 0;

	machine_create(&m, 1, false);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = (struct rlimit){64, old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	while ((fds[n] = open("/dev/null", O_RDONLY)) >= 0)
		n++;

	assert_int_equal(am_kvm_open(), -1);
	assert_int_equal(errno, EMFILE);
	assert_int_equal(kvm(m.kvm, KVM_CREATE_VM, 0), -EMFILE);
	assert_int_equal(kvm(m.vm, KVM_CREATE_VCPU, 1), -EMFILE);
	assert_int_equal(kvm(m.vm, KVM_CREATE_VCPU, 1), -EMFILE);
	/* It sleeps without a descriptor too. */
	code_at(&m, RAM);
	emit_mov(&m, 0, 5000000);
	emit(&m, A64_MSR(0, 3, 3, 14, 3, 0));
	emit_mov(&m, 0, 1);
	emit(&m, A64_MSR(0, 3, 3, 14, 3, 1));
	emit(&m, A64_WFI);
	emit(&m, A64_B(-4));
	assert_int_equal(run(&m, 0), -EINTR); /* the timer's output changed */
	while (n)
		close(fds[--n]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	int vcpu = kvm(m.vm, KVM_CREATE_VCPU, 1);

	assert_true(vcpu >= 0);
	assert_int_equal(kvm_ptr(m.vm, KVM_CREATE_DEVICE, &cd), -EBUSY); /* it has run */
	am_kvm_close(vcpu);
	machine_destroy(&m);
}

/* Many threads make, use and drop VMs at once. */
static void *churn(void *opaque)
{
	for (int n = 0; n < 30; n++) {
		int fd = am_kvm_open(), vm = kvm(fd, KVM_CREATE_VM, 0);
		int vcpu = kvm(vm, KVM_CREATE_VCPU, 0);
		struct kvm_vcpu_init init = {.target = 5};

		if (vcpu < 0 || kvm_ptr(vcpu, KVM_ARM_VCPU_INIT, &init))
			return (void *)1;
		am_kvm_close(n & 1 ? vm : vcpu);
		am_kvm_close(n & 1 ? vcpu : vm);
		am_kvm_close(fd);
	}
	return NULL;
}

static void many_threads(void **state)
{
	pthread_t t[4];
	void *r;

	for (int n = 0; n < 4; n++)
		assert_int_equal(pthread_create(&t[n], NULL, churn, NULL), 0);
	for (int n = 0; n < 4; n++) {
		pthread_join(t[n], &r);
		assert_null(r);
	}
}

/* Tracing names its points, and says when a pattern names none. */
static void trace_points(void **state)
{
	unsigned n = 0;
	bool found = false;

	for (const char *name; (name = am_trace_point(n)); n++)
		found |= !strcmp(name, "kvm_ioctl");
	assert_true(n > 10 && found);
	assert_int_equal(am_trace_to_stderr("no_such_point"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(vm_outlives_its_descriptor),
	    cmocka_unit_test(nothing_leaks),
	    cmocka_unit_test(reused_numbers),
	    cmocka_unit_test(shared_pages_cannot_shrink),
	    cmocka_unit_test(another_process),
	    cmocka_unit_test(one_vcpu_two_threads),
	    cmocka_unit_test(busy_vcpus),
	    cmocka_unit_test(out_of_descriptors),
	    cmocka_unit_test(many_threads),
	    cmocka_unit_test(trace_points),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
