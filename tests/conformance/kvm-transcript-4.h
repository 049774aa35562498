/* SPDX-License-Identifier: MIT */
/* The fourth part of kvm-transcript.c, which includes it: tables that were damaged after a save. */

static void its_regs_again(struct vm *v, u64 b0, u64 b1)
{
	its_set(v, GITS_CBASER, CBASER);
	its_set(v, GITS_BASER0, b0);
	its_set(v, GITS_BASER1, b1);
}

/* How far is what was restored from what was saved? */
static void restore_dump(struct vm *v, const char *what, u64 b0, u64 b1)
{
	int r;
	rec("%s:", what);
	rec("  reset = %s", res(SET(v->its, G_CTRL, KVM_DEV_ARM_ITS_CTRL_RESET, NULL)));
	its_regs_again(v, b0, b1);
	r = SET(v->its, G_CTRL, KVM_DEV_ARM_ITS_RESTORE_TABLES, NULL);
	rec("  restore = %s", res(r));
	its_set(v, GITS_CTLR, 1);
	rec("  ctlr %#" PRIx64, its_get(v, GITS_CTLR));
	static const struct { u32 d, e; } M[] = { { 0, 0 }, { 0, 1 }, { 0, 5 }, { 0, 31 }, { 7, 0 }, { 7, 8205 }, { 7, 0xffff }, { 0x20, 255 }, { 3, 1 }, { 3, 0 } };
	for (unsigned i = 0; i < sizeof M / sizeof *M; i++)
		rec("  msi %u/%u = %s", M[i].d, M[i].e, res(msi(v, GITS + 0x10040, M[i].e, KVM_MSI_VALID_DEVID, M[i].d)));
	pend_dump(v);
	save_dump(v, 1);
	its_set(v, GITS_CTLR, 0);
}

enum damage { W8, OR8, AND8, XOR8 };

/* A hash (FNV-1a) of guest memory, where a dump would be long. */
static u64 hash_of(struct vm *v, u64 gpa, u32 len)
{
	const uint8_t *p = at(v, gpa);
	u64 h = 0xcbf29ce484222325;
	while (len--) h = (h ^ *p++) * 0x100000001b3;
	return h;
}

/* A VM whose tables are saved, one double word of them changed, and restored. */
static void damaged(const char *what, u64 gpa, enum damage how, u64 val)
{
	struct vm v;
	its_setup(&v, 2);
	seq_basic(&v, 0);
	clear_tables(&v);
	SET(v.its, G_CTRL, KVM_DEV_ARM_ITS_SAVE_TABLES, NULL);
	its_set(&v, GITS_CTLR, 0);
	u64 *p = at(&v, gpa);
	switch (how) {
	case W8: *p = val; break;
	case OR8: *p |= val; break;
	case AND8: *p &= val; break;
	case XOR8: *p ^= val; break;
	}
	SET(v.its, G_CTRL, KVM_DEV_ARM_ITS_CTRL_RESET, NULL);
	its_regs_again(&v, BASER_DEV, BASER_COL);
	const char *r = res(SET(v.its, G_CTRL, KVM_DEV_ARM_ITS_RESTORE_TABLES, NULL));
	its_set(&v, GITS_CTLR, 1);
	unsigned got = 0;
	static const struct { u32 d, e; } M[] = { { 0, 0 }, { 0, 1 }, { 0, 5 }, { 0, 31 }, { 7, 8205 }, { 7, 0xffff }, { 0x20, 255 }, { 3, 1 } };
	for (unsigned i = 0; i < sizeof M / sizeof *M; i++)
		if (msi(&v, GITS + 0x10040, M[i].e, KVM_MSI_VALID_DEVID, M[i].d) == 1) got |= 1u << i;
	memset(at(&v, GPA_PEND), 0, 0x40000);
	int pr = SET(v.gic, G_CTRL, KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES, NULL);
	u64 ph = hash_of(&v, GPA_PEND, 0x40000);
	clear_tables(&v);
	int sr = SET(v.its, G_CTRL, KVM_DEV_ARM_ITS_SAVE_TABLES, NULL);
	rec("%s = %s, delivered %#x, save %d %d: %016" PRIx64 " %016" PRIx64, what, r, got, pr, sr, ph, hash_of(&v, GPA_DEVT, 0xe0000));
	vm_free(&v);
}

/* A VM with nothing in its tables but what @fill writes. */
static void written(const char *what, void (*fill)(struct vm *), u64 b0, u64 b1)
{
	struct vm v;
	its_setup(&v, 2);
	its_set(&v, GITS_CTLR, 0);
	clear_tables(&v);
	fill(&v);
	restore_dump(&v, what, b0, b1);
	vm_free(&v);
}

static u64 DTE(u64 next, u64 itt, int size) { return V63 | next << 49 | (itt >> 8) << 5 | size; }
static u64 CTE(u64 target, u64 icid) { return V63 | target << 16 | icid; }
static u64 ITE(u64 next, u64 lpi, u64 icid) { return next << 48 | lpi << 16 | icid; }

static void put(struct vm *v, u64 gpa, unsigned n, u64 val) { ((u64 *)at(v, gpa))[n] = val; }

static void f_empty(struct vm *v) { (void)v; }
static void f_col0(struct vm *v) { put(v, GPA_COLT, 0, CTE(0, 0)); }
static void f_good(struct vm *v)
{
	f_col0(v);
	put(v, GPA_DEVT, 0, DTE(7, ITT(0), 4));
	put(v, GPA_DEVT, 7, DTE(0, ITT(1), 15));
	put(v, ITT(0), 0, ITE(1, 8192, 0));
	put(v, ITT(0), 1, ITE(0, 8193, 0));
	put(v, ITT(1), 8205, ITE(0, 8205, 0));
}
static void f_gap(struct vm *v) { f_good(v); put(v, GPA_DEVT, 0, DTE(3, ITT(0), 4)); }
static void f_skip(struct vm *v) { f_good(v); put(v, GPA_DEVT, 0, DTE(8, ITT(0), 4)); }
static void f_twodev(struct vm *v) { f_good(v); put(v, GPA_DEVT, 7, DTE(0, ITT(0), 4)); }
static void f_nonext(struct vm *v) { f_good(v); put(v, GPA_DEVT, 0, DTE(0, ITT(0), 4)); }
static void f_nextmax(struct vm *v) { f_good(v); put(v, GPA_DEVT, 0, DTE(0x3fff, ITT(0), 4)); }
static void f_next8191(struct vm *v) { f_good(v); put(v, GPA_DEVT, 0, DTE(8191, ITT(0), 4)); put(v, GPA_DEVT, 8191, DTE(0, ITT(2), 4)); }
static void f_next8192(struct vm *v) { f_good(v); put(v, GPA_DEVT, 0, DTE(8192, ITT(0), 4)); }
static void f_lastnext(struct vm *v) { f_good(v); put(v, GPA_DEVT, 7, DTE(5, ITT(1), 15)); }
static void f_invalid_between(struct vm *v) { f_good(v); put(v, GPA_DEVT, 7, DTE(0, ITT(1), 15) & ~V63); }
static void f_garbage_invalid(struct vm *v) { f_good(v); put(v, GPA_DEVT, 0, 0x7fffffffffffffffull); }
static void f_itt_out(struct vm *v) { f_good(v); put(v, GPA_DEVT, 0, DTE(7, 0x90000000, 4)); }
static void f_itt_end(struct vm *v) { f_good(v); put(v, GPA_DEVT, 0, DTE(7, GPA_RAM + RAM_SIZE - 0x100, 4)); }
static void f_itt_past(struct vm *v) { f_good(v); put(v, GPA_DEVT, 0, DTE(7, GPA_RAM + RAM_SIZE - 0x100, 5)); }
static void f_itt_high(struct vm *v) { f_good(v); put(v, GPA_DEVT, 0, DTE(7, 0xfffffffffff00, 4)); }
static void f_size31(struct vm *v) { f_good(v); put(v, GPA_DEVT, 0, DTE(7, ITT(0), 31)); }
static void f_size16(struct vm *v) { f_good(v); put(v, GPA_DEVT, 0, DTE(7, ITT(0), 16)); }
static void f_size0(struct vm *v) { f_good(v); put(v, GPA_DEVT, 0, DTE(7, ITT(0), 0)); }
static void f_ite_icid(struct vm *v) { f_good(v); put(v, ITT(0), 0, ITE(1, 8192, 9)); }
static void f_ite_icid2(struct vm *v) { f_good(v); put(v, ITT(0), 1, ITE(0, 8193, 9)); }
static void f_ite_low(struct vm *v) { f_good(v); put(v, ITT(0), 0, ITE(1, 8191, 0)); }
static void f_ite_zero(struct vm *v) { f_good(v); put(v, ITT(0), 0, ITE(1, 0, 0)); }
static void f_ite_zero2(struct vm *v) { f_good(v); put(v, ITT(0), 0, ITE(0, 0, 0)); }
static void f_ite_high(struct vm *v) { f_good(v); put(v, ITT(0), 0, ITE(1, 65536, 0)); }
static void f_ite_max(struct vm *v) { f_good(v); put(v, ITT(0), 0, ITE(1, 65535, 0)); }
static void f_ite_huge(struct vm *v) { f_good(v); put(v, ITT(0), 0, ITE(1, 0xffffffff, 0)); }
static void f_ite_same(struct vm *v) { f_good(v); put(v, ITT(0), 1, ITE(0, 8192, 0)); }
static void f_ite_same_dev(struct vm *v) { f_good(v); put(v, ITT(1), 8205, ITE(0, 8192, 0)); }
static void f_ite_next31(struct vm *v) { f_good(v); put(v, ITT(0), 0, ITE(31, 8192, 0)); put(v, ITT(0), 31, ITE(0, 8199, 0)); }
static void f_ite_next32(struct vm *v) { f_good(v); put(v, ITT(0), 0, ITE(32, 8192, 0)); }
static void f_ite_nextmax(struct vm *v) { f_good(v); put(v, ITT(0), 0, ITE(0xffff, 8192, 0)); }
static void f_ite_nextnone(struct vm *v) { f_good(v); put(v, ITT(0), 0, ITE(4, 8192, 0)); }
static void f_ite_lastnext(struct vm *v) { f_good(v); put(v, ITT(0), 1, ITE(7, 8193, 0)); }
static void f_ite_seven(struct vm *v) { f_good(v); put(v, ITT(0), 0, 0); put(v, ITT(0), 1, 0); put(v, ITT(0), 7, ITE(0, 8300, 0)); }
static void f_col_none(struct vm *v) { f_good(v); put(v, GPA_COLT, 0, 0); }
static void f_col_vcpu2(struct vm *v) { f_good(v); put(v, GPA_COLT, 0, CTE(2, 0)); }
static void f_col_vcpu1(struct vm *v) { f_good(v); put(v, GPA_COLT, 0, CTE(1, 0)); }
static void f_col_unmapped(struct vm *v) { f_good(v); put(v, GPA_COLT, 0, CTE(0xffffffff, 0)); }
static void f_col_ffff(struct vm *v) { f_good(v); put(v, GPA_COLT, 0, CTE(0xffff, 0)); }
static void f_col_dup(struct vm *v) { f_good(v); put(v, GPA_COLT, 1, CTE(1, 0)); }
static void f_col_gap(struct vm *v) { f_good(v); put(v, GPA_COLT, 1, 0); put(v, GPA_COLT, 2, CTE(9, 9)); }
static void f_col_id8192(struct vm *v) { f_good(v); put(v, GPA_COLT, 1, CTE(0, 8192)); }
static void f_col_id8191(struct vm *v) { f_good(v); put(v, GPA_COLT, 1, CTE(0, 8191)); }
static void f_col_idffff(struct vm *v) { f_good(v); put(v, GPA_COLT, 1, CTE(0, 0xffff)); }
static void f_col_full(struct vm *v)
{
	f_good(v);
	for (unsigned i = 0; i < 8192; i++) put(v, GPA_COLT, i, CTE(i & 1, i));
}
static void f_col_reserved(struct vm *v) { f_good(v); put(v, GPA_COLT, 0, CTE(0, 0) | 0x7ull << 52); }
static void f_col_bit48(struct vm *v) { f_good(v); put(v, GPA_COLT, 0, CTE(0x100000000ull, 0)); }
static void f_dev_only(struct vm *v) { put(v, GPA_DEVT, 0, DTE(0, ITT(0), 4)); }
static void f_dev_8191(struct vm *v) { f_col0(v); put(v, GPA_DEVT, 8191, DTE(0, ITT(0), 4)); put(v, ITT(0), 3, ITE(0, 8192, 0)); }
static void f_dev_8191n(struct vm *v) { f_col0(v); put(v, GPA_DEVT, 8191, DTE(1, ITT(0), 4)); put(v, ITT(0), 3, ITE(0, 8192, 0)); }

static void l2_good(struct vm *v)
{
	f_col0(v);
	memset(at(v, GPA_L2), 0, 0x80000);
	put(v, GPA_DEVT, 0, V63 | GPA_L2);
	put(v, GPA_DEVT, 2, V63 | (GPA_L2 + 0x10000));
	put(v, GPA_L2, 7, DTE(0x3fff, ITT(1), 15));
	put(v, GPA_L2 + 0x10000, 5, DTE(0, ITT(0), 4));
	put(v, ITT(0), 0, ITE(0, 8192, 0));
	put(v, ITT(1), 0, ITE(0, 8200, 0));
}
static void l2_next(struct vm *v) { l2_good(v); put(v, GPA_L2, 7, DTE(2 * 8192 + 5 - 7, ITT(1), 15)); }
static void l2_next_invalid(struct vm *v) { l2_good(v); put(v, GPA_L2, 7, DTE(8192, ITT(1), 15)); }
static void l2_out(struct vm *v) { l2_good(v); put(v, GPA_DEVT, 0, V63 | 0x90000000); }
static void l2_out1(struct vm *v) { l2_good(v); put(v, GPA_DEVT, 1, V63 | 0x90000000); }
static void l2_odd(struct vm *v) { l2_good(v); put(v, GPA_DEVT, 0, V63 | (GPA_L2 + 0x1000)); }
static void l2_low(struct vm *v) { l2_good(v); put(v, GPA_DEVT, 0, V63 | (GPA_L2 + 0xfff)); }
static void l2_top(struct vm *v) { l2_good(v); put(v, GPA_DEVT, 0, V63 | 0x7ull << 52 | GPA_L2); }
static void l2_same(struct vm *v) { l2_good(v); put(v, GPA_DEVT, 1, V63 | GPA_L2); }
static void l2_high(struct vm *v) { l2_good(v); put(v, GPA_DEVT, 9, V63 | (GPA_L2 + 0x20000)); put(v, GPA_L2 + 0x20000, 0, DTE(0, ITT(2), 4)); }
static void l2_seven(struct vm *v) { l2_good(v); put(v, GPA_DEVT, 7, V63 | (GPA_L2 + 0x20000)); put(v, GPA_L2 + 0x20000, 8191, DTE(0, ITT(2), 4)); put(v, ITT(2), 31, ITE(0, 8210, 0)); }
static void l2_eight(struct vm *v) { l2_good(v); put(v, GPA_DEVT, 8, V63 | (GPA_L2 + 0x20000)); put(v, GPA_L2 + 0x20000, 0, DTE(0, ITT(2), 4)); }

static void corrupt_registers(void)
{
	struct vm v;
	u32 x = 0;

	rec("restore twice, without a reset:");
	its_setup(&v, 2);
	its_set(&v, GITS_CTLR, 0);
	clear_tables(&v);
	f_good(&v);
	rec("  first = %s", res(SET(v.its, G_CTRL, KVM_DEV_ARM_ITS_RESTORE_TABLES, NULL)));
	rec("  second = %s", res(SET(v.its, G_CTRL, KVM_DEV_ARM_ITS_RESTORE_TABLES, NULL)));
	save_dump(&v, 1);
	vm_free(&v);

	rec("restore onto mapped devices:");
	its_setup(&v, 2);
	seq_basic(&v, 0);
	clear_tables(&v);
	f_good(&v);
	its_set(&v, GITS_CTLR, 0);
	rec("  restore = %s", res(SET(v.its, G_CTRL, KVM_DEV_ARM_ITS_RESTORE_TABLES, NULL)));
	save_dump(&v, 1);
	vm_free(&v);

	rec("restore onto other mapped devices:");
	its_setup(&v, 2);
	issue(&v, MAPC(4, 1, 1));
	issue(&v, MAPD(9, 4, ITT(3), 1));
	issue(&v, MAPTI(9, 2, 8500, 4));
	clear_tables(&v);
	f_good(&v);
	its_set(&v, GITS_CTLR, 0);
	rec("  restore = %s", res(SET(v.its, G_CTRL, KVM_DEV_ARM_ITS_RESTORE_TABLES, NULL)));
	save_dump(&v, 1);
	vm_free(&v);

	rec("restore without PROPBASER and PENDBASER:");
	vm_full(&v, 2);
	its_regs_again(&v, BASER_DEV, BASER_COL);
	f_good(&v);
	rec("  restore = %s", res(SET(v.its, G_CTRL, KVM_DEV_ARM_ITS_RESTORE_TABLES, NULL)));
	save_dump(&v, 1);
	vm_free(&v);

	rec("restore with PROPBASER of 13 bits:");
	its_setup(&v, 2);
	for (int i = 0; i < 2; i++) {
		u64 m = (u64)i << 32;
		x = 0;
		rec("  ctlr off = %s", res(SET(v.gic, G_REDIST, m | 0, &x)));
		x = GPA_PROP | 13;
		rec("  propbaser = %s", res(SET(v.gic, G_REDIST, m | 0x70, &x)));
		x = 1;
		rec("  ctlr on = %s", res(SET(v.gic, G_REDIST, m | 0, &x)));
		GET(v.gic, G_REDIST, m | 0x70, &x);
		rec("  propbaser reads %#x", x);
	}
	its_set(&v, GITS_CTLR, 0);
	clear_tables(&v);
	f_good(&v);
	put(&v, ITT(0), 0, ITE(1, 16383, 0));
	put(&v, ITT(0), 1, ITE(0, 16384, 0));
	restore_dump(&v, "13 bits", BASER_DEV, BASER_COL);
	vm_free(&v);

	rec("restore with LPIs disabled:");
	its_setup(&v, 2);
	for (int i = 0; i < 2; i++) { x = 0; rec("  ctlr off = %s", res(SET(v.gic, G_REDIST, (u64)i << 32, &x))); }
	its_set(&v, GITS_CTLR, 0);
	clear_tables(&v);
	f_good(&v);
	restore_dump(&v, "disabled", BASER_DEV, BASER_COL);
	for (int i = 0; i < 2; i++) { x = 1; rec("  ctlr on = %s", res(SET(v.gic, G_REDIST, (u64)i << 32, &x))); }
	pend_dump(&v);
	vm_free(&v);

	rec("pending bits in memory:");
	its_setup(&v, 2);
	its_set(&v, GITS_CTLR, 0);
	clear_tables(&v);
	memset(at(&v, GPA_PEND), 0, 0x20000);
	((uint8_t *)at(&v, GPA_PEND))[8192 / 8] = 0x03;
	((uint8_t *)at(&v, GPA_PEND + 0x10000))[8192 / 8] = 0xff;
	((uint8_t *)at(&v, GPA_PEND))[8] = 0xff;
	f_good(&v);
	its_set(&v, GITS_CTLR, 0);
	rec("  restore = %s", res(SET(v.its, G_CTRL, KVM_DEV_ARM_ITS_RESTORE_TABLES, NULL)));
	pend_dump(&v);
	vm_free(&v);

	rec("pending tables out of memory:");
	its_setup(&v, 2);
	x = 0; SET(v.gic, G_REDIST, 0, &x);
	x = 0x90000000; rec("  pendbaser = %s", res(SET(v.gic, G_REDIST, 0x78, &x)));
	x = 1; SET(v.gic, G_REDIST, 0, &x);
	its_set(&v, GITS_CTLR, 0);
	clear_tables(&v);
	f_good(&v);
	restore_dump(&v, "no pending table", BASER_DEV, BASER_COL);
	vm_free(&v);

	rec("configuration table out of memory:");
	its_setup(&v, 2);
	x = 0; SET(v.gic, G_REDIST, 0, &x); SET(v.gic, G_REDIST, 1ull << 32, &x);
	x = 0x90000000 | 15; rec("  propbaser = %s", res(SET(v.gic, G_REDIST, 0x70, &x)));
	x = 1; SET(v.gic, G_REDIST, 0, &x); SET(v.gic, G_REDIST, 1ull << 32, &x);
	its_set(&v, GITS_CTLR, 0);
	clear_tables(&v);
	f_good(&v);
	restore_dump(&v, "no configuration table", BASER_DEV, BASER_COL);
	vm_free(&v);
}

static void a_its_corrupt(void)
{
	area("its_corrupt");
	struct { const char *n; void (*f)(struct vm *); } F[] = {
#define C(f) { #f, f }
		C(f_empty), C(f_col0), C(f_good), C(f_gap), C(f_skip), C(f_twodev), C(f_nonext), C(f_nextmax), C(f_next8191), C(f_next8192),
		C(f_lastnext), C(f_invalid_between), C(f_garbage_invalid), C(f_itt_out), C(f_itt_end), C(f_itt_past), C(f_itt_high), C(f_size31), C(f_size16), C(f_size0),
		C(f_ite_icid), C(f_ite_icid2), C(f_ite_low), C(f_ite_zero), C(f_ite_zero2), C(f_ite_high), C(f_ite_max), C(f_ite_huge), C(f_ite_same),
		C(f_ite_same_dev), C(f_ite_next31), C(f_ite_next32), C(f_ite_nextmax), C(f_ite_nextnone), C(f_ite_lastnext), C(f_ite_seven),
		C(f_col_none), C(f_col_vcpu2), C(f_col_vcpu1), C(f_col_unmapped), C(f_col_ffff), C(f_col_dup), C(f_col_gap), C(f_col_id8192), C(f_col_id8191),
		C(f_col_idffff), C(f_col_full), C(f_col_reserved), C(f_col_bit48), C(f_dev_only), C(f_dev_8191), C(f_dev_8191n),
	};
	for (unsigned i = 0; i < sizeof F / sizeof *F; i++)
		written(F[i].n, F[i].f, BASER_DEV, BASER_COL);
	written("good, BASER0 invalid", f_good, BASER_DEV & ~V63, BASER_COL);
	written("good, BASER1 invalid", f_good, BASER_DEV, BASER_COL & ~V63);
	written("good, both invalid", f_good, BASER_DEV & ~V63, BASER_COL & ~V63);
	written("good, BASER0 out of memory", f_good, V63 | 0x90000000, BASER_COL);
	written("good, BASER1 out of memory", f_good, BASER_DEV, V63 | 0x90000000);
	written("good, BASER0 two pages", f_good, BASER_DEV | 1, BASER_COL);
	written("good, BASER0 half in memory", f_good, V63 | (GPA_RAM + RAM_SIZE - 0x10000) | 3, BASER_COL);
	written("dev 8191 next 1, BASER0 two pages", f_dev_8191n, BASER_DEV | 1, BASER_COL);
	written("flat tables, BASER0 indirect", f_good, BASER_DEV | 1ull << 62, BASER_COL);
	written("flat tables, BASER1 indirect", f_good, BASER_DEV, BASER_COL | 1ull << 62);
	struct { const char *n; void (*f)(struct vm *); } L[] = {
		C(l2_good), C(l2_next), C(l2_next_invalid), C(l2_out), C(l2_out1), C(l2_odd), C(l2_low), C(l2_top), C(l2_same), C(l2_high), C(l2_seven), C(l2_eight),
#undef C
	};
	for (unsigned i = 0; i < sizeof L / sizeof *L; i++)
		written(L[i].n, L[i].f, BASER_DEV | 1ull << 62, BASER_COL);
	written("empty, indirect", f_empty, BASER_DEV | 1ull << 62, BASER_COL);
	/* Every bit of an entry of each kind that a save wrote. */
	for (int b = 0; b < 64; b++) {
		char s[40];
		snprintf(s, sizeof s, "device entry 3 bit %d", b);
		damaged(s, GPA_DEVT + 3 * 8, XOR8, 1ull << b);
		snprintf(s, sizeof s, "collection entry 1 bit %d", b);
		damaged(s, GPA_COLT + 8, XOR8, 1ull << b);
		snprintf(s, sizeof s, "event entry 5 bit %d", b);
		damaged(s, ITT(0) + 5 * 8, XOR8, 1ull << b);
	}
	corrupt_registers();
}
