/* SPDX-License-Identifier: MIT */
/*
 * Runs the guest that uses its ITS to do harm (guests/its-hostile), and measures what it does to
 * the host: memory against the bound that armature/its.h promises; and while it has the dearest
 * commands handled without end, how long one of its accesses takes, how long a signal waits to get
 * its vCPU out of KVM_RUN, and what saving, resetting and restoring such an ITS takes.
 *
 *     its-hostile IMAGE
 *
 * Times here are of a machine that others use as well, and say that nothing hangs; what is bounded
 * is work, and tests/unit/its/test_hostile.c counts it.
 */
#include <armature/armature.h>
#include <armature/its.h>
#include <armature/kvm.h>
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../../guests/its-hostile/hostile.h"

#define RAM   UINT64_C(0x40000000)
#define ENTRY UINT64_C(0x41000000)
#define UART  UINT64_C(0x09000000)
#define VCPUS 2
/*
 * OTHER_MIB is for what is not the ITS's: code caches, stage 2, the allocator. A sanitizer keeps
 * books of all memory, and takes its time.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LONGEST	  120.0 /* seconds, for anything */
#define SIGNALS	  3
#define OTHER_MIB 4096
#else
#define LONGEST	  10.0
#define SIGNALS	  20
#define OTHER_MIB 8
#endif

static struct {
	int kvm, vm, gic, its, vcpu[VCPUS];
	struct kvm_run *run;
	size_t run_size;
	uint8_t *ram;
	struct hostile *shared;
	pthread_t thread;
	atomic_bool paused, finished;
	atomic_ulong came_out; /* ns: when KVM_RUN ended for a signal */
	char line[256];
	unsigned line_len, good, bad, plan;
} m;

static unsigned failures;

static void expect(bool ok, const char *what)
{
	printf("%s - %s\n", ok ? "ok" : "not ok", what);
	failures += !ok;
}

static unsigned long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (unsigned long)t.tv_sec * 1000000000ul + (unsigned long)t.tv_nsec;
}

static int must_ioctl(int fd, unsigned long request, const void *arg, const char *what)
{
	int r = am_kvm_ioctl(fd, request, (uintptr_t)arg);

	if (r < 0)
		err(1, "%s", what);
	return r;
}

/* What the process has in memory: guest memory is there from the start and does not grow. */
static double resident_mib(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%*u %lu", &pages) != 1)
		err(1, "/proc/self/statm");
	fclose(f);
	return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1048576;
}

/* ---- The machine ---- */

static void set_attr(int device, uint32_t group, uint64_t which, uint64_t value)
{
	struct kvm_device_attr a = {.group = group, .attr = which, .addr = (uintptr_t)&value};

	must_ioctl(device, KVM_SET_DEVICE_ATTR, &a, "KVM_SET_DEVICE_ATTR");
}

#define GITS_BASER0 0x100

static uint64_t its_register(uint64_t offset, const uint64_t *set)
{
	uint64_t value = set ? *set : 0;
	struct kvm_device_attr a = {
	    .group = KVM_DEV_ARM_VGIC_GRP_ITS_REGS, .attr = offset, .addr = (uintptr_t)&value};

	must_ioctl(m.its, set ? KVM_SET_DEVICE_ATTR : KVM_GET_DEVICE_ATTR, &a, "a register");
	return value;
}

static int its_control(uint64_t which)
{
	struct kvm_device_attr a = {.group = KVM_DEV_ARM_VGIC_GRP_CTRL, .attr = which};

	return am_kvm_ioctl(m.its, KVM_SET_DEVICE_ATTR, (uintptr_t)&a) < 0 ? -errno : 0;
}

static int create_device(uint32_t type)
{
	struct kvm_create_device cd = {.type = type};

	must_ioctl(m.vm, KVM_CREATE_DEVICE, &cd, "KVM_CREATE_DEVICE");
	return (int)cd.fd;
}

static void set_core(int vcpu, uint64_t offset, uint64_t value)
{
	struct kvm_one_reg r = {.id = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | offset,
				.addr = (uintptr_t)&value};

	must_ioctl(vcpu, KVM_SET_ONE_REG, &r, "KVM_SET_ONE_REG");
}

static void create_memory(const char *image)
{
	struct kvm_userspace_memory_region r = {.guest_phys_addr = RAM, .memory_size = RAM_SIZE};
	FILE *f = fopen(image, "rb");

	m.ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m.ram == MAP_FAILED)
		err(1, "memory");
	memset(m.ram, 0x55, RAM_SIZE);
	memset(m.ram + (SHARED_BASE - RAM), 0, sizeof(*m.shared));
	m.shared = (struct hostile *)(void *)(m.ram + (SHARED_BASE - RAM));
	if (!f || !fread(m.ram + (ENTRY - RAM), 1, 0x800000, f))
		err(1, "%s", image);
	fclose(f);
	r.userspace_addr = (uintptr_t)m.ram;
	must_ioctl(m.vm, KVM_SET_USER_MEMORY_REGION, &r, "KVM_SET_USER_MEMORY_REGION");
}

static void create_vcpus(void)
{
	struct kvm_vcpu_init init = {0};

	must_ioctl(m.vm, KVM_ARM_PREFERRED_TARGET, &init, "KVM_ARM_PREFERRED_TARGET");
	for (uintptr_t n = 0; n < VCPUS; n++) {
		m.vcpu[n] = must_ioctl(m.vm, KVM_CREATE_VCPU, (void *)n, "KVM_CREATE_VCPU");
		init.features[0] = 1u << KVM_ARM_VCPU_PSCI_0_2;
		if (n)
			init.features[0] |= 1u << KVM_ARM_VCPU_POWER_OFF;
		must_ioctl(m.vcpu[n], KVM_ARM_VCPU_INIT, &init, "KVM_ARM_VCPU_INIT");
	}
	m.run_size = (size_t)must_ioctl(m.kvm, KVM_GET_VCPU_MMAP_SIZE, NULL, "mmap size");
	m.run = am_kvm_mmap(NULL, m.run_size, PROT_READ | PROT_WRITE, MAP_SHARED, m.vcpu[0], 0);
	if (m.run == MAP_FAILED)
		err(1, "struct kvm_run");
	set_core(m.vcpu[0], KVM_REG_ARM_CORE_REG(regs.pc), ENTRY);
}

static void create(const char *image)
{
	m.kvm = am_kvm_open();
	if (m.kvm < 0)
		err(1, "am_kvm_open");
	m.vm = must_ioctl(m.kvm, KVM_CREATE_VM, NULL, "KVM_CREATE_VM");
	create_memory(image);
	create_vcpus();
	m.gic = create_device(KVM_DEV_TYPE_ARM_VGIC_V3);
	set_attr(m.gic, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, 0x08000000);
	set_attr(m.gic, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, 0x080a0000);
	m.its = create_device(KVM_DEV_TYPE_ARM_VGIC_ITS);
	set_attr(m.its, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_ITS_ADDR_TYPE, GITS);
	set_attr(m.its, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, 0);
	set_attr(m.gic, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, 0);
}

static void destroy(void)
{
	am_kvm_munmap(m.run, m.run_size);
	for (unsigned n = 0; n < VCPUS; n++)
		am_kvm_close(m.vcpu[n]);
	am_kvm_close(m.its);
	am_kvm_close(m.gic);
	am_kvm_close(m.vm);
	am_kvm_close(m.kvm);
	munmap(m.ram, RAM_SIZE);
}

/* ---- Running it ---- */

static void uart(char c)
{
	if (c != '\n') {
		if (m.line_len < sizeof(m.line) - 1 && c != '\r')
			m.line[m.line_len++] = c;
		return;
	}
	m.line[m.line_len] = 0;
	printf("# guest: %s\n", m.line);
	m.good += !strncmp(m.line, "ok ", 3);
	m.bad += !strncmp(m.line, "not ok ", 7) || !strncmp(m.line, "Bail out!", 9);
	if (!strncmp(m.line, "1..", 3))
		m.plan = (unsigned)atoi(m.line + 3);
	m.line_len = 0;
}

static void *vcpu_main(void *opaque)
{
	for (;;) {
		if (am_kvm_ioctl(m.vcpu[0], KVM_RUN, 0) < 0) {
			if (errno != EINTR)
				err(1, "KVM_RUN");
			atomic_store(&m.came_out, now_ns());
			while (atomic_load(&m.paused))
				usleep(100);
			continue;
		}
		if (m.run->exit_reason == KVM_EXIT_SYSTEM_EVENT)
			break;
		if (m.run->exit_reason != KVM_EXIT_MMIO)
			errx(1, "exit %u", m.run->exit_reason);
		if (m.run->mmio.is_write && m.run->mmio.phys_addr == UART)
			uart((char)m.run->mmio.data[0]);
		else
			memset(m.run->mmio.data, 0, sizeof(m.run->mmio.data));
	}
	atomic_store(&m.finished, true);
	return NULL;
}

static void on_signal(int sig)
{
}

static bool wait_for(enum phase phase)
{
	/* Minutes, where a sanitizer and other programs have a part of the machine. */
	for (unsigned n = 0; n < 60000; n++) {
		if (__atomic_load_n(&m.shared->phase, __ATOMIC_ACQUIRE) >= (unsigned long)phase)
			return true;
		if (atomic_load(&m.finished))
			return false;
		usleep(5000);
	}
	return false;
}

/* A signal to the vCPU's thread: the seconds until it is out. */
static double interrupt_it(void)
{
	unsigned long start = now_ns(), out;

	atomic_store(&m.came_out, 0);
	pthread_kill(m.thread, SIGUSR1);
	while (!(out = atomic_load(&m.came_out)))
		if ((double)(now_ns() - start) > 2e9 * LONGEST)
			return 2 * LONGEST;
	return (double)(out - start) / 1e9;
}

/* ---- What is measured ---- */

static void check_memory(double before, double after)
{
	double lpis = 57344 * 20.0, its = (double)AM_ITS_DEFAULT_BYTES + (128 << 10);
	double bound = (its + lpis) / 1048576 + OTHER_MIB;

	printf("# %lu MAPD and %lu MAPTI: %.1f MiB more, at most %.1f\n",
	       __atomic_load_n(&m.shared->devices, __ATOMIC_RELAXED),
	       __atomic_load_n(&m.shared->events, __ATOMIC_RELAXED), after - before, bound);
	expect(after - before <= bound, "the host's memory is within the bound of its.h");
	expect(after - before >= (double)(AM_ITS_DEFAULT_BYTES >> 20) / 2,
	       "... and the guest has used most of it");
}

static void check_signals(void)
{
	double longest = 0, sum = 0, t;

	for (unsigned n = 0; n < SIGNALS; n++) {
		usleep(20000);
		t = interrupt_it();
		longest = t > longest ? t : longest;
		sum += t;
	}
	printf("# a signal ends KVM_RUN in %.1f ms, at most %.1f ms\n", sum / SIGNALS * 1e3,
	       longest * 1e3);
	expect(longest < LONGEST, "a signal gets the vCPU out of KVM_RUN");
}

static double timed(uint64_t which, int *result)
{
	unsigned long start = now_ns();

	*result = its_control(which);
	return (double)(now_ns() - start) / 1e9;
}

static void check_attributes(void)
{
	int busy, save, reset, restore;
	uint64_t baser[2];
	double t[4];

	t[0] = timed(KVM_DEV_ARM_ITS_SAVE_TABLES, &busy);
	atomic_store(&m.paused, true);
	interrupt_it();
	t[1] = timed(KVM_DEV_ARM_ITS_SAVE_TABLES, &save);
	for (unsigned n = 0; n < 2; n++)
		baser[n] = its_register(GITS_BASER0 + 8 * n, NULL);
	t[2] = timed(KVM_DEV_ARM_ITS_CTRL_RESET, &reset);
	for (unsigned n = 0; n < 2; n++)
		its_register(GITS_BASER0 + 8 * n, &baser[n]);
	/* All devices have the same ITT, which is full: there is not so much memory. */
	t[3] = timed(KVM_DEV_ARM_ITS_RESTORE_TABLES, &restore);
	printf("# save while it runs: %d, %.1f ms; save %d, %.1f ms; reset %d, %.1f ms; "
	       "restore %d, %.1f ms\n",
	       busy, t[0] * 1e3, save, t[1] * 1e3, reset, t[2] * 1e3, restore, t[3] * 1e3);
	expect(busy == -EBUSY && !save && !reset && restore == -ENOMEM,
	       "tables are saved when the vCPU is out, and what was saved is no harm either");
	expect(t[0] < LONGEST && t[1] < LONGEST && t[2] < LONGEST && t[3] < LONGEST,
	       "and no attribute takes long");
	__atomic_store_n(&m.shared->stop, 1, __ATOMIC_RELEASE);
	atomic_store(&m.paused, false);
}

int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = on_signal};
	double before;

	if (argc != 2)
		errx(2, "usage: %s IMAGE", argv[0]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGUSR1, &sa, NULL);
	create(argv[1]);
	if (pthread_create(&m.thread, NULL, vcpu_main, NULL))
		errx(1, "pthread_create");
	expect(wait_for(PHASE_READY), "the guest has its ITS");
	before = resident_mib();
	expect(wait_for(PHASE_FULL), "it has mapped all it could");
	check_memory(before, resident_mib());
	expect(wait_for(PHASE_LOOP), "it loops");
	check_signals();
	check_attributes();
	pthread_join(m.thread, NULL);
	printf("# %lu accesses in %lu rounds, the longest %.1f ms\n", m.shared->accesses,
	       m.shared->rounds, (double)m.shared->longest_ns / 1e6);
	expect((double)m.shared->longest_ns / 1e9 < LONGEST, "no access of the guest takes long");
	expect(m.plan == 1 && m.good == m.plan && !m.bad, "the guest is content");
	destroy();
	printf("%u failures\n", failures);
	return failures != 0;
}
