/* SPDX-License-Identifier: MIT */
/*
 * Running the machine of machine.h: a thread for each vCPU, exits, and stopping all of them when
 * one is at a boundary where the machine shall become another.
 *
 * A vCPU outside of handlers runs freely, up to a breakpoint at their beginning. From there to the
 * instruction that ends the last of them it is stepped.
 */
#include "machine.h"

#include <err.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define LATER_NS     UINT64_C(3000000)
#define MAX_FAILURES 30

/* ---- What the guest says ---- */

void machine_fail(struct machine *m, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	printf("# ");
	vprintf(format, ap);
	putchar('\n');
	va_end(ap);
	m->failures++;
	m->test_failed = true;
}

const char *machine_string(struct machine *m, uint64_t address)
{
	return address >= RAM && address < SHARED ? (const char *)m->ram + (address - RAM) : "?";
}

/* The part behind the last '/'. */
static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void check_failed(struct machine_vcpu *v)
{
	struct machine *m = v->m;
	const struct shared_fail f = m->shared->cpu[v->n].fail;

	pthread_mutex_lock(&m->lock);
	machine_fail(m, "CPU %u: %s:%u: %s: %#llx, not %#llx", v->n,
		     base_name(machine_string(m, f.file)), (unsigned)f.line,
		     machine_string(m, f.text), (unsigned long long)f.got,
		     (unsigned long long)f.want);
	/* A guest that is lost goes on failing. */
	if (m->failures >= MAX_FAILURES)
		errx(1, "in %s: too many failures", machine_string(m, m->shared->name));
	pthread_mutex_unlock(&m->lock);
}

static void test(struct machine *m, bool begins)
{
	pthread_mutex_lock(&m->lock);
	if (begins) {
		m->test_failed = false;
	} else {
		m->test_done(m, machine_string(m, m->shared->name));
		fflush(stdout);
	}
	pthread_mutex_unlock(&m->lock);
}

/* ---- What it asks for ---- */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* 0 or -errno. */
static int do_raise(struct machine *m, uint64_t value)
{
	uint32_t event = (uint32_t)value;
	uint64_t target = value & RAISE_ANY ? AM_SDEI_ANY : value >> 32 & 0xff;
	struct am_sdei_injection in = {.event = event, .target = target};
	struct kvm_device_attr a = {
	    .group = AM_SDEI_VM_CTRL, .attr = AM_SDEI_VM_INJECT, .addr = (uintptr_t)&in};

	if (!(value & RAISE_ATTR))
		return am_sdei_inject(m->vm, event, target);
	return am_kvm_ioctl(m->vm, KVM_SET_DEVICE_ATTR, (uintptr_t)&a) ? -errno : 0;
}

static int do_line(struct machine *m, uint64_t value)
{
	uint32_t intid = value & 0xffff;
	struct kvm_irq_level l = {.level = value & LINE_HIGH ? 1 : 0};

	if (intid < 32)
		l.irq = (uint32_t)KVM_ARM_IRQ_TYPE_PPI << KVM_ARM_IRQ_TYPE_SHIFT |
			(uint32_t)(value >> 32 & 0xff) << KVM_ARM_IRQ_VCPU_SHIFT | intid;
	else
		l.irq = (uint32_t)KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT | intid;
	return am_kvm_ioctl(m->vm, KVM_IRQ_LINE, (uintptr_t)&l) ? -errno : 0;
}

static int request(struct machine *m, uint64_t port, uint64_t value)
{
	return port == PORT_RAISE ? do_raise(m, value) : do_line(m, value);
}

static void request_later(struct machine *m, uint64_t port, uint64_t value)
{
	pthread_mutex_lock(&m->lock);
	if (m->nr_later < sizeof(m->later) / sizeof(m->later[0]))
		m->later[m->nr_later++] =
		    (struct later){.port = port, .value = value, .due_ns = now_ns() + LATER_NS};
	else
		machine_fail(m, "too much to be done later");
	pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->lock);
}

static void do_later(struct machine *m)
{
	while (m->nr_later && m->later[0].due_ns <= now_ns()) {
		int result = request(m, m->later[0].port, m->later[0].value);

		if (result)
			machine_fail(m, "later: %d", result);
		memmove(m->later, m->later + 1, --m->nr_later * sizeof(m->later[0]));
	}
}

/* ---- Stopping ---- */

static void on_signal(int sig)
{
}

static void kick(struct machine_vcpu *v)
{
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	pthread_kill(v->thread, SIGUSR1);
}

static void kick_others(struct machine_vcpu *v)
{
	for (unsigned n = 0; n < v->m->nr; n++) {
		if (n != v->n && !v->m->vcpu[n].parked)
			kick(&v->m->vcpu[n]);
	}
}

static bool others_parked(const struct machine_vcpu *v)
{
	for (unsigned n = 0; n < v->m->nr; n++) {
		if (n != v->n && !v->m->vcpu[n].parked)
			return false;
	}
	return true;
}

/* What user space owes to the last access is given, so that the registers are complete. */
static void finish_access(struct machine_vcpu *v)
{
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	if (am_kvm_ioctl(v->fd, KVM_RUN, 0) == 0 || errno != EINTR)
		err(1, "KVM_RUN that shall only finish an access");
}

/* With the lock: wait while another moves the machine. */
static void park(struct machine_vcpu *v)
{
	struct machine *m = v->m;

	if (!m->mover)
		return;
	finish_access(v);
	v->parked = true;
	pthread_cond_broadcast(&m->changed);
	while (m->mover)
		pthread_cond_wait(&m->changed, &m->lock);
	v->parked = false;
}

static void move(struct machine_vcpu *v)
{
	struct machine *m = v->m;

	pthread_mutex_lock(&m->lock);
	park(v);
	if (!m->over && m->boundaries++ % m->every == 0) {
		m->mover = v;
		kick_others(v);
		while (!others_parked(v))
			pthread_cond_wait(&m->changed, &m->lock);
		if (!m->over)
			machine_move(m);
		m->mover = NULL;
		pthread_cond_broadcast(&m->changed);
	}
	pthread_mutex_unlock(&m->lock);
}

/* ---- Stepping ---- */

/* DDI 0487 D19.3.2: a breakpoint at EL1 and EL0, on an address. */
#define BCR (UINT64_C(0xf) << 5 | 3 << 1 | 1)

static void set_debug(struct machine_vcpu *v)
{
	struct kvm_guest_debug d = {.control = KVM_GUESTDBG_ENABLE};

	if (v->debug == DEBUG_STEP) {
		d.control |= KVM_GUESTDBG_SINGLESTEP;
	} else {
		d.control |= KVM_GUESTDBG_USE_HW;
		d.arch.dbg_bcr[0] = d.arch.dbg_bcr[1] = BCR;
		d.arch.dbg_bvr[0] = ENTRY_NORMAL;
		d.arch.dbg_bvr[1] = ENTRY_CRITICAL;
	}
	if (v->debug != DEBUG_NONE)
		machine_ioctl(v->fd, KVM_SET_GUEST_DEBUG, &d, "KVM_SET_GUEST_DEBUG");
}

static void boundary(struct machine_vcpu *v)
{
	uint64_t running;
	struct kvm_one_reg r = {AM_SDEI_REG(AM_SDEI_RUNNING), (uintptr_t)&running};

	machine_ioctl(v->fd, KVM_GET_ONE_REG, &r, "RUNNING");
	v->debug = running ? DEBUG_STEP : DEBUG_ENTRIES;
	move(v);
}

/* ---- Running ---- */

static void over(struct machine_vcpu *v)
{
	struct machine *m = v->m;

	pthread_mutex_lock(&m->lock);
	m->over = true;
	kick_others(v);
	pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->lock);
}

static void mmio(struct machine_vcpu *v)
{
	struct machine *m = v->m;
	uint64_t port = v->run->mmio.phys_addr, value;

	memcpy(&value, v->run->mmio.data, sizeof(value));
	if (!v->run->mmio.is_write || v->run->mmio.len != 8)
		errx(1, "CPU %u: MMIO at %#llx", v->n, (unsigned long long)port);
	switch (port) {
	case PORT_RAISE:
	case PORT_LINE:
		if (value & PORT_LATER)
			request_later(m, port, value);
		else
			m->shared->cpu[v->n].result = request(m, port, value);
		break;
	case PORT_TEST:
		test(m, value);
		break;
	case PORT_FAIL:
		check_failed(v);
		break;
	default:
		errx(1, "CPU %u: MMIO at %#llx", v->n, (unsigned long long)port);
	}
}

/* False: that is all. */
static bool run_once(struct machine_vcpu *v)
{
	struct machine *m = v->m;

	pthread_mutex_lock(&m->lock);
	park(v);
	if (m->over) {
		pthread_mutex_unlock(&m->lock);
		return false;
	}
	v->run->immediate_exit = 0;
	pthread_mutex_unlock(&m->lock);
	if (m->every)
		set_debug(v);
	if (am_kvm_ioctl(v->fd, KVM_RUN, 0) < 0) {
		if (errno == EINTR)
			return true;
		err(1, "CPU %u: KVM_RUN", v->n);
	}
	switch (v->run->exit_reason) {
	case KVM_EXIT_MMIO:
		mmio(v);
		return true;
	case KVM_EXIT_DEBUG:
		boundary(v);
		return true;
	case KVM_EXIT_SYSTEM_EVENT:
		if (v->run->system_event.type != KVM_SYSTEM_EVENT_SHUTDOWN)
			errx(1, "system event %u", v->run->system_event.type);
		return false;
	default:
		errx(1, "CPU %u: exit %u", v->n, v->run->exit_reason);
	}
}

static void *thread(void *opaque)
{
	struct machine_vcpu *v = opaque;

	while (run_once(v))
		;
	over(v);
	pthread_mutex_lock(&v->m->lock);
	v->parked = true;
	pthread_cond_broadcast(&v->m->changed);
	pthread_mutex_unlock(&v->m->lock);
	return NULL;
}

void machine_run(struct machine *m)
{
	struct sigaction sa = {.sa_handler = on_signal};
	struct timespec t;

	sigaction(SIGUSR1, &sa, NULL);
	pthread_mutex_lock(&m->lock);
	for (unsigned n = 0; n < m->nr; n++) {
		m->vcpu[n].debug = m->every ? DEBUG_ENTRIES : DEBUG_NONE;
		if (pthread_create(&m->vcpu[n].thread, NULL, thread, &m->vcpu[n]))
			errx(1, "pthread_create");
	}
	while (!m->over) {
		/* Not while the machine changes: this has the lock then, or the mover. */
		if (!m->mover)
			do_later(m);
		clock_gettime(CLOCK_REALTIME, &t);
		t.tv_nsec += 1000000;
		if (t.tv_nsec >= 1000000000) {
			t.tv_sec++;
			t.tv_nsec -= 1000000000;
		}
		if (m->nr_later)
			pthread_cond_timedwait(&m->changed, &m->lock, &t);
		else
			pthread_cond_wait(&m->changed, &m->lock);
	}
	pthread_mutex_unlock(&m->lock);
	for (unsigned n = 0; n < m->nr; n++)
		pthread_join(m->vcpu[n].thread, NULL);
}

/* ---- Creating and ending ---- */

static void load_image(struct machine *m, const char *path)
{
	FILE *f = fopen(path, "rb");

	if (!f || !fread(m->ram, 1, SHARED - RAM, f) || ferror(f))
		err(1, "%s", path);
	fclose(f);
}

static void set_reg(struct machine_vcpu *v, uint64_t id, uint64_t value)
{
	struct kvm_one_reg r = {.id = id, .addr = (uintptr_t)&value};

	machine_ioctl(v->fd, KVM_SET_ONE_REG, &r, "KVM_SET_ONE_REG");
}

void machine_create(struct machine *m, unsigned nr, const char *image, const char *only,
		    unsigned every)
{
	*m = (struct machine){.kvm = am_kvm_open(), .nr = nr, .every = every};
	if (m->kvm < 0)
		err(1, "am_kvm_open");
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->changed, NULL);
	m->run_size = (size_t)machine_ioctl(m->kvm, KVM_GET_VCPU_MMAP_SIZE, NULL, "mmap size");
	m->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m->ram == MAP_FAILED)
		err(1, "memory for the guest");
	load_image(m, image);
	m->shared = (struct shared *)(void *)(m->ram + (SHARED - RAM));
	m->shared->nr_cpus = nr;
	m->shared->patience = every ? 1000 : 10;
	strncpy(m->shared->only, only, sizeof(m->shared->only) - 1);
	machine_build(m);
	set_reg(&m->vcpu[0], AM_SDEI_REG(AM_SDEI_GATE), 1);
	set_reg(&m->vcpu[0],
		KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(regs.pc),
		RAM);
}

void machine_destroy(struct machine *m)
{
	machine_close(m);
	am_kvm_close(m->kvm);
	munmap(m->ram, RAM_SIZE);
	pthread_cond_destroy(&m->changed);
	pthread_mutex_destroy(&m->lock);
}
