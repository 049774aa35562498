/* SPDX-License-Identifier: MIT */
/* A GIC in a box for the tests: two frames' addresses, a bus, lines that are watched, counted
 * memory. */
#ifndef TEST_GIC_COMMON_H
#define TEST_GIC_COMMON_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <armature/gic.h>
#include <errno.h>
#include <stdatomic.h>

#define GICD	  UINT64_C(0x08000000)
#define GICR	  UINT64_C(0x080a0000)
#define GICR_SIZE UINT64_C(0x20000)
#define SGI_BASE  0x10000u
#define NR_IRQS	  128u

/* ICC registers */
#define ICC(crn, crm, op2) AM_GIC_SYSREG(3u, 0u, crn, crm, op2)
#define PMR		   ICC(4u, 6u, 0u)
#define IAR0		   ICC(12u, 8u, 0u)
#define EOIR0		   ICC(12u, 8u, 1u)
#define HPPIR0		   ICC(12u, 8u, 2u)
#define BPR0		   ICC(12u, 8u, 3u)
#define AP0R0		   ICC(12u, 8u, 4u)
#define AP0R1		   ICC(12u, 8u, 5u)
#define AP1R0		   ICC(12u, 9u, 0u)
#define AP1R1		   ICC(12u, 9u, 1u)
#define DIR		   ICC(12u, 11u, 1u)
#define RPR		   ICC(12u, 11u, 3u)
#define SGI1R		   ICC(12u, 11u, 5u)
#define ASGI1R		   ICC(12u, 11u, 6u)
#define SGI0R		   ICC(12u, 11u, 7u)
#define IAR1		   ICC(12u, 12u, 0u)
#define EOIR1		   ICC(12u, 12u, 1u)
#define HPPIR1		   ICC(12u, 12u, 2u)
#define BPR1		   ICC(12u, 12u, 3u)
#define CTLR		   ICC(12u, 12u, 4u)
#define SRE		   ICC(12u, 12u, 5u)
#define IGRPEN0		   ICC(12u, 12u, 6u)
#define IGRPEN1		   ICC(12u, 12u, 7u)

/* GICD offsets; the SGI frame has the same. */
enum {
	D_CTLR = 0,
	D_TYPER = 4,
	D_IIDR = 8,
	IGROUPR = 0x80,
	ISENABLER = 0x100,
	ICENABLER = 0x180,
	ISPENDR = 0x200,
	ICPENDR = 0x280,
	ISACTIVER = 0x300,
	ICACTIVER = 0x380,
	IPRIORITYR = 0x400,
	ICFGR = 0xc00,
	IROUTER = 0x6000,
};

struct box {
	struct am_gic *gic;
	struct am_bus *bus;
	unsigned nr_cpus;
	atomic_uint lines[AM_GIC_MAX_VCPUS]; /* as last reported */
	atomic_uint changes;
	atomic_uint due;     /* how often bound_pending was called */
	atomic_int due_vcpu; /* what it said last */
	atomic_uint due_intid;
	atomic_uint done;  /* how often spi_done was called */
	atomic_long bytes; /* allocated now */
	int fail_in;	   /* the n-th allocation from now fails; 0: none */
};

/* KVM's MPIDR of a vCPU number. */
uint64_t box_mpidr(unsigned vcpu);

struct am_gic_config box_config(struct box *b);
/* A GIC without vCPUs and addresses. */
void box_create(struct box *b);
void box_create_version(struct box *b, unsigned version);
/* All of it, mapped; the CPU interfaces let everything through, the distributor is on. */
void box_start(struct box *b, unsigned nr_cpus);
/* Fails if memory leaked. */
void box_end(struct box *b);

uint64_t box_read(struct box *b, uint64_t ipa, unsigned len);
void box_write(struct box *b, uint64_t ipa, unsigned len, uint64_t value);
static inline uint32_t rd(struct box *b, uint64_t ipa)
{
	return (uint32_t)box_read(b, ipa, 4);
}
static inline void wr(struct box *b, uint64_t ipa, uint32_t value)
{
	box_write(b, ipa, 4, value);
}

/* The SGI frame of a vCPU. */
static inline uint64_t sgi_frame(unsigned vcpu)
{
	return GICR + vcpu * GICR_SIZE + SGI_BASE;
}

uint64_t icc(struct box *b, unsigned vcpu, unsigned reg);
void icc_set(struct box *b, unsigned vcpu, unsigned reg, uint64_t value);

/* Fields of one interrupt; @vcpu counts for private ones. */
void irq_enable(struct box *b, unsigned vcpu, unsigned intid);
void irq_priority(struct box *b, unsigned vcpu, unsigned intid, unsigned priority);
void irq_group(struct box *b, unsigned vcpu, unsigned intid, unsigned group);
void irq_level(struct box *b, unsigned intid); /* makes an SPI level-sensitive */
unsigned irq_bit(struct box *b, unsigned vcpu, unsigned reg, unsigned intid);
void irq_write_bit(struct box *b, unsigned vcpu, unsigned reg, unsigned intid);

/* What was reported equals what is there now, and both equal @lines. */
void assert_lines(struct box *b, unsigned vcpu, unsigned lines);

#endif
