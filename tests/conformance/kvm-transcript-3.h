/* SPDX-License-Identifier: MIT */
/* The third part of kvm-transcript.c, which includes it. */

#define V63 (1ull << 63)
#define BASER_DEV (V63 | GPA_DEVT)      /* one 64K page after what KVM makes of it */
#define BASER_COL (V63 | GPA_COLT)
#define CBASER (V63 | GPA_CMDQ | (CMDQ_SIZE / 4096 - 1))

static void a_its_regs(void)
{
	struct vm v;
	area("its_regs");
	vm_new(&v, 0, 2);
	vm_gic(&v);
	v.its = mkdev(v.fd, KVM_DEV_TYPE_ARM_VGIC_ITS);
	rec("created, no address:");
	u64 x = 0x55;
	int r = GET(v.its, G_ADDR, KVM_VGIC_ITS_ADDR_TYPE, &x);
	rec("  get addr = %s %#" PRIx64, res(r), x);
	its_all(&v);
	rec("  init without addr = %s", res(SET(v.its, G_CTRL, 0, NULL)));
	rec("  save without addr = %s", res(SET(v.its, G_CTRL, KVM_DEV_ARM_ITS_SAVE_TABLES, NULL)));
	rec("  restore without addr = %s", res(SET(v.its, G_CTRL, KVM_DEV_ARM_ITS_RESTORE_TABLES, NULL)));
	rec("  reset without addr = %s", res(SET(v.its, G_CTRL, KVM_DEV_ARM_ITS_CTRL_RESET, NULL)));
	rec("  addr type 2 = %s", res(set_u64(v.its, G_ADDR, 2, GITS)));
	rec("  addr misaligned 4K = %s", res(set_u64(v.its, G_ADDR, KVM_VGIC_ITS_ADDR_TYPE, GITS + 0x1000)));
	rec("  addr beyond ipa = %s", res(set_u64(v.its, G_ADDR, KVM_VGIC_ITS_ADDR_TYPE, 1ull << 40)));
	rec("  addr straddling ipa = %s", res(set_u64(v.its, G_ADDR, KVM_VGIC_ITS_ADDR_TYPE, (1ull << 40) - 0x10000)));
	rec("  addr bad pointer = %s", res(SET(v.its, G_ADDR, KVM_VGIC_ITS_ADDR_TYPE, (void *)8)));
	rec("  addr over the distributor = %s", res(set_u64(v.its, G_ADDR, KVM_VGIC_ITS_ADDR_TYPE, GICD)));
	int i2 = mkdev(v.fd, KVM_DEV_TYPE_ARM_VGIC_ITS);
	rec("  second its = %s", i2 < 0 ? errname(errno) : "ok");
	rec("  second addr = %s", res(set_u64(i2, G_ADDR, KVM_VGIC_ITS_ADDR_TYPE, GITS)));
	rec("  second addr again = %s", res(set_u64(i2, G_ADDR, KVM_VGIC_ITS_ADDR_TYPE, 0x21000000)));
	int i3 = mkdev(v.fd, KVM_DEV_TYPE_ARM_VGIC_ITS);
	rec("  third its on the same address = %s", res(set_u64(i3, G_ADDR, KVM_VGIC_ITS_ADDR_TYPE, GITS)));
	rec("  third its 64K into the second = %s", res(set_u64(i3, G_ADDR, KVM_VGIC_ITS_ADDR_TYPE, GITS + 0x10000)));
	r = GET(i2, G_ADDR, KVM_VGIC_ITS_ADDR_TYPE, &x);
	rec("  get second addr = %s %#" PRIx64, res(r), x);
	close(i2); close(i3);
	vm_free(&v);

	rec("its on a vgic not initialized:");
	vm_new(&v, 0, 2);
	v.gic = mkdev(v.fd, KVM_DEV_TYPE_ARM_VGIC_V3);
	v.its = mkdev(v.fd, KVM_DEV_TYPE_ARM_VGIC_ITS);
	rec("  addr = %s", res(set_u64(v.its, G_ADDR, KVM_VGIC_ITS_ADDR_TYPE, GITS)));
	rec("  init = %s", res(SET(v.its, G_CTRL, 0, NULL)));
	rec("  regs:");
	its_all(&v);
	vm_free(&v);

	rec("fresh, initialized:");
	vm_full(&v, 2);
	its_all(&v);
	rec("every aligned offset (answers other than 0):");
	for (u32 o = 0; o < 0x10000; o += 8) {
		u64 y = 0;
		r = GET(v.its, G_ITS, o, &y);
		if (r && errno != ENXIO) rec("  %#06x = %s", o, res(r));
		else if (!r && y) rec("  %#06x = %#018" PRIx64, o, y);
		else if (!r && o < 0x200) rec("  %#06x = 0", o);
	}
	static const u32 odd[] = { 1, 2, 4, 0x0c, 0x84, 0x8c, 0x94, 0x104, 0x10c, 0x40, 0x140, 0xffd0, 0xffe0, 0xffe4, 0xffe8, 0xffec, 0xfffc, 0x10000, 0x10040, 0x20000 };
	for (unsigned i = 0; i < sizeof odd / sizeof *odd; i++) its_reg(&v, "odd", odd[i]);
	rec("  init twice = %s", res(SET(v.its, G_CTRL, 0, NULL)));
	rec("  addr twice = %s", res(set_u64(v.its, G_ADDR, KVM_VGIC_ITS_ADDR_TYPE, 0x21000000)));
	rec("  ctrl 99 = %s", res(SET(v.its, G_CTRL, 99, NULL)));
	rec("  save, nothing set = %s", res(SET(v.its, G_CTRL, KVM_DEV_ARM_ITS_SAVE_TABLES, NULL)));
	rec("  restore, nothing set = %s", res(SET(v.its, G_CTRL, KVM_DEV_ARM_ITS_RESTORE_TABLES, NULL)));
	rec("  bad pointer get = %s", res(GET(v.its, G_ITS, 8, (void *)8)));
	rec("  bad pointer set = %s", res(SET(v.its, G_ITS, 0x80, (void *)8)));
	rec("writes:");
	its_wr(&v, "CTLR enable with nothing valid", 0, 1);
	its_wr(&v, "TYPER", 8, ~0ull);
	its_wr(&v, "IIDR rev 0", 4, 0x43b | 'K' << 24 | 0 << 12);
	its_wr(&v, "IIDR rev 1", 4, 0x43b | 'K' << 24 | 1 << 12);
	its_wr(&v, "IIDR rev 2", 4, 0x43b | 'K' << 24 | 2 << 12);
	its_wr(&v, "IIDR rev 15", 4, 0xf000);
	its_wr(&v, "IIDR zero", 4, 0);
	its_wr(&v, "CBASER ones", 0x80, ~0ull);
	its_wr(&v, "CBASER zero", 0x80, 0);
	its_wr(&v, "BASER0 ones", 0x100, ~0ull);
	its_wr(&v, "BASER0 zero", 0x100, 0);
	its_wr(&v, "BASER1 ones", 0x108, ~0ull);
	its_wr(&v, "BASER1 zero", 0x108, 0);
	its_wr(&v, "BASER2 ones", 0x110, ~0ull);
	its_wr(&v, "BASER7 ones", 0x138, ~0ull);
	for (int ps = 0; ps < 4; ps++) its_wr(&v, "BASER0 page size", 0x100, BASER_DEV | ps << 8 | 0x3);
	for (int c = 0; c < 8; c++) its_wr(&v, "BASER0 inner cache", 0x100, BASER_DEV | (u64)c << 59);
	for (int c = 0; c < 8; c++) its_wr(&v, "BASER0 outer cache", 0x100, BASER_DEV | (u64)c << 53);
	for (int s = 0; s < 4; s++) its_wr(&v, "BASER0 shareability", 0x100, BASER_DEV | s << 10);
	its_wr(&v, "BASER0 indirect", 0x100, BASER_DEV | 1ull << 62);
	its_wr(&v, "BASER1 indirect", 0x108, BASER_COL | 1ull << 62);
	its_wr(&v, "BASER0 address bits 51:48 as low nibble", 0x100, V63 | 0xf000 | 2 << 8);
	for (int c = 0; c < 8; c++) its_wr(&v, "CBASER inner cache", 0x80, CBASER | (u64)c << 59);
	for (int s = 0; s < 4; s++) its_wr(&v, "CBASER shareability", 0x80, CBASER | s << 10);
	its_wr(&v, "CBASER one page", 0x80, V63 | GPA_CMDQ);
	its_wr(&v, "CWRITER 0x20 disabled", 0x88, 0x20);
	its_wr(&v, "CWRITER 0x1f low bits", 0x88, 0x1f);
	its_wr(&v, "CWRITER retry bit", 0x88, 0x41);
	its_wr(&v, "CWRITER 0xfe0 last", 0x88, 0xfe0);
	its_wr(&v, "CWRITER 0x1000 beyond", 0x88, 0x1000);
	its_wr(&v, "CWRITER ones", 0x88, ~0ull);
	its_wr(&v, "CREADR 0x40", 0x90, 0x40);
	its_wr(&v, "CREADR 0x5f low bits", 0x90, 0x5f);
	its_wr(&v, "CREADR 0xfe0", 0x90, 0xfe0);
	its_wr(&v, "CREADR 0x1000 beyond", 0x90, 0x1000);
	its_wr(&v, "CREADR stalled bit", 0x90, 1);
	its_wr(&v, "CREADR 0x40", 0x90, 0x40);
	its_wr(&v, "CWRITER 0x80", 0x88, 0x80);
	its_wr(&v, "CBASER again (resets CREADR, CWRITER?)", 0x80, CBASER);
	its_all(&v);
	its_wr(&v, "CBASER invalid", 0x80, CBASER & ~V63);
	its_wr(&v, "CWRITER 0x20 with CBASER invalid", 0x88, 0x20);
	its_wr(&v, "CBASER", 0x80, CBASER);
	its_wr(&v, "BASER0", 0x100, BASER_DEV);
	its_wr(&v, "BASER1 invalid", 0x108, BASER_COL & ~V63);
	its_wr(&v, "CTLR enable, BASER1 invalid", 0, 1);
	its_wr(&v, "BASER1", 0x108, BASER_COL);
	its_wr(&v, "CTLR ones", 0, 0xffffffff);
	rec("enabled:");
	its_all(&v);
	its_wr(&v, "BASER0 while enabled", 0x100, 0);
	its_wr(&v, "CBASER while enabled", 0x80, 0);
	its_wr(&v, "CREADR while enabled", 0x90, 0);
	its_wr(&v, "IIDR while enabled", 4, 0x43b | 'K' << 24);
	its_wr(&v, "CWRITER beyond while enabled", 0x88, 0x10000);
	rec("  save while enabled = %s", res(SET(v.its, G_CTRL, KVM_DEV_ARM_ITS_SAVE_TABLES, NULL)));
	rec("  restore while enabled = %s", res(SET(v.its, G_CTRL, KVM_DEV_ARM_ITS_RESTORE_TABLES, NULL)));
	rec("  reset while enabled = %s", res(SET(v.its, G_CTRL, KVM_DEV_ARM_ITS_CTRL_RESET, NULL)));
	its_all(&v);
	its_wr(&v, "32-bit half CBASER+4", 0x84, 0x80000000);
	vm_free(&v);

	/* after vCPUs ran: guest reads and writes of the frame */
	rec("order: its created after the first run:");
	vm_new(&v, 0, 1); vm_gic(&v); guest_load(&v, 0);
	gdo(&v, 0, 1, GPA_RAM, 0, 0, &x);
	v.its = mkdev(v.fd, KVM_DEV_TYPE_ARM_VGIC_ITS);
	rec("  create = %s", v.its < 0 ? errname(errno) : "ok");
	rec("  addr = %s", res(set_u64(v.its, G_ADDR, KVM_VGIC_ITS_ADDR_TYPE, GITS)));
	rec("  init = %s", res(SET(v.its, G_CTRL, 0, NULL)));
	rec("  guest reads GITS_TYPER = %#" PRIx64, gr64(&v, 0, GITS + 8));
	vm_free(&v);
}

/* commands */
struct cmd { u64 d[4]; };
static struct cmd MAPD(u64 dev, int size, u64 itt, int val) { return (struct cmd){ { 8 | dev << 32, size, (val ? V63 : 0) | itt, 0 } }; }
static struct cmd MAPC(u64 icid, u64 rd, int val) { return (struct cmd){ { 9, 0, (val ? V63 : 0) | rd << 16 | icid, 0 } }; }
static struct cmd MAPTI(u64 dev, u64 ev, u64 lpi, u64 icid) { return (struct cmd){ { 10 | dev << 32, ev | lpi << 32, icid, 0 } }; }
static struct cmd MAPI(u64 dev, u64 ev, u64 icid) { return (struct cmd){ { 11 | dev << 32, ev, icid, 0 } }; }
static struct cmd C3(int op, u64 dev, u64 ev, u64 icid) { return (struct cmd){ { op | dev << 32, ev, icid, 0 } }; }
#define MOVI(d, e, c) C3(1, d, e, c)
#define INT(d, e) C3(3, d, e, 0)
#define CLEAR(d, e) C3(4, d, e, 0)
#define SYNC(rd) ((struct cmd){ { 5, 0, (u64)(rd) << 16, 0 } })
#define INV(d, e) C3(12, d, e, 0)
#define INVALL(c) C3(13, 0, 0, c)
#define MOVALL(a, b) ((struct cmd){ { 14, 0, (u64)(a) << 16, (u64)(b) << 16 } })
#define DISCARD(d, e) C3(15, d, e, 0)
#define ITT(n) (GPA_ITT + (n) * 0x10000)

static void dump64(struct vm *v, const char *n, u64 gpa, u32 len)
{
	u64 *p = at(v, gpa);
	for (u32 i = 0; i < len / 8; i++)
		if (p[i]) rec("    %s[%u] = %016" PRIx64, n, i, p[i]);
}
static void clear_tables(struct vm *v)
{
	memset(at(v, GPA_DEVT), 0, 0x10000);
	memset(at(v, GPA_COLT), 0, 0x10000);
	memset(at(v, GPA_ITT), 0, 0xc0000);
}
static void dump_tables(struct vm *v)
{
	dump64(v, "devt", GPA_DEVT, 0x10000);
	dump64(v, "colt", GPA_COLT, 0x10000);
	/* ITTs lie every 64K; indexes are from ITT(0) */
	for (int n = 0; n < 12; n++) {
		char b[16];
		snprintf(b, sizeof b, "itt%d", n);
		dump64(v, b, ITT(n), 0x10000);
	}
}
static void save_dump(struct vm *v, int clear)
{
	if (clear) clear_tables(v);
	int r = SET(v->its, G_CTRL, KVM_DEV_ARM_ITS_SAVE_TABLES, NULL);
	rec("    save%s = %s", clear ? " (cleared)" : " (kept)", res(r));
	dump_tables(v);
}
static void pend_dump(struct vm *v)
{
	int r;
	memset(at(v, GPA_PEND), 0, 0x40000);
	r = SET(v->gic, G_CTRL, KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES, NULL);
	rec("    save_pending = %s", res(r));
	uint8_t *p = at(v, GPA_PEND);
	for (u32 i = 0; i < 0x40000; i++)
		if (p[i]) rec("    pend%u byte %#x = %02x", i >> 16, i & 0xffff, p[i]);
}

static int by_guest;

static void issue(struct vm *v, struct cmd c)
{
	u64 w = its_get(v, GITS_CWRITER) & 0xfffe0;
	memcpy((char *)at(v, GPA_CMDQ) + w, &c, 32);
	w = (w + 32) % CMDQ_SIZE;
	if (by_guest) { gw64(v, 0, GITS + GITS_CWRITER, w); return; }
	int r = its_set(v, GITS_CWRITER, w);
	if (r) rec("    cwriter = %s", res(r));
}

static void its_setup(struct vm *v, int nv)
{
	vm_full(v, nv);
	memset(at(v, GPA_PROP), 0xa1, 0x10000);   /* priority 0xa0, enabled */
	for (int i = 0; i < nv; i++) {
		u64 m = (u64)i << 32;
		u32 lo = GPA_PROP | 15, hi = 0, one = 1;
		SET(v->gic, G_REDIST, m | 0x70, &lo); SET(v->gic, G_REDIST, m | 0x74, &hi);
		lo = GPA_PEND + i * 0x10000;
		SET(v->gic, G_REDIST, m | 0x78, &lo); SET(v->gic, G_REDIST, m | 0x7c, &hi);
		int r = SET(v->gic, G_REDIST, m | 0, &one);
		if (r) rec("SETUP GICR_CTLR %d = %s", i, res(r));
	}
	its_set(v, GITS_CBASER, CBASER);
	its_set(v, GITS_BASER0, BASER_DEV);
	its_set(v, GITS_BASER1, BASER_COL);
	its_set(v, GITS_CTLR, 1);
	guest_load(v, 0);
}

#define DO(c) do { issue(&v, c); \
	rec("%s -> creadr %#" PRIx64 " ctlr %#" PRIx64, #c, its_get(&v, GITS_CREADR), its_get(&v, GITS_CTLR)); \
	save_dump(&v, 1); } while (0)

static int msi(struct vm *v, u64 addr, u32 data, u32 flags, u32 dev)
{
	struct kvm_msi m = { .address_lo = (u32)addr, .address_hi = addr >> 32, .data = data, .flags = flags, .devid = dev };
	return ioctl(v->fd, KVM_SIGNAL_MSI, &m);
}

static void seq_basic(struct vm *vp, int verbose)
{
	struct vm v = *vp;
#undef DO
#define DO(c) do { issue(&v, c); if (verbose) { \
	rec("%s -> creadr %#" PRIx64 " ctlr %#" PRIx64, #c, its_get(&v, GITS_CREADR), its_get(&v, GITS_CTLR)); \
	save_dump(&v, 1); } } while (0)
	DO(MAPC(0, 0, 1));
	DO(MAPC(1, 1, 1));
	DO(MAPC(5, 1, 1));
	DO(MAPD(0, 4, ITT(0), 1));
	DO(MAPD(7, 15, ITT(1), 1));
	DO(MAPD(0x20, 7, ITT(9), 1));
	DO(MAPD(3, 0, ITT(10), 1));
	DO(MAPTI(0, 0, 8192, 0));
	DO(MAPTI(0, 1, 8193, 1));
	DO(MAPTI(0, 5, 8200, 5));
	DO(MAPTI(0, 31, 8300, 1));
	DO(MAPI(7, 8205, 0));
	DO(MAPTI(7, 0xffff, 0xffff, 1));
	DO(MAPTI(0x20, 255, 9000, 5));
	DO(MAPTI(3, 1, 9001, 5));
	DO(SYNC(0));
	DO(SYNC(1));
}

static void a_its_tables(void)
{
	struct vm v;
	for (by_guest = 0; by_guest < 2; by_guest++) {
	int verbose = 1;
	area(by_guest ? "its_tables_guest" : "its_tables");
	rec("# commands queued by %s", by_guest ? "a guest's store to GITS_CWRITER" : "user space's GITS_CWRITER attribute");
	its_setup(&v, 2);
	rec("setup:");
	its_all(&v);
	for (int i = 0; i < 2; i++) {
		u32 x = 0;
		for (u32 o = 0x70; o < 0x80; o += 4) {
			int r = GET(v.gic, G_REDIST, (u64)i << 32 | o, &x);
			rec("  GICR%d %#x = %s %#x", i, o, res(r), x);
		}
		int r = GET(v.gic, G_REDIST, (u64)i << 32, &x);
		rec("  GICR%d CTLR = %s %#x", i, res(r), x);
	}
	rec("basic:");
	seq_basic(&v, 1);
	DO(MOVI(0, 1, 0));
	DO(INV(0, 0));
	DO(INVALL(1));
	DO(MOVALL(0, 1));
	DO(MOVALL(1, 0));
	rec("pending:");
	DO(INT(0, 0));
	pend_dump(&v);
	DO(INT(0, 5));
	DO(INT(7, 0xffff));
	pend_dump(&v);
	DO(CLEAR(0, 0));
	pend_dump(&v);
	DO(INT(0, 1));
	DO(MOVI(0, 1, 1));
	pend_dump(&v);
	DO(MOVALL(1, 0));
	pend_dump(&v);
	rec("msi:");
	rec("  msi dev0 ev31 devid flag = %s", res(msi(&v, GITS + 0x10040, 31, KVM_MSI_VALID_DEVID, 0)));
	pend_dump(&v);
	rec("  msi dev0 ev31 no flag = %s", res(msi(&v, GITS + 0x10040, 31, 0, 0)));
	rec("  msi dev0 ev30 unmapped = %s", res(msi(&v, GITS + 0x10040, 30, KVM_MSI_VALID_DEVID, 0)));
	rec("  msi dev99 = %s", res(msi(&v, GITS + 0x10040, 0, KVM_MSI_VALID_DEVID, 99)));
	rec("  msi wrong doorbell = %s", res(msi(&v, GITS + 0x10044, 31, KVM_MSI_VALID_DEVID, 0)));
	rec("  msi far doorbell = %s", res(msi(&v, 0x90000000, 31, KVM_MSI_VALID_DEVID, 0)));
	rec("  msi flags 2 = %s", res(msi(&v, GITS + 0x10040, 31, 2, 0)));
	its_set(&v, GITS_CTLR, 0);
	rec("  msi its disabled = %s", res(msi(&v, GITS + 0x10040, 31, KVM_MSI_VALID_DEVID, 0)));
	its_set(&v, GITS_CTLR, 1);
	rec("unmapping:");
	DO(DISCARD(0, 5));
	save_dump(&v, 0);
	pend_dump(&v);
	DO(MAPTI(0, 5, 8200, 5));
	DO(DISCARD(0, 31));
	rec("  (kept memory after DISCARD shows stale entries, if any)");
	save_dump(&v, 0);
	DO(MAPC(5, 1, 0));
	save_dump(&v, 0);
	DO(INT(0, 5));
	DO(MAPC(5, 0, 1));
	DO(MAPD(7, 15, ITT(1), 0));
	issue(&v, MAPD(0x20, 7, ITT(9), 0));
	rec("MAPD(0x20, V=0), tables kept:");
	save_dump(&v, 0);
	DO(MAPD(0, 4, ITT(2), 1));
	save_dump(&v, 0);
	vm_free(&v);

	rec("errors:");
	its_setup(&v, 2);
	seq_basic(&v, 0);
	rec("before:");
	save_dump(&v, 1);
	DO(MAPD(0x10, 16, ITT(2), 1));
	DO(MAPD(0x10, 31, ITT(2), 1));
	DO(MAPD(0xffff, 1, ITT(2), 1));
	DO(MAPD(0x10000, 1, ITT(2), 1));
	DO(MAPD(0x1fff, 1, ITT(2), 1));
	DO(MAPD(0x2000, 1, ITT(2), 1));
	DO(MAPD(0x10, 1, ITT(2) + 0x80, 1));
	DO(MAPD(0x11, 1, 0x90000000, 1));
	DO(MAPD(0x11, 1, 0, 0));
	DO(MAPD(0x55, 1, 0, 0));
	DO(MAPC(6, 2, 1));
	DO(MAPC(6, 0xffff, 1));
	DO(MAPC(8191, 1, 1));
	DO(MAPC(8192, 1, 1));
	DO(MAPC(0xffff, 1, 1));
	DO(MAPC(77, 0, 0));
	DO(MAPC(1, 0, 1));
	DO(MAPTI(0x44, 0, 8400, 0));
	DO(MAPTI(0, 32, 8401, 0));
	DO(MAPTI(0, 2, 8191, 0));
	DO(MAPTI(0, 2, 0, 0));
	DO(MAPTI(0, 2, 65536, 0));
	DO(MAPTI(0, 2, 65535, 0));
	DO(MAPTI(0, 3, 8402, 99));
	DO(MAPTI(0, 4, 8403, 9000));
	DO(MAPTI(0, 0, 8500, 0));
	DO(MAPTI(0, 6, 8192, 0));
	DO(MAPI(0, 7, 0));
	DO(MOVI(0, 20, 0));
	DO(MOVI(0, 0, 99));
	DO(MOVI(0x44, 0, 0));
	DO(INV(0, 20));
	DO(INVALL(99));
	DO(MOVALL(9, 1));
	DO(DISCARD(0, 20));
	DO(DISCARD(0x44, 0));
	DO(INT(0, 20));
	DO(INT(0x44, 0));
	DO(CLEAR(0, 20));
	DO(SYNC(77));
	DO(C3(0, 0, 0, 0));
	DO(C3(0x7f, 0, 0, 0));
	DO(C3(0x29, 0, 0, 0));
	pend_dump(&v);
	rec("remap and reset:");
	rec("  reset = %s", res(SET(v.its, G_CTRL, KVM_DEV_ARM_ITS_CTRL_RESET, NULL)));
	its_all(&v);
	save_dump(&v, 1);
	vm_free(&v);

	/* LPI table limits: GICR_PROPBASER.IDbits */
	rec("queue wrap:");
	its_setup(&v, 2);
	for (int i = 0; i < 2047; i++) issue(&v, SYNC(0));
	rec("  after 2047: cwriter %#" PRIx64 " creadr %#" PRIx64, its_get(&v, GITS_CWRITER), its_get(&v, GITS_CREADR));
	issue(&v, MAPC(2, 1, 1));
	rec("  after 2048: cwriter %#" PRIx64 " creadr %#" PRIx64, its_get(&v, GITS_CWRITER), its_get(&v, GITS_CREADR));
	issue(&v, MAPC(3, 1, 1));
	rec("  after 2049: cwriter %#" PRIx64 " creadr %#" PRIx64, its_get(&v, GITS_CWRITER), its_get(&v, GITS_CREADR));
	save_dump(&v, 1);
	vm_free(&v);

	rec("command queue in no memory:");
	its_setup(&v, 2);
	its_set(&v, GITS_CTLR, 0);
	its_set(&v, GITS_CBASER, V63 | 0x90000000);
	its_set(&v, GITS_CTLR, 1);
	rec("  cwriter 0x20 = %s", res(its_set(&v, GITS_CWRITER, 0x20)));
	its_all(&v);
	vm_free(&v);

	rec("queued while disabled, then enabled:");
	its_setup(&v, 2);
	its_set(&v, GITS_CTLR, 0);
	issue(&v, MAPC(4, 1, 1));
	rec("  disabled: creadr %#" PRIx64 " cwriter %#" PRIx64 " ctlr %#" PRIx64, its_get(&v, GITS_CREADR), its_get(&v, GITS_CWRITER), its_get(&v, GITS_CTLR));
	its_set(&v, GITS_CTLR, 1);
	rec("  enabled: creadr %#" PRIx64 " cwriter %#" PRIx64 " ctlr %#" PRIx64, its_get(&v, GITS_CREADR), its_get(&v, GITS_CWRITER), its_get(&v, GITS_CTLR));
	save_dump(&v, 1);
	its_set(&v, GITS_CTLR, 0);
	rec("changing BASER1's value frees collections; BASER0's devices:");
	issue(&v, SYNC(0));
	its_set(&v, GITS_CTLR, 1);
	issue(&v, MAPD(1, 4, ITT(0), 1));
	issue(&v, MAPTI(1, 2, 8192, 4));
	save_dump(&v, 1);
	its_set(&v, GITS_CTLR, 0);
	its_set(&v, GITS_BASER1, BASER_COL);
	rec("  BASER1 rewritten the same:");
	save_dump(&v, 1);
	its_set(&v, GITS_BASER1, BASER_COL & ~V63);
	rec("  BASER1 invalid:");
	save_dump(&v, 1);
	its_set(&v, GITS_BASER0, BASER_DEV & ~V63);
	rec("  BASER0 invalid:");
	save_dump(&v, 1);
	vm_free(&v);

	rec("two-level device table:");
	its_setup(&v, 2);
	its_set(&v, GITS_CTLR, 0);
	its_set(&v, GITS_BASER0, BASER_DEV | 1ull << 62);
	u64 *l1 = at(&v, GPA_DEVT);
	its_reg(&v, "BASER0", 0x100);
	its_set(&v, GITS_CTLR, 1);
	l1[0] = V63 | GPA_L2;
	l1[2] = V63 | (GPA_L2 + 0x10000);
	static const u64 devs[] = { 0, 1, 8191, 8192, 16384, 16385, 16391, 24575, 24576, 65535 };
	issue(&v, MAPC(0, 0, 1));
	for (unsigned i = 0; i < sizeof devs / sizeof *devs; i++) {
		memset(at(&v, GPA_L2), 0, 0x20000);
		issue(&v, MAPD(devs[i], 4, ITT(i), 1));
		int r = SET(v.its, G_CTRL, KVM_DEV_ARM_ITS_SAVE_TABLES, NULL);
		rec("  MAPD %" PRIu64 ": save = %s", devs[i], res(r));
		dump64(&v, "l2a", GPA_L2, 0x10000);
		dump64(&v, "l2b", GPA_L2 + 0x10000, 0x10000);
	}
	vm_free(&v);

	rec("the next field's cap: devices far apart, events far apart:");
	its_setup(&v, 2);
	its_set(&v, GITS_CTLR, 0);
	its_set(&v, GITS_BASER0, BASER_DEV | 1ull << 62);
	memset(at(&v, GPA_L2), 0, 0x80000);
	l1 = at(&v, GPA_DEVT);
	for (int i = 0; i < 8; i++) l1[i] = V63 | (GPA_L2 + i * 0x10000);
	its_set(&v, GITS_CTLR, 1);
	issue(&v, MAPC(0, 0, 1));
	issue(&v, MAPD(1, 15, ITT(0), 1));
	issue(&v, MAPD(0xfff0, 15, ITT(8), 1));
	issue(&v, MAPTI(1, 0, 8192, 0));
	issue(&v, MAPTI(1, 0xffff, 8193, 0));
	issue(&v, MAPTI(0xfff0, 0x100, 8194, 0));
	{
		int r = SET(v.its, G_CTRL, KVM_DEV_ARM_ITS_SAVE_TABLES, NULL);
		rec("  save = %s", res(r));
		for (int i = 0; i < 8; i++) { char b[8]; snprintf(b, 8, "l2.%d", i); dump64(&v, b, GPA_L2 + i * 0x10000, 0x10000); }
		dump64(&v, "itt0", ITT(0), 0x80000);
		dump64(&v, "itt8", ITT(8), 0x40000);
	}
	vm_free(&v);
	(void)verbose;
	}
	by_guest = 0;
}

#include "kvm-transcript-4.h"
#include "kvm-transcript-5.h"
#include "kvm-transcript-6.h"
#include "kvm-transcript-7.h"

int main(int argc, char **argv)
{
	static const struct { const char *n; void (*f)(void); } A[] = {
		{ "ipa", a_ipa }, { "caps", a_caps }, { "has_attr", a_has_attr }, { "redist", a_redist },
		{ "reset", a_reset }, { "its_regs", a_its_regs }, { "its_tables", a_its_tables },
		{ "its_corrupt", a_its_corrupt }, { "delivery", a_delivery }, { "walks", a_walks },
		{ "smccc", a_smccc }, { "smccc_filter", a_filter }, { "vcpu_attr", a_vcpu_attr }, { "abi", a_abi },
	};
	struct sigaction sa = { .sa_handler = on_alarm };
	sigaction(SIGALRM, &sa, NULL);
	if (getenv("WALKS")) walks = atoi(getenv("WALKS"));
	if (getenv("STEPS")) walk_steps = atoi(getenv("STEPS"));
	outdir = argc > 1 ? argv[1] : ".";
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0) { perror("/dev/kvm"); return 1; }
	for (unsigned i = 0; i < sizeof A / sizeof *A; i++) {
		int want = argc <= 2;
		for (int j = 2; j < argc; j++) want |= !strcmp(argv[j], A[i].n);
		if (want) A[i].f();
	}
	if (out) fclose(out);
	return 0;
}
