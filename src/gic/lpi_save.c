/* SPDX-License-Identifier: MIT */
/*
 * Writing the latches of LPIs into the pending tables of their targets. LPIs of one vCPU are spread
 * among those of others, and a table is memory of the guest's, which is dear to ask for: so some
 * hundred LPIs are sorted by target first, and then a part of each table is read and written once.
 */
#include "base/cstring.h"
#include "gic/hot.h"

enum {
	SAVE_SLOTS = 32,
	SAVE_CHUNKS = 4, /* at once */
	SAVE_BYTES = SAVE_CHUNKS * GIC_LPI_CHUNK / 8,
	SAVE_WORDS = SAVE_BYTES / 4,
};

/*
 * The part of all pending tables for some LPIs, by words of 32: which are latched, and which of
 * them each of some targets has.
 */
struct save {
	unsigned used;
	uint8_t slot_of[AM_GIC_MAX_VCPUS]; /* plus 1; 0: none */
	uint16_t target[SAVE_SLOTS];
	uint32_t latched[SAVE_WORDS];
	uint32_t mapped[SAVE_SLOTS][SAVE_WORDS];
};

/* A word of a table: byte n has the bits from 8n on. */
static uint32_t save_le32(uint32_t v)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap32(v);
#endif
	return v;
}

/* Words that change are written, and nothing is if the guest has put its table where none can be.
 */
static void slot_write(struct gic_lpis *lpis, const struct gic_cpu *cpu, unsigned chunk,
		       const uint32_t *mapped, const uint32_t *latched)
{
	uint64_t at = gic_pending_address(cpu) + (GIC_FIRST_LPI + chunk * GIC_LPI_CHUNK) / 8;
	uint32_t then[SAVE_WORDS], now[SAVE_WORDS];
	unsigned first = 0, end = SAVE_WORDS;

	if (!lpis->ops.read(lpis->opaque, at, then, SAVE_BYTES)) {
		AM_TRACE(its_save_skip, "pending table", cpu->id, (unsigned long long)at);
		return;
	}
	for (unsigned i = 0; i < SAVE_WORDS; i++)
		now[i] = (then[i] & ~save_le32(mapped[i])) | save_le32(mapped[i] & latched[i]);
	if (!memcmp(now, then, SAVE_BYTES))
		return;
	while (now[first] == then[first])
		first++;
	while (now[end - 1] == then[end - 1])
		end--;
	if (!lpis->ops.write(lpis->opaque, at + 4 * first, now + first, 4 * (end - first)))
		AM_TRACE(its_save_skip, "pending table", cpu->id, (unsigned long long)at);
}

static void save_flush(struct am_gic *gic, struct gic_lpis *lpis, struct save *s, unsigned chunk)
{
	for (unsigned i = 0; i < s->used; i++) {
		slot_write(lpis, gic->cpus[s->target[i]], chunk, s->mapped[i], s->latched);
		s->slot_of[s->target[i]] = 0;
	}
	s->used = 0;
}

/* @first is the first chunk of those that are saved together. */
static unsigned save_slot(struct am_gic *gic, struct gic_lpis *lpis, struct save *s, unsigned first,
			  unsigned target)
{
	if (s->used == SAVE_SLOTS)
		save_flush(gic, lpis, s, first);
	s->target[s->used] = (uint16_t)target;
	memset(s->mapped[s->used], 0, SAVE_BYTES);
	s->slot_of[target] = (uint8_t)(s->used + 1);
	return s->used++;
}

static void save_chunk(struct am_gic *gic, struct gic_lpis *lpis, struct save *s, unsigned chunk)
{
	struct gic_lpi_chunk *c = gic_lpi_chunk_get(lpis, chunk);
	unsigned first = chunk / SAVE_CHUNKS * SAVE_CHUNKS;
	unsigned word = (chunk - first) * (GIC_LPI_CHUNK / 32);

	for (unsigned i = 0; c && i < GIC_LPI_CHUNK; i++) {
		const struct gic_block *block = &c->block[i / 32];
		unsigned target = gic_lpi_target(&block->irq[i % 32]), slot;

		if (i % 32 == 0)
			s->latched[word + i / 32] = gic_block_read(block, GIC_LATCH);
		if (!gic_lpi_exists(c, i) || target >= AM_GIC_MAX_VCPUS)
			continue;
		slot = s->slot_of[target];
		slot = am_likely(slot) ? slot - 1 : save_slot(gic, lpis, s, first, target);
		s->mapped[slot][word + i / 32] |= UINT32_C(1) << i % 32;
	}
}

int gic_lpi_save_pending(struct am_gic *gic)
{
	struct gic_lpis *lpis = gic_lpis_get(gic);
	struct save s;

	if (!lpis)
		return 0;
	s.used = 0;
	memset(s.slot_of, 0, sizeof(s.slot_of));
	memset(s.latched, 0, sizeof(s.latched));
	am_lock(&lpis->lock);
	for (unsigned i = 0; i < GIC_NR_LPI_CHUNKS; i++) {
		save_chunk(gic, lpis, &s, i);
		if (i % SAVE_CHUNKS == SAVE_CHUNKS - 1)
			save_flush(gic, lpis, &s, i - i % SAVE_CHUNKS);
	}
	am_unlock(&lpis->lock);
	return 0;
}
