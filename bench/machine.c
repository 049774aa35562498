/* SPDX-License-Identifier: MIT */
/* The machine of machine.h. */
#include "machine.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define LARGE_PAGE ((size_t)2 << 20)
#define ROOT	   0x10000u
#define PAGED_L2   0x11000u
#define PAGED_L3   0x20000u
#define ATTRS	   (UINT64_C(1) << 10 | UINT64_C(3) << 8)

int must(int result, const char *what)
{
	if (result < 0)
		err(1, "%s", what);
	return result;
}

int must_ioctl(int fd, unsigned long request, const void *arg, const char *what)
{
	return must(am_kvm_ioctl(fd, request, (uintptr_t)arg), what);
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint8_t *host_memory(size_t size, size_t offset)
{
	uint8_t *p = mmap(NULL, size + 2 * LARGE_PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		err(1, "memory");
	p = (uint8_t *)(((uintptr_t)p + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1)) + offset;
	/* As VMMs do; and the host's own translation is less of what is measured. */
	madvise(p, size, MADV_HUGEPAGE);
	memset(p, 1, size);
	return p;
}

void machine_slot(struct machine *m, uint32_t slot, uint32_t flags, uint64_t gpa, uint64_t size,
		  void *host)
{
	struct kvm_userspace_memory_region r = {.slot = slot,
						.flags = flags,
						.guest_phys_addr = gpa,
						.memory_size = size,
						.userspace_addr = (uintptr_t)host};

	must_ioctl(m->vm, KVM_SET_USER_MEMORY_REGION, &r, "KVM_SET_USER_MEMORY_REGION");
}

static void gic_create(struct machine *m)
{
	struct kvm_create_device cd = {.type = KVM_DEV_TYPE_ARM_VGIC_V3};
	uint64_t dist = GICD, redist = GICR;
	struct kvm_device_attr a = {.group = KVM_DEV_ARM_VGIC_GRP_ADDR,
				    .attr = KVM_VGIC_V3_ADDR_TYPE_DIST,
				    .addr = (uintptr_t)&dist};

	must_ioctl(m->vm, KVM_CREATE_DEVICE, &cd, "the GIC");
	m->gic = (int)cd.fd;
	must_ioctl(m->gic, KVM_SET_DEVICE_ATTR, &a, "GICD");
	a.attr = KVM_VGIC_V3_ADDR_TYPE_REDIST;
	a.addr = (uintptr_t)&redist;
	must_ioctl(m->gic, KVM_SET_DEVICE_ATTR, &a, "GICR");
	a.group = KVM_DEV_ARM_VGIC_GRP_CTRL;
	a.attr = KVM_DEV_ARM_VGIC_CTRL_INIT;
	must_ioctl(m->gic, KVM_SET_DEVICE_ATTR, &a, "initializing the GIC");
}

static void set_reg(struct machine *m, uint64_t id, uint64_t value)
{
	struct kvm_one_reg r = {.id = id, .addr = (uintptr_t)&value};

	must_ioctl(m->vcpu, KVM_SET_ONE_REG, &r, "KVM_SET_ONE_REG");
}

static void set_core(struct machine *m, uint64_t offset, uint64_t value)
{
	set_reg(m, KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | offset, value);
}

static void load_image(struct machine *m, const char *path)
{
	FILE *f = fopen(path, "rb");

	if (!f || !fread(m->home, 1, ROOT, f))
		err(1, "%s", path);
	fclose(f);
}

static void make_tables(struct machine *m)
{
	uint64_t *root = (uint64_t *)(void *)(m->home + ROOT);
	uint64_t *l2 = (uint64_t *)(void *)(m->home + PAGED_L2);
	uint64_t *l3 = (uint64_t *)(void *)(m->home + PAGED_L3);

	for (uint64_t n = 0; n < 8; n++)
		root[n] = n << 30 | ATTRS | 1;
	root[PAGED >> 30] = (HOME + PAGED_L2) | 3;
	for (uint64_t n = 0; n < PAGED_SIZE >> 21; n++)
		l2[n] = (HOME + PAGED_L3 + n * 4096) | 3;
	for (uint64_t n = 0; n < PAGED_SIZE >> 12; n++)
		l3[n] = (AREA + n * 4096) | ATTRS | 3;
}

static void vcpu_create(struct machine *m)
{
	struct kvm_vcpu_init init = {0};

	m->vcpu = must_ioctl(m->vm, KVM_CREATE_VCPU, NULL, "KVM_CREATE_VCPU");
	m->run_size = (size_t)must_ioctl(m->kvm, KVM_GET_VCPU_MMAP_SIZE, NULL, "mmap size");
	m->run = am_kvm_mmap(NULL, m->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, m->vcpu, 0);
	if (m->run == MAP_FAILED)
		err(1, "struct kvm_run");
	must_ioctl(m->vm, KVM_ARM_PREFERRED_TARGET, &init, "KVM_ARM_PREFERRED_TARGET");
	init.features[0] = 1u << KVM_ARM_VCPU_PSCI_0_2;
	must_ioctl(m->vcpu, KVM_ARM_VCPU_INIT, &init, "KVM_ARM_VCPU_INIT");
}

static void ring_enable(struct machine *m, uint32_t bytes)
{
	struct kvm_enable_cap cap = {.cap = KVM_CAP_DIRTY_LOG_RING_ACQ_REL, .args = {bytes}};

	must_ioctl(m->vm, KVM_ENABLE_CAP, &cap, "dirty ring");
	m->ring_size = bytes / (uint32_t)sizeof(*m->ring);
}

static void ring_map(struct machine *m)
{
	off_t at = KVM_DIRTY_LOG_PAGE_OFFSET * (off_t)sysconf(_SC_PAGESIZE);

	m->ring = am_kvm_mmap(NULL, m->ring_size * sizeof(*m->ring), PROT_READ | PROT_WRITE,
			      MAP_SHARED, m->vcpu, at);
	if (m->ring == MAP_FAILED)
		err(1, "dirty ring");
}

void machine_create(struct machine *m, const char *image, uint32_t ring_bytes)
{
	struct kvm_ioeventfd event = {.addr = EVENT, .len = 4};

	*m = (struct machine){.kvm = must(am_kvm_open(), "am_kvm_open")};
	m->vm = must_ioctl(m->kvm, KVM_CREATE_VM, NULL, "KVM_CREATE_VM");
	if (ring_bytes)
		ring_enable(m, ring_bytes);
	m->home = host_memory(HOME_SIZE, 0);
	memset(m->home, 0, HOME_SIZE);
	load_image(m, image);
	make_tables(m);
	machine_slot(m, 0, 0, HOME, HOME_SIZE, m->home);
	vcpu_create(m);
	gic_create(m);
	if (ring_bytes)
		ring_map(m);
	m->event = must(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
	event.fd = m->event;
	must_ioctl(m->vm, KVM_IOEVENTFD, &event, "KVM_IOEVENTFD");
	machine_mmu(m, true);
}

void machine_destroy(struct machine *m)
{
	am_kvm_munmap(m->run, m->run_size);
	if (m->ring)
		am_kvm_munmap(m->ring, m->ring_size * sizeof(*m->ring));
	am_kvm_close(m->vcpu);
	am_kvm_close(m->gic);
	am_kvm_close(m->vm);
	am_kvm_close(m->kvm);
	close(m->event);
	munmap(m->home, HOME_SIZE);
}

void machine_mmu(struct machine *m, bool on)
{
	set_reg(m, ARM64_SYS_REG(3, 0, 10, 2, 0), 0xff);       /* MAIR_EL1 */
	set_reg(m, ARM64_SYS_REG(3, 0, 2, 0, 0), HOME + ROOT); /* TTBR0_EL1 */
	/* TCR_EL1: 39 bits, 4 KiB granule, write-back, no TTBR1, 40 bits out */
	set_reg(m, ARM64_SYS_REG(3, 0, 2, 0, 2), UINT64_C(2) << 32 | 1u << 23 | 0x3500 | 25);
	set_reg(m, ARM64_SYS_REG(3, 0, 1, 0, 0), on ? 0x30d01805 : 0x30d01804); /* SCTLR_EL1 */
}

/* What a VMM that migrates does, but for the copying. */
static void ring_reset(struct machine *m)
{
	struct kvm_dirty_gfn *e;

	while (e = &m->ring[m->ring_at % m->ring_size],
	       __atomic_load_n(&e->flags, __ATOMIC_ACQUIRE) == KVM_DIRTY_GFN_F_DIRTY) {
		__atomic_store_n(&e->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
		m->ring_at++;
	}
	must_ioctl(m->vm, KVM_RESET_DIRTY_RINGS, NULL, "KVM_RESET_DIRTY_RINGS");
}

static void until_done(struct machine *m)
{
	for (;;) {
		must_ioctl(m->vcpu, KVM_RUN, NULL, "KVM_RUN");
		switch (m->run->exit_reason) {
		case KVM_EXIT_MMIO:
			if (m->run->mmio.phys_addr == DONE)
				return;
			break; /* NOTHING: any answer will do */
		case KVM_EXIT_DIRTY_RING_FULL:
			ring_reset(m);
			break;
		default:
			errx(1, "exit %u", m->run->exit_reason);
		}
	}
}

uint64_t machine_run(struct machine *m, enum loop loop, uint64_t x0, uint64_t x1, uint64_t x2,
		     uint64_t x3)
{
	uint64_t x[4] = {x0, x1, x2, x3}, start;

	for (unsigned n = 0; n < 4; n++)
		set_core(m, KVM_REG_ARM_CORE_REG(regs.regs[0]) + 2 * n, x[n]);
	set_core(m, KVM_REG_ARM_CORE_REG(regs.pc), HOME + 4 * (unsigned)loop);
	start = now_ns();
	until_done(m);
	start = now_ns() - start;
	/* The store that ended it is completed before the PC is set anew. */
	m->run->immediate_exit = 1;
	if (am_kvm_ioctl(m->vcpu, KVM_RUN, 0) != -1 || errno != EINTR)
		errx(1, "KVM_RUN with immediate_exit");
	m->run->immediate_exit = 0;
	return start;
}
