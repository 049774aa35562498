/* SPDX-License-Identifier: MIT */
/*
 * Split virtqueues, from the device's side (VIRTIO 1.2, 2.7).
 *
 * The driver may be wrong or hostile, and its other CPUs may change everything at any time. So each
 * field is read once, checked, and then used from here; a chain has a bounded number of
 * descriptors; and every address goes through dma_map(). What breaks the rules breaks the device,
 * until its driver resets it (2.1.2).
 */
#include "vmm/virtio_device.h"

#include <endian.h>
#include <string.h>

/* Descriptor flags, 2.7.5. */
enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };

#define DESC_SIZE    16u
#define NO_NOTIFY    1u /* used ring's flags, 2.7.10 */
#define NO_INTERRUPT 1u /* available ring's flags, 2.7.7 */

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};
_Static_assert(sizeof(struct desc) == DESC_SIZE, "a descriptor is 16 bytes");

/* A table of descriptors: the queue's, or an indirect one. */
struct table {
	const uint8_t *at;
	uint32_t count;
	bool indirect;
};

/* ---- Rings ---- */

/*
 * Both rings: flags, index, entries, and the other side's event index. The queue's alignments make
 * these accesses aligned.
 */
#define RING_FLAGS	0u
#define RING_INDEX	2u
#define RING_ENTRIES	4u
#define AVAIL_ENTRY	2u
#define USED_ENTRY	8u
#define AVAIL_SIZE(num) (RING_ENTRIES + AVAIL_ENTRY * (num) + 2u)
#define USED_SIZE(num)	(RING_ENTRIES + USED_ENTRY * (num) + 2u)

static uint16_t load16(const uint8_t *p, int order)
{
	return le16toh(__atomic_load_n((const uint16_t *)(const void *)p, order));
}

static void store16(uint8_t *p, uint16_t v, int order)
{
	__atomic_store_n((uint16_t *)(void *)p, htole16(v), order);
}

static void store32(uint8_t *p, uint32_t v)
{
	__atomic_store_n((uint32_t *)(void *)p, htole32(v), __ATOMIC_RELAXED);
}

/* A store before it and a load behind it stay in order, for the event indices: 2.7.7.2, 2.7.10. */
static void full_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static bool event_idx(const struct virtq *q)
{
	return q->d->accepted & VIRTIO_F_EVENT_IDX;
}

void virtq_reset(struct virtq *q)
{
	q->enabled = false;
	q->size = VIRTQ_MAX_SIZE;
	q->vector = VIRTIO_NO_VECTOR;
	q->desc_gpa = q->avail_gpa = q->used_gpa = 0;
	q->desc = q->avail = q->used = NULL;
	q->next_avail = q->next_used = q->signalled = 0;
}

/* Alignments: 2.7. */
static void *map_ring(const struct virtq *q, uint64_t gpa, uint32_t size, unsigned align)
{
	return gpa & (align - 1) ? NULL : dma_map(q->d->dma, gpa, size);
}

bool virtq_enable(struct virtq *q)
{
	q->desc = map_ring(q, q->desc_gpa, DESC_SIZE * q->size, DESC_SIZE);
	q->avail = map_ring(q, q->avail_gpa, AVAIL_SIZE(q->size), 2);
	q->used = map_ring(q, q->used_gpa, USED_SIZE(q->size), 4);
	q->enabled = q->desc && q->avail && q->used;
	return q->enabled;
}

/* ---- Chains ---- */

static struct desc read_desc(const struct table *t, uint32_t n)
{
	struct desc d;

	memcpy(&d, t->at + (size_t)n * DESC_SIZE, sizeof(d));
	/* From here on it is our copy: the compiler may not look at the guest's again. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	d.addr = le64toh(d.addr);
	d.len = le32toh(d.len);
	d.flags = le16toh(d.flags);
	d.next = le16toh(d.next);
	return d;
}

/* Adds a buffer. NULL, or what is wrong. */
static const char *add(struct virtq *q, struct virtq_chain *c, const struct desc *d)
{
	void *p = dma_map(q->d->dma, d->addr, d->len);
	struct iovec *v = &c->iov[c->nr_out + c->nr_in];

	if (!p)
		return "a buffer is not in memory";
	if (!(d->flags & DESC_WRITE) && c->nr_in)
		return "a buffer to read follows one to write";
	if (!d->len)
		return NULL;
	v->iov_base = p;
	v->iov_len = d->len;
	if (d->flags & DESC_WRITE) {
		c->nr_in++;
		c->in_len += d->len;
	} else {
		c->nr_out++;
		c->out_len += d->len;
	}
	return NULL;
}

/* Goes from the queue's table into the one that @d describes, 2.7.5.3. NULL, or what is wrong. */
static const char *go_indirect(struct virtq *q, struct table *t, const struct desc *d)
{
	if (!(q->d->accepted & VIRTIO_F_INDIRECT_DESC))
		return "an indirect descriptor without that feature";
	if (t->indirect || (d->flags & DESC_NEXT))
		return "an indirect descriptor where none may be";
	if (!d->len || d->len % DESC_SIZE)
		return "an indirect table of a wrong size";
	t->at = dma_map(q->d->dma, d->addr, d->len);
	t->count = d->len / DESC_SIZE;
	t->indirect = true;
	return t->at ? NULL : "an indirect table is not in memory";
}

/* NULL, or what is wrong. */
static const char *walk(struct virtq *q, struct virtq_chain *c)
{
	struct table t = {.at = q->desc, .count = q->size};
	uint32_t n = c->head;

	/* The bound is on descriptors with buffers; there is one indirect one at most besides. */
	for (unsigned left = VIRTQ_MAX_SIZE; left; left--) {
		struct desc d;
		const char *wrong;

		if (n >= t.count)
			return "a descriptor's number is too large";
		d = read_desc(&t, n);
		if (d.flags & DESC_INDIRECT) {
			wrong = go_indirect(q, &t, &d);
			if (wrong)
				return wrong;
			d = read_desc(&t, 0);
			if (d.flags & DESC_INDIRECT)
				return "an indirect descriptor where none may be";
		}
		wrong = add(q, c, &d);
		if (wrong)
			return wrong;
		if (!(d.flags & DESC_NEXT))
			return NULL;
		n = d.next;
	}
	return "a descriptor chain is too long";
}

bool virtq_pop(struct virtq *q, struct virtq_chain *c)
{
	uint16_t ahead;
	const char *wrong;

	if (!virtio_may_run(q->d, q->index))
		return false;
	ahead = (uint16_t)(load16(q->avail + RING_INDEX, __ATOMIC_ACQUIRE) - q->next_avail);
	if (!ahead)
		return false;
	if (ahead > q->size) {
		virtio_break(q->d, "the available ring's index jumped");
		return false;
	}
	c->head = load16(q->avail + RING_ENTRIES + AVAIL_ENTRY * (q->next_avail & (q->size - 1u)),
			 __ATOMIC_RELAXED);
	c->nr_out = c->nr_in = 0;
	c->out_len = c->in_len = 0;
	wrong = walk(q, c);
	if (wrong) {
		virtio_break(q->d, wrong);
		return false;
	}
	c->out = c->iov;
	c->in = c->iov + c->nr_out;
	q->next_avail++;
	return true;
}

void virtq_push(struct virtq *q, const struct virtq_chain *c, uint64_t written)
{
	uint8_t *e = q->used + RING_ENTRIES + USED_ENTRY * (q->next_used & (q->size - 1u));

	store32(e, c->head);
	store32(e + 4, written < UINT32_MAX ? (uint32_t)written : UINT32_MAX);
	q->next_used++;
	store16(q->used + RING_INDEX, q->next_used, __ATOMIC_RELEASE);
}

/* ---- Who tells whom ---- */

void virtq_signal(struct virtq *q)
{
	uint16_t news = (uint16_t)(q->next_used - q->signalled);
	bool wanted;

	if (!news)
		return;
	full_fence();
	if (event_idx(q)) {
		/* The driver waits for the entry used_event: is it among the new ones? (2.7.7.2) */
		uint16_t event =
		    load16(q->avail + RING_ENTRIES + AVAIL_ENTRY * q->size, __ATOMIC_RELAXED);

		wanted = (uint16_t)(q->next_used - event - 1) < news;
	} else {
		wanted = !(load16(q->avail + RING_FLAGS, __ATOMIC_RELAXED) & NO_INTERRUPT);
	}
	q->signalled = q->next_used;
	if (!wanted)
		return;
	pthread_mutex_lock(&q->d->lock);
	virtio_interrupt(q->d, q->vector, VIRTIO_ISR_QUEUE);
	pthread_mutex_unlock(&q->d->lock);
}

void virtq_quiet(struct virtq *q)
{
	/* With event indices, what virtq_rearm() asked for came, so there is silence already. */
	if (!event_idx(q))
		store16(q->used + RING_FLAGS, NO_NOTIFY, __ATOMIC_RELAXED);
}

bool virtq_rearm(struct virtq *q)
{
	if (event_idx(q))
		store16(q->used + RING_ENTRIES + USED_ENTRY * q->size, q->next_avail,
			__ATOMIC_RELAXED);
	else
		store16(q->used + RING_FLAGS, 0, __ATOMIC_RELAXED);
	full_fence();
	return load16(q->avail + RING_INDEX, __ATOMIC_RELAXED) != q->next_avail &&
	       virtio_may_run(q->d, q->index);
}

/* ---- Buffers ---- */

/* Copies from or to the front of a vector, and eats it there. There are @n bytes. */
static void eat(struct iovec **v, unsigned *nr, uint8_t *bytes, size_t n, bool to_guest)
{
	while (n) {
		size_t part = (*v)->iov_len < n ? (*v)->iov_len : n;

		if (to_guest)
			memcpy((*v)->iov_base, bytes, part);
		else
			memcpy(bytes, (*v)->iov_base, part);
		bytes += part;
		n -= part;
		(*v)->iov_base = (uint8_t *)(*v)->iov_base + part;
		(*v)->iov_len -= part;
		if (!(*v)->iov_len) {
			(*v)++;
			(*nr)--;
		}
	}
}

bool virtq_read(struct virtq_chain *c, void *to, size_t n)
{
	if (c->out_len < n)
		return false;
	c->out_len -= n;
	eat(&c->out, &c->nr_out, to, n, false);
	return true;
}

bool virtq_write(struct virtq_chain *c, const void *from, size_t n)
{
	if (c->in_len < n)
		return false;
	c->in_len -= n;
	eat(&c->in, &c->nr_in, (uint8_t *)(uintptr_t)from, n, true);
	return true;
}

uint8_t *virtq_last_byte(struct virtq_chain *c)
{
	struct iovec *v;

	if (!c->nr_in)
		return NULL;
	v = &c->in[c->nr_in - 1];
	v->iov_len--;
	c->in_len--;
	if (!v->iov_len)
		c->nr_in--;
	return (uint8_t *)v->iov_base + v->iov_len;
}
