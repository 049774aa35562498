/* SPDX-License-Identifier: MIT */
/*
 * Several threads with the same descriptors: calling, mapping, closing, running, all at once.
 * Nothing is expected of the calls but that they return; the sanitizers watch.
 */
#include "machine.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

/* The program's own carelessness is the point here: closing a number that another thread uses. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "race_top:interceptor_close\nrace_top:^close$\n";
}

#define ROUNDS	30
#define THREADS 4

/* ---- One VM that everybody uses and that is taken apart meanwhile ---- */

struct shared {
	atomic_int vm, gic, vcpu[2]; /* -1 once somebody has closed it */
	atomic_int runners;
	atomic_bool stop;
	int event;
	uint8_t *ram;
};

struct worker {
	struct shared *s;
	unsigned seed;
};

static unsigned pick(struct worker *w, unsigned n)
{
	return (unsigned)rand_r(&w->seed) % n;
}

static void set_slot(struct shared *s, struct worker *w)
{
	struct kvm_userspace_memory_region r = {.slot = pick(w, 3),
						.flags = pick(w, 2),
						.guest_phys_addr = RAM + pick(w, 3) * 0x10000,
						.memory_size = pick(w, 4) ? 0x10000 : 0,
						.userspace_addr = (uintptr_t)s->ram};
	uint64_t bits[8];
	struct kvm_dirty_log log = {.slot = r.slot, .dirty_bitmap = bits};

	kvm_ptr(s->vm, KVM_SET_USER_MEMORY_REGION, &r);
	kvm_ptr(s->vm, KVM_GET_DIRTY_LOG, &log);
}

static void set_events(struct shared *s, struct worker *w)
{
	uint64_t one = 1;
	struct kvm_irqfd irq = {.fd = (uint32_t)s->event, .gsi = 3, .flags = pick(w, 2)};
	struct kvm_ioeventfd io = {
	    .addr = DEVICE, .len = 4, .fd = s->event, .flags = pick(w, 2) * 4};
	struct kvm_coalesced_mmio_zone zone = {.addr = DEVICE, .size = 16};
	struct kvm_irq_routing none = {.nr = 0};

	kvm_ptr(s->vm, KVM_IRQFD, &irq);
	kvm_ptr(s->vm, KVM_IOEVENTFD, &io);
	kvm_ptr(s->vm, pick(w, 2) ? KVM_REGISTER_COALESCED_MMIO : KVM_UNREGISTER_COALESCED_MMIO,
		&zone);
	if (!pick(w, 8))
		kvm_ptr(s->vm, KVM_SET_GSI_ROUTING, &none);
	if (write(s->event, &one, sizeof(one)) < 0)
		return;
}

static void use_vcpu(struct shared *s, struct worker *w)
{
	uint64_t v = RAM;
	struct kvm_one_reg pc = {.id = REG_CORE(regs.pc), .addr = (uintptr_t)&v};
	struct kvm_irq_level line = {.irq = 1u << 24 | 32 | pick(w, 32), .level = pick(w, 2)};
	struct kvm_mp_state mp;
	int fd = s->vcpu[pick(w, 2)];

	kvm_ptr(fd, pick(w, 2) ? KVM_GET_ONE_REG : KVM_SET_ONE_REG, &pc);
	kvm_ptr(fd, KVM_GET_MP_STATE, &mp);
	kvm_ptr(s->vm, KVM_IRQ_LINE, &line);
	kvm(s->vm, KVM_CHECK_EXTENSION, KVM_CAP_IRQFD);
}

static void map_vcpu(struct shared *s, struct worker *w)
{
	struct kvm_run *run =
	    am_kvm_mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, s->vcpu[pick(w, 2)], 0);

	if (run == MAP_FAILED)
		return;
	__atomic_store_n(&run->immediate_exit, pick(w, 2), __ATOMIC_RELAXED);
	am_kvm_munmap(run, 8192);
}

static void use_gic(struct shared *s, struct worker *w)
{
	uint32_t v = 0;
	struct kvm_device_attr a = {.group = KVM_DEV_ARM_VGIC_GRP_DIST_REGS,
				    .attr = 0x100 + pick(w, 8) * 4,
				    .addr = (uintptr_t)&v};

	kvm_ptr(s->gic, pick(w, 2) ? KVM_GET_DEVICE_ATTR : KVM_SET_DEVICE_ATTR, &a);
}

/* Exactly one thread closes it; the others may still be using the number. */
static void close_one(atomic_int *fd)
{
	int was = atomic_exchange(fd, -1);

	if (was >= 0)
		am_kvm_close(was);
}

static void *worker(void *opaque)
{
	struct worker *w = opaque;
	struct shared *s = w->s;

	for (int n = 0; n < 60; n++) {
		switch (pick(w, 6)) {
		case 0:
			set_slot(s, w);
			break;
		case 1:
			set_events(s, w);
			break;
		case 2:
			use_vcpu(s, w);
			break;
		case 3:
			map_vcpu(s, w);
			break;
		case 4:
			use_gic(s, w);
			break;
		default:
			if (n > 40)
				close_one(pick(w, 2) ? &s->vcpu[pick(w, 2)]
						     : (pick(w, 2) ? &s->vm : &s->gic));
		}
	}
	return NULL;
}

static void on_signal(int sig)
{
}

static void *runner(void *opaque)
{
	struct worker *w = opaque;

	/* In between others have their turn, who wait while it runs. */
	while (!w->s->stop) {
		kvm(w->s->vcpu[w->seed], KVM_RUN, 0);
		usleep(200);
	}
	w->s->runners--;
	return NULL;
}

struct kicks {
	struct shared *s;
	pthread_t *thread;
};

/* No run lasts. */
static void *kicker(void *opaque)
{
	struct kicks *k = opaque;

	while (k->s->runners) {
		pthread_kill(k->thread[0], SIGUSR1);
		pthread_kill(k->thread[1], SIGUSR1);
		usleep(300);
	}
	return NULL;
}

static void one_round(unsigned seed)
{
	struct worker w[THREADS], r[2];
	pthread_t t[THREADS], rt[2], kt;
	struct machine m;
	struct kvm_mp_state on = {KVM_MP_STATE_RUNNABLE};
	struct shared s = {.runners = 2, .event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};

	machine_create(&m, 2, true);
	emit_mov(&m, 0, DEVICE);
	emit_mov(&m, 1, RAM + 0x8000);
	emit(&m, A64_STR_W(0, 1));
	emit(&m, A64_STR_W(0, 0));
	emit(&m, A64_B(-8));
	kvm_ptr(m.vcpu[1], KVM_SET_MP_STATE, &on);
	s.vm = m.vm;
	s.gic = m.gic;
	s.vcpu[0] = m.vcpu[0];
	s.vcpu[1] = m.vcpu[1];
	s.ram = m.ram;
	for (unsigned n = 0; n < 2; n++) {
		r[n] = (struct worker){&s, n};
		assert_int_equal(pthread_create(&rt[n], NULL, runner, &r[n]), 0);
	}
	struct kicks kicks = {&s, rt};

	assert_int_equal(pthread_create(&kt, NULL, kicker, &kicks), 0);
	for (unsigned n = 0; n < THREADS; n++) {
		w[n] = (struct worker){&s, seed * THREADS + n};
		assert_int_equal(pthread_create(&t[n], NULL, worker, &w[n]), 0);
	}
	for (unsigned n = 0; n < THREADS; n++)
		pthread_join(t[n], NULL);
	s.stop = true;
	pthread_join(kt, NULL);
	for (unsigned n = 0; n < 2; n++)
		pthread_join(rt[n], NULL);
	close_one(&s.vcpu[0]);
	close_one(&s.vcpu[1]);
	close_one(&s.gic);
	close_one(&s.vm);
	am_kvm_close(m.kvm);
	for (unsigned n = 0; n < 2; n++)
		am_kvm_munmap(m.run[n], 8192);
	munmap(m.ram, RAM_SIZE);
	close(s.event);
}

static void taken_apart_in_use(void **state)
{
	struct sigaction sa = {.sa_handler = on_signal};

	sigaction(SIGUSR1, &sa, NULL);
	for (unsigned n = 0; n < ROUNDS; n++)
		one_round(n);
}

/* ---- A guest that runs on while its memory moves ---- */

static void *mover(void *opaque)
{
	struct machine *m = opaque;
	struct kvm_userspace_memory_region r = {
	    .slot = 1, .memory_size = 0x10000, .userspace_addr = (uintptr_t)m->ram + 0x100000};

	for (unsigned n = 0; n < 20000; n++) {
		r.guest_phys_addr = DEVICE + (n & 1) * 0x20000;
		assert_int_equal(kvm_ptr(m->vm, KVM_SET_USER_MEMORY_REGION, &r), 0);
	}
	__atomic_store_n((uint64_t *)(void *)(m->ram + 0x3000), 1, __ATOMIC_RELEASE);
	return NULL;
}

/* Each store finds memory or a device, and which is never an error. */
static void slots_move_under_the_guest(void **state)
{
	struct machine m;
	pthread_t t;

	machine_create(&m, 1, false);
	emit_mov(&m, 0, DEVICE);
	emit_mov(&m, 1, DEVICE + 0x20000);
	emit_mov(&m, 4, RAM + 0x3000);
	emit(&m, A64_STR_W(0, 0));
	emit(&m, A64_LDR_W(2, 1));
	emit(&m, A64_LDR_X(3, 4));
	emit(&m, A64_CBZ(3, -12));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	assert_int_equal(pthread_create(&t, NULL, mover, &m), 0);
	do
		assert_int_equal(run(&m, 0), 0);
	while (m.run[0]->exit_reason == KVM_EXIT_MMIO);
	pthread_join(t, NULL);
	assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_SYSTEM_EVENT);
	machine_destroy(&m);
}

/* ---- Closing and making descriptors at once ---- */

static atomic_int slots[8];

static void *churn(void *opaque)
{
	unsigned seed = (unsigned)(uintptr_t)opaque;

	for (int n = 0; n < 400; n++) {
		atomic_int *slot = &slots[(unsigned)rand_r(&seed) % 8];
		int fd = atomic_exchange(slot, -1), made = -1;

		kvm(fd, KVM_CHECK_EXTENSION, KVM_CAP_IRQFD);
		if (rand_r(&seed) % 2) {
			am_kvm_close(fd);
			made = am_kvm_open();
		} else {
			made = kvm(fd, KVM_CREATE_VM, 0);
			am_kvm_close(fd);
		}
		if (made >= 0)
			made = atomic_exchange(slot, made);
		if (made >= 0)
			am_kvm_close(made);
	}
	return NULL;
}

static void numbers_come_round(void **state)
{
	pthread_t t[THREADS];

	for (int n = 0; n < 8; n++)
		slots[n] = -1;
	for (uintptr_t n = 0; n < THREADS; n++)
		assert_int_equal(pthread_create(&t[n], NULL, churn, (void *)(n + 1)), 0);
	for (int n = 0; n < THREADS; n++)
		pthread_join(t[n], NULL);
	for (int n = 0; n < 8; n++)
		am_kvm_close(slots[n]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(taken_apart_in_use),
	    cmocka_unit_test(slots_move_under_the_guest),
	    cmocka_unit_test(numbers_come_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
