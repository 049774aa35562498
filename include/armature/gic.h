/* SPDX-License-Identifier: MIT */
/*
 * A virtual GICv3 or GICv2, behaving as KVM's vGIC does: distributor, redistributors and the ICC_*
 * CPU interface, or distributor and GICC frame. Both are views of one state machine. It has no
 * threads, no files and no libc beyond <string.h>: it takes memory from callbacks and reports
 * through one callback that the interrupt lines of a vCPU changed.
 *
 *     am_gic_create -> am_gic_add_vcpu ... am_gic_set_attr(ADDR ...) in any order
 *     -> am_gic_init -> am_gic_map(bus) -> vCPUs run: am_bus_*, am_gic_icc_*, am_gic_set_spi/ppi
 *
 * Functions return 0 or -errno. The errors are KVM's, in KVM's order; a guest's mistakes are never
 * errors. Unless said otherwise every function may be called from any thread at any time between
 * am_gic_create and am_gic_destroy, and for several controllers at once: nothing is shared between
 * them but which trace points are on. Locks are spun for and held for a few instructions: one for
 * each vCPU (its interface and the interrupts that it is to get) and one for addresses, vCPUs and
 * init. Waiting for a lock never depends on a guest. On bare metal, interrupts whose handlers call
 * these functions are masked around calls.
 *
 * Callbacks are made by the thread that calls a function, before it returns: irq_line_changed and
 * bound_pending with a vCPU's lock held, alloc and free with the configuration's. These must not
 * call back. spi_done, with no lock held, may.
 */
#ifndef ARMATURE_GIC_H
#define ARMATURE_GIC_H

#include <armature/mmio.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AM_GIC_MAX_VCPUS    512 /* of a GICv3; a GICv2 has at most AM_GIC_V2_MAX_VCPUS */
#define AM_GIC_V2_MAX_VCPUS 8
#define AM_GIC_MAX_IRQS	    992 /* SGIs, PPIs and SPIs; the last INTID is 991 */
#define AM_GIC_UNDEF	    UINT64_MAX

/* The lines into a vCPU: virtual IRQ (group 1) and virtual FIQ (group 0). */
#define AM_GIC_IRQ 1u
#define AM_GIC_FIQ 2u

struct am_gic_ops {
	/*
	 * The lines of vCPU @vcpu are now @irq and @fiq. Called only on a change, from whichever
	 * thread caused it, with that vCPU's interrupt lock held, so that the calls for one vCPU
	 * come in order: set an atomic flag, wake the vCPU, and do not call back into the GIC
	 * (am_gic_irq_pending excepted: it takes no lock).
	 */
	void (*irq_line_changed)(void *opaque, unsigned vcpu, bool irq, bool fiq);
	void *(*alloc)(void *opaque, size_t size);
	void (*free)(void *opaque, void *p, size_t size);
	/*
	 * A vCPU has finished (EOI or DIR) the level-sensitive SPI @intid. Called by that vCPU's
	 * thread with no lock held. NULL: nobody wants to know.
	 */
	void (*spi_done)(void *opaque, unsigned intid);
	/*
	 * A bound interrupt (am_gic_bind) has become due: SPI @intid with @vcpu -1, or PPI @intid
	 * of @vcpu. Called with the lock of the vCPU where it lives held, by whichever thread made
	 * it so, am_gic_bind, am_gic_bound_enable and am_gic_bound_end included: set an atomic
	 * flag, wake whoever is to take it, take no lock that is held around calls into the GIC,
	 * and do not call back. NULL: the owner asks by am_gic_bound_state.
	 */
	void (*bound_pending)(void *opaque, int vcpu, unsigned intid);
};

struct am_gic_config {
	/* vCPU numbers are below it; 0 means the version's maximum. */
	unsigned max_vcpus;
	unsigned nr_irqs;  /* as am_gic_set_nr_irqs, or 0: not set yet */
	unsigned ipa_bits; /* frames must lie below 2^ipa_bits; 0 means 40 */
	struct am_gic_ops ops;
	void *opaque;	  /* first argument of every callback */
	unsigned version; /* 2: GICv2; 3 or 0: GICv3 */
};

struct am_gic;

/* 0, -EINVAL (config) or -ENOMEM. */
int am_gic_create(const struct am_gic_config *config, struct am_gic **gic);
/*
 * Takes the frames off their bus, which must still exist, and frees everything. NULL is fine.
 * Nobody may be inside, and no access to the frames under way.
 */
void am_gic_destroy(struct am_gic *gic);

unsigned am_gic_version(const struct am_gic *gic); /* 2 or 3 */

/* ---- life cycle: vCPUs, addresses, init, map ---- */

/*
 * vCPU number @vcpu (KVM's vcpu_id) exists from now on; the order of the calls is the order in
 * which redistributors are placed. @mpidr: MPIDR_EL1, of which Aff3.Aff2.Aff1.Aff0 count. Errors:
 * -EINVAL (number out of range, or its redistributor would fall into the distributor or out of
 * the IPA space), -EEXIST, -EBUSY (after am_gic_init), -ENOMEM.
 */
int am_gic_add_vcpu(struct am_gic *gic, unsigned vcpu, uint64_t mpidr);
/* MPIDR_EL1 was rewritten. SGIs follow at once, SPIs when their GICD_IROUTER is next written. */
int am_gic_set_mpidr(struct am_gic *gic, unsigned vcpu, uint64_t mpidr);
unsigned am_gic_nr_vcpus(const struct am_gic *gic);

/*
 * GRP_ADDR. Order of errors: -EEXIST, -EINVAL (alignment, wrapping), -E2BIG; for regions see
 * GRP_ADDR in am_gic_set_attr.
 */
int am_gic_set_dist_base(struct am_gic *gic, uint64_t ipa);
uint64_t am_gic_dist_base(const struct am_gic *gic); /* or AM_GIC_UNDEF */
/*
 * A GICv2's CPU interface (GICC), one frame that shows each vCPU its own. Errors as above, and
 * -ENODEV for a GICv3. KVM_ARM_SET_DEVICE_ADDR's address types 0 and 1 are am_gic_set_dist_base
 * and this.
 */
int am_gic_set_cpuif_base(struct am_gic *gic, uint64_t ipa);
uint64_t am_gic_cpuif_base(const struct am_gic *gic); /* or AM_GIC_UNDEF */
/*
 * Redistributors are a GICv3's; for a GICv2 the functions that set them return -ENODEV.
 *
 * The legacy region: one run of frames that grows with the number of vCPUs.
 */
int am_gic_set_redist_base(struct am_gic *gic, uint64_t ipa);
/* The base of the first region of either kind, or AM_GIC_UNDEF. */
uint64_t am_gic_redist_base(const struct am_gic *gic);
/* KVM's layout: count[63:52] base[51:16] flags[15:12] index[11:0]. */
int am_gic_add_redist_region(struct am_gic *gic, uint64_t value);
/* *@value's low bits say which; -ENOENT if there is none. */
int am_gic_get_redist_region(const struct am_gic *gic, uint64_t *value);

/* -EINVAL unless a multiple of 32 from 64 to 992; -EBUSY when it is set or the GIC initialised. */
int am_gic_set_nr_irqs(struct am_gic *gic, unsigned nr_irqs);
/* 32 while it is not set; interrupts with INTIDs below it exist. */
unsigned am_gic_nr_irqs(const struct am_gic *gic);

/*
 * CTRL_INIT: fixes the number of interrupts (256 if nobody said) and the vCPUs. Again: 0.
 * -ENOMEM. vCPUs being created at this moment are the caller's business (KVM: -EBUSY).
 */
int am_gic_init(struct am_gic *gic);
/*
 * What KVM does before register attributes and injection: 0 when initialised; a GICv3 otherwise
 * answers -EBUSY, a GICv2 is initialised here. Functions below that need a GIC initialised do it
 * themselves; a caller who has work to do after init calls it first, and sees the change by
 * am_gic_initialized.
 */
int am_gic_lazy_init(struct am_gic *gic);
bool am_gic_initialized(const struct am_gic *gic);

/*
 * What KVM does at the first KVM_RUN: checks that everything is in its place and puts the frames on
 * @bus. -ENXIO: a vCPU has no redistributor, or the distributor no address. -EINVAL: frames overlap
 * or leave the IPA space. -EBUSY: not initialised (a GICv2 is initialised here). -ENOMEM. Frames of
 * other devices may be in the way, as in KVM (am_bus_add_over). Again: 0.
 */
int am_gic_map(struct am_gic *gic, struct am_bus *bus);
bool am_gic_mapped(const struct am_gic *gic);

/*
 * The CPU interface and the private interrupts of a vCPU as after creation; input lines stay as
 * they are. KVM does not do this for PSCI CPU_ON.
 */
int am_gic_reset_vcpu(struct am_gic *gic, unsigned vcpu);

/* ---- interrupts in ---- */

/*
 * The input line of SPI @intid (32 .. nr_irqs-1). Level-sensitive: the line is @level. Edge: a
 * @level of 1 makes the interrupt pending, 0 does nothing. -EINVAL: no such SPI. -EBUSY: not
 * initialised (am_gic_lazy_init).
 */
int am_gic_set_spi(struct am_gic *gic, unsigned intid, bool level);
/* The same for PPI @intid (16..31) of a vCPU. */
int am_gic_set_ppi(struct am_gic *gic, unsigned vcpu, unsigned intid, bool level);

/*
 * From now on a device inside the machine drives that PPI, as KVM's timers do from the first run
 * of a vCPU. -EINVAL: no such PPI.
 */
int am_gic_own_ppi(struct am_gic *gic, unsigned vcpu, unsigned intid);
bool am_gic_ppi_is_owned(const struct am_gic *gic, unsigned vcpu, unsigned intid);

/* ---- bound interrupts ---- */

/*
 * A PPI of one vCPU, or an SPI, can be bound to an owner: firmware that takes it in place of the
 * guest's interrupt handler, as SDEI's INTERRUPT_BIND asks (DEN 0054). A bound interrupt keeps all
 * of its state, its input, its registers, and its place in a save and a restore. But it is never
 * signalled to a CPU interface and never put into a list register. It is *due* while it is pending,
 * enabled and not active; the enable of the distributor, groups and priorities do not count. When
 * it becomes due, ops.bound_pending is called, once until it has been taken or has ceased to be
 * due. The owner then takes and ends it:
 *
 *     am_gic_bound_ack    the latch is consumed, it is active
 *     am_gic_bound_end    it is no longer active; if it is still pending it is due again
 *
 * A guest's EOI or DIR does not end it. Writes to the active and pending registers do what they
 * always do, and the owner sees that by the state.
 *
 * Being bound is the owner's knowledge: it is in no register, and am_gic_reset_vcpu leaves it. Who
 * restores a machine binds again, before or after the registers; what is due then is reported then.
 * @vcpu does not matter for an SPI.
 */
enum am_gic_bound {
	AM_GIC_BOUND_PENDING = 1, /* latch, or line of a level-sensitive interrupt */
	AM_GIC_BOUND_ACTIVE = 2,
	AM_GIC_BOUND_ENABLED = 4,
	AM_GIC_BOUND_DUE = 8,
};

/* -EINVAL: no such PPI or SPI. -EEXIST: it is bound. -EBUSY: not initialised (am_gic_lazy_init). */
int am_gic_bind(struct am_gic *gic, unsigned vcpu, unsigned intid);
/* All below: -EINVAL if it is not bound. Active or pending, it is the guest's again. */
int am_gic_unbind(struct am_gic *gic, unsigned vcpu, unsigned intid);
/* What GICD_ISENABLER and GICD_ICENABLER do. */
int am_gic_bound_enable(struct am_gic *gic, unsigned vcpu, unsigned intid, bool enable);
/* AM_GIC_BOUND_* or-ed. */
int am_gic_bound_state(struct am_gic *gic, unsigned vcpu, unsigned intid);
/* 1, or 0 when it was not due. */
int am_gic_bound_ack(struct am_gic *gic, unsigned vcpu, unsigned intid);
/* 1, or 0 when it was not active. Calls ops.spi_done as a guest's EOI does. */
int am_gic_bound_end(struct am_gic *gic, unsigned vcpu, unsigned intid);

/* ---- the CPU interface ---- */

/*
 * The lines into a vCPU now: AM_GIC_IRQ and AM_GIC_FIQ or-ed. One atomic load, no lock: may be
 * called for each instruction, and inside irq_line_changed.
 */
unsigned am_gic_irq_pending(const struct am_gic *gic, unsigned vcpu);

/* KVM_REG_ARM64_SYSREG's 16 bits. */
#define AM_GIC_SYSREG(op0, op1, crn, crm, op2) \
	((unsigned)((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2)))

/*
 * MRS and MSR of ICC_*_EL1 by the guest. -ENOENT: the instruction is undefined, because there is no
 * such register, because it cannot be read (or written), or because this is a GICv2.
 */
int am_gic_icc_read(struct am_gic *gic, unsigned vcpu, unsigned sysreg, uint64_t *value);
int am_gic_icc_write(struct am_gic *gic, unsigned vcpu, unsigned sysreg, uint64_t value);

/* ---- list registers ---- */

/*
 * For a hypervisor at EL2 whose guests use the hardware's virtual CPU interface instead of the one
 * above. Around each run of a vCPU:
 *
 *     am_gic_lr_fill(gic, vcpu, &s);
 *     write s.lr, s.apr, s.vmcr and s.hcr to the hardware; run the guest; read them back
 *     am_gic_lr_fold(gic, vcpu, &s);
 *
 * From fill to fold the state of the vCPU's interface and of the interrupts in its list registers
 * is the hardware's, and the line of the vCPU means: there is something better than what was left
 * out, so leave the guest, fold and fill. A maintenance interrupt means the same. Meanwhile no
 * ICC_* or GICC access may be made for that vCPU, and who reads or writes active or pending state
 * through registers or attributes has the vCPUs out of their guests first, as KVM has. Injection,
 * SGIs, enables, priorities and routes need no such care.
 */
#define AM_GIC_MAX_LRS 16

struct am_gic_lrs {
	unsigned nr; /* list registers to use, 1..16 (ICH_VTR_EL2.ListRegs + 1); never changes */
	/* ICH_LR<n>_EL2; of a GICv2, GICH_LR<n>. Zero at first, and left to fill and fold. */
	uint64_t lr[AM_GIC_MAX_LRS];
	uint32_t vmcr; /* ICH_VMCR_EL2, GICH_VMCR */
	/*
	 * ICH_HCR_EL2, GICH_HCR: En, and the maintenance interrupts that are needed. EOIcount, as
	 * read back, is what fold uses.
	 */
	uint32_t hcr;
	uint32_t apr[2][4]; /* ICH_AP0R<n>_EL2, ICH_AP1R<n>_EL2; of a GICv2, GICH_APR is [0][0] */
	/* Private: where the latches of interrupts in list registers are. */
	uint16_t carried, aside;
};

/*
 * Takes the vCPU's interface and its most important interrupts into @s. -EINVAL: no such vCPU or
 * number of registers. -EBUSY: already filled, or not initialised.
 */
int am_gic_lr_fill(struct am_gic *gic, unsigned vcpu, struct am_gic_lrs *s);
/* Takes them back, as the guest has left them. -EINVAL: no such vCPU, or it is not filled. */
int am_gic_lr_fold(struct am_gic *gic, unsigned vcpu, struct am_gic_lrs *s);

/* ---- device attributes: user space's view ---- */

enum am_gic_group {
	AM_GIC_GRP_ADDR = 0, /* GICv2: attr 0 DIST, 1 CPU; v3: 2 DIST, 3 REDIST, 5 REDIST_REGION */
	AM_GIC_GRP_DIST_REGS = 1,
	AM_GIC_GRP_CPU_REGS = 2, /* GICv2 */
	AM_GIC_GRP_NR_IRQS = 3,
	AM_GIC_GRP_CTRL = 4,	    /* attr 0 INIT; v3: 3 SAVE_PENDING_TABLES */
	AM_GIC_GRP_REDIST_REGS = 5, /* this and all below: GICv3 */
	AM_GIC_GRP_CPU_SYSREGS = 6,
	AM_GIC_GRP_LEVEL_INFO = 7,
};

/*
 * KVM_{GET,SET,HAS}_DEVICE_ATTR of a VGIC_V3 or VGIC_V2 device, whichever this GIC is, with the
 * attribute encodings and errors of the kernel's documents, except what needs the caller: -EFAULT,
 * and -EBUSY because a vCPU is busy. KVM's order is: am_gic_attr_check, then for SET the value's
 * pointer (-EFAULT), then for groups with am_gic_attr_stops_vcpus the vCPUs (-EBUSY), then the
 * access, then for GET the pointer. GET of GRP_ADDR REDIST_REGION reads the value first, for the
 * index in it.
 *
 * Values of 32-bit attributes use the low half.
 */
int am_gic_get_attr(struct am_gic *gic, uint32_t group, uint64_t attr, uint64_t *value);
int am_gic_set_attr(struct am_gic *gic, uint32_t group, uint64_t attr, uint64_t value);
int am_gic_has_attr(struct am_gic *gic, uint32_t group, uint64_t attr);

/* -ENXIO: no such group or attribute; -EINVAL: no vCPU with the affinity (v2: number) in @attr. */
int am_gic_attr_check(struct am_gic *gic, uint32_t group, uint64_t attr, bool set);
/* How many bytes the attribute's value has at attr.addr: 8, 4, or 0 (GRP_CTRL). */
unsigned am_gic_attr_size(uint32_t group, uint64_t attr);
/* Does KVM stop (try-lock) every vCPU for it? */
bool am_gic_attr_stops_vcpus(uint32_t group, uint64_t attr);

#ifdef __cplusplus
}
#endif

#endif
