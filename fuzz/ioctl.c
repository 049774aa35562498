/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: any ioctl on any descriptor with any argument. An input is a program: each call is
 * made of a few bytes that choose descriptor, request and argument; what it creates, later calls
 * use. All that may come of it is an errno.
 *
 * What user space itself allows is left out, because the library would be right to do it: writing
 * where an argument says it may. So every address is one of ours, or one where nothing is mapped
 * (also under a sanitizer), and memory slots end where our memory ends.
 */
#include <armature/armature.h>
#include <armature/kvm.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include "fuzz.h"
#include "input.h"
#include "requests.h"

#define PAGE	  4096u
#define GUEST_LEN (64 * PAGE)
#define MAX_FILES 40
#define MAX_VMS	  3
#define MAX_MAPS  8

struct fuzz_count fuzz_count;

struct file {
	int fd;
	enum fuzz_kind kind;
	bool gone; /* closed; the number is used on purpose */
};

static struct file files[MAX_FILES];
static unsigned nr_files, nr_vms;
static struct kvm_run *maps[MAX_MAPS];
static unsigned nr_maps;

static uint8_t *guest;	 /* the guests' memory, a hole after it */
static uint8_t *scratch; /* two pages of arguments, a hole after them */
static uint8_t *fixed;	 /* a page that cannot be written */
static int events[4], null_fd;

/* ---- Input ---- */

/* An address where nothing is, or something of ours. */
static uint64_t address(void)
{
	switch (byte() % 12) {
	case 0:
		return 0;
	case 1:
		return 8;
	case 2:
		return UINT64_MAX - byte();
	case 3:
		return UINT64_C(1) << (48 + byte() % 16);
	case 4:
		return (uintptr_t)fixed + byte() * 8;
	case 5:
		return (uintptr_t)scratch + 2 * PAGE - byte(); /* runs into the hole */
	case 6:
		return (uintptr_t)scratch + 2 * PAGE + byte();
	case 7:
		return (uintptr_t)guest + GUEST_LEN - 8 * byte();
	case 8:
		return (uintptr_t)guest + word() % 64 * PAGE;
	default:
		return (uintptr_t)scratch + byte() * 8;
	}
}

/* 64 bits for any purpose. As an address it is as harmless as the above. */
static uint64_t value(void)
{
	switch (byte() % 10) {
	case 0:
		return address();
	case 1:
		return UINT64_MAX - byte();
	case 2:
		return UINT64_C(1) << (byte() & 15);
	case 3:
		return UINT64_C(1) << (48 + byte() % 16);
	case 4:
		return (uint64_t)byte() * PAGE;
	case 5:
		return (uint64_t)(byte() % 16) << 32 | byte();
	case 6:
		return UINT64_C(0xffffffff00000000) | word();
	case 7:
		return FUZZ_GPA + (uint64_t)byte() * PAGE;
	default:
		return byte();
	}
}

/* ---- Descriptors ---- */

static void file_add(int fd, enum fuzz_kind kind)
{
	if (fd < 0)
		return;
	if (nr_files == MAX_FILES) {
		am_kvm_close(fd);
		return;
	}
	files[nr_files++] = (struct file){fd, kind, false};
	nr_vms += kind == FUZZ_VM;
}

static struct file *file_pick(enum fuzz_kind kind)
{
	unsigned start = byte();

	for (unsigned n = 0; n < nr_files; n++) {
		struct file *f = &files[(start + n) % nr_files];

		if (f->kind == kind && !f->gone)
			return f;
	}
	return NULL;
}

static void file_close(struct file *f)
{
	if (f->gone)
		return;
	f->gone = true;
	am_kvm_close(f->fd);
	nr_vms -= f->kind == FUZZ_VM;
}

/* Any of ours, also closed ones, and what was never one. */
static int any_descriptor(void)
{
	unsigned n = byte();

	if (n < 4)
		return events[n];
	if (n == 4)
		return null_fd;
	if (n == 5)
		return -1;
	if (n == 6)
		return 99999;
	return nr_files ? files[n % nr_files].fd : -1;
}

/* ---- Arguments ---- */

static uint64_t reg_id(void)
{
	static const uint64_t some[] = {0x6030000000100000, 0x6030000000100040, 0x6040000000100054,
					0x60200000001000d4, 0x603000000013df01, 0x603000000013df1a,
					0x603000000013c080, 0x6030000000140000, 0x6030000000140001,
					0x6030000000160000, 0x6020000000110000, 0x606000000015ffff};
	uint64_t id = some[byte() % 12];

	switch (byte() % 4) {
	case 0:
		return id + byte();
	case 1:
		return id ^ UINT64_C(1) << (byte() & 63);
	case 2:
		return UINT64_C(0x6030000000130000) | (word() & 0xffff);
	default:
		return id;
	}
}

static void put64(uint8_t *p, uint64_t v)
{
	memcpy(p, &v, sizeof(v));
}

static void put32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
}

static uint64_t field(enum fuzz_field what)
{
	switch (what) {
	case FUZZ_ZERO:
		return 0;
	case FUZZ_ADDRESS:
		return address();
	case FUZZ_REG:
		return reg_id();
	case FUZZ_EVENT:
		return (uint64_t)(byte() % 8 ? events[byte() % 4] : any_descriptor());
	case FUZZ_BYTE:
		return byte();
	case FUZZ_FEW:
		return byte() % 4;
	case FUZZ_GUEST:
		return FUZZ_GPA + byte() % 64 * PAGE;
	case FUZZ_PAGES:
		return (uint64_t)(byte() % 65) * PAGE;
	case FUZZ_MEMORY:
		return (uintptr_t)guest + byte() % 64 * PAGE;
	default:
		return value();
	}
}

/* The request's structure as its row describes it, with a mistake now and then. */
static void fill(uint8_t *p, const struct fuzz_request *r)
{
	size_t at = 0;

	for (unsigned n = 0; n < FUZZ_FIELDS && r->fields[n]; n++) {
		bool wide = r->fields[n] & FUZZ_64;
		uint64_t v = byte() % 16 ? field(r->fields[n] & ~FUZZ_64) : value();

		if (wide)
			put64(p + at, v);
		else
			put32(p + at, (uint32_t)v);
		at += wide ? 8 : 4;
	}
}

/* Slots must not reach beyond our memory, however they were made up. */
static void tame_slot(struct kvm_userspace_memory_region *r)
{
	uint64_t hva = r->userspace_addr, at = hva - (uintptr_t)guest;

	if (at < GUEST_LEN) {
		if (r->memory_size > GUEST_LEN - at)
			r->memory_size = (GUEST_LEN - at) & ~(uint64_t)(PAGE - 1);
	} else if (hva < UINT64_C(1) << 47 && r->memory_size > PAGE) {
		r->memory_size = hva < PAGE ? PAGE : 0;
	}
}

/* What would keep us from ending a run, or lets the guest write where it should not. */
static void tame(uint32_t request, uint64_t arg)
{
	if (arg - (uintptr_t)scratch >= PAGE)
		return;
	if (request == KVM_SET_USER_MEMORY_REGION)
		tame_slot((void *)(uintptr_t)(arg & ~UINT64_C(7)));
	if (request == KVM_SET_SIGNAL_MASK)
		memset((void *)(uintptr_t)arg, 0, sizeof(struct kvm_signal_mask) + 8);
	if (request == KVM_SET_SIGNAL_MASK && byte() % 2)
		*(uint32_t *)(uintptr_t)(arg & ~UINT64_C(7)) = 8;
}

/*
 * Where an argument may be that is not as the row says: nowhere, in the page that cannot be
 * written, or up to a hole. Never where the library or a guest has written, as what they wrote may
 * look like any address.
 */
static uint64_t odd_place(void)
{
	switch (byte() % 8) {
	case 0:
		return byte() * 8;
	case 1:
		return UINT64_MAX - byte();
	case 2:
		return UINT64_C(1) << (48 + byte() % 16);
	case 3:
	case 4:
		return (uintptr_t)fixed + byte() * 8;
	case 5:
		return (uintptr_t)scratch + 2 * PAGE + byte();
	default:
		memset(scratch + 2 * PAGE - 256, 0, 256);
		return (uintptr_t)scratch + 2 * PAGE - byte();
	}
}

static uint64_t argument(const struct fuzz_request *r)
{
	unsigned how = byte();

	memset(scratch, 0, PAGE);
	for (unsigned n = 0; n < 96; n += 8)
		put64(scratch + n, how & 64 ? value() : 0);
	if (r)
		fill(scratch, r);
	if (r && r->by_value)
		return how % 8 ? field(r->fields[0] & ~FUZZ_64) : value();
	if (how % 8)
		return (uintptr_t)scratch;
	return odd_place();
}

/* ---- Calls ---- */

static void set_timer(long us)
{
	struct itimerval t = {{0, us}, {0, us}};

	setitimer(ITIMER_REAL, &t, NULL);
}

static int call(int fd, uint32_t request, uint64_t arg)
{
	bool runs = request == KVM_RUN;
	int r;

	if (request == KVM_SET_USER_MEMORY_REGION || request == KVM_SET_SIGNAL_MASK) {
		if (arg - (uintptr_t)scratch < 2 * PAGE)
			arg = (uintptr_t)scratch;
		tame(request, arg);
	}
	if (runs)
		set_timer(200);
	/* Callers may sign-extend the number. */
	r = am_kvm_ioctl(fd, byte() % 2 ? request : (unsigned long)(long)(int32_t)request, arg);
	if (runs) {
		set_timer(0);
		fuzz_count.runs++;
		fuzz_count.exits += !r;
	}
	if (r < 0)
		fuzz_count.bad++;
	else
		fuzz_count.good++;
	return r;
}

/* What the call made, if it made a descriptor. */
static void collect(enum fuzz_kind on, uint32_t request, uint64_t arg, int r)
{
	if (r < 0)
		return;
	if (request == KVM_CREATE_VM && on == FUZZ_SYSTEM)
		file_add(r, FUZZ_VM);
	if (request == KVM_CREATE_VCPU && on == FUZZ_VM)
		file_add(r, FUZZ_VCPU);
	if (request == KVM_GET_STATS_FD && (on == FUZZ_VM || on == FUZZ_VCPU))
		file_add(r, FUZZ_STATS);
	if (request == KVM_CREATE_DEVICE && on == FUZZ_VM && arg == (uintptr_t)scratch) {
		struct kvm_create_device cd;

		memcpy(&cd, scratch, sizeof(cd));
		if (!(cd.flags & KVM_CREATE_DEVICE_TEST))
			file_add((int)cd.fd, FUZZ_DEVICE);
	}
}

static void one_ioctl(enum fuzz_kind on, int fd, uint32_t request, const struct fuzz_request *r)
{
	uint64_t arg;
	int result;

	if (request == KVM_CREATE_VM && nr_vms >= MAX_VMS)
		return;
	arg = argument(r);
	result = call(fd, request, arg);
	collect(on, request, arg, result);
}

/* A request on a descriptor that takes it. */
static void fitting(void)
{
	const struct fuzz_request *r = &fuzz_requests[byte() % fuzz_nr_requests];
	struct file *f;

	/* KVM_RUN costs most: not each time. */
	if (r->request == KVM_RUN && byte() % 2)
		return;
	f = file_pick(r->kind);
	if (f)
		one_ioctl(f->kind, f->fd, r->request, r);
}

/* A request on whatever descriptor. */
static void unfitting(void)
{
	const struct fuzz_request *r = &fuzz_requests[byte() % fuzz_nr_requests];

	if (r->request != KVM_RUN)
		one_ioctl(FUZZ_OTHER, any_descriptor(), r->request, r);
}

/* Every number, direction and size. */
static void arbitrary(void)
{
	uint32_t w = word();
	uint32_t request = byte() % 4 ? (w & 0xffff00ff) | 0xae00 : w;
	int fd = any_descriptor();

	/* Not on files of the kernel's: they have requests, too. */
	if (request != KVM_RUN && request != KVM_CREATE_VM && am_kvm_owns(fd))
		one_ioctl(FUZZ_OTHER, fd, request, NULL);
}

/* ---- Besides ioctls ---- */

static void map_or_unmap(void)
{
	struct file *f = file_pick(byte() % 8 ? FUZZ_VCPU : byte() % FUZZ_OTHER);
	size_t len = byte() % 4 ? 2 * PAGE : byte() % 4 * PAGE;
	off_t off = byte() % 4 ? 0 : (off_t)(byte() % 4) * PAGE;

	if (nr_maps == MAX_MAPS) {
		am_kvm_munmap(maps[--nr_maps], 2 * PAGE);
		return;
	}
	if (!f)
		return;
	void *p = am_kvm_mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, off);

	if (p == MAP_FAILED)
		return;
	if (f->kind == FUZZ_VCPU && len == 2 * PAGE && !off)
		maps[nr_maps++] = p;
	else
		am_kvm_munmap(p, len);
}

/* User space writes what it likes into the pages that it shares, the ring included. */
static void scribble(void)
{
	uint8_t *p;

	if (!nr_maps)
		return;
	p = (uint8_t *)maps[byte() % nr_maps];
	if (byte() % 2)
		p[1] = byte() % 2; /* immediate_exit */
	else
		put64(p + word() % (2 * PAGE / 8) * 8, value());
}

static void read_stats(void)
{
	struct file *f = file_pick(byte() % 4 ? FUZZ_STATS : byte() % FUZZ_OTHER);

	if (f)
		am_kvm_read(f->fd, (void *)(uintptr_t)address(), byte(),
			    byte() % 2 ? -1 : (off_t)byte() * 8);
}

/* Guest code: system registers, loads and stores, calls, waiting; or any word. */
static uint32_t instruction(void)
{
	static const uint32_t some[] = {0xd4000002, 0xd4000003, 0xd503207f, 0xd503205f, 0xd4200000,
					0xf9000000, 0xf9400000, 0xb9000000, 0x39400000, 0x79000000,
					0xc85f7c00, 0xc8007c00, 0xf8200000, 0xd503201f, 0xd503305f,
					0xa9000000, 0xd69f03e0, 0x14000000, 0x4c000000, 0xd50b7420};
	uint32_t w = word();

	switch (byte() % 4) {
	case 0:
		return w;
	case 1:
		return 0xd5100000 | (w & 0x2fffff); /* MSR, MRS */
	default:
		return some[w % 20] | (w >> 24 & 3);
	}
}

static void write_code(unsigned page)
{
	for (unsigned n = 0; n < 8; n++)
		put32(guest + page % 64 * PAGE + 4 * n, instruction());
}

static void set_reg(int vcpu, unsigned offset, uint64_t v)
{
	struct kvm_one_reg r = {.id = 0x6030000000100000 + offset, .addr = (uintptr_t)&v};

	am_kvm_ioctl(vcpu, KVM_SET_ONE_REG, (uintptr_t)&r);
}

/* A vCPU with something to execute, and addresses of memory, devices and the GIC at hand. */
static void prepare_vcpu(int vm, unsigned id)
{
	struct kvm_vcpu_init init = {.target = 5, .features = {4}};
	int vcpu = am_kvm_ioctl(vm, KVM_CREATE_VCPU, id);

	file_add(vcpu, FUZZ_VCPU);
	am_kvm_ioctl(vcpu, KVM_ARM_VCPU_INIT, (uintptr_t)&init);
	set_reg(vcpu, 0, byte() % 4 ? byte() : FUZZ_GPA + word() % GUEST_LEN);
	set_reg(vcpu, 2, byte() % 2 ? FUZZ_GPA + word() % GUEST_LEN : value());
	set_reg(vcpu, 4, 0x08000000 + word() % 0x10000);
	set_reg(vcpu, 6, 0x080a0000 + word() % 0x40000);
	set_reg(vcpu, 0x40, FUZZ_GPA + id * PAGE);
	write_code(id);
}

/* A machine that can run, so that not all of the input goes into making one. */
static void prepare(int system)
{
	struct kvm_userspace_memory_region slot = {.guest_phys_addr = FUZZ_GPA,
						   .memory_size = GUEST_LEN,
						   .userspace_addr = (uintptr_t)guest,
						   .flags = byte() % 2};
	struct kvm_create_device cd = {.type = KVM_DEV_TYPE_ARM_VGIC_V3};
	struct kvm_device_attr a = {.group = KVM_DEV_ARM_VGIC_GRP_ADDR};
	uint64_t dist = 0x08000000, redist = 0x080a0000;
	int vm = am_kvm_ioctl(system, KVM_CREATE_VM, 0);

	file_add(vm, FUZZ_VM);
	am_kvm_ioctl(vm, KVM_SET_USER_MEMORY_REGION, (uintptr_t)&slot);
	prepare_vcpu(vm, 0);
	prepare_vcpu(vm, 1);
	if (byte() % 4 == 0 || am_kvm_ioctl(vm, KVM_CREATE_DEVICE, (uintptr_t)&cd))
		return;
	file_add((int)cd.fd, FUZZ_DEVICE);
	a.attr = KVM_VGIC_V3_ADDR_TYPE_DIST;
	a.addr = (uintptr_t)&dist;
	am_kvm_ioctl((int)cd.fd, KVM_SET_DEVICE_ATTR, (uintptr_t)&a);
	a.attr = KVM_VGIC_V3_ADDR_TYPE_REDIST;
	a.addr = (uintptr_t)&redist;
	am_kvm_ioctl((int)cd.fd, KVM_SET_DEVICE_ATTR, (uintptr_t)&a);
	a.group = KVM_DEV_ARM_VGIC_GRP_CTRL;
	a.attr = KVM_DEV_ARM_VGIC_CTRL_INIT;
	if (byte() % 4)
		am_kvm_ioctl((int)cd.fd, KVM_SET_DEVICE_ATTR, (uintptr_t)&a);
}

static void step(void)
{
	unsigned op = byte();

	if (op < 150)
		fitting();
	else if (op < 200)
		arbitrary();
	else if (op < 225)
		unfitting();
	else if (op < 230)
		map_or_unmap();
	else if (op < 240)
		scribble();
	else if (op < 245)
		read_stats();
	else if (op < 252)
		write_code(byte());
	else if (op == 252 && nr_files)
		file_close(&files[byte() % nr_files]);
	else if (op == 253 && nr_vms < MAX_VMS && nr_files + 4 < MAX_FILES)
		prepare(files[0].gone ? -1 : files[0].fd);
	else
		file_add(nr_files < 4 ? am_kvm_open() : -1, FUZZ_SYSTEM);
}

static void on_timer(int sig)
{
}

static void *pages(size_t len)
{
	uint8_t *p = mmap(NULL, len + PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p, len, PROT_READ | PROT_WRITE))
		__builtin_trap();
	return p;
}

static void set_up(void)
{
	struct sigaction sa = {.sa_handler = on_timer};

	guest = pages(GUEST_LEN);
	scratch = pages(2 * PAGE);
	fixed = pages(PAGE);
	memset(fixed + PAGE / 2, 1, 64);
	mprotect(fixed, PAGE, PROT_READ);
	for (unsigned n = 0; n < 4; n++)
		events[n] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigaction(SIGALRM, &sa, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!guest)
		set_up();
	input_start(data, size);
	memset(guest, 0, GUEST_LEN);
	file_add(am_kvm_open(), FUZZ_SYSTEM);
	prepare(files[0].fd);
	while (in.left)
		step();
	for (unsigned n = 0; n < nr_files; n++)
		file_close(&files[n]);
	while (nr_maps)
		am_kvm_munmap(maps[--nr_maps], 2 * PAGE);
	nr_files = 0;
	return 0;
}
