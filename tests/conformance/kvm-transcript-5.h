/* SPDX-License-Identifier: MIT */
/*
 * The fifth part of kvm-transcript.c, which includes it: what reaches a vCPU and in which order, and
 * walks at random over the ITS's commands and the interrupt controller's registers.
 */

#define ICC_PMR SYS(3, 0, 4, 6, 0)
#define ICC_IAR0 SYS(3, 0, 12, 8, 0)
#define ICC_EOIR0 SYS(3, 0, 12, 8, 1)
#define ICC_HPPIR0 SYS(3, 0, 12, 8, 2)
#define ICC_BPR0 SYS(3, 0, 12, 8, 3)
#define ICC_AP0R0 SYS(3, 0, 12, 8, 4)
#define ICC_AP1R0 SYS(3, 0, 12, 9, 0)
#define ICC_DIR SYS(3, 0, 12, 11, 1)
#define ICC_RPR SYS(3, 0, 12, 11, 3)
#define ICC_SGI1R SYS(3, 0, 12, 11, 5)
#define ICC_SGI0R SYS(3, 0, 12, 11, 7)
#define ICC_IAR1 SYS(3, 0, 12, 12, 0)
#define ICC_EOIR1 SYS(3, 0, 12, 12, 1)
#define ICC_HPPIR1 SYS(3, 0, 12, 12, 2)
#define ICC_BPR1 SYS(3, 0, 12, 12, 3)
#define ICC_CTLR SYS(3, 0, 12, 12, 4)
#define ICC_SRE SYS(3, 0, 12, 12, 5)
#define ICC_IGRPEN0 SYS(3, 0, 12, 12, 6)
#define ICC_IGRPEN1 SYS(3, 0, 12, 12, 7)
#define ISR_EL1 SYS(3, 0, 12, 1, 0)

static u64 rd(struct vm *v, int c, u32 sr) { return gsys(v, c, sr, 0, 0); }
static void wr(struct vm *v, int c, u32 sr, u64 x) { gsys(v, c, sr, 1, x); }
static void gw32(struct vm *v, int c, u64 a, u32 x) { gdo(v, c, 2, a, x, 0, NULL); }
static u32 gr32(struct vm *v, int c, u64 a) { u64 x = 0; gdo(v, c, 1, a, 0, 0, &x); return (u32)x; }
static void gw8(struct vm *v, int c, u64 a, u32 x) { gdo(v, c, 6, a, x, 0, NULL); }

#define SGI_BASE(c) (GICR + (u64)(c) * 0x20000 + 0x10000)
#define RD_BASE(c) (GICR + (u64)(c) * 0x20000)

static int line(struct vm *v, int type, int c, int irq, int level)
{
	struct kvm_irq_level l = { .irq = type << 24 | c << 16 | irq, .level = level };
	return ioctl(v->fd, KVM_IRQ_LINE, &l);
}
static int spi(struct vm *v, int irq, int level) { return line(v, KVM_ARM_IRQ_TYPE_SPI, 0, irq, level); }
static int ppi(struct vm *v, int c, int irq, int level) { return line(v, KVM_ARM_IRQ_TYPE_PPI, c, irq, level); }

/* Two vCPUs with everything enabled: SGIs, PPIs and SPIs in group 1 at priority 0xa0. */
static void deliver_setup(struct vm *v)
{
	its_setup(v, 2);
	guest_load(v, 1);
	gw32(v, 0, GICD, 0x13);
	for (int c = 0; c < 2; c++) {
		wr(v, c, ICC_SRE, 7);
		wr(v, c, ICC_PMR, 0xff);
		wr(v, c, ICC_BPR1, 0);
		wr(v, c, ICC_IGRPEN0, 1);
		wr(v, c, ICC_IGRPEN1, 1);
		gw32(v, c, SGI_BASE(c) + 0x80, 0xffffffff);
		gw32(v, c, SGI_BASE(c) + 0x100, 0xffff | 1 << 20 | 1 << 21 | 1 << 22);
		for (int i = 0; i < 32; i += 4) gw32(v, c, SGI_BASE(c) + 0x400 + i, 0xa0a0a0a0);
	}
	for (int i = 32; i < 128; i += 32) {
		gw32(v, 0, GICD + 0x80 + i / 8, 0xffffffff);
		gw32(v, 0, GICD + 0x100 + i / 8, 0xffffffff);
		for (int k = 0; k < 32; k += 4) gw32(v, 0, GICD + 0x400 + i + k, 0xa0a0a0a0);
	}
}

/*
 * Both vCPUs have run since the last step: in Linux's KVM an interrupt that is retargeted while it is
 * pending moves when the vCPU that it was pending at next runs.
 */
static void settle(struct vm *v) { rd(v, 0, ICC_HPPIR1); rd(v, 1, ICC_HPPIR1); }

/* Acknowledges and ends until there is nothing more. */
static void drain(struct vm *v, int c, const char *what)
{
	char s[600] = "";
	size_t n = 0;
	for (int i = 0; i < 40; i++) {
		u64 a = rd(v, c, ICC_IAR1);
		n += snprintf(s + n, sizeof s - n, " %" PRIu64, a);
		if (a >= 1020 && a < 1024) break;
		wr(v, c, ICC_EOIR1, a);
	}
	rec("  %s: vcpu %d takes%s", what, c, s);
}
static void drain_both(struct vm *v, const char *what) { drain(v, 0, what); drain(v, 1, what); }

static void state(struct vm *v, int c, const char *what)
{
	rec("  %s: vcpu %d isr %#" PRIx64 " hppir0 %" PRIu64 " hppir1 %" PRIu64 " rpr %#" PRIx64 " ap0 %#" PRIx64 " ap1 %#" PRIx64, what, c,
	    rd(v, c, ISR_EL1), rd(v, c, ICC_HPPIR0), rd(v, c, ICC_HPPIR1), rd(v, c, ICC_RPR), rd(v, c, ICC_AP0R0), rd(v, c, ICC_AP1R0));
}

static void d_spis(void)
{
	struct vm v;
	rec("priorities:");
	deliver_setup(&v);
	for (int i = 40; i < 46; i++) gw8(&v, 0, GICD + 0x400 + i, 0xf0 - (i - 40) * 0x10);
	for (int i = 40; i < 46; i++) spi(&v, i, 1);
	state(&v, 0, "raised");
	u64 a = rd(&v, 0, ICC_IAR1);
	rec("  first %" PRIu64, a);
	state(&v, 0, "active");
	gw8(&v, 0, GICD + 0x400 + 41, 0x10);
	state(&v, 0, "41 urgent");
	u64 b = rd(&v, 0, ICC_IAR1);
	rec("  second %" PRIu64, b);
	state(&v, 0, "nested");
	wr(&v, 0, ICC_EOIR1, a);
	state(&v, 0, "outer ended first");
	wr(&v, 0, ICC_EOIR1, b);
	state(&v, 0, "both ended");
	rec("  active %#x pending %#x", gr32(&v, 0, GICD + 0x304), gr32(&v, 0, GICD + 0x204));
	for (int i = 40; i < 46; i++) spi(&v, i, 0);
	rec("  lines low: pending %#x", gr32(&v, 0, GICD + 0x204));
	drain_both(&v, "lines low");
	vm_free(&v);

	rec("edge and level:");
	deliver_setup(&v);
	gw32(&v, 0, GICD + 0xc00 + 8, 0x2);
	rec("  icfgr2 %#x", gr32(&v, 0, GICD + 0xc08));
	for (int i = 32; i < 34; i++) {
		spi(&v, i, 1); spi(&v, i, 0); spi(&v, i, 1);
		rec("  %d raised: pending %#x", i, gr32(&v, 0, GICD + 0x204));
		a = rd(&v, 0, ICC_IAR1);
		rec("  iar %" PRIu64 " pending %#x active %#x", a, gr32(&v, 0, GICD + 0x204), gr32(&v, 0, GICD + 0x304));
		spi(&v, i, 0); spi(&v, i, 1);
		rec("  again: pending %#x", gr32(&v, 0, GICD + 0x204));
		wr(&v, 0, ICC_EOIR1, a);
		rec("  eoi: pending %#x active %#x", gr32(&v, 0, GICD + 0x204), gr32(&v, 0, GICD + 0x304));
		a = rd(&v, 0, ICC_IAR1);
		rec("  iar %" PRIu64, a);
		spi(&v, i, 0);
		wr(&v, 0, ICC_EOIR1, a);
		drain(&v, 0, "low");
	}
	gw32(&v, 0, GICD + 0x204, 1 << 4);
	rec("  ispendr level: %#x", gr32(&v, 0, GICD + 0x204));
	spi(&v, 36, 1); spi(&v, 36, 0);
	rec("  line up and down: %#x", gr32(&v, 0, GICD + 0x204));
	gw32(&v, 0, GICD + 0x284, 1 << 4);
	rec("  icpendr: %#x", gr32(&v, 0, GICD + 0x204));
	spi(&v, 36, 1);
	gw32(&v, 0, GICD + 0x284, 1 << 4);
	rec("  icpendr, line high: %#x", gr32(&v, 0, GICD + 0x204));
	gw32(&v, 0, GICD + 0x184, 1 << 4);
	state(&v, 0, "disabled");
	gw32(&v, 0, GICD + 0x104, 1 << 4);
	state(&v, 0, "enabled");
	gw32(&v, 0, GICD + 0x304, 1 << 4);
	state(&v, 0, "made active");
	drain(&v, 0, "active");
	gw32(&v, 0, GICD + 0x384, 1 << 4);
	state(&v, 0, "not active");
	spi(&v, 36, 0);
	drain_both(&v, "low");
	vm_free(&v);

	rec("routing:");
	deliver_setup(&v);
	gw64(&v, 0, GICD + 0x6000 + 8 * 40, 1);
	spi(&v, 40, 1);
	settle(&v); state(&v, 0, "to 1"); state(&v, 1, "to 1");
	gw64(&v, 0, GICD + 0x6000 + 8 * 40, 0);
	settle(&v); state(&v, 0, "to 0"); state(&v, 1, "to 0");
	gw64(&v, 0, GICD + 0x6000 + 8 * 40, 2);
	rec("  irouter %#" PRIx64, gr64(&v, 0, GICD + 0x6000 + 8 * 40));
	settle(&v); state(&v, 0, "to 2"); state(&v, 1, "to 2");
	gw64(&v, 0, GICD + 0x6000 + 8 * 40, 1ull << 31);
	rec("  irouter %#" PRIx64, gr64(&v, 0, GICD + 0x6000 + 8 * 40));
	settle(&v); state(&v, 0, "to any"); state(&v, 1, "to any");
	gw64(&v, 0, GICD + 0x6000 + 8 * 40, 0);
	a = rd(&v, 0, ICC_IAR1);
	gw64(&v, 0, GICD + 0x6000 + 8 * 40, 1);
	state(&v, 0, "retargeted while active"); state(&v, 1, "retargeted while active");
	wr(&v, 0, ICC_EOIR1, a);
	state(&v, 0, "ended"); state(&v, 1, "ended");
	spi(&v, 40, 0);
	drain_both(&v, "low");
	vm_free(&v);

	rec("masks, groups, EOI mode:");
	deliver_setup(&v);
	static const int pmr[] = { 0, 0x80, 0xa0, 0xa8, 0xb0, 0xf8, 0xff };
	spi(&v, 40, 1);
	for (unsigned i = 0; i < sizeof pmr / sizeof *pmr; i++) {
		wr(&v, 0, ICC_PMR, pmr[i]);
		rec("  pmr %#x reads %#" PRIx64 " isr %#" PRIx64 " hppir %" PRIu64, pmr[i], rd(&v, 0, ICC_PMR), rd(&v, 0, ISR_EL1), rd(&v, 0, ICC_HPPIR1));
	}
	wr(&v, 0, ICC_IGRPEN1, 0);
	state(&v, 0, "igrpen1 0");
	wr(&v, 0, ICC_IGRPEN1, 1);
	gw32(&v, 0, GICD, 0x10);
	state(&v, 0, "gicd_ctlr 0");
	rec("  gicd_ctlr %#x", gr32(&v, 0, GICD));
	gw32(&v, 0, GICD, 0x12);
	state(&v, 0, "gicd_ctlr 2");
	gw32(&v, 0, GICD, 0x13);
	gw32(&v, 0, GICD + 0x84, ~(1u << 8));
	state(&v, 0, "40 in group 0");
	a = rd(&v, 0, ICC_IAR1);
	rec("  iar1 %" PRIu64, a);
	a = rd(&v, 0, ICC_IAR0);
	rec("  iar0 %" PRIu64, a);
	state(&v, 0, "group 0 active");
	wr(&v, 0, ICC_EOIR0, a);
	spi(&v, 40, 0);
	wr(&v, 0, ICC_CTLR, 2);
	rec("  ctlr %#" PRIx64, rd(&v, 0, ICC_CTLR));
	spi(&v, 41, 1);
	a = rd(&v, 0, ICC_IAR1);
	wr(&v, 0, ICC_EOIR1, a);
	rec("  eoi mode 1: iar %" PRIu64 " active %#x", a, gr32(&v, 0, GICD + 0x304));
	state(&v, 0, "priority dropped");
	spi(&v, 42, 1);
	b = rd(&v, 0, ICC_IAR1);
	rec("  next %" PRIu64, b);
	wr(&v, 0, ICC_DIR, a);
	rec("  dir: active %#x", gr32(&v, 0, GICD + 0x304));
	wr(&v, 0, ICC_EOIR1, b);
	wr(&v, 0, ICC_DIR, b);
	spi(&v, 41, 0); spi(&v, 42, 0);
	wr(&v, 0, ICC_CTLR, 0);
	drain_both(&v, "low");
	static const int bpr[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
	for (unsigned i = 0; i < 8; i++) {
		wr(&v, 0, ICC_BPR1, bpr[i]);
		gw8(&v, 0, GICD + 0x400 + 50, 0x80); gw8(&v, 0, GICD + 0x400 + 51, 0x70);
		gw32(&v, 0, GICD + 0x204, 1 << 18);
		a = rd(&v, 0, ICC_IAR1);
		gw32(&v, 0, GICD + 0x204, 1 << 19);
		rec("  bpr %d reads %" PRIu64 ": iar %" PRIu64 " isr %#" PRIx64 " rpr %#" PRIx64 " ap1 %#" PRIx64, bpr[i], rd(&v, 0, ICC_BPR1), a, rd(&v, 0, ISR_EL1), rd(&v, 0, ICC_RPR), rd(&v, 0, ICC_AP1R0));
		b = rd(&v, 0, ICC_IAR1);
		if (b < 1020) wr(&v, 0, ICC_EOIR1, b);
		wr(&v, 0, ICC_EOIR1, a);
		drain(&v, 0, "rest");
	}
	vm_free(&v);
}

static void d_private(void)
{
	struct vm v;
	rec("SGIs and PPIs:");
	deliver_setup(&v);
	wr(&v, 0, ICC_SGI1R, 5ull << 24 | 2);
	state(&v, 1, "sgi 5 from 0 to 1");
	wr(&v, 0, ICC_SGI1R, 6ull << 24 | 3);
	wr(&v, 0, ICC_SGI1R, 7ull << 24 | 1ull << 40);
	wr(&v, 1, ICC_SGI1R, 8ull << 24 | 1ull << 40);
	wr(&v, 1, ICC_SGI1R, 9ull << 24 | 1ull << 16 | 1);
	wr(&v, 1, ICC_SGI1R, 9ull << 24 | 0xfff0);
	wr(&v, 1, ICC_SGI0R, 10ull << 24 | 1);
	rec("  pending %#x %#x", gr32(&v, 0, SGI_BASE(0) + 0x200), gr32(&v, 1, SGI_BASE(1) + 0x200));
	drain_both(&v, "sgis");
	gw32(&v, 0, SGI_BASE(0) + 0x80, 0);
	wr(&v, 1, ICC_SGI0R, 10ull << 24 | 1);
	wr(&v, 1, ICC_SGI1R, 11ull << 24 | 1);
	rec("  group 0: pending %#x", gr32(&v, 0, SGI_BASE(0) + 0x200));
	state(&v, 0, "group 0");
	for (int i = 0; i < 3; i++) {
		u64 a = rd(&v, 0, ICC_IAR0);
		rec("  iar0 %" PRIu64, a);
		if (a < 1020) wr(&v, 0, ICC_EOIR0, a);
	}
	gw32(&v, 0, SGI_BASE(0) + 0x80, 0xffffffff);
	rec("  ppi 20 = %s, 16 = %s, 15 = %s, 32 = %s, vcpu 2 = %s", res(ppi(&v, 1, 20, 1)), res(ppi(&v, 1, 16, 1)), res(ppi(&v, 1, 15, 1)), res(ppi(&v, 1, 32, 1)), res(ppi(&v, 2, 20, 1)));
	rec("  spi 31 = %s, 127 = %s, 128 = %s, 1019 = %s", res(spi(&v, 31, 1)), res(spi(&v, 127, 1)), res(spi(&v, 128, 1)), res(spi(&v, 1019, 1)));
	rec("  type 0 = %s, type 3 = %s", res(line(&v, 0, 0, 20, 1)), res(line(&v, 3, 0, 20, 1)));
	state(&v, 1, "ppi 20");
	gw32(&v, 1, SGI_BASE(1) + 0xc04, 2u << 8);
	rec("  icfgr1 %#x", gr32(&v, 1, SGI_BASE(1) + 0xc04));
	rec("  pending, ppi 20 an edge: %#x", gr32(&v, 1, SGI_BASE(1) + 0x200));
	drain(&v, 1, "edge");
	ppi(&v, 1, 20, 0); ppi(&v, 1, 20, 1);
	drain(&v, 1, "edge again");
	gw32(&v, 1, SGI_BASE(1) + 0x200, 1 << 21 | 1 << 3);
	rec("  ispendr: %#x", gr32(&v, 1, SGI_BASE(1) + 0x200));
	gw32(&v, 1, SGI_BASE(1) + 0x280, 1 << 3);
	drain(&v, 1, "ispendr");
	gw32(&v, 1, SGI_BASE(1) + 0x300, 1 << 22);
	ppi(&v, 1, 22, 1);
	state(&v, 1, "22 active by ISACTIVER");
	gw32(&v, 1, SGI_BASE(1) + 0x380, 1 << 22);
	state(&v, 1, "22 deactivated");
	wr(&v, 1, ICC_EOIR1, 22);
	state(&v, 1, "EOI of what is not active");
	wr(&v, 1, ICC_EOIR1, 1023);
	wr(&v, 1, ICC_EOIR1, 8192);
	wr(&v, 1, ICC_EOIR1, 0xffffff);
	state(&v, 1, "EOIs of nothing");
	vm_free(&v);
}

static void lpi_config(struct vm *v, u32 lpi, uint8_t c) { ((uint8_t *)at(v, GPA_PROP))[lpi - 8192] = c; }
static int hit(struct vm *v, u32 d, u32 e) { return msi(v, GITS + 0x10040, e, KVM_MSI_VALID_DEVID, d); }

static void d_lpis(void)
{
	struct vm v;
	u32 x;
	rec("LPIs:");
	deliver_setup(&v);
	seq_basic(&v, 0);
	rec("  msi = %s", res(hit(&v, 0, 0)));
	state(&v, 0, "8192");
	rec("  again = %s", res(hit(&v, 0, 0)));
	u64 a = rd(&v, 0, ICC_IAR1);
	rec("  iar %" PRIu64, a);
	state(&v, 0, "acknowledged");
	rec("  while active = %s", res(hit(&v, 0, 0)));
	state(&v, 0, "pending again");
	wr(&v, 0, ICC_EOIR1, a);
	drain_both(&v, "ended");
	lpi_config(&v, 8192, 0x20);
	hit(&v, 0, 0);
	state(&v, 0, "disabled in memory, no INV");
	issue(&v, INV(0, 0));
	state(&v, 0, "INV");
	lpi_config(&v, 8192, 0x21);
	state(&v, 0, "enabled in memory, no INV");
	issue(&v, INVALL(0));
	state(&v, 0, "INVALL");
	lpi_config(&v, 8205, 0x11); issue(&v, INV(7, 8205));
	hit(&v, 7, 8205);
	spi(&v, 40, 1); gw8(&v, 0, GICD + 0x400 + 40, 0x18);
	a = rd(&v, 0, ICC_IAR1); rec("  most urgent %" PRIu64, a); wr(&v, 0, ICC_EOIR1, a);
	a = rd(&v, 0, ICC_IAR1); rec("  then %" PRIu64, a); spi(&v, 40, 0); wr(&v, 0, ICC_EOIR1, a);
	drain_both(&v, "rest");
	hit(&v, 0, 0); hit(&v, 0, 1);
	issue(&v, MOVI(0, 0, 1));
	settle(&v); state(&v, 0, "MOVI while pending"); state(&v, 1, "MOVI while pending");
	issue(&v, MOVALL(1, 0));
	settle(&v); state(&v, 0, "MOVALL"); state(&v, 1, "MOVALL");
	drain_both(&v, "moved");
	hit(&v, 0, 0);
	drain_both(&v, "after MOVALL");
	hit(&v, 0, 5);
	issue(&v, C3(4, 0, 5, 0));
	drain_both(&v, "CLEAR");
	hit(&v, 0, 5);
	issue(&v, DISCARD(0, 5));
	drain_both(&v, "DISCARD while pending");
	issue(&v, MAPTI(0, 5, 8200, 5));
	hit(&v, 0, 5);
	issue(&v, MAPC(5, 1, 0));
	drain_both(&v, "MAPC V=0 while pending");
	rec("  msi = %s", res(hit(&v, 0, 5)));
	issue(&v, MAPC(5, 0, 1));
	rec("  msi = %s", res(hit(&v, 0, 5)));
	issue(&v, MOVI(0, 5, 5));
	rec("  msi = %s", res(hit(&v, 0, 5)));
	drain_both(&v, "MAPC again");
	hit(&v, 0x20, 255); hit(&v, 3, 1);
	issue(&v, MAPC(5, 1, 1));
	settle(&v); state(&v, 0, "MAPC to 1 while pending"); state(&v, 1, "MAPC to 1 while pending");
	drain_both(&v, "MAPC to 1");
	hit(&v, 7, 8205);
	issue(&v, MAPD(7, 15, ITT(1), 0));
	drain_both(&v, "MAPD V=0 while pending");
	hit(&v, 0, 0);
	issue(&v, MAPD(0, 4, ITT(0), 1));
	drain_both(&v, "MAPD again while pending");
	rec("  msi = %s", res(hit(&v, 0, 0)));
	its_set(&v, GITS_CTLR, 0);
	rec("  its off: msi = %s", res(hit(&v, 3, 1)));
	its_set(&v, GITS_CTLR, 1);
	rec("  its on: msi = %s", res(hit(&v, 3, 1)));
	its_set(&v, GITS_CTLR, 0);
	drain_both(&v, "its off");
	vm_free(&v);

	rec("EnableLPIs:");
	deliver_setup(&v);
	seq_basic(&v, 0);
	hit(&v, 0, 0); hit(&v, 0, 31);
	rec("  ctlr %#x", gr32(&v, 0, RD_BASE(0)));
	gw32(&v, 0, RD_BASE(0), 0);
	rec("  ctlr 0 reads %#x", gr32(&v, 0, RD_BASE(0)));
	state(&v, 0, "off");
	rec("  msi = %s", res(hit(&v, 0, 0)));
	state(&v, 0, "off, msi");
	gw32(&v, 0, RD_BASE(0), 1);
	rec("  ctlr 1 reads %#x", gr32(&v, 0, RD_BASE(0)));
	state(&v, 0, "on");
	rec("  msi = %s", res(hit(&v, 0, 0)));
	drain_both(&v, "on");
	gw64(&v, 0, RD_BASE(0) + 0x70, 0);
	rec("  propbaser written while on: %#" PRIx64, gr64(&v, 0, RD_BASE(0) + 0x70));
	gw64(&v, 0, RD_BASE(0) + 0x78, 0);
	rec("  pendbaser written while on: %#" PRIx64, gr64(&v, 0, RD_BASE(0) + 0x78));
	gw64(&v, 1, RD_BASE(1) + 0x100, 8193);
	gw64(&v, 0, RD_BASE(0) + 0xa0, 8192);
	gw64(&v, 0, RD_BASE(0) + 0xb0, 0);
	rec("  syncr %#x", gr32(&v, 0, RD_BASE(0) + 0xc0));
	lpi_config(&v, 8192, 0x20);
	gw64(&v, 0, RD_BASE(0) + 0xa0, 8192);
	hit(&v, 0, 0);
	state(&v, 0, "INVLPIR disabled");
	lpi_config(&v, 8192, 0x21);
	gw64(&v, 0, RD_BASE(0) + 0xb0, 0);
	state(&v, 0, "INVALLR enabled");
	drain_both(&v, "enabled");
	vm_free(&v);

	rec("pending before EnableLPIs:");
	deliver_setup(&v);
	seq_basic(&v, 0);
	for (int c = 0; c < 2; c++) { x = 0; SET(v.gic, G_REDIST, (u64)c << 32, &x); }
	memset(at(&v, GPA_PEND), 0, 0x20000);
	((uint8_t *)at(&v, GPA_PEND))[8192 / 8] = 0x01;
	((uint8_t *)at(&v, GPA_PEND + 0x10000))[8192 / 8] = 0x02;
	((uint8_t *)at(&v, GPA_PEND))[8205 / 8] = 0x20;
	for (int c = 0; c < 2; c++) { x = 1; SET(v.gic, G_REDIST, (u64)c << 32, &x); }
	drain_both(&v, "enabled by user space");
	for (int c = 0; c < 2; c++) gw32(&v, c, RD_BASE(c), 0);
	((uint8_t *)at(&v, GPA_PEND))[8192 / 8] = 0x01;
	for (int c = 0; c < 2; c++) gw32(&v, c, RD_BASE(c), 1);
	drain_both(&v, "enabled by the guest");
	gw64(&v, 0, RD_BASE(0) + 0x78, 1ull << 62 | GPA_PEND);
	vm_free(&v);

	rec("GITS_TRANSLATER:");
	deliver_setup(&v);
	seq_basic(&v, 0);
	gw32(&v, 0, GITS + 0x10040, 0);
	drain_both(&v, "stored by a vcpu");
	rec("  reads %#x", gr32(&v, 0, GITS + 0x10040));
	vm_free(&v);
}

/* ---- at random ---- */

static u64 seed;
static u32 rnd(u32 n) { seed = seed * 6364136223846793005ull + 1442695040888963407ull; return (u32)(seed >> 33) % n; }

static const u64 DEV[] = { 0, 1, 7, 0x20, 8191 };
static const u32 EVT[] = { 0, 1, 2, 3, 7, 8, 15, 31 };
static const u32 COL[] = { 0, 1, 2, 5, 77 };
static u32 any_lpi(void) { return rnd(20) ? 8192 + rnd(24) : rnd(2) ? 8191 : 65536; }

static struct cmd any_command(void)
{
	u64 d = DEV[rnd(5)];
	u32 e = EVT[rnd(8)], c = COL[rnd(5)];
	switch (rnd(16)) {
	case 0: case 1: return MAPC(c, rnd(12) ? rnd(2) : 2, rnd(6) != 0);
	case 2: return MAPD(d, rnd(5), ITT(rnd(8)), rnd(5) != 0);
	case 3: return MAPD(d, 4, ITT(rnd(8)), 1);
	case 4: case 5: case 6: return MAPTI(d, e, any_lpi(), c);
	case 7: return MAPI(d, e, c);
	case 8: return MOVI(d, e, c);
	case 9: return INT(d, e);
	case 10: return CLEAR(d, e);
	case 11: return INV(d, e);
	case 12: return INVALL(c);
	case 13: return MOVALL(rnd(2), rnd(2));
	case 14: return DISCARD(d, e);
	default: return INT(DEV[rnd(2)], EVT[rnd(4)]);
	}
}

static void walk(u64 from, int steps)
{
	struct vm v;
	char s[800];
	seed = from;
	rec("walk %" PRIu64 ":", from);
	deliver_setup(&v);
	issue(&v, MAPC(0, 0, 1)); issue(&v, MAPC(1, 1, 1));
	issue(&v, MAPD(0, 4, ITT(0), 1)); issue(&v, MAPD(7, 3, ITT(1), 1));
	for (int i = 0; i < steps; i++) {
		size_t n = 0;
		u32 k = rnd(100);
		if (k < 55) {
			struct cmd c = any_command();
			issue(&v, c);
			n = snprintf(s, sizeof s, "cmd %016" PRIx64 " %016" PRIx64 " %016" PRIx64, c.d[0], c.d[1], c.d[2]);
		} else if (k < 80) {
			u32 d = DEV[rnd(5)], e = EVT[rnd(8)];
			n = snprintf(s, sizeof s, "msi %u/%u = %s", d, e, res(hit(&v, d, e)));
		} else if (k < 88) {
			u32 l = 8192 + rnd(24), c = (rnd(8) << 5) | (rnd(4) != 0);
			lpi_config(&v, l, c);
			n = snprintf(s, sizeof s, "config %u %#x", l, c);
		} else if (k < 90) {
			int c = rnd(2);
			gw64(&v, c, RD_BASE(c) + 0xa0, 8192 + rnd(24));
			n = snprintf(s, sizeof s, "invlpir %d", c);
		} else if (k < 91) {
			int c = rnd(2), on = rnd(2);
			gw32(&v, c, RD_BASE(c), on);
			n = snprintf(s, sizeof s, "ctlr %d %d reads %#x", c, on, gr32(&v, c, RD_BASE(c)));
		} else {
			int c = rnd(2);
			n = snprintf(s, sizeof s, "take %d:", c);
			for (int t = 0; t < 8; t++) {
				u64 a = rd(&v, c, ICC_IAR1);
				n += snprintf(s + n, sizeof s - n, " %" PRIu64, a);
				if (a >= 1020 && a < 1024) break;
				wr(&v, c, ICC_EOIR1, a);
			}
		}
		settle(&v);
		rec(" %d %s -> %" PRIu64 " %" PRIu64, i, s, rd(&v, 0, ICC_HPPIR1), rd(&v, 1, ICC_HPPIR1));
		if (i % 16 == 15) {
			clear_tables(&v);
			int r = SET(v.its, G_CTRL, KVM_DEV_ARM_ITS_SAVE_TABLES, NULL);
			u64 h = hash_of(&v, GPA_DEVT, 0xe0000);
			memset(at(&v, GPA_PEND), 0, 0x20000);
			int q = SET(v.gic, G_CTRL, KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES, NULL);
			rec(" saved %d %d %016" PRIx64 " %016" PRIx64, r, q, h, hash_of(&v, GPA_PEND, 0x20000));
		}
		if (i % 128 == 127) {
			its_set(&v, GITS_CTLR, 0);
			int r = SET(v.its, G_CTRL, KVM_DEV_ARM_ITS_CTRL_RESET, NULL);
			its_regs_again(&v, BASER_DEV, BASER_COL);
			int q = SET(v.its, G_CTRL, KVM_DEV_ARM_ITS_RESTORE_TABLES, NULL);
			its_set(&v, GITS_CTLR, 1);
			rec(" restored %d %d -> %" PRIu64 " %" PRIu64, r, q, rd(&v, 0, ICC_HPPIR1), rd(&v, 1, ICC_HPPIR1));
		}
	}
	drain_both(&v, "end");
	vm_free(&v);
}

/*
 * Registers, lines and acknowledgements of SGIs, PPIs and SPIs. Left out is what an implementation
 * chooses (which of equal priorities is first), and two more habits of Linux's KVM: an interrupt that
 * is pending while the distributor is off needs a new reason to be looked at again, and ISPENDR of a
 * level-sensitive interrupt is forgotten when it is deactivated, not when it is acknowledged.
 */
static u32 slot_of[40], slot_used; /* priorities: one slot of 31 for each INTID */
static u32 new_priority(u32 irq)
{
	u32 n = rnd(31);
	while (slot_used >> n & 1) n = (n + 1) % 31;
	slot_used &= ~(1u << slot_of[irq]);
	slot_used |= 1u << n;
	slot_of[irq] = n;
	return n << 3;
}

static void gic_walk(u64 from, int steps)
{
	struct vm v;
	char s[300];
	int depth[2] = { 0, 0 };
	u64 act[2][8];
	seed = from;
	rec("gic walk %" PRIu64 ":", from);
	deliver_setup(&v);
	gw32(&v, 0, GICD + 0xc08, 0xaa00);
	memset(slot_of, 31, sizeof slot_of);
	for (unsigned i = 0; i < 40; i++) slot_of[i] = 31;
	slot_used = 1u << 31;
	for (u32 n = 0; n < 40; n++) {
		if (n >= 4 && n < 20) continue;
		if (n >= 23 && n < 32) continue;
		u32 p = new_priority(n);
		if (n >= 32) gw8(&v, 0, GICD + 0x400 + n, p);
		else for (int c = 0; c < 2; c++) gw8(&v, c, SGI_BASE(c) + 0x400 + n, p);
	}
	for (int i = 0; i < steps; i++) {
		int c = rnd(2);
		u32 bit = 1u << rnd(8), b2 = bit | 1u << rnd(8);
		u32 what = rnd(20);
		if ((depth[0] || depth[1]) && what >= 7 && what <= 9) what = 17; /* not of what is active */
		switch (what) {
		case 0: case 1: case 2: { u32 n = 32 + rnd(8); int l = rnd(3) != 0; spi(&v, n, l); snprintf(s, sizeof s, "spi %u %d", n, l); break; }
		case 3: { u32 n = 20 + rnd(3); int l = rnd(3) != 0; ppi(&v, c, n, l); snprintf(s, sizeof s, "ppi %d %u %d", c, n, l); break; }
		case 4: { u32 n = rnd(4), t = 1 + rnd(3); wr(&v, c, ICC_SGI1R, (u64)n << 24 | t); snprintf(s, sizeof s, "sgi %u from %d to %#x", n, c, t); break; }
		case 5: {
			static const u32 R[] = { 0x104, 0x184, 0x204, 0x284, 0x304, 0x384 };
			u32 r = R[rnd(depth[0] || depth[1] ? 4 : 6)];
			if (r == 0x204) b2 &= 0xf0;
			gw32(&v, c, GICD + r, b2); snprintf(s, sizeof s, "gicd %#x %#x", r, b2); break;
		}
		case 6: {
			static const u32 R[] = { 0x100, 0x180, 0x200, 0x280, 0x300, 0x380 };
			u32 r = R[rnd(depth[0] || depth[1] ? 4 : 6)], w = 1u << (rnd(2) ? rnd(4) : 20 + rnd(3));
			if (r == 0x200) w &= 0xf;
			gw32(&v, c, SGI_BASE(c) + r, w); snprintf(s, sizeof s, "gicr %d %#x %#x", c, r, w); break;
		}
		case 7: { u32 n = 32 + rnd(8), p = new_priority(n); gw8(&v, 0, GICD + 0x400 + n, p); snprintf(s, sizeof s, "priority %u %#x", n, p); break; }
		case 8: { u32 n = 20 + rnd(3), p = new_priority(n); for (int k = 0; k < 2; k++) gw8(&v, k, SGI_BASE(k) + 0x400 + n, p); snprintf(s, sizeof s, "priority %u %#x", n, p); break; }
		case 9: { u32 n = 32 + rnd(8), t = rnd(3); gw64(&v, c, GICD + 0x6000 + 8 * n, t); snprintf(s, sizeof s, "irouter %u %u", n, t); break; }
		case 10: { u32 p = rnd(4) ? 0xf8 : rnd(32) << 3; wr(&v, c, ICC_PMR, p); snprintf(s, sizeof s, "pmr %d %#x", c, p); break; }
		case 11: { u32 p = depth[c] ? 0 : rnd(8); if (!depth[c]) wr(&v, c, ICC_BPR1, p); snprintf(s, sizeof s, "bpr1 %d %u", c, p); break; }
		case 12: { u32 w = ~(rnd(6) ? 0 : bit); if (!depth[0] && !depth[1]) gw32(&v, c, GICD + 0x84, w); snprintf(s, sizeof s, "igroupr1 %#x", w); break; }
		case 13: { u32 w = rnd(6) != 0; wr(&v, c, ICC_IGRPEN1, w); snprintf(s, sizeof s, "igrpen1 %d %u", c, w); break; }
		case 14: case 15: case 16:
			if (depth[c] < 8) {
				u64 a = rd(&v, c, ICC_IAR1);
				if (a < 1020) act[c][depth[c]++] = a;
				snprintf(s, sizeof s, "iar1 %d = %" PRIu64, c, a);
				break;
			}
			/* fall through */
		default:
			if (!depth[c]) { snprintf(s, sizeof s, "nothing to end %d", c); break; }
			wr(&v, c, ICC_EOIR1, act[c][--depth[c]]);
			snprintf(s, sizeof s, "eoir1 %d %" PRIu64, c, act[c][depth[c]]);
		}
		settle(&v);
		rec(" %d %s -> %" PRIu64 " %" PRIu64 " isr %#" PRIx64 " %#" PRIx64 " rpr %#" PRIx64 " %#" PRIx64 " pend %#x %#x %#x act %#x %#x %#x", i, s,
		    rd(&v, 0, ICC_HPPIR1), rd(&v, 1, ICC_HPPIR1), rd(&v, 0, ISR_EL1), rd(&v, 1, ISR_EL1), rd(&v, 0, ICC_RPR), rd(&v, 1, ICC_RPR),
		    gr32(&v, 0, GICD + 0x204), gr32(&v, 0, SGI_BASE(0) + 0x200), gr32(&v, 0, SGI_BASE(1) + 0x200),
		    gr32(&v, 0, GICD + 0x304), gr32(&v, 0, SGI_BASE(0) + 0x300), gr32(&v, 0, SGI_BASE(1) + 0x300));
	}
	vm_free(&v);
}

/* Beyond these steps the four list registers of the machine that was asked are too few for all. */
static int walk_steps = 352, walks = 3;

static void a_delivery(void)
{
	area("delivery");
	d_spis();
	d_private();
	d_lpis();
}

static void a_walks(void)
{
	area("its_walks");
	for (int i = 1; i <= walks; i++) walk(i, walk_steps);
	area("gic_walks");
	for (int i = 1; i <= walks; i++) gic_walk(i, walk_steps);
}
