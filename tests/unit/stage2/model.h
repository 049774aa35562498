/* SPDX-License-Identifier: MIT */
/*
 * What an address space should say, as a flat array of units in a few windows of the IPA space. A
 * unit is a page, or, to reach the large blocks, a block of some level, if nothing smaller is ever
 * asked for. Knows nothing of tables but the sizes that a descriptor can have.
 */
#ifndef STAGE2_MODEL_H
#define STAGE2_MODEL_H

#include <armature/stage2.h>

#define MODEL_WINDOWS 3
#define MODEL_SIZES   4

struct unit {
	uint64_t oa;
	uint8_t mapped, prot, memory, young;
	uint8_t log2; /* of the descriptor that maps it */
	uint8_t pad[3];
};

struct model {
	unsigned unit; /* log2 */
	unsigned nr_windows, per_window, nr_sizes;
	unsigned size[MODEL_SIZES]; /* log2 of descriptors' sizes, the unit's first */
	unsigned largest;	    /* of those that map() and collapse() may make */
	unsigned granule, start_log2;
	uint64_t base[MODEL_WINDOWS]; /* ascending */
	struct unit *u;		      /* window after window */
};

/* False: there are no units of that size with this configuration, or no room for them. */
bool model_init(struct model *m, const struct am_s2_config *c, unsigned unit);
void model_finish(struct model *m);

uint64_t model_ipa(const struct model *m, unsigned n);

/* The same as the library's functions, for [from, to) in units of one window. */
void model_map(struct model *m, unsigned from, unsigned to, uint64_t oa, unsigned prot,
	       unsigned memory);
void model_unmap(struct model *m, unsigned from, unsigned to);
bool model_protect(struct model *m, unsigned from, unsigned to, unsigned clear, unsigned set);
bool model_age(struct model *m, unsigned from, unsigned to);
bool model_mkyoung(struct model *m, unsigned n);
void model_split(struct model *m, unsigned from, unsigned to, unsigned log2);
void model_collapse(struct model *m, unsigned from, unsigned to);

/* How many tables below the first level such mappings need. */
unsigned model_tables(const struct model *m);

#endif
