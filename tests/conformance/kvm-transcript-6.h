/* SPDX-License-Identifier: MIT */
/* The sixth part of kvm-transcript.c, which includes it: what a guest finds behind HVC and SMC. */

asm(
"	.pushsection .rodata\n"
"	.balign 2048\n"
"	.globl gcall, gcall_slot, gcall_end\n"
"gcall:\n"                              /* x20: box, x21: exit */
"1:	ldp x0, x1, [x20]\n"
"	ldp x2, x3, [x20, #16]\n"
"	mov x4, #0x44\n	mov x5, #0x55\n	mov x17, #0x17\n"
"	ic iallu\n	dsb sy\n	isb\n"
"gcall_slot: hvc #0\n"
"	stp x0, x1, [x20]\n"
"	stp x2, x3, [x20, #16]\n"
"	stp x4, x17, [x20, #32]\n"
"	dsb sy\n"
"	str x0, [x21]\n"
"	b 1b\n"
"gcall_end:\n"
"	.popsection\n");
extern const char gcall[], gcall_slot[], gcall_end[];

#define FWREG(n) (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_FW | (n))
#define BMAPREG(n) (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | 0x160000 | (n))

static int getreg(int vcpu, u64 id, u64 *val)
{
	struct kvm_one_reg r = { .id = id, .addr = (u64)val };
	return ioctl(vcpu, KVM_GET_ONE_REG, &r);
}

static int mkvcpu_features(struct vm *v, int n, u32 features)
{
	struct kvm_vcpu_init in;
	int fd = ioctl(v->fd, KVM_CREATE_VCPU, (long)n);
	ioctl(v->fd, KVM_ARM_PREFERRED_TARGET, &in);
	memset(in.features, 0, sizeof in.features);
	in.features[0] = features;
	if (ioctl(fd, KVM_ARM_VCPU_INIT, &in) < 0) rec("SETUP init = %s", res(-1));
	v->vcpu[v->nv] = fd;
	v->run[v->nv] = mmap(NULL, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	v->nv++;
	return fd;
}

static void call_load(struct vm *v, int c)
{
	memcpy((char *)at(v, GPA_RAM) + 0x4000, gcall, gcall_end - gcall);
	setreg(v->vcpu[c], CORE(regs.pc), GPA_RAM + 0x4000);
	setreg(v->vcpu[c], CORE(regs.regs[20]), GPA_BOX + c * 0x100);
	setreg(v->vcpu[c], CORE(regs.regs[21]), GPA_EXIT);
	setreg(v->vcpu[c], CORE(regs.pstate), 0x3c5);
}

static void call_vm(struct vm *v, u32 f0, u32 f1)
{
	vm_new(v, 0, 0);
	mkvcpu_features(v, 0, f0);
	mkvcpu_features(v, 1, f1);
	vm_gic(v);
	call_load(v, 0); call_load(v, 1);
}

static void call_insn(struct vm *v, u32 insn)
{
	*(volatile u32 *)((char *)at(v, GPA_RAM) + 0x4000 + (gcall_slot - gcall)) = insn;
}

/* One call; what came back, or how KVM_RUN ended. */
static int call(struct vm *v, int c, u64 a, u64 b, u64 d, u64 e, u64 out[6])
{
	volatile u64 *box = at(v, GPA_BOX + c * 0x100);
	struct kvm_run *run = v->run[c];
	box[0] = a; box[1] = b; box[2] = d; box[3] = e;
	alarmed = 0;
	ualarm(300000, 0);
	int r = ioctl(v->vcpu[c], KVM_RUN, 0);
	ualarm(0, 0);
	if (r < 0) { rec("  %#" PRIx64 ": KVM_RUN = %s", a, res(r)); return -1; }
	if (run->exit_reason != KVM_EXIT_MMIO) {
		u64 x0 = 0, pc = 0;
		getreg(v->vcpu[c], CORE(regs.regs[0]), &x0);
		getreg(v->vcpu[c], CORE(regs.pc), &pc);
		rec("  %#" PRIx64 "(%#" PRIx64 "): exit %u, type %u ndata %u data0 %#llx, nr %#llx flags %#llx, x0 %#" PRIx64 " pc +%#" PRIx64, a, b, run->exit_reason,
		    run->exit_reason == 24 ? run->system_event.type : 0, run->exit_reason == 24 ? run->system_event.ndata : 0,
		    run->exit_reason == 24 && run->system_event.ndata ? (unsigned long long)run->system_event.data[0] : 0,
		    run->exit_reason == 3 ? (unsigned long long)run->hypercall.nr : 0, run->exit_reason == 3 ? *(unsigned long long *)((char *)&run->hypercall + 64) : 0,
		    x0, pc - (GPA_RAM + 0x4000) - (gcall_slot - gcall));
		return 1;
	}
	for (int i = 0; i < 6; i++) out[i] = box[i];
	return 0;
}

static void say(struct vm *v, int c, u64 a, u64 b, u64 d, u64 e)
{
	u64 o[6];
	if (call(v, c, a, b, d, e, o)) return;
	rec("  %#" PRIx64 "(%#" PRIx64 ", %#" PRIx64 ", %#" PRIx64 ") = %#" PRIx64 " %#" PRIx64 " %#" PRIx64 " %#" PRIx64 " x4 %#" PRIx64 " x17 %#" PRIx64, a, b, d, e, o[0], o[1], o[2], o[3], o[4], o[5]);
}

static void runnable(struct vm *v, int c)
{
	struct kvm_mp_state m = { .mp_state = KVM_MP_STATE_RUNNABLE };
	ioctl(v->vcpu[c], KVM_SET_MP_STATE, &m);
	call_load(v, c);
}

/* Function ids that end or change something, or whose answer is a time or random. */
static int special(u64 id)
{
	static const u64 S[] = { 0x84000002, 0x84000008, 0x84000009, 0x8400000e, 0xc400000e, 0x84000012, 0xc4000012, 0x84000015, 0xc4000015,
		0x84000001, 0xc4000001, 0x84000003, 0xc4000003, 0x86000001, 0x84000053, 0xc4000053, 0x95c1ba5f, 0x95c1ba60, 0x95c1ba5e };
	for (unsigned i = 0; i < sizeof S / sizeof *S; i++) if (S[i] == id) return 1;
	return 0;
}

static void every_id(struct vm *v)
{
	static const struct { u64 from, to; } R[] = { { 0x80000000, 0x80000020 }, { 0xc0000000, 0xc0000004 }, { 0x80003ffe, 0x80004000 }, { 0x80007ffe, 0x80008001 },
		{ 0x84000000, 0x84000060 }, { 0xc4000000, 0xc4000060 }, { 0x85000020, 0x85000024 }, { 0xc5000000, 0xc5000003 }, { 0xc5000020, 0xc5000024 }, { 0x86000000, 0x86000004 },
		{ 0x8600003f, 0x86000042 }, { 0xc6000000, 0xc6000003 }, { 0x8600ff00, 0x8600ff05 }, { 0x95c1ba5d, 0x95c1ba63 }, { 0, 2 }, { 0xbf00ff01, 0xbf00ff02 }, { 0x81000000, 0x81000001 },
		{ 0x82000000, 0x82000001 }, { 0x83000000, 0x83000001 }, { 0x84010000, 0x84010001 }, { 0x180000000, 0x180000001 }, { 0xffffffff84000000, 0xffffffff84000001 } };
	for (unsigned i = 0; i < sizeof R / sizeof *R; i++)
		for (u64 id = R[i].from; id < R[i].to; id++)
			if (!special(id)) say(v, 0, id, 0, 0, 0);
}

static void arguments(struct vm *v)
{
	static const u64 F[] = { 0, 0x80000000, 0x80000001, 0x80000002, 0x80007fff, 0x80008000, 0x80003fff, 0xc5000020, 0xc5000021, 0x84000050, 0x86000000, 0xffffffff, 0x180008000, 0x80003ffe };
	static const u64 A[] = { 0, 1, 0x100, 0x80000000, 0x100000000, 0x0100000001, 0x1000001, 0xffffffffffffffff, 0x80000001 };
	for (unsigned i = 0; i < sizeof F / sizeof *F; i++) say(v, 0, 0x80000001, F[i], 0, 0);
	for (u64 id = 0x84000000; id < 0x84000017; id++) say(v, 0, 0x8400000a, id, 0, 0);
	for (u64 id = 0xc4000000; id < 0xc4000017; id++) say(v, 0, 0x8400000a, id, 0, 0);
	say(v, 0, 0x8400000a, 0x80000000, 0, 0); say(v, 0, 0x8400000a, 0x80000001, 0, 0); say(v, 0, 0x8400000a, 0x84000050, 0, 0); say(v, 0, 0x8400000a, 0x184000000, 0, 0);
	for (unsigned i = 0; i < sizeof A / sizeof *A; i++)
		for (u64 l = 0; l < 6; l++) { say(v, 0, 0xc4000004, A[i], l, 0); say(v, 0, 0x84000004, A[i], l, 0); }
	say(v, 0, 0xc4000004, 0, 0x100000000, 0); say(v, 0, 0x84000004, 0, 0x100000000, 0);
	for (u64 id = 0x8400004f; id < 0x84000055; id++) say(v, 0, 0x84000051, id, 0, 0);
	for (u64 id = 0xc4000050; id < 0xc4000055; id++) say(v, 0, 0x84000051, id, 0, 0);
	say(v, 0, 0xc5000020, 0xc5000020, 0, 0); say(v, 0, 0xc5000020, 0xc5000021, 0, 0); say(v, 0, 0xc5000020, 0xc5000022, 0, 0); say(v, 0, 0xc5000020, 0x1c5000021, 0, 0);
	static const u64 BITS[] = { 0, 1, 31, 32, 33, 63, 64, 65, 95, 96, 97, 127, 128, 191, 192, 193, 1000, 0x100000001, 0xffffffffffffffff };
	for (unsigned i = 0; i < sizeof BITS / sizeof *BITS; i++) {
		u64 o[6], w[4] = { 0 };
		for (int wide = 0; wide < 2; wide++) {
			memset(w, 0, sizeof w);
			for (int k = 0; k < 64; k++) {
				if (call(v, 0, wide ? 0xc4000053 : 0x84000053, BITS[i], 0, 0, o)) break;
				for (int n = 0; n < 4; n++) w[n] |= o[n];
			}
			rec("  TRNG_RND%d(%#" PRIx64 ") = %#" PRIx64 ", bits %#" PRIx64 " %#" PRIx64 " %#" PRIx64, wide ? 64 : 32, BITS[i], o[0], w[1], w[2], w[3]);
		}
	}
	for (u64 k = 0; k < 4; k++) {
		u64 o[6];
		if (!call(v, 0, 0x86000001, k, 0, 0, o)) rec("  PTP(%" PRIu64 ") %s", k, o[0] == ~0ull ? "= -1" : "is a time");
	}
}

static void endings(struct vm *v)
{
	u64 o[6];
	static const u64 E[] = { 0x84000008, 0x84000009, 0x84000012, 0xc4000012, 0x84000015, 0xc4000015, 0x8400000e, 0xc400000e };
	static const u64 T[] = { 0, 1, 2, 0x7fffffff, 0x80000000, 0x80000001, 0x100000000, 0x8000000000000000 };
	for (unsigned i = 0; i < sizeof E / sizeof *E; i++)
		for (unsigned t = 0; t < sizeof T / sizeof *T; t++) {
			if (call(v, 0, E[i], T[t], 0x42, 0x43, o)) {
				struct kvm_mp_state m[2] = { { 77 }, { 77 } };
				ioctl(v->vcpu[0], KVM_GET_MP_STATE, &m[0]); ioctl(v->vcpu[1], KVM_GET_MP_STATE, &m[1]);
				rec("    mp states %u %u", m[0].mp_state, m[1].mp_state);
				runnable(v, 0);
			} else rec("  %#" PRIx64 "(%#" PRIx64 ") = %#" PRIx64, E[i], T[t], o[0]);
		}
}

static void powers(struct vm *v, u64 on, u64 off, int set)
{
	struct kvm_mp_state m = { .mp_state = KVM_MP_STATE_STOPPED };
	u64 x = 0;
	rec("  on, not off:"); say(v, 0, on, 1, GPA_RAM + 0x4000, 0x1234);
	if (set) rec("  stopped = %s", res(ioctl(v->vcpu[1], KVM_SET_MP_STATE, &m)));
	say(v, 0, 0xc4000004, 1, 0, 0);
	say(v, 0, on, 1ull << 31 | 1, GPA_RAM + 0x4000, 0x1234);
	say(v, 0, on, 2, GPA_RAM + 0x4000, 0x1234);
	say(v, 0, on, 0x101, GPA_RAM + 0x4000, 0x1234);
	say(v, 0, on, 1ull << 40 | 1, GPA_RAM + 0x4000, 0x1234);
	for (int i = 0; i < 31; i++) setreg(v->vcpu[1], CORE(regs.regs[0]) + 2 * i, 0x1000 + i);
	say(v, 0, on, 1, GPA_RAM + 0x4004, 0x123456789a);
	say(v, 0, 0xc4000004, 1, 0, 0);
	say(v, 0, on, 1, GPA_RAM + 0x4000, 0x1234);
	ioctl(v->vcpu[1], KVM_GET_MP_STATE, &m);
	rec("  target's mp state %u", m.mp_state);
	getreg(v->vcpu[1], CORE(regs.pc), &x); rec("  target's pc %#" PRIx64, x);
	getreg(v->vcpu[1], CORE(regs.regs[0]), &x); rec("  target's x0 %#" PRIx64, x);
	getreg(v->vcpu[1], CORE(regs.regs[5]), &x); rec("  target's x5 %#" PRIx64, x);
	getreg(v->vcpu[1], CORE(regs.pstate), &x); rec("  target's pstate %#" PRIx64, x);
	call_load(v, 1);
	say(v, 1, off, 0, 0, 0);
	ioctl(v->vcpu[1], KVM_GET_MP_STATE, &m);
	rec("  after off, mp state %u", m.mp_state);
	say(v, 0, 0xc4000004, 1, 0, 0);
}

static void fw_registers(struct vm *v)
{
	static const u64 V[] = { 0, 1, 2, 3, 4, 5, 15, 16, 17, 18, 19, 20, 31, 32, 0x10000, 0x10001, 0x10002, 0x10003, 0x10004, 0x20000, ~0ull };
	for (unsigned n = 0; n < 6; n++) {
		u64 x = 0x77;
		int r = getreg(v->vcpu[0], FWREG(n), &x);
		rec("  fw %u = %s %#" PRIx64, n, res(r), x);
		for (unsigned i = 0; i < sizeof V / sizeof *V; i++) {
			r = setreg(v->vcpu[0], FWREG(n), V[i]);
			const char *s = res(r);
			x = 0x77;
			getreg(v->vcpu[0], FWREG(n), &x);
			rec("    set %#" PRIx64 " = %s, reads %#" PRIx64, V[i], s, x);
		}
	}
	for (unsigned n = 0; n < 5; n++) {
		u64 x = 0x77;
		int r = getreg(v->vcpu[0], BMAPREG(n), &x);
		rec("  bitmap %u = %s %#" PRIx64, n, res(r), x);
		for (int b = 0; b < 64; b += b < 4 ? 1 : 15) rec("    set bit %d = %s", b, res(setreg(v->vcpu[0], BMAPREG(n), 1ull << b)));
		rec("    set 0 = %s", res(setreg(v->vcpu[0], BMAPREG(n), 0)));
		rec("    set back = %s", res(setreg(v->vcpu[0], BMAPREG(n), x)));
	}
	u64 x;
	struct kvm_one_reg r = { .id = (FWREG(0) & ~KVM_REG_SIZE_MASK) | KVM_REG_SIZE_U32, .addr = (u64)&x };
	rec("  fw 0 of 32 bits: get = %s", res(ioctl(v->vcpu[0], KVM_GET_ONE_REG, &r)));
	rec("  fw 0 of 32 bits: set = %s", res(ioctl(v->vcpu[0], KVM_SET_ONE_REG, &r)));
	r.id = FWREG(0); r.addr = 8;
	rec("  fw 0 bad pointer: get = %s", res(ioctl(v->vcpu[0], KVM_GET_ONE_REG, &r)));
	rec("  fw 0 bad pointer: set = %s", res(ioctl(v->vcpu[0], KVM_SET_ONE_REG, &r)));
	r.id = BMAPREG(0);
	rec("  bitmap 0 bad pointer: set = %s", res(ioctl(v->vcpu[0], KVM_SET_ONE_REG, &r)));
}

#define PSCI02 (1u << KVM_ARM_VCPU_PSCI_0_2)
#define OFF (1u << KVM_ARM_VCPU_POWER_OFF)

static void a_smccc(void)
{
	struct vm v;
	u64 x;
	area("smccc");
	rec("registers:");
	call_vm(&v, PSCI02, PSCI02); fw_registers(&v); vm_free(&v);
	rec("registers without PSCI_0_2:");
	call_vm(&v, 0, 0); fw_registers(&v); vm_free(&v);
	rec("every id:");
	call_vm(&v, PSCI02, PSCI02); every_id(&v); arguments(&v); endings(&v);
	rec("registers after a run:");
	fw_registers(&v);
	vm_free(&v);
	static const u64 P[] = { 2, 0x10000, 0x10001, 0x10002, 0x10003 };
	for (unsigned i = 0; i < sizeof P / sizeof *P; i++) {
		rec("psci %#" PRIx64 ":", P[i]);
		call_vm(&v, PSCI02, PSCI02 | OFF);
		rec("  set = %s", res(setreg(v.vcpu[0], FWREG(0), P[i])));
		getreg(v.vcpu[1], FWREG(0), &x); rec("  the other's reads %#" PRIx64, x);
		for (u64 id = 0x84000000; id < 0x84000017; id++) if (!special(id)) say(&v, 0, id, 0, 0, 0);
		for (u64 id = 0x84000000; id < 0x84000017; id++) say(&v, 0, 0x8400000a, id, 0, 0);
		endings(&v);
		vm_free(&v);
	}
	rec("psci 0.1:");
	call_vm(&v, 0, OFF); every_id(&v); powers(&v, 0x95c1ba60, 0x95c1ba5f, 0); say(&v, 0, 0x95c1ba5e, 0, 0, 0); say(&v, 0, 0x95c1ba61, 0, 0, 0); vm_free(&v);
	rec("power, 64 bits:");
	call_vm(&v, PSCI02, PSCI02 | OFF); powers(&v, 0xc4000003, 0x84000002, 0); vm_free(&v);
	rec("power, 32 bits:");
	call_vm(&v, PSCI02, PSCI02); powers(&v, 0x84000003, 0x84000002, 1); vm_free(&v);
	rec("system suspend:");
	call_vm(&v, PSCI02, PSCI02);
	struct kvm_enable_cap cap = { .cap = KVM_CAP_ARM_SYSTEM_SUSPEND };
	rec("  cap = %s", res(ioctl(v.fd, KVM_ENABLE_CAP, &cap)));
	say(&v, 0, 0x8400000a, 0x8400000e, 0, 0); say(&v, 0, 0x8400000a, 0xc400000e, 0, 0);
	endings(&v);
	vm_free(&v);
	rec("bitmaps cleared:");
	call_vm(&v, PSCI02, PSCI02);
	for (int n = 0; n < 4; n++) rec("  bitmap %d = %s", n, res(setreg(v.vcpu[0], BMAPREG(n), 0)));
	every_id(&v); arguments(&v);
	for (int n = 0; n < 4; n++) {
		rec("  bitmap %d to 1 = %s, to 0 = %s", n, res(setreg(v.vcpu[1], BMAPREG(n), 1)), res(setreg(v.vcpu[1], BMAPREG(n), 0)));
	}
	vm_free(&v);
	rec("vendor bitmap, bit 1 only:");
	call_vm(&v, PSCI02, PSCI02);
	rec("  set = %s", res(setreg(v.vcpu[0], BMAPREG(2), 2)));
	for (u64 id = 0x86000000; id < 0x86000004; id++) if (!special(id)) say(&v, 0, id, 0, 0, 0);
	say(&v, 0, 0x8600ff01, 0, 0, 0);
	vm_free(&v);
	static const u32 I[] = { 0xd4000003, 0xd4000022, 0xd4000023, 0xd41fffe2 };
	static const char *const N[] = { "smc #0", "hvc #1", "smc #1", "hvc #65535" };
	for (int i = 0; i < 4; i++) {
		rec("%s:", N[i]);
		call_vm(&v, PSCI02, PSCI02);
		call_insn(&v, I[i]);
		say(&v, 0, 0x80000000, 0, 0, 0); say(&v, 0, 0x84000000, 0, 0, 0); say(&v, 0, 0x8600ff01, 1, 2, 3); say(&v, 0, 0x84000008, 0, 0, 0);
		vm_free(&v);
	}
}

struct filter { u32 base, nr; uint8_t action, pad[15]; };

static int set_filter(struct vm *v, u32 base, u32 nr, int action)
{
	struct filter f = { base, nr, action, { 0 } };
	return SET(v->fd, 0, 0, &f);
}

static void a_filter(void)
{
	struct vm v;
	area("smccc_filter");
	call_vm(&v, PSCI02, PSCI02);
	for (int g = 0; g < 4; g++) for (int a = 0; a < 4; a++) rec("has group %d attr %d = %s", g, a, res(HAS(v.fd, g, a)));
	rec("get = %s", res(GET(v.fd, 0, 0, &v)));
	rec("bad pointer = %s", res(SET(v.fd, 0, 0, (void *)8)));
	static const struct { u32 base, nr; int action; } F[] = { { 0, 0, 0 }, { 0, 0, 1 }, { 1, 0, 0 }, { 1, 0, 1 }, { 0xffffffff, 1, 1 }, { 0xffffffff, 2, 1 }, { 0x1000, 0xffffffff, 1 },
		{ 0x2000, 1, 3 }, { 0x2000, 1, 255 }, { 0x80000000, 1, 1 }, { 0x8000ffff, 1, 1 }, { 0x80010000, 1, 1 }, { 0x7fffffff, 1, 1 }, { 0x7fffffff, 2, 1 }, { 0xc0000000, 1, 1 }, { 0xc000ffff, 1, 0 }, { 0xc0010000, 1, 0 },
		{ 0x84000000, 16, 1 }, { 0x84000000, 16, 1 }, { 0x8400000f, 1, 2 }, { 0x84000010, 1, 2 }, { 0x83ffffff, 2, 0 }, { 0x83ffffff, 1, 0 }, { 0x83fffffe, 1, 0 }, { 0x84000012, 3, 2 }, { 0x86000000, 0x10000, 2 }, { 0, 1, 1 }, { 0, 2, 1 }, { 0x95c1ba5e, 4, 2 } };
	for (unsigned i = 0; i < sizeof F / sizeof *F; i++) rec("set %#x + %#x action %d = %s", F[i].base, F[i].nr, F[i].action, res(set_filter(&v, F[i].base, F[i].nr, F[i].action)));
	for (int i = 0; i < 15; i++) { struct filter f = { 0x3000, 1, 1, { 0 } }; f.pad[i] = 1; rec("pad %d = %s", i, res(SET(v.fd, 0, 0, &f))); }
	rec("calls:");
	static const u64 C[] = { 0x80000000, 0x84000000, 0x8400000a, 0x84000010, 0x84000012, 0x84000013, 0x84000014, 0x84000015, 0x86000000, 0x86000001, 0x8600ff01, 0x8600ffff, 0x95c1ba5e, 0x95c1ba61, 0, 1, 0x7fffffff, 0xc4000001, 0x1184000012 };
	for (int k = 0; k < 2; k++) {
		rec(k ? " by smc:" : " by hvc:");
		call_insn(&v, k ? 0xd4000003 : 0xd4000002);
		for (unsigned i = 0; i < sizeof C / sizeof *C; i++) { say(&v, 0, C[i], 0x42, 0x43, 0x44); call_load(&v, 0); call_insn(&v, k ? 0xd4000003 : 0xd4000002); }
	}
	call_load(&v, 0); call_insn(&v, 0xd4000023);
	say(&v, 0, 0x84000012, 0x42, 0x43, 0x44);
	call_load(&v, 0); call_insn(&v, 0xd4000022);
	say(&v, 0, 0x84000012, 0x42, 0x43, 0x44);
	rec("after a run = %s", res(set_filter(&v, 0x4000, 1, 1)));
	rec("after a run, bad = %s", res(set_filter(&v, 0x4000, 0, 1)));
	rec("after a run, bad pointer = %s", res(SET(v.fd, 0, 0, (void *)8)));
	vm_free(&v);
}

static int timer_set(int vcpu, int a, int irq) { return SET(vcpu, 1, a, &irq); }
static void timer_get(struct vm *v, int c, int a)
{
	int irq = 77;
	int r = GET(v->vcpu[c], 1, a, &irq);
	rec("  vcpu %d timer %d get = %s %d", c, a, res(r), irq);
}

static void timers(void)
{
	static const int I[] = { -1, 0, 15, 16, 19, 31, 32, 99 };
	struct vm v;
	for (int gic = 0; gic < 2; gic++) {
		rec(gic ? "timers with a vgic:" : "timers without a vgic:");
		if (gic) call_vm(&v, PSCI02, PSCI02);
		else vm_new(&v, 0, 2);
		for (int a = 0; a < 5; a++) {
			timer_get(&v, 0, a);
			for (unsigned i = 0; i < sizeof I / sizeof *I; i++) rec("  timer %d set %d = %s", a, I[i], res(timer_set(v.vcpu[0], a, I[i])));
			timer_get(&v, 0, a); timer_get(&v, 1, a);
			rec("  timer %d bad pointer = %s", a, res(SET(v.vcpu[0], 1, a, (void *)8)));
		}
		vm_free(&v);
	}
	static const struct { int a, irq; } S[] = { { 0, 30 }, { 1, 27 }, { 2, 27 }, { 3, 30 }, { 2, 26 } };
	for (unsigned i = 0; i < sizeof S / sizeof *S; i++) {
		call_vm(&v, PSCI02, PSCI02);
		rec("timer %d on %d = %s:", S[i].a, S[i].irq, res(timer_set(v.vcpu[0], S[i].a, S[i].irq)));
		say(&v, 0, 0x80000000, 0, 0, 0);
		for (int a = 0; a < 4; a++) rec("  timer %d set 20 = %s", a, res(timer_set(v.vcpu[0], a, 20)));
		rec("  timer 0 set 99 = %s", res(timer_set(v.vcpu[0], 0, 99)));
		for (int a = 0; a < 4; a++) timer_get(&v, 1, a);
		vm_free(&v);
	}
}

static void a_vcpu_attr(void)
{
	struct vm v;
	u64 x, o[6];
	area("vcpu_attr");
	timers();
	call_vm(&v, PSCI02, PSCI02);
	for (int g = 0; g < 6; g++) for (int a = 0; a < 4; a++) rec("has vcpu group %d attr %d = %s", g, a, res(HAS(v.vcpu[0], g, a)));
	x = 5; int r = GET(v.vcpu[0], 2, 0, &x);
	rec("get = %s %#" PRIx64, res(r), x);
	static const u64 A[] = { 1, GPA_RAM + 1, GPA_RAM + 32, 0x90000000, ~0ull, ~0ull - 63, 0, GPA_RAM + RAM_SIZE, GPA_RAM + RAM_SIZE - 64, GPA_RAM + 0x8000 };
	for (unsigned i = 0; i < sizeof A / sizeof *A; i++) { rec("set %#" PRIx64 " = %s", A[i], res(set_u64(v.vcpu[0], 2, 0, A[i]))); x = 5; r = GET(v.vcpu[0], 2, 0, &x); rec("  get = %s %#" PRIx64, res(r), x); }
	rec("bad pointer = %s", res(SET(v.vcpu[1], 2, 0, (void *)8)));
	rec("attr 1 = %s", res(set_u64(v.vcpu[0], 2, 1, GPA_RAM)));
	memset(at(&v, GPA_RAM + 0x8000 - 64), 0xff, 192); memset(at(&v, GPA_RAM + RAM_SIZE - 64), 0xff, 64);
	for (int c = 0; c < 2; c++) {
		for (u64 id = 0xc5000020; id < 0xc5000023; id++) say(&v, c, 0xc5000020, id, 0, 0);
		say(&v, c, 0xc5000021, 0, 0, 0);
		say(&v, c, 0x85000021, 0, 0, 0);
	}
	for (int i = 0; i < 64; i += 8) { u64 *p = at(&v, GPA_RAM + RAM_SIZE - 64 + i); rec("at %d: %s%" PRIx64, i, i == 8 ? "a time, " : "", i == 8 ? *p >> 40 : *p); }
	(void)o;
	rec("after a run = %s", res(set_u64(v.vcpu[1], 2, 0, GPA_RAM + 0x8000)));
	say(&v, 1, 0xc5000021, 0, 0, 0);
	vm_free(&v);
}
