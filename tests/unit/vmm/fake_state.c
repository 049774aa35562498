/* SPDX-License-Identifier: MIT */
/* See fake_state.h. */
#include "fake_state.h"

#include <errno.h>
#include <string.h>

#include <armature/kvm.h>

#define CORE(size, n) (KVM_REG_ARM64 | KVM_REG_SIZE_##size | KVM_REG_ARM_CORE | (n))

struct fake_write fake_writes[FAKE_MAX_WRITES];
unsigned fake_nr_writes;
bool fake_has_run;
uint64_t fake_stubborn;

static unsigned vm_writes; /* the first that is of this VM */
static bool has_run;

/* Of each size one, a system register, and the clocks in the middle. */
static const uint64_t regs[] = {
    CORE(U64, 0),
    CORE(U64, 0x40),
    CORE(U128, 0x54),
    KVM_REG_ARM_TIMER_CTL,
    KVM_REG_ARM_TIMER_CNT,
    KVM_REG_ARM_TIMER_CVAL,
    KVM_REG_ARM_PTIMER_CNT,
    CORE(U32, 0xd4),
    ARM64_SYS_REG(3, 0, 1, 0, 0),
    ARM64_SYS_REG(3, 0, 0, 0, 5),
};
enum { NR_REGS = sizeof(regs) / sizeof(regs[0]) };

static int fail(int error)
{
	errno = error;
	return -1;
}

uint64_t fake_value(unsigned vcpu, uint32_t group, uint64_t name)
{
	uint64_t v = (name + 1) * UINT64_C(0x9e3779b97f4a7c15) + group * 77 + vcpu * 1001;

	v = (v ^ v >> 31) * UINT64_C(0xbf58476d1ce4e5b9);
	return v ^ v >> 29;
}

void fake_state_new_vm(void)
{
	vm_writes = fake_nr_writes;
	has_run = fake_has_run;
}

static void note(enum fake_kind kind, unsigned vcpu, uint32_t group, uint64_t name, uint64_t value)
{
	if (fake_nr_writes < FAKE_MAX_WRITES)
		fake_writes[fake_nr_writes++] = (struct fake_write){kind, vcpu, group, name, value};
}

/* What was written last to this VM, or what it began with. */
static uint64_t look_up(enum fake_kind kind, unsigned vcpu, uint32_t group, uint64_t name)
{
	for (unsigned n = fake_nr_writes; n > vm_writes; n--) {
		const struct fake_write *w = &fake_writes[n - 1];

		if (w->kind == kind && w->vcpu == vcpu && w->group == group && w->name == name)
			return w->value;
	}
	return has_run ? fake_value(vcpu, group, name) : 0;
}

static int one_reg(unsigned vcpu, bool set, const struct kvm_one_reg *r)
{
	uint8_t bytes[16] = {0};
	uint64_t v;
	unsigned n = 0;

	while (n < NR_REGS && regs[n] != r->id)
		n++;
	/* The other x registers can be looked at. */
	if (n == NR_REGS && !set && r->id > CORE(U64, 0) && r->id < CORE(U64, 62)) {
		memset((void *)(uintptr_t)r->addr, 0, 8);
		return 0;
	}
	if (n == NR_REGS)
		return fail(ENOENT);
	if (set && r->id == fake_stubborn)
		return fail(EINVAL);
	if (set) {
		memcpy(bytes, (void *)(uintptr_t)r->addr, KVM_REG_SIZE(r->id));
		memcpy(&v, bytes, 8);
		note(FAKE_REG, vcpu, 0, r->id, v);
		return 0;
	}
	v = look_up(FAKE_REG, vcpu, 0, r->id);
	if (r->id == ARM64_SYS_REG(3, 0, 0, 0, 5))
		v = (1u << 31) | (vcpu & 15) | (vcpu >> 4) << 8;
	if (r->id == fake_stubborn)
		v = 4711;
	memcpy(bytes, &v, 8);
	memcpy((void *)(uintptr_t)r->addr, bytes, KVM_REG_SIZE(r->id));
	return 0;
}

static int reg_list(struct kvm_reg_list *list)
{
	uint64_t room = list->n;

	list->n = NR_REGS;
	if (room < NR_REGS)
		return fail(E2BIG);
	memcpy(list->reg, regs, sizeof(regs));
	return 0;
}

int fake_state_vcpu(unsigned vcpu, unsigned long req, unsigned long arg)
{
	void *p = (void *)arg;

	switch (req) {
	case KVM_GET_ONE_REG:
	case KVM_SET_ONE_REG:
		return one_reg(vcpu, req == KVM_SET_ONE_REG, p);
	case KVM_GET_REG_LIST:
		return reg_list(p);
	case KVM_GET_MP_STATE:
		((struct kvm_mp_state *)p)->mp_state = (uint32_t)look_up(FAKE_POWER, vcpu, 0, 0);
		return 0;
	case KVM_SET_MP_STATE:
		note(FAKE_POWER, vcpu, 0, 0, ((struct kvm_mp_state *)p)->mp_state);
		return 0;
	case KVM_GET_VCPU_EVENTS:
		memset(p, 0, sizeof(struct kvm_vcpu_events));
		((struct kvm_vcpu_events *)p)->exception.serror_esr =
		    look_up(FAKE_EVENTS, vcpu, 0, 0);
		return 0;
	case KVM_SET_VCPU_EVENTS:
		note(FAKE_EVENTS, vcpu, 0, 0, ((struct kvm_vcpu_events *)p)->exception.serror_esr);
		return 0;
	default:
		return fail(EINVAL);
	}
}

int fake_state_gic(unsigned long req, uint32_t group, uint64_t attr, void *value)
{
	size_t size = group == KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS ? 8 : 4;
	uint64_t v = 0;

	if (req == KVM_SET_DEVICE_ATTR) {
		memcpy(&v, value, size);
		note(FAKE_ATTR, 0, group, attr, v);
		return 0;
	}
	v = look_up(FAKE_ATTR, 0, group, attr);
	memcpy(value, &v, size);
	return 0;
}

int fake_state_command(enum fake_kind kind, uint64_t attr)
{
	note(kind, 0, FAKE_COMMAND, attr, 0);
	return 0;
}

int fake_state_its(unsigned long req, uint64_t offset, void *value)
{
	uint64_t v;

	if (req == KVM_SET_DEVICE_ATTR) {
		memcpy(&v, value, 8);
		note(FAKE_ITS, 0, 0, offset, v);
		return 0;
	}
	v = look_up(FAKE_ITS, 0, 0, offset);
	memcpy(value, &v, 8);
	return 0;
}
