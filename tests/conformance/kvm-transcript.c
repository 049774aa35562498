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

int main(int argc, char **argv)
{
	static const struct { const char *n; void (*f)(void); } A[] = {
		{ "ipa", a_ipa }, { "caps", a_caps }, { "has_attr", a_has_attr }, { "redist", a_redist },
		{ "reset", a_reset }, { "its_regs", a_its_regs }, { "its_tables", a_its_tables },
	};
	struct sigaction sa = { .sa_handler = on_alarm };
	sigaction(SIGALRM, &sa, NULL);
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
