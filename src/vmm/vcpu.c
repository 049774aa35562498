/* SPDX-License-Identifier: MIT */
/* A vCPU and the thread that runs it. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <armature/kvm.h>

#include "vmm/machine.h"
#include "vmm/report.h"

#define KICK_SIGNAL SIGUSR1
/* Enough for the software CPU; 512 of the default size would be 4 GiB of address space. */
#define STACK_SIZE (512u << 10)

/* The run page of this thread's vCPU, for the signal handler. */
static __thread struct kvm_run *volatile this_run;

/* immediate_exit is read by the accelerator while other threads write it. */
static void ask_to_exit(struct kvm_run *run, uint8_t value)
{
	__atomic_store_n(&run->immediate_exit, value, __ATOMIC_SEQ_CST);
}

/*
 * The signal ends a KVM_RUN that is going on. One that comes just before KVM_RUN would be lost;
 * the flag makes that KVM_RUN return at once.
 */
static void on_kick(int sig)
{
	struct kvm_run *run = this_run;

	if (run)
		ask_to_exit(run, 1);
}

void vcpu_install_kick(void)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_kick;
	sigaction(KICK_SIGNAL, &sa, NULL);
}

void vcpu_kick(struct vcpu *v)
{
	ask_to_exit(v->run, 1);
	pthread_kill(v->thread, KICK_SIGNAL);
}

int vcpu_set_reg(struct vcpu *v, uint64_t id, uint64_t value)
{
	struct kvm_one_reg r = {.id = id, .addr = (uintptr_t)&value};

	return v->m->be->ioctl(v->fd, KVM_SET_ONE_REG, (unsigned long)&r);
}

int vcpu_get_reg(struct vcpu *v, uint64_t id, uint64_t *value)
{
	struct kvm_one_reg r = {.id = id, .addr = (uintptr_t)value};

	return v->m->be->ioctl(v->fd, KVM_GET_ONE_REG, (unsigned long)&r);
}

int vcpu_create(struct machine *m, struct vcpu *v, unsigned id)
{
	struct kvm_vcpu_init init;

	memset(v, 0, sizeof(*v));
	v->m = m;
	v->id = id;
	v->fd = m->be->ioctl(m->vm_fd, KVM_CREATE_VCPU, id);
	if (v->fd < 0)
		return vmm_fail(VMM_HOST, "%s: creating CPU %u failed: %s: give fewer --cpus",
				m->be->name, id, strerror(errno));
	v->run = m->be->mmap(NULL, m->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (v->run == MAP_FAILED) {
		v->run = NULL;
		return vmm_fail(VMM_HOST, "%s: mapping CPU %u failed: %s", m->be->name, id,
				strerror(errno));
	}
	memset(&init, 0, sizeof(init));
	if (m->be->ioctl(m->vm_fd, KVM_ARM_PREFERRED_TARGET, (unsigned long)&init) < 0)
		return vmm_fail(VMM_HOST, "%s: asking for the CPU type failed: %s", m->be->name,
				strerror(errno));
	init.features[0] |= 1u << KVM_ARM_VCPU_PSCI_0_2;
	/* The first CPU starts the others, through PSCI. */
	if (id)
		init.features[0] |= 1u << KVM_ARM_VCPU_POWER_OFF;
	if (m->be->ioctl(v->fd, KVM_ARM_VCPU_INIT, (unsigned long)&init) < 0)
		return vmm_fail(VMM_HOST, "%s: initialising CPU %u failed: %s", m->be->name, id,
				strerror(errno));
	return 0;
}

void vcpu_destroy(struct vcpu *v)
{
	if (v->run)
		v->m->be->munmap(v->run, v->m->run_size);
	if (v->fd >= 0)
		v->m->be->close(v->fd);
	v->run = NULL;
	v->fd = -1;
}

static uint64_t core_reg(size_t offset)
{
	return KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | offset / 4;
}

/* What one needs to see where a guest was, in one message. */
static void print_registers(struct vcpu *v)
{
	static const struct {
		const char *name;
		uint64_t id;
	} sysregs[] = {
	    {"sctlr_el1", ARM64_SYS_REG(3, 0, 1, 0, 0)},
	    {"vbar_el1", ARM64_SYS_REG(3, 0, 12, 0, 0)},
	    {"esr_el1", ARM64_SYS_REG(3, 0, 5, 2, 0)},
	    {"far_el1", ARM64_SYS_REG(3, 0, 6, 0, 0)},
	    {"elr_el1", 0},
	};
	char text[1000];
	size_t at = 0;
	uint64_t r = 0;

	vcpu_get_reg(v, core_reg(offsetof(struct kvm_regs, regs.pc)), &r);
	at += (size_t)snprintf(text + at, sizeof(text) - at, "pc %016llx", (unsigned long long)r);
	vcpu_get_reg(v, core_reg(offsetof(struct kvm_regs, regs.pstate)), &r);
	at += (size_t)snprintf(text + at, sizeof(text) - at, "  pstate %08llx",
			       (unsigned long long)r);
	for (unsigned i = 0; i < sizeof(sysregs) / sizeof(sysregs[0]); i++) {
		uint64_t id = sysregs[i].id;

		if (!id)
			id = core_reg(offsetof(struct kvm_regs, elr_el1));
		if (vcpu_get_reg(v, id, &r) == 0)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s %llx",
					       i ? "  " : "\n  ", sysregs[i].name,
					       (unsigned long long)r);
	}
	for (unsigned i = 0; i < 31; i++) {
		if (vcpu_get_reg(v, core_reg(offsetof(struct kvm_regs, regs.regs) + 8 * i), &r) ==
		    0)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%sx%u %llx",
					       i % 6 ? "  " : "\n  ", i, (unsigned long long)r);
	}
	vmm_say("CPU %u: %s", v->id, text);
}

static void __attribute__((format(printf, 2, 3))) fail(struct vcpu *v, const char *fmt, ...)
{
	char what[160];
	va_list ap;

	/* Of several CPUs that fail, the first one's registers are enough. */
	if (atomic_load(&v->m->end) != END_NONE) {
		machine_end(v->m, END_HOST);
		return;
	}
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	vmm_say("CPU %u: %s", v->id, what);
	print_registers(v);
	machine_end(v->m, END_HOST);
}

static void system_event(struct vcpu *v)
{
	switch (v->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		machine_end(v->m, END_OFF);
		break;
	case KVM_SYSTEM_EVENT_RESET:
		machine_end(v->m, END_RESET);
		break;
	case KVM_SYSTEM_EVENT_CRASH:
		vmm_say("CPU %u: the guest reported a crash", v->id);
		machine_end(v->m, END_CRASH);
		break;
	default:
		fail(v, "system event %u, which nobody asked for", v->run->system_event.type);
	}
}

/* An access to nothing, by an instruction the hardware does not describe: as from an empty bus. */
static void no_syndrome(struct vcpu *v)
{
	struct kvm_vcpu_events e;

	memset(&e, 0, sizeof(e));
	e.exception.ext_dabt_pending = 1;
	if (v->m->be->ioctl(v->fd, KVM_SET_VCPU_EVENTS, (unsigned long)&e) < 0)
		fail(v, "cannot answer an access to 0x%llx: %s",
		     (unsigned long long)v->run->arm_nisv.fault_ipa, strerror(errno));
}

static void handle_exit(struct vcpu *v)
{
	struct kvm_run *run = v->run;

	VMM_TRACE(EXIT, "vcpu %u reason %u", v->id, run->exit_reason);
	switch (run->exit_reason) {
	case KVM_EXIT_MMIO:
		machine_mmio(v->m, run->mmio.phys_addr, run->mmio.data, run->mmio.len,
			     run->mmio.is_write);
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		system_event(v);
		break;
	case KVM_EXIT_ARM_NISV:
		no_syndrome(v);
		break;
	case KVM_EXIT_INTR:
		break;
	case KVM_EXIT_FAIL_ENTRY:
		fail(v, "cannot enter the guest: reason 0x%llx",
		     (unsigned long long)run->fail_entry.hardware_entry_failure_reason);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		fail(v, "internal error %u", run->internal.suberror);
		break;
	default:
		fail(v, "unexpected exit, reason %u", run->exit_reason);
	}
}

/*
 * The answer to the guest's last access is in the run page, and the next KVM_RUN takes it to where
 * the vCPU's state is complete. So one more that comes back at once.
 */
static void finish_access(struct vcpu *v)
{
	if (atomic_load(&v->m->end) != END_NONE)
		return;
	ask_to_exit(v->run, 1);
	if (v->m->be->ioctl(v->fd, KVM_RUN, 0) == 0 || errno != EINTR)
		fail(v, "it does not stop");
	ask_to_exit(v->run, 0);
}

static void *vcpu_main(void *arg)
{
	struct vcpu *v = arg;
	struct machine *m = v->m;

	this_run = v->run;
	while (!atomic_load(&m->stop)) {
		if (m->be->ioctl(v->fd, KVM_RUN, 0) == 0) {
			handle_exit(v);
		} else if (errno == EINTR || errno == EAGAIN) {
			/* Only vcpu_kick() does that, and m->stop says why. */
			ask_to_exit(v->run, 0);
		} else {
			fail(v, "running the guest failed: %s", strerror(errno));
			break;
		}
		if (atomic_load(&m->end) != END_NONE)
			break;
	}
	finish_access(v);
	this_run = NULL;
	atomic_fetch_sub(&m->running, 1);
	return NULL;
}

int vcpu_start(struct vcpu *v)
{
	pthread_attr_t attr;
	int error;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	atomic_fetch_add(&v->m->running, 1);
	error = pthread_create(&v->thread, &attr, vcpu_main, v);
	pthread_attr_destroy(&attr);
	if (error) {
		atomic_fetch_sub(&v->m->running, 1);
		return vmm_fail(VMM_HOST, "cannot start a thread for CPU %u: %s: give fewer --cpus",
				v->id, strerror(error));
	}
	v->started = true;
	return 0;
}
