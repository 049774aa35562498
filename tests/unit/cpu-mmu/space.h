/* SPDX-License-Identifier: MIT */
/*
 * vCPUs whose memory the test can move: 512 guest pages, each with a host page behind it that can
 * be changed, refused or write-protected, and a count of how often it was asked for.
 */
#ifndef TEST_CPU_MMU_SPACE_H
#define TEST_CPU_MMU_SPACE_H

#include <stdatomic.h>

#include "cpu/access.h"
#include "cpu/cluster.h"
#include "cpu/code.h"
#include "cpu/cpu.h"
#include "cpu/sysreg.h"
#include "cpu/tlb.h"

#define PAGE	  UINT64_C(4096)
#define NR_PAGES  512u
#define RAM	  UINT64_C(0x40000000)
#define ADDR(n)	  (RAM + (n)*PAGE)
#define VECTORS	  0u		       /* page numbers */
#define TABLES	  1u		       /* levels 1, 2, 3 */
#define BLOCKS_VA UINT64_C(0x80000000) /* RAM again, as one 2 MiB block */

struct space {
	struct cpu_cluster *cluster;
	struct cpu *cpu[2];
	uint8_t *ram; /* two host pages for each guest page */
	_Atomic(uint8_t *) host[NR_PAGES];
	atomic_bool read_only[NR_PAGES];
	atomic_uint asked[NR_PAGES];
	uint64_t refuse_from; /* IPAs from here on ... */
	uint8_t refuse_fsc;   /* ... with this */
};

/* @pa_bits 0: as cpu_cluster_create() leaves it. */
struct space *space_create(unsigned cpus, unsigned pa_bits);
void space_destroy(struct space *s);
/* Host page @which (0 or 1) of guest page @n. */
uint8_t *space_host(struct space *s, unsigned n, unsigned which);
void space_poke64(struct space *s, uint64_t ipa, uint64_t v);
/* The level 3 entry of page @n: attributes besides the usual ones. */
void space_map(struct space *s, unsigned n, uint64_t ipa, uint64_t attrs);

/* Does the TLB of cpu 0 answer? */
bool space_hit(struct space *s, uint64_t va, bool write);
/* Make it. */
void space_touch(struct space *s, uint64_t va, bool write);

/* Instructions at guest page @n, ended by HVC #0; run cpu 0 there until it leaves. */
enum cpu_exit space_run(struct space *s, unsigned n, const uint32_t *words, unsigned nr);

#endif
