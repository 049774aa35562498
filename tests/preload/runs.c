/* SPDX-License-Identifier: MIT */
/* Running a vCPU: exits, signals, several VMs, threads. */
#include "program.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

void test_mmio(void)
{
	static const uint32_t words[] = {LDR_X2_X0, STR_X1_X0, B_SELF};
	uint64_t value = 0x1122334455667788;
	struct machine m;

	machine_open(&m);
	EXPECT(stores(&m, m.vcpu, 0xfedcba9876543210));
	code(&m, words, sizeof(words));
	EXPECT(ioctl(m.vcpu, KVM_RUN, 0) == 0);
	EXPECT(m.run->exit_reason == KVM_EXIT_MMIO && !m.run->mmio.is_write);
	EXPECT(m.run->mmio.phys_addr == DEVICE && m.run->mmio.len == 8);
	memcpy(m.run->mmio.data, &value, sizeof(value));
	EXPECT(ioctl(m.vcpu, KVM_RUN, 0) == 0);
	EXPECT(m.run->exit_reason == KVM_EXIT_MMIO && m.run->mmio.is_write);
	EXPECT(reg(&m, 2) == value);
	machine_close(&m);
}

/* Addresses that are nobody's are EFAULT here, and never a signal. */
void test_wild_arguments(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *p =
	    mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_one_reg *r = (struct kvm_one_reg *)(void *)p;
	struct kvm_userspace_memory_region slot = {
	    .slot = 1, .guest_phys_addr = 2 * RAM, .memory_size = page};
	struct machine m;

	machine_open(&m);
	mprotect(p + page, page, PROT_NONE);
	mprotect(p + 2 * page, page, PROT_READ);
	munmap(p + 3 * page, page);
	r->id = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(regs.pc);

	uintptr_t wild[] = {0,
			    8,
			    page,
			    (uintptr_t)p + page,
			    (uintptr_t)p + page - 4,
			    (uintptr_t)p + 3 * page,
			    (uintptr_t)p + 3 * page - 4,
			    UINTPTR_MAX - 15,
			    UINT64_C(0xffff000000000000),
			    UINT64_C(0x0000800000000000)};

	for (size_t n = 0; n < sizeof(wild) / sizeof(wild[0]); n++) {
		EXPECT_ERRNO(ioctl(m.vcpu, KVM_GET_ONE_REG, wild[n]), EFAULT);
		EXPECT_ERRNO(ioctl(m.vm, KVM_CREATE_DEVICE, wild[n]), EFAULT);
		EXPECT_ERRNO(ioctl(m.vm, KVM_SET_USER_MEMORY_REGION, wild[n]), EFAULT);
		r->addr = wild[n];
		EXPECT_ERRNO(ioctl(m.vcpu, KVM_GET_ONE_REG, r), EFAULT);
		EXPECT_ERRNO(ioctl(m.vcpu, KVM_SET_ONE_REG, r), EFAULT);
	}
	/* Readable is enough for one and not for the other. */
	r->addr = (uintptr_t)p + 2 * page;
	EXPECT_ERRNO(ioctl(m.vcpu, KVM_GET_ONE_REG, r), EFAULT);
	EXPECT(ioctl(m.vcpu, KVM_SET_ONE_REG, r) == 0);

	/* A slot of such memory can be made; the guest's access is what fails. */
	slot.userspace_addr = (uintptr_t)p + page;
	EXPECT(ioctl(m.vm, KVM_SET_USER_MEMORY_REGION, &slot) == 0);
	set_reg(&m, 0, 2 * RAM);
	set_pc(&m, RAM);
	EXPECT_ERRNO(ioctl(m.vcpu, KVM_RUN, 0), EFAULT);
	machine_close(&m);
	munmap(p, 3 * page);
}

/* ---- Signals ---- */

static _Atomic pthread_t handled_by;
static atomic_int handled;

static void handler(int sig)
{
	handled_by = pthread_self();
	handled++;
}

struct runner {
	struct machine m;
	pthread_t thread;
	int result, err;
};

static void *run_vcpu(void *opaque)
{
	struct runner *r = opaque;

	r->result = ioctl(r->m.vcpu, KVM_RUN, 0);
	r->err = errno;
	return NULL;
}

/* Where the guest says that it has come so far. */
#define MARK 0x8000

static void interrupt(struct runner *r, uint32_t word)
{
	const uint32_t words[] = {STR_X1_X0, word, B_BACK};
	uint64_t *mark = (uint64_t *)(r->m.ram + MARK);

	code(&r->m, words, sizeof(words));
	set_reg(&r->m, 0, RAM + MARK);
	set_reg(&r->m, 1, 1);
	handled = 0;
	EXPECT(pthread_create(&r->thread, NULL, run_vcpu, r) == 0);
	while (!__atomic_load_n(mark, __ATOMIC_RELAXED))
		usleep(1000);
	usleep(10000);
	*mark = 0;
	EXPECT(pthread_kill(r->thread, SIGUSR1) == 0);
	pthread_join(r->thread, NULL);
	EXPECT(r->result == -1 && r->err == EINTR);
	EXPECT(r->m.run->exit_reason == KVM_EXIT_INTR);
	EXPECT(handled == 1 && pthread_equal(handled_by, r->thread));
}

/* Whatever the guest is at, and again on another thread. */
void test_interrupt(void)
{
	struct sigaction sa = {.sa_handler = handler}, old;
	struct runner r;

	sigaction(SIGUSR1, &sa, &old);
	machine_open(&r.m);
	interrupt(&r, B_SELF);
	interrupt(&r, WFI);
	interrupt(&r, B_SELF);

	/* Pending before KVM_RUN and unblocked for it alone. */
	struct {
		uint32_t len;
		uint8_t set[8];
	} none = {.len = 8};
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	if (ioctl(r.m.vcpu, KVM_SET_SIGNAL_MASK, &none) == 0) {
		handled = 0;
		pthread_sigmask(SIG_BLOCK, &blocked, NULL);
		pthread_kill(pthread_self(), SIGUSR1);
		EXPECT(handled == 0);
		EXPECT_ERRNO(ioctl(r.m.vcpu, KVM_RUN, 0), EINTR);
		pthread_sigmask(SIG_UNBLOCK, &blocked, NULL);
		EXPECT(handled == 1);
	}
	machine_close(&r.m);
	sigaction(SIGUSR1, &old, NULL);
}

/* ---- Several VMs ---- */

#define VMS   6
#define TURNS 200

static void *many_stores(void *opaque)
{
	struct runner *r = opaque;

	for (uint64_t n = 0; n < TURNS; n++) {
		if (!stores(&r->m, r->m.vcpu, (uint64_t)(uintptr_t)r ^ n))
			r->result++;
	}
	return NULL;
}

void test_several(void)
{
	struct runner r[VMS];

	for (unsigned n = 0; n < VMS; n++) {
		machine_open(&r[n].m);
		r[n].result = 0;
		EXPECT(pthread_create(&r[n].thread, NULL, many_stores, &r[n]) == 0);
	}
	for (unsigned n = 0; n < VMS; n++) {
		pthread_join(r[n].thread, NULL);
		EXPECT(r[n].result == 0);
		machine_close(&r[n].m);
	}
}

/* Threads that make, duplicate and close at the same time find only their own. */
static void *makes_and_closes(void *opaque)
{
	int *wrong = opaque;

	for (unsigned n = 0; n < 100; n++) {
		struct machine m;
		int other;

		if (machine_open(&m)) {
			++*wrong;
			return NULL;
		}
		other = dup(m.vcpu);
		if (!stores(&m, other, n))
			++*wrong;
		close(other);
		machine_close(&m);
	}
	return NULL;
}

void test_threads(void)
{
	pthread_t thread[4];
	int wrong[4] = {0};

	for (unsigned n = 0; n < 4; n++)
		EXPECT(pthread_create(&thread[n], NULL, makes_and_closes, &wrong[n]) == 0);
	for (unsigned n = 0; n < 4; n++) {
		pthread_join(thread[n], NULL);
		EXPECT(wrong[n] == 0);
	}
}
