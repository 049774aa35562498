/* SPDX-License-Identifier: MIT */
/*
 * How long an event takes to its handler, beside an interrupt: lines "name<TAB>value<TAB>unit".
 *
 *     sdei-bench IMAGE
 *
 * From the call that raises it to the handler's first instruction, which reads the guest's physical
 * counter: that is the host's monotonic clock. The vCPU computes ("running") or waits in WFI
 * ("sleeping") on a thread of its own. The thread that raises sleeps as soon as it has: nothing
 * here competes with the vCPU for a CPU. Medians.
 */
#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <armature/sdei.h>

#include "machine.h"

#define LOG    0x8000u /* in HOME: when the handler began, and the end */
#define ROUNDS 1000u
#define SPI    40u
/* Time for the guest to be back at what it was doing, and to be asleep. */
#define PAUSE_NS 100000

static uint64_t monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void set_reg(struct machine *m, uint64_t id, uint64_t value)
{
	struct kvm_one_reg r = {.id = id, .addr = (uintptr_t)&value};

	must_ioctl(m->vcpu, KVM_SET_ONE_REG, &r, "KVM_SET_ONE_REG");
}

static void set_core(struct machine *m, uint64_t offset, uint64_t value)
{
	set_reg(m, KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | offset, value);
}

static void *run(void *opaque)
{
	struct machine *m = opaque;

	must_ioctl(m->vcpu, KVM_RUN, NULL, "KVM_RUN");
	if (m->run->exit_reason != KVM_EXIT_MMIO || m->run->mmio.phys_addr != DONE)
		errx(1, "exit %u", m->run->exit_reason);
	return NULL;
}

static void raise_event(struct machine *m)
{
	if (am_sdei_inject(m->vm, AM_SDEI_EVENT_PRIVATE, 0))
		errx(1, "am_sdei_inject");
}

static void raise_spi(struct machine *m)
{
	struct kvm_irq_level irq = {.irq = KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT | SPI};

	for (irq.level = 1;; irq.level = 0) {
		must_ioctl(m->vm, KVM_IRQ_LINE, &irq, "KVM_IRQ_LINE");
		if (!irq.level)
			return;
	}
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static uint64_t one(struct machine *m, uint64_t *log, void (*raise)(struct machine *m))
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	uint64_t start, began;

	start = monotonic_ns();
	raise(m);
	do {
		nanosleep(&pause, NULL);
	} while (!(began = __atomic_load_n(log, __ATOMIC_ACQUIRE)));
	__atomic_store_n(log, 0, __ATOMIC_RELAXED);
	return began > start ? began - start : 0;
}

static void measure(const char *image, const char *name, bool sleeping)
{
	static uint64_t event[ROUNDS], spi[ROUNDS];
	const struct timespec begin = {.tv_nsec = 50000000};
	struct machine m;
	pthread_t t;

	machine_create(&m, image, 0);
	uint64_t *log = (uint64_t *)(void *)(m.home + LOG);

	set_reg(&m, AM_SDEI_REG(AM_SDEI_GATE), 1);
	set_core(&m, KVM_REG_ARM_CORE_REG(regs.pc), HOME);
	set_core(&m, KVM_REG_ARM_CORE_REG(regs.regs[0]), sleeping);
	set_core(&m, KVM_REG_ARM_CORE_REG(regs.regs[1]), HOME + LOG);
	set_core(&m, KVM_REG_ARM_CORE_REG(regs.regs[2]), AM_SDEI_EVENT_PRIVATE);
	if (pthread_create(&t, NULL, run, &m))
		errx(1, "a thread");
	nanosleep(&begin, NULL);
	/*
	 * In an order without a period: a host that moves threads to and fro at each wake-up must
	 * not favour one of the two.
	 */
	for (uint32_t n = 0; n < ROUNDS; n++) {
		bool first = n * UINT32_C(2654435761) >> 31;

		if (first)
			event[n] = one(&m, log, raise_event);
		spi[n] = one(&m, log, raise_spi);
		if (!first)
			event[n] = one(&m, log, raise_event);
	}
	__atomic_store_n(log + 1, 1, __ATOMIC_RELAXED);
	raise_event(&m);
	pthread_join(t, NULL);
	machine_destroy(&m);
	qsort(event, ROUNDS, sizeof(event[0]), compare);
	qsort(spi, ROUNDS, sizeof(spi[0]), compare);
	printf("event.%s\t%llu\tns\n", name, (unsigned long long)event[ROUNDS / 2]);
	printf("spi.%s\t%llu\tns\n", name, (unsigned long long)spi[ROUNDS / 2]);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		errx(2, "usage: sdei-bench IMAGE");
	measure(argv[1], "running", false);
	measure(argv[1], "sleeping", true);
	return 0;
}
