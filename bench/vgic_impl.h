/* SPDX-License-Identifier: MIT */
/* clang-format off */
/* Plain-C interface between bench.c and an implementation under test (own code). */
#ifndef VGIC_IMPL_H
#define VGIC_IMPL_H
typedef unsigned long long vu64;
#define GICD_BASE_GPA 0x08000000ULL
#define GITS_BASE_GPA 0x08080000ULL
#define GICR_BASE_GPA 0x10000000ULL	/* one region, 128 KiB per vCPU */
#define RAM_BASE_GPA  0x40000000ULL
struct vm_cfg { int nr_vcpus, nr_irqs, nr_lr, with_its; vu64 ram_size; };
struct mem_stats {
	vu64 heap_bytes;	/* bytes handed out by the implementation's allocator now, after rounding */
	vu64 heap_req;		/* the same, as requested */
	vu64 sz_irq, sz_ite, sz_vcpu, sz_dev;	/* structure sizes where they exist (0 = n/a) */
};
struct vgic_impl {
	const char *name;
	void (*thread_init)(int cpu);
	void *(*create)(const struct vm_cfg *);
	void (*destroy)(void *vm);
	int (*mmio_read)(void *vm, int vcpu, vu64 gpa, int len, vu64 *val);
	int (*mmio_write)(void *vm, int vcpu, vu64 gpa, int len, vu64 val);
	int (*irq_line)(void *vm, unsigned intid, int level);
	int (*msi)(void *vm, vu64 doorbell, unsigned devid, unsigned event);	/* 1 = delivered */
	void (*sgi1r)(void *vm, int vcpu, vu64 val);
	/* one guest entry + exit: present what is pending, the guest acknowledges and EOIs all that is presented; returns how many */
	int (*deliver)(void *vm, int vcpu);
	int (*its_save)(void *vm); int (*its_restore)(void *vm); int (*its_reset)(void *vm); int (*lpi_save_pending)(void *vm);
	void *(*ram)(void *vm, vu64 gpa);
	void (*quiesce)(void *vm);	/* no thread is inside: run deferred frees */
	void (*mem)(void *vm, struct mem_stats *);
};
extern const struct vgic_impl *const vgic_impls[];
#endif
