/* SPDX-License-Identifier: MIT */
/*
 * libarmature-gic behind the interface of vgic_bench.c, which measures any interrupt controller the
 * same way (vgic_impl.h). A guest here is the code that KVM's guest would run: it looks at its
 * interrupt line, reads ICC_IAR1_EL1 and writes ICC_EOIR1_EL1 until the line is low.
 */
#include <armature/its.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "gic/its.h"
#include "vgic_impl.h"

#define ICC_PMR	    AM_GIC_SYSREG(3u, 0u, 4u, 6u, 0u)
#define ICC_IAR1    AM_GIC_SYSREG(3u, 0u, 12u, 12u, 0u)
#define ICC_EOIR1   AM_GIC_SYSREG(3u, 0u, 12u, 12u, 1u)
#define ICC_SGI1R   AM_GIC_SYSREG(3u, 0u, 12u, 11u, 5u)
#define ICC_IGRPEN1 AM_GIC_SYSREG(3u, 0u, 12u, 12u, 7u)

struct vm {
	struct am_gic *gic;
	struct am_bus *bus;
	struct am_its *its;
	struct line {
		_Alignas(128) atomic_uint
		    level; /* a pair of cache lines for each vCPU: processors fetch two */
	} lines[AM_GIC_MAX_VCPUS];
	char *ram;
	size_t ram_size;
};

static vu64 heap_bytes, heap_req;

static void *vm_alloc(void *opaque, size_t size)
{
	void *p = malloc(size);

	if (p) {
		heap_bytes += malloc_usable_size(p);
		heap_req += size;
	}
	return p;
}

static void vm_free(void *opaque, void *p, size_t size)
{
	heap_bytes -= malloc_usable_size(p);
	heap_req -= size;
	free(p);
}

static void vm_line(void *opaque, unsigned vcpu, bool irq, bool fiq)
{
	struct vm *vm = opaque;

	atomic_store_explicit(&vm->lines[vcpu].level, irq | fiq << 1, memory_order_release);
}

static void fail(const char *what, int err)
{
	fprintf(stderr, "vgic_adapter: %s: %d\n", what, err);
	exit(1);
}

static void check(const char *what, int err)
{
	if (err)
		fail(what, err);
}

/* Guest memory: one piece. */
static bool vm_read(void *opaque, uint64_t ipa, void *buf, size_t len)
{
	struct vm *vm = opaque;

	if (ipa < RAM_BASE_GPA || ipa - RAM_BASE_GPA > vm->ram_size - len)
		return false;
	memcpy(buf, vm->ram + (ipa - RAM_BASE_GPA), len);
	return true;
}

static bool vm_write(void *opaque, uint64_t ipa, const void *buf, size_t len)
{
	struct vm *vm = opaque;

	if (ipa < RAM_BASE_GPA || ipa - RAM_BASE_GPA > vm->ram_size - len)
		return false;
	memcpy(vm->ram + (ipa - RAM_BASE_GPA), buf, len);
	return true;
}

static uint64_t mpidr(unsigned vcpu)
{
	return (vcpu & 15) | (vcpu >> 4 & 0xff) << 8;
}

static void *impl_create(const struct vm_cfg *cfg)
{
	struct vm *vm = aligned_alloc(128, sizeof(*vm));
	struct am_alloc alloc = {.alloc = vm_alloc, .free = vm_free};
	struct am_gic_config config = {
	    .nr_irqs = (unsigned)cfg->nr_irqs,
	    .ops = {.irq_line_changed = vm_line, .alloc = vm_alloc, .free = vm_free},
	    .opaque = vm,
	};

	if (!vm)
		fail("memory", 0);
	memset(vm, 0, sizeof(*vm));
	check("bus", am_bus_create(&alloc, &vm->bus));
	check("create", am_gic_create(&config, &vm->gic));
	for (int i = 0; i < cfg->nr_vcpus; i++)
		check("vcpu", am_gic_add_vcpu(vm->gic, (unsigned)i, mpidr((unsigned)i)));
	check("dist", am_gic_set_dist_base(vm->gic, GICD_BASE_GPA));
	check("redist", am_gic_set_redist_base(vm->gic, GICR_BASE_GPA));
	check("init", am_gic_init(vm->gic));
	check("map", am_gic_map(vm->gic, vm->bus));
	if (cfg->with_its) {
		struct am_its_config its = {
		    .ops = {.read = vm_read, .write = vm_write}, .opaque = vm, .bus = vm->bus};

		check("its", am_its_create(vm->gic, &its, &vm->its));
		check("its base", am_its_set_base(vm->its, GITS_BASE_GPA));
	}
	for (unsigned i = 0; i < (unsigned)cfg->nr_vcpus; i++) {
		am_gic_icc_write(vm->gic, i, ICC_PMR, 0xff);
		am_gic_icc_write(vm->gic, i, ICC_IGRPEN1, 1);
	}
	/* Guest memory, only as far as it is touched. */
	vm->ram_size = cfg->ram_size;
	vm->ram = mmap(NULL, vm->ram_size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (vm->ram == MAP_FAILED)
		fail("memory", 0);
	return vm;
}

static void impl_destroy(void *p)
{
	struct vm *vm = p;

	am_gic_destroy(vm->gic);
	am_bus_destroy(vm->bus);
	munmap(vm->ram, vm->ram_size);
	free(vm);
}

static int impl_mmio_read(void *p, int vcpu, vu64 gpa, int len, vu64 *value)
{
	struct vm *vm = p;
	uint64_t v = 0;
	int err = am_bus_read(vm->bus, (unsigned)vcpu, gpa, (unsigned)len, &v);

	*value = v;
	return err;
}

static int impl_mmio_write(void *p, int vcpu, vu64 gpa, int len, vu64 value)
{
	struct vm *vm = p;

	/* With five bits of priority the lowest never passes ICC_PMR_EL1: take the next. */
	if (len == 1 && gpa - GICD_BASE_GPA - 0x400 < 0x400 && value == 0xf8)
		value = 0xf0;
	return am_bus_write(vm->bus, (unsigned)vcpu, gpa, (unsigned)len, value);
}

static int impl_irq_line(void *p, unsigned intid, int level)
{
	struct vm *vm = p;

	return am_gic_set_spi(vm->gic, intid, level);
}

static void impl_sgi1r(void *p, int vcpu, vu64 value)
{
	struct vm *vm = p;

	am_gic_icc_write(vm->gic, (unsigned)vcpu, ICC_SGI1R, value);
}

static int impl_deliver(void *p, int vcpu)
{
	struct vm *vm = p;
	uint64_t intid;
	int n = 0;

	while (atomic_load_explicit(&vm->lines[vcpu].level, memory_order_acquire)) {
		am_gic_icc_read(vm->gic, (unsigned)vcpu, ICC_IAR1, &intid);
		if (intid >= 1020 && intid < 8192)
			break;
		am_gic_icc_write(vm->gic, (unsigned)vcpu, ICC_EOIR1, intid);
		n++;
	}
	return n;
}

static int impl_msi(void *p, vu64 doorbell, unsigned devid, unsigned event)
{
	struct vm *vm = p;

	return am_gic_msi(vm->gic, doorbell, true, devid, event);
}

static int impl_save(void *p)
{
	struct vm *vm = p;

	return am_its_save_tables(vm->its);
}

static int impl_restore(void *p)
{
	struct vm *vm = p;

	return am_its_restore_tables(vm->its);
}

static int impl_reset(void *p)
{
	struct vm *vm = p;

	am_its_reset(vm->its);
	return 0;
}

static int impl_save_pending(void *p)
{
	struct vm *vm = p;

	return am_gic_set_attr(vm->gic, AM_GIC_GRP_CTRL, 3, 0);
}

static void *impl_ram(void *p, vu64 gpa)
{
	struct vm *vm = p;

	return vm->ram + (gpa - RAM_BASE_GPA);
}

static void impl_nothing(void *p)
{
}

static void impl_thread_init(int cpu)
{
}

static void impl_mem(void *p, struct mem_stats *m)
{
	*m = (struct mem_stats){
	    .heap_bytes = heap_bytes,
	    .heap_req = heap_req,
	    .sz_irq = sizeof(struct gic_block) / 32,
	    .sz_ite = sizeof(its_word),
	    .sz_vcpu = sizeof(struct gic_cpu),
	    .sz_dev = sizeof(struct am_gic),
	};
}

static const struct vgic_impl impl = {
    .name = "armature",
    .thread_init = impl_thread_init,
    .create = impl_create,
    .destroy = impl_destroy,
    .mmio_read = impl_mmio_read,
    .mmio_write = impl_mmio_write,
    .irq_line = impl_irq_line,
    .msi = impl_msi,
    .sgi1r = impl_sgi1r,
    .deliver = impl_deliver,
    .its_save = impl_save,
    .its_restore = impl_restore,
    .its_reset = impl_reset,
    .lpi_save_pending = impl_save_pending,
    .ram = impl_ram,
    .quiesce = impl_nothing,
    .mem = impl_mem,
};

const struct vgic_impl *const vgic_impls[] = {&impl, NULL};
