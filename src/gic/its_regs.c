/* SPDX-License-Identifier: MIT */
/*
 * An ITS's registers (IHI 0069 12.18, 12.19), as rows. What KVM does not emulate of the tables'
 * memory attributes is replaced as it writes them, as in the redistributors. While the ITS is
 * enabled its tables and its queue stay where they are.
 */
#include "gic/irq_rows.h"
#include "gic/its.h"

enum {
	CTLR_ENABLED = 1,
	IIDR = 0x4b00043b, /* product 'K', implementer Arm; [15:12], the tables' format: 0 */
};

#define CTLR_QUIESCENT UINT64_C(0x80000000)
/* Physical LPIs; 8 bytes in an ITT for each event; 16 bits of EventID, DeviceID and ICID. */
#define TYPER UINT64_C(0x1ef71)
/* Device table, collection table; 8 bytes each; 64 KiB pages. */
#define BASER0_FIXED (UINT64_C(1) << 56 | UINT64_C(7) << 48 | UINT64_C(2) << 8)
#define BASER1_FIXED (UINT64_C(4) << 56 | UINT64_C(7) << 48 | UINT64_C(2) << 8)
#define BASER_RO     (AM_MASK(58, 56) | AM_MASK(52, 48) | AM_MASK(9, 8))
#define BASER_RESET  (UINT64_C(3) << 59 | UINT64_C(1) << 10)
/* A change here means another table. */
#define BASER_PLACE    (BASER_INDIRECT | AM_MASK(47, 12) | AM_MASK(7, 0))
#define COMMAND_OFFSET AM_MASK(19, 5)

static uint32_t queue_bytes(const struct am_its *its)
{
	uint64_t cbaser = atomic_load_explicit(&its->cbaser, memory_order_relaxed);

	return (uint32_t)(am_bits(cbaser, 7, 0) + 1) * 4096;
}

static uint64_t sanitise(uint64_t v)
{
	if (am_bits(v, 11, 10) == 2)
		v = am_insert(v, 11, 10, 1);
	if (am_bits(v, 61, 59) < 2)
		v = am_insert(v, 61, 59, 3);
	if (am_bits(v, 55, 53) > 1)
		v = am_insert(v, 55, 53, 0);
	return v;
}

static bool is_enabled(const struct am_its *its)
{
	return atomic_load_explicit(&its->enabled, memory_order_relaxed);
}

static bool is_idle(const struct am_its *its)
{
	return atomic_load_explicit(&its->creadr, memory_order_acquire) ==
	       atomic_load_explicit(&its->cwriter, memory_order_acquire);
}

static void empty_queue(struct am_its *its)
{
	atomic_store_explicit(&its->creadr, 0, memory_order_release);
	atomic_store_explicit(&its->cwriter, 0, memory_order_release);
}

/* A guest that looks how far we are lets us go on; user space sees things as they are. */
static void go_on(const struct am_access *a)
{
	struct am_its *its = a->dev;

	if (am_unlikely(!is_idle(its)) && !a->user && is_enabled(its))
		its_process(its);
}

/* ---- control ---- */

static uint64_t get_ctlr(const struct am_access *a, unsigned n)
{
	struct am_its *its = a->dev;

	go_on(a);
	return (is_enabled(its) ? CTLR_ENABLED : 0) | (is_idle(its) ? CTLR_QUIESCENT : 0);
}

/* An ITS without tables or queue is not enabled. */
static bool can_enable(const struct am_its *its)
{
	return its_baser(its, ITS_DEVICES) & its_baser(its, ITS_COLLECTIONS) &
	       atomic_load_explicit(&its->cbaser, memory_order_relaxed) & BASER_VALID;
}

static void set_ctlr(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	struct am_its *its = a->dev;
	bool enable = value & CTLR_ENABLED;

	am_lock(&its->lock);
	if (enable && !is_enabled(its) && !can_enable(its)) {
		enable = false;
		if (a->user)
			its_bad("GITS_CTLR.Enabled before GITS_CBASER, GITS_BASER0 and GITS_BASER1 "
				"are valid: ignored",
				value, 0);
	} else if (enable != is_enabled(its)) {
		AM_TRACE(its_enable, its->number, enable);
	}
	atomic_store_explicit(&its->enabled, enable, memory_order_release);
	if (!enable)
		its_forget(its);
	am_unlock(&its->lock);
	its_process(its);
}

static uint64_t get_iidr(const struct am_access *a, unsigned n)
{
	return IIDR;
}

/* There is one format of tables. */
static int user_set_iidr(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	if (!am_bits(value, 15, 12))
		return 0;
	return its_bad("GITS_IIDR: tables of another revision than 0", value, -EINVAL);
}

static uint64_t get_typer(const struct am_access *a, unsigned n)
{
	return TYPER;
}

/* ---- the queue ---- */

static uint64_t get_cbaser(const struct am_access *a, unsigned n)
{
	struct am_its *its = a->dev;

	return atomic_load_explicit(&its->cbaser, memory_order_relaxed);
}

/* User space writes to a register that does not change while the ITS is enabled. */
static void say_enabled(const struct am_access *a, const char *what, uint64_t value)
{
	if (a->user)
		its_bad(what, value, 0);
}

/* The queue is empty then, whatever is written. */
static void set_cbaser(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	struct am_its *its = a->dev;
	uint64_t old;

	am_lock(&its->lock);
	if (!is_enabled(its)) {
		old = atomic_load_explicit(&its->cbaser, memory_order_relaxed);
		value = sanitise(((old & ~mask) | value) & ~AM_MASK(15, 12));
		if (a->user && (atomic_load_explicit(&its->creadr, memory_order_relaxed) |
				atomic_load_explicit(&its->cwriter, memory_order_relaxed)))
			its_bad("GITS_CBASER after GITS_CREADR or GITS_CWRITER: they are 0 again",
				value, 0);
		atomic_store_explicit(&its->cbaser, value, memory_order_relaxed);
		empty_queue(its);
	} else {
		say_enabled(a, "GITS_CBASER after GITS_CTLR.Enabled: ignored", value);
	}
	am_unlock(&its->lock);
}

static uint64_t get_cwriter(const struct am_access *a, unsigned n)
{
	struct am_its *its = a->dev;

	return atomic_load_explicit(&its->cwriter, memory_order_relaxed);
}

static void set_cwriter(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	struct am_its *its = a->dev;
	uint64_t old;

	am_lock(&its->lock);
	old = atomic_load_explicit(&its->cwriter, memory_order_relaxed);
	value = ((old & ~mask) | value) & COMMAND_OFFSET;
	if (value < queue_bytes(its))
		atomic_store_explicit(&its->cwriter, (uint32_t)value, memory_order_release);
	else if (a->user)
		its_bad("GITS_CWRITER beyond the queue, ignored: GITS_CBASER comes before", value,
			0);
	am_unlock(&its->lock);
	its_process(its);
}

static uint64_t get_creadr(const struct am_access *a, unsigned n)
{
	struct am_its *its = a->dev;

	go_on(a);
	return atomic_load_explicit(&its->creadr, memory_order_acquire);
}

static int user_set_creadr(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	struct am_its *its = a->dev;
	int err = 0;

	am_lock(&its->lock);
	value &= COMMAND_OFFSET;
	if (is_enabled(its))
		err = its_bad("GITS_CREADR after GITS_CTLR.Enabled", value, -EBUSY);
	else if (value >= queue_bytes(its))
		err = its_bad("GITS_CREADR beyond the queue: GITS_CBASER comes before", value,
			      -EINVAL);
	else
		atomic_store_explicit(&its->creadr, (uint32_t)value, memory_order_release);
	am_unlock(&its->lock);
	return err;
}

/* ---- tables ---- */

static void set_baser(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	struct am_its *its = a->dev;
	uint64_t old, fixed = n == ITS_DEVICES ? BASER0_FIXED : BASER1_FIXED;

	am_lock(&its->lock);
	if (is_enabled(its)) {
		say_enabled(a, "GITS_BASER<n> after GITS_CTLR.Enabled: ignored", value);
		am_unlock(&its->lock);
		return;
	}
	old = its_baser(its, n);
	value = ((old & ~mask) | value) & ~BASER_RO;
	if (n == ITS_COLLECTIONS)
		value &= ~BASER_INDIRECT;
	value = sanitise(value) | fixed;
	atomic_store_explicit(&its->baser[n], value, memory_order_relaxed);
	/* Collections belong to the table that they were made for; devices may be moved with
	 * theirs. */
	if (n == ITS_COLLECTIONS && (!(value & BASER_VALID) || ((value ^ old) & BASER_PLACE)))
		its_delete_colls(its);
	if (n == ITS_DEVICES && !(value & BASER_VALID))
		its_unmap_devices(its);
	am_unlock(&its->lock);
}

static uint64_t get_baser0(const struct am_access *a, unsigned n)
{
	return its_baser(a->dev, ITS_DEVICES);
}

static void set_baser0(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	set_baser(a, ITS_DEVICES, value, mask);
}

static uint64_t get_baser1(const struct am_access *a, unsigned n)
{
	return its_baser(a->dev, ITS_COLLECTIONS);
}

static void set_baser1(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	set_baser(a, ITS_COLLECTIONS, value, mask);
}

/* The table's addresses stay, as in KVM; at creation there are none. */
void its_regs_reset(struct am_its *its)
{
	for (unsigned n = 0; n < 2; n++) {
		uint64_t old = its_baser(its, n);

		if (!old)
			old = BASER_RESET | (n == ITS_DEVICES ? BASER0_FIXED : BASER1_FIXED);
		atomic_store_explicit(&its->baser[n], old & ~BASER_VALID, memory_order_relaxed);
	}
	atomic_store_explicit(&its->enabled, false, memory_order_release);
	atomic_store_explicit(&its->cbaser, 0, memory_order_relaxed);
	empty_queue(its);
}

/* ---- the rows ---- */

#define SEC  "IHI 0069 12.19"
#define BOTH (AM_REG_32 | AM_REG_64)

/*
 * Orders: CBASER first, as it empties the queue; then what the tables need; CTLR when the tables
 * are restored.
 */
/* clang-format off */
static const struct am_reg_row its_rows[] = {
	{.name = "GITS_CTLR", .section = SEC, .offset = 0x0000, .length = 4, .widths = AM_REG_32,
	 .order = 7, .reset = CTLR_QUIESCENT, .ro = UINT32_MAX & ~CTLR_ENABLED,
	 .flags = AM_REG_COMPUTED, .get = get_ctlr, .set = set_ctlr},
	{.name = "GITS_IIDR", .section = SEC, .offset = 0x0004, .length = 4, .widths = AM_REG_32,
	 .order = 2, .reset = IIDR, .ro = UINT32_MAX, .get = get_iidr, .user_set = user_set_iidr},
	{.name = "GITS_TYPER", .section = SEC, .offset = 0x0008, .length = 8, .widths = BOTH,
	 .reset = TYPER, .ro = UINT64_MAX, .get = get_typer},
	GIC_ROW_RESERVED(0x0010, 0x70, "reserved"),
	{.name = "GITS_CBASER", .section = SEC, .offset = 0x0080, .length = 8, .widths = BOTH,
	 .order = 1, .get = get_cbaser, .set = set_cbaser},
	{.name = "GITS_CWRITER", .section = SEC, .offset = 0x0088, .length = 8, .widths = BOTH,
	 .order = 6, .ro = ~COMMAND_OFFSET, .get = get_cwriter, .set = set_cwriter},
	{.name = "GITS_CREADR", .section = SEC, .offset = 0x0090, .length = 8, .widths = BOTH,
	 .order = 5, .ro = UINT64_MAX, .get = get_creadr, .user_set = user_set_creadr},
	GIC_ROW_RESERVED(0x0098, 0x68, "reserved"),
	{.name = "GITS_BASER0", .section = SEC, .offset = 0x0100, .length = 8, .widths = BOTH,
	 .order = 3, .reset = BASER_RESET | BASER0_FIXED, .ro = BASER_RO, .get = get_baser0,
	 .set = set_baser0},
	{.name = "GITS_BASER1", .section = SEC, .offset = 0x0108, .length = 8, .widths = BOTH,
	 .order = 4, .reset = BASER_RESET | BASER1_FIXED, .ro = BASER_RO | BASER_INDIRECT,
	 .get = get_baser1, .set = set_baser1},
	GIC_ROW_CONST("GITS_BASER2-7", SEC, 0x0110, 0x30, BOTH, 0, 0, 0, "two tables are all it needs"),
	GIC_ROW_RESERVED(0x0140, 0xfe90, "reserved"),
	GIC_ROW_CONST("GITS_PIDR4", SEC, 0xffd0, 4, AM_REG_32, 0, 0, 0x40, "identification"),
	GIC_ROW_CONST("GITS_PIDR5-7", SEC, 0xffd4, 12, AM_REG_32, 0, 0, 0, "identification"),
	GIC_ROW_CONST("GITS_PIDR0", SEC, 0xffe0, 4, AM_REG_32, 0, 0, 0x92, "identification"),
	GIC_ROW_CONST("GITS_PIDR1", SEC, 0xffe4, 4, AM_REG_32, 0, 0, 0xb4, "identification"),
	GIC_ROW_CONST("GITS_PIDR2", SEC, 0xffe8, 4, AM_REG_32, 0, 0, 0x3b, "GICv3, JEP106 code"),
	GIC_ROW_CONST("GITS_PIDR3", SEC, 0xffec, 4, AM_REG_32, 0, 0, 0, "identification"),
	GIC_ROW_CONST("GITS_CIDR0", SEC, 0xfff0, 4, AM_REG_32, 0, 0, 0x0d, "identification"),
	GIC_ROW_CONST("GITS_CIDR1", SEC, 0xfff4, 4, AM_REG_32, 0, 0, 0xf0, "identification"),
	GIC_ROW_CONST("GITS_CIDR2", SEC, 0xfff8, 4, AM_REG_32, 0, 0, 0x05, "identification"),
	GIC_ROW_CONST("GITS_CIDR3", SEC, 0xfffc, 4, AM_REG_32, 0, 0, 0xb1, "identification"),

	GIC_ROW_RESERVED(0x10000, 0x40, "the translation page"),
	{.name = "GITS_TRANSLATER", .section = "IHI 0069 12.18", .offset = 0x10040, .length = 4,
	 .widths = AM_REG_32, .flags = AM_REG_GUEST,
	 .constant = "devices write here (am_gic_msi); a vCPU has no DeviceID"},
	GIC_ROW_RESERVED(0x10044, 0xffbc, "the translation page"),
};
/* clang-format on */

const struct am_reg_table its_table = {
    .name = "GITS",
    .rows = its_rows,
    .nr_rows = AM_ARRAY_SIZE(its_rows),
    .size = AM_ITS_SIZE,
};
