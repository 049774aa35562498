/* SPDX-License-Identifier: MIT */
/* KVM_GET_STATS_FD: the file's form, and that it counts what happens. */
#include "machine.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define DESC_SIZE (sizeof(struct kvm_stats_desc) + 48)

/* The nth descriptor; @name has 48 bytes. */
static struct kvm_stats_desc descriptor(int fd, const struct kvm_stats_header *h, unsigned n,
					char *name)
{
	off_t at = (off_t)(h->desc_offset + n * DESC_SIZE);
	struct kvm_stats_desc d;

	assert_int_equal(pread(fd, &d, sizeof(d), at), sizeof(d));
	assert_int_equal(pread(fd, name, 48, at + (off_t)sizeof(d)), 48);
	return d;
}

/* The value of a statistic, read anew. */
static uint64_t stat(int fd, const char *name)
{
	struct kvm_stats_header h;
	uint64_t v = 0;

	assert_int_equal(pread(fd, &h, sizeof(h), 0), sizeof(h));
	for (unsigned n = 0; n < h.num_desc; n++) {
		char this[48];
		struct kvm_stats_desc d = descriptor(fd, &h, n, this);

		if (strcmp(this, name))
			continue;
		assert_int_equal(pread(fd, &v, sizeof(v), h.data_offset + d.offset), sizeof(v));
		return v;
	}
	fail_msg("no statistic %s", name);
	return 0;
}

static void check_form(int fd, const char *id)
{
	struct kvm_stats_header h;
	char name[48];
	uint32_t values = 0;
	uint64_t v;

	assert_true(fd >= 0);
	/* In sequence, as some readers do. */
	assert_int_equal(read(fd, &h, sizeof(h)), sizeof(h));
	assert_int_equal(h.name_size, sizeof(name));
	assert_int_equal(h.flags, 0);
	assert_int_equal(read(fd, name, sizeof(name)), sizeof(name));
	assert_string_equal(name, id);
	assert_int_equal(h.id_offset, sizeof(h));
	assert_true(h.num_desc > 0);
	for (unsigned n = 0; n < h.num_desc; n++) {
		struct kvm_stats_desc d = descriptor(fd, &h, n, name);

		assert_true(name[0] && memchr(name, 0, sizeof(name)));
		assert_int_equal(d.offset, values * 8);
		values += d.size;
	}
	assert_true(h.data_offset >= h.desc_offset + h.num_desc * DESC_SIZE);
	assert_int_equal(pread(fd, &v, 8, h.data_offset + values * 8 - 8), 8);
	/* There is an end. */
	assert_int_equal(pread(fd, &v, 8, h.data_offset + values * 8), 0);
	assert_int_equal(write(fd, &v, 8), -1);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(kvm(fd, KVM_GET_STATS_FD, 0), -ENOTTY);
	assert_ptr_equal(am_kvm_mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0), MAP_FAILED);
}

static void form(void **state)
{
	struct machine m;
	char id[48];
	int a, b;

	machine_create(&m, 2, false);
	snprintf(id, sizeof(id), "kvm-%d", (int)getpid());
	a = kvm(m.vm, KVM_GET_STATS_FD, 0);
	check_form(a, id);
	/* Another descriptor has another position. */
	b = kvm(m.vm, KVM_GET_STATS_FD, 0);
	check_form(b, id);
	assert_int_equal(am_kvm_close(a), 0);
	assert_int_equal(am_kvm_close(b), 0);
	snprintf(id, sizeof(id), "kvm-%d/vcpu-1", (int)getpid());
	a = kvm(m.vcpu[1], KVM_GET_STATS_FD, 0);
	check_form(a, id);
	/* It keeps what it tells about. */
	machine_destroy(&m);
	assert_int_equal(stat(a, "exits"), 0);
	assert_int_equal(am_kvm_close(a), 0);
	assert_int_equal(fcntl(a, F_GETFD), -1);
}

/* From before the first descriptor on, and as it is at every read. */
static void counting(void **state)
{
	struct machine m;
	int fd, vm;

	machine_create(&m, 1, true);
	emit_mov(&m, 6, DEVICE);
	emit(&m, A64_LDR_W(7, 6));
	emit(&m, A64_LDR_W(7, 6));
	emit_mov(&m, 6, GICD + 8);
	emit(&m, A64_LDR_W(7, 6));
	emit_psci(&m, PSCI_VERSION);
	emit_psci(&m, PSCI_SYSTEM_OFF);
	assert_int_equal(run(&m, 0), 0);
	fd = kvm(m.vcpu[0], KVM_GET_STATS_FD, 0);
	assert_true(fd >= 0);
	assert_int_equal(stat(fd, "mmio_exit_user"), 1);
	assert_int_equal(stat(fd, "hvc_exit_stat"), 0);
	assert_int_equal(run(&m, 0), 0);
	run_to_off(&m, 0);
	assert_int_equal(stat(fd, "mmio_exit_user"), 2);
	assert_int_equal(stat(fd, "mmio_exit_kernel"), 1);
	assert_int_equal(stat(fd, "hvc_exit_stat"), 2);
	assert_true(stat(fd, "exits") >= 4);
	assert_int_equal(stat(fd, "wfi_exit_stat"), 0);
	assert_int_equal(am_kvm_close(fd), 0);

	struct kvm_userspace_memory_region r = {.slot = 0, .guest_phys_addr = RAM};

	vm = kvm(m.vm, KVM_GET_STATS_FD, 0);
	uint64_t before = stat(vm, "remote_tlb_flush");

	assert_int_equal(kvm_ptr(m.vm, KVM_SET_USER_MEMORY_REGION, &r), 0);
	assert_true(stat(vm, "remote_tlb_flush") > before);
	assert_int_equal(am_kvm_close(vm), 0);
	machine_destroy(&m);
}

static void *run_thread(void *opaque)
{
	return (void *)(intptr_t)run(opaque, 0);
}

static void waiting(void **state)
{
	struct machine m;
	pthread_t t;
	int fd;

	machine_create(&m, 1, false);
	emit_mark(&m);
	emit(&m, A64_WFI);
	emit_psci(&m, PSCI_SYSTEM_OFF);
	fd = kvm(m.vcpu[0], KVM_GET_STATS_FD, 0);
	assert_int_equal(stat(fd, "blocking"), 0);
	assert_int_equal(pthread_create(&t, NULL, run_thread, &m), 0);
	wait_for_mark(&m);
	while (!stat(fd, "blocking"))
		usleep(100);
	assert_int_equal(stat(fd, "wfi_exit_stat"), 1);
	assert_int_equal(stat(fd, "signal_exits"), 0);

	struct kvm_irq_level irq = {.irq = 0, .level = 1}; /* the CPU's own line */

	usleep(2000);
	assert_int_equal(kvm_ptr(m.vm, KVM_IRQ_LINE, &irq), 0);
	pthread_join(t, NULL);
	assert_int_equal(stat(fd, "blocking"), 0);
	assert_int_equal(stat(fd, "halt_wakeup"), 1);
	assert_true(stat(fd, "halt_wait_ns") >= 2000000);
	assert_int_equal(am_kvm_close(fd), 0);
	machine_destroy(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(form),
	    cmocka_unit_test(counting),
	    cmocka_unit_test(waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
