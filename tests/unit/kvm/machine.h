/* SPDX-License-Identifier: MIT */
/*
 * A small machine for tests of the ABI: a VM with 2 MiB of memory at RAM, vCPUs, and guest code
 * put together from the few instructions below. Everything goes through am_kvm_*.
 */
#ifndef UNIT_KVM_MACHINE_H
#define UNIT_KVM_MACHINE_H

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <armature/armature.h>
#include <armature/kvm.h>

#define RAM	 UINT64_C(0x40000000)
#define RAM_SIZE UINT64_C(0x200000)
#define DEVICE	 UINT64_C(0x10000000) /* no memory there: KVM_EXIT_MMIO */
#define GICD	 UINT64_C(0x08000000)
#define GICR	 UINT64_C(0x080a0000)

#define MAX_TEST_VCPUS 8

struct machine {
	int kvm, vm, gic; /* gic: -1 without one */
	unsigned nr;
	int vcpu[MAX_TEST_VCPUS];
	struct kvm_run *run[MAX_TEST_VCPUS];
	uint8_t *ram;
	uint32_t *code; /* where emit() writes next */
};

/* @nr vCPUs with PSCI 1.1; those after the first are off. With a GIC if @gic. */
void machine_create(struct machine *m, unsigned nr, bool gic);
/* The same, with something done to the VM before there is memory or a vCPU. */
void machine_create_with(struct machine *m, unsigned nr, bool gic, void (*first)(int vm));
void machine_destroy(struct machine *m);

/* As the ioctls, but -errno instead of -1. */
int kvm(int fd, unsigned long request, unsigned long arg);
int kvm_ptr(int fd, unsigned long request, const void *arg);

uint64_t reg_get(struct machine *m, unsigned n, uint64_t id);
void reg_set(struct machine *m, unsigned n, uint64_t id, uint64_t v);
uint64_t x_get(struct machine *m, unsigned n, unsigned x);
void x_set(struct machine *m, unsigned n, unsigned x, uint64_t v);
void pc_set(struct machine *m, unsigned n, uint64_t pc);
uint64_t pc_get(struct machine *m, unsigned n);

/* Translation on: the first 4 GiB are themselves, Normal memory, with tables at RAM + 0x100000. */
void mmu_on(struct machine *m, unsigned n);

/* KVM_RUN: 0 or -errno. */
int run(struct machine *m, unsigned n);
/* Send @t, which is in KVM_RUN, a signal until it ends; what it returned. */
void *interrupt(pthread_t t);
/* Run until PSCI SYSTEM_OFF, which must come. */
void run_to_off(struct machine *m, unsigned n);

/* Continue to write code at @ipa. */
void code_at(struct machine *m, uint64_t ipa);
void emit(struct machine *m, uint32_t word);
uint64_t here(const struct machine *m);
/* X@rd = @v, in as many instructions as it takes. */
void emit_mov(struct machine *m, unsigned rd, uint64_t v);
/* Call PSCI with @id; arguments are in X1-X3. */
void emit_psci(struct machine *m, uint32_t id);

/* Write 1 to the word at MARK: the guest has come so far. */
#define MARK (RAM + 0x4000)
void emit_mark(struct machine *m);
void clear_mark(struct machine *m);
void wait_for_mark(struct machine *m);

#define PSCI_VERSION	   0x84000000u
#define PSCI_CPU_SUSPEND   0xc4000001u
#define PSCI_CPU_OFF	   0x84000002u
#define PSCI_CPU_ON	   0xc4000003u
#define PSCI_AFFINITY_INFO 0xc4000004u
#define PSCI_MIGRATE_TYPE  0x84000006u
#define PSCI_SYSTEM_OFF	   0x84000008u
#define PSCI_SYSTEM_RESET  0x84000009u
#define PSCI_FEATURES	   0x8400000au
#define PSCI_SYS_SUSPEND   0xc400000eu
#define PSCI_RESET2	   0xc4000012u
#define PSCI_OFF2	   0xc4000015u

#define A64_HVC		      0xd4000002u
#define A64_SMC		      0xd4000003u
#define A64_WFI		      0xd503207fu
#define A64_WFE		      0xd503205fu
#define A64_ISB		      0xd5033fdfu
#define A64_B_SELF	      0x14000000u
#define A64_DAIFCLR_I	      0xd50342ffu /* MSR DAIFClr, #2 */
#define A64_LDR_W(t, n)	      (0xb9400000u | (n) << 5 | (t))
#define A64_LDR_X(t, n)	      (0xf9400000u | (n) << 5 | (t))
#define A64_LDRB(t, n)	      (0x39400000u | (n) << 5 | (t))
#define A64_LDRSB_X(t, n)     (0x39800000u | (n) << 5 | (t))
#define A64_LDRSH_W(t, n)     (0x79c00000u | (n) << 5 | (t))
#define A64_STR_W(t, n)	      (0xb9000000u | (n) << 5 | (t))
#define A64_STR_X(t, n)	      (0xf9000000u | (n) << 5 | (t))
#define A64_STRH(t, n)	      (0x79000000u | (n) << 5 | (t))
#define A64_STP_X(t, u, n)    (0xa9000000u | (u) << 10 | (n) << 5 | (t))
#define A64_MOV(d, m)	      (0xaa0003e0u | (m) << 16 | (d))
#define A64_ADD_IMM(d, n, i)  (0x91000000u | (i) << 10 | (n) << 5 | (d))
#define A64_SUBS_IMM(d, n, i) (0xf1000000u | (i) << 10 | (n) << 5 | (d))
#define A64_CBZ(t, off)	      (0xb4000000u | ((uint32_t)((off) / 4) & 0x7ffff) << 5 | (t))
#define A64_CBNZ(t, off)      (0xb5000000u | ((uint32_t)((off) / 4) & 0x7ffff) << 5 | (t))
#define A64_B(off)	      (0x14000000u | ((uint32_t)((off) / 4) & 0x3ffffff))
#define A64_MRS(t, op0, op1, crn, crm, op2) \
	(0xd5200000u | (op0) << 19 | (op1) << 16 | (crn) << 12 | (crm) << 8 | (op2) << 5 | (t))
#define A64_MSR(t, op0, op1, crn, crm, op2) (A64_MRS(t, op0, op1, crn, crm, op2) & ~0x00200000u)

#define REG_X(n)                                               \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | \
	 (KVM_REG_ARM_CORE_REG(regs.regs[0]) + 2 * (n)))
#define REG_CORE(name) \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(name))

#endif
