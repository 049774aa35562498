/* SPDX-License-Identifier: MIT */
/* The machine of machine.h. */
#include "machine.h"

#include <err.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LARGE_PAGE (UINT64_C(2) << 20)

void machine_fail(struct machine *m, const char *format, ...)
{
	va_list ap;

	if (atomic_exchange(&m->failed, true))
		return; /* the first reason is the interesting one */
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
}

uint8_t *machine_memory(size_t size)
{
	/* Reserved with room to align; the rest is never touched. */
	uint8_t *p = mmap(NULL, size + LARGE_PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		err(1, "memory for the guest");
	p = (uint8_t *)(((uintptr_t)p + LARGE_PAGE - 1) & ~(uintptr_t)(LARGE_PAGE - 1));
	/* Large pages where the host has them, so that there are blocks to be mapped and cut. */
	madvise(p, size & ~(LARGE_PAGE - 1), MADV_HUGEPAGE);
	return p;
}

int machine_ioctl(int fd, unsigned long request, const void *arg, const char *what)
{
	int r = am_kvm_ioctl(fd, request, (uintptr_t)arg);

	if (r < 0)
		err(1, "%s", what);
	return r;
}

int machine_slot(struct machine *m, uint32_t slot, uint32_t flags, uint64_t gpa, uint64_t size,
		 void *host)
{
	struct kvm_userspace_memory_region r = {.slot = slot,
						.flags = flags,
						.guest_phys_addr = gpa,
						.memory_size = size,
						.userspace_addr = (uintptr_t)host};

	return am_kvm_ioctl(m->vm, KVM_SET_USER_MEMORY_REGION, (uintptr_t)&r) ? -errno : 0;
}

/* ---- Exits ---- */

static bool is_place(uint64_t ipa)
{
	return ipa >= SMALL_BASE && ipa < LARGE_BASE + (PLACES - SMALL_PLACES) * LARGE_PITCH;
}

/* False: the guest is done, or in trouble. */
static bool mmio(struct machine_vcpu *v)
{
	struct shared_vcpu *seen = &v->m->shared->vcpu[v->n];
	uint64_t ipa = v->run->mmio.phys_addr, hole = HOLE;

	if (v->run->mmio.is_write && ipa == STOPPED)
		return false;
	if (v->run->mmio.is_write && ipa == FAILED) {
		const uint64_t *f = seen->fail;

		machine_fail(
		    v->m,
		    "vCPU %u: failure %llu at %s%#llx: place %llu probe %llu, got %#llx and "
		    "%#llx, want %#llx, syndrome %#llx, access %llu",
		    v->n, (unsigned long long)f[0], f[6] >> 9 ? "the view's " : "",
		    (unsigned long long)f[2], (unsigned long long)f[1] / PROBES,
		    (unsigned long long)f[1] % PROBES, (unsigned long long)f[3],
		    (unsigned long long)f[7], (unsigned long long)f[4], (unsigned long long)f[5],
		    (unsigned long long)f[6] & 0xff);
		return false;
	}
	if (!is_place(ipa)) {
		machine_fail(v->m, "vCPU %u: MMIO at %#llx", v->n, (unsigned long long)ipa);
		return false;
	}
	if (v->run->mmio.is_write)
		__atomic_fetch_add(&seen->mmio_writes, 1, __ATOMIC_RELEASE);
	else
		memcpy(v->run->mmio.data, &hole, sizeof(hole));
	return true;
}

static void abort_access(struct machine_vcpu *v)
{
	struct kvm_vcpu_events e = {.exception.ext_dabt_pending = 1};

	machine_ioctl(v->fd, KVM_SET_VCPU_EVENTS, &e, "KVM_SET_VCPU_EVENTS");
}

static void run(struct machine_vcpu *v)
{
	struct machine *m = v->m;

	while (!atomic_load(&m->failed)) {
		int r = am_kvm_ioctl(v->fd, KVM_RUN, 0);

		if (r < 0) {
			if (errno == EINTR)
				continue;
			machine_fail(m, "vCPU %u: KVM_RUN: %s", v->n, strerror(errno));
			break;
		}
		switch (v->run->exit_reason) {
		case KVM_EXIT_MMIO:
			if (!mmio(v))
				return;
			break;
		case KVM_EXIT_ARM_NISV:
			if (is_place(v->run->arm_nisv.fault_ipa)) {
				abort_access(v);
				break;
			}
			machine_fail(m, "vCPU %u: NISV at %#llx", v->n,
				     (unsigned long long)v->run->arm_nisv.fault_ipa);
			break;
		case KVM_EXIT_DIRTY_RING_FULL:
			if (m->ring_full) {
				m->ring_full(v, m->opaque);
				break;
			}
			/* fall through */
		default:
			machine_fail(m, "vCPU %u: exit %u", v->n, v->run->exit_reason);
		}
	}
}

static void *thread(void *opaque)
{
	struct machine_vcpu *v = opaque;

	run(v);
	atomic_store(&v->done, true);
	return NULL;
}

/* ---- Creating and ending ---- */

static void load_image(struct machine *m, const char *path)
{
	FILE *f = fopen(path, "rb");

	if (!f || !fread(m->home, 1, ROOT - HOME, f) || ferror(f))
		err(1, "%s", path);
	fclose(f);
}

/* Identity by 1 GiB blocks of Normal memory, and the way to the view. */
static void make_tables(struct machine *m)
{
	uint64_t *root = (uint64_t *)(void *)(m->home + (ROOT - HOME));

	for (uint64_t n = 0; n < 4; n++)
		root[n] = n << 30 | 1u << 10 | 3u << 8 | 1;
	root[VIEW >> 30] = VIEW_L2 | 3;
}

void machine_create(struct machine *m, const char *image)
{
	struct kvm_enable_cap nisv = {.cap = KVM_CAP_ARM_NISV_TO_USER};

	*m = (struct machine){.kvm = am_kvm_open()};
	if (m->kvm < 0)
		err(1, "am_kvm_open");
	m->vm = machine_ioctl(m->kvm, KVM_CREATE_VM, NULL, "KVM_CREATE_VM");
	machine_ioctl(m->vm, KVM_ENABLE_CAP, &nisv, "KVM_CAP_ARM_NISV_TO_USER");
	m->home = machine_memory(HOME_SIZE);
	m->shared = (struct shared *)(void *)(m->home + (SHARED - HOME));
	load_image(m, image);
	make_tables(m);
}

static void set_reg(struct machine_vcpu *v, uint64_t offset, uint64_t value)
{
	struct kvm_one_reg r = {.id = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | offset,
				.addr = (uintptr_t)&value};

	machine_ioctl(v->fd, KVM_SET_ONE_REG, &r, "KVM_SET_ONE_REG");
}

static void vcpu_create(struct machine *m, unsigned n)
{
	struct machine_vcpu *v = &m->vcpu[n];
	struct kvm_vcpu_init init = {0};

	v->m = m;
	v->n = n;
	v->fd = am_kvm_ioctl(m->vm, KVM_CREATE_VCPU, n);
	if (v->fd < 0)
		err(1, "KVM_CREATE_VCPU");
	v->run_size = (size_t)machine_ioctl(m->kvm, KVM_GET_VCPU_MMAP_SIZE, NULL, "mmap size");
	v->run = am_kvm_mmap(NULL, v->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (v->run == MAP_FAILED)
		err(1, "struct kvm_run");
	machine_ioctl(m->vm, KVM_ARM_PREFERRED_TARGET, &init, "KVM_ARM_PREFERRED_TARGET");
	init.features[0] = 1u << KVM_ARM_VCPU_PSCI_0_2;
	machine_ioctl(v->fd, KVM_ARM_VCPU_INIT, &init, "KVM_ARM_VCPU_INIT");
	set_reg(v, KVM_REG_ARM_CORE_REG(regs.pc), HOME);
	set_reg(v, KVM_REG_ARM_CORE_REG(regs.regs[0]), n);
}

void machine_populate(struct machine *m)
{
	if (machine_slot(m, HOME_SLOT, 0, HOME, HOME_SIZE, m->home))
		errx(1, "the slot of the guest's home was refused");
	for (unsigned n = 0; n < VCPUS; n++)
		vcpu_create(m, n);
}

void machine_start(struct machine *m)
{
	for (unsigned n = 0; n < VCPUS; n++) {
		if (pthread_create(&m->vcpu[n].thread, NULL, thread, &m->vcpu[n]))
			errx(1, "pthread_create");
		m->vcpu[n].started = true;
	}
}

bool machine_stop(struct machine *m)
{
	__atomic_store_n(&m->shared->stop, 1, __ATOMIC_RELEASE);
	for (unsigned n = 0; n < VCPUS; n++) {
		if (m->vcpu[n].started)
			pthread_join(m->vcpu[n].thread, NULL);
		m->vcpu[n].started = false;
	}
	return !atomic_load(&m->failed);
}

void machine_destroy(struct machine *m)
{
	for (unsigned n = 0; n < VCPUS; n++) {
		if (!m->vcpu[n].run)
			continue;
		am_kvm_munmap(m->vcpu[n].run, m->vcpu[n].run_size);
		am_kvm_close(m->vcpu[n].fd);
	}
	am_kvm_close(m->vm);
	am_kvm_close(m->kvm);
	munmap(m->home, HOME_SIZE);
}
