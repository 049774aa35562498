/* SPDX-License-Identifier: MIT */
/*
 * What a guest finds behind HVC and SMC: the SMC calling convention (DEN0028), PSCI (DEN0022), TRNG
 * (DEN0098), stolen time (DEN0057) and the vendor's own services.
 *
 * A call comes as the caller's x0-x3 and goes back as x0-x3 and, for the few calls that do more
 * than answer, what the machine must do. fw/ keeps no vCPU: power states are asked for and
 * changed through struct fw_ops.
 */
#ifndef AM_FW_FW_H
#define AM_FW_FW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* PSCI versions as VERSION returns them; 0.1 has other function ids and no VERSION. */
enum {
	FW_PSCI_0_1 = 1,
	FW_PSCI_0_2 = 2,
	FW_PSCI_1_0 = 0x10000,
	FW_PSCI_1_1 = 0x10001,
	FW_PSCI_1_2 = 0x10002,
	FW_PSCI_1_3 = 0x10003,
};

enum { /* return values of PSCI and SMCCC, x0 */
       FW_SUCCESS = 0,
       FW_NOT_SUPPORTED = -1,
       FW_INVALID_PARAMS = -2,
       FW_ALREADY_ON = -4,
       FW_INTERNAL_FAILURE = -6,
};

enum fw_action {
	FW_RETURN,	   /* x[] holds the answer */
	FW_WAIT,	   /* the same, after waiting for an interrupt as WFI does */
	FW_CPU_OFF,	   /* the caller stops; x[] does not matter */
	FW_SYSTEM_OFF,	   /* the VM stops; x[] is what a VMM that goes on shows the guest */
	FW_SYSTEM_RESET,   /* the same; *event_flags is set for both */
	FW_SYSTEM_SUSPEND, /* up to user space: x[] holds the call */
	FW_FORWARD,	   /* user space answers: x[] holds the call */
	FW_SDEI,	   /* sdei_call() answers */
};

struct fw_ops {
	/* The vCPU with this affinity, or NULL. */
	void *(*find)(void *vm, uint64_t affinity);
	/* The nth vCPU, NULL beyond the last; its affinity (MPIDR_EL1 without bits 31:24). */
	void *(*nth)(void *vm, unsigned n, uint64_t *affinity);
	bool (*is_off)(void *vcpu);
	/* Start a stopped vCPU with reset state, @pc and x0. False: it was not stopped. */
	bool (*power_on)(void *vcpu, uint64_t pc, uint64_t context);
	/* Where the caller's stolen time structure is, or FW_NO_ADDRESS. */
	uint64_t (*stolen_time)(void *vcpu);
	/* ... it starts again from zero. */
	void (*stolen_time_begin)(void *vcpu);
	/* A counter of the caller (0 virtual, 1 physical) and the real time in ns, of one moment.
	 */
	void (*clocks)(void *vcpu, unsigned counter, uint64_t *count, uint64_t *real_ns);
};

#define FW_NO_ADDRESS UINT64_MAX

/* Services that user space can take away, one bit each (KVM_REG_ARM_FW_FEAT_BMAP). */
enum fw_bitmap { FW_STD, FW_STD_HYP, FW_VENDOR_HYP, FW_NR_BITMAPS };

enum {
	FW_STD_TRNG = 1,
	FW_STD_HYP_PV_TIME = 1,
	FW_VENDOR_FEATURES = 1,
	FW_VENDOR_PTP = 2,
};

/* Who answers a call: the numbers are KVM_SMCCC_FILTER_*. */
enum fw_filter_action { FW_FILTER_HANDLE, FW_FILTER_DENY, FW_FILTER_FORWARD };

struct fw_range {
	uint32_t first, last; /* function ids */
	enum fw_filter_action action;
};

struct fw_filter {
	struct fw_range *range; /* in ascending order, without overlap */
	size_t nr, room;
};

struct sdei;

struct fw {
	const struct fw_ops *ops;
	void *vm;
	const struct sdei *sdei;       /* NULL: none */
	_Atomic uint32_t psci_version; /* what user space chose; 0: nothing, and so 1.1 */
	atomic_bool system_suspend;    /* offered to the guest */
	_Atomic uint64_t taken_away[FW_NR_BITMAPS];
	struct fw_filter filter; /* changes only before a vCPU has run */
};

/* A vCPU that calls. Without the feature PSCI_0_2 it finds PSCI 0.1. */
struct fw_caller {
	const struct fw *fw;
	void *vcpu;
	unsigned id; /* for traces */
	bool has_0_2;
	bool smc; /* by SMC, not HVC */
};

enum fw_action fw_call(const struct fw_caller *c, uint64_t x[4], uint64_t *event_flags);
/* The PSCI part; same contract. */
enum fw_action fw_psci_call(const struct fw_caller *c, uint64_t x[4], uint64_t *event_flags);
uint32_t fw_psci_version(const struct fw *fw, bool has_0_2);

/* Parts of fw_call(): false, and nothing changed, if the call is none of theirs. */
bool fw_trng_call(const struct fw_caller *c, uint64_t x[4]);
bool fw_pv_time_call(const struct fw_caller *c, uint64_t x[4]);
bool fw_vendor_call(const struct fw_caller *c, uint64_t x[4]);

/* -EEXIST: some of the range has an owner already. -ENOMEM. */
int fw_filter_add(struct fw_filter *f, const struct fw_range *r);
enum fw_filter_action fw_filter_find(const struct fw_filter *f, uint32_t id);
void fw_filter_finish(struct fw_filter *f);

/* Every service that there is, and those that the guest finds. */
uint64_t fw_bitmap_all(enum fw_bitmap which);
uint64_t fw_bitmap_get(const struct fw *fw, enum fw_bitmap which);
/* -EINVAL: a bit that is no service. -EBUSY: a change while @frozen. */
int fw_bitmap_set(struct fw *fw, enum fw_bitmap which, uint64_t v, bool frozen);

/*
 * Firmware pseudo-registers (KVM_REG_ARM_FW), by the id's low 16 bits. @has_0_2: the vCPU has the
 * feature PSCI_0_2. -ENOENT: no such register. -EINVAL: not a value for it.
 */
int fw_get_reg(const struct fw *fw, bool has_0_2, unsigned index, uint64_t *v);
int fw_set_reg(struct fw *fw, bool has_0_2, unsigned index, uint64_t v);
/* How many of them there are: indices 0 .. n-1. */
unsigned fw_reg_count(void);

#endif
