/* SPDX-License-Identifier: MIT */
/*
 * Software delegated exceptions from outside: their registers, of which a program that knows
 * nothing of them restores a machine by the loop that it has; and raising events.
 */
#include "machine.h"

#include <armature/sdei.h>
#include <stdlib.h>

#define FN(n)	  (0xc4000020u + (n))
#define REGISTER  FN(1)
#define ENABLE	  FN(2)
#define COMPLETE  FN(5)
#define PE_UNMASK FN(0xc)

#define NORMAL	 (RAM + 0x2000)
#define CRITICAL (RAM + 0x2800)
#define REG(n)	 AM_SDEI_REG(n)

static int get(struct machine *m, unsigned n, uint64_t id, uint64_t *v)
{
	struct kvm_one_reg r = {.id = id, .addr = (uintptr_t)v};

	return kvm_ptr(m->vcpu[n], KVM_GET_ONE_REG, &r);
}

static int set(struct machine *m, unsigned n, uint64_t id, uint64_t v)
{
	struct kvm_one_reg r = {.id = id, .addr = (uintptr_t)&v};

	return kvm_ptr(m->vcpu[n], KVM_SET_ONE_REG, &r);
}

static void emit_call(struct machine *m, uint32_t function, uint64_t a, uint64_t b, uint64_t c)
{
	emit_mov(m, 1, a);
	emit_mov(m, 2, b);
	emit_mov(m, 3, c);
	emit_mov(m, 4, 0);
	emit_mov(m, 0, function);
	emit(m, A64_HVC);
}

static struct kvm_reg_list *list(struct machine *m, unsigned n)
{
	struct kvm_reg_list none = {0}, *l;

	assert_int_equal(kvm_ptr(m->vcpu[n], KVM_GET_REG_LIST, &none), -E2BIG);
	l = malloc(sizeof(*l) + none.n * sizeof(l->reg[0]));
	assert_non_null(l);
	l->n = none.n;
	assert_int_equal(kvm_ptr(m->vcpu[n], KVM_GET_REG_LIST, l), 0);
	assert_int_equal(l->n, none.n);
	return l;
}

static bool is_sdei(uint64_t id)
{
	return (id & ~UINT64_C(0xffff)) == REG(0) && (id & 0xffff) >= AM_SDEI_GATE;
}

static unsigned count_sdei(const struct kvm_reg_list *l)
{
	unsigned found = 0;

	for (uint64_t n = 0; n < l->n; n++)
		found += is_sdei(l->reg[n]);
	return found;
}

/* ---- Registers ---- */

static void gate(void **state)
{
	struct machine m;
	struct kvm_reg_list *l;
	uint64_t v;

	machine_create(&m, 2, false);
	l = list(&m, 0);
	assert_int_equal(count_sdei(l), 0);
	free(l);
	assert_int_equal(reg_get(&m, 0, REG(AM_SDEI_GATE)), 0);
	assert_int_equal(get(&m, 0, REG(AM_SDEI_EVENTS), &v), -ENOENT);
	assert_int_equal(set(&m, 0, REG(AM_SDEI_PE_STATE), 1), -ENOENT);
	assert_int_equal(get(&m, 0, REG(AM_SDEI_GATE) ^ 1ull << 52, &v), -ENOENT); /* 128 bits */
	assert_int_equal(get(&m, 0, REG(0x7fff), &v), -ENOENT);
	assert_int_equal(set(&m, 0, REG(AM_SDEI_GATE), 2), -EINVAL);
	assert_int_equal(set(&m, 0, REG(AM_SDEI_GATE), 1), 0);
	/* The VM's. */
	assert_int_equal(reg_get(&m, 1, REG(AM_SDEI_GATE)), 1);
	l = list(&m, 1);
	assert_true(count_sdei(l) > 50);
	free(l);
	emit_psci(&m, PSCI_SYSTEM_OFF);
	run_to_off(&m, 0);
	assert_int_equal(set(&m, 0, REG(AM_SDEI_GATE), 0), -EBUSY);
	assert_int_equal(set(&m, 1, REG(AM_SDEI_GATE), 1), 0);
	machine_destroy(&m);

	machine_create(&m, 1, false);
	emit_psci(&m, PSCI_SYSTEM_OFF);
	run_to_off(&m, 0);
	assert_int_equal(set(&m, 0, REG(AM_SDEI_GATE), 1), -EBUSY);
	assert_int_equal(set(&m, 0, REG(AM_SDEI_GATE), 0), 0);
	machine_destroy(&m);
}

/* Whatever is listed can be read, and be set to what was read, in the list's order and any other.
 */
static void whatever_is_listed(void **state)
{
	struct machine m;
	struct kvm_reg_list *l;
	uint64_t v;

	machine_create(&m, 2, false);
	reg_set(&m, 0, REG(AM_SDEI_GATE), 1);
	l = list(&m, 1);
	for (unsigned round = 0; round < 2; round++) {
		for (uint64_t n = 0; n < l->n; n++) {
			uint64_t id = l->reg[round ? l->n - 1 - n : n];

			if (!is_sdei(id))
				continue;
			assert_int_equal(get(&m, 1, id, &v), 0);
			assert_int_equal(set(&m, 1, id, v), 0);
		}
	}
	free(l);
	machine_destroy(&m);
}

/* What never fits is refused at once; what does not fit the rest, when a vCPU runs. */
static void refused_values(void **state)
{
	struct machine m;

	machine_create(&m, 1, false);
	reg_set(&m, 0, REG(AM_SDEI_GATE), 1);
	assert_int_equal(set(&m, 0, REG(AM_SDEI_EVENTS), 0), -EINVAL);
	assert_int_equal(set(&m, 0, REG(AM_SDEI_PE_STATE), 2), -EINVAL);
	assert_int_equal(set(&m, 0, REG(AM_SDEI_REGISTERED), UINT64_C(1) << 63), -EINVAL);
	assert_int_equal(set(&m, 0, REG(AM_SDEI_SLOT_ENTRY(1)), NORMAL + 2), -EINVAL);
	assert_int_equal(set(&m, 0, REG(AM_SDEI_SLOT_EVENT(1)), 0x44), -EINVAL);
	assert_int_equal(set(&m, 0, REG(AM_SDEI_SLOT_ROUTE(1)), AM_SDEI_ROUTE_PE), -EINVAL);
	assert_int_equal(set(&m, 0, REG(AM_SDEI_CONTEXT_PSTATE(0)), 0x3c9), -EINVAL); /* EL2 */
	emit_psci(&m, PSCI_SYSTEM_OFF);
	reg_set(&m, 0, REG(AM_SDEI_ENABLED), 2);
	assert_int_equal(run(&m, 0), -EINVAL);
	assert_int_equal(run(&m, 0), -EINVAL);
	assert_int_equal(pc_get(&m, 0), RAM);
	reg_set(&m, 0, REG(AM_SDEI_REGISTERED), 2);
	assert_int_equal(run(&m, 0), -EINVAL); /* no handler */
	reg_set(&m, 0, REG(AM_SDEI_SLOT_ENTRY(1)), NORMAL);
	run_to_off(&m, 0);
	machine_destroy(&m);
}

/* ---- Moving a machine ---- */

struct saved {
	uint64_t id;
	uint8_t bytes[16];
};

static void move_registers(struct machine *from, struct machine *to)
{
	struct kvm_reg_list *l;
	struct kvm_one_reg r;
	struct kvm_mp_state mp;

	for (unsigned v = 0; v < from->nr; v++) {
		l = list(from, v);
		struct saved *s = calloc(l->n, sizeof(*s));

		assert_non_null(s);
		for (uint64_t n = 0; n < l->n; n++) {
			s[n].id = l->reg[n];
			r = (struct kvm_one_reg){s[n].id, (uintptr_t)s[n].bytes};
			assert_int_equal(kvm_ptr(from->vcpu[v], KVM_GET_ONE_REG, &r), 0);
		}
		for (uint64_t n = 0; n < l->n; n++) {
			r = (struct kvm_one_reg){s[n].id, (uintptr_t)s[n].bytes};
			assert_int_equal(kvm_ptr(to->vcpu[v], KVM_SET_ONE_REG, &r), 0);
		}
		free(s);
		free(l);
		assert_int_equal(kvm_ptr(from->vcpu[v], KVM_GET_MP_STATE, &mp), 0);
		assert_int_equal(kvm_ptr(to->vcpu[v], KVM_SET_MP_STATE, &mp), 0);
	}
}

/* All registers of each vCPU, read by one loop and set by another, into a machine just made. */
static void move(struct machine *from, struct machine *to)
{
	machine_create(to, from->nr, false);
	memcpy(to->ram, from->ram, RAM_SIZE);
	move_registers(from, to);
	machine_destroy(from);
}

#define MAX_STEPS 400

struct history {
	unsigned nr;
	uint64_t pc[MAX_STEPS], pstate[MAX_STEPS], sum[MAX_STEPS];
};

static void record(struct machine *m, struct history *h)
{
	uint64_t sum = 0;

	for (unsigned x = 0; x < 31; x++)
		sum = sum * 31 + x_get(m, 0, x);
	h->pc[h->nr] = pc_get(m, 0);
	h->pstate[h->nr] = reg_get(m, 0, REG_CORE(regs.pstate));
	h->sum[h->nr++] = sum;
}

/* Two events, one critical, whose handlers leave their traces in x24 and x25. */
static void emit_program(struct machine *m)
{
	emit_call(m, REGISTER, AM_SDEI_EVENT_PRIVATE, NORMAL, 1);
	emit_call(m, REGISTER, AM_SDEI_EVENT_PRIVATE_CRITICAL, CRITICAL, 2);
	emit_call(m, ENABLE, AM_SDEI_EVENT_PRIVATE, 0, 0);
	emit_call(m, ENABLE, AM_SDEI_EVENT_PRIVATE_CRITICAL, 0, 0);
	emit_call(m, PE_UNMASK, 0, 0, 0);
	for (unsigned n = 0; n < 24; n++)
		emit(m, A64_ADD_IMM(9, 9, 1));
	emit_psci(m, PSCI_SYSTEM_OFF);
	code_at(m, NORMAL);
	for (unsigned n = 0; n < 8; n++)
		emit(m, A64_ADD_IMM(24, 2, 0));
	emit_call(m, COMPLETE, 0, 0, 0);
	code_at(m, CRITICAL);
	emit(m, A64_ADD_IMM(25, 2, 0));
	emit_call(m, COMPLETE, 0, 0, 0);
}

/*
 * Step by step, with the normal event raised before step @normal and the critical one before
 * @critical; and in another machine after each step if @moving.
 */
static void walk(bool moving, unsigned normal, unsigned critical, struct history *h)
{
	struct kvm_guest_debug d = {.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP};
	struct machine m, next;

	*h = (struct history){0};
	machine_create(&m, 1, false);
	reg_set(&m, 0, REG(AM_SDEI_GATE), 1);
	emit_program(&m);
	for (;;) {
		assert_int_equal(kvm_ptr(m.vcpu[0], KVM_SET_GUEST_DEBUG, &d), 0);
		if (h->nr == normal)
			assert_int_equal(am_sdei_inject(m.vm, AM_SDEI_EVENT_PRIVATE, 0), 0);
		if (h->nr == critical)
			assert_int_equal(am_sdei_inject(m.vm, AM_SDEI_EVENT_PRIVATE_CRITICAL, 0),
					 0);
		assert_int_equal(run(&m, 0), 0);
		assert_true(h->nr < MAX_STEPS);
		record(&m, h);
		if (m.run[0]->exit_reason != KVM_EXIT_DEBUG)
			break;
		if (moving) {
			move(&m, &next);
			m = next;
		}
	}
	assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_SYSTEM_EVENT);
	assert_int_equal(x_get(&m, 0, 9), 24);
	assert_true(x_get(&m, 0, 24) > RAM);
	assert_true(x_get(&m, 0, 25) > RAM);
	machine_destroy(&m);
}

/* The calls of the program's beginning, before which nothing is registered. */
#define BEGINNING 32

/* The machine is another one after each instruction, and goes through the very same states. */
static void moved_after_each_instruction(void **state)
{
	static struct history stayed, moved;

	for (unsigned apart = 0; apart < 16; apart += 5) {
		for (unsigned swap = 0; swap < 2; swap++) {
			unsigned first = BEGINNING + 8, second = first + apart;

			walk(false, swap ? second : first, swap ? first : second, &stayed);
			walk(true, swap ? second : first, swap ? first : second, &moved);
			assert_int_equal(stayed.nr, moved.nr);
			assert_memory_equal(stayed.pc, moved.pc, sizeof(stayed.pc));
			assert_memory_equal(stayed.pstate, moved.pstate, sizeof(stayed.pstate));
			assert_memory_equal(stayed.sum, moved.sum, sizeof(stayed.sum));
		}
	}
}

/* A shared event that is pending while all are masked moves, too, and goes where it is routed. */
static void moved_shared_event(void **state)
{
	struct machine m, n;

	machine_create(&m, 2, false);
	reg_set(&m, 0, REG(AM_SDEI_GATE), 1);
	emit_mov(&m, 1, AM_SDEI_EVENT_SHARED);
	emit_mov(&m, 2, NORMAL);
	emit_mov(&m, 3, 77);
	emit_mov(&m, 4, 1); /* routed to a PE: */
	emit_mov(&m, 5, 1);
	emit_mov(&m, 0, REGISTER);
	emit(&m, A64_HVC);
	emit(&m, A64_MOV(20, 0));
	emit_call(&m, ENABLE, AM_SDEI_EVENT_SHARED, 0, 0);
	emit_psci(&m, PSCI_SYSTEM_OFF);
	code_at(&m, RAM + 0x1000);
	emit_call(&m, PE_UNMASK, 0, 0, 0);
	emit(&m, A64_B_SELF);
	code_at(&m, NORMAL);
	emit(&m, A64_MOV(20, 1));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	run_to_off(&m, 0);
	assert_int_equal(x_get(&m, 0, 20), 0);
	assert_int_equal(am_sdei_inject(m.vm, AM_SDEI_EVENT_SHARED, 1), -EINVAL);
	assert_int_equal(am_sdei_inject(m.vm, AM_SDEI_EVENT_SHARED, AM_SDEI_ANY), 0);
	move(&m, &n);
	struct kvm_mp_state on = {KVM_MP_STATE_RUNNABLE};

	assert_int_equal(kvm_ptr(n.vcpu[1], KVM_SET_MP_STATE, &on), 0);
	pc_set(&n, 1, RAM + 0x1000);
	run_to_off(&n, 1);
	assert_int_equal(x_get(&n, 1, 20), 77);
	machine_destroy(&n);
}

#define SPI 40u

/* What there is to say about SPI 40: enabled, pending, active, its trigger. */
static void move_interrupt(struct machine *from, struct machine *to)
{
	static const uint32_t offsets[] = {0xc08, 0x104, 0x304, 0x204};
	uint32_t v;
	struct kvm_device_attr a = {.group = KVM_DEV_ARM_VGIC_GRP_DIST_REGS, .addr = (uintptr_t)&v};

	for (unsigned n = 0; n < sizeof(offsets) / sizeof(offsets[0]); n++) {
		a.attr = offsets[n];
		assert_int_equal(kvm_ptr(from->gic, KVM_GET_DEVICE_ATTR, &a), 0);
		assert_int_equal(kvm_ptr(to->gic, KVM_SET_DEVICE_ATTR, &a), 0);
	}
}

/* A bound interrupt that is pending: its binding is a register, the rest the GIC's. */
static void moved_bound_interrupt(void **state)
{
	struct kvm_irq_level irq = {.irq = KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT | SPI};
	struct machine m, n;

	for (unsigned gic_first = 0; gic_first < 2; gic_first++) {
		machine_create(&m, 1, true);
		reg_set(&m, 0, REG(AM_SDEI_GATE), 1);
		emit_mov(&m, 9, GICD + 0xc08);
		emit_mov(&m, 8, 2u << SPI % 16 * 2); /* an edge */
		emit(&m, A64_STR_W(8, 9));
		emit_call(&m, FN(0xd), SPI, 0, 0); /* INTERRUPT_BIND */
		emit(&m, A64_MOV(19, 0));
		emit(&m, A64_MOV(1, 19));
		emit_mov(&m, 2, NORMAL);
		emit_mov(&m, 3, 77);
		emit_mov(&m, 0, REGISTER);
		emit(&m, A64_HVC);
		emit(&m, A64_MOV(1, 19));
		emit_mov(&m, 0, ENABLE);
		emit(&m, A64_HVC);
		emit(&m, A64_MOV(20, 0));
		emit_psci(&m, PSCI_SYSTEM_OFF);
		emit_call(&m, PE_UNMASK, 0, 0, 0);
		emit_psci(&m, PSCI_CPU_SUSPEND);
		emit(&m, A64_B_SELF);
		code_at(&m, NORMAL);
		emit(&m, A64_MOV(21, 1));
		emit_psci(&m, PSCI_SYSTEM_OFF);
		run_to_off(&m, 0);
		assert_int_equal(x_get(&m, 0, 20), 0);
		for (unsigned edge = 0; edge < 2; edge++) {
			irq.level = !edge;
			assert_int_equal(kvm_ptr(m.vm, KVM_IRQ_LINE, &irq), 0);
		}
		machine_create(&n, 1, true);
		memcpy(n.ram, m.ram, RAM_SIZE);
		if (gic_first)
			move_interrupt(&m, &n);
		move_registers(&m, &n);
		if (!gic_first)
			move_interrupt(&m, &n);
		machine_destroy(&m);
		struct kvm_mp_state on = {KVM_MP_STATE_RUNNABLE};

		assert_int_equal(kvm_ptr(n.vcpu[0], KVM_SET_MP_STATE, &on), 0);
		run_to_off(&n, 0);
		assert_int_equal(x_get(&n, 0, 21), 77);
		machine_destroy(&n);
	}
}

/* ---- Raising ---- */

static int inject_attr(struct machine *m, struct am_sdei_injection *in)
{
	struct kvm_device_attr a = {
	    .group = AM_SDEI_VM_CTRL, .attr = AM_SDEI_VM_INJECT, .addr = (uintptr_t)in};

	assert_int_equal(kvm_ptr(m->vm, KVM_HAS_DEVICE_ATTR, &a), 0);
	return kvm_ptr(m->vm, KVM_SET_DEVICE_ATTR, &a);
}

static void raising(void **state)
{
	struct am_sdei_injection in = {.event = AM_SDEI_EVENT_PRIVATE, .target = 0};
	struct kvm_device_attr none = {.group = AM_SDEI_VM_CTRL, .attr = 1};
	struct machine m;

	machine_create(&m, 2, false);
	assert_int_equal(inject_attr(&m, &in), -ENODEV);
	reg_set(&m, 0, REG(AM_SDEI_GATE), 1);
	assert_int_equal(kvm_ptr(m.vm, KVM_HAS_DEVICE_ATTR, &none), -ENXIO);
	assert_int_equal(kvm_ptr(m.vm, KVM_SET_DEVICE_ATTR, &none), -ENXIO);
	assert_int_equal(inject_attr(&m, NULL), -EFAULT);
	in.pad = 1;
	assert_int_equal(inject_attr(&m, &in), -EINVAL);
	in.pad = 0;
	in.flags = 1;
	assert_int_equal(inject_attr(&m, &in), -EINVAL);
	in.flags = 0;
	assert_int_equal(inject_attr(&m, &in), -EAGAIN);
	in.target = 2;
	assert_int_equal(inject_attr(&m, &in), -ENXIO);
	in.event = 0x77;
	assert_int_equal(inject_attr(&m, &in), -EINVAL);
	assert_int_equal(am_sdei_inject(m.vm, AM_SDEI_EVENT_BOUND, AM_SDEI_ANY), -EINVAL);
	assert_int_equal(am_sdei_inject(m.kvm, 0, AM_SDEI_ANY), -EBADF);
	assert_int_equal(am_sdei_inject(m.vcpu[0], 0, AM_SDEI_ANY), -EBADF);
	assert_int_equal(am_sdei_inject(0, 0, AM_SDEI_ANY), -EBADF);
	assert_int_equal(am_sdei_inject(-1, 0, AM_SDEI_ANY), -EBADF);
	/* A vCPU is where user space says it is. */
	reg_set(&m, 1, ARM64_SYS_REG(3, 0, 0, 0, 5), 0x80000200);
	in = (struct am_sdei_injection){.event = AM_SDEI_EVENT_PRIVATE, .target = 0x200};
	assert_int_equal(inject_attr(&m, &in), -EAGAIN);
	in.target = 1;
	assert_int_equal(inject_attr(&m, &in), -ENXIO);
	machine_destroy(&m);
}

struct told {
	unsigned times;
	uint64_t vcpu;
	uint32_t event;
	enum am_sdei_status status;
	int vm;
};

static void on_handled(void *opaque, uint64_t vcpu, uint32_t event, enum am_sdei_status status)
{
	struct told *t = opaque;

	t->times++;
	t->vcpu = vcpu;
	t->event = event;
	t->status = status;
	/* The next one may be raised at once. */
	if (t->times == 1)
		assert_int_equal(am_sdei_inject(t->vm, AM_SDEI_EVENT_PRIVATE_CRITICAL, vcpu), 0);
}

static void handled(void **state)
{
	struct kvm_vcpu_init init = {.target = 5, .features = {1u << KVM_ARM_VCPU_PSCI_0_2}};
	struct told told = {0};
	struct machine m;

	machine_create(&m, 1, false);
	reg_set(&m, 0, REG(AM_SDEI_GATE), 1);
	told.vm = m.vm;
	assert_int_equal(am_sdei_on_handled(m.vcpu[0], on_handled, &told), -EBADF);
	assert_int_equal(am_sdei_on_handled(m.vm, on_handled, &told), 0);
	emit_call(&m, REGISTER, AM_SDEI_EVENT_SOFTWARE, NORMAL, 1);
	emit_call(&m, REGISTER, AM_SDEI_EVENT_PRIVATE_CRITICAL, CRITICAL, 2);
	emit_call(&m, ENABLE, AM_SDEI_EVENT_SOFTWARE, 0, 0);
	emit_call(&m, ENABLE, AM_SDEI_EVENT_PRIVATE_CRITICAL, 0, 0);
	emit_call(&m, PE_UNMASK, 0, 0, 0);
	emit_call(&m, FN(0xf), 0, 0, 0); /* SIGNAL */
	emit_call(&m, FN(0xf), 0, 0, 0);
	code_at(&m, NORMAL);
	emit_call(&m, COMPLETE, 1, 0, 0); /* failed */
	code_at(&m, CRITICAL);
	emit_psci(&m, PSCI_SYSTEM_OFF);
	run_to_off(&m, 0);
	assert_int_equal(told.times, 1);
	assert_int_equal(told.vcpu, 0);
	assert_int_equal(told.event, AM_SDEI_EVENT_SOFTWARE);
	assert_int_equal(told.status, AM_SDEI_FAILED);
	assert_int_equal(am_sdei_on_handled(m.vm, NULL, NULL), -EBUSY);
	/* In the critical handler: the reset ends it. */
	assert_int_equal(kvm_ptr(m.vcpu[0], KVM_ARM_VCPU_INIT, &init), 0);
	assert_int_equal(told.times, 2);
	assert_int_equal(told.event, AM_SDEI_EVENT_PRIVATE_CRITICAL);
	assert_int_equal(told.status, AM_SDEI_ABANDONED);
	machine_destroy(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gate),
	    cmocka_unit_test(whatever_is_listed),
	    cmocka_unit_test(refused_values),
	    cmocka_unit_test(moved_after_each_instruction),
	    cmocka_unit_test(moved_shared_event),
	    cmocka_unit_test(moved_bound_interrupt),
	    cmocka_unit_test(raising),
	    cmocka_unit_test(handled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
