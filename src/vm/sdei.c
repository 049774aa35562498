/* SPDX-License-Identifier: MIT */
/*
 * Software delegated exceptions between the dispatcher (fw/sdei.h), which knows no CPU, and the
 * vCPU's registers, its sleep and its GIC.
 *
 * An event is delivered where an interrupt would be: between two instructions, before the CPU is
 * entered. What the vCPU was at is done by then: user space's answer to an MMIO exit has gone into
 * the register, and the PC is behind the WFI that the event ended.
 */
#include "fw/sdei.h"

#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "cpu/debug.h"
#include "cpu/sysreg.h"
#include "vm/vm.h"

/* PSTATE as in SPSR_EL1 (DDI 0487 C5.2.18). */
#define PSTATE_NZCV UINT64_C(0xf0000000)
#define PSTATE_PAN  AM_BIT(22)
#define PSTATE_SS   AM_BIT(21)
#define PSTATE_DAIF UINT64_C(0x3c0)
#define PSTATE_EL1H UINT64_C(5)

/* ---- Registers ---- */

/* The instruction before this boundary counts as stepped, whatever the PC becomes. */
static void finish_step(struct cpu *c)
{
	if (!c->step_ran)
		return;
	cpu_debug_stepped(c);
	c->host_pending = c->host_debug.enabled && c->host_debug.step;
}

/* What an exception to EL1 would make of PSTATE (D1.3.2, D8.4.3 for PAN): IL and SS are clear. */
static uint64_t exception_pstate(const struct cpu *c, uint64_t pstate)
{
	uint64_t pan = c->sr[SR_SCTLR_EL1] & SCTLR_SPAN ? pstate & PSTATE_PAN : PSTATE_PAN;

	return (pstate & PSTATE_NZCV) | pan | PSTATE_DAIF | PSTATE_EL1H;
}

static void load_frame(struct cpu *c, struct sdei_frame *f)
{
	finish_step(c);
	memcpy(f->x, c->r, sizeof(f->x));
	f->pc = c->pc;
	f->pstate = cpu_get_pstate(c);
	f->el1_pstate = exception_pstate(c, f->pstate);
}

/* PSTATE.SS of a context that goes on is what an exception return by EL3 leaves of it (D2.12.4). */
static void store_frame(struct cpu *c, const struct sdei_frame *f)
{
	uint64_t pstate = f->pstate & ~PSTATE_SS;

	/* Step exceptions come from neither EL3 nor a handler: as if masked. */
	c->daif |= 8;
	if (cpu_debug_return_ss(c, f->pstate, am_bit(f->pstate, 2)))
		pstate |= PSTATE_SS;
	memcpy(c->r, f->x, sizeof(f->x));
	c->pc = f->pc;
	cpu_set_pstate(c, pstate);
	/* The dispatcher leaves by an exception return (B2.9.5). */
	c->excl_valid = 0;
}

/* ---- The vCPU's thread ---- */

void vcpu_deliver_events(struct vcpu *v)
{
	struct sdei_frame f;

	/* A critical event may interrupt the handler that was just entered. */
	while (sdei_due(v->sdei)) {
		load_frame(v->cpu, &f);
		if (!sdei_deliver(v->sdei, &f))
			return;
		store_frame(v->cpu, &f);
	}
}

void vcpu_sdei_call(struct vcpu *v)
{
	struct cpu *c = v->cpu;
	struct sdei_frame f;

	load_frame(c, &f);
	switch (sdei_call(v->sdei, &f)) {
	case SDEI_RETURN:
		c->r[0] = f.x[0];
		break;
	case SDEI_RESUME:
		c->sr[SR_ELR_EL1] = f.elr_el1;
		c->sr[SR_SPSR_EL1] = f.spsr_el1;
		/* fallthrough */
	case SDEI_REPLACE:
		store_frame(c, &f);
		break;
	}
}

/* ---- What the dispatcher asks for ---- */

static void kick(void *opaque, void *vcpu)
{
	struct vcpu *v = vcpu;

	cpu_kick(v->cpu);
	vcpu_wake(v);
}

static void handled(void *opaque, void *vcpu, uint32_t event, enum am_sdei_status status)
{
	struct vm *vm = opaque;
	struct vcpu *v = vcpu;
	struct vm_handled h;

	am_lock(&vm->handled_lock);
	h = vm->handled;
	am_unlock(&vm->handled_lock);
	if (h.fn)
		h.fn(h.opaque, atomic_load_explicit(&v->affinity, memory_order_relaxed), event,
		     status);
}

int vm_sdei_on_handled(struct vm *vm, am_sdei_handled *fn, void *opaque)
{
	int err = -EBUSY;

	pthread_mutex_lock(&vm->lock);
	if (!atomic_load(&vm->has_run)) {
		am_lock(&vm->handled_lock);
		vm->handled = (struct vm_handled){fn, opaque};
		am_unlock(&vm->handled_lock);
		err = 0;
	}
	pthread_mutex_unlock(&vm->lock);
	return err;
}

/* ---- Bound interrupts ---- */

/* An SPI belongs to no vCPU: any number does. */
static unsigned number(const struct vcpu *v)
{
	return v ? v->id : 0;
}

/* AM_GIC_BOUND_*, of an interrupt that need not be bound. */
static int irq_state(struct vm *vm, const struct vcpu *v, unsigned intid)
{
	struct am_gic *gic = vm_gic(vm);
	int err, state;

	if (!gic)
		return 0;
	err = am_gic_bind(gic, number(v), intid);
	if (err && err != -EEXIST)
		return 0;
	state = am_gic_bound_state(gic, number(v), intid);
	if (!err)
		am_gic_unbind(gic, number(v), intid);
	return state < 0 ? 0 : state;
}

static int irq_usable(void *opaque, unsigned intid)
{
	struct am_gic *gic = vm_gic(opaque);

	return gic && intid >= 16 && intid < am_gic_nr_irqs(gic) ? 0 : -EINVAL;
}

/*
 * GICD_ISENABLER follows the event, as it does on hardware whose dispatcher owns the interrupt. The
 * event's own state says whether it is delivered.
 */
static int irq_divert(void *opaque, void *vcpu, unsigned intid, bool on)
{
	struct am_gic *gic = vm_gic(opaque);
	int err;

	if (!gic)
		return -ENODEV;
	if (!on) {
		am_gic_bound_enable(gic, number(vcpu), intid, false);
		return am_gic_unbind(gic, number(vcpu), intid);
	}
	err = am_gic_bind(gic, number(vcpu), intid);
	if (err && err != -EEXIST)
		return err;
	return am_gic_bound_enable(gic, number(vcpu), intid, true);
}

static bool irq_pending(void *opaque, void *vcpu, unsigned intid)
{
	return irq_state(opaque, vcpu, intid) & AM_GIC_BOUND_DUE;
}

static bool irq_active(void *opaque, void *vcpu, unsigned intid)
{
	return irq_state(opaque, vcpu, intid) & AM_GIC_BOUND_ACTIVE;
}

static bool irq_acknowledge(void *opaque, void *vcpu, unsigned intid)
{
	struct am_gic *gic = vm_gic(opaque);

	return gic && am_gic_bound_ack(gic, number(vcpu), intid) == 1;
}

static void irq_end(void *opaque, void *vcpu, unsigned intid)
{
	struct am_gic *gic = vm_gic(opaque);

	if (gic)
		am_gic_bound_end(gic, number(vcpu), intid);
}

void vm_bound_pending(void *opaque, int vcpu, unsigned intid)
{
	struct vm *vm = opaque;
	struct vcpu *v = vcpu < 0 ? NULL : vm_vcpu_by_id(vm, (unsigned)vcpu);

	if (vcpu < 0 || v)
		sdei_interrupt(vm->sdei, v ? v->sdei : NULL, intid);
}

/* ---- Life ---- */

static const struct sdei_ops ops = {
    .kick = kick,
    .handled = handled,
    .irq_usable = irq_usable,
    .irq_divert = irq_divert,
    .irq_pending = irq_pending,
    .irq_active = irq_active,
    .irq_acknowledge = irq_acknowledge,
    .irq_end = irq_end,
};

int vm_sdei_init(struct vm *vm)
{
	am_lock_init(&vm->handled_lock);
	return sdei_create(&ops, vm, &vm->sdei);
}

int vcpu_sdei_init(struct vcpu *v)
{
	return sdei_pe_create(v->vm->sdei, v, v->id, atomic_load(&v->affinity), &v->sdei);
}
