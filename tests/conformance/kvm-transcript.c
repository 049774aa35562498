/* SPDX-License-Identifier: MIT */
/*
 * Records how KVM/arm64 answers its user-space API: VM IPA sizes, VGICv3
 * redistributor regions, the ITS's registers, commands and saved tables,
 * reset values.  One text file per area; one line per case: "case = answer".
 * Build: aarch64-linux-gnu-gcc -O2 -static -o kvm-transcript kvm-transcript.c
 * Use:   kvm-transcript OUTDIR [area...]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stddef.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

typedef uint64_t u64;
typedef uint32_t u32;

#ifndef KVM_ARM_VCPU_PSCI_0_2
#error "needs the arm64 headers"
#endif

enum {
	GPA_RAM = 0x40000000, RAM_SIZE = 0x800000,
	GPA_BOX = GPA_RAM + 0x2000,
	GPA_BUF = GPA_RAM + 0x200000,
	GPA_CMDQ = GPA_RAM + 0x10000, CMDQ_SIZE = 0x10000,
	GPA_DEVT = GPA_RAM + 0x20000,
	GPA_COLT = GPA_RAM + 0x30000,
	GPA_ITT = GPA_RAM + 0x40000,          /* dev n: + n * 0x10000 below 8 */
	GPA_PROP = GPA_RAM + 0x100000,
	GPA_PEND = GPA_RAM + 0x110000,        /* + vcpu * 0x10000 */
	GPA_L2 = GPA_RAM + 0x180000,
	GICD = 0x08000000, GICR = 0x080a0000, GITS = 0x08080000,
	GPA_EXIT = 0x10000000,
};

enum { GITS_CTLR = 0, GITS_IIDR = 4, GITS_TYPER = 8, GITS_CBASER = 0x80,
       GITS_CWRITER = 0x88, GITS_CREADR = 0x90, GITS_BASER0 = 0x100,
       GITS_BASER1 = 0x108 };

static FILE *out;
static const char *outdir;
static int kvm;

/* ---- recording ---- */
static const char *errname(int e)
{
	static char b[4][24]; static int i;
#define X(n) case n: return "-" #n;
	switch (e) {
	case 0: return "0";
	X(EPERM) X(ENOENT) X(EINTR) X(EIO) X(ENXIO) X(E2BIG) X(ENOEXEC) X(EBADF)
	X(EAGAIN) X(ENOMEM) X(EACCES) X(EFAULT) X(EBUSY) X(EEXIST) X(ENODEV)
	X(EINVAL) X(ENOTTY) X(ENOSPC) X(ERANGE) X(ENOSYS) X(EOPNOTSUPP) X(EMFILE)
	}
#undef X
	i = (i + 1) & 3;
	snprintf(b[i], sizeof b[i], "-%d", e);
	return b[i];
}

static void rec(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vfprintf(out, fmt, ap);
	va_end(ap);
	fputc('\n', out);
}

/* a plain result: "0", a positive number, or -ENAME */
static const char *res(long r)
{
	static char b[4][24]; static int i;
	if (r < 0)
		return errname(errno);
	i = (i + 1) & 3;
	snprintf(b[i], sizeof b[i], "%ld", r);
	return b[i];
}

static void area(const char *name)
{
	char p[256];
	if (out)
		fclose(out);
	snprintf(p, sizeof p, "%s/%s.txt", outdir, name);
	out = fopen(p, "w");
	if (!out) { perror(p); exit(1); }
	fprintf(stderr, "area %s\n", name);
}

/* ---- a VM ---- */
struct vm {
	int fd, gic, its, nv;
	int vcpu[8];
	struct kvm_run *run[8];
	uint8_t *ram;
};

static void *at(struct vm *v, u64 gpa) { return v->ram + (gpa - GPA_RAM); }

static int attr(int fd, unsigned long req, u32 group, u64 a, void *p)
{
	struct kvm_device_attr d = { .group = group, .attr = a, .addr = (u64)p };
	return ioctl(fd, req, &d);
}
#define SET(fd, g, a, p) attr(fd, KVM_SET_DEVICE_ATTR, g, a, p)
#define GET(fd, g, a, p) attr(fd, KVM_GET_DEVICE_ATTR, g, a, p)
#define HAS(fd, g, a) attr(fd, KVM_HAS_DEVICE_ATTR, g, a, NULL)

static int set_u64(int fd, u32 g, u64 a, u64 val) { return SET(fd, g, a, &val); }

static int mkdev_fl(int vmfd, u32 type, u32 flags)
{
	struct kvm_create_device c = { .type = type, .flags = flags };
	int r = ioctl(vmfd, KVM_CREATE_DEVICE, &c);
	if (r < 0)
		return r;
	return (flags & KVM_CREATE_DEVICE_TEST) ? 0 : (int)c.fd;
}
static int mkdev(int vmfd, u32 type) { return mkdev_fl(vmfd, type, 0); }

static int map_region(struct vm *v, u32 slot, u64 gpa, u64 size, void *host)
{
	struct kvm_userspace_memory_region r = { .slot = slot, .guest_phys_addr = gpa,
		.memory_size = size, .userspace_addr = (u64)host };
	return ioctl(v->fd, KVM_SET_USER_MEMORY_REGION, &r);
}

static int mkvcpu(struct vm *v, int n)
{
	struct kvm_vcpu_init in;
	int fd = ioctl(v->fd, KVM_CREATE_VCPU, (long)n);
	if (fd < 0)
		return -1;
	ioctl(v->fd, KVM_ARM_PREFERRED_TARGET, &in);
	memset(in.features, 0, sizeof in.features);
	in.features[0] |= 1u << KVM_ARM_VCPU_PSCI_0_2;
	if (ioctl(fd, KVM_ARM_VCPU_INIT, &in) < 0)
		return -1;
	v->vcpu[v->nv] = fd;
	v->run[v->nv] = mmap(NULL, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0),
			     PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	v->nv++;
	return fd;
}

static void vm_new(struct vm *v, long type, int nv)
{
	memset(v, 0, sizeof *v);
	v->gic = v->its = -1;
	v->fd = ioctl(kvm, KVM_CREATE_VM, type);
	if (v->fd < 0) { rec("SETUP create_vm(%ld) = %s", type, res(-1)); return; }
	v->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map_region(v, 0, GPA_RAM, RAM_SIZE, v->ram))
		rec("SETUP memory = %s", res(-1));
	for (int i = 0; i < nv; i++)
		if (mkvcpu(v, i) < 0)
			rec("SETUP vcpu %d = %s", i, res(-1));
}

static void vm_free(struct vm *v)
{
	if (v->its >= 0) close(v->its);
	if (v->gic >= 0) close(v->gic);
	for (int i = 0; i < v->nv; i++) {
		munmap(v->run[i], ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
		close(v->vcpu[i]);
	}
	if (v->fd >= 0) close(v->fd);
	if (v->ram) munmap(v->ram, RAM_SIZE);
}

#define G_ADDR KVM_DEV_ARM_VGIC_GRP_ADDR
#define G_CTRL KVM_DEV_ARM_VGIC_GRP_CTRL
#define G_ITS KVM_DEV_ARM_VGIC_GRP_ITS_REGS
#define G_DIST KVM_DEV_ARM_VGIC_GRP_DIST_REGS
#define G_REDIST KVM_DEV_ARM_VGIC_GRP_REDIST_REGS
#define A_DIST KVM_VGIC_V3_ADDR_TYPE_DIST
#define A_RED KVM_VGIC_V3_ADDR_TYPE_REDIST
#define A_REG KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION
#define REGION(count, base, flags, idx) \
	(((u64)(count) << 52) | (u64)(base) | ((u64)(flags) << 12) | (u64)(idx))

static void vm_gic(struct vm *v)
{
	v->gic = mkdev(v->fd, KVM_DEV_TYPE_ARM_VGIC_V3);
	if (v->gic < 0) rec("SETUP vgic = %s", res(-1));
	if (set_u64(v->gic, G_ADDR, A_DIST, GICD)) rec("SETUP dist = %s", res(-1));
	if (set_u64(v->gic, G_ADDR, A_RED, GICR)) rec("SETUP redist = %s", res(-1));
	u32 n = 128;
	if (SET(v->gic, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &n)) rec("SETUP nr_irqs = %s", res(-1));
	if (SET(v->gic, G_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL)) rec("SETUP init = %s", res(-1));
}

static void vm_its(struct vm *v)
{
	v->its = mkdev(v->fd, KVM_DEV_TYPE_ARM_VGIC_ITS);
	if (v->its < 0) rec("SETUP its = %s", res(-1));
	if (set_u64(v->its, G_ADDR, KVM_VGIC_ITS_ADDR_TYPE, GITS)) rec("SETUP its addr = %s", res(-1));
	if (SET(v->its, G_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL)) rec("SETUP its init = %s", res(-1));
}

static void vm_full(struct vm *v, int nv) { vm_new(v, 0, nv); vm_gic(v); vm_its(v); }

static u64 its_get(struct vm *v, u32 off)
{
	u64 x = 0xdeadbeefdeadbeef;
	if (GET(v->its, G_ITS, off, &x)) rec("  ! its get %#x = %s", off, res(-1));
	return x;
}
static int its_set(struct vm *v, u32 off, u64 x) { return SET(v->its, G_ITS, off, &x); }

/* ---- the tiny guest ---- */
asm(
"	.pushsection .rodata\n"
"	.balign 2048\n"
"	.globl gvec, gvec_end, gslot\n"
"gvec:\n"
"	.rept 16\n"
"	.balign 128\n"
"	mrs x10, esr_el1\n"
"	str x10, [x0, #32]\n"
"	mrs x10, far_el1\n"
"	str x10, [x0, #40]\n"
"	mrs x10, elr_el1\n"
"	add x10, x10, #4\n"
"	msr elr_el1, x10\n"
"	eret\n"
"	.endr\n"
"	.balign 128\n"
"gmain:\n"                             /* at +0x800; x0 box, x9 exit */
"	adr x10, gvec\n"
"	msr vbar_el1, x10\n"
"	isb\n"
"1:	str xzr, [x0, #32]\n"
"	str xzr, [x0, #40]\n"
"	ldr x1, [x0]\n"
"	ldr x2, [x0, #8]\n"
"	ldr x3, [x0, #16]\n"
"	ldr x4, [x0, #48]\n"          /* length */
"	ldr x5, [x0, #56]\n"          /* buffer */
"	cmp x1, #1\n	b.ne 2f\n	ldr w3, [x2]\n	b 9f\n"
"2:	cmp x1, #2\n	b.ne 2f\n	str w3, [x2]\n	b 9f\n"
"2:	cmp x1, #3\n	b.ne 2f\n	ldr x3, [x2]\n	b 9f\n"
"2:	cmp x1, #4\n	b.ne 2f\n	str x3, [x2]\n	b 9f\n"
"2:	cmp x1, #5\n	b.ne 2f\n	ldrb w3, [x2]\n	b 9f\n"
"2:	cmp x1, #6\n	b.ne 2f\n	strb w3, [x2]\n	b 9f\n"
"2:	cmp x1, #7\n	b.ne 2f\n	ldrh w3, [x2]\n	b 9f\n"
"2:	cmp x1, #8\n	b.ne 2f\n	strh w3, [x2]\n	b 9f\n"
"2:	cmp x1, #9\n	b.ne 2f\n"     /* read a range of words */
"3:	cbz x4, 9f\n	ldr w3, [x2]\n	add x2, x2, #4\n"   /* no writeback: the syndrome must be valid */
"	str w3, [x5], #4\n	sub x4, x4, #4\n	b 3b\n"
"2:	cmp x1, #10\n	b.ne 2f\n"    /* each word: write x3, read; pairs */
"3:	cbz x4, 9f\n	str w3, [x2]\n	ldr w6, [x2]\n	str w6, [x5], #4\n"
"	str wzr, [x2]\n	ldr w6, [x2]\n	add x2, x2, #4\n	str w6, [x5], #4\n	sub x4, x4, #4\n	b 3b\n"
"2:	ic iallu\n	dsb sy\n	isb\n"
"gslot:	nop\n"
"	isb\n"
"9:	str x3, [x0, #24]\n"
"	dsb sy\n"
"	str x3, [x9]\n"
"	b 1b\n"
"gvec_end:\n"
"	.popsection\n");
extern const char gvec[], gvec_end[], gslot[];

static int setreg(int vcpu, u64 id, u64 val)
{
	struct kvm_one_reg r = { .id = id, .addr = (u64)&val };
	return ioctl(vcpu, KVM_SET_ONE_REG, &r);
}
#define CORE(n) (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | \
		 (offsetof(struct kvm_regs, n) / 4))

static void guest_load(struct vm *v, int c)
{
	memcpy(at(v, GPA_RAM), gvec, gvec_end - gvec);
	setreg(v->vcpu[c], CORE(regs.pc), GPA_RAM + 0x800);
	setreg(v->vcpu[c], CORE(regs.regs[0]), GPA_BOX + c * 0x100);
	setreg(v->vcpu[c], CORE(regs.regs[9]), GPA_EXIT);
	setreg(v->vcpu[c], CORE(regs.pstate), 0x3c5);
}

struct box { u64 op, addr, val, out, esr, far, len, buf; };

static volatile sig_atomic_t alarmed;
static void on_alarm(int s) { (void)s; alarmed = 1; }

/* returns 0, or 1 with *why */
static int gdo(struct vm *v, int c, u64 op, u64 addr, u64 val, u64 len, u64 *o)
{
	volatile struct box *b = at(v, GPA_BOX + c * 0x100);
	struct kvm_run *run = v->run[c];
	int r;
	b->op = op; b->addr = addr; b->val = val; b->len = len; b->buf = GPA_BUF;
	alarmed = 0;
	alarm(60);
	r = ioctl(v->vcpu[c], KVM_RUN, 0);
	alarm(0);
	if (r < 0) { rec("  ! KVM_RUN = %s (op %d addr %#" PRIx64 ")", res(r), (int)op, addr); return 1; }
	if (run->exit_reason != KVM_EXIT_MMIO || run->mmio.phys_addr != GPA_EXIT) {
		rec("  ! exit %u mmio %#llx len %u w %u (op %d addr %#" PRIx64 ")", run->exit_reason,
		    run->mmio.phys_addr, run->mmio.len, run->mmio.is_write, (int)op, addr);
		return 1;
	}
	if (b->esr) {
		if (o) *o = ~0ull;
		rec("  ! guest exception esr %#" PRIx64 " far %#" PRIx64 " (op %d addr %#" PRIx64 ")",
		    b->esr, b->far, (int)op, addr);
		return 2;
	}
	if (o) *o = b->out;
	return 0;
}
static u64 gr64(struct vm *v, int c, u64 a) { u64 x = 0; gdo(v, c, 3, a, 0, 0, &x); return x; }
static void gw64(struct vm *v, int c, u64 a, u64 x) { gdo(v, c, 4, a, x, 0, NULL); }

#define SYS(o0, o1, n, m, o2) (((o0) << 14) | ((o1) << 11) | ((n) << 7) | ((m) << 3) | (o2))
static u64 gsys(struct vm *v, int c, u32 sr, int wr, u64 val)
{
	u64 x = 0;
	u32 w = (wr ? 0xd5100000 : 0xd5300000) | (((sr >> 14) - 2) << 19) | (((sr >> 11) & 7) << 16) |
		(((sr >> 7) & 15) << 12) | (((sr >> 3) & 15) << 8) | ((sr & 7) << 5) | 3;
	*(volatile u32 *)(v->ram + (gslot - gvec)) = w;
	__builtin___clear_cache((char *)v->ram, (char *)v->ram + 0x1000);
	gdo(v, c, 11, 0, val, 0, &x);
	return x;
}

/* ---- areas ---- */
static void a_ipa(void)
{
	static const long types[] = { 0, 31, 32, 33, 36, 39, 40, 41, 42, 44, 47, 48, 49, 51, 52, 53, 63, 64,
		0x100, 0x128, 0x10000, 0x80000000L, 0x80000020L };
	area("ipa");
	rec("KVM_GET_API_VERSION = %d", ioctl(kvm, KVM_GET_API_VERSION, 0));
	rec("KVM_GET_VCPU_MMAP_SIZE = %d", ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
	rec("KVM_CAP_ARM_VM_IPA_SIZE = %d", ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE));
	for (unsigned i = 0; i < sizeof types / sizeof *types; i++) {
		int fd = ioctl(kvm, KVM_CREATE_VM, types[i]);
		rec("create_vm type=%#lx = %s", types[i], fd < 0 ? res(fd) : "ok");
		if (fd < 0)
			continue;
		/* memory slots around the limit */
		struct vm v = { .fd = fd };
		void *m = mmap(NULL, 0x400000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		int bits = types[i] ? types[i] & 0xff : 40;
		u64 top = 1ull << bits;
		rec("  vm: KVM_CAP_ARM_VM_IPA_SIZE = %d", ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE));
		rec("  slot [top-2M,top) = %s", res(map_region(&v, 0, top - 0x200000, 0x200000, m)));
		rec("  slot [top-2M,top+2M) = %s", res(map_region(&v, 1, top - 0x200000, 0x400000, m)));
		rec("  slot [top,top+2M) = %s", res(map_region(&v, 2, top, 0x200000, m)));
		rec("  slot [top-4M,top-1M) overlap = %s", res(map_region(&v, 3, top - 0x400000, 0x300000, m)));
		rec("  slot unaligned gpa = %s", res(map_region(&v, 4, 0x40000800, 0x1000, m)));
		rec("  slot unaligned size = %s", res(map_region(&v, 4, 0x40000000, 0x1800, m)));
		rec("  slot unaligned hva = %s", res(map_region(&v, 4, 0x40000000, 0x1000, (char *)m + 0x800)));
		rec("  slot size 0 (absent) = %s", res(map_region(&v, 4, 0x40000000, 0, m)));
		rec("  slot id huge = %s", res(map_region(&v, 0x7fff, 0x50000000, 0x1000, m)));
		rec("  slot id 0x10000 = %s", res(map_region(&v, 0x10000, 0x60000000, 0x1000, m)));
		rec("  slot resize (live) = %s", res(map_region(&v, 0, top - 0x200000, 0x100000, m)));
		rec("  slot move (live) = %s", res(map_region(&v, 0, top - 0x800000, 0x200000, m)));
		rec("  slot delete = %s", res(map_region(&v, 0, top - 0x800000, 0, m)));
		rec("  slot delete again = %s", res(map_region(&v, 0, top - 0x800000, 0, m)));
		munmap(m, 0x400000);
		close(fd);
		/* VGIC addresses around the limit, with this IPA size */
		vm_new(&v, types[i], 1);
		v.gic = mkdev(v.fd, KVM_DEV_TYPE_ARM_VGIC_V3);
		rec("  dist at top-64K = %s", res(set_u64(v.gic, G_ADDR, A_DIST, top - 0x10000)));
		vm_free(&v);
		vm_new(&v, types[i], 1);
		v.gic = mkdev(v.fd, KVM_DEV_TYPE_ARM_VGIC_V3);
		rec("  dist at top = %s", res(set_u64(v.gic, G_ADDR, A_DIST, top)));
		rec("  redist at top-64K = %s", res(set_u64(v.gic, G_ADDR, A_RED, top - 0x10000)));
		rec("  redist at top = %s", res(set_u64(v.gic, G_ADDR, A_RED, top)));
		rec("  redist at top-128K = %s", res(set_u64(v.gic, G_ADDR, A_RED, top - 0x20000)));
		vm_free(&v);
		vm_new(&v, types[i], 1);
		v.its = mkdev(v.fd, KVM_DEV_TYPE_ARM_VGIC_V3);
		int its = mkdev(v.fd, KVM_DEV_TYPE_ARM_VGIC_ITS);
		rec("  its at top = %s", res(set_u64(its, G_ADDR, KVM_VGIC_ITS_ADDR_TYPE, top)));
		rec("  its at top-64K = %s", res(set_u64(its, G_ADDR, KVM_VGIC_ITS_ADDR_TYPE, top - 0x10000)));
		rec("  its at top-128K = %s", res(set_u64(its, G_ADDR, KVM_VGIC_ITS_ADDR_TYPE, top - 0x20000)));
		close(its);
		vm_free(&v);
	}
}

static void a_caps(void)
{
	area("caps");
	int fd = ioctl(kvm, KVM_CREATE_VM, 0);
	for (int c = 0; c < 256; c++) {
		int s = ioctl(kvm, KVM_CHECK_EXTENSION, c), m = ioctl(fd, KVM_CHECK_EXTENSION, c);
		if (s || m)
			rec("cap %d = %d (vm %d)", c, s, m);
	}
	struct kvm_vcpu_init in;
	memset(&in, 0, sizeof in);
	rec("preferred_target = %s", res(ioctl(fd, KVM_ARM_PREFERRED_TARGET, &in)));
	rec("  target %u features %#x", in.target, in.features[0]);
	close(fd);
	/* vCPU features one by one */
	for (int f = 0; f < 12; f++) {
		struct vm v;
		vm_new(&v, 0, 0);
		int c = ioctl(v.fd, KVM_CREATE_VCPU, 0L);
		ioctl(v.fd, KVM_ARM_PREFERRED_TARGET, &in);
		memset(in.features, 0, sizeof in.features);
		in.features[0] = 1u << f;
		rec("vcpu_init feature %d = %s", f, res(ioctl(c, KVM_ARM_VCPU_INIT, &in)));
		rec("  again with none = %s", (in.features[0] = 0, res(ioctl(c, KVM_ARM_VCPU_INIT, &in))));
		close(c);
		vm_free(&v);
	}
	struct vm v;
	vm_new(&v, 0, 0);
	int c = ioctl(v.fd, KVM_CREATE_VCPU, 0L);
	rec("run before init = %s", res(ioctl(c, KVM_RUN, 0)));
	struct kvm_one_reg r = { .id = CORE(regs.pc), .addr = (u64)&in };
	rec("get_one_reg before init = %s", res(ioctl(c, KVM_GET_ONE_REG, &r)));
	rec("create vcpu 0 again = %s", res(ioctl(v.fd, KVM_CREATE_VCPU, 0L)));
	rec("create vcpu 511 = %s", ioctl(v.fd, KVM_CREATE_VCPU, 511L) < 0 ? errname(errno) : "ok");
	rec("create vcpu 512 = %s", ioctl(v.fd, KVM_CREATE_VCPU, 512L) < 0 ? errname(errno) : "ok");
	in.target = 77;
	rec("init target 77 = %s", res(ioctl(c, KVM_ARM_VCPU_INIT, &in)));
	close(c);
	vm_free(&v);
}

#include "kvm-transcript-2.h"
#include "kvm-transcript-3.h"
