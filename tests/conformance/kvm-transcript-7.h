/* SPDX-License-Identifier: MIT */
/* The seventh part of kvm-transcript.c, which includes it: routes, eventfds, and odd arguments. */
#include <sys/eventfd.h>
#include <sched.h>

static int efd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }
static void kick_fd(int fd) { u64 one = 1; if (write(fd, &one, 8) != 8) rec("SETUP eventfd"); }
static int drained(int fd) { u64 n = 0; return read(fd, &n, 8) == 8 ? (int)n : 0; }

static int irqfd(struct vm *v, int fd, u32 gsi, u32 flags, int resample)
{
	struct kvm_irqfd i = { .fd = fd, .gsi = gsi, .flags = flags, .resamplefd = resample };
	return ioctl(v->fd, KVM_IRQFD, &i);
}

static int route(struct vm *v, u32 nr, u32 flags, u32 gsi, u32 type, u32 eflags, u32 a, u32 b, u32 c, u32 d)
{
	struct { struct kvm_irq_routing h; struct kvm_irq_routing_entry e[2]; } r = { .h = { nr, flags } };
	r.e[0] = (struct kvm_irq_routing_entry){ .gsi = gsi, .type = type, .flags = eflags };
	u32 *p = (u32 *)&r.e[0].u;
	p[0] = a; p[1] = b; p[2] = c; p[3] = d;
	r.e[1] = (struct kvm_irq_routing_entry){ .gsi = gsi + 1, .type = KVM_IRQ_ROUTING_IRQCHIP };
	r.e[1].u.irqchip.pin = 9;
	return ioctl(v->fd, KVM_SET_GSI_ROUTING, &r);
}

/* Waits until the interrupt is pending, as an irqfd may take a moment. */
static void pending(struct vm *v, int c, const char *what)
{
	u64 h = 1023;
	for (int i = 0; i < 2000 && h == 1023; i++) { h = rd(v, c, ICC_HPPIR1); if (h == 1023) { usleep(100); } }
	rec("  %s: vcpu %d hppir %" PRIu64, what, c, h);
	u64 a = rd(v, c, ICC_IAR1);
	if (a != 1023) wr(v, c, ICC_EOIR1, a);
}
static void quiet(struct vm *v, int c, const char *what)
{
	usleep(20000);
	rec("  %s: vcpu %d hppir %" PRIu64, what, c, rd(v, c, ICC_HPPIR1));
}

static void r_routing(void)
{
	struct vm v;
	rec("routing before a vgic:");
	vm_new(&v, 0, 1);
	rec("  none = %s", res(route(&v, 0, 0, 0, 0, 0, 0, 0, 0, 0)));
	rec("  chip = %s", res(route(&v, 1, 0, 0, 1, 0, 0, 5, 0, 0)));
	rec("  irqfd = %s", res(irqfd(&v, efd(), 0, 0, -1)));
	rec("  irq_line spi = %s, ppi = %s, cpu = %s", res(spi(&v, 32, 1)), res(ppi(&v, 0, 20, 1)), res(line(&v, 0, 0, 0, 1)));
	rec("  irq_line cpu 1 = %s, irq 2 = %s, cpu low = %s", res(line(&v, 0, 1, 0, 1)), res(line(&v, 0, 0, 2, 1)), res(line(&v, 0, 0, 0, 0)));
	rec("  signal_msi = %s", res(msi(&v, GITS + 0x10040, 0, 1, 0)));
	vm_free(&v);

	rec("routing:");
	deliver_setup(&v);
	seq_basic(&v, 0);
	rec("  flags 1 = %s", res(route(&v, 1, 1, 0, 1, 0, 0, 5, 0, 0)));
	rec("  nr 4097 = %s", res(route(&v, 4097, 0, 0, 1, 0, 0, 5, 0, 0)));
	rec("  nr 0xffffffff = %s", res(route(&v, 0xffffffff, 0, 0, 1, 0, 0, 5, 0, 0)));
	rec("  bad pointer = %s", res(ioctl(v.fd, KVM_SET_GSI_ROUTING, (void *)8)));
	for (u32 t = 0; t < 8; t++) rec("  type %u = %s", t, res(route(&v, 1, 0, 7, t, 0, 0, 5, 0, 0)));
	for (u32 f = 0; f < 4; f++) rec("  chip, entry flags %u = %s", f, res(route(&v, 1, 0, 7, 1, f, 0, 5, 0, 0)));
	for (u32 f = 0; f < 4; f++) rec("  msi, entry flags %u = %s", f, res(route(&v, 1, 0, 7, 2, f, GITS + 0x10040, 0, 0, 0)));
	static const u32 PIN[] = { 0, 31, 95, 96, 127, 128, 987, 988, 1000, 0xffffffff };
	for (unsigned i = 0; i < sizeof PIN / sizeof *PIN; i++) rec("  pin %u = %s", PIN[i], res(route(&v, 1, 0, 7, 1, 0, 0, PIN[i], 0, 0)));
	rec("  irqchip 1 = %s", res(route(&v, 1, 0, 7, 1, 0, 1, 5, 0, 0)));
	static const u32 GSI[] = { 0, 95, 96, 1023, 1024, 4095, 4096, 0xffffffff };
	for (unsigned i = 0; i < sizeof GSI / sizeof *GSI; i++) rec("  gsi %u = %s", GSI[i], res(route(&v, 1, 0, GSI[i], 1, 0, 0, 5, 0, 0)));
	vm_free(&v);

	rec("irqfds:");
	deliver_setup(&v);
	seq_basic(&v, 0);
	int a = efd(), b = efd(), s = efd(), n = open("/dev/null", O_RDWR);
	rec("  not an eventfd = %s", res(irqfd(&v, n, 5, 0, -1)));
	rec("  fd -1 = %s", res(irqfd(&v, -1, 5, 0, -1)));
	rec("  flags 4 = %s", res(irqfd(&v, a, 5, 4, -1)));
	rec("  deassign what is not there = %s", res(irqfd(&v, a, 5, 1, -1)));
	rec("  deassign fd -1 = %s", res(irqfd(&v, -1, 5, 1, -1)));
	rec("  resample bad fd = %s", res(irqfd(&v, a, 5, 2, -1)));
	rec("  assign = %s", res(irqfd(&v, a, 5, 0, -1)));
	rec("  twice = %s", res(irqfd(&v, a, 5, 0, -1)));
	rec("  same fd, other gsi = %s", res(irqfd(&v, a, 6, 0, -1)));
	rec("  other fd, same gsi = %s", res(irqfd(&v, b, 5, 0, -1)));
	rec("  gsi 5000 = %s", res(irqfd(&v, efd(), 5000, 0, -1)));
	gw32(&v, 0, GICD + 0xc08, 0xaaaaaaaa);
	kick_fd(a); pending(&v, 0, "a written");
	kick_fd(b); pending(&v, 0, "b written");
	rec("  deassign b = %s", res(irqfd(&v, b, 5, 1, -1)));
	kick_fd(b); quiet(&v, 0, "b written again");
	rec("  deassign a, other gsi = %s", res(irqfd(&v, a, 9, 1, -1)));
	kick_fd(a); pending(&v, 0, "a written");
	rec("  deassign a = %s", res(irqfd(&v, a, 5, 1, -1)));
	rec("  msi route = %s", res(route(&v, 2, 0, 3, 2, 1, (u32)(GITS + 0x10040), 0, 1, 0)));
	rec("  irqfd gsi 3 = %s", res(irqfd(&v, b, 3, 0, -1)));
	(void)drained(b);
	kick_fd(b); pending(&v, 1, "msi by irqfd");
	rec("  route without devid = %s", res(route(&v, 1, 0, 3, 2, 0, (u32)(GITS + 0x10040), 0, 31, 0)));
	kick_fd(b); quiet(&v, 0, "msi without devid"); drain(&v, 1, "msi without devid");
	rec("  no routes = %s", res(route(&v, 0, 0, 0, 0, 0, 0, 0, 0, 0)));
	kick_fd(b); quiet(&v, 0, "no route"); quiet(&v, 1, "no route");
	rec("  irq_line after no routes = %s", res(spi(&v, 40, 1)));
	pending(&v, 0, "irq_line");
	vm_free(&v);

	rec("resampling:");
	deliver_setup(&v);
	a = efd();
	gw32(&v, 0, GICD + 0xc08, 0);
	rec("  assign = %s", res(irqfd(&v, a, 5, 2, s)));
	rec("  assign without resampling = %s", res(irqfd(&v, efd(), 5, 0, -1)));
	kick_fd(a);
	u64 h = 1023;
	for (int i = 0; i < 2000 && h == 1023; i++) { h = rd(&v, 0, ICC_HPPIR1); if (h == 1023) usleep(100); }
	rec("  written: hppir %" PRIu64 " resampled %d", h, drained(s));
	h = rd(&v, 0, ICC_IAR1);
	rec("  iar %" PRIu64 " resampled %d", h, drained(s));
	wr(&v, 0, ICC_EOIR1, h);
	h = rd(&v, 0, ICC_HPPIR1);
	usleep(10000);
	rec("  eoi: hppir %" PRIu64 " resampled %d", h, drained(s));
	rec("  deassign = %s", res(irqfd(&v, a, 5, 1 | 2, s)));
	vm_free(&v);
	close(n);
}

static int ioeventfd(struct vm *v, u64 addr, u32 len, u64 match, u32 flags, int fd)
{
	struct kvm_ioeventfd e = { .datamatch = match, .addr = addr, .len = len, .fd = fd, .flags = flags };
	return ioctl(v->fd, KVM_IOEVENTFD, &e);
}

static void r_ioeventfds(void)
{
	struct vm v;
	enum { A = 0x20000000 };
	int f = efd(), g = efd();
	rec("ioeventfds:");
	vm_full(&v, 1);
	guest_load(&v, 0);
	static const u32 LEN[] = { 0, 1, 2, 3, 4, 5, 8, 16 };
	for (unsigned i = 0; i < 8; i++) rec("  len %u = %s, matching = %s", LEN[i], res(ioeventfd(&v, A + 0x100 * i, LEN[i], 0, 0, f)), res(ioeventfd(&v, A + 0x2000 + 0x100 * i, LEN[i], 0x42, 1, f)));
	for (u32 fl = 0; fl < 64; fl++) rec("  flags %#x = %s", fl, res(ioeventfd(&v, A + 0x4000 + 0x100 * fl, 4, 0, fl, f)));
	rec("  address wraps = %s", res(ioeventfd(&v, ~0ull - 2, 4, 0, 0, f)));
	rec("  last = %s", res(ioeventfd(&v, ~0ull - 3, 4, 0, 0, f)));
	rec("  fd -1 = %s", res(ioeventfd(&v, A + 0x8000, 4, 0, 0, -1)));
	rec("  in memory = %s", res(ioeventfd(&v, GPA_RAM + 0x100000, 4, 0, 0, f)));
	rec("  over the distributor = %s", res(ioeventfd(&v, GICD, 4, 0, 0, f)));
	rec("  twice = %s", res(ioeventfd(&v, A + 0x400, 4, 0, 0, f)));
	rec("  twice, other fd = %s", res(ioeventfd(&v, A + 0x400, 4, 0, 0, g)));
	rec("  twice, other len = %s", res(ioeventfd(&v, A + 0x400, 2, 0, 0, f)));
	rec("  match 1 = %s, 2 = %s, 1 again = %s, any = %s", res(ioeventfd(&v, A + 0xa000, 4, 1, 1, f)), res(ioeventfd(&v, A + 0xa000, 4, 2, 1, f)), res(ioeventfd(&v, A + 0xa000, 4, 1, 1, g)), res(ioeventfd(&v, A + 0xa000, 4, 0, 0, g)));
	rec("  deassign, not there = %s", res(ioeventfd(&v, A + 0xb000, 4, 0, 4, f)));
	rec("  deassign, other len = %s", res(ioeventfd(&v, A + 0x400, 8, 0, 4, f)));
	rec("  deassign, other fd = %s", res(ioeventfd(&v, A + 0x400, 4, 0, 4, g)));
	rec("  deassign, match = %s", res(ioeventfd(&v, A + 0x400, 4, 0, 5, f)));
	drained(f); drained(g);
	u64 x;
	rec("  store 4 of 4: %d, f %d", gdo(&v, 0, 2, A + 0x400, 7, 0, NULL), drained(f));
	rec("  store 1 of 4: %d, f %d", gdo(&v, 0, 6, A + 0x400, 7, 0, NULL), drained(f)); guest_load(&v, 0);
	rec("  load 4 of 4: %d, f %d", gdo(&v, 0, 1, A + 0x400, 7, 0, &x), drained(f)); guest_load(&v, 0);
	rec("  store 1, match 1: %d, f %d g %d", gdo(&v, 0, 2, A + 0xa000, 1, 0, NULL), drained(f), drained(g)); guest_load(&v, 0);
	rec("  store 3, match 1 or 2: %d, f %d g %d", gdo(&v, 0, 2, A + 0xa000, 3, 0, NULL), drained(f), drained(g)); guest_load(&v, 0);
	rec("  store 8 of any: %d, f %d", gdo(&v, 0, 4, A, 7, 0, NULL), drained(f)); guest_load(&v, 0);
	rec("  store 2 of any: %d, f %d", gdo(&v, 0, 8, A, 7, 0, NULL), drained(f)); guest_load(&v, 0);
	rec("  store into memory: %d, f %d", gdo(&v, 0, 2, GPA_RAM + 0x100000, 7, 0, NULL), drained(f)); guest_load(&v, 0);
	rec("  deassign = %s", res(ioeventfd(&v, A + 0x400, 4, 0, 4, f)));
	rec("  deassign again = %s", res(ioeventfd(&v, A + 0x400, 4, 0, 4, f)));
	vm_free(&v);
}

/* What ioctls say to what does not exist. */
static void r_odd(void)
{
	struct vm v;
	rec("ioctls:");
	vm_full(&v, 1);
	guest_load(&v, 0);
	for (u32 nr = 0; nr < 256; nr++) {
		int s = ioctl(kvm, _IO(KVMIO, nr), 0L), es = errno;
		if (s >= 0 && nr == 1) close(s);
		if (s >= 0 || es != ENOTTY) rec("  system _IO %#x = %s", nr, s < 0 ? errname(es) : "ok");
	}
	for (u32 nr = 0; nr < 256; nr++) {
		int s = ioctl(v.fd, _IO(KVMIO, nr), ~0ul), es = errno;
		if (s >= 0 || es != ENOTTY) rec("  vm _IO %#x = %s", nr, s < 0 ? errname(es) : "ok");
	}
	for (u32 nr = 0; nr < 256; nr++) {
		if (nr == 0x80) continue;
		int s = ioctl(v.vcpu[0], _IO(KVMIO, nr), ~0ul), es = errno;
		if (s >= 0 || es != ENOTTY) rec("  vcpu _IO %#x = %s", nr, s < 0 ? errname(es) : "ok");
	}
	for (u32 nr = 0; nr < 256; nr++) {
		int s = ioctl(v.gic, _IO(KVMIO, nr), ~0ul), es = errno;
		if (s >= 0 || es != ENOTTY) rec("  device _IO %#x = %s", nr, s < 0 ? errname(es) : "ok");
	}
	static const struct { const char *n; unsigned long r; } R[] = {
#define X(n) { #n, n }
		X(KVM_SET_USER_MEMORY_REGION), X(KVM_GET_DIRTY_LOG), X(KVM_IRQ_LINE), X(KVM_CREATE_DEVICE), X(KVM_ARM_PREFERRED_TARGET), X(KVM_ENABLE_CAP), X(KVM_ARM_SET_DEVICE_ADDR), X(KVM_SIGNAL_MSI),
		X(KVM_SET_DEVICE_ATTR), X(KVM_GET_DEVICE_ATTR), X(KVM_HAS_DEVICE_ATTR), X(KVM_CLEAR_DIRTY_LOG), X(KVM_IOEVENTFD), X(KVM_IRQFD), X(KVM_CREATE_IRQCHIP), X(KVM_REINJECT_CONTROL),
		X(KVM_GET_ONE_REG), X(KVM_SET_ONE_REG), X(KVM_GET_REG_LIST), X(KVM_ARM_VCPU_INIT), X(KVM_GET_MP_STATE), X(KVM_SET_MP_STATE), X(KVM_GET_VCPU_EVENTS), X(KVM_SET_VCPU_EVENTS),
		X(KVM_SET_GUEST_DEBUG), X(KVM_SET_SIGNAL_MASK), X(KVM_ARM_VCPU_FINALIZE), X(KVM_GET_STATS_FD), X(KVM_GET_REGS), X(KVM_SET_REGS), X(KVM_TRANSLATE), X(KVM_INTERRUPT), X(KVM_NMI), X(KVM_GET_FPU), X(KVM_SMI),
#undef X
	};
	for (unsigned i = 0; i < sizeof R / sizeof *R; i++) {
		if (R[i].r == KVM_GET_STATS_FD) continue;
		rec("  %s of a bad pointer: system %s, vm %s, vcpu %s, device %s", R[i].n, res(ioctl(kvm, R[i].r, 8L)), res(ioctl(v.fd, R[i].r, 8L)), res(ioctl(v.vcpu[0], R[i].r, 8L)), res(ioctl(v.gic, R[i].r, 8L)));
	}
	rec("mmaps:");
	long size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	static const long OFF2[] = { 0, 1, 2, 3, 16, 64 };
	for (unsigned i = 0; i < 6; i++) {
		void *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, v.vcpu[0], OFF2[i] * 4096);
		rec("  page %ld = %s", OFF2[i], p == MAP_FAILED ? errname(errno) : "ok");
		if (p != MAP_FAILED) munmap(p, 4096);
	}
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, v.vcpu[0], 0);
	rec("  private = %s", p == MAP_FAILED ? errname(errno) : "ok");
	p = mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED, v.vcpu[0], 0);
	rec("  exec = %s", p == MAP_FAILED ? errname(errno) : "ok");
	p = mmap(NULL, size, PROT_READ, MAP_SHARED, v.fd, 0);
	rec("  vm = %s", p == MAP_FAILED ? errname(errno) : "ok");
	p = mmap(NULL, size, PROT_READ, MAP_SHARED, v.gic, 0);
	rec("  device = %s", p == MAP_FAILED ? errname(errno) : "ok");
	char c;
	rec("  read vm = %s, vcpu = %s, write vcpu = %s", res(read(v.fd, &c, 1)), res(read(v.vcpu[0], &c, 1)), res(write(v.vcpu[0], &c, 1)));
	vm_free(&v);
}

static void r_vcpu_state(void)
{
	struct vm v;
	struct kvm_vcpu_events e;
	struct kvm_mp_state m;
	rec("events and power:");
	vm_full(&v, 2);
	guest_load(&v, 0);
	for (u32 s = 0; s < 12; s++) { m.mp_state = s; const char *r = res(ioctl(v.vcpu[1], KVM_SET_MP_STATE, &m)); m.mp_state = 99; ioctl(v.vcpu[1], KVM_GET_MP_STATE, &m); rec("  mp_state %u = %s, reads %u", s, r, m.mp_state); }
	memset(&e, 0xff, sizeof e);
	rec("  get events = %s: %u %u %u %#llx", res(ioctl(v.vcpu[0], KVM_GET_VCPU_EVENTS, &e)), e.exception.serror_pending, e.exception.serror_has_esr, e.exception.ext_dabt_pending, (unsigned long long)e.exception.serror_esr);
	for (int i = 0; i < 32; i++) {
		memset(&e, 0, sizeof e);
		((uint8_t *)&e)[i] = 1;
		const char *r = res(ioctl(v.vcpu[1], KVM_SET_VCPU_EVENTS, &e));
		memset(&e, 0, sizeof e);
		ioctl(v.vcpu[1], KVM_GET_VCPU_EVENTS, &e);
		rec("  events byte %d = %s, reads %u %u %u %#llx", i, r, e.exception.serror_pending, e.exception.serror_has_esr, e.exception.ext_dabt_pending, (unsigned long long)e.exception.serror_esr);
	}
	static const u64 ESR[] = { 0, 1, 0xffffff, 0x1000000, 0x1ffffff, 0x2000000, ~0ull };
	for (unsigned i = 0; i < sizeof ESR / sizeof *ESR; i++) {
		memset(&e, 0, sizeof e);
		e.exception.serror_pending = 1; e.exception.serror_has_esr = 1; e.exception.serror_esr = ESR[i];
		const char *r = res(ioctl(v.vcpu[1], KVM_SET_VCPU_EVENTS, &e));
		ioctl(v.vcpu[1], KVM_GET_VCPU_EVENTS, &e);
		rec("  serror %#" PRIx64 " = %s, reads %u %u %#llx", ESR[i], r, e.exception.serror_pending, e.exception.serror_has_esr, (unsigned long long)e.exception.serror_esr);
	}
	struct kvm_vcpu_init in;
	ioctl(v.fd, KVM_ARM_PREFERRED_TARGET, &in);
	for (int w = 0; w < 7; w++) { struct kvm_vcpu_init j = in; memset(j.features, 0, sizeof j.features); j.features[w] = w ? 1 : PSCI02; rec("  init features[%d] = %s", w, res(ioctl(v.vcpu[1], KVM_ARM_VCPU_INIT, &j))); }
	for (u32 t = 0; t < 8; t++) { struct kvm_vcpu_init j = in; memset(j.features, 0, sizeof j.features); j.features[0] = PSCI02; j.target = t; rec("  init target %u = %s", t, res(ioctl(v.vcpu[1], KVM_ARM_VCPU_INIT, &j))); }
	memset(in.features, 0, sizeof in.features); in.features[0] = PSCI02 | OFF;
	rec("  init with power off = %s", res(ioctl(v.vcpu[1], KVM_ARM_VCPU_INIT, &in)));
	ioctl(v.vcpu[1], KVM_GET_MP_STATE, &m); rec("  mp_state %u", m.mp_state);
	in.features[0] = PSCI02;
	rec("  init without = %s", res(ioctl(v.vcpu[1], KVM_ARM_VCPU_INIT, &in)));
	ioctl(v.vcpu[1], KVM_GET_MP_STATE, &m); rec("  mp_state %u", m.mp_state);
	in.features[0] = 0;
	rec("  init with other features = %s", res(ioctl(v.vcpu[1], KVM_ARM_VCPU_INIT, &in)));
	vm_free(&v);
	rec("caps to enable:");
	for (u32 c = 0; c < 245; c++) {
		vm_new(&v, 0, 1);
		struct kvm_enable_cap k = { .cap = c };
		int a = ioctl(v.fd, KVM_ENABLE_CAP, &k), ea = errno;
		int b = ioctl(v.vcpu[0], KVM_ENABLE_CAP, &k), eb = errno;
		if ((a >= 0 || ea != EINVAL) || (b >= 0 || eb != EINVAL)) rec("  cap %u: vm %s vcpu %s", c, a < 0 ? errname(ea) : "0", b < 0 ? errname(eb) : "0");
		vm_free(&v);
	}
}

/* An ITS that is there before its GIC. */
static void r_early(void)
{
	struct vm v;
	u64 x = 0;
	for (int n = 0; n < 2; n++) {
		rec(n ? "its before a vgic and vcpus:" : "its before a vgic:");
		vm_new(&v, 0, n ? 0 : 2);
		v.its = mkdev(v.fd, KVM_DEV_TYPE_ARM_VGIC_ITS);
		rec("  create = %s", v.its < 0 ? errname(errno) : "ok");
		int second = mkdev(v.fd, KVM_DEV_TYPE_ARM_VGIC_ITS);
		rec("  a second = %s", second < 0 ? errname(errno) : "ok");
		rec("  cap msi_devid %d", ioctl(v.fd, KVM_CHECK_EXTENSION, KVM_CAP_MSI_DEVID));
		its_all(&v);
		rec("  addr = %s", res(set_u64(v.its, G_ADDR, KVM_VGIC_ITS_ADDR_TYPE, GITS)));
		rec("  addr again = %s", res(set_u64(v.its, G_ADDR, KVM_VGIC_ITS_ADDR_TYPE, GITS)));
		rec("  second addr = %s", res(set_u64(second, G_ADDR, KVM_VGIC_ITS_ADDR_TYPE, 0x21000000)));
		rec("  init = %s", res(SET(v.its, G_CTRL, 0, NULL)));
		its_wr(&v, "CBASER", 0x80, CBASER);
		its_wr(&v, "BASER0", 0x100, BASER_DEV);
		its_wr(&v, "BASER1", 0x108, BASER_COL);
		rec("  save = %s", res(SET(v.its, G_CTRL, KVM_DEV_ARM_ITS_SAVE_TABLES, NULL)));
		rec("  restore = %s", res(SET(v.its, G_CTRL, KVM_DEV_ARM_ITS_RESTORE_TABLES, NULL)));
		rec("  signal_msi = %s", res(msi(&v, GITS + 0x10040, 0, 1, 0)));
		rec("  irq_line = %s", res(spi(&v, 40, 1)));
		v.gic = mkdev(v.fd, KVM_DEV_TYPE_ARM_VGIC_V3);
		rec("  V3 = %s", v.gic < 0 ? errname(errno) : "ok");
		if (n) { mkvcpu(&v, 0); mkvcpu(&v, 1); }
		rec("  dist = %s, redist = %s, init = %s", res(set_u64(v.gic, G_ADDR, A_DIST, GICD)), res(set_u64(v.gic, G_ADDR, A_RED, GICR)), res(SET(v.gic, G_CTRL, 0, NULL)));
		its_all(&v);
		its_wr(&v, "CTLR", 0, 1);
		guest_load(&v, 0);
		rec("  guest reads TYPER %#" PRIx64, gr64(&v, 0, GITS + 8));
		rec("  guest reads GICD_TYPER %#x GICR_TYPER %#" PRIx64, gr32(&v, 0, GICD + 4), gr64(&v, 0, GICR + 8));
		issue(&v, MAPC(1, 1, 1)); issue(&v, MAPD(4, 4, ITT(0), 1)); issue(&v, MAPTI(4, 1, 8192, 1));
		save_dump(&v, 1);
		(void)x;
		close(second);
		vm_free(&v);
	}
	rec("its without a vgic:");
	vm_new(&v, 0, 1);
	v.its = mkdev(v.fd, KVM_DEV_TYPE_ARM_VGIC_ITS);
	set_u64(v.its, G_ADDR, KVM_VGIC_ITS_ADDR_TYPE, GITS);
	guest_load(&v, 0);
	rec("  run = %d", gdo(&v, 0, 1, GPA_RAM, 0, 0, &x));
	rec("  guest reads TYPER: %d", gdo(&v, 0, 3, GITS + 8, 0, 0, &x));
	vm_free(&v);
}

static void a_abi(void)
{
	area("its_early");
	r_early();
	area("routes");
	r_routing();
	area("ioeventfds");
	r_ioeventfds();
	area("ioctls");
	r_odd();
	r_vcpu_state();
}
