/* SPDX-License-Identifier: MIT */
/*
 * An address space: its shape, its registers, and the memory of its tables.
 *
 * The start level is KVM's choice among those that the architecture allows (D8.2.8 to D8.2.10 for
 * the three granules): one level fewer as long as at most 16 tables side by side make up for it.
 */
#include "base/cstring.h"

#include "bus/error.h"
#include "mem/s2_desc.h"

/*
 * A table kept aside holds the address of the next one in its first word. Walks that still reach it
 * see bit 0 clear, no descriptor; bit 1 tells address 0 from the end.
 */
#define CHAINED UINT64_C(2)

/* ---- Shape ---- */

/* ID_AA64MMFR0_EL1.PARange and VTCR_EL2.PS. */
static int pa_range(unsigned bits)
{
	static const uint8_t sizes[] = {32, 36, 40, 42, 44, 48, 52};

	for (unsigned n = 0; n < AM_ARRAY_SIZE(sizes); n++) {
		if (sizes[n] == bits)
			return (int)n;
	}
	return -1;
}

static bool config_ok(const struct am_s2_config *c)
{
	const unsigned flags = AM_S2_FWB | AM_S2_XNX | AM_S2_LPA2 | AM_S2_BBM2 | AM_S2_HA |
			       AM_S2_VMID16 | AM_S2_IDENTITY;

	if (c->granule != 12 && c->granule != 14 && c->granule != 16)
		return false;
	if ((c->flags & ~flags) || (c->granule == 16 && (c->flags & AM_S2_LPA2)))
		return false;
	if (c->max_block && (c->max_block < c->granule || c->max_block >= 64))
		return false;
	/* An IPA is never larger than a physical address: its walks would fault at once. */
	return pa_range(c->oa_bits) >= 0 && c->ipa_bits >= 32 && c->ipa_bits <= c->oa_bits;
}

/* The level of the largest block that the layout knows (AArch64.BlockDescSupported). */
static int block_level(const struct am_s2_config *c)
{
	switch (c->granule) {
	case 12:
		return c->flags & AM_S2_LPA2 ? 0 : 1;
	case 14:
		return c->flags & AM_S2_LPA2 ? 1 : 2;
	default:
		return c->oa_bits == 52 ? 1 : 2;
	}
}

static void set_layout(struct am_s2 *s2)
{
	const struct am_s2_config *c = &s2->config;
	unsigned top = 47;

	if (c->flags & AM_S2_LPA2) {
		top = 49;
		s2->high_mask = AM_MASK(9, 8);
		s2->high_shift = 50 - 8;
	} else if (c->granule == 16 && c->oa_bits == 52) {
		s2->high_mask = AM_MASK(15, 12);
		s2->high_shift = 48 - 12;
	}
	s2->address_mask = AM_MASK(top, c->granule);
}

static void set_levels(struct am_s2 *s2)
{
	const struct am_s2_config *c = &s2->config;
	unsigned levels, bits;

	s2->stride = c->granule - 3;
	levels = (c->ipa_bits - 8u) / s2->stride;
	if (levels < 2)
		levels = 2;
	s2->start_level = (int8_t)(S2_LAST_LEVEL + 1 - (int)levels);
	s2->start_log2 = (uint8_t)s2_log2(s2, s2->start_level);
	bits = c->ipa_bits - s2->start_log2;
	s2->root_tables = bits > s2->stride ? (uint8_t)(1u << (bits - s2->stride)) : 1;

	s2->layout_level = (int8_t)block_level(c);
	s2->block_level = s2->layout_level;
	while (c->max_block && s2_log2(s2, s2->block_level) > c->max_block)
		s2->block_level++;
}

bool s2_range_ok(const struct am_s2 *s2, uint64_t ipa, uint64_t size)
{
	uint64_t end = AM_BIT(s2->config.ipa_bits);

	return size && am_aligned(ipa | size, AM_BIT(s2->config.granule)) && ipa < end &&
	       size <= end - ipa;
}

/* ---- Tables ---- */

void s2_table_free(struct am_s2 *s2, uint64_t pa, unsigned nr)
{
	s2->nr_tables -= nr;
	s2->ops->table_free(s2->opaque, pa, (size_t)nr << s2->config.granule);
}

bool s2_table_new(struct am_s2 *s2, unsigned nr, uint64_t *pa)
{
	size_t size = (size_t)nr << s2->config.granule;

	if (!s2->ops->table_alloc(s2->opaque, size, pa))
		return false;
	s2->nr_tables += nr;
	if (am_aligned(*pa, size) && !(*pa >> s2->config.oa_bits))
		return true;
	s2_table_free(s2, *pa, nr); /* nothing that a descriptor could point to */
	return false;
}

void s2_retire(struct am_s2 *s2, uint64_t desc, int level)
{
	uint64_t pa = s2_table_pa(s2, desc);
	uint64_t *table = s2_at(s2, pa);

	for (unsigned n = 0; level + 1 < S2_LAST_LEVEL && n < 1u << s2->stride; n++) {
		uint64_t d = s2_load(&table[n]);

		if (s2_is_table(d, level + 1))
			s2_retire(s2, d, level + 1);
	}
	s2_store(table, s2->retired);
	s2->retired = pa | CHAINED;
}

void am_s2_reap(struct am_s2 *s2)
{
	while (s2->retired) {
		uint64_t pa = s2->retired & ~CHAINED;

		s2->retired = s2_load(s2_at(s2, pa));
		s2_table_free(s2, pa, 1);
	}
}

int am_s2_init(struct am_s2 *s2, const struct am_s2_config *config, const struct am_s2_ops *ops,
	       void *opaque)
{
	memset(s2, 0, sizeof(*s2));
	if (!config_ok(config))
		return -EINVAL;
	s2->ops = ops;
	s2->opaque = opaque;
	s2->config = *config;
	/* Without a 52-bit layout only 48 bits can be said. */
	if (config->granule != 16 && !(config->flags & AM_S2_LPA2) && config->oa_bits > 48)
		s2->config.oa_bits = 48;
	if (config->ipa_bits > s2->config.oa_bits)
		return -EINVAL;
	set_layout(s2);
	set_levels(s2);
	if (!s2_table_new(s2, s2->root_tables, &s2->root))
		return -ENOMEM;
	s2->root_at = s2_at(s2, s2->root);
	return 0;
}

void am_s2_finish(struct am_s2 *s2)
{
	if (!s2->root_at)
		return;
	for (uint64_t n = 0; n < AM_BIT(s2->config.ipa_bits - s2->start_log2); n++) {
		uint64_t d = s2_load(&s2->root_at[n]);

		if (s2_is_table(d, s2->start_level))
			s2_retire(s2, d, s2->start_level);
	}
	am_s2_reap(s2);
	s2_table_free(s2, s2->root, s2->root_tables);
	s2->root_at = NULL;
}

/* ---- Registers ---- */

uint64_t am_s2_vtcr(const struct am_s2 *s2)
{
	const struct am_s2_config *c = &s2->config;
	/* SL0 counts down from the level that 0 stands for (Table D8-19); SL2 would say level -1.
	 */
	unsigned sl0 = (unsigned)((c->granule == 12 ? 2 : 3) - s2->start_level);
	unsigned tg0 = c->granule == 12 ? 0 : c->granule == 14 ? 2 : 1;
	uint64_t v = AM_BIT(31); /* RES1 */

	v |= 64u - c->ipa_bits;			   /* T0SZ */
	v |= sl0 << 6;				   /* SL0 */
	v |= 1u << 8 | 1u << 10 | 3u << 12;	   /* IRGN0, ORGN0, SH0 */
	v |= tg0 << 14;				   /* TG0 */
	v |= (unsigned)pa_range(c->oa_bits) << 16; /* PS */
	if (c->flags & AM_S2_VMID16)
		v |= AM_BIT(19); /* VS */
	if (c->flags & AM_S2_HA)
		v |= AM_BIT(21); /* HA */
	if (c->flags & AM_S2_LPA2)
		v |= AM_BIT(32); /* DS */
	return v;
}

uint64_t am_s2_vttbr(const struct am_s2 *s2, uint16_t vmid)
{
	uint64_t id = s2->config.flags & AM_S2_VMID16 ? vmid : vmid & 0xff;

	/* Bits 51:48 of the address are in bits 5:2 (Table D8-10). */
	return id << 48 | (s2->root & AM_MASK(47, s2->config.granule)) |
	       ((s2->root >> 48) & 15) << 2;
}
