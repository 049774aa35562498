/* SPDX-License-Identifier: MIT */
/*
 * libarmature-gic in a hypervisor at EL2, whose guests use the hardware's virtual CPU interface:
 * the controller is the distributor and the redistributors, and list registers carry interrupts to
 * the guest. Around each run of a vCPU the hypervisor fills them, writes them to the hardware,
 * reads them back and folds them.
 *
 * There is no EL2 here, so hardware and guest are the few lines in the middle; a hypervisor has
 * MSR, MRS and ERET in their place. Build it with
 *
 *     cc gic-embed-lr.c $(pkg-config --cflags --libs armature-gic)
 */
#include <armature/gic.h>
#include <stdio.h>
#include <stdlib.h>

#define GICD_BASE UINT64_C(0x08000000)
#define GICR_BASE UINT64_C(0x080a0000)
#define NR_LRS	  2 /* as ICH_VTR_EL2 says */

#define LR_PENDING (UINT64_C(1) << 62)
#define LR_ACTIVE  (UINT64_C(1) << 63)

struct vm {
	struct am_gic *gic;
	struct am_bus *bus;
	struct am_gic_lrs lrs;
	int kick; /* leave the guest: there is something new for it */
};

static void *vm_alloc(void *opaque, size_t size)
{
	return malloc(size);
}

static void vm_free(void *opaque, void *p, size_t size)
{
	free(p);
}

/* If the vCPU is in its guest now, a hypervisor sends an IPI to its CPU. */
static void vm_line(void *opaque, unsigned vcpu, bool irq, bool fiq)
{
	struct vm *vm = opaque;

	vm->kick = irq || fiq;
}

static int vm_init(struct vm *vm)
{
	struct am_alloc alloc = {.alloc = vm_alloc, .free = vm_free};
	struct am_gic_config config = {
	    .nr_irqs = 64,
	    .ops = {.irq_line_changed = vm_line, .alloc = vm_alloc, .free = vm_free},
	    .opaque = vm,
	};
	int err = am_bus_create(&alloc, &vm->bus);

	if (!err)
		err = am_gic_create(&config, &vm->gic);
	if (!err)
		err = am_gic_add_vcpu(vm->gic, 0, 0);
	if (!err)
		err = am_gic_set_dist_base(vm->gic, GICD_BASE);
	if (!err)
		err = am_gic_set_redist_base(vm->gic, GICR_BASE);
	if (!err)
		err = am_gic_init(vm->gic);
	vm->lrs.nr = NR_LRS;
	return err ? err : am_gic_map(vm->gic, vm->bus);
}

/* ---- the hardware and the guest ---- */

static unsigned lr_priority(uint64_t lr)
{
	return lr >> 48 & 0xff;
}

/* The guest reads ICC_IAR1_EL1: the register with the best pending interrupt, or none. */
static uint64_t *guest_acknowledge(struct am_gic_lrs *s)
{
	uint64_t *best = NULL;

	for (unsigned i = 0; i < s->nr; i++)
		if ((s->lr[i] & (LR_PENDING | LR_ACTIVE)) == LR_PENDING &&
		    (!best || lr_priority(s->lr[i]) < lr_priority(*best)))
			best = &s->lr[i];
	if (best)
		*best ^= LR_PENDING | LR_ACTIVE;
	return best;
}

/*
 * The guest takes what it finds until there is nothing, or until it is interrupted: by the
 * hypervisor's IPI or by the maintenance interrupt that ICH_HCR_EL2.NPIE asks for.
 */
static void guest_run(struct vm *vm, unsigned *spi_during)
{
	uint64_t *lr;

	while (!vm->kick && (lr = guest_acknowledge(&vm->lrs))) {
		printf("  guest takes %u\n", (unsigned)(uint32_t)*lr);
		if (*spi_during) {
			/* A device raises its line on another CPU meanwhile. */
			printf("  device raises %u\n", *spi_during);
			am_gic_set_spi(vm->gic, *spi_during, true);
			*spi_during = 0;
		}
		*lr &= ~LR_ACTIVE; /* ICC_EOIR1_EL1 */
	}
}

/* ---- the hypervisor's run loop ---- */

static void vcpu_run(struct vm *vm, unsigned spi_during)
{
	do {
		am_gic_lr_fill(vm->gic, 0, &vm->lrs);
		printf("enter:");
		for (unsigned i = 0; i < vm->lrs.nr; i++)
			printf(" %u", (unsigned)(uint32_t)vm->lrs.lr[i]);
		printf(", maintenance interrupt %s\n", vm->lrs.hcr & ~1u ? "on" : "off");
		/* ICH_VMCR_EL2, ICH_AP0R0_EL2, ICH_AP1R0_EL2, ICH_LR<n>_EL2, ICH_HCR_EL2; ERET. */
		guest_run(vm, &spi_during);
		/* And back. */
		am_gic_lr_fold(vm->gic, 0, &vm->lrs);
	} while (am_gic_irq_pending(vm->gic, 0));
	printf("idle\n");
}

int main(void)
{
	struct vm vm = {0};

	if (vm_init(&vm)) {
		fprintf(stderr, "cannot make a virtual machine\n");
		return 1;
	}
	/* What the guest's driver does; its accesses to memory trap to the hypervisor. */
	am_bus_write(vm.bus, 0, GICD_BASE, 4, 2);
	am_bus_write(vm.bus, 0, GICD_BASE + 0x104, 4, UINT32_MAX);
	for (unsigned i = 32; i < 64; i++)
		am_bus_write(vm.bus, 0, GICD_BASE + 0x400 + i, 1, 0x80);
	am_bus_write(vm.bus, 0, GICD_BASE + 0x400 + 50, 1, 0x20);
	/*
	 * Its accesses to the CPU interface do not: it writes ICH_VMCR_EL2 while it runs. Here that
	 * is done beforehand.
	 */
	am_gic_icc_write(vm.gic, 0, AM_GIC_SYSREG(3u, 0u, 4u, 6u, 0u), 0xf0);
	am_gic_icc_write(vm.gic, 0, AM_GIC_SYSREG(3u, 0u, 12u, 12u, 7u), 1);

	for (unsigned i = 40; i < 43; i++)
		am_gic_set_spi(vm.gic, i, true);
	vcpu_run(&vm, 50);

	am_gic_destroy(vm.gic);
	am_bus_destroy(vm.bus);
	return 0;
}
