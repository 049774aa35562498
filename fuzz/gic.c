/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the interrupt controller alone, through everything that gic.h and mmio.h declare. An
 * input is a program of calls with any arguments, on a machine that is mostly a working one. What
 * must hold whatever happens: no memory is leaked, lines are reported when they change and only
 * then, an allocation that fails is an errno, and what was saved reads the same after restoring.
 */
#include <armature/gic.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "gic-state.h"
#include "input.h"

struct fuzz_count fuzz_count;

static struct machine m;

static void count(int err)
{
	if (err)
		fuzz_count.bad++;
	else
		fuzz_count.good++;
}

/* ---- Arguments ---- */

static unsigned some_vcpu(void)
{
	unsigned n = byte();

	if (n >= 250)
		return n == 250 ? 511 : n == 251 ? 512 : (unsigned)word();
	return m.nr_cpus ? m.id[n % m.nr_cpus] : n;
}

static unsigned some_intid(void)
{
	unsigned n = byte();

	if (n < 200)
		return n % 80;
	return n < 230 ? 960 + n % 64 : word();
}

static uint64_t some_mpidr(void)
{
	return byte() % 4 ? fuzz_mpidr(byte()) : number();
}

static uint32_t some_offset(bool redist)
{
	static const uint16_t blocks[] = {0,	 0x80,	0x100, 0x180, 0x200, 0x280,
					  0x300, 0x380, 0x400, 0x800, 0xc00, 0xd00,
					  0xe00, 0xf00, 0xf10, 0xf20, 0x70,  0x6100};
	unsigned n = byte();

	if (n < 160)
		return blocks[n % 18] + (redist && n & 1 ? 0x10000 : 0) + byte() % 16;
	if (n < 200)
		return blocks[n % 18] + byte() * 4;
	if (n < 220)
		return 0xffd0 + byte() % 48;
	return n < 240 ? 0x6000 + word() % 0x2000 : word() % 0x20004;
}

static uint64_t some_address(void)
{
	static const uint8_t gicc[] = {0x00, 0x04, 0x08, 0x0c, 0x0c, 0x10, 0x10, 0x14,
				       0x18, 0x1c, 0x20, 0x24, 0x28, 0xd0, 0xe0, 0xfc};
	unsigned n = byte();

	if (n < 8)
		return number();
	if (n < 96)
		return FUZZ_DIST + some_offset(false) % 0x10004;
	if (m.version == 3)
		return FUZZ_REDIST + n % (m.nr_cpus + 1) * UINT64_C(0x20000) + some_offset(true);
	if (n < 112)
		return FUZZ_CPUIF + some_offset(false) % 0x2004;
	return FUZZ_CPUIF + (n < 120 ? 0x1000 : gicc[n % 16]);
}

static unsigned some_sysreg(void)
{
	static const uint8_t rows[] = {8, 8, 12, 12, 9, 11};
	unsigned n = byte();

	if (n == 255)
		return word();
	if (n % 16 == 0)
		return AM_GIC_SYSREG(3u, 0u, 4u, 6u, 0u);
	return AM_GIC_SYSREG(3u, 0u, 12u, rows[n % 6], n / 6 % 8);
}

static uint64_t some_attr(uint32_t group)
{
	unsigned n = byte(), cpu = m.nr_cpus ? n % m.nr_cpus : 0;
	uint64_t affinity = n < 240 ? fuzz_cpu_attr(&m, cpu) : (uint64_t)byte() << 32;

	switch (group) {
	case AM_GIC_GRP_DIST_REGS:
	case AM_GIC_GRP_CPU_REGS:
	case AM_GIC_GRP_REDIST_REGS:
		return affinity | some_offset(group == AM_GIC_GRP_REDIST_REGS);
	case AM_GIC_GRP_CPU_SYSREGS:
		return affinity | some_sysreg();
	case AM_GIC_GRP_LEVEL_INFO:
		return affinity | (byte() % 8 ? byte() % 32 * 32 : word() & 0xffff);
	case AM_GIC_GRP_ADDR:
	case AM_GIC_GRP_CTRL:
		return byte() % 8;
	default:
		return number();
	}
}

static uint64_t some_attr_value(uint32_t group)
{
	static const uint64_t iidr[] = {0x4b00243b, 0x4b00343b};

	switch (byte() % 4) {
	case 0:
		return number();
	case 1:
		return group == AM_GIC_GRP_ADDR ? UINT64_C(0x1000) * word() : iidr[byte() & 1];
	default:
		if (group == AM_GIC_GRP_NR_IRQS)
			return byte() * 32;
		if (group == AM_GIC_GRP_ADDR)
			return (uint64_t)(byte() % 8) << 52 |
			       (FUZZ_REDIST + byte() % 32 * UINT64_C(0x20000)) | byte() % 4;
		return word();
	}
}

/* ---- Calls ---- */

static uint32_t some_group(void)
{
	static const uint8_t v2[] = {AM_GIC_GRP_DIST_REGS, AM_GIC_GRP_CPU_REGS};
	static const uint8_t v3[] = {AM_GIC_GRP_DIST_REGS, AM_GIC_GRP_REDIST_REGS,
				     AM_GIC_GRP_CPU_SYSREGS, AM_GIC_GRP_LEVEL_INFO};
	unsigned n = byte();

	if (n == 255)
		return word();
	if (n % 8 == 0)
		return n / 8 % 9;
	return m.version == 2 ? v2[n % 2] : v3[n / 8 % 4];
}

static void attribute(void)
{
	uint32_t group = some_group();
	uint64_t attr = byte() % 8 ? some_attr(group) : number(), v = some_attr_value(group);

	switch (byte() % 4) {
	case 0:
		count(am_gic_get_attr(m.gic, group, attr, &v));
		break;
	case 1:
		count(am_gic_has_attr(m.gic, group, attr));
		am_gic_attr_size(group, attr);
		am_gic_attr_stops_vcpus(group, attr);
		am_gic_attr_check(m.gic, group, attr, byte() & 1);
		break;
	default:
		count(am_gic_set_attr(m.gic, group, attr, v));
	}
}

static void memory_access(void)
{
	static const uint8_t lens[] = {1, 2, 4, 8, 4, 4, 4, 8};
	unsigned vcpu = byte() % 16 ? some_vcpu() : word(), n = byte();
	uint64_t at = some_address(), v = 0;
	unsigned len = n >= 250 ? n : lens[n % 8];

	if (n & 8) {
		count(am_bus_read(m.bus, vcpu, at, len, &v));
	} else {
		v = number();
		count(am_bus_write(m.bus, vcpu, at, len, v));
	}
}

static void system_register(void)
{
	unsigned vcpu = some_vcpu(), reg = some_sysreg();
	uint64_t v = 0;

	/* Rows 8 and 12 begin with what is read, IAR, and what is written, EOIR. */
	if (reg % 4 == 0 || byte() % 2) {
		count(am_gic_icc_read(m.gic, vcpu, reg, &v));
	} else {
		v = number();
		count(am_gic_icc_write(m.gic, vcpu, reg, v));
	}
}

/* Takes what is signalled, and finishes it or not. */
static void serve(void)
{
	unsigned vcpu = some_vcpu(), lines = am_gic_irq_pending(m.gic, vcpu);
	unsigned iar = AM_GIC_SYSREG(3u, 0u, 12u, lines == AM_GIC_FIQ ? 8u : 12u, 0u);
	uint64_t intid = 1023;

	if (m.version == 2)
		count(am_bus_read(m.bus, vcpu, FUZZ_CPUIF + 0x0c, 4, &intid));
	else
		count(am_gic_icc_read(m.gic, vcpu, iar, &intid));
	if (byte() % 2)
		return;
	if (m.version == 2)
		count(am_bus_write(m.bus, vcpu, FUZZ_CPUIF + 0x10, 4, intid));
	else
		count(am_gic_icc_write(m.gic, vcpu, iar + 1, intid));
}

static void inject(void)
{
	unsigned intid = some_intid(), kind = byte();

	if (kind & 2)
		count(am_gic_set_spi(m.gic, intid, kind & 1));
	else
		count(am_gic_set_ppi(m.gic, some_vcpu(), intid, kind & 1));
}

/* The owner of bound interrupts. */
static void bound(void)
{
	unsigned vcpu = some_vcpu(), intid = some_intid(), how = byte();
	int r;

	switch (how % 8) {
	case 0:
	case 1:
		r = am_gic_bind(m.gic, vcpu, intid);
		break;
	case 2:
		r = am_gic_unbind(m.gic, vcpu, intid);
		break;
	case 3:
		r = am_gic_bound_enable(m.gic, vcpu, intid, how & 8);
		break;
	case 4:
		r = am_gic_bound_end(m.gic, vcpu, intid);
		break;
	default:
		r = am_gic_bound_state(m.gic, vcpu, intid);
		/* Due is pending, enabled and not active, or nothing: an ack says the same. */
		if (r >= 0 && am_gic_bound_ack(m.gic, vcpu, intid) != !!(r & AM_GIC_BOUND_DUE))
			__builtin_trap();
		if (r >= 0 && (r & AM_GIC_BOUND_DUE) &&
		    (r & 7) != (AM_GIC_BOUND_PENDING | AM_GIC_BOUND_ENABLED))
			__builtin_trap();
		r = r < 0 ? r : 0;
	}
	count(r < 0 ? r : 0);
}

/*
 * A guest's stay on hardware: it, and an embedder that is wrong, may leave anything in the
 * registers. Devices go on meanwhile.
 */
static void stay(void)
{
	unsigned n = byte() % FUZZ_MAX_CPUS, changes = byte() % 8;
	struct am_gic_lrs *s = &m.lrs[n];

	if (n >= m.nr_cpus)
		return;
	if (!s->nr)
		s->nr = byte() % 18;
	if (am_gic_lr_fill(m.gic, m.id[n], s))
		return;
	while (changes--) {
		unsigned what = byte();

		if (what < 96)
			s->lr[what % AM_GIC_MAX_LRS] ^= UINT64_C(1) << (58 + what % 6);
		else if (what < 128)
			s->lr[what % AM_GIC_MAX_LRS] = number();
		else if (what < 144)
			s->vmcr = word();
		else if (what < 160)
			s->hcr = word();
		else if (what < 176)
			s->apr[what & 1][what / 2 % 4] = word();
		else if (what < 250)
			inject();
		else
			bound();
	}
	count(am_gic_lr_fold(m.gic, m.id[n], s));
}

static void layout(void)
{
	uint64_t v = number();

	switch (byte() % 8) {
	case 0:
		count(am_gic_set_dist_base(m.gic, byte() % 2 ? FUZZ_DIST : v));
		break;
	case 1:
		count(am_gic_set_redist_base(m.gic, byte() % 2 ? FUZZ_REDIST : v));
		break;
	case 2:
		count(am_gic_set_cpuif_base(m.gic, byte() % 2 ? FUZZ_CPUIF : v));
		break;
	case 3:
		count(am_gic_add_redist_region(m.gic, some_attr_value(AM_GIC_GRP_ADDR)));
		break;
	case 4:
		count(am_gic_get_redist_region(m.gic, &v));
		break;
	case 5:
		count(am_gic_set_nr_irqs(m.gic, byte() % 2 ? byte() * 8 : (unsigned)v));
		break;
	case 6:
		count(am_gic_map(m.gic, m.bus));
		break;
	default:
		count(byte() % 4 ? am_gic_init(m.gic) : am_gic_lazy_init(m.gic));
	}
}

static void vcpus(void)
{
	unsigned id = byte() % 8 ? byte() % 20 : word() % 600;

	switch (byte() % 4) {
	case 0:
		count(fuzz_add_vcpu(&m, id, some_mpidr()));
		break;
	case 1:
		count(am_gic_set_mpidr(m.gic, some_vcpu(), some_mpidr()));
		break;
	case 2:
		count(am_gic_own_ppi(m.gic, some_vcpu(), some_intid()));
		am_gic_ppi_is_owned(m.gic, some_vcpu(), some_intid());
		break;
	default:
		count(am_gic_reset_vcpu(m.gic, some_vcpu()));
	}
}

/* Creation with any configuration; the machine goes on with it if there is one. */
static void create(void)
{
	struct am_gic_config config = {.max_vcpus = byte() % 4 ? 0 : word() % 1024,
				       .nr_irqs = byte() % 4 ? byte() / 16 * 32 : word() % 2048,
				       .ipa_bits = byte() % 4 ? 0 : byte() % 64,
				       .version = byte() % 4 ? byte() % 2 + 2 : byte()};

	count(fuzz_create(&m, &config));
}

/* A machine that works, so that not all of the input goes into making one. */
static void prepare(void)
{
	struct am_gic_config config = {.nr_irqs = 64 + byte() % 4 * 32,
				       .version = byte() % 4 ? 3 : 2};
	unsigned nr = 1 + byte() % (config.version == 2 ? 8 : 4);

	if (fuzz_create(&m, &config))
		return;
	for (unsigned n = 0; n < nr; n++)
		fuzz_add_vcpu(&m, n, fuzz_mpidr(n));
	am_gic_set_dist_base(m.gic, FUZZ_DIST);
	am_gic_set_redist_base(m.gic, FUZZ_REDIST);
	am_gic_set_cpuif_base(m.gic, FUZZ_CPUIF);
	am_gic_init(m.gic);
	if (am_gic_map(m.gic, m.bus))
		return;
	am_bus_write(m.bus, 0, FUZZ_DIST, 4, 3);
	for (unsigned n = 0; n < nr; n++) {
		am_bus_write(m.bus, n, FUZZ_CPUIF, 4, byte() & 0x21f);
		am_bus_write(m.bus, n, FUZZ_CPUIF + 4, 4, 0xff);
		am_gic_icc_write(m.gic, n, AM_GIC_SYSREG(3u, 0u, 4u, 6u, 0u), 0xff);
		am_gic_icc_write(m.gic, n, AM_GIC_SYSREG(3u, 0u, 12u, 12u, 6u), 1);
		am_gic_icc_write(m.gic, n, AM_GIC_SYSREG(3u, 0u, 12u, 12u, 7u), 1);
	}
	for (unsigned n = 1; n < 3; n++)
		am_bus_write(m.bus, 0, FUZZ_DIST + 0x100 + 4 * n, 4, word());
}

static void step(void)
{
	unsigned op = byte();

	if (!m.gic) {
		if (op % 8)
			prepare();
		else
			create();
		return;
	}
	if (op < 70)
		memory_access();
	else if (op < 120 && m.version == 2 && op % 8)
		memory_access();
	else if (op < 120)
		system_register();
	else if (op < 150)
		serve();
	else if (op < 180)
		inject();
	else if (op < 230)
		attribute();
	else if (op < 235)
		layout();
	else if (op < 240)
		stay();
	else if (op < 248)
		vcpus();
	else if (op < 251)
		fuzz_save_and_restore(&m);
	else if (op == 251)
		m.fail_in = 1 + byte() % 8;
	else if (op == 252)
		fuzz_destroy(&m);
	else
		bound();
	fuzz_check_lines(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input_start(data, size);
	fuzz_machine_start(&m);
	while (in.left)
		step();
	fuzz_machine_end(&m);
	return 0;
}
