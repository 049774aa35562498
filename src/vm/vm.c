/* SPDX-License-Identifier: MIT */
/* Life of a virtual machine and of what it is made of. */
#include "vm/vm.h"

#include <armature/its.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bits.h"
#include "cpu/cluster.h"
#include "cpu/sysreg.h"
#include "fw/sdei.h"

static void *gic_alloc(void *opaque, size_t size)
{
	return malloc(size);
}

static void gic_free(void *opaque, void *p, size_t size)
{
	free(p);
}

static void count_flush(struct vm *vm)
{
	vm_stat_add(&vm->stats, VM_STAT_REMOTE_TLB_FLUSH_REQUESTS, 1);
	vm_stat_add(&vm->stats, VM_STAT_REMOTE_TLB_FLUSH, 1);
}

/* Memory went away: no vCPU may hold a pointer into it when this returns. */
static void unmapped(void *opaque, uint64_t gpa, uint64_t size)
{
	struct vm *vm = opaque;

	count_flush(vm);
	cpu_cluster_unmap(vm->cluster, gpa, size);
}

static void protected(void *opaque, uint64_t gpa, uint64_t size)
{
	struct vm *vm = opaque;

	count_flush(vm);
	cpu_cluster_write_protect(vm->cluster, gpa, size);
}

static void synchronize(void *opaque)
{
	struct vm *vm = opaque;

	cpu_cluster_synchronize(vm->cluster);
}

static const struct mem_ops mem_ops = {unmapped, protected, synchronize};

static void vcpu_unshare(struct vcpu *v)
{
	if (v->shared)
		munmap(v->shared, v->shared_len);
	v->shared = NULL;
	if (v->view.ring) {
		munmap(v->ring.entry, v->ring.nr * sizeof(v->ring.entry[0]));
		close(v->ring_fd);
	}
	v->view.ring = NULL;
}

static void vcpu_destroy(struct vcpu *v)
{
	if (!v)
		return;
	int fd = atomic_load(&v->wake_fd);

	sdei_pe_destroy(v->sdei);
	cpu_destroy(v->cpu);
	if (fd >= 0)
		close(fd);
	vcpu_unshare(v);
	vm_stats_finish(&v->stats);
	pthread_mutex_destroy(&v->mutex);
	free(v);
}

static void vm_destroy(struct vm *vm)
{
	unsigned nr = atomic_load(&vm->nr_vcpus);
	struct am_gic *gic = vm_gic(vm);

	/* The thread of the eventfds uses the GIC, the GIC wakes vCPUs: in this order. */
	vm_irqs_finish(vm);
	am_gic_destroy(gic);
	am_gic_destroy(vm->early_gic);
	for (unsigned n = 0; n < nr; n++)
		vcpu_destroy(vm_vcpu_nth(vm, n));
	for (unsigned n = 0; n < VM_MAX_VCPUS; n++)
		vcpu_destroy(vm->spare[n]);
	sdei_destroy(vm->sdei);
	if (vm->bus)
		am_bus_destroy(vm->bus);
	if (vm->cluster)
		cpu_cluster_destroy(vm->cluster);
	mem_destroy(vm->mem);
	vm_io_finish(&vm->io);
	fw_filter_finish(&vm->fw.filter);
	vm_stats_finish(&vm->stats);
	pthread_mutex_destroy(&vm->lock);
	pthread_mutex_destroy(&vm->slots_lock);
	free(vm);
}

int vm_create(unsigned ipa_bits, unsigned pa_bits, struct vm **out)
{
	static const struct am_alloc alloc = {gic_alloc, gic_free, NULL};
	struct vm *vm = calloc(1, sizeof(*vm));

	if (!vm)
		return -ENOMEM;
	atomic_init(&vm->refs, 1);
	vm->pid = getpid();
	vm->stats.value = vm->own_stats;
	vm->ipa_bits = ipa_bits;
	vm->pa_bits = pa_bits;
	atomic_init(&vm->max_vcpus, VM_MAX_VCPUS);
	pthread_mutex_init(&vm->lock, NULL);
	pthread_mutex_init(&vm->slots_lock, NULL);
	vm_io_init(&vm->io);
	vm_irqs_init(vm);
	vm->mem = mem_create(ipa_bits, &mem_ops, vm);
	vm->cluster = cpu_cluster_create(VM_MAX_VCPUS);
	if (am_bus_create(&alloc, &vm->bus))
		vm->bus = NULL;
	if (vm_sdei_init(vm) || !vm->mem || !vm->cluster || !vm->bus) {
		vm_destroy(vm);
		return -ENOMEM;
	}
	cpu_cluster_set_pa_bits(vm->cluster, pa_bits);
	/* The PPIs of Arm's base system architecture, which KVM uses too. */
	atomic_init(&vm->timer_ppi[TIMER_VIRTUAL], 27);
	atomic_init(&vm->timer_ppi[TIMER_PHYSICAL], 30);
	atomic_init(&vm->timer_ppi[VM_TIMER_HYP_VIRTUAL], 28);
	atomic_init(&vm->timer_ppi[VM_TIMER_HYP_PHYSICAL], 26);
	vm->fw.ops = &vm_fw_ops;
	vm->fw.vm = vm;
	vm->fw.sdei = vm->sdei;
	*out = vm;
	return 0;
}

void vm_get(struct vm *vm)
{
	atomic_fetch_add_explicit(&vm->refs, 1, memory_order_relaxed);
}

void vm_put(struct vm *vm)
{
	if (atomic_fetch_sub_explicit(&vm->refs, 1, memory_order_acq_rel) == 1)
		vm_destroy(vm);
}

/* ---- vCPUs ---- */

/* Aff0 has 16 values only, so that the target list of an SGI reaches all of them. */
uint64_t vm_mpidr(unsigned id)
{
	return AM_BIT(31) | (id & 0xf) | (uint64_t)(id >> 4 & 0xff) << 8 |
	       (uint64_t)(id >> 12 & 0xff) << 16;
}

#define AFFINITY UINT64_C(0xff00ffffff)

struct vcpu *vm_vcpu_by_affinity(struct vm *vm, uint64_t affinity)
{
	struct vcpu *v;

	for (unsigned n = 0; (v = vm_vcpu_nth(vm, n)); n++) {
		if (atomic_load_explicit(&v->affinity, memory_order_relaxed) == affinity)
			return v;
	}
	return NULL;
}

void vm_vcpu_mpidr_changed(struct vcpu *v)
{
	uint64_t mpidr = v->cpu->sr[SR_MPIDR_EL1];
	struct am_gic *gic = vm_gic(v->vm);

	atomic_store_explicit(&v->affinity, mpidr & AFFINITY, memory_order_relaxed);
	sdei_pe_set_affinity(v->sdei, mpidr & AFFINITY);
	if (gic)
		am_gic_set_mpidr(gic, v->id, mpidr);
}

struct vcpu *vm_vcpu_by_id(struct vm *vm, unsigned id)
{
	if (id >= VM_MAX_VCPUS)
		return NULL;
	return atomic_load_explicit(&vm->by_id[id], memory_order_acquire);
}

struct vcpu *vm_vcpu_nth(struct vm *vm, unsigned n)
{
	if (n >= atomic_load_explicit(&vm->nr_vcpus, memory_order_acquire))
		return NULL;
	return atomic_load_explicit(&vm->vcpus[n], memory_order_acquire);
}

int vm_vcpu_check(struct vm *vm, unsigned id)
{
	struct am_gic *gic = vm_gic(vm);

	if (id >= atomic_load(&vm->max_vcpus))
		return -EINVAL;
	if (gic && am_gic_initialized(gic))
		return -EBUSY;
	if (vm_vcpu_by_id(vm, id))
		return -EEXIST;
	return 0;
}

int vm_vcpu_create(struct vm *vm, unsigned id, struct vcpu **out)
{
	pthread_mutexattr_t recursive;
	struct vcpu *v = vm->spare[id];

	if (v) {
		vm->spare[id] = NULL;
		*out = v;
		return 0;
	}
	v = calloc(1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	v->vm = vm;
	v->id = id;
	atomic_init(&v->affinity, vm_mpidr(id) & AFFINITY);
	v->cpu = cpu_create(vm->cluster, id, vm_mpidr(id), &vm_cpu_ops, v);
	if (!v->cpu || vcpu_sdei_init(v)) {
		cpu_destroy(v->cpu);
		free(v);
		return -ENOMEM;
	}
	/* Recursive: a signal handler that interrupts a sleeping vCPU may use its descriptor. */
	pthread_mutexattr_init(&recursive);
	pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&v->mutex, &recursive);
	pthread_mutexattr_destroy(&recursive);
	am_lock_init(&v->power_lock);
	atomic_init(&v->power, VCPU_RUNNABLE);
	atomic_init(&v->wake_fd, -1);
	timer_init(&v->timer, &vm->timers, id, vm_timer_line, v);
	v->steal.ipa = FW_NO_ADDRESS;
	v->stats.value = v->own_stats;
	*out = v;
	return 0;
}

int vm_vcpu_publish(struct vcpu *v)
{
	struct vm *vm = v->vm;
	struct am_gic *gic = vm_gic(vm);
	unsigned nr = atomic_load(&vm->nr_vcpus);

	atomic_store_explicit(&vm->by_id[v->id], v, memory_order_release);
	if (gic) {
		int err = am_gic_add_vcpu(gic, v->id, v->cpu->sr[SR_MPIDR_EL1]);

		if (err) {
			atomic_store(&vm->by_id[v->id], NULL);
			return err;
		}
	}
	atomic_store_explicit(&vm->vcpus[nr], v, memory_order_release);
	atomic_store_explicit(&vm->nr_vcpus, nr + 1, memory_order_release);
	if (!atomic_load(&vm->offsets_fixed))
		timer_set_count(&vm->timers, TIMER_VIRTUAL, 0, timer_now());
	return 0;
}

void vm_vcpu_abandon(struct vcpu *v)
{
	vcpu_unshare(v);
	v->vm->spare[v->id] = v;
}

int vm_lock_vcpus(struct vm *vm)
{
	unsigned nr = atomic_load(&vm->nr_vcpus);

	for (unsigned n = 0; n < nr; n++) {
		if (pthread_mutex_trylock(&vm_vcpu_nth(vm, n)->mutex)) {
			while (n--)
				pthread_mutex_unlock(&vm_vcpu_nth(vm, n)->mutex);
			return -EBUSY;
		}
	}
	return 0;
}

void vm_unlock_vcpus(struct vm *vm)
{
	unsigned nr = atomic_load(&vm->nr_vcpus);

	for (unsigned n = 0; n < nr; n++)
		pthread_mutex_unlock(&vm_vcpu_nth(vm, n)->mutex);
}

/* ---- Interrupt controller ---- */

struct am_gic *vm_gic(struct vm *vm)
{
	return atomic_load_explicit(&vm->gic, memory_order_acquire);
}

int vm_gic_ready_locked(struct vm *vm)
{
	struct am_gic *gic = vm_gic(vm);
	int err;

	if (am_gic_initialized(gic))
		return 0;
	err = am_gic_lazy_init(gic);
	return err ? err : vm_default_routes(vm);
}

int vm_gic_ready(struct vm *vm)
{
	int err;

	if (am_gic_initialized(vm_gic(vm)))
		return 0;
	pthread_mutex_lock(&vm->lock);
	err = vm_gic_ready_locked(vm);
	pthread_mutex_unlock(&vm->lock);
	return err;
}

static unsigned gic_max_vcpus(unsigned version)
{
	return version == 2 ? AM_GIC_V2_MAX_VCPUS : VM_MAX_VCPUS;
}

static int create_gic(struct vm *vm, unsigned version, struct am_gic **gic)
{
	const struct am_gic_config config = {
	    .max_vcpus = gic_max_vcpus(version),
	    .ipa_bits = vm->ipa_bits,
	    .ops = {.irq_line_changed = vm_irq_line_changed,
		    .alloc = gic_alloc,
		    .free = gic_free,
		    .spi_done = vm_spi_done,
		    .bound_pending = vm_bound_pending},
	    .opaque = vm,
	    .version = version,
	};

	return am_gic_create(&config, gic);
}

int vm_create_gic(struct vm *vm, unsigned version)
{
	bool early = version == 3 && vm->early_gic;
	struct am_gic *gic = vm->early_gic;
	int err = 0;

	if (atomic_load(&vm->nr_vcpus) > gic_max_vcpus(version))
		return -E2BIG;
	if (!early)
		err = create_gic(vm, version, &gic);
	if (err)
		return err;
	for (unsigned n = 0; n < atomic_load(&vm->nr_vcpus) && !err; n++) {
		struct vcpu *v = vm_vcpu_nth(vm, n);

		err = am_gic_add_vcpu(gic, v->id, v->cpu->sr[SR_MPIDR_EL1]);
		if (early && err == -EEXIST) /* an earlier try got that far */
			err = 0;
	}
	if (err) {
		if (!early)
			am_gic_destroy(gic);
		return err;
	}
	if (early)
		vm->early_gic = NULL;
	atomic_store(&vm->max_vcpus, gic_max_vcpus(version));
	atomic_store_explicit(&vm->gic, gic, memory_order_release);
	return 0;
}

static bool its_read(void *opaque, uint64_t ipa, void *buf, size_t len)
{
	struct vm *vm = opaque;

	return !mem_read(vm->mem, ipa, buf, len);
}

static bool its_write(void *opaque, uint64_t ipa, const void *buf, size_t len)
{
	struct vm *vm = opaque;

	return !mem_write(vm->mem, ipa, buf, len);
}

int vm_create_its(struct vm *vm, struct am_its **its)
{
	const struct am_its_config config = {
	    .ops = {its_read, its_write}, .opaque = vm, .bus = vm->bus};

	struct am_gic *gic = vm_gic(vm);
	int err = 0;

	/* As in KVM it may come first: then the GICv3 that it belongs to is made, and kept back. */
	if (!gic && !vm->early_gic)
		err = create_gic(vm, 3, &vm->early_gic);
	return err ? err : am_its_create(gic ? gic : vm->early_gic, &config, its);
}

bool vm_has_its(struct vm *vm)
{
	struct am_gic *gic;
	bool has;

	pthread_mutex_lock(&vm->lock);
	gic = vm_gic(vm) ? vm_gic(vm) : vm->early_gic;
	has = gic && am_gic_has_its(gic);
	pthread_mutex_unlock(&vm->lock);
	return has;
}
