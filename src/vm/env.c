/* SPDX-License-Identifier: MIT */
/*
 * What a vCPU sees around it: memory, devices inside the VM, system registers that are not the
 * core's own, and the tick that keeps timers and outside requests going while it executes.
 */
#include <errno.h>

#include "base/trace.h"
#include "cpu/sysreg.h"
#include "fw/sdei.h"
#include "vm/vm.h"

enum { /* fault status codes of what stage 2 refuses (DDI 0487 D17.2.37) */
       FSC_ADDRESS_SIZE = 0x00,
       FSC_EXTERNAL = 0x10,
};

/* How long a signal may wait for a vCPU that executes: asking is a system call. */
#define SIGNAL_CHECK_NS 50000

static int env_map(void *opaque, uint64_t ipa, struct cpu_page *page)
{
	struct vcpu *v = opaque;
	struct mem_page p;
	int err;

	/* KVM's order: beyond what the machine has, beyond what the VM has. */
	if (am_unlikely(ipa >> v->vm->ipa_bits)) {
		page->refused = true;
		page->refused_fsc = ipa >> v->vm->pa_bits ? FSC_ADDRESS_SIZE : FSC_EXTERNAL;
		return 0;
	}
	err = mem_page(v->vm->mem, ipa, page->for_write, &v->view, &p);
	page->host = p.host;
	page->writable = p.writable;
	return err;
}

static enum cpu_mmio_result env_mmio(void *opaque, uint64_t ipa, unsigned size, bool write,
				     uint64_t *value)
{
	struct vcpu *v = opaque;
	struct vm *vm = v->vm;
	int err;

	if (write)
		err = am_bus_write(vm->bus, v->id, ipa, size, *value);
	else
		err = am_bus_read(vm->bus, v->id, ipa, size, value);
	if (err && !(write && vm_io_write(&vm->io, ipa, size, *value)))
		return CPU_MMIO_EXIT;
	vm_stat_add(&v->stats, VCPU_STAT_MMIO_EXIT_KERNEL, 1);
	AM_TRACE(vm_mmio, v->id, (unsigned long long)ipa, size, write, (unsigned long long)*value);
	return CPU_MMIO_DONE;
}

/* ---- System registers ---- */

static int timer_sysreg(struct vcpu *v, enum timer_which which, enum timer_reg reg, bool write,
			uint64_t *value)
{
	uint64_t now = timer_now();

	if (write) {
		timer_write(&v->timer, which, reg, *value, now);
	} else {
		*value = timer_read(&v->timer, which, reg, now);
		/* Whoever sees that the time has come also finds the interrupt pending. */
		timer_tick(&v->timer, now);
	}
	return 0;
}

static int env_sysreg(void *opaque, uint32_t id, bool write, uint64_t *value)
{
	struct vcpu *v = opaque;
	struct am_gic *gic;

	switch (id) {
	case SYSREG(3, 3, 14, 0, 0): /* CNTFRQ_EL0 */
		*value = TIMER_HZ;
		return write ? -ENOENT : 0;
	case SYSREG(3, 3, 14, 0, 1):
		return timer_sysreg(v, TIMER_PHYSICAL, TIMER_CNT, write, value);
	case SYSREG(3, 3, 14, 0, 2):
		return timer_sysreg(v, TIMER_VIRTUAL, TIMER_CNT, write, value);
	case SYSREG(3, 3, 14, 2, 0):
		return timer_sysreg(v, TIMER_PHYSICAL, TIMER_TVAL, write, value);
	case SYSREG(3, 3, 14, 2, 1):
		return timer_sysreg(v, TIMER_PHYSICAL, TIMER_CTL, write, value);
	case SYSREG(3, 3, 14, 2, 2):
		return timer_sysreg(v, TIMER_PHYSICAL, TIMER_CVAL, write, value);
	case SYSREG(3, 3, 14, 3, 0):
		return timer_sysreg(v, TIMER_VIRTUAL, TIMER_TVAL, write, value);
	case SYSREG(3, 3, 14, 3, 1):
		return timer_sysreg(v, TIMER_VIRTUAL, TIMER_CTL, write, value);
	case SYSREG(3, 3, 14, 3, 2):
		return timer_sysreg(v, TIMER_VIRTUAL, TIMER_CVAL, write, value);
	}
	gic = vm_gic(v->vm);
	if (!gic)
		return -ENOENT;
	if (write)
		return am_gic_icc_write(gic, v->id, id, *value);
	return am_gic_icc_read(gic, v->id, id, value);
}

/* ---- Interrupt lines ---- */

void vm_irq_line_changed(void *opaque, unsigned vcpu, bool irq, bool fiq)
{
	struct vcpu *v = vm_vcpu_by_id(opaque, vcpu);

	if (!v)
		return;
	cpu_set_irq(v->cpu, irq, fiq);
	if (irq || fiq)
		vcpu_wake(v);
}

void vm_timer_line(void *opaque, enum timer_which which, bool level)
{
	struct vcpu *v = opaque;
	struct am_gic *gic = vm_gic(v->vm);

	/* A GIC that is not initialised yet is told at the first run. */
	if (gic && am_gic_set_ppi(gic, v->id, atomic_load(&v->vm->timer_ppi[which]), level))
		v->sync_timer_lines = true;
}

bool vm_user_irq_changed(struct vcpu *v)
{
	uint64_t level;

	if (vm_gic(v->vm))
		return false;
	level = timer_level(&v->timer, TIMER_VIRTUAL) | timer_level(&v->timer, TIMER_PHYSICAL) << 1;
	return level != __atomic_load_n(v->user_irq_level, __ATOMIC_RELAXED);
}

static bool env_tick(void *opaque)
{
	struct vcpu *v = opaque;
	uint64_t now = timer_now();

	timer_tick(&v->timer, now);
	if (v->steal.ipa != FW_NO_ADDRESS && now >= v->steal.next)
		vcpu_steal_update(v, now);
	if (atomic_load_explicit(&v->power, memory_order_relaxed) != VCPU_RUNNABLE)
		return true;
	if (sdei_due(v->sdei) || vm_user_irq_changed(v))
		return true;
	if (now - v->signals_checked >= SIGNAL_CHECK_NS) {
		v->signals_checked = now;
		if (vcpu_signal_pending(v))
			return v->leave = true;
	}
	return false;
}

const struct cpu_ops vm_cpu_ops = {
    .map = env_map,
    .mmio = env_mmio,
    .sysreg = env_sysreg,
    .tick = env_tick,
};
