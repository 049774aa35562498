/* SPDX-License-Identifier: MIT */
/*
 * Registers by id: KVM_GET_ONE_REG, KVM_SET_ONE_REG, KVM_GET_REG_LIST. Each class of ids has one
 * pair of functions that take the register's value; sizes, copies and their errors are dealt with
 * once. What GET_REG_LIST names can be read, and written with what was read.
 */
#include <armature/gic.h>
#include <armature/kvm.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "cpu/sysreg.h"
#include "fw/sdei.h"
#include "kvm/file.h"
#include "vm/vm.h"

#define REG_BASE (KVM_REG_ARM64 | KVM_REG_SIZE_U64)

union value {
	uint64_t u64;
	uint32_t u32;
	union cpu_vreg v;
};

/* ---- Core registers ---- */

enum {
	CORE_WORDS = sizeof(struct kvm_regs) / 4,
	CORE_SP = KVM_REG_ARM_CORE_REG(regs.sp),
	CORE_PC = KVM_REG_ARM_CORE_REG(regs.pc),
	CORE_PSTATE = KVM_REG_ARM_CORE_REG(regs.pstate),
	CORE_SP_EL1 = KVM_REG_ARM_CORE_REG(sp_el1),
	CORE_ELR_EL1 = KVM_REG_ARM_CORE_REG(elr_el1),
	CORE_SPSR = KVM_REG_ARM_CORE_REG(spsr[0]),
	CORE_V = KVM_REG_ARM_CORE_REG(fp_regs.vregs[0]),
	CORE_V_END = CORE_V + 32 * 4,
	CORE_FPSR = KVM_REG_ARM_CORE_REG(fp_regs.fpsr),
	CORE_FPCR = KVM_REG_ARM_CORE_REG(fp_regs.fpcr),
};

#define SYSREG_FPCR SYSREG(3, 3, 4, 4, 0)
#define SYSREG_FPSR SYSREG(3, 3, 4, 4, 1)

#define SYSREG_MPIDR SYSREG(3, 0, 0, 0, 5)

/* The size of the register that starts at word @off, 0 if none does. */
static unsigned core_size(unsigned off)
{
	if (off < CORE_SPSR + 2 * KVM_NR_SPSR)
		return off % 2 ? 0 : 8;
	if (off >= CORE_V && off < CORE_V_END)
		return (off - CORE_V) % 4 ? 0 : 16;
	return off == CORE_FPSR || off == CORE_FPCR ? 4 : 0;
}

static int core_check(uint64_t id)
{
	uint64_t off = id & 0xffff;

	if (off + KVM_REG_SIZE(id) / 4 >= CORE_WORDS)
		return -ENOENT;
	return core_size((unsigned)off) == KVM_REG_SIZE(id) ? 0 : -EINVAL;
}

static int core_get(struct vcpu *v, uint64_t id, union value *out)
{
	struct cpu *c = v->cpu;
	unsigned off = id & 0xffff;
	int err = core_check(id);

	if (err)
		return err;
	if (off < CORE_SP)
		out->u64 = c->r[off / 2];
	else if (off == CORE_SP)
		out->u64 = cpu_get_sp(c, 0);
	else if (off == CORE_PC)
		out->u64 = c->pc;
	else if (off == CORE_PSTATE)
		out->u64 = cpu_get_pstate(c);
	else if (off == CORE_SP_EL1)
		out->u64 = cpu_get_sp(c, 1);
	else if (off == CORE_ELR_EL1)
		out->u64 = c->sr[SR_ELR_EL1];
	else if (off == CORE_SPSR)
		out->u64 = c->sr[SR_SPSR_EL1];
	else if (off < CORE_V)
		out->u64 = v->spsr32[(off - CORE_SPSR) / 2 - 1];
	else if (off < CORE_V_END)
		out->v = c->v[(off - CORE_V) / 4];
	else
		out->u32 = off == CORE_FPSR ? c->fpsr : c->fpcr;
	return 0;
}

static int core_set(struct vcpu *v, uint64_t id, const union value *in)
{
	struct cpu *c = v->cpu;
	unsigned off = id & 0xffff;

	if (off < CORE_SP)
		c->r[off / 2] = in->u64;
	else if (off == CORE_SP)
		cpu_set_sp(c, 0, in->u64);
	else if (off == CORE_PC)
		c->pc = in->u64;
	else if (off == CORE_PSTATE)
		return cpu_set_pstate(c, in->u64);
	else if (off == CORE_SP_EL1)
		cpu_set_sp(c, 1, in->u64);
	else if (off == CORE_ELR_EL1)
		c->sr[SR_ELR_EL1] = in->u64;
	else if (off == CORE_SPSR)
		c->sr[SR_SPSR_EL1] = in->u64;
	else if (off < CORE_V)
		v->spsr32[(off - CORE_SPSR) / 2 - 1] = in->u64;
	else if (off < CORE_V_END)
		c->v[(off - CORE_V) / 4] = in->v;
	else
		return cpu_set_sysreg(c, off == CORE_FPSR ? SYSREG_FPSR : SYSREG_FPCR, in->u32);
	return 0;
}

/* ---- Timers ---- */

/* The virtual timer's CVAL and CNT have each other's encoding: ABI (kvm_arm64.h). */
static const struct {
	uint64_t id;
	enum timer_which which;
	enum timer_reg reg;
} timer_regs[] = {
    {KVM_REG_ARM_TIMER_CTL, TIMER_VIRTUAL, TIMER_CTL},
    {KVM_REG_ARM_TIMER_CNT, TIMER_VIRTUAL, TIMER_CNT},
    {KVM_REG_ARM_TIMER_CVAL, TIMER_VIRTUAL, TIMER_CVAL},
    {KVM_REG_ARM_PTIMER_CTL, TIMER_PHYSICAL, TIMER_CTL},
    {KVM_REG_ARM_PTIMER_CNT, TIMER_PHYSICAL, TIMER_CNT},
    {KVM_REG_ARM_PTIMER_CVAL, TIMER_PHYSICAL, TIMER_CVAL},
};

static int timer_find(uint64_t id)
{
	for (unsigned n = 0; n < AM_ARRAY_SIZE(timer_regs); n++) {
		if (timer_regs[n].id == id)
			return (int)n;
	}
	return -1;
}

static uint64_t timer_get(struct vcpu *v, int n)
{
	return timer_read(&v->timer, timer_regs[n].which, timer_regs[n].reg, timer_now());
}

static void timer_set(struct vcpu *v, int n, uint64_t value)
{
	uint64_t now = timer_now();
	struct vcpu *other;

	v->sync_timer_lines = true;
	if (timer_regs[n].reg != TIMER_CNT) {
		timer_write(&v->timer, timer_regs[n].which, timer_regs[n].reg, value, now);
		return;
	}
	if (atomic_load(&v->vm->offsets_fixed))
		return;
	timer_set_count(&v->vm->timers, timer_regs[n].which, value, now);
	for (unsigned k = 0; (other = vm_vcpu_nth(v->vm, k)); k++) {
		cpu_kick(other->cpu);
		vcpu_wake(other);
	}
}

/* ---- Banked registers: CCSIDR_EL1 ---- */

#define NR_CCSIDR	 2 /* L1 data, L1 instruction */
#define SYSREG_CCSIDR	 SYSREG(3, 1, 0, 0, 0)
#define DEMUX_ID(csselr) (KVM_REG_ARM64 | KVM_REG_SIZE_U32 | KVM_REG_ARM_DEMUX | (csselr))

static int demux_get(struct vcpu *v, uint64_t id, uint32_t *out)
{
	uint64_t saved = v->cpu->sr[SR_CSSELR_EL1], value = 0;
	int err;

	if ((id & KVM_REG_SIZE_MASK) != KVM_REG_SIZE_U32 ||
	    (id & 0xffff & ~(uint64_t)KVM_REG_ARM_DEMUX_VAL_MASK) ||
	    (id & KVM_REG_ARM_DEMUX_VAL_MASK) >= NR_CCSIDR)
		return -ENOENT;
	v->cpu->sr[SR_CSSELR_EL1] = id & KVM_REG_ARM_DEMUX_VAL_MASK;
	err = cpu_get_sysreg(v->cpu, SYSREG_CCSIDR, &value);
	v->cpu->sr[SR_CSSELR_EL1] = saved;
	*out = (uint32_t)value;
	return err;
}

/* ---- One register ---- */

static int sysreg_check(uint64_t id)
{
	return (id & KVM_REG_SIZE_MASK) == KVM_REG_SIZE_U64 ? 0 : -ENOENT;
}

static bool has_0_2(const struct vcpu *v)
{
	return v->features & AM_BIT(KVM_ARM_VCPU_PSCI_0_2);
}

/* Bitmaps are the VM's, and fixed once a vCPU has run. */
static int set_bitmap(struct vcpu *v, uint64_t id, uint64_t value)
{
	struct vm *vm = v->vm;
	int err;

	pthread_mutex_lock(&vm->lock);
	err = fw_bitmap_set(&vm->fw, id & 0xffff, value, atomic_load(&vm->has_run));
	pthread_mutex_unlock(&vm->lock);
	return err;
}

static int get_bitmap(struct vcpu *v, uint64_t id, uint64_t *out)
{
	if (sysreg_check(id) || (id & 0xffff) >= FW_NR_BITMAPS)
		return -ENOENT;
	*out = fw_bitmap_get(&v->vm->fw, id & 0xffff);
	return 0;
}

/* ID registers of the VM: fixed once a vCPU has run. */
static int set_id_reg(struct vcpu *v, uint64_t id, uint64_t value)
{
	struct vm *vm = v->vm;
	uint64_t now;
	int err;

	pthread_mutex_lock(&vm->lock);
	err = cpu_get_sysreg(v->cpu, id & 0xffff, &now);
	if (!err && atomic_load(&vm->has_run))
		err = value == now ? 0 : -EBUSY;
	else if (!err)
		err = cpu_set_sysreg(v->cpu, id & 0xffff, value);
	pthread_mutex_unlock(&vm->lock);
	return err;
}

/* By its affinity others find a vCPU. */
static int set_mpidr(struct vcpu *v, uint64_t value)
{
	int err;

	pthread_mutex_lock(&v->vm->lock);
	err = cpu_set_sysreg(v->cpu, SYSREG_MPIDR, value);
	if (!err)
		vm_vcpu_mpidr_changed(v);
	pthread_mutex_unlock(&v->vm->lock);
	return err;
}

long kvm_get_writable_masks(uint64_t arg)
{
	uint64_t masks[KVM_ARM_FEATURE_ID_RANGE_SIZE] = {0};
	struct reg_mask_range r;
	long err = kvm_copy_in(&r, arg, sizeof(r));

	if (err)
		return err;
	if (r.range != KVM_ARM_FEATURE_ID_RANGE)
		return -EINVAL;
	for (unsigned n = 0; n < AM_ARRAY_SIZE(r.reserved); n++) {
		if (r.reserved[n])
			return -EINVAL;
	}
	/* CRm, op2 below op1, which is 0, 1 or 3. */
	for (unsigned n = 0; n < AM_ARRAY_SIZE(masks); n++) {
		unsigned op1 = n / 64 == 2 ? 3 : n / 64;

		masks[n] = cpu_id_writable(SYSREG(3, op1, 0, 0, 0) | n % 64);
	}
	return kvm_copy_out(r.addr, masks, sizeof(masks));
}

static int fw_get(struct vcpu *v, uint64_t id, uint64_t *out)
{
	unsigned index = id & 0xffff;

	if (sysreg_check(id))
		return -ENOENT;
	return kvm_is_sdei_reg(index) ? sdei_get_reg(v->sdei, index, out)
				      : fw_get_reg(&v->vm->fw, has_0_2(v), index, out);
}

static int fw_set(struct vcpu *v, uint64_t id, uint64_t value)
{
	unsigned index = id & 0xffff;

	return kvm_is_sdei_reg(index) ? kvm_set_sdei_reg(v, index, value)
				      : fw_set_reg(&v->vm->fw, has_0_2(v), index, value);
}

static int get_reg(struct vcpu *v, uint64_t id, union value *out)
{
	int n = timer_find(id), err;

	if (n >= 0) {
		out->u64 = timer_get(v, n);
		return 0;
	}
	switch (id & KVM_REG_ARM_COPROC_MASK) {
	case KVM_REG_ARM_CORE:
		return core_get(v, id, out);
	case KVM_REG_ARM_FW:
		return fw_get(v, id, &out->u64);
	case KVM_REG_ARM_FW_FEAT_BMAP:
		return get_bitmap(v, id, &out->u64);
	case KVM_REG_ARM_DEMUX:
		return demux_get(v, id, &out->u32);
	case KVM_REG_ARM64_SYSREG:
		err = sysreg_check(id);
		return err ? err : cpu_get_sysreg(v->cpu, id & 0xffff, &out->u64);
	default:
		return -ENOENT;
	}
}

static int set_reg(struct vcpu *v, uint64_t id, const union value *in)
{
	union value now;
	int n = timer_find(id), err;

	if (n >= 0) {
		timer_set(v, n, in->u64);
		return 0;
	}
	switch (id & KVM_REG_ARM_COPROC_MASK) {
	case KVM_REG_ARM_CORE:
		return core_set(v, id, in);
	case KVM_REG_ARM_FW:
		return fw_set(v, id, in->u64);
	case KVM_REG_ARM_FW_FEAT_BMAP:
		return set_bitmap(v, id, in->u64);
	case KVM_REG_ARM_DEMUX:
		err = demux_get(v, id, &now.u32);
		return err ? err : now.u32 == in->u32 ? 0 : -EINVAL;
	default:
		if ((id & 0xffff) == SYSREG_MPIDR)
			return set_mpidr(v, in->u64);
		if (cpu_id_shared(id & 0xffff))
			return set_id_reg(v, id, in->u64);
		return cpu_set_sysreg(v->cpu, id & 0xffff, in->u64);
	}
}

static int check_arch(uint64_t id)
{
	return (id & ~(uint64_t)KVM_REG_SIZE_MASK) >> 32 == KVM_REG_ARM64 >> 32 ? 0 : -EINVAL;
}

long kvm_get_one_reg(struct vcpu *v, uint64_t arg)
{
	struct kvm_one_reg reg;
	union value value;
	long err = kvm_copy_in(&reg, arg, sizeof(reg));

	if (!err)
		err = check_arch(reg.id);
	vcpu_settle_reset(v);
	if (!err)
		err = get_reg(v, reg.id, &value);
	/* Its size fits the value: every class has checked it. */
	return err ? err : kvm_copy_out(reg.addr, &value, KVM_REG_SIZE(reg.id));
}

long kvm_set_one_reg(struct vcpu *v, uint64_t arg)
{
	struct kvm_one_reg reg;
	union value value, old;
	long err = kvm_copy_in(&reg, arg, sizeof(reg));

	if (!err)
		err = check_arch(reg.id);
	vcpu_settle_reset(v);
	/* Whatever can be set can be read; so this says whether the register and its size exist. */
	if (!err)
		err = get_reg(v, reg.id, &old);
	if (!err)
		err = kvm_copy_in(&value, reg.addr, KVM_REG_SIZE(reg.id));
	return err ? err : set_reg(v, reg.id, &value);
}

/* ---- The list ---- */

/* Counts always, writes while there is room. */
struct list {
	uint64_t *reg;
	uint64_t room, n;
};

static void add(struct list *l, uint64_t id)
{
	if (l->n < l->room)
		l->reg[l->n] = id;
	l->n++;
}

static bool is_timer(uint64_t id)
{
	return timer_find(id) >= 0;
}

/*
 * The gate and what it opens, in the order in which it can be restored; while it is closed none of
 * them, so that a machine without SDEI moves to a KVM that has never heard of it. Under vm.lock.
 */
static void fill_sdei(struct list *l, struct vcpu *v, uint16_t *index)
{
	struct sdei *s = v->vm->sdei;
	size_t nr = sdei_enabled(s) ? sdei_reg_list(s, index) : 0;

	for (size_t n = 0; n < nr; n++)
		add(l, KVM_REG_ARM_FW_REG(index ? index[n] : 0));
}

static void fill(struct list *l, struct vcpu *v, uint16_t *sdei)
{
	size_t nr;
	const uint16_t *sysregs = cpu_sysreg_list(&nr);
	static const uint64_t sizes[] = {
	    [4] = KVM_REG_SIZE_U32, [8] = KVM_REG_SIZE_U64, [16] = KVM_REG_SIZE_U128};

	for (unsigned off = 0; off < CORE_WORDS; off++) {
		if (core_size(off))
			add(l, KVM_REG_ARM64 | sizes[core_size(off)] | KVM_REG_ARM_CORE | off);
	}
	for (unsigned n = 0; n < fw_reg_count(); n++)
		add(l, KVM_REG_ARM_FW_REG(n));
	for (unsigned n = 0; n < FW_NR_BITMAPS; n++)
		add(l, KVM_REG_ARM_FW_FEAT_BMAP_REG(n));
	fill_sdei(l, v, sdei);
	for (unsigned n = 0; n < AM_ARRAY_SIZE(timer_regs); n++)
		add(l, timer_regs[n].id);
	for (size_t n = 0; n < nr; n++) {
		uint64_t id = REG_BASE | KVM_REG_ARM64_SYSREG | sysregs[n];

		if (!is_timer(id))
			add(l, id);
	}
	for (unsigned n = 0; n < NR_CCSIDR; n++)
		add(l, DEMUX_ID(n));
}

/* All registers; 0 or -ENOMEM. What it allocates the caller frees. */
static long make_list(struct vcpu *v, struct list *l)
{
	uint16_t *sdei;

	fill(l, v, NULL);
	l->room = l->n;
	l->n = 0;
	l->reg = malloc(l->room * sizeof(*l->reg));
	sdei = malloc(l->room * sizeof(*sdei));
	if (l->reg && sdei)
		fill(l, v, sdei);
	free(sdei);
	return l->n ? 0 : -ENOMEM;
}

long kvm_get_reg_list(struct vcpu *v, uint64_t arg)
{
	struct kvm_reg_list head;
	struct list l = {0};
	long err = kvm_copy_in(&head, arg, sizeof(head));

	if (err)
		return err;
	/* The gate of SDEI does not move meanwhile. */
	pthread_mutex_lock(&v->vm->lock);
	err = make_list(v, &l);
	pthread_mutex_unlock(&v->vm->lock);
	if (!err)
		err = kvm_copy_out(arg, &l.n, sizeof(l.n));
	if (!err && head.n < l.n)
		err = -E2BIG;
	if (!err)
		err = kvm_copy_out(arg + sizeof(head), l.reg, l.n * sizeof(*l.reg));
	free(l.reg);
	return err;
}
