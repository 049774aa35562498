/* SPDX-License-Identifier: MIT */
/* The second part of kvm-transcript.c, which includes it. */

static void a_has_attr(void)
{
	struct vm v;
	area("has_attr");
	vm_full(&v, 1);
	for (int g = 0; g < 11; g++)
		for (int a = 0; a < 10; a++) {
			if (!HAS(v.gic, g, a)) rec("vgic group %d attr %d = 0", g, a);
			else if (errno != ENXIO) rec("vgic group %d attr %d = %s", g, a, res(-1));
		}
	for (int g = 0; g < 11; g++)
		for (int a = 0; a < 10; a++) {
			if (!HAS(v.its, g, a)) rec("its group %d attr %d = 0", g, a);
			else if (errno != ENXIO) rec("its group %d attr %d = %s", g, a, res(-1));
		}
	vm_free(&v);

	/* device creation */
	vm_new(&v, 0, 0);
	rec("test create V2 = %s", res(mkdev_fl(v.fd, KVM_DEV_TYPE_ARM_VGIC_V2, KVM_CREATE_DEVICE_TEST)));
	rec("test create V3 = %s", res(mkdev_fl(v.fd, KVM_DEV_TYPE_ARM_VGIC_V3, KVM_CREATE_DEVICE_TEST)));
	rec("test create ITS = %s", res(mkdev_fl(v.fd, KVM_DEV_TYPE_ARM_VGIC_ITS, KVM_CREATE_DEVICE_TEST)));
	rec("test create type 99 = %s", res(mkdev_fl(v.fd, 99, KVM_CREATE_DEVICE_TEST)));
	rec("test create VFIO = %s", res(mkdev_fl(v.fd, KVM_DEV_TYPE_VFIO, KVM_CREATE_DEVICE_TEST)));
	rec("create flags 2 = %s", res(mkdev_fl(v.fd, KVM_DEV_TYPE_ARM_VGIC_V3, 2)));
	rec("create V2 = %s", mkdev(v.fd, KVM_DEV_TYPE_ARM_VGIC_V2) < 0 ? errname(errno) : "ok");
	rec("create ITS before vgic = %s", (v.its = mkdev(v.fd, KVM_DEV_TYPE_ARM_VGIC_ITS)) < 0 ? errname(errno) : "ok");
	rec("  its init before vgic = %s", res(SET(v.its, G_CTRL, 0, NULL)));
	rec("  its addr before vgic = %s", res(set_u64(v.its, G_ADDR, KVM_VGIC_ITS_ADDR_TYPE, GITS)));
	rec("create irqchip ioctl = %s", res(ioctl(v.fd, KVM_CREATE_IRQCHIP, 0)));
	rec("create V3 = %s", (v.gic = mkdev(v.fd, KVM_DEV_TYPE_ARM_VGIC_V3)) < 0 ? errname(errno) : "ok");
	rec("create V3 twice = %s", mkdev(v.fd, KVM_DEV_TYPE_ARM_VGIC_V3) < 0 ? errname(errno) : "ok");
	rec("create irqchip after V3 = %s", res(ioctl(v.fd, KVM_CREATE_IRQCHIP, 0)));
	rec("init with no vcpu = %s", res(SET(v.gic, G_CTRL, 0, NULL)));
	vm_free(&v);

	vm_new(&v, 0, 1);
	rec("vcpu, then V3 = %s", (v.gic = mkdev(v.fd, KVM_DEV_TYPE_ARM_VGIC_V3)) < 0 ? errname(errno) : "ok");
	rec("init without addresses = %s", res(SET(v.gic, G_CTRL, 0, NULL)));
	rec("init again = %s", res(SET(v.gic, G_CTRL, 0, NULL)));
	rec("vcpu after init = %s", mkvcpu(&v, 1) < 0 ? errname(errno) : "ok");
	guest_load(&v, 0);
	rec("run without addresses = %s", res(ioctl(v.vcpu[0], KVM_RUN, 0)));
	rec("  then set dist = %s", res(set_u64(v.gic, G_ADDR, A_DIST, GICD)));
	rec("  then check_extension = %s", res(ioctl(v.fd, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE)));
	rec("  then run = %s", res(ioctl(v.vcpu[0], KVM_RUN, 0)));
	vm_free(&v);

	vm_new(&v, 0, 1);
	guest_load(&v, 0);
	u64 x;
	rec("no vgic: run = %d", gdo(&v, 0, 1, GPA_RAM, 0, 0, &x));
	rec("  V3 after a run = %s", mkdev(v.fd, KVM_DEV_TYPE_ARM_VGIC_V3) < 0 ? errname(errno) : "ok");
	vm_free(&v);

	/* NR_IRQS */
	static const u32 nr[] = { 0, 32, 63, 64, 65, 96, 100, 1023, 1024, 1056 };
	for (unsigned i = 0; i < sizeof nr / sizeof *nr; i++) {
		vm_new(&v, 0, 1);
		v.gic = mkdev(v.fd, KVM_DEV_TYPE_ARM_VGIC_V3);
		u32 n = nr[i], g = 0;
		int r = SET(v.gic, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &n);
		rec("nr_irqs %u = %s", nr[i], res(r));
		r = GET(v.gic, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &g);
		rec("  get = %s %u", res(r), g);
		n = 64;
		rec("  set 64 again = %s", res(SET(v.gic, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &n)));
		r = SET(v.gic, G_CTRL, 0, NULL);
		rec("  init = %s", res(r));
		r = GET(v.gic, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &g);
		rec("  get after init = %s %u", res(r), g);
		rec("  set after init = %s", res(SET(v.gic, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &n)));
		vm_free(&v);
	}
	/* bad pointers */
	vm_new(&v, 0, 1);
	v.gic = mkdev(v.fd, KVM_DEV_TYPE_ARM_VGIC_V3);
	rec("dist addr bad pointer = %s", res(SET(v.gic, G_ADDR, A_DIST, (void *)8)));
	rec("get dist bad pointer = %s", res(GET(v.gic, G_ADDR, A_DIST, (void *)8)));
	rec("nr_irqs bad pointer = %s", res(SET(v.gic, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, (void *)8)));
	rec("dist reg before init = %s", res(GET(v.gic, G_DIST, 0, &x)));
	rec("addr type 0 (v2 dist) = %s", res(set_u64(v.gic, G_ADDR, 0, GICD)));
	rec("addr type 4 (its) = %s", res(set_u64(v.gic, G_ADDR, 4, GICD)));
	rec("addr type 6 = %s", res(set_u64(v.gic, G_ADDR, 6, GICD)));
	rec("group 99 = %s", res(set_u64(v.gic, 99, 0, 0)));
	rec("ctrl 99 = %s", res(SET(v.gic, G_CTRL, 99, NULL)));
	rec("save pending before init = %s", res(SET(v.gic, G_CTRL, KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES, NULL)));
	vm_free(&v);
}

static void region_set(struct vm *v, const char *what, u64 val)
{
	rec("  region %s (%#" PRIx64 ") = %s", what, val, res(set_u64(v->gic, G_ADDR, A_REG, val)));
}
static void region_get(struct vm *v, int idx)
{
	u64 x = idx;
	int r = GET(v->gic, G_ADDR, A_REG, &x);
	rec("  get region %d = %s %#" PRIx64, idx, res(r), x);
}
static void addr_get(struct vm *v, const char *n, int a)
{
	u64 x = 0x1234;
	int r = GET(v->gic, G_ADDR, a, &x);
	rec("  get %s = %s %#" PRIx64, n, res(r), x);
}
static void gic_new(struct vm *v, const char *name, int nv)
{
	rec("%s:", name);
	vm_new(v, 0, nv);
	v->gic = mkdev(v->fd, KVM_DEV_TYPE_ARM_VGIC_V3);
}
static void gic_init_run(struct vm *v)
{
	u64 x;
	rec("  init = %s", res(SET(v->gic, G_CTRL, 0, NULL)));
	guest_load(v, 0);
	rec("  run = %d", gdo(v, 0, 1, GPA_RAM, 0, 0, &x));
	addr_get(v, "dist", A_DIST);
	addr_get(v, "redist", A_RED);
	for (int i = 0; i < 4; i++) region_get(v, i);
}

static void a_redist(void)
{
	struct vm v;
	area("vgic_redist");
	gic_new(&v, "nothing set", 2);
	addr_get(&v, "dist", A_DIST); addr_get(&v, "redist", A_RED); region_get(&v, 0);
	gic_init_run(&v);
	vm_free(&v);

	gic_new(&v, "dist cases", 2);
	rec("  dist misaligned 0x1000 = %s", res(set_u64(v.gic, G_ADDR, A_DIST, GICD + 0x1000)));
	rec("  dist beyond ipa = %s", res(set_u64(v.gic, G_ADDR, A_DIST, 1ull << 40)));
	rec("  dist straddling ipa-1 page = %s", res(set_u64(v.gic, G_ADDR, A_DIST, (1ull << 40) - 0x8000)));
	rec("  dist good = %s", res(set_u64(v.gic, G_ADDR, A_DIST, GICD)));
	rec("  dist twice same = %s", res(set_u64(v.gic, G_ADDR, A_DIST, GICD)));
	rec("  dist twice other = %s", res(set_u64(v.gic, G_ADDR, A_DIST, 0x20000000)));
	addr_get(&v, "dist", A_DIST);
	rec("  redist misaligned = %s", res(set_u64(v.gic, G_ADDR, A_RED, GICR + 0x1000)));
	rec("  redist beyond ipa = %s", res(set_u64(v.gic, G_ADDR, A_RED, 1ull << 40)));
	rec("  redist overlapping dist = %s", res(set_u64(v.gic, G_ADDR, A_RED, GICD)));
	rec("  redist ending in dist = %s", res(set_u64(v.gic, G_ADDR, A_RED, GICD - 0x10000)));
	rec("  redist good = %s", res(set_u64(v.gic, G_ADDR, A_RED, GICR)));
	rec("  redist twice = %s", res(set_u64(v.gic, G_ADDR, A_RED, GICR)));
	rec("  redist twice other = %s", res(set_u64(v.gic, G_ADDR, A_RED, GICR + 0x100000)));
	region_set(&v, "after legacy", REGION(2, 0x20000000, 0, 0));
	region_set(&v, "after legacy, index 1", REGION(2, 0x20000000, 0, 1));
	region_get(&v, 0); region_get(&v, 1);
	gic_init_run(&v);
	rec("  dist after run = %s", res(set_u64(v.gic, G_ADDR, A_DIST, 0x20000000)));
	rec("  redist after run = %s", res(set_u64(v.gic, G_ADDR, A_RED, 0x20000000)));
	vm_free(&v);

	gic_new(&v, "region then legacy", 2);
	rec("  dist = %s", res(set_u64(v.gic, G_ADDR, A_DIST, GICD)));
	region_set(&v, "0 count 2", REGION(2, 0x20000000, 0, 0));
	rec("  legacy = %s", res(set_u64(v.gic, G_ADDR, A_RED, GICR)));
	addr_get(&v, "redist", A_RED);
	gic_init_run(&v);
	vm_free(&v);

	gic_new(&v, "region cases", 4);
	rec("  dist = %s", res(set_u64(v.gic, G_ADDR, A_DIST, GICD)));
	region_set(&v, "index 1 first", REGION(2, 0x20000000, 0, 1));
	region_set(&v, "count 0", REGION(0, 0x20000000, 0, 0));
	region_set(&v, "flags 1", REGION(2, 0x20000000, 1, 0));
	region_set(&v, "flags 8", REGION(2, 0x20000000, 8, 0));
	region_set(&v, "flags 1 count 0", REGION(0, 0x20000000, 1, 0));
	region_set(&v, "overlaps dist", REGION(2, GICD, 0, 0));
	region_set(&v, "ends in dist", REGION(2, GICD - 0x20000, 0, 0));
	region_set(&v, "touches dist from below", REGION(1, GICD - 0x20000, 0, 0));
	region_get(&v, 0);
	region_set(&v, "index 0 twice", REGION(2, 0x20000000, 0, 0));
	region_set(&v, "index 2 (skips 1)", REGION(2, 0x20000000, 0, 2));
	region_set(&v, "1 overlaps region 0", REGION(2, GICD - 0x20000, 0, 1));
	region_set(&v, "1 at ipa end", REGION(1, 1ull << 40, 0, 1));
	region_set(&v, "1 straddles ipa end", REGION(2, (1ull << 40) - 0x20000, 0, 1));
	region_set(&v, "1 last in ipa", REGION(1, (1ull << 40) - 0x20000, 0, 1));
	region_set(&v, "2 wraps 2^52", REGION(4095, 0xffffffffe0000, 0, 2));
	region_set(&v, "2 count 4095", REGION(4095, 0x100000000, 0, 2));
	region_set(&v, "3", REGION(1, 0x30000000, 0, 3));
	region_set(&v, "4", REGION(1, 0x31000000, 0, 4));
	region_set(&v, "4095", REGION(1, 0x32000000, 0, 4095));
	for (int i = 0; i < 6; i++) region_get(&v, i);
	u64 x = REGION(7, 0x12340000, 3, 0);
	int r = GET(v.gic, G_ADDR, A_REG, &x);
	rec("  get region 0 with other bits preset = %s %#" PRIx64, res(r), x);
	gic_init_run(&v);
	region_set(&v, "5 after run", REGION(1, 0x34000000, 0, 5));
	vm_free(&v);

	gic_new(&v, "region overlapping memory slot", 2);
	rec("  dist = %s", res(set_u64(v.gic, G_ADDR, A_DIST, GICD)));
	region_set(&v, "in RAM", REGION(2, GPA_RAM + 0x100000, 0, 0));
	gic_init_run(&v);
	vm_free(&v);

	gic_new(&v, "dist in RAM", 2);
	rec("  dist = %s", res(set_u64(v.gic, G_ADDR, A_DIST, GPA_RAM + 0x100000)));
	region_set(&v, "0", REGION(2, 0x20000000, 0, 0));
	gic_init_run(&v);
	vm_free(&v);

	gic_new(&v, "too few redistributors", 4);
	rec("  dist = %s", res(set_u64(v.gic, G_ADDR, A_DIST, GICD)));
	region_set(&v, "0 count 2", REGION(2, 0x20000000, 0, 0));
	region_set(&v, "1 count 1", REGION(1, 0x30000000, 0, 1));
	gic_init_run(&v);
	region_set(&v, "2 count 1 afterwards", REGION(1, 0x31000000, 0, 2));
	gic_init_run(&v);
	vm_free(&v);

	gic_new(&v, "legacy too high for vcpus", 4);
	rec("  dist = %s", res(set_u64(v.gic, G_ADDR, A_DIST, GICD)));
	rec("  redist room for 2 of 4 = %s", res(set_u64(v.gic, G_ADDR, A_RED, (1ull << 40) - 0x40000)));
	gic_init_run(&v);
	vm_free(&v);

	gic_new(&v, "legacy overlapping dist through growth", 4);
	rec("  dist = %s", res(set_u64(v.gic, G_ADDR, A_DIST, GICD)));
	rec("  redist 2 below dist, 4 vcpus = %s", res(set_u64(v.gic, G_ADDR, A_RED, GICD - 0x40000)));
	gic_init_run(&v);
	vm_free(&v);

	gic_new(&v, "legacy before vcpus", 0);
	rec("  dist = %s", res(set_u64(v.gic, G_ADDR, A_DIST, GICD)));
	rec("  redist = %s", res(set_u64(v.gic, G_ADDR, A_RED, GICD - 0x40000)));
	for (int i = 0; i < 4; i++) {
		int q = mkvcpu(&v, i);
		rec("  vcpu %d = %s", i, q < 0 ? res(q) : "ok");
	}
	gic_init_run(&v);
	vm_free(&v);

	gic_new(&v, "regions before vcpus", 0);
	rec("  dist = %s", res(set_u64(v.gic, G_ADDR, A_DIST, GICD)));
	region_set(&v, "0 count 2", REGION(2, 0x20000000, 0, 0));
	for (int i = 0; i < 4; i++) {
		int q = mkvcpu(&v, i);
		rec("  vcpu %d = %s", i, q < 0 ? res(q) : "ok");
	}
	region_set(&v, "1 count 2", REGION(2, 0x30000000, 0, 1));
	gic_init_run(&v);
	/* GICR_TYPER of each: the Last bit */
	for (int i = 0; i < 4; i++) {
		u32 lo = 0, hi = 0;
		r = GET(v.gic, G_REDIST, ((u64)i << 32) | 8, &lo);
		int r2 = GET(v.gic, G_REDIST, ((u64)i << 32) | 12, &hi);
		rec("  vcpu %d GICR_TYPER = %s %s %08x_%08x", i, res(r), res(r2), hi, lo);
	}
	vm_free(&v);

	gic_new(&v, "discontiguous regions, Last bits", 4);
	rec("  dist = %s", res(set_u64(v.gic, G_ADDR, A_DIST, GICD)));
	region_set(&v, "0 count 1", REGION(1, 0x20000000, 0, 0));
	region_set(&v, "1 adjacent count 1", REGION(1, 0x20020000, 0, 1));
	region_set(&v, "2 apart count 3", REGION(3, 0x30000000, 0, 2));
	gic_init_run(&v);
	for (int i = 0; i < 4; i++) {
		u32 lo = 0, hi = 0;
		r = GET(v.gic, G_REDIST, ((u64)i << 32) | 8, &lo);
		int r2 = GET(v.gic, G_REDIST, ((u64)i << 32) | 12, &hi);
		rec("  vcpu %d GICR_TYPER = %s %s %08x_%08x", i, res(r), res(r2), hi, lo);
	}
	rec("  guest read TYPER @0x20000008 = %#" PRIx64, gr64(&v, 0, 0x20000008));
	rec("  guest read TYPER @0x20020008 = %#" PRIx64, gr64(&v, 0, 0x20020008));
	rec("  guest read TYPER @0x30000008 = %#" PRIx64, gr64(&v, 0, 0x30000008));
	rec("  guest read TYPER @0x30020008 = %#" PRIx64, gr64(&v, 0, 0x30020008));
	rec("  unused redistributor in region:");
	gr64(&v, 0, 0x30040008);
	vm_free(&v);
}

/* ---- reset values ---- */
static void dump_attr32(struct vm *v, const char *n, int group, u64 base, u32 end)
{
	/* runs of the same answer are folded */
	u32 start = 0, val = 0, i;
	char prev[64] = "", cur[64];
	for (i = 0; i <= end; i += 4) {
		if (i < end) {
			u32 x = 0xdeadbeef;
			int r = GET(v->gic, group, base | i, &x);
			if (r) snprintf(cur, sizeof cur, "%s", res(r));
			else snprintf(cur, sizeof cur, "%#010x", x);
		} else
			snprintf(cur, sizeof cur, "END");
		if (strcmp(cur, prev)) {
			if (*prev) {
				if (start == i - 4) rec("%s %#06x = %s", n, start, prev);
				else rec("%s %#06x..%#06x = %s", n, start, i - 4, prev);
			}
			start = i;
			strcpy(prev, cur);
		}
		(void)val;
	}
}

static void dump_buf(struct vm *v, const char *n, u32 len, int pairs)
{
	u32 *b = at(v, GPA_BUF), start = 0;
	for (u32 i = 1; i <= len / 4; i++) {
		int same = i < len / 4 && (pairs ? b[2 * i] == b[2 * start] && b[2 * i + 1] == b[2 * start + 1]
					     : b[i] == b[start]);
		if (same) continue;
		char rng[32];
		if (start == i - 1) snprintf(rng, sizeof rng, "%#06x", start * 4);
		else snprintf(rng, sizeof rng, "%#06x..%#06x", start * 4, (i - 1) * 4);
		if (pairs) rec("%s %s = ones %#010x zeros %#010x", n, rng, b[2 * start], b[2 * start + 1]);
		else rec("%s %s = %#010x", n, rng, b[start]);
		start = i;
	}
}

static const struct { const char *n; u32 sr; } icc[] = {
	{ "ICC_PMR_EL1", SYS(3, 0, 4, 6, 0) }, { "ICC_IAR0_EL1", SYS(3, 0, 12, 8, 0) },
	{ "ICC_HPPIR0_EL1", SYS(3, 0, 12, 8, 2) }, { "ICC_BPR0_EL1", SYS(3, 0, 12, 8, 3) },
	{ "ICC_AP0R0_EL1", SYS(3, 0, 12, 8, 4) }, { "ICC_AP0R1_EL1", SYS(3, 0, 12, 8, 5) },
	{ "ICC_AP0R2_EL1", SYS(3, 0, 12, 8, 6) }, { "ICC_AP0R3_EL1", SYS(3, 0, 12, 8, 7) },
	{ "ICC_AP1R0_EL1", SYS(3, 0, 12, 9, 0) }, { "ICC_AP1R1_EL1", SYS(3, 0, 12, 9, 1) },
	{ "ICC_AP1R2_EL1", SYS(3, 0, 12, 9, 2) }, { "ICC_AP1R3_EL1", SYS(3, 0, 12, 9, 3) },
	{ "ICC_RPR_EL1", SYS(3, 0, 12, 11, 3) }, { "ICC_IAR1_EL1", SYS(3, 0, 12, 12, 0) },
	{ "ICC_HPPIR1_EL1", SYS(3, 0, 12, 12, 2) }, { "ICC_BPR1_EL1", SYS(3, 0, 12, 12, 3) },
	{ "ICC_CTLR_EL1", SYS(3, 0, 12, 12, 4) }, { "ICC_SRE_EL1", SYS(3, 0, 12, 12, 5) },
	{ "ICC_IGRPEN0_EL1", SYS(3, 0, 12, 12, 6) }, { "ICC_IGRPEN1_EL1", SYS(3, 0, 12, 12, 7) },
	{ "ICC_SRE_EL2", SYS(3, 4, 12, 9, 5) }, { "ICH_VTR_EL2", SYS(3, 4, 12, 11, 1) },
	{ "ICH_HCR_EL2", SYS(3, 4, 12, 11, 0) },
};
#define ICC_N (sizeof icc / sizeof *icc)

static void a_reset(void)
{
	struct vm v;
	area("reset_userspace");
	vm_full(&v, 2);
	dump_attr32(&v, "GICD", G_DIST, 0, 0x10000);
	dump_attr32(&v, "GICR0_RD", G_REDIST, 0, 0x10000);
	dump_attr32(&v, "GICR0_SGI", G_REDIST, 0x10000, 0x10000);
	dump_attr32(&v, "GICR1_RD", G_REDIST, 1ull << 32, 0x10000);
	u32 x;
	rec("GICR0 beyond the frames 0x20000 = %s", res(GET(v.gic, G_REDIST, 0x20000, &x)));
	rec("GICD unaligned 2 = %s", res(GET(v.gic, G_DIST, 2, &x)));
	rec("GICD beyond 0x10000 = %s", res(GET(v.gic, G_DIST, 0x10000, &x)));
	rec("GICR unknown mpidr 5 = %s", res(GET(v.gic, G_REDIST, 5ull << 32, &x)));
	rec("GICD with mpidr 1 = %s", res(GET(v.gic, G_DIST, 1ull << 32, &x)));
	rec("GICD with unknown mpidr 5 = %s", res(GET(v.gic, G_DIST, 5ull << 32, &x)));
	rec("GICR at mpidr with aff1=1 = %s", res(GET(v.gic, G_REDIST, 1ull << 40, &x)));
	/* GICD_IIDR writes */
	for (u32 i = 0; i < 8; i++) {
		u32 w = 0x4b00043b | i << 12;
		w = (w & ~0xf000u) | i << 12;
		int r = SET(v.gic, G_DIST, 8, &w);
		GET(v.gic, G_DIST, 8, &x);
		rec("GICD_IIDR revision %u (%#x) = %s, reads %#x", i, w, res(r), x);
	}
	x = 0x12345678;
	rec("GICD_IIDR other implementer = %s", res(SET(v.gic, G_DIST, 8, &x)));
	/* line level */
	for (u64 i = 0; i < 160; i += 32) {
		x = 0xdead;
		int r = GET(v.gic, KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO, i, &x);
		rec("LEVEL_INFO intid %" PRIu64 " = %s %#x", i, res(r), x);
		x = 0xffffffff;
		r = SET(v.gic, KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO, i, &x);
		rec("  set ones = %s", res(r));
		r = GET(v.gic, KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO, i, &x);
		rec("  get = %s %#x", res(r), x);
		x = 0;
		SET(v.gic, KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO, i, &x);
	}
	rec("LEVEL_INFO intid 33 = %s", res(GET(v.gic, KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO, 33, &x)));
	rec("LEVEL_INFO info 1 = %s", res(GET(v.gic, KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO, 32 | 1 << 10, &x)));
	vm_free(&v);

	/* writes of every 32-bit attribute: what sticks */
	area("write_userspace");
	for (int f = 0; f < 3; f++) {
		int g = f ? G_REDIST : G_DIST;
		u32 off0 = f == 2 ? 0x10000 : 0;
		const char *n = f == 0 ? "GICD" : f == 1 ? "GICR_RD" : "GICR_SGI";
		vm_full(&v, 2);
		for (u32 i = 0; i < 0x10000; i += 4) {
			u32 before = 0, ones = 0xffffffff, zero = 0, a1 = 0, a0 = 0;
			if (GET(v.gic, g, off0 | i, &before))
				continue;
			int r1 = SET(v.gic, g, off0 | i, &ones);
			GET(v.gic, g, off0 | i, &a1);
			const char *e1 = res(r1);
			int r0 = SET(v.gic, g, off0 | i, &zero);
			GET(v.gic, g, off0 | i, &a0);
			if (r1 || r0 || a1 != before || a0 != before)
				rec("%s %#06x was %#010x: ones = %s -> %#010x; zeros = %s -> %#010x", n, i, before,
				    e1, a1, res(r0), a0);
		}
		vm_free(&v);
	}

	area("cpu_sysregs");
	vm_full(&v, 2);
	for (u32 i = 0; i < ICC_N; i++) {
		u64 y = 0xdeadbeef;
		int r = HAS(v.gic, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, icc[i].sr);
		const char *h = res(r);
		r = GET(v.gic, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, icc[i].sr, &y);
		rec("%s has %s, get = %s %#" PRIx64, icc[i].n, h, res(r), r ? 0 : y);
		if (r) continue;
		u64 old = y, w = ~0ull;
		r = SET(v.gic, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, icc[i].sr, &w);
		GET(v.gic, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, icc[i].sr, &y);
		rec("  ones = %s -> %#" PRIx64, res(r), y);
		w = 0;
		r = SET(v.gic, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, icc[i].sr, &w);
		GET(v.gic, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, icc[i].sr, &y);
		rec("  zero = %s -> %#" PRIx64, res(r), y);
		r = SET(v.gic, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, icc[i].sr, &old);
		rec("  old = %s", res(r));
	}
	u64 y;
	rec("any register outside = %s", res(GET(v.gic, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, SYS(3, 0, 1, 0, 0), &y)));
	rec("unknown mpidr = %s", res(GET(v.gic, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, (5ull << 32) | icc[0].sr, &y)));
	rec("RES bit 16 set = %s", res(GET(v.gic, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, (1ull << 16) | icc[0].sr, &y)));
	vm_free(&v);
	vm_new(&v, 0, 1);
	v.gic = mkdev(v.fd, KVM_DEV_TYPE_ARM_VGIC_V3);
	rec("before init: get PMR = %s", res(GET(v.gic, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, icc[0].sr, &y)));
	vm_free(&v);

	area("reset_guest");
	vm_full(&v, 2);
	guest_load(&v, 0);
	static const struct { const char *n; u64 a; u32 len; } fr[] = {
		{ "GICD", GICD, 0x10000 }, { "GICR0_RD", GICR, 0x10000 }, { "GICR0_SGI", GICR + 0x10000, 0x10000 },
		{ "GICR1_RD", GICR + 0x20000, 0x10000 }, { "GITS", GITS, 0x10000 }, { "GITS_TRANS", GITS + 0x10000, 0x10000 } };
	for (int i = 0; i < 6; i++) {
		rec("frame %s: %d", fr[i].n, gdo(&v, 0, 9, fr[i].a, 0, fr[i].len, NULL));
		dump_buf(&v, fr[i].n, fr[i].len, 0);
	}
	for (u32 i = 0; i < ICC_N; i++) {
		u64 z = gsys(&v, 0, icc[i].sr, 0, 0);
		rec("guest mrs %s = %#" PRIx64, icc[i].n, z);
	}
	static const u32 ws[] = { 0, 3, 15, 16, 17, 18, 19 };
	for (unsigned i = 0; i < sizeof ws / sizeof *ws; i++) {
		const typeof(icc[0]) *p = &icc[ws[i]];
		gsys(&v, 0, p->sr, 1, ~0ull);
		u64 a = gsys(&v, 0, p->sr, 0, 0);
		gsys(&v, 0, p->sr, 1, 0);
		u64 b = gsys(&v, 0, p->sr, 0, 0);
		rec("guest msr %s ones -> %#" PRIx64 " zero -> %#" PRIx64, p->n, a, b);
	}
	{
		/* a load with writeback has no valid syndrome */
		*(volatile u32 *)(v.ram + (gslot - gvec)) = 0xb8404443; /* ldr w3, [x2], #4 */
		rec("guest ldr with writeback at GICD_CTLR (gdo %d)", gdo(&v, 0, 11, GICD, 0, 0, NULL));
		struct kvm_one_reg pc = { .id = CORE(regs.pc) };
		u64 y = 0;
		pc.addr = (u64)&y;
		ioctl(v.vcpu[0], KVM_GET_ONE_REG, &pc);
		rec("  pc then at the load's offset %+d", (int)(y - (GPA_RAM + (gslot - gvec))));
		guest_load(&v, 0);
	}
	/* sizes of access */
	static const struct { const char *n; u64 a; } acc[] = {
		{ "GICD_CTLR", GICD }, { "GICD_TYPER", GICD + 4 }, { "GICD_IPRIORITYR8", GICD + 0x420 },
		{ "GICD_IROUTER32", GICD + 0x6100 }, { "GICR_TYPER", GICR + 8 }, { "GICR_PROPBASER", GICR + 0x70 },
		{ "GITS_TYPER", GITS + 8 }, { "GITS_CBASER", GITS + 0x80 }, { "GITS_BASER0", GITS + 0x100 },
		{ "GITS_PIDR2", GITS + 0xffe8 } };
	for (unsigned i = 0; i < sizeof acc / sizeof *acc; i++) {
		u64 q[4] = { 0 };
		gdo(&v, 0, 5, acc[i].a, 0, 0, &q[0]);
		gdo(&v, 0, 7, acc[i].a, 0, 0, &q[1]);
		gdo(&v, 0, 1, acc[i].a, 0, 0, &q[2]);
		gdo(&v, 0, 3, acc[i].a, 0, 0, &q[3]);
		rec("access %s: byte %#" PRIx64 " half %#" PRIx64 " word %#" PRIx64 " dword %#" PRIx64, acc[i].n, q[0], q[1], q[2], q[3]);
	}
	vm_free(&v);

	area("write_guest");
	for (int i = 0; i < 5; i++) {
		if (i == 3) continue;
		vm_full(&v, 2);
		guest_load(&v, 0);
		rec("frame %s: %d", fr[i].n, gdo(&v, 0, 10, fr[i].a, 0xffffffff, fr[i].len, NULL));
		dump_buf(&v, fr[i].n, fr[i].len, 1);
		vm_free(&v);
	}
}

/* ---- ITS ---- */
static void its_reg(struct vm *v, const char *n, u32 off)
{
	u64 x = 0xdeadbeefdeadbeef;
	int r = GET(v->its, G_ITS, off, &x);
	rec("  %s (%#x) = %s %#018" PRIx64, n, off, res(r), r ? 0 : x);
}
static void its_all(struct vm *v)
{
	static const struct { const char *n; u32 o; } R[] = {
		{ "CTLR", 0 }, { "IIDR", 4 }, { "TYPER", 8 }, { "CBASER", 0x80 }, { "CWRITER", 0x88 },
		{ "CREADR", 0x90 }, { "BASER0", 0x100 }, { "BASER1", 0x108 }, { "BASER2", 0x110 },
		{ "BASER3", 0x118 }, { "BASER4", 0x120 }, { "BASER5", 0x128 }, { "BASER6", 0x130 },
		{ "BASER7", 0x138 } };
	for (unsigned i = 0; i < sizeof R / sizeof *R; i++) its_reg(v, R[i].n, R[i].o);
}
static void its_wr(struct vm *v, const char *n, u32 off, u64 val)
{
	int r = its_set(v, off, val);
	const char *e = res(r);
	u64 x = 0;
	int g = GET(v->its, G_ITS, off, &x);
	rec("  set %s (%#x) %#018" PRIx64 " = %s, reads %s %#018" PRIx64, n, off, val, e, res(g), x);
}
