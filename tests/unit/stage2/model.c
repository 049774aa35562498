/* SPDX-License-Identifier: MIT */
#include "model.h"

#include <stdlib.h>
#include <string.h>

/* The sizes that descriptors have, from facts: granule, what 52-bit layouts add, start level. */
static unsigned sizes_of(const struct am_s2_config *c, unsigned start_log2, unsigned *size)
{
	bool more = c->granule == 16 ? c->oa_bits == 52 : c->flags & AM_S2_LPA2;
	unsigned nr = 0, most = (c->granule == 12 ? 3 : 2) + more;

	for (unsigned n = 0; n < most; n++) {
		unsigned log2 = c->granule + n * (c->granule - 3);

		if (log2 <= start_log2)
			size[nr++] = log2;
	}
	return nr;
}

static unsigned start_log2(const struct am_s2_config *c)
{
	unsigned levels = (c->ipa_bits - 8u) / (c->granule - 3u);

	return c->granule + (levels < 2 ? 1 : levels - 1) * (c->granule - 3u);
}

static bool add_window(struct model *m, uint64_t base, unsigned ipa_bits)
{
	uint64_t len = (uint64_t)m->per_window << m->unit;

	base = base >> m->unit << m->unit;
	if (base + len > 1ull << ipa_bits)
		return false;
	for (unsigned n = 0; n < m->nr_windows; n++) {
		if (base < m->base[n] + len && m->base[n] < base + len)
			return false;
	}
	m->base[m->nr_windows++] = base;
	return true;
}

bool model_init(struct model *m, const struct am_s2_config *c, unsigned unit)
{
	unsigned all[MODEL_SIZES], nr, stride = c->granule - 3;
	uint64_t end = 1ull << c->ipa_bits, len, edge;

	memset(m, 0, sizeof(*m));
	m->granule = c->granule;
	m->start_log2 = start_log2(c);
	nr = sizes_of(c, m->start_log2, all);
	for (unsigned n = 0; n < nr; n++) {
		if (all[n] < unit)
			continue;
		m->size[m->nr_sizes++] = all[n];
		if (!c->max_block || all[n] <= c->max_block)
			m->largest = all[n];
	}
	if (!m->nr_sizes || m->size[0] != unit || !m->largest)
		return false;
	m->unit = unit;
	m->per_window = c->granule == 12 ? 4u << stride : 2u << stride;
	while (m->per_window > 16 && (uint64_t)m->per_window << unit > end / 4)
		m->per_window /= 2;
	len = (uint64_t)m->per_window << unit;
	if (len > end / 4)
		return false;
	add_window(m, 0, c->ipa_bits);
	/* Over the end of a table of the first level, where there are several, or of an entry. */
	edge = 1ull << m->start_log2;
	if (edge << stride < end)
		edge <<= stride;
	while (edge < len)
		edge <<= 1;
	add_window(m, edge - len / 2 + (3ull << unit), c->ipa_bits);
	add_window(m, end - len, c->ipa_bits);
	m->u = calloc((size_t)m->nr_windows * m->per_window, sizeof(*m->u));
	return m->u;
}

void model_finish(struct model *m)
{
	free(m->u);
}

uint64_t model_ipa(const struct model *m, unsigned n)
{
	return m->base[n / m->per_window] + ((uint64_t)(n % m->per_window) << m->unit);
}

/* The units [*lo, *hi) of the naturally aligned block of that size around @n; not all need be in
 * the window. True if they are. */
static bool around(const struct model *m, unsigned n, unsigned log2, unsigned *lo, unsigned *hi)
{
	uint64_t ipa = model_ipa(m, n), start = ipa >> log2 << log2;
	unsigned first = n / m->per_window * m->per_window, last = first + m->per_window;
	uint64_t before = (ipa - start) >> m->unit;
	uint64_t nr = 1ull << (log2 - m->unit);

	*lo = before > n - first ? first : n - (unsigned)before;
	*hi = nr - before > last - n ? last : n + (unsigned)(nr - before);
	return before <= n - first && nr - before <= last - n;
}

static unsigned smaller(const struct model *m, unsigned log2)
{
	unsigned n = 1;

	while (m->size[n] != log2)
		n++;
	return m->size[n - 1];
}

/* The block around @n becomes blocks of the next smaller size. */
static void cut(struct model *m, unsigned n)
{
	unsigned lo, hi, log2 = m->u[n].log2;

	around(m, n, log2, &lo, &hi);
	for (unsigned k = lo; k < hi; k++)
		m->u[k].log2 = (uint8_t)smaller(m, log2);
}

/* No block lies on both sides of the start of unit @n. */
static void cut_before(struct model *m, unsigned n)
{
	unsigned lo, hi;

	if (n % m->per_window == 0)
		return;
	while (m->u[n].mapped) {
		around(m, n, m->u[n].log2, &lo, &hi);
		if (lo == n)
			return;
		cut(m, n);
	}
}

void model_map(struct model *m, unsigned from, unsigned to, uint64_t oa, unsigned prot,
	       unsigned memory)
{
	unsigned lo, hi, n = from, k;

	while (n < to) {
		uint64_t want = oa + ((uint64_t)(n - from) << m->unit);
		unsigned log2 = m->unit;
		struct unit *u = &m->u[n];

		for (k = 0; k < m->nr_sizes && m->size[k] <= m->largest; k++) {
			if (around(m, n, m->size[k], &lo, &hi) && lo == n && hi <= to &&
			    !(want & ((1ull << m->size[k]) - 1)))
				log2 = m->size[k];
		}
		if (u->mapped && u->log2 >= log2 && u->oa == want && u->prot == prot &&
		    u->memory == memory) {
			around(m, n, u->log2, &lo, &hi);
			for (k = lo; k < hi; k++)
				m->u[k].young = true;
			n = hi < to ? hi : to;
			continue;
		}
		k = n + (1u << (log2 - m->unit));
		cut_before(m, n);
		cut_before(m, k);
		for (; n < k; n++) {
			m->u[n] = (struct unit){
			    .oa = oa + ((uint64_t)(n - from) << m->unit),
			    .mapped = true,
			    .prot = (uint8_t)prot,
			    .memory = (uint8_t)memory,
			    .young = true,
			    .log2 = (uint8_t)log2,
			};
		}
	}
}

void model_unmap(struct model *m, unsigned from, unsigned to)
{
	cut_before(m, from);
	cut_before(m, to);
	memset(&m->u[from], 0, (to - from) * sizeof(*m->u));
}

static unsigned new_prot(const struct unit *u, unsigned clear, unsigned set)
{
	unsigned prot = (u->prot & ~clear) | set;

	if (u->memory >= AM_S2_DEVICE_nGnRnE && u->memory <= AM_S2_DEVICE_GRE)
		prot &= ~(unsigned)AM_S2_X;
	return prot;
}

bool model_protect(struct model *m, unsigned from, unsigned to, unsigned clear, unsigned set)
{
	bool went = false;

	if (m->u[from].mapped && new_prot(&m->u[from], clear, set) != m->u[from].prot)
		cut_before(m, from);
	if (m->u[to - 1].mapped && new_prot(&m->u[to - 1], clear, set) != m->u[to - 1].prot)
		cut_before(m, to);
	for (unsigned n = from; n < to; n++) {
		unsigned prot = new_prot(&m->u[n], clear, set);

		if (!m->u[n].mapped)
			continue;
		went |= (m->u[n].prot & ~prot) != 0;
		m->u[n].prot = (uint8_t)prot;
	}
	return went;
}

static void set_young(struct model *m, unsigned n, bool young)
{
	unsigned lo, hi;

	around(m, n, m->u[n].log2, &lo, &hi);
	while (lo < hi)
		m->u[lo++].young = young;
}

bool model_age(struct model *m, unsigned from, unsigned to)
{
	bool young = false;

	for (unsigned n = from; n < to; n++) {
		if (m->u[n].mapped && m->u[n].young) {
			young = true;
			set_young(m, n, false);
		}
	}
	return young;
}

bool model_mkyoung(struct model *m, unsigned n)
{
	if (m->u[n].mapped)
		set_young(m, n, true);
	return m->u[n].mapped;
}

void model_split(struct model *m, unsigned from, unsigned to, unsigned log2)
{
	for (unsigned n = from; n < to; n++) {
		while (m->u[n].mapped && m->u[n].log2 > log2)
			cut(m, n);
	}
}

static void join(struct model *m, unsigned lo, unsigned hi, unsigned from, unsigned to)
{
	const struct unit *u = &m->u[lo];
	bool young = false;

	if (!u->mapped || (u->oa & ((1ull << to) - 1)))
		return;
	for (unsigned n = lo; n < hi; n++) {
		const struct unit *v = &m->u[n];

		if (!v->mapped || v->log2 != from || v->prot != u->prot || v->memory != u->memory ||
		    v->oa != u->oa + ((uint64_t)(n - lo) << m->unit))
			return;
		young |= v->young;
	}
	for (unsigned n = lo; n < hi; n++) {
		m->u[n].log2 = (uint8_t)to;
		m->u[n].young = young;
	}
}

void model_collapse(struct model *m, unsigned from, unsigned to)
{
	unsigned lo, hi;

	for (unsigned k = 1; k < m->nr_sizes && m->size[k] <= m->largest; k++) {
		for (unsigned n = from; n < to; n = hi) {
			if (around(m, n, m->size[k], &lo, &hi))
				join(m, lo, hi, m->size[k - 1], m->size[k]);
		}
	}
}

unsigned model_tables(const struct model *m)
{
	unsigned stride = m->granule - 3, nr = 0;

	/* A table with entries of 1 << log2 is there if something of that size or less is in it. */
	for (unsigned log2 = m->granule; log2 < m->start_log2; log2 += stride) {
		uint64_t last = UINT64_MAX;

		for (unsigned n = 0; n < m->nr_windows * m->per_window; n++) {
			uint64_t table = model_ipa(m, n) >> (log2 + stride);

			if (m->u[n].mapped && m->u[n].log2 <= log2 && table != last) {
				last = table;
				nr++;
			}
		}
	}
	return nr;
}
