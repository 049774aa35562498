/* SPDX-License-Identifier: MIT */
/*
 * Saving and restoring through KVM's interface, on a stand-in whose registers all have a value of
 * their own: everything arrives in the new VM, in an order that KVM needs, and what stands in the
 * way is reported.
 */
#include "cm.h"

#include <string.h>

#include "fake_kvm.h"
#include "fake_state.h"
#include "vmm/machine.h"
#include "vmm/report.h"
#include "vmm/state.h"

enum { DIST = 1, CPU_REGS = 2, REDIST = 5, SYSREGS = 6, LEVEL = 7 };

static struct machine m;
static struct options opt;

/* A machine of 3 CPUs that has run, with the UART's line high; its state in *@s. */
static void begin(unsigned gic, struct state **s)
{
	opt =
	    (struct options){.kernel = "none", .cpus = 3, .memory = 64u << 20, .gic_version = gic};
	fake_reset_seen();
	fake_nr_writes = 0;
	fake_has_run = true;
	assert_int_equal(machine_init(&m, &opt), 0);
	assert_int_equal(machine_create_vm(&m), 0);
	m.lines.told[LAYOUT_UART_SPI] = true;
	assert_int_equal(state_save(&m, s), 0);
}

static void recreate(void)
{
	fake_has_run = false;
	fake_nr_writes = 0;
	assert_int_equal(machine_recreate_vm(&m), 0);
	fake_nr_writes = 0;
}

static void save(unsigned gic, struct state **s)
{
	begin(gic, s);
	recreate();
}

static void finish(struct state *s)
{
	state_destroy(s);
	machine_finish(&m);
	assert_int_equal(fake_seen.open_fds, 0);
}

static const struct fake_write *find(enum fake_kind kind, unsigned vcpu, uint32_t group,
				     uint64_t name)
{
	for (unsigned n = 0; n < fake_nr_writes; n++) {
		const struct fake_write *w = &fake_writes[n];

		if (w->kind == kind && w->vcpu == vcpu && w->group == group && w->name == name)
			return w;
	}
	return NULL;
}

/* Written once, with what it had in the old VM. */
static const struct fake_write *arrived(uint32_t group, uint64_t attr, uint64_t mask)
{
	const struct fake_write *w = find(FAKE_ATTR, 0, group, attr);

	assert_non_null(w);
	assert_true(w->value == (fake_value(0, group, attr) & mask));
	return w;
}

static uint64_t cpu_attr(unsigned cpu)
{
	return (uint64_t)cpu << 32; /* its affinity */
}

static void vcpus(void **state)
{
	const uint64_t pc = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | 0x40;
	const uint64_t fpsr = KVM_REG_ARM64 | KVM_REG_SIZE_U32 | KVM_REG_ARM_CORE | 0xd4;
	const struct fake_write *w;
	struct state *s;

	save(3, &s);
	assert_int_equal(state_restore(&m, s), 0);
	for (unsigned i = 0; i < 3; i++) {
		w = find(FAKE_REG, i, 0, pc);
		assert_non_null(w);
		assert_true(w->value == fake_value(i, 0, pc));
		w = find(FAKE_REG, i, 0, fpsr);
		assert_non_null(w);
		assert_true(w->value == (uint32_t)fake_value(i, 0, fpsr));
		assert_true(find(FAKE_POWER, i, 0, 0)->value == (uint32_t)fake_value(i, 0, 0));
		assert_true(find(FAKE_EVENTS, i, 0, 0)->value == fake_value(i, 0, 0));
		/* The clocks are the VM's: once, and last of all. */
		w = find(FAKE_REG, i, 0, KVM_REG_ARM_TIMER_CNT);
		if (i) {
			assert_null(w);
			continue;
		}
		assert_ptr_equal(w, &fake_writes[fake_nr_writes - 2]);
		assert_true(w->value == fake_value(0, 0, KVM_REG_ARM_TIMER_CNT));
		assert_ptr_equal(find(FAKE_REG, 0, 0, KVM_REG_ARM_PTIMER_CNT), w + 1);
	}
	finish(s);
}

static void gic_v3(void **state)
{
	/* All of an SPI's: group, configuration, priority, pending, line, route. */
	static const uint32_t spi[] = {0x84,  0xc08,  0xc44,  0x420,  0x51c, 0x204,
				       0x220, 0x6100, 0x6104, 0x68f8, 0x68fc};
	static const uint32_t redist[] = {0x0014,  0x0070,  0x0074,  0x0078,  0x007c,  0x0000,
					  0x10080, 0x10c00, 0x10c04, 0x10400, 0x1041c, 0x10200};
	struct state *s;
	const struct fake_write *w;

	save(3, &s);
	assert_int_equal(state_restore(&m, s), 0);
	for (unsigned i = 0; i < sizeof(spi) / sizeof(spi[0]); i++)
		arrived(DIST, spi[i], UINT32_MAX);
	for (unsigned cpu = 0; cpu < 3; cpu++) {
		for (unsigned i = 0; i < sizeof(redist) / sizeof(redist[0]); i++)
			arrived(REDIST, cpu_attr(cpu) | redist[i], UINT32_MAX);
		arrived(LEVEL, cpu_attr(cpu), UINT32_MAX);
		/* The tables of LPIs before they are enabled. */
		w = arrived(REDIST, cpu_attr(cpu), UINT32_MAX);
		assert_true(w > arrived(REDIST, cpu_attr(cpu) | 0x7c, UINT32_MAX));
		/* CTLR before the active priorities; PMR, BPRs, groups. */
		w = arrived(SYSREGS, cpu_attr(cpu) | 0xc664, UINT64_MAX);
		for (unsigned i = 0; i < 2; i++)
			assert_true(arrived(SYSREGS, cpu_attr(cpu) | (i ? 0xc648 : 0xc644),
					    UINT64_MAX) > w);
		arrived(SYSREGS, cpu_attr(cpu) | 0xc230, UINT64_MAX);
		arrived(SYSREGS, cpu_attr(cpu) | 0xc643, UINT64_MAX);
		arrived(SYSREGS, cpu_attr(cpu) | 0xc663, UINT64_MAX);
		arrived(SYSREGS, cpu_attr(cpu) | 0xc666, UINT64_MAX);
		arrived(SYSREGS, cpu_attr(cpu) | 0xc667, UINT64_MAX);
	}
	/* Lines of the last SPIs. */
	arrived(LEVEL, 32, UINT32_MAX);
	arrived(LEVEL, 256, UINT32_MAX);
	/* Bits that are clear are cleared: enables and active states. */
	for (unsigned i = 0; i < 2; i++) {
		uint64_t set = i ? 0x304 : 0x104;

		w = arrived(DIST, set, UINT32_MAX);
		assert_true(w[-1].group == DIST && w[-1].name == set + 0x80);
		assert_true((w[-1].value ^ w->value) == UINT32_MAX);
	}
	/* The revision first, and the switch last of the distributor's. */
	w = arrived(DIST, 0x008, UINT32_MAX);
	for (unsigned n = 0; n < fake_nr_writes; n++)
		assert_true(fake_writes[n].kind != FAKE_ATTR || &fake_writes[n] >= w);
	w = arrived(DIST, 0x000, UINT32_MAX);
	for (unsigned n = 0; n < fake_nr_writes; n++)
		assert_true(fake_writes[n].kind != FAKE_ATTR || &fake_writes[n] <= w);
	finish(s);
}

static void gic_v2(void **state)
{
	static const uint32_t all[] = {0x008, 0x084, 0xc08, 0xc44, 0x420,
				       0x51c, 0x820, 0x000, 0x208};
	static const uint32_t banked[] = {0x080, 0x400, 0x41c, 0x100, 0x300, 0xf20, 0xf2c};
	static const uint32_t cpu_regs[] = {0x00, 0x04, 0x08, 0x1c, 0xd0, 0xdc};
	const uint64_t pending = fake_value(0, DIST, 0x204);
	const struct fake_write *w;
	struct state *s;
	bool edge;

	save(2, &s);
	assert_int_equal(state_restore(&m, s), 0);
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		arrived(DIST, all[i], UINT32_MAX);
	for (unsigned cpu = 0; cpu < 3; cpu++) {
		for (unsigned i = 0; i < sizeof(banked) / sizeof(banked[0]); i++)
			arrived(DIST, cpu_attr(cpu) | banked[i], UINT32_MAX);
		for (unsigned i = 0; i < sizeof(cpu_regs) / sizeof(cpu_regs[0]); i++)
			arrived(CPU_REGS, cpu_attr(cpu) | cpu_regs[i], UINT32_MAX);
		/* SGIs by sender, PPIs by their lines: not by ISPENDR0. */
		assert_null(find(FAKE_ATTR, 0, DIST, cpu_attr(cpu) | 0x200));
	}
	/* What is pending only because its line is high is not latched, but its line raised. */
	edge = fake_value(0, DIST, 0xc08) >> (2 * LAYOUT_UART_SPI + 1) & 1;
	w = find(FAKE_ATTR, 0, DIST, 0x204);
	assert_non_null(w);
	assert_true(w->value ==
		    (uint32_t)(edge ? pending : pending & ~(UINT64_C(1) << LAYOUT_UART_SPI)));
	assert_int_equal(fake_line(), !edge);
	finish(s);
}

/*
 * Tables are written before the VM goes. In the new one GITS_CBASER is the first register, then all
 * others but GITS_CTLR, the tables, and GITS_CTLR; all after the GIC's own.
 */
static void its(void **state)
{
	static const uint32_t all[] = {0x0004, 0x0080, 0x0088, 0x0090, 0x0100, 0x0108, 0x0110,
				       0x0118, 0x0120, 0x0128, 0x0130, 0x0138, 0x0000};
	const uint64_t pending = KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES;
	const struct fake_write *w, *cbaser, *tables, *ctlr;
	struct state *s;

	begin(3, &s);
	assert_non_null(find(FAKE_ATTR, 0, FAKE_COMMAND, pending));
	assert_non_null(find(FAKE_ITS, 0, FAKE_COMMAND, KVM_DEV_ARM_ITS_SAVE_TABLES));
	recreate();
	assert_int_equal(state_restore(&m, s), 0);
	cbaser = find(FAKE_ITS, 0, 0, 0x0080);
	tables = find(FAKE_ITS, 0, FAKE_COMMAND, KVM_DEV_ARM_ITS_RESTORE_TABLES);
	ctlr = find(FAKE_ITS, 0, 0, 0x0000);
	assert_non_null(tables);
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		w = find(FAKE_ITS, 0, 0, all[i]);
		assert_non_null(w);
		assert_true(w->value == fake_value(0, 0, all[i]));
		assert_true(w == cbaser || w > cbaser);
		assert_true(w == ctlr ? w > tables : w < tables);
	}
	for (w = cbaser; w != &fake_writes[fake_nr_writes]; w++)
		assert_int_not_equal(w->kind, FAKE_ATTR);
	assert_null(find(FAKE_ITS, 0, FAKE_COMMAND, KVM_DEV_ARM_ITS_SAVE_TABLES));
	assert_null(find(FAKE_ATTR, 0, FAKE_COMMAND, pending));
	finish(s);
}

/* A KVM without an ITS, and a GICv2: not a word about it. */
static void no_its(void **state)
{
	struct state *s;

	for (unsigned gic = 2; gic <= 3; gic++) {
		fake_no_its = gic == 3;
		begin(gic, &s);
		for (unsigned n = 0; n < fake_nr_writes; n++)
			assert_true(fake_writes[n].kind != FAKE_ITS &&
				    fake_writes[n].group != FAKE_COMMAND);
		recreate();
		assert_int_equal(state_restore(&m, s), 0);
		for (unsigned n = 0; n < fake_nr_writes; n++)
			assert_true(fake_writes[n].kind != FAKE_ITS);
		assert_false(m.has_its);
		finish(s);
	}

	/* A state with one does not fit in there. */
	fake_no_its = false;
	begin(3, &s);
	m.has_its = false;
	recreate();
	assert_int_equal(state_restore(&m, s), VMM_HOST);
	finish(s);
}

static void registers_that_cannot_be_written(void **state)
{
	struct state *s;

	/* Constants are fine. */
	fake_stubborn = ARM64_SYS_REG(3, 0, 1, 0, 0);
	save(3, &s);
	assert_int_equal(state_restore(&m, s), 0);
	finish(s);
	fake_stubborn = 0;

	/* Others end the run, with their name. */
	save(3, &s);
	fake_stubborn = ARM64_SYS_REG(3, 0, 1, 0, 0);
	assert_int_equal(state_restore(&m, s), VMM_HOST);
	fake_stubborn = 0;
	finish(s);
}

static void other_machines(void **state)
{
	struct state *s;

	save(3, &s);
	machine_destroy_vm(&m);
	opt.cpus = 2;
	assert_int_equal(machine_create_vm(&m), 0);
	assert_int_equal(state_restore(&m, s), VMM_HOST);
	finish(s);
	state_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(vcpus),	      cmocka_unit_test(gic_v3),
	    cmocka_unit_test(gic_v2),	      cmocka_unit_test(registers_that_cannot_be_written),
	    cmocka_unit_test(other_machines), cmocka_unit_test(its),
	    cmocka_unit_test(no_its),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
