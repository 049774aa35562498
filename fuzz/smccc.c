/* SPDX-License-Identifier: MIT */
/*
 * Everything that a guest can say by HVC and SMC: each function id with any arguments, the filter
 * in front, and behind them SDEI with its registers set to anything at any moment, events raised,
 * vCPUs reset and an interrupt controller that answers as it likes.
 *
 * Besides the sanitizers' complaints it is wrong if an answer is none of those there are, and if
 * SDEI's registers, once they passed the check before a run, ever fail it again by what guests do.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "fuzz.h"
#include "fw/fw.h"
#include "fw/sdei.h"
#include "input.h"

enum { CPUS = 4, MAX_REGS = 256 };

struct fuzz_count fuzz_count;

struct cpu {
	struct sdei_pe *pe;
	bool off;
	struct sdei_frame f;
};

static struct {
	struct fw fw;
	struct sdei *s;
	struct cpu cpu[CPUS];
	/* No register was set since they passed the check. */
	bool checked;
} vm;

static void wrong(const char *what)
{
	fprintf(stderr, "%s\n", what);
	abort();
}

/* ---- What surrounds the firmware ---- */

static uint64_t affinity(unsigned n)
{
	return n * UINT64_C(0x100000101) & UINT64_C(0xff00ffffff);
}

static void *find(void *opaque, uint64_t aff)
{
	for (unsigned n = 0; n < CPUS; n++) {
		if (affinity(n) == aff)
			return &vm.cpu[n];
	}
	return NULL;
}

static void *nth(void *opaque, unsigned n, uint64_t *aff)
{
	if (n >= CPUS)
		return NULL;
	*aff = affinity(n);
	return &vm.cpu[n];
}

static bool is_off(void *vcpu)
{
	return ((struct cpu *)vcpu)->off;
}

static bool power_on(void *vcpu, uint64_t pc, uint64_t context)
{
	struct cpu *c = vcpu;
	bool was_off = c->off;

	if (was_off)
		sdei_pe_reset(c->pe);
	c->off = false;
	return was_off;
}

static uint64_t stolen_time(void *vcpu)
{
	return byte() & 1 ? FW_NO_ADDRESS : number();
}

static void stolen_time_begin(void *vcpu)
{
}

static void clocks(void *vcpu, unsigned counter, uint64_t *count, uint64_t *real_ns)
{
	*count = number();
	*real_ns = number();
}

static const struct fw_ops fw_ops = {
    .find = find,
    .nth = nth,
    .is_off = is_off,
    .power_on = power_on,
    .stolen_time = stolen_time,
    .stolen_time_begin = stolen_time_begin,
    .clocks = clocks,
};

static void kick(void *opaque, void *vcpu)
{
}

static void handled(void *opaque, void *vcpu, uint32_t event, enum am_sdei_status status)
{
	if (byte() & 1)
		sdei_raise(vm.s, event, AM_SDEI_ANY);
}

static int irq_usable(void *opaque, unsigned intid)
{
	return intid == 30 ? -EPERM : intid < 200 ? 0 : -EINVAL;
}

static int irq_divert(void *opaque, void *vcpu, unsigned intid, bool on)
{
	sdei_interrupt(vm.s, vcpu ? ((struct cpu *)vcpu)->pe : NULL, intid);
	return intid == 199 ? -EBUSY : 0;
}

static bool irq_says(void *opaque, void *vcpu, unsigned intid)
{
	return byte() & 1;
}

static void irq_end(void *opaque, void *vcpu, unsigned intid)
{
	sdei_interrupt(vm.s, vcpu ? ((struct cpu *)vcpu)->pe : NULL, intid);
}

static const struct sdei_ops sdei_ops = {
    .kick = kick,
    .handled = handled,
    .irq_usable = irq_usable,
    .irq_divert = irq_divert,
    .irq_pending = irq_says,
    .irq_active = irq_says,
    .irq_acknowledge = irq_says,
    .irq_end = irq_end,
};

/* ---- What is asked of it ---- */

static uint64_t an_argument(void)
{
	static const uint32_t known[] = {
	    0,		0x10,	    0x11,	0x12,	    0x13,	0x40000000, 0x40000004,
	    0x40000005, 0x8000,	    0x8000001,	0x80000000, 0x84000000, 0xc4000001, 0xc4000003,
	    0x84000050, 0xc5000020, 0xc5000021, 0x86000000, 0x8600ff01, 0xc4000020, 32,
	    40,		17,	    18,		199,
	};

	switch (byte() % 4) {
	case 0:
		return number();
	case 1:
		return affinity(byte() % CPUS);
	default:
		return known[byte() % AM_ARRAY_SIZE(known)];
	}
}

static uint64_t a_function(void)
{
	static const uint32_t bases[] = {0x80000000, 0x80003ff0, 0x80007ff0, 0x80008000,
					 0x84000000, 0x84000050, 0xc4000000, 0xc4000050,
					 0xc5000020, 0x86000000, 0x8600ff00, 0x95c1ba5e};

	switch (byte() % 8) {
	case 0:
		return number();
	case 1:
		return bases[byte() % AM_ARRAY_SIZE(bases)] + byte() % 32;
	case 2: /* the upper half is not looked at */
		return (uint64_t)word() << 32 | (0xc4000020 + byte() % 32);
	default:
		return 0xc4000020 + byte() % 19;
	}
}

static void call_sdei(struct cpu *c)
{
	struct sdei_frame before = c->f;

	switch (sdei_call(c->pe, &c->f)) {
	case SDEI_RETURN:
		before.x[0] = c->f.x[0];
		if (memcmp(&before, &c->f, sizeof(before)))
			wrong("a call that returns changed more than x0");
		fuzz_count.bad += (int64_t)c->f.x[0] < 0;
		fuzz_count.good += (int64_t)c->f.x[0] >= 0;
		break;
	case SDEI_REPLACE:
		if (c->f.elr_el1 != before.elr_el1 || c->f.spsr_el1 != before.spsr_el1)
			wrong("COMPLETE changed ELR or SPSR");
		fuzz_count.good++;
		break;
	case SDEI_RESUME:
		if (c->f.pc != before.x[1] || c->f.pstate != before.el1_pstate)
			wrong("COMPLETE_AND_RESUME went elsewhere");
		fuzz_count.good++;
		break;
	default:
		wrong("no such result");
	}
}

static void call(struct cpu *c)
{
	struct fw_caller caller = {.fw = &vm.fw,
				   .vcpu = c,
				   .id = (unsigned)(c - vm.cpu),
				   .has_0_2 = byte() % 8,
				   .smc = byte() % 8 == 0};
	uint64_t flags = 0;

	c->f.x[0] = a_function();
	for (unsigned n = 1; n < 6; n++)
		c->f.x[n] = an_argument();
	switch (fw_call(&caller, c->f.x, &flags)) {
	case FW_RETURN:
	case FW_WAIT:
	case FW_SYSTEM_OFF:
	case FW_SYSTEM_RESET:
	case FW_SYSTEM_SUSPEND:
	case FW_FORWARD:
		fuzz_count.good++;
		break;
	case FW_CPU_OFF:
		fuzz_count.good++;
		c->off = true;
		sdei_pe_reset(c->pe);
		break;
	case FW_SDEI:
		call_sdei(c);
		break;
	default:
		wrong("no such action");
	}
}

/* One call towards an event that is delivered; any bytes alone hardly ever make one. */
static void towards_an_event(struct cpu *c)
{
	static const uint32_t events[] = {0, 0x10, 0x11, 0x12, 0x13, 0x40000000, 0x40000004};
	enum { REGISTER = 1, ENABLE, COMPLETE = 5, PE_UNMASK = 12, BIND };
	uint32_t event = events[byte() % AM_ARRAY_SIZE(events)];
	static const uint8_t calls[] = {REGISTER, ENABLE, ENABLE, PE_UNMASK, COMPLETE, BIND};
	unsigned n = byte() % 8;

	if (n >= sizeof(calls)) {
		sdei_raise(vm.s, event, AM_SDEI_ANY);
		sdei_interrupt(vm.s, NULL, 40);
		sdei_interrupt(vm.s, c->pe, 20);
		return;
	}
	c->f.x[0] = 0xc4000020 + calls[n];
	c->f.x[1] = calls[n] != BIND ? event : byte() & 1 ? 20 : 40;
	c->f.x[2] = 0x8000;
	c->f.x[4] = byte() & 1;
	c->f.x[5] = affinity(byte() % CPUS);
	call_sdei(c);
}

static void run(struct cpu *c)
{
	struct sdei_frame before = c->f;
	unsigned n = 0;

	fuzz_count.runs++;
	for (; sdei_due(c->pe) && n < 3; n++) {
		if (sdei_deliver(c->pe, &c->f))
			fuzz_count.exits++;
		else if (memcmp(&before, &c->f, sizeof(before)))
			wrong("nothing was delivered, but registers changed");
		before = c->f;
	}
	c->f.pc = number();
	c->f.pstate = byte() & 1 ? 5 : 0;
	c->f.el1_pstate = 0x3c5;
}

static int host_set(struct cpu *c, unsigned index, uint64_t v)
{
	int err = sdei_set_reg(c->pe, index, v, byte() % 64);

	vm.checked = false;
	fuzz_count.good += !err;
	fuzz_count.bad += !!err;
	return err;
}

static void set_register(struct cpu *c)
{
	uint16_t index[MAX_REGS];
	size_t nr = sdei_reg_list(vm.s, NULL);
	unsigned which;
	uint64_t v;

	if (nr > MAX_REGS)
		wrong("too many registers");
	sdei_reg_list(vm.s, index);
	if (byte() % 16 == 0) {
		host_set(c, (unsigned)number() & 0xffff, number());
		return;
	}
	/* The last few decide most. */
	which = byte() & 1 ? (unsigned)nr - 1 - byte() % (nr > 5 ? 5 : nr) : byte() % nr;
	v = number() & (byte() & 1 ? 0x1fffff : UINT64_MAX);
	if (!host_set(c, index[which], v) && index[which] != AM_SDEI_GATE) {
		uint64_t now = ~v;

		if (sdei_get_reg(c->pe, index[which], &now) || now != v)
			wrong("a register is not what was written");
	}
}

/* What a vCPU's thread does at the start of KVM_RUN. */
static void check(void)
{
	int err = sdei_check(vm.s);

	if (vm.checked && err)
		wrong("a guest made a state that is refused");
	vm.checked = !err;
}

/* Each register takes what it says: then the check has all to look at again. */
static void copy_registers(struct cpu *c)
{
	uint16_t index[MAX_REGS];
	size_t nr = sdei_reg_list(vm.s, index);

	for (size_t n = 0; n < nr; n++) {
		uint64_t v;

		if (sdei_get_reg(c->pe, index[n], &v))
			wrong("a register that is listed is not there");
		if (sdei_set_reg(c->pe, index[n], v, true))
			wrong("a register does not take what it says");
	}
	check();
}

static void setting(void)
{
	static const uint32_t versions[] = {0, FW_PSCI_0_2, FW_PSCI_1_0, FW_PSCI_1_1};
	struct fw_range r = {.first = (uint32_t)number(), .action = byte() % 3};

	switch (byte() % 4) {
	case 0:
		vm.fw.psci_version = versions[byte() % 4];
		break;
	case 1:
		vm.fw.system_suspend = byte() & 1;
		break;
	case 2:
		fw_bitmap_set(&vm.fw, byte() % FW_NR_BITMAPS, number(), false);
		break;
	default:
		r.last = r.first + byte();
		if (r.last >= r.first && vm.fw.filter.nr < 8)
			fw_filter_add(&vm.fw.filter, &r);
	}
}

static void one(void)
{
	struct cpu *c = &vm.cpu[byte() % CPUS];

	switch (byte() % 32) {
	case 0:
		sdei_pe_reset(c->pe);
		break;
	case 1:
		set_register(c);
		break;
	case 2:
		copy_registers(c);
		break;
	case 3:
		setting();
		break;
	case 4:
	case 5:
		sdei_interrupt(vm.s, byte() & 1 ? c->pe : NULL, (unsigned)an_argument());
		break;
	case 6:
	case 7:
	case 8:
		sdei_raise(vm.s, (uint32_t)an_argument(), byte() & 1 ? an_argument() : AM_SDEI_ANY);
		break;
	case 9:
		check();
		break;
	case 10:
	case 11:
	case 12:
	case 13:
		run(c);
		break;
	case 14:
	case 15:
	case 16:
	case 17:
	case 18:
	case 19:
	case 20:
	case 21:
		towards_an_event(c);
		break;
	default:
		call(c);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input_start(data, size);
	memset(&vm, 0, sizeof(vm));
	vm.fw.ops = &fw_ops;
	if (sdei_create(&sdei_ops, NULL, &vm.s))
		return 0;
	vm.fw.sdei = vm.s;
	for (unsigned n = 0; n < CPUS; n++) {
		if (sdei_pe_create(vm.s, &vm.cpu[n], n, affinity(n), &vm.cpu[n].pe))
			wrong("no memory");
	}
	if (byte() % 16)
		sdei_set_reg(vm.cpu[0].pe, AM_SDEI_GATE, 1, false);
	vm.checked = true;
	while (in.left)
		one();
	for (unsigned n = 0; n < CPUS; n++)
		sdei_pe_destroy(vm.cpu[n].pe);
	sdei_destroy(vm.s);
	fw_filter_finish(&vm.fw.filter);
	return 0;
}
