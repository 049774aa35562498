/* SPDX-License-Identifier: MIT */
/*
 * The KVM/arm64 userspace ABI: numbers, names and layouts as Linux has them, so that a program
 * speaks to Armature exactly as it speaks to the kernel. Written for Armature and usable on any
 * host: it includes no kernel header and does not depend on the host's architecture.
 *
 * A translation unit includes either this header or <linux/kvm.h>, not both. tests/abi compares
 * every constant and every field here with Linux's arm64 headers. Names without a remark are in
 * Linux 6.1; a later one says since when, as "[6.4]". Page sizes are those of the host.
 *
 * Which descriptor takes an ioctl: (s) system, (v) VM, (c) vCPU, (d) device.
 */
#ifndef ARMATURE_KVM_H
#define ARMATURE_KVM_H

#include <stddef.h>
#include <stdint.h>

#include <armature/kvm_arm64.h>

#define KVM_API_VERSION 12
#define KVMIO		0xAE

/* Linux's generic ioctl number layout: direction 31:30, size 29:16, type 15:8, number 7:0. */
#define AM_KVM_IOC(dir, nr, size) (((dir) << 30) | ((size) << 16) | (KVMIO << 8) | (nr))
#define AM_KVM_IO(nr)		  AM_KVM_IOC(0U, nr, 0U)
#define AM_KVM_IOW(nr, type)	  AM_KVM_IOC(1U, nr, (unsigned int)sizeof(type))
#define AM_KVM_IOR(nr, type)	  AM_KVM_IOC(2U, nr, (unsigned int)sizeof(type))
#define AM_KVM_IOWR(nr, type)	  AM_KVM_IOC(3U, nr, (unsigned int)sizeof(type))

/*
 * Capabilities: the argument of KVM_CHECK_EXTENSION and the cap field of KVM_ENABLE_CAP.
 */
#define KVM_CAP_IRQCHIP			       0
#define KVM_CAP_USER_MEMORY		       3
#define KVM_CAP_NR_VCPUS		       9
#define KVM_CAP_NR_MEMSLOTS		       10
#define KVM_CAP_MP_STATE		       14
#define KVM_CAP_COALESCED_MMIO		       15 /* value: the ring's page in the vCPU mapping */
#define KVM_CAP_SYNC_MMU		       16
#define KVM_CAP_DESTROY_MEMORY_REGION_WORKS    21
#define KVM_CAP_SET_GUEST_DEBUG		       23
#define KVM_CAP_IRQ_ROUTING		       25 /* value: number of GSIs */
#define KVM_CAP_IRQ_INJECT_STATUS	       26
#define KVM_CAP_JOIN_MEMORY_REGIONS_WORKS      30
#define KVM_CAP_IRQFD			       32
#define KVM_CAP_IOEVENTFD		       36
#define KVM_CAP_INTERNAL_ERROR_DATA	       40
#define KVM_CAP_VCPU_EVENTS		       41
#define KVM_CAP_ENABLE_CAP		       54
#define KVM_CAP_MAX_VCPUS		       66
#define KVM_CAP_ONE_REG			       70
#define KVM_CAP_SYNC_REGS		       74
#define KVM_CAP_SIGNAL_MSI		       77
#define KVM_CAP_READONLY_MEM		       81
#define KVM_CAP_IRQFD_RESAMPLE		       82
#define KVM_CAP_ARM_PSCI		       87
#define KVM_CAP_ARM_SET_DEVICE_ADDR	       88
#define KVM_CAP_DEVICE_CTRL		       89
#define KVM_CAP_ARM_EL1_32BIT		       93
#define KVM_CAP_ENABLE_CAP_VM		       98
#define KVM_CAP_IOEVENTFD_NO_LENGTH	       100
#define KVM_CAP_VM_ATTRIBUTES		       101
#define KVM_CAP_ARM_PSCI_0_2		       102
#define KVM_CAP_CHECK_EXTENSION_VM	       105
#define KVM_CAP_MULTI_ADDRESS_SPACE	       118
#define KVM_CAP_GUEST_DEBUG_HW_BPS	       119
#define KVM_CAP_GUEST_DEBUG_HW_WPS	       120
#define KVM_CAP_IOEVENTFD_ANY_LENGTH	       122
#define KVM_CAP_ARM_PMU_V3		       126
#define KVM_CAP_VCPU_ATTRIBUTES		       127
#define KVM_CAP_MAX_VCPU_ID		       128
#define KVM_CAP_MSI_DEVID		       131
#define KVM_CAP_IMMEDIATE_EXIT		       136
#define KVM_CAP_ARM_USER_IRQ		       144
#define KVM_CAP_ARM_INJECT_SERROR_ESR	       158
#define KVM_CAP_COALESCED_PIO		       162
#define KVM_CAP_ARM_VM_IPA_SIZE		       165 /* value: largest IPA size in bits */
#define KVM_CAP_MANUAL_DIRTY_LOG_PROTECT       166
#define KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2      168
#define KVM_CAP_ARM_SVE			       170
#define KVM_CAP_ARM_PTRAUTH_ADDRESS	       171
#define KVM_CAP_ARM_PTRAUTH_GENERIC	       172
#define KVM_CAP_PMU_EVENT_FILTER	       173
#define KVM_CAP_ARM_IRQ_LINE_LAYOUT_2	       174
#define KVM_CAP_ARM_NISV_TO_USER	       177
#define KVM_CAP_ARM_INJECT_EXT_DABT	       178
#define KVM_CAP_HALT_POLL		       182
#define KVM_CAP_STEAL_TIME		       187
#define KVM_CAP_DIRTY_LOG_RING		       192
#define KVM_CAP_SET_GUEST_DEBUG2	       195 /* value: mask of KVM_GUESTDBG_* */
#define KVM_CAP_PTP_KVM			       198
#define KVM_CAP_BINARY_STATS_FD		       203
#define KVM_CAP_ARM_MTE			       205
#define KVM_CAP_SYS_ATTRIBUTES		       209
#define KVM_CAP_SYSTEM_EVENT_DATA	       215
#define KVM_CAP_ARM_SYSTEM_SUSPEND	       216
#define KVM_CAP_DIRTY_LOG_RING_ACQ_REL	       223
#define KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP     225 /* [6.2] */
#define KVM_CAP_COUNTER_OFFSET		       227 /* [6.4] */
#define KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE     228 /* [6.5] */
#define KVM_CAP_ARM_SUPPORTED_BLOCK_SIZES      229 /* [6.5] */
#define KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES  230 /* [6.7] */
#define KVM_CAP_USER_MEMORY2		       231 /* [6.8] */
#define KVM_CAP_MEMORY_FAULT_INFO	       232 /* [6.8] */
#define KVM_CAP_MEMORY_ATTRIBUTES	       233 /* [6.8] */
#define KVM_CAP_GUEST_MEMFD		       234 /* [6.8] */
#define KVM_CAP_ARM_WRITABLE_IMP_ID_REGS       239 /* [6.15] */
#define KVM_CAP_ARM_EL2			       240 /* [6.16] */
#define KVM_CAP_ARM_EL2_E2H0		       241 /* [6.16] */
#define KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED 243 /* [6.17] */
#define KVM_CAP_GUEST_MEMFD_FLAGS	       244 /* [6.18] */
#define KVM_CAP_ARM_SEA_TO_USER		       245 /* [6.19] */

struct kvm_enable_cap {
	uint32_t cap;
	uint32_t flags;
	uint64_t args[4];
	uint8_t pad[64];
};

/* args[0] of KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2; the second needs the first. */
#define KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE (1 << 0)
#define KVM_DIRTY_LOG_INITIALLY_SET	    (1 << 1)

/* The argument of KVM_CREATE_VM: the IPA size in bits, or 0 for 40. */
#define KVM_VM_TYPE_ARM_IPA_SIZE_MASK 0xffULL
#define KVM_VM_TYPE_ARM_IPA_SIZE(x)   ((x)&KVM_VM_TYPE_ARM_IPA_SIZE_MASK)

/*
 * Guest memory.
 */
struct kvm_userspace_memory_region {
	uint32_t slot; /* 15:0 slot, 31:16 address space, which is 0 on arm64 */
	uint32_t flags;
	uint64_t guest_phys_addr;
	uint64_t memory_size; /* bytes; 0 deletes the slot */
	uint64_t userspace_addr;
};

struct kvm_userspace_memory_region2 { /* [6.8] */
	uint32_t slot;
	uint32_t flags;
	uint64_t guest_phys_addr;
	uint64_t memory_size;
	uint64_t userspace_addr;
	uint64_t guest_memfd_offset;
	uint32_t guest_memfd;
	uint32_t pad1;
	uint64_t pad2[14];
};

#define KVM_MEM_LOG_DIRTY_PAGES (1UL << 0)
#define KVM_MEM_READONLY	(1UL << 1)
#define KVM_MEM_GUEST_MEMFD	(1UL << 2) /* [6.8] */

struct kvm_memory_attributes { /* [6.8] */
	uint64_t address;
	uint64_t size;
	uint64_t attributes;
	uint64_t flags;
};

#define KVM_MEMORY_ATTRIBUTE_PRIVATE (1ULL << 3) /* [6.8] */

struct kvm_create_guest_memfd { /* [6.8] */
	uint64_t size;
	uint64_t flags;
	uint64_t reserved[6];
};

/* One bit per page of the slot, bit 0 of byte 0 first, in a buffer rounded up to 64 bits. */
struct kvm_dirty_log {
	uint32_t slot;
	uint32_t padding1;
	union {
		void *dirty_bitmap;
		uint64_t padding2;
	};
};

struct kvm_clear_dirty_log {
	uint32_t slot;
	uint32_t num_pages;
	uint64_t first_page;
	union {
		void *dirty_bitmap;
		uint64_t padding2;
	};
};

/*
 * An entry of a vCPU's dirty ring. The kernel side moves 0 -> DIRTY, the user DIRTY -> RESET, and
 * KVM_RESET_DIRTY_RINGS RESET -> 0.
 */
struct kvm_dirty_gfn {
	uint32_t flags;
	uint32_t slot;
	uint64_t offset; /* page number within the slot */
};

#define KVM_DIRTY_GFN_F_DIRTY	  (1UL << 0)
#define KVM_DIRTY_GFN_F_RESET	  (1UL << 1)
#define KVM_DIRTY_GFN_F_MASK	  0x3
#define KVM_DIRTY_LOG_PAGE_OFFSET 64 /* first page of the ring; 0 on arm64 before [6.2] */

/*
 * vCPU creation, run state and events.
 */
struct kvm_mp_state {
	uint32_t mp_state;
};

/* arm64 knows RUNNABLE, STOPPED and SUSPENDED. */
#define KVM_MP_STATE_RUNNABLE	   0
#define KVM_MP_STATE_UNINITIALIZED 1
#define KVM_MP_STATE_INIT_RECEIVED 2
#define KVM_MP_STATE_HALTED	   3
#define KVM_MP_STATE_SIPI_RECEIVED 4
#define KVM_MP_STATE_STOPPED	   5
#define KVM_MP_STATE_CHECK_STOP	   6
#define KVM_MP_STATE_OPERATING	   7
#define KVM_MP_STATE_LOAD	   8
#define KVM_MP_STATE_AP_RESET_HOLD 9
#define KVM_MP_STATE_SUSPENDED	   10

/* KVM_TRANSLATE, which arm64 has not: -EINVAL. */
struct kvm_translation {
	uint64_t linear_address;
	uint64_t physical_address;
	uint8_t valid;
	uint8_t writeable;
	uint8_t usermode;
	uint8_t pad[5];
};

struct kvm_signal_mask {
	uint32_t len; /* 8, the kernel's sigset size */
	uint8_t sigset[];
};

struct kvm_guest_debug {
	uint32_t control;
	uint32_t pad;
	struct kvm_guest_debug_arch arch;
};

#define KVM_GUESTDBG_ENABLE	0x00000001
#define KVM_GUESTDBG_SINGLESTEP 0x00000002
#define KVM_GUESTDBG_USE_SW_BP	(1 << 16)
#define KVM_GUESTDBG_USE_HW	(1 << 17)

/*
 * struct kvm_run: the first page of a vCPU's mapping.
 */
#define KVM_EXIT_UNKNOWN	 0
#define KVM_EXIT_EXCEPTION	 1
#define KVM_EXIT_IO		 2
#define KVM_EXIT_HYPERCALL	 3
#define KVM_EXIT_DEBUG		 4
#define KVM_EXIT_HLT		 5
#define KVM_EXIT_MMIO		 6
#define KVM_EXIT_IRQ_WINDOW_OPEN 7
#define KVM_EXIT_SHUTDOWN	 8
#define KVM_EXIT_FAIL_ENTRY	 9
#define KVM_EXIT_INTR		 10
#define KVM_EXIT_INTERNAL_ERROR	 17
#define KVM_EXIT_SYSTEM_EVENT	 24
#define KVM_EXIT_ARM_NISV	 28
#define KVM_EXIT_DIRTY_RING_FULL 31
#define KVM_EXIT_MEMORY_FAULT	 39 /* [6.8] */
#define KVM_EXIT_ARM_SEA	 41 /* [6.19] */

#define KVM_INTERNAL_ERROR_EMULATION		  1
#define KVM_INTERNAL_ERROR_SIMUL_EX		  2
#define KVM_INTERNAL_ERROR_DELIVERY_EV		  3
#define KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON 4

#define KVM_EXIT_FAIL_ENTRY_CPU_UNSUPPORTED (1ULL << 0)

#define KVM_SYSTEM_EVENT_SHUTDOWN 1
#define KVM_SYSTEM_EVENT_RESET	  2
#define KVM_SYSTEM_EVENT_CRASH	  3
#define KVM_SYSTEM_EVENT_WAKEUP	  4
#define KVM_SYSTEM_EVENT_SUSPEND  5
#define KVM_SYSTEM_EVENT_SEV_TERM 6

/* system_event.data[0] */
#define KVM_SYSTEM_EVENT_RESET_FLAG_PSCI_RESET2	 (1ULL << 0)
#define KVM_SYSTEM_EVENT_SHUTDOWN_FLAG_PSCI_OFF2 (1ULL << 0) /* [6.13] */

/* hypercall.flags */
#define KVM_HYPERCALL_EXIT_SMC	 (1U << 0) /* [6.4] */
#define KVM_HYPERCALL_EXIT_16BIT (1U << 1) /* [6.4] */

#define KVM_MEMORY_EXIT_FLAG_PRIVATE	(1ULL << 3) /* [6.8] */
#define KVM_EXIT_ARM_SEA_FLAG_GPA_VALID (1ULL << 0) /* [6.19] */

#define SYNC_REGS_SIZE_BYTES 2048

struct kvm_run {
	/* read when KVM_RUN starts */
	uint8_t request_interrupt_window;
	uint8_t immediate_exit;
	uint8_t padding1[6];

	/* written when it returns */
	uint32_t exit_reason;
	uint8_t ready_for_interrupt_injection;
	uint8_t if_flag;
	uint16_t flags;

	/* x86 only */
	uint64_t cr8;
	uint64_t apic_base;

	union {
		struct {
			uint64_t hardware_exit_reason;
		} hw;
		struct {
			uint64_t hardware_entry_failure_reason;
			uint32_t cpu;
		} fail_entry;
		struct {
			struct kvm_debug_exit_arch arch;
		} debug;
		struct {
			uint64_t phys_addr;
			uint8_t data[8];
			uint32_t len;
			uint8_t is_write;
		} mmio;
		struct {
			uint64_t nr;
			uint64_t args[6];
			uint64_t ret;
			union {
				struct {
					uint32_t longmode;
					uint32_t pad;
				};
				uint64_t flags; /* [6.4] */
			};
		} hypercall;
		struct {
			uint32_t suberror;
			uint32_t ndata;
			uint64_t data[16];
		} internal;
		struct {
			uint32_t type;
			uint32_t ndata;
			union {
				uint64_t flags;
				uint64_t data[16];
			};
		} system_event;
		struct {
			uint64_t esr_iss;
			uint64_t fault_ipa;
		} arm_nisv;
		struct { /* [6.8] */
			uint64_t flags;
			uint64_t gpa;
			uint64_t size;
		} memory_fault;
		struct { /* [6.19] */
			uint64_t flags;
			uint64_t esr;
			uint64_t gva;
			uint64_t gpa;
		} arm_sea;
		char padding[256];
	};

	uint64_t kvm_valid_regs;
	uint64_t kvm_dirty_regs;
	union {
		struct kvm_sync_regs regs;
		char padding[SYNC_REGS_SIZE_BYTES];
	} s;
};

#define KVM_COALESCED_MMIO_PAGE_OFFSET 1

struct kvm_coalesced_mmio_zone {
	uint64_t addr;
	uint32_t size;
	union {
		uint32_t pad;
		uint32_t pio;
	};
};

struct kvm_coalesced_mmio {
	uint64_t phys_addr;
	uint32_t len;
	union {
		uint32_t pad;
		uint32_t pio;
	};
	uint8_t data[8];
};

/* One page. The entries fill the rest of it; empty when first equals last. */
struct kvm_coalesced_mmio_ring {
	uint32_t first;
	uint32_t last;
	struct kvm_coalesced_mmio coalesced_mmio[];
};

/*
 * Registers: KVM_GET_REG_LIST, KVM_GET_ONE_REG, KVM_SET_ONE_REG.
 */
struct kvm_reg_list {
	uint64_t n;
	uint64_t reg[];
};

struct kvm_one_reg {
	uint64_t id;
	uint64_t addr;
};

#define KVM_REG_ARCH_MASK  0xff00000000000000ULL
#define KVM_REG_GENERIC	   0x0000000000000000ULL
#define KVM_REG_ARM64	   0x6000000000000000ULL
#define KVM_REG_SIZE_SHIFT 52
#define KVM_REG_SIZE_MASK  0x00f0000000000000ULL
#define KVM_REG_SIZE_U8	   0x0000000000000000ULL
#define KVM_REG_SIZE_U16   0x0010000000000000ULL
#define KVM_REG_SIZE_U32   0x0020000000000000ULL
#define KVM_REG_SIZE_U64   0x0030000000000000ULL
#define KVM_REG_SIZE_U128  0x0040000000000000ULL
#define KVM_REG_SIZE_U256  0x0050000000000000ULL
#define KVM_REG_SIZE_U512  0x0060000000000000ULL
#define KVM_REG_SIZE_U1024 0x0070000000000000ULL
#define KVM_REG_SIZE_U2048 0x0080000000000000ULL
#define KVM_REG_SIZE(id)   (1U << (((id)&KVM_REG_SIZE_MASK) >> KVM_REG_SIZE_SHIFT))

/*
 * Interrupts.
 */
struct kvm_irq_level {
	union {
		uint32_t irq;
		int32_t status;
	};
	uint32_t level;
};

struct kvm_irq_routing_irqchip {
	uint32_t irqchip;
	uint32_t pin;
};

struct kvm_irq_routing_msi {
	uint32_t address_lo;
	uint32_t address_hi;
	uint32_t data;
	union {
		uint32_t pad;
		uint32_t devid;
	};
};

#define KVM_IRQ_ROUTING_IRQCHIP 1
#define KVM_IRQ_ROUTING_MSI	2

struct kvm_irq_routing_entry {
	uint32_t gsi;
	uint32_t type;
	uint32_t flags;
	uint32_t pad;
	union {
		struct kvm_irq_routing_irqchip irqchip;
		struct kvm_irq_routing_msi msi;
		uint32_t pad[8];
		uint64_t am_align[4]; /* other architectures' members make it 8-aligned */
	} u;
};

struct kvm_irq_routing {
	uint32_t nr;
	uint32_t flags;
	struct kvm_irq_routing_entry entries[];
};

struct kvm_irqfd {
	uint32_t fd;
	uint32_t gsi;
	uint32_t flags;
	uint32_t resamplefd;
	uint8_t pad[16];
};

#define KVM_IRQFD_FLAG_DEASSIGN (1 << 0)
#define KVM_IRQFD_FLAG_RESAMPLE (1 << 1)

struct kvm_msi {
	uint32_t address_lo;
	uint32_t address_hi;
	uint32_t data;
	uint32_t flags;
	uint32_t devid;
	uint8_t pad[12];
};

#define KVM_MSI_VALID_DEVID (1U << 0)

struct kvm_ioeventfd {
	uint64_t datamatch;
	uint64_t addr;
	uint32_t len; /* 1, 2, 4, 8, or 0 for any */
	int32_t fd;
	uint32_t flags;
	uint8_t pad[36];
};

#define KVM_IOEVENTFD_FLAG_DATAMATCH	     (1 << 0)
#define KVM_IOEVENTFD_FLAG_PIO		     (1 << 1)
#define KVM_IOEVENTFD_FLAG_DEASSIGN	     (1 << 2)
#define KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY (1 << 3)
#define KVM_IOEVENTFD_VALID_FLAG_MASK	     ((1 << 5) - 1)

/*
 * Devices.
 */
struct kvm_create_device {
	uint32_t type;
	uint32_t fd; /* out */
	uint32_t flags;
};

#define KVM_CREATE_DEVICE_TEST 1

#define KVM_DEV_TYPE_VFIO	  4
#define KVM_DEV_TYPE_ARM_VGIC_V2  5
#define KVM_DEV_TYPE_ARM_VGIC_V3  7
#define KVM_DEV_TYPE_ARM_VGIC_ITS 8
#define KVM_DEV_TYPE_ARM_PV_TIME  10

struct kvm_device_attr {
	uint32_t flags;
	uint32_t group;
	uint64_t attr;
	uint64_t addr;
};

/*
 * Binary statistics: the file behind KVM_GET_STATS_FD is a header, an id string, descriptors and
 * 64-bit data, each found through the header.
 */
struct kvm_stats_header {
	uint32_t flags;
	uint32_t name_size;
	uint32_t num_desc;
	uint32_t id_offset;
	uint32_t desc_offset;
	uint32_t data_offset;
};

struct kvm_stats_desc {
	uint32_t flags;
	int16_t exponent;
	uint16_t size;
	uint32_t offset;
	uint32_t bucket_size;
	char name[];
};

#define KVM_STATS_TYPE_SHIFT	   0
#define KVM_STATS_TYPE_MASK	   (0xF << KVM_STATS_TYPE_SHIFT)
#define KVM_STATS_TYPE_CUMULATIVE  (0x0 << KVM_STATS_TYPE_SHIFT)
#define KVM_STATS_TYPE_INSTANT	   (0x1 << KVM_STATS_TYPE_SHIFT)
#define KVM_STATS_TYPE_PEAK	   (0x2 << KVM_STATS_TYPE_SHIFT)
#define KVM_STATS_TYPE_LINEAR_HIST (0x3 << KVM_STATS_TYPE_SHIFT)
#define KVM_STATS_TYPE_LOG_HIST	   (0x4 << KVM_STATS_TYPE_SHIFT)
#define KVM_STATS_TYPE_MAX	   KVM_STATS_TYPE_LOG_HIST
#define KVM_STATS_UNIT_SHIFT	   4
#define KVM_STATS_UNIT_MASK	   (0xF << KVM_STATS_UNIT_SHIFT)
#define KVM_STATS_UNIT_NONE	   (0x0 << KVM_STATS_UNIT_SHIFT)
#define KVM_STATS_UNIT_BYTES	   (0x1 << KVM_STATS_UNIT_SHIFT)
#define KVM_STATS_UNIT_SECONDS	   (0x2 << KVM_STATS_UNIT_SHIFT)
#define KVM_STATS_UNIT_CYCLES	   (0x3 << KVM_STATS_UNIT_SHIFT)
#define KVM_STATS_UNIT_BOOLEAN	   (0x4 << KVM_STATS_UNIT_SHIFT)
#define KVM_STATS_UNIT_MAX	   KVM_STATS_UNIT_BOOLEAN
#define KVM_STATS_BASE_SHIFT	   8
#define KVM_STATS_BASE_MASK	   (0xF << KVM_STATS_BASE_SHIFT)
#define KVM_STATS_BASE_POW10	   (0x0 << KVM_STATS_BASE_SHIFT)
#define KVM_STATS_BASE_POW2	   (0x1 << KVM_STATS_BASE_SHIFT)
#define KVM_STATS_BASE_MAX	   KVM_STATS_BASE_POW2

/*
 * The ioctls. KVM_ARM_SET_DEVICE_ADDR and KVM_GET_ONE_REG are one number, and so nearly are
 * KVM_IRQ_LINE_STATUS and KVM_REGISTER_COALESCED_MMIO: the descriptor and the direction decide.
 */
#define KVM_GET_API_VERSION	   AM_KVM_IO(0x00)					/* s */
#define KVM_CREATE_VM		   AM_KVM_IO(0x01)					/* s */
#define KVM_CHECK_EXTENSION	   AM_KVM_IO(0x03)					/* s v */
#define KVM_GET_VCPU_MMAP_SIZE	   AM_KVM_IO(0x04)					/* s */
#define KVM_CREATE_VCPU		   AM_KVM_IO(0x41)					/* v */
#define KVM_GET_DIRTY_LOG	   AM_KVM_IOW(0x42, struct kvm_dirty_log)		/* v */
#define KVM_SET_USER_MEMORY_REGION AM_KVM_IOW(0x46, struct kvm_userspace_memory_region) /* v */
#define KVM_SET_USER_MEMORY_REGION2 \
	AM_KVM_IOW(0x49, struct kvm_userspace_memory_region2)		       /* [6.8] v */
#define KVM_CREATE_IRQCHIP	       AM_KVM_IO(0x60)			       /* v */
#define KVM_IRQ_LINE		       AM_KVM_IOW(0x61, struct kvm_irq_level)  /* v */
#define KVM_IRQ_LINE_STATUS	       AM_KVM_IOWR(0x67, struct kvm_irq_level) /* v */
#define KVM_REGISTER_COALESCED_MMIO    AM_KVM_IOW(0x67, struct kvm_coalesced_mmio_zone) /* v */
#define KVM_UNREGISTER_COALESCED_MMIO  AM_KVM_IOW(0x68, struct kvm_coalesced_mmio_zone) /* v */
#define KVM_SET_GSI_ROUTING	       AM_KVM_IOW(0x6a, struct kvm_irq_routing)		/* v */
#define KVM_IRQFD		       AM_KVM_IOW(0x76, struct kvm_irqfd)		/* v */
#define KVM_IOEVENTFD		       AM_KVM_IOW(0x79, struct kvm_ioeventfd)		/* v */
#define KVM_RUN			       AM_KVM_IO(0x80)					/* c */
#define KVM_GET_REGS		       AM_KVM_IOR(0x81, struct kvm_regs)		/* c */
#define KVM_SET_REGS		       AM_KVM_IOW(0x82, struct kvm_regs)		/* c */
#define KVM_TRANSLATE		       AM_KVM_IOWR(0x85, struct kvm_translation)	/* c */
#define KVM_SET_SIGNAL_MASK	       AM_KVM_IOW(0x8b, struct kvm_signal_mask)		/* c */
#define KVM_GET_MP_STATE	       AM_KVM_IOR(0x98, struct kvm_mp_state)		/* c */
#define KVM_SET_MP_STATE	       AM_KVM_IOW(0x99, struct kvm_mp_state)		/* c */
#define KVM_SET_GUEST_DEBUG	       AM_KVM_IOW(0x9b, struct kvm_guest_debug)		/* c */
#define KVM_GET_VCPU_EVENTS	       AM_KVM_IOR(0x9f, struct kvm_vcpu_events)		/* c */
#define KVM_SET_VCPU_EVENTS	       AM_KVM_IOW(0xa0, struct kvm_vcpu_events)		/* c */
#define KVM_ENABLE_CAP		       AM_KVM_IOW(0xa3, struct kvm_enable_cap)		/* v */
#define KVM_SIGNAL_MSI		       AM_KVM_IOW(0xa5, struct kvm_msi)			/* v */
#define KVM_ARM_SET_DEVICE_ADDR	       AM_KVM_IOW(0xab, struct kvm_arm_device_addr)	/* v */
#define KVM_GET_ONE_REG		       AM_KVM_IOW(0xab, struct kvm_one_reg)		/* c */
#define KVM_SET_ONE_REG		       AM_KVM_IOW(0xac, struct kvm_one_reg)		/* c */
#define KVM_ARM_VCPU_INIT	       AM_KVM_IOW(0xae, struct kvm_vcpu_init)		/* c */
#define KVM_ARM_PREFERRED_TARGET       AM_KVM_IOR(0xaf, struct kvm_vcpu_init)		/* v */
#define KVM_GET_REG_LIST	       AM_KVM_IOWR(0xb0, struct kvm_reg_list)		/* c */
#define KVM_ARM_MTE_COPY_TAGS	       AM_KVM_IOR(0xb4, struct kvm_arm_copy_mte_tags)	/* v */
#define KVM_ARM_SET_COUNTER_OFFSET     AM_KVM_IOW(0xb5, struct kvm_arm_counter_offset) /* [6.4] v */
#define KVM_ARM_GET_REG_WRITABLE_MASKS AM_KVM_IOR(0xb6, struct reg_mask_range)	       /* [6.7] v */
#define KVM_CLEAR_DIRTY_LOG	       AM_KVM_IOWR(0xc0, struct kvm_clear_dirty_log)   /* v */
#define KVM_ARM_VCPU_FINALIZE	       AM_KVM_IOW(0xc2, int)			       /* c */
#define KVM_RESET_DIRTY_RINGS	       AM_KVM_IO(0xc7)				       /* v */
#define KVM_GET_STATS_FD	       AM_KVM_IO(0xce)				       /* v c */
#define KVM_SET_MEMORY_ATTRIBUTES      AM_KVM_IOW(0xd2, struct kvm_memory_attributes)  /* [6.8] v */
#define KVM_CREATE_GUEST_MEMFD	       AM_KVM_IOWR(0xd4, struct kvm_create_guest_memfd) /* [6.8] v */
#define KVM_CREATE_DEVICE	       AM_KVM_IOWR(0xe0, struct kvm_create_device)	/* v */
#define KVM_SET_DEVICE_ATTR	       AM_KVM_IOW(0xe1, struct kvm_device_attr)		/* v c d */
#define KVM_GET_DEVICE_ATTR	       AM_KVM_IOW(0xe2, struct kvm_device_attr)		/* v c d */
#define KVM_HAS_DEVICE_ATTR	       AM_KVM_IOW(0xe3, struct kvm_device_attr)		/* v c d */

#endif
