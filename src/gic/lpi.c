/* SPDX-License-Identifier: MIT */
/*
 * LPIs: mapping, configuration, pending tables; see lpi.h. An LPI's target is its route, a vCPU
 * number or GIC_LIMBO; it lives there, but for a moment when a list register holds it (lr.c).
 */
#include "base/cstring.h"
#include "gic/hot.h"

static uint64_t config_address(const struct am_gic *gic)
{
	return atomic_load(&gic->propbaser) & AM_MASK(51, 12);
}

static bool lpi_read(struct gic_lpis *lpis, uint64_t ipa, void *buf, size_t len)
{
	return lpis->ops.read(lpis->opaque, ipa, buf, len);
}

int gic_lpis_create(struct am_gic *gic, const struct am_its_ops *ops, void *opaque)
{
	struct gic_lpis *lpis;
	int err = 0;

	am_lock(&gic->lock);
	if (!gic_lpis_get(gic)) {
		lpis = gic->config.ops.alloc(gic->config.opaque, sizeof(*lpis));
		if (lpis) {
			memset(lpis, 0, sizeof(*lpis));
			am_lock_init(&lpis->lock);
			lpis->ops = *ops;
			lpis->opaque = opaque;
			atomic_store_explicit(&gic->lpis, lpis, memory_order_release);
		} else {
			err = -ENOMEM;
		}
	}
	am_unlock(&gic->lock);
	return err;
}

void gic_lpis_destroy(struct am_gic *gic)
{
	struct gic_lpis *lpis = gic_lpis_get(gic);

	if (!lpis)
		return;
	for (unsigned i = 0; i < AM_ITS_MAX; i++)
		am_its_destroy(atomic_load_explicit(&lpis->its[i], memory_order_relaxed));
	for (unsigned i = 0; i < GIC_NR_LPI_CHUNKS; i++) {
		struct gic_lpi_chunk *c =
		    atomic_load_explicit(&lpis->chunk[i], memory_order_relaxed);

		if (c)
			gic->config.ops.free(gic->config.opaque, c, sizeof(*c));
	}
	gic->config.ops.free(gic->config.opaque, lpis, sizeof(*lpis));
	atomic_store_explicit(&gic->lpis, NULL, memory_order_relaxed);
}

/* ---- mapping ---- */

static struct gic_lpi_chunk *chunk_of(struct gic_lpis *lpis, unsigned intid)
{
	return gic_lpi_chunk_get(lpis, (intid - GIC_FIRST_LPI) / GIC_LPI_CHUNK);
}

/* [lpis->lock] */
static struct gic_lpi_chunk *chunk_make(struct am_gic *gic, struct gic_lpis *lpis, unsigned i)
{
	struct gic_lpi_chunk *c = atomic_load_explicit(&lpis->chunk[i], memory_order_relaxed);

	if (am_likely(c))
		return c;
	c = gic->config.ops.alloc(gic->config.opaque, sizeof(*c));
	if (!c)
		return NULL;
	memset(c, 0, sizeof(*c));
	for (unsigned b = 0; b < AM_ARRAY_SIZE(c->block); b++) {
		gic_block_init(gic, &c->block[b], GIC_FIRST_LPI + i * GIC_LPI_CHUNK + b * 32,
			       GIC_LIMBO);
		for (unsigned n = 0; n < 32; n++) {
			atomic_init(&c->block[b].flags[n], 0);
			atomic_init(&c->block[b].irq[n].route, GIC_LIMBO);
		}
	}
	atomic_store_explicit(&lpis->chunk[i], c, memory_order_release);
	return c;
}

/* Priority and enable, from a byte of the configuration table. The lock is held. */
static void lpi_configure(struct gic_cpu *cpu, struct gic_irq *irq, unsigned byte, unsigned set,
			  unsigned clear)
{
	atomic_store_explicit(&gic_irq_block(irq)->priority[irq->intid % 32],
			      (uint8_t)(byte & 0xfc), memory_order_relaxed);
	gic_irq_change(cpu, irq, set | (byte & 1 ? GIC_ENABLED : 0),
		       clear | (byte & 1 ? 0 : GIC_ENABLED));
}

/* An LPI that is not latched is in no queue: it can be put anywhere. [lpis->lock] */
static void lpi_place(struct am_gic *gic, struct gic_irq *irq, struct gic_cpu *to)
{
	struct gic_cpu *from;

	atomic_store_explicit(&irq->route, to->id, memory_order_relaxed);
	if (gic_irq_lives_at(irq, to))
		return;
	from = gic_irq_lock(gic, irq);
	irq->moving = 0;
	atomic_store_explicit(&irq->home, to->id, memory_order_release);
	am_unlock(&from->lock);
}

/* An LPI's byte of the configuration table and the one that has its bit of the pending table. */
static int lpi_bytes(struct am_gic *gic, uint32_t intid, const struct gic_cpu *to, uint8_t *config,
		     uint8_t *pending)
{
	struct gic_lpis *lpis = gic_lpis_get(gic);

	*pending = 0;
	if (!lpi_read(lpis, config_address(gic) + intid - GIC_FIRST_LPI, config, 1))
		return -EFAULT;
	return to && !lpi_read(lpis, gic_pending_address(to) + intid / 8, pending, 1) ? -EFAULT : 0;
}

int gic_lpi_check_far(struct am_gic *gic, uint32_t intid, const struct gic_cpu *to)
{
	uint8_t config, pending;

	return lpi_bytes(gic, intid, to, &config, &pending);
}

/* Makes a new LPI what guest memory says. [lpis->lock] */
static int lpi_begin(struct am_gic *gic, struct gic_lpis *lpis, struct gic_irq *irq,
		     struct gic_cpu *to)
{
	unsigned set = GIC_GROUP1 | GIC_EDGE;
	uint8_t config, pending, bit = (uint8_t)(1u << irq->intid % 8);
	int err = lpi_bytes(gic, irq->intid, to, &config, &pending);

	if (err)
		return err;
	if (to) {
		if (pending & bit) {
			uint64_t at = gic_pending_address(to) + irq->intid / 8;

			set |= GIC_LATCH;
			pending ^= bit;
			if (!lpis->ops.write(lpis->opaque, at, &pending, 1))
				return -EFAULT;
		}
	} else {
		to = &gic->limbo;
	}
	lpi_place(gic, irq, to);
	am_lock(&to->lock);
	lpi_configure(to, irq, config, set, 0xff);
	gic_cpu_update(to);
	am_unlock(&to->lock);
	return 0;
}

int gic_lpi_map(struct am_gic *gic, unsigned intid, struct gic_cpu *to)
{
	struct gic_lpis *lpis = gic_lpis_get(gic);
	unsigned n = intid - GIC_FIRST_LPI, i = n % GIC_LPI_CHUNK;
	struct gic_lpi_chunk *c;
	int err = -ENOMEM;

	am_lock(&lpis->lock);
	c = chunk_make(gic, lpis, n / GIC_LPI_CHUNK);
	if (c && c->refs[i] != GIC_LPI_MAX_REFS) {
		err = 0;
		if (!gic_lpi_exists(c, i))
			err = lpi_begin(gic, lpis, &c->block[i / 32].irq[i % 32], to);
		if (!err)
			c->refs[i]++;
	}
	am_unlock(&lpis->lock);
	return err;
}

/* The last event has gone. KVM's queues are empty while the distributor is off. */
static void lpi_end(struct am_gic *gic, struct gic_irq *irq)
{
	struct gic_cpu *cpu = gic_irq_lock(gic, irq);

	if (cpu == &gic->limbo || !gic_lpi_waits(gic_irq_flags(irq)) ||
	    !atomic_load_explicit(&gic->enabled, memory_order_relaxed)) {
		gic_irq_change(cpu, irq, 0, 0xff);
		gic_cpu_update(cpu);
	}
	am_unlock(&cpu->lock);
}

void gic_lpi_unmap(struct am_gic *gic, unsigned intid)
{
	struct gic_lpis *lpis = gic_lpis_get(gic);
	unsigned i = intid % GIC_LPI_CHUNK;
	struct gic_lpi_chunk *c;

	if (intid < GIC_FIRST_LPI)
		return;
	c = chunk_of(lpis, intid);
	am_lock(&lpis->lock);
	if (!--c->refs[i])
		lpi_end(gic, &c->block[i / 32].irq[i % 32]);
	am_unlock(&lpis->lock);
}

/* ---- one LPI ---- */

void gic_lpi_move(struct am_gic *gic, unsigned intid, struct gic_cpu *to)
{
	struct gic_lpis *lpis = gic_lpis_get(gic);
	struct gic_irq *irq = gic_lpi_irq(gic, intid);

	/* Often it is there: other events of a collection that moves map it as well. */
	if (!irq || gic_lpi_target(irq) == to->id)
		return;
	am_lock(&lpis->lock);
	if (gic_lpi_target(irq) != to->id)
		gic_irq_move(gic, irq, to, to->id);
	am_unlock(&lpis->lock);
}

void gic_lpi_clear(struct am_gic *gic, unsigned intid)
{
	struct gic_irq *irq = gic_lpi_irq(gic, intid);

	if (irq)
		gic_irq_update(gic, irq, 0, GIC_LATCH);
}

/* An LPI without events that waits no more is gone. The lock is held. [lpis->lock] */
static void lpi_forget(struct gic_cpu *cpu, const struct gic_lpi_chunk *c, struct gic_irq *irq)
{
	if (!c->refs[irq->intid % GIC_LPI_CHUNK] && !gic_lpi_waits(gic_irq_flags(irq)))
		gic_irq_change(cpu, irq, 0, 0xff);
}

void gic_lpi_invalidate(struct am_gic *gic, unsigned intid)
{
	struct gic_lpis *lpis = gic_lpis_get(gic);
	struct gic_irq *irq = gic_lpi_irq(gic, intid);
	struct gic_cpu *cpu;
	uint8_t config;

	if (!irq)
		return;
	am_lock(&lpis->lock);
	if (lpi_read(lpis, config_address(gic) + intid - GIC_FIRST_LPI, &config, 1)) {
		cpu = gic_irq_lock(gic, irq);
		if (gic_irq_flags(irq) & GIC_GROUP1)
			lpi_configure(cpu, irq, config, 0, 0);
		lpi_forget(cpu, chunk_of(lpis, intid), irq);
		gic_cpu_update(cpu);
		am_unlock(&cpu->lock);
	}
	am_unlock(&lpis->lock);
}

/* ---- all LPIs of a vCPU ---- */

/* What to do with each, and the tables' bytes for the chunk that is being looked at. */
struct walk {
	void (*each)(struct gic_cpu *home, struct gic_irq *irq, const struct walk *w, unsigned i);
	uint8_t bytes[GIC_LPI_CHUNK];
};

/*
 * A table's part for a chunk: as much as can be read from its beginning; false if that is not all,
 * and then *@n says of how many LPIs it is.
 */
static bool table_read(struct gic_lpis *lpis, uint64_t ipa, struct walk *w, unsigned len,
		       unsigned *n)
{
	unsigned got = 0;

	*n = GIC_LPI_CHUNK;
	if (lpi_read(lpis, ipa, w->bytes, len))
		return true;
	while (got < len && lpi_read(lpis, ipa + got, &w->bytes[got], 1))
		got++;
	*n = GIC_LPI_CHUNK / len * got;
	return got == len;
}

/* The lock is kept from one LPI to the next while they live at the same vCPU. [lpis->lock] */
static void chunk_walk(struct am_gic *gic, struct gic_lpi_chunk *c, unsigned target,
		       const struct walk *w, unsigned n)
{
	struct gic_cpu *held = NULL;

	for (unsigned i = 0; i < n; i++) {
		struct gic_irq *irq = &c->block[i / 32].irq[i % 32];

		if (!gic_lpi_exists(c, i) || gic_lpi_target(irq) != target)
			continue;
		if (!held || !gic_irq_lives_at(irq, held)) {
			if (held) {
				gic_cpu_update(held);
				am_unlock(&held->lock);
			}
			held = gic_irq_lock(gic, irq);
		}
		w->each(held, irq, w, i);
		lpi_forget(held, c, irq);
	}
	if (held) {
		gic_cpu_update(held);
		am_unlock(&held->lock);
	}
}

static void each_configure(struct gic_cpu *home, struct gic_irq *irq, const struct walk *w,
			   unsigned i)
{
	lpi_configure(home, irq, w->bytes[i], 0, 0);
}

static void each_latch(struct gic_cpu *home, struct gic_irq *irq, const struct walk *w, unsigned i)
{
	bool latch = w->bytes[i / 8] >> i % 8 & 1;

	gic_irq_change(home, irq, latch ? GIC_LATCH : 0, latch ? 0 : GIC_LATCH);
}

static void each_unlatch(struct gic_cpu *home, struct gic_irq *irq, const struct walk *w,
			 unsigned i)
{
	gic_irq_change(home, irq, 0, GIC_LATCH);
}

unsigned gic_lpi_invalidate_all(struct am_gic *gic, struct gic_cpu *cpu)
{
	struct walk w = {.each = each_configure};
	struct gic_lpis *lpis = gic_lpis_get(gic);
	unsigned n, work = GIC_NR_LPI_CHUNKS;

	for (unsigned i = 0; i < GIC_NR_LPI_CHUNKS; i++) {
		struct gic_lpi_chunk *c = gic_lpi_chunk_get(lpis, i);
		uint64_t at = config_address(gic) + i * GIC_LPI_CHUNK;

		if (!c)
			continue;
		am_lock(&lpis->lock);
		table_read(lpis, at, &w, GIC_LPI_CHUNK, &n);
		chunk_walk(gic, c, cpu->id, &w, n);
		am_unlock(&lpis->lock);
		work += GIC_LPI_CHUNK * 8;
	}
	return work;
}

unsigned gic_lpi_move_all(struct am_gic *gic, struct gic_cpu *from, struct gic_cpu *to)
{
	struct gic_lpis *lpis = gic_lpis_get(gic);
	unsigned work = GIC_NR_LPI_CHUNKS;

	for (unsigned n = 0; n < GIC_NR_LPI_CHUNKS; n++) {
		struct gic_lpi_chunk *c = gic_lpi_chunk_get(lpis, n);

		if (!c)
			continue;
		am_lock(&lpis->lock);
		for (unsigned i = 0; i < GIC_LPI_CHUNK; i++) {
			struct gic_irq *irq = &c->block[i / 32].irq[i % 32];

			if (!gic_lpi_exists(c, i) || gic_lpi_target(irq) != from->id)
				continue;
			gic_irq_move(gic, irq, to, to->id);
			work += 64;
		}
		am_unlock(&lpis->lock);
		work += GIC_LPI_CHUNK * 2;
	}
	return work;
}

/* Every LPI of the vCPU is pending or not as its pending table says, up to what cannot be read. */
static void lpi_load_pending(struct gic_lpis *lpis, struct gic_cpu *cpu)
{
	struct walk w = {.each = each_latch};
	bool all = true;
	unsigned n;

	for (unsigned i = 0; i < GIC_NR_LPI_CHUNKS && all; i++) {
		struct gic_lpi_chunk *c = gic_lpi_chunk_get(lpis, i);
		uint64_t at = gic_pending_address(cpu) + (GIC_FIRST_LPI + i * GIC_LPI_CHUNK) / 8;

		if (!c)
			continue;
		all = table_read(lpis, at, &w, GIC_LPI_CHUNK / 8, &n);
		chunk_walk(cpu->gic, c, cpu->id, &w, n);
	}
}

static void lpi_drop_pending(struct gic_lpis *lpis, struct gic_cpu *cpu)
{
	struct walk w = {.each = each_unlatch};

	for (unsigned i = 0; i < GIC_NR_LPI_CHUNKS; i++)
		if (gic_lpi_chunk_get(lpis, i))
			chunk_walk(cpu->gic, gic_lpi_chunk_get(lpis, i), cpu->id, &w,
				   GIC_LPI_CHUNK);
}

void gic_lpi_enable(struct gic_cpu *cpu, bool enable)
{
	struct gic_lpis *lpis = gic_lpis_get(cpu->gic);

	if (!lpis)
		return;
	am_lock(&lpis->lock);
	if (atomic_load_explicit(&cpu->lpis, memory_order_relaxed) != enable) {
		atomic_store_explicit(&cpu->lpis, enable, memory_order_release);
		if (!enable) {
			atomic_store_explicit(&cpu->lpis_busy, true, memory_order_relaxed);
			lpi_drop_pending(lpis, cpu);
			its_forget_all(cpu->gic);
			atomic_store_explicit(&cpu->lpis_busy, false, memory_order_release);
		} else if (!(atomic_load(&cpu->pendbaser) & GIC_PENDBASER_PTZ)) {
			lpi_load_pending(lpis, cpu);
		}
	}
	am_unlock(&lpis->lock);
	AM_TRACE(its_enable_lpis, cpu->id, enable);
}
