/* SPDX-License-Identifier: MIT */
/*
 * The MMIO bus and the register-row framework.
 *
 * A *frame* is a range of guest physical addresses (IPA) that one device answers: a distributor, a
 * redistributor, an ITS. A *bus* finds the frame of an address. A frame's registers are *rows* of a
 * table, and the dispatcher is the only place that knows of widths, alignment, halves of 64-bit
 * registers, byte order and unknown offsets: a handler takes and returns a register's value, or one
 * interrupt's field of it, and never sees an address or a byte buffer. The same row serves guest
 * accesses, user-space (device attribute) accesses, HAS_ATTR, reset, save, restore and the tests.
 *
 * Values are the registers' own: the GIC's registers are little-endian whatever the guest's byte
 * order is, so a caller that holds the bytes of a guest access uses the _bytes functions or
 * converts little-endian bytes itself.
 *
 * Nothing here needs a libc beyond <string.h>; memory comes from callbacks.
 */
#ifndef ARMATURE_MMIO_H
#define ARMATURE_MMIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where memory comes from. alloc returns NULL when there is none; it need not clear the memory. */
struct am_alloc {
	void *(*alloc)(void *opaque, size_t size);
	void (*free)(void *opaque, void *p, size_t size);
	void *opaque;
};

/* ---- frames and the bus ---- */

struct am_frame;

struct am_frame_ops {
	/* @offset + @len <= the frame's size; @len is 1, 2, 4 or 8. */
	uint64_t (*read)(struct am_frame *frame, unsigned vcpu, uint32_t offset, unsigned len);
	void (*write)(struct am_frame *frame, unsigned vcpu, uint32_t offset, unsigned len,
		      uint64_t value);
};

/* Embedded in a device. Owned by the device, and unchanged while it is on a bus. */
struct am_frame {
	const struct am_frame_ops *ops;
	const char *name;
	uint32_t size; /* bytes, not 0 */
};

struct am_bus;

/* 0, -EINVAL or -ENOMEM. */
int am_bus_create(const struct am_alloc *alloc, struct am_bus **bus);
/* No access may be under way. The frames are their owners' and are not touched. */
void am_bus_destroy(struct am_bus *bus);

/*
 * Puts @frame at [@ipa, @ipa + size). Any thread, also while others look addresses up. 0, or
 * -EINVAL (empty, or wraps), -EEXIST (overlaps a frame), -ENOMEM.
 */
int am_bus_add(struct am_bus *bus, uint64_t ipa, struct am_frame *frame);
/*
 * The same, but frames may be in the way, as for KVM's devices: of several that hold an access the
 * one that begins lowest answers, and of those that begin together the first. Lookups take a lock
 * and are slower on a bus where this has happened.
 */
int am_bus_add_over(struct am_bus *bus, uint64_t ipa, struct am_frame *frame);

/*
 * Takes @frame off again; unknown frames are ignored. Lookups that began earlier may still reach
 * the frame: the caller lets them finish before it frees the frame.
 */
void am_bus_remove(struct am_bus *bus, struct am_frame *frame);

/*
 * The frame that holds all of [@ipa, @ipa + @len), or NULL; *@offset is then where in it. Takes no
 * lock (but see am_bus_add_over); the cost does not depend on the number of frames.
 */
struct am_frame *am_bus_find(struct am_bus *bus, uint64_t ipa, unsigned len, uint32_t *offset);

/*
 * A guest access of @len (1, 2, 4, 8) bytes by vCPU number @vcpu. 0 when a frame took it (whatever
 * it did with it), -ENOENT when no frame is there: the access is then somebody else's
 * (KVM_EXIT_MMIO).
 */
int am_bus_read(struct am_bus *bus, unsigned vcpu, uint64_t ipa, unsigned len, uint64_t *value);
int am_bus_write(struct am_bus *bus, unsigned vcpu, uint64_t ipa, unsigned len, uint64_t value);

/* The same with the bytes as they are on the bus (as in struct kvm_run's mmio.data). */
int am_bus_read_bytes(struct am_bus *bus, unsigned vcpu, uint64_t ipa, unsigned len, void *data);
int am_bus_write_bytes(struct am_bus *bus, unsigned vcpu, uint64_t ipa, unsigned len,
		       const void *data);

/* ---- register rows ---- */

/* Who asks, and for which device. */
struct am_access {
	void *dev;     /* the frame's device */
	unsigned vcpu; /* the vCPU that makes a guest access, or that user space names */
	bool user;     /* through a device attribute, the guest being stopped */
};

/*
 * @n is the INTID for a row with bits per interrupt, else the number of the register in its row.
 * Fields of 8 and 64 bits are asked for one by one; values and masks are the field's. Fields of 1
 * and 2 bits are asked for a word of 32 bits at a time: @n is then the INTID of the first.
 * For a setter, only the bits of @mask are written: fewer than the register has when a half of a
 * 64-bit register is written, and never a read-only bit. @value has no bit outside @mask.
 */
typedef uint64_t am_reg_get(const struct am_access *a, unsigned n);
typedef void am_reg_set(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask);
/* User space may be told that it is wrong: 0 or -errno. */
typedef int am_reg_user_set(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask);

/* Widths an access may have. Their values are the widths. */
#define AM_REG_8  1
#define AM_REG_32 4
#define AM_REG_64 8

enum am_reg_flag {
	AM_REG_ALIAS = 1,     /* another view of a row that is saved (ICENABLER of ISENABLER) */
	AM_REG_COMPUTED = 2,  /* what it reads depends on the configuration: no constant reset */
	AM_REG_W1 = 4,	      /* writing 0 does nothing: only ones reach the setter */
	AM_REG_RESERVED = 8,  /* a hole; reads 0, HAS_ATTR says there is nothing */
	AM_REG_WO = 16,	      /* reads as 0 by definition */
	AM_REG_RESTORE1 = 32, /* restore writes all ones here before the row it is an alias of */
	AM_REG_GUEST = 64,    /* the guest's alone: for user space there is nothing here */
};

struct am_reg_row {
	const char *name;
	const char *section; /* of the specification */
	uint32_t offset;     /* in the frame, bytes */
	uint32_t length;     /* bytes; several registers may share a row */
	uint8_t widths; /* AM_REG_* or-ed; a row with AM_REG_64 has 64-bit registers, else 32 */
	uint8_t bits;	/* per interrupt: 1, 2, 8, 64; 0 for a register of its own */
	uint8_t flags;
	uint8_t order;	/* of saving and restoring, from 1; 0: not saved */
	uint16_t first; /* INTID of the first field */
	uint64_t reset; /* of a register, or of one interrupt's field */
	uint64_t ro;	/* bits that writes never change, of a register or a field */
	const char
	    *constant; /* why it always reads as its reset value and ignores writes, or NULL */
	am_reg_get *get;
	am_reg_set *set;
	am_reg_get *user_get; /* where user space's view differs from the guest's */
	am_reg_user_set *user_set;
};

struct am_reg_table {
	const char *name;
	const struct am_reg_row *rows;
	unsigned nr_rows;
	uint32_t size; /* of the frame; the rows cover it without a gap */
};

/*
 * Finds the row of an offset with one load: one byte for each 32-bit word of the frame.
 * Built once into memory of am_reg_index_size() bytes, and read only from then on.
 */
static inline size_t am_reg_index_size(const struct am_reg_table *table)
{
	return table->size / 4;
}
void am_reg_index_build(const struct am_reg_table *table, uint8_t *index);

/*
 * Proves a table fit for the dispatcher: sorted, disjoint, covering; widths, bits, masks and
 * handlers consistent; every row constant, or with a reset and a way to be saved. NULL, or what is
 * wrong, with *@row set to the first bad row.
 */
const char *am_reg_table_check(const struct am_reg_table *table, unsigned *row);

/* A frame whose registers are a table's. */
struct am_reg_frame {
	struct am_frame frame; /* first */
	const struct am_reg_row *rows;
	const uint8_t *index;
	void *dev;
	unsigned nr_irqs; /* fields of interrupts from this INTID on are RAZ/WI */
};

void am_reg_frame_init(struct am_reg_frame *f, const struct am_reg_table *table,
		       const uint8_t *index, void *dev, unsigned nr_irqs);

/*
 * A guest access. What is misaligned, has no such width, lies in a hole or belongs to an interrupt
 * that does not exist reads as 0 and ignores writes, as in KVM.
 */
uint64_t am_reg_read(const struct am_reg_frame *f, unsigned vcpu, uint32_t offset, unsigned len);
void am_reg_write(const struct am_reg_frame *f, unsigned vcpu, uint32_t offset, unsigned len,
		  uint64_t value);

/*
 * User space's access through a device attribute, always of 32 bits, to the registers of the
 * frame that @vcpu sees; offsets without a register read as 0, ignore writes and succeed. Setting
 * returns what the row's user_set says.
 */
int am_reg_user_read(const struct am_reg_frame *f, unsigned vcpu, uint32_t offset, uint32_t *value);
int am_reg_user_write(const struct am_reg_frame *f, unsigned vcpu, uint32_t offset, uint32_t value);
/* Is there a register that 32-bit accesses at @offset reach (KVM_HAS_DEVICE_ATTR)? */
bool am_reg_user_has(const struct am_reg_frame *f, uint32_t offset);

#ifdef __cplusplus
}
#endif

#endif
