/* SPDX-License-Identifier: MIT */
/*
 * libarmature-gic in an emulator: the controller also is the CPU interface. The emulator sends a
 * guest's loads and stores to the bus and its ICC_* accesses to am_gic_icc_*, and is told when the
 * interrupt line of a vCPU changes.
 *
 * The guest here is a list of the accesses that a guest would make: it enables a level-sensitive
 * device interrupt on vCPU 0, handles it, and lets vCPU 1 know by an SGI. Build it with
 *
 *     cc gic-embed-software.c $(pkg-config --cflags --libs armature-gic)
 */
#include <armature/gic.h>
#include <stdio.h>
#include <stdlib.h>

#define GICD_BASE UINT64_C(0x08000000)
#define GICR_BASE UINT64_C(0x080a0000)
#define DEVICE	  40u /* its SPI */

#define ICC_PMR_EL1	AM_GIC_SYSREG(3u, 0u, 4u, 6u, 0u)
#define ICC_IAR1_EL1	AM_GIC_SYSREG(3u, 0u, 12u, 12u, 0u)
#define ICC_EOIR1_EL1	AM_GIC_SYSREG(3u, 0u, 12u, 12u, 1u)
#define ICC_SGI1R_EL1	AM_GIC_SYSREG(3u, 0u, 12u, 11u, 5u)
#define ICC_IGRPEN1_EL1 AM_GIC_SYSREG(3u, 0u, 12u, 12u, 7u)

struct machine {
	struct am_gic *gic;
	struct am_bus *bus;
	int device_wants; /* requests that the device has not been served yet */
};

/* ---- what the controller needs ---- */

static void *machine_alloc(void *opaque, size_t size)
{
	return malloc(size);
}

static void machine_free(void *opaque, void *p, size_t size)
{
	free(p);
}

/* An emulator with threads would wake the vCPU's thread here. */
static void machine_line(void *opaque, unsigned vcpu, bool irq, bool fiq)
{
	printf("line: vCPU %u IRQ %d FIQ %d\n", vcpu, irq, fiq);
}

/* The guest is through with a level-sensitive interrupt: does its device want more? */
static void machine_done(void *opaque, unsigned intid)
{
	struct machine *m = opaque;

	printf("done: SPI %u\n", intid);
	am_gic_set_spi(m->gic, intid, m->device_wants > 0);
}

static int machine_init(struct machine *m, unsigned nr_cpus)
{
	struct am_alloc alloc = {.alloc = machine_alloc, .free = machine_free};
	struct am_gic_config config = {
	    .nr_irqs = 64,
	    .ops = {.irq_line_changed = machine_line,
		    .alloc = machine_alloc,
		    .free = machine_free,
		    .spi_done = machine_done},
	    .opaque = m,
	};
	int err = am_bus_create(&alloc, &m->bus);

	if (!err)
		err = am_gic_create(&config, &m->gic);
	for (unsigned i = 0; i < nr_cpus && !err; i++)
		err = am_gic_add_vcpu(m->gic, i, i); /* MPIDR_EL1.Aff0 */
	if (!err)
		err = am_gic_set_dist_base(m->gic, GICD_BASE);
	if (!err)
		err = am_gic_set_redist_base(m->gic, GICR_BASE);
	if (!err)
		err = am_gic_init(m->gic);
	return err ? err : am_gic_map(m->gic, m->bus);
}

/* ---- what the emulated instructions of the guest come down to ---- */

static void store(struct machine *m, unsigned vcpu, uint64_t ipa, uint32_t value)
{
	if (am_bus_write(m->bus, vcpu, ipa, 4, value))
		printf("no device at 0x%llx\n", (unsigned long long)ipa);
}

static void msr(struct machine *m, unsigned vcpu, unsigned sysreg, uint64_t value)
{
	if (am_gic_icc_write(m->gic, vcpu, sysreg, value))
		printf("undefined instruction\n");
}

static uint64_t mrs(struct machine *m, unsigned vcpu, unsigned sysreg)
{
	uint64_t value = 0;

	if (am_gic_icc_read(m->gic, vcpu, sysreg, &value))
		printf("undefined instruction\n");
	return value;
}

static void guest_setup(struct machine *m, unsigned vcpu)
{
	msr(m, vcpu, ICC_PMR_EL1, 0xf0);
	msr(m, vcpu, ICC_IGRPEN1_EL1, 1);
}

/* The guest's handler of interrupts, entered because the line is high. */
static void guest_irq(struct machine *m, unsigned vcpu)
{
	uint64_t intid = mrs(m, vcpu, ICC_IAR1_EL1);

	printf("vCPU %u: takes %u\n", vcpu, (unsigned)intid);
	if (intid == DEVICE) {
		m->device_wants--;					 /* serves it */
		msr(m, vcpu, ICC_SGI1R_EL1, UINT64_C(3) << 24 | 1 << 1); /* SGI 3 to vCPU 1 */
	}
	msr(m, vcpu, ICC_EOIR1_EL1, intid);
}

/* In front of each instruction an emulator looks at the line of its vCPU; it is one load. */
static void run(struct machine *m, unsigned nr_cpus)
{
	for (unsigned i = 0; i < nr_cpus; i++)
		while (am_gic_irq_pending(m->gic, i) & AM_GIC_IRQ)
			guest_irq(m, i);
}

int main(void)
{
	struct machine m = {0};

	if (machine_init(&m, 2)) {
		fprintf(stderr, "cannot make a machine\n");
		return 1;
	}
	store(&m, 0, GICD_BASE, 2);			      /* GICD_CTLR.EnableGrp1 */
	store(&m, 0, GICD_BASE + 0xc00 + DEVICE / 16 * 4, 0); /* GICD_ICFGR: level */
	store(&m, 0, GICD_BASE + 0x100 + DEVICE / 32 * 4, 1u << DEVICE % 32); /* ISENABLER */
	guest_setup(&m, 0);
	guest_setup(&m, 1);

	m.device_wants = 2;
	am_gic_set_spi(m.gic, DEVICE, true);
	run(&m, 2);

	am_gic_destroy(m.gic);
	am_bus_destroy(m.bus);
	return 0;
}
