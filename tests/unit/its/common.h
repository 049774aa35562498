/* SPDX-License-Identifier: MIT */
/*
 * A GIC with an ITS in a box: RAM of 16 MiB, part of it read-only, tables in it, a command queue.
 */
#ifndef TEST_ITS_COMMON_H
#define TEST_ITS_COMMON_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <armature/its.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#define GICD	  UINT64_C(0x08000000)
#define GITS	  UINT64_C(0x08080000)
#define GICR	  UINT64_C(0x080a0000)
#define GICR_SIZE UINT64_C(0x20000)

#define RAM	 UINT64_C(0x40000000)
#define RAM_SIZE (16u << 20)
#define ROM	 (RAM + 0xf00000) /* the last MiB can only be read */
#define NOWHERE	 UINT64_C(0x90000000)

#define CMDQ	 (RAM + 0x10000)
#define CMDQ_LEN 0x10000u
#define DEVT	 (RAM + 0x20000)
#define COLT	 (RAM + 0x30000)
#define PROP	 (RAM + 0x40000)
#define PEND(v)	 (RAM + 0x50000 + (v)*0x10000ull)
#define L2(n)	 (RAM + 0x100000 + (n)*0x10000ull)
#define ITT(n)	 (RAM + 0x200000 + (n)*0x1000ull)

/* GITS offsets */
enum {
	CTLR = 0,
	IIDR = 4,
	TYPER = 8,
	CBASER = 0x80,
	CWRITER = 0x88,
	CREADR = 0x90,
	BASER0 = 0x100,
	BASER1 = 0x108,
};

#define VALID	 (UINT64_C(1) << 63)
#define INDIRECT (UINT64_C(1) << 62)

/* ICC registers */
#define ICC(crn, crm, op2) AM_GIC_SYSREG(3u, 0u, crn, crm, op2)
#define PMR		   ICC(4u, 6u, 0u)
#define IAR1		   ICC(12u, 12u, 0u)
#define EOIR1		   ICC(12u, 12u, 1u)
#define HPPIR1		   ICC(12u, 12u, 2u)
#define RPR		   ICC(12u, 11u, 3u)
#define IGRPEN1		   ICC(12u, 12u, 7u)

struct box {
	struct am_gic *gic;
	struct am_bus *bus;
	struct am_its *its;
	unsigned nr_cpus;
	atomic_uint lines[AM_GIC_MAX_VCPUS];
	atomic_long bytes; /* allocated now */
	int fail_in;	   /* the n-th allocation from now fails; 0: none */
	unsigned char *ram;
	atomic_ulong writes;	 /* calls of the write callback */
	atomic_ulong bytes_read; /* by the read callback */
	uint64_t hole, hole_end; /* guest memory that is gone */
	uint32_t cwriter;
};

/* A GICv3, initialised and mapped, without an ITS. */
void box_bare(struct box *b, unsigned nr_cpus);
/* With an ITS: LPIs and ITS enabled, all priorities 0xa0 and enabled. */
void box_start(struct box *b, unsigned nr_cpus);
/* The same, the ITS not yet enabled and without tables. */
void box_its(struct box *b, unsigned nr_cpus);
void box_end(struct box *b);
struct am_its_config box_its_config(struct box *b);

void *at(struct box *b, uint64_t ipa);
uint64_t ram64(struct box *b, uint64_t ipa);
void ram64_set(struct box *b, uint64_t ipa, uint64_t value);

uint64_t rd(struct box *b, uint64_t ipa, unsigned len);
void wr(struct box *b, uint64_t ipa, unsigned len, uint64_t value);

/* Registers by attribute. */
uint64_t its_get(struct box *b, uint64_t offset);
int its_set(struct box *b, uint64_t offset, uint64_t value);
/* GRP_CTRL */
int its_ctrl(struct box *b, unsigned attr);
uint32_t gicr_get(struct box *b, unsigned vcpu, unsigned offset);
void gicr_set(struct box *b, unsigned vcpu, unsigned offset, uint32_t value);

/* ---- commands ---- */

struct cmd {
	uint64_t dw[4];
};

/* Queues one, and has it done. */
void issue(struct box *b, struct cmd c);
/* Only queues it. */
void queue(struct box *b, struct cmd c);

#define CMD(...) ((struct cmd){{__VA_ARGS__}})
#define MAPD(dev, size, itt, v) \
	CMD(8 | (uint64_t)(dev) << 32, (uint64_t)(size), ((v) ? VALID : 0) | (uint64_t)(itt))
#define MAPC(icid, cpu, v) CMD(9, 0, ((v) ? VALID : 0) | (uint64_t)(cpu) << 16 | (uint64_t)(icid))
#define MAPTI(dev, ev, lpi, icid) \
	CMD(10 | (uint64_t)(dev) << 32, (uint64_t)(ev) | (uint64_t)(lpi) << 32, (uint64_t)(icid))
#define MAPI(dev, ev, icid)    CMD(11 | (uint64_t)(dev) << 32, (uint64_t)(ev), (uint64_t)(icid))
#define EVENT(op, dev, ev, ic) CMD((op) | (uint64_t)(dev) << 32, (uint64_t)(ev), (uint64_t)(ic))
#define MOVI(dev, ev, icid)    EVENT(1, dev, ev, icid)
#define INT(dev, ev)	       EVENT(3, dev, ev, 0)
#define CLEAR(dev, ev)	       EVENT(4, dev, ev, 0)
#define SYNC(rd)	       CMD(5, 0, (uint64_t)(rd) << 16)
#define INV(dev, ev)	       EVENT(12, dev, ev, 0)
#define INVALL(icid)	       CMD(13, 0, (uint64_t)(icid))
#define MOVALL(from, to)       CMD(14, 0, (uint64_t)(from) << 16, (uint64_t)(to) << 16)
#define DISCARD(dev, ev)       EVENT(15, dev, ev, 0)

/* ---- interrupts ---- */

/* Acknowledges and finishes one: its INTID, 1023 if there is none. */
unsigned take(struct box *b, unsigned vcpu);
int msi(struct box *b, unsigned dev, unsigned ev);
/* The message arrives as LPI @intid at @vcpu, and at no other. */
void assert_delivered(struct box *b, unsigned dev, unsigned ev, unsigned vcpu, unsigned intid);

#endif
