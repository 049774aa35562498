/* SPDX-License-Identifier: MIT */
/*
 * The Interrupt Translation Service of a GICv3 (IHI 0069 chapter 5), as KVM offers it: it turns a
 * device's message (DeviceID, EventID) into an LPI of a vCPU. Guest memory holds the command queue
 * and, between a save and a restore, the tables; while the machine runs they are cached here.
 *
 * A GIC has any number of ITSes up to AM_ITS_MAX, created at any time, also while vCPUs run; with
 * the first one the GIC has LPIs, and says so in GICD_TYPER and GICR_TYPER.
 *
 * Host memory. An ITS takes at most its config's max_bytes (AM_ITS_DEFAULT_BYTES) for devices,
 * events and collections, and 128 KiB besides; a command for which there is no room has no effect,
 * as in KVM when it has no memory. Memory of what was unmapped is used again, and given back when
 * the ITS is destroyed. LPIs take 20 bytes each, 1.2 MB for all that a GIC can have.
 *
 * Time. One call (a register access, am_its_run) does a bounded amount of work for commands: 65,536
 * simple ones, which is more than fit into a queue, or one that looks at everything that is mapped,
 * whichever is more; some tens of milliseconds in max_bytes of events. What is left is continued by
 * the guest's next access to a register of the ITS, as when it polls GITS_CREADR, or by am_its_run.
 * Saving, resetting and clearing GITS_BASER<n>.Valid take as long as one such command, restoring as
 * long as it takes to make what max_bytes can hold and to pass over 2^27 empty entries of tables;
 * tables with more are refused (-EINVAL).
 *
 * All functions may be called from any thread, except where it says otherwise.
 */
#ifndef ARMATURE_ITS_H
#define ARMATURE_ITS_H

#include <armature/gic.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AM_ITS_MAX	     64
#define AM_ITS_SIZE	     UINT64_C(0x20000) /* of the frame: control, then translation */
#define AM_ITS_TRANSLATER    UINT64_C(0x10040) /* GITS_TRANSLATER's offset: where devices write */
#define AM_ITS_DEFAULT_BYTES ((size_t)32 << 20)

struct am_its;

struct am_its_ops {
	/*
	 * Guest memory at @ipa. False: some of it is not there (or, to write, is read-only); then
	 * nothing need have happened. A write marks the pages dirty in whatever log there is.
	 * Called with locks of the ITS held: they must not call back into the GIC or an ITS, and
	 * must not wait for a vCPU.
	 */
	bool (*read)(void *opaque, uint64_t ipa, void *buf, size_t len);
	bool (*write)(void *opaque, uint64_t ipa, const void *buf, size_t len);
};

struct am_its_config {
	struct am_its_ops
	    ops; /* those of the first ITS also serve the redistributors' LPI tables */
	void *opaque;
	struct am_bus *bus; /* where the frame goes when it has an address, or NULL: nowhere */
	size_t max_bytes;   /* 0: AM_ITS_DEFAULT_BYTES */
};

/*
 * Memory comes from the GIC's callbacks. As in KVM the GIC's GICR_PROPBASER is reset. -EINVAL
 * (config), -ENODEV (a GICv2), -ENOSPC (AM_ITS_MAX), -ENOMEM.
 */
int am_its_create(struct am_gic *gic, const struct am_its_config *config, struct am_its **its);
/*
 * Takes the frame off its bus, which must still exist, unmaps everything, and frees it. NULL is
 * fine. Nobody may be inside: vCPUs are stopped, no MSI is under way. am_gic_destroy does this for
 * the ITSes that are left.
 */
void am_its_destroy(struct am_its *its);

/* Has the GIC had an ITS (KVM_CAP_MSI_DEVID of the VM)? */
bool am_gic_has_its(const struct am_gic *gic);

/* GRP_ADDR: -EEXIST, -EINVAL (alignment), -E2BIG, and -ENOMEM from the bus; in this order. */
int am_its_set_base(struct am_its *its, uint64_t ipa);
uint64_t am_its_base(const struct am_its *its); /* or AM_GIC_UNDEF */

/* Continues with commands that were left. True if some are still left. */
bool am_its_run(struct am_its *its);

/* ---- messages ---- */

/*
 * A device's message, by the ITS that serves it. 1: delivered (the LPI is pending). 0: dropped,
 * because the guest has no such event, or its collection is unmapped. -EBUSY: the ITS is disabled,
 * or the target's redistributor has LPIs disabled. Takes no lock but that of the target vCPU.
 */
int am_its_msi(struct am_its *its, uint32_t devid, uint32_t eventid);

/*
 * KVM_SIGNAL_MSI, MSI routes: the ITS is found by @address, any in its frame. -ENODEV: the GIC has
 * no ITS. -EINVAL: no ITS there, or @has_devid (KVM_MSI_VALID_DEVID) is false. But as in KVM, which
 * looks into its cache of translations first, without @has_devid a message is delivered if the same
 * one was translated before and no command since has emptied the cache. Else as am_its_msi.
 */
int am_gic_msi(struct am_gic *gic, uint64_t address, bool has_devid, uint32_t devid, uint32_t data);

/* ---- device attributes: KVM_DEV_TYPE_ARM_VGIC_ITS ---- */

enum am_its_group {
	AM_ITS_GRP_ADDR = 0, /* attr 4 */
	AM_ITS_GRP_CTRL = 4, /* enum am_its_ctrl */
	AM_ITS_GRP_REGS = 8, /* attr: the offset; values have 64 bits for every register */
};

enum am_its_ctrl {
	AM_ITS_CTRL_INIT = 0, /* does nothing */
	AM_ITS_CTRL_SAVE_TABLES = 1,
	AM_ITS_CTRL_RESTORE_TABLES = 2,
	AM_ITS_CTRL_RESET = 4,
};

/*
 * KVM_{GET,SET,HAS}_DEVICE_ATTR with the kernel's errors, except what needs the caller. The order:
 *
 *     am_its_attr_check         -ENXIO no such group, -ENODEV no such address type
 *     SET: the value's pointer  -EFAULT, if am_its_attr_size is not 0
 *     am_its_attr_check_offset  -EINVAL a misaligned register
 *     the vCPUs                 -EBUSY, if am_its_attr_stops_vcpus
 *     am_its_get_attr, am_its_set_attr
 *     GET: the pointer          -EFAULT
 *
 * The last step checks everything again; it needs the vCPUs stopped where am_its_attr_stops_vcpus
 * says so, and nobody injecting MSIs during RESTORE_TABLES.
 */
int am_its_attr_check(uint32_t group, uint64_t attr, bool set);
int am_its_attr_check_offset(uint32_t group, uint64_t attr);
unsigned am_its_attr_size(uint32_t group, uint64_t attr); /* 8, or 0 (GRP_CTRL) */
bool am_its_attr_stops_vcpus(uint32_t group, uint64_t attr);

int am_its_get_attr(struct am_its *its, uint32_t group, uint64_t attr, uint64_t *value);
int am_its_set_attr(struct am_its *its, uint32_t group, uint64_t attr, uint64_t value);
int am_its_has_attr(struct am_its *its, uint32_t group, uint64_t attr);

/*
 * The same as the attributes of AM_ITS_GRP_CTRL. The tables have KVM's format, revision 0. Saving
 * writes the entries of what there is and no others. It does not fail because of what the guest has
 * done: a device whose entry has no place in the device table any more is left out, and memory that
 * is read-only, or a collection table that is not in memory, is left alone. -EFAULT: memory that
 * was there when the guest mapped an event is gone. Restoring needs the registers in place (all but
 * GITS_CTLR), the GIC's with their GICR_PROPBASER and GICR_PENDBASER, and an empty ITS; tables that
 * make no sense give -EINVAL, -EEXIST or -EFAULT and leave it empty.
 */
int am_its_save_tables(struct am_its *its);
int am_its_restore_tables(struct am_its *its);
void am_its_reset(struct am_its *its);

#ifdef __cplusplus
}
#endif

#endif
