/* SPDX-License-Identifier: MIT */
/*
 * The part of the KVM ABI that only arm64 has: vCPU features, register ids, interrupt numbers,
 * VGIC, vCPU and VM attributes. <armature/kvm.h> includes it; see there for the conventions.
 */
#ifndef ARMATURE_KVM_ARM64_H
#define ARMATURE_KVM_ARM64_H

#include <stddef.h>
#include <stdint.h>

/*
 * vCPUs.
 */
struct kvm_vcpu_init {
	uint32_t target;
	uint32_t features[7];
};

#define KVM_ARM_TARGET_AEM_V8	     0
#define KVM_ARM_TARGET_FOUNDATION_V8 1
#define KVM_ARM_TARGET_CORTEX_A57    2
#define KVM_ARM_TARGET_XGENE_POTENZA 3
#define KVM_ARM_TARGET_CORTEX_A53    4
#define KVM_ARM_TARGET_GENERIC_V8    5 /* what PREFERRED_TARGET answers */
#define KVM_ARM_NUM_TARGETS	     6

/* Bit numbers in kvm_vcpu_init.features. */
#define KVM_ARM_VCPU_POWER_OFF	     0
#define KVM_ARM_VCPU_EL1_32BIT	     1
#define KVM_ARM_VCPU_PSCI_0_2	     2
#define KVM_ARM_VCPU_PMU_V3	     3
#define KVM_ARM_VCPU_SVE	     4 /* also the argument of KVM_ARM_VCPU_FINALIZE */
#define KVM_ARM_VCPU_PTRAUTH_ADDRESS 5
#define KVM_ARM_VCPU_PTRAUTH_GENERIC 6
#define KVM_ARM_VCPU_HAS_EL2	     7 /* [6.3] */
#define KVM_ARM_VCPU_HAS_EL2_E2H0    8 /* [6.15] */

struct kvm_vcpu_events {
	struct {
		uint8_t serror_pending;
		uint8_t serror_has_esr;
		uint8_t ext_dabt_pending;
		uint8_t pad[5];
		uint64_t serror_esr;
	} exception;
	uint32_t reserved[12];
};

struct kvm_pmu_event_filter {
	uint16_t base_event;
	uint16_t nevents;
	uint8_t action;
	uint8_t pad[3];
};

#define KVM_PMU_EVENT_ALLOW 0
#define KVM_PMU_EVENT_DENY  1

#define KVM_ARM_MAX_DBG_REGS 16

struct kvm_guest_debug_arch {
	uint64_t dbg_bcr[KVM_ARM_MAX_DBG_REGS];
	uint64_t dbg_bvr[KVM_ARM_MAX_DBG_REGS];
	uint64_t dbg_wcr[KVM_ARM_MAX_DBG_REGS];
	uint64_t dbg_wvr[KVM_ARM_MAX_DBG_REGS];
};

struct kvm_debug_exit_arch {
	uint32_t hsr;	   /* ESR_EL2[31:0] */
	uint32_t hsr_high; /* ESR_EL2[61:32], valid with the flag below */
	uint64_t far;
};

#define KVM_DEBUG_ARCH_HSR_HIGH_VALID (1 << 0) /* in kvm_run.flags */

/* kvm_sync_regs.device_irq_level, when the VM has no in-kernel interrupt controller */
#define KVM_ARM_DEV_EL1_VTIMER (1 << 0)
#define KVM_ARM_DEV_EL1_PTIMER (1 << 1)
#define KVM_ARM_DEV_PMU	       (1 << 2)

struct kvm_sync_regs {
	uint64_t device_irq_level;
};

struct kvm_arm_copy_mte_tags {
	uint64_t guest_ipa;
	uint64_t length;
	void *addr;
	uint64_t flags;
	uint64_t reserved[2];
};

#define KVM_ARM_TAGS_TO_GUEST	0
#define KVM_ARM_TAGS_FROM_GUEST 1

/*
 * Register ids: architecture 63:56, size 55:52 (log2 of bytes), class 27:16, the class's own 15:0.
 */
#define KVM_REG_ARM_COPROC_MASK	 0x000000000FFF0000
#define KVM_REG_ARM_COPROC_SHIFT 16

/* Core registers: the class's 15:0 is the offset in this structure, in 32-bit words. */
#define KVM_SPSR_EL1 0
#define KVM_SPSR_SVC KVM_SPSR_EL1
#define KVM_SPSR_ABT 1
#define KVM_SPSR_UND 2
#define KVM_SPSR_IRQ 3
#define KVM_SPSR_FIQ 4
#define KVM_NR_SPSR  5

struct kvm_regs {
	struct {
		uint64_t regs[31];
		uint64_t sp; /* SP_EL0 */
		uint64_t pc;
		uint64_t pstate;
	} regs;
	uint64_t sp_el1;
	uint64_t elr_el1;
	uint64_t spsr[KVM_NR_SPSR];
	struct {
		__uint128_t vregs[32];
		uint32_t fpsr;
		uint32_t fpcr;
		/* Linux calls it __reserved, a name which is not ours to use. */
		uint32_t am_reserved[2];
	} fp_regs;
};

#define KVM_REG_ARM_CORE	   (0x0010 << KVM_REG_ARM_COPROC_SHIFT)
#define KVM_REG_ARM_CORE_REG(name) (offsetof(struct kvm_regs, name) / sizeof(uint32_t))

/* Banked registers: CCSIDR_EL1 by CSSELR_EL1's value. */
#define KVM_REG_ARM_DEMUX	    (0x0011 << KVM_REG_ARM_COPROC_SHIFT)
#define KVM_REG_ARM_DEMUX_ID_MASK   0x000000000000FF00
#define KVM_REG_ARM_DEMUX_ID_SHIFT  8
#define KVM_REG_ARM_DEMUX_ID_CCSIDR (0x00 << KVM_REG_ARM_DEMUX_ID_SHIFT)
#define KVM_REG_ARM_DEMUX_VAL_MASK  0x00000000000000FF
#define KVM_REG_ARM_DEMUX_VAL_SHIFT 0

/* System registers by their encoding in MRS and MSR. */
#define KVM_REG_ARM64_SYSREG	       (0x0013 << KVM_REG_ARM_COPROC_SHIFT)
#define KVM_REG_ARM64_SYSREG_OP0_MASK  0x000000000000c000
#define KVM_REG_ARM64_SYSREG_OP0_SHIFT 14
#define KVM_REG_ARM64_SYSREG_OP1_MASK  0x0000000000003800
#define KVM_REG_ARM64_SYSREG_OP1_SHIFT 11
#define KVM_REG_ARM64_SYSREG_CRN_MASK  0x0000000000000780
#define KVM_REG_ARM64_SYSREG_CRN_SHIFT 7
#define KVM_REG_ARM64_SYSREG_CRM_MASK  0x0000000000000078
#define KVM_REG_ARM64_SYSREG_CRM_SHIFT 3
#define KVM_REG_ARM64_SYSREG_OP2_MASK  0x0000000000000007
#define KVM_REG_ARM64_SYSREG_OP2_SHIFT 0

#define ARM64_SYS_REG_SHIFT_MASK(x, n) \
	(((x) << KVM_REG_ARM64_SYSREG_##n##_SHIFT) & KVM_REG_ARM64_SYSREG_##n##_MASK)
#define ARM64_SYS_REG(op0, op1, crn, crm, op2)                                     \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM64_SYSREG |                 \
	 ARM64_SYS_REG_SHIFT_MASK(op0, OP0) | ARM64_SYS_REG_SHIFT_MASK(op1, OP1) | \
	 ARM64_SYS_REG_SHIFT_MASK(crn, CRN) | ARM64_SYS_REG_SHIFT_MASK(crm, CRM) | \
	 ARM64_SYS_REG_SHIFT_MASK(op2, OP2))

/*
 * Timers. The ids of the virtual timer's CVAL and CNT are each other's encodings: a slip of the
 * first kernels that became ABI.
 */
#define KVM_REG_ARM_PTIMER_CTL	ARM64_SYS_REG(3, 3, 14, 2, 1)
#define KVM_REG_ARM_PTIMER_CVAL ARM64_SYS_REG(3, 3, 14, 2, 2)
#define KVM_REG_ARM_PTIMER_CNT	ARM64_SYS_REG(3, 3, 14, 0, 1)
#define KVM_REG_ARM_TIMER_CTL	ARM64_SYS_REG(3, 3, 14, 3, 1)
#define KVM_REG_ARM_TIMER_CVAL	ARM64_SYS_REG(3, 3, 14, 0, 2)
#define KVM_REG_ARM_TIMER_CNT	ARM64_SYS_REG(3, 3, 14, 3, 2)

struct kvm_arm_counter_offset { /* [6.4] */
	uint64_t counter_offset;
	uint64_t reserved;
};

/* Firmware pseudo-registers. */
#define KVM_REG_ARM_FW	      (0x0014 << KVM_REG_ARM_COPROC_SHIFT)
#define KVM_REG_ARM_FW_REG(r) (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_FW | ((r)&0xffff))

#define KVM_REG_ARM_PSCI_VERSION			 KVM_REG_ARM_FW_REG(0)
#define KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1		 KVM_REG_ARM_FW_REG(1)
#define KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1_NOT_AVAIL	 0
#define KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1_AVAIL	 1
#define KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1_NOT_REQUIRED 2
#define KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2		 KVM_REG_ARM_FW_REG(2)
#define KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_NOT_AVAIL	 0
#define KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_UNKNOWN	 1
#define KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_AVAIL	 2
#define KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_NOT_REQUIRED 3
#define KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_ENABLED	 (1U << 4)
#define KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3		 KVM_REG_ARM_FW_REG(3)
#define KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3_NOT_AVAIL	 0
#define KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3_AVAIL	 1
#define KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3_NOT_REQUIRED 2

/* Bitmaps of the hypercall services a guest gets. */
#define KVM_REG_ARM_FW_FEAT_BMAP (0x0016 << KVM_REG_ARM_COPROC_SHIFT)
#define KVM_REG_ARM_FW_FEAT_BMAP_REG(r) \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_FW_FEAT_BMAP | ((r)&0xffff))

#define KVM_REG_ARM_STD_BMAP	      KVM_REG_ARM_FW_FEAT_BMAP_REG(0)
#define KVM_REG_ARM_STD_HYP_BMAP      KVM_REG_ARM_FW_FEAT_BMAP_REG(1)
#define KVM_REG_ARM_VENDOR_HYP_BMAP   KVM_REG_ARM_FW_FEAT_BMAP_REG(2)
#define KVM_REG_ARM_VENDOR_HYP_BMAP_2 KVM_REG_ARM_FW_FEAT_BMAP_REG(3) /* [6.15] */

#define KVM_REG_ARM_STD_BIT_TRNG_V1_0		      0
#define KVM_REG_ARM_STD_HYP_BIT_PV_TIME		      0
#define KVM_REG_ARM_VENDOR_HYP_BIT_FUNC_FEAT	      0
#define KVM_REG_ARM_VENDOR_HYP_BIT_PTP		      1
#define KVM_REG_ARM_VENDOR_HYP_BIT_DISCOVER_IMPL_VER  0 /* in BMAP_2, [6.15] */
#define KVM_REG_ARM_VENDOR_HYP_BIT_DISCOVER_IMPL_CPUS 1 /* in BMAP_2, [6.15] */

/* SVE: Z and P registers in slices, of which slice 0 is the only one so far. */
#define KVM_REG_ARM64_SVE	    (0x15 << KVM_REG_ARM_COPROC_SHIFT)
#define KVM_REG_ARM64_SVE_ZREG_BASE 0
#define KVM_REG_ARM64_SVE_PREG_BASE 0x400
#define KVM_REG_ARM64_SVE_FFR_BASE  0x600
#define KVM_ARM64_SVE_NUM_ZREGS	    32
#define KVM_ARM64_SVE_NUM_PREGS	    16
#define KVM_ARM64_SVE_MAX_SLICES    32
#define KVM_ARM64_SVE_VQ_MIN	    1
#define KVM_ARM64_SVE_VQ_MAX	    512
#define KVM_ARM64_SVE_VLS_WORDS	    ((KVM_ARM64_SVE_VQ_MAX - KVM_ARM64_SVE_VQ_MIN) / 64 + 1)

#define KVM_REG_ARM64_SVE_ZREG(n, i)                                                            \
	(KVM_REG_ARM64 | KVM_REG_ARM64_SVE | KVM_REG_ARM64_SVE_ZREG_BASE | KVM_REG_SIZE_U2048 | \
	 (((n) & (KVM_ARM64_SVE_NUM_ZREGS - 1)) << 5) | ((i) & (KVM_ARM64_SVE_MAX_SLICES - 1)))
#define KVM_REG_ARM64_SVE_PREG(n, i)                                                           \
	(KVM_REG_ARM64 | KVM_REG_ARM64_SVE | KVM_REG_ARM64_SVE_PREG_BASE | KVM_REG_SIZE_U256 | \
	 (((n) & (KVM_ARM64_SVE_NUM_PREGS - 1)) << 5) | ((i) & (KVM_ARM64_SVE_MAX_SLICES - 1)))
#define KVM_REG_ARM64_SVE_FFR(i)                                                              \
	(KVM_REG_ARM64 | KVM_REG_ARM64_SVE | KVM_REG_ARM64_SVE_FFR_BASE | KVM_REG_SIZE_U256 | \
	 ((i) & (KVM_ARM64_SVE_MAX_SLICES - 1)))
#define KVM_REG_ARM64_SVE_VLS (KVM_REG_ARM64 | KVM_REG_ARM64_SVE | KVM_REG_SIZE_U512 | 0xffff)

/* Which bits of the ID registers a user may change; one 64-bit mask per register. */
struct reg_mask_range { /* [6.7] */
	uint64_t addr;
	uint32_t range;
	uint32_t reserved[13];
};

#define KVM_ARM_FEATURE_ID_RANGE      0		  /* [6.7] */
#define KVM_ARM_FEATURE_ID_RANGE_SIZE (3 * 8 * 8) /* [6.7] */

#define KVM_ARM_FEATURE_ID_RANGE_INDEX(op0, op1, crn, crm, op2) /* [6.7] */ \
	((((op1) == 3 ? 2 : (op1)) << 6) | ((crm) << 3) | (op2))

/*
 * Interrupts and devices. First the fields of kvm_irq_level.irq.
 */
#define KVM_ARM_IRQ_VCPU2_SHIFT 28
#define KVM_ARM_IRQ_VCPU2_MASK	0xf
#define KVM_ARM_IRQ_TYPE_SHIFT	24
#define KVM_ARM_IRQ_TYPE_MASK	0xf
#define KVM_ARM_IRQ_VCPU_SHIFT	16
#define KVM_ARM_IRQ_VCPU_MASK	0xff
#define KVM_ARM_IRQ_NUM_SHIFT	0
#define KVM_ARM_IRQ_NUM_MASK	0xffff
#define KVM_ARM_IRQ_TYPE_CPU	0
#define KVM_ARM_IRQ_TYPE_SPI	1
#define KVM_ARM_IRQ_TYPE_PPI	2
#define KVM_ARM_IRQ_CPU_IRQ	0
#define KVM_ARM_IRQ_CPU_FIQ	1
#define KVM_ARM_IRQ_GIC_MAX	127 /* obsolete: ask the device for NR_IRQS */
#define KVM_NR_IRQCHIPS		1

/* The older way to place a GICv2. */
struct kvm_arm_device_addr {
	uint64_t id;
	uint64_t addr;
};

#define KVM_ARM_DEVICE_TYPE_SHIFT 0
#define KVM_ARM_DEVICE_TYPE_MASK  (0xffffUL << KVM_ARM_DEVICE_TYPE_SHIFT)
#define KVM_ARM_DEVICE_ID_SHIFT	  16
#define KVM_ARM_DEVICE_ID_MASK	  (0xffffUL << KVM_ARM_DEVICE_ID_SHIFT)
#define KVM_ARM_DEVICE_VGIC_V2	  0

#define KVM_VGIC_V2_ADDR_TYPE_DIST	    0
#define KVM_VGIC_V2_ADDR_TYPE_CPU	    1
#define KVM_VGIC_V3_ADDR_TYPE_DIST	    2
#define KVM_VGIC_V3_ADDR_TYPE_REDIST	    3
#define KVM_VGIC_ITS_ADDR_TYPE		    4
#define KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION 5

#define KVM_VGIC_V2_DIST_SIZE	0x1000
#define KVM_VGIC_V2_CPU_SIZE	0x2000
#define KVM_VGIC_V3_DIST_SIZE	0x10000
#define KVM_VGIC_V3_REDIST_SIZE 0x20000
#define KVM_VGIC_V3_ITS_SIZE	0x20000

#define KVM_DEV_ARM_VGIC_GRP_ADDR	 0
#define KVM_DEV_ARM_VGIC_GRP_DIST_REGS	 1
#define KVM_DEV_ARM_VGIC_GRP_CPU_REGS	 2
#define KVM_DEV_ARM_VGIC_GRP_NR_IRQS	 3
#define KVM_DEV_ARM_VGIC_GRP_CTRL	 4
#define KVM_DEV_ARM_VGIC_GRP_REDIST_REGS 5
#define KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS 6
#define KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO	 7
#define KVM_DEV_ARM_VGIC_GRP_ITS_REGS	 8
#define KVM_DEV_ARM_VGIC_GRP_MAINT_IRQ	 9 /* [6.15] */

#define KVM_DEV_ARM_VGIC_CPUID_SHIFT	       32
#define KVM_DEV_ARM_VGIC_CPUID_MASK	       (0xffULL << KVM_DEV_ARM_VGIC_CPUID_SHIFT)
#define KVM_DEV_ARM_VGIC_V3_MPIDR_SHIFT	       32
#define KVM_DEV_ARM_VGIC_V3_MPIDR_MASK	       (0xffffffffULL << KVM_DEV_ARM_VGIC_V3_MPIDR_SHIFT)
#define KVM_DEV_ARM_VGIC_OFFSET_SHIFT	       0
#define KVM_DEV_ARM_VGIC_OFFSET_MASK	       (0xffffffffULL << KVM_DEV_ARM_VGIC_OFFSET_SHIFT)
#define KVM_DEV_ARM_VGIC_SYSREG_INSTR_MASK     (0xffff)
#define KVM_DEV_ARM_VGIC_LINE_LEVEL_INFO_SHIFT 10
#define KVM_DEV_ARM_VGIC_LINE_LEVEL_INFO_MASK \
	(0x3fffffULL << KVM_DEV_ARM_VGIC_LINE_LEVEL_INFO_SHIFT)
#define KVM_DEV_ARM_VGIC_LINE_LEVEL_INTID_MASK 0x3ff
#define VGIC_LEVEL_INFO_LINE_LEVEL	       0

#define KVM_DEV_ARM_VGIC_CTRL_INIT	     0
#define KVM_DEV_ARM_ITS_SAVE_TABLES	     1
#define KVM_DEV_ARM_ITS_RESTORE_TABLES	     2
#define KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES 3
#define KVM_DEV_ARM_ITS_CTRL_RESET	     4

/* Attributes of a vCPU descriptor: group, then its attributes. */
#define KVM_ARM_VCPU_PMU_V3_CTRL	    0
#define KVM_ARM_VCPU_PMU_V3_IRQ		    0
#define KVM_ARM_VCPU_PMU_V3_INIT	    1
#define KVM_ARM_VCPU_PMU_V3_FILTER	    2
#define KVM_ARM_VCPU_PMU_V3_SET_PMU	    3
#define KVM_ARM_VCPU_PMU_V3_SET_NR_COUNTERS 4 /* [6.16] */
#define KVM_ARM_VCPU_TIMER_CTRL		    1
#define KVM_ARM_VCPU_TIMER_IRQ_VTIMER	    0
#define KVM_ARM_VCPU_TIMER_IRQ_PTIMER	    1
#define KVM_ARM_VCPU_TIMER_IRQ_HVTIMER	    2 /* [6.4] */
#define KVM_ARM_VCPU_TIMER_IRQ_HPTIMER	    3 /* [6.4] */
#define KVM_ARM_VCPU_PVTIME_CTRL	    2
#define KVM_ARM_VCPU_PVTIME_IPA		    0

/* Attributes of a VM descriptor: which hypercalls the kernel side handles. */
#define KVM_ARM_VM_SMCCC_CTRL	     0 /* [6.4] */
#define KVM_ARM_VM_SMCCC_FILTER	     0 /* [6.4] */
#define KVM_SMCCC_FILTER_HANDLE	     0 /* [6.4] */
#define KVM_SMCCC_FILTER_DENY	     1 /* [6.4] */
#define KVM_SMCCC_FILTER_FWD_TO_USER 2 /* [6.4] */

struct kvm_smccc_filter { /* [6.4] */
	uint32_t base;
	uint32_t nr_functions;
	uint8_t action;
	uint8_t pad[15];
};

/* PSCI 0.1, the functions a vCPU without KVM_ARM_VCPU_PSCI_0_2 has. */
#define KVM_PSCI_FN_BASE	0x95c1ba5e
#define KVM_PSCI_FN(n)		(KVM_PSCI_FN_BASE + (n))
#define KVM_PSCI_FN_CPU_SUSPEND KVM_PSCI_FN(0)
#define KVM_PSCI_FN_CPU_OFF	KVM_PSCI_FN(1)
#define KVM_PSCI_FN_CPU_ON	KVM_PSCI_FN(2)
#define KVM_PSCI_FN_MIGRATE	KVM_PSCI_FN(3)
#define KVM_PSCI_RET_SUCCESS	0
#define KVM_PSCI_RET_NI		-1
#define KVM_PSCI_RET_INVAL	-2
#define KVM_PSCI_RET_DENIED	-3

#endif
