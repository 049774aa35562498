/* SPDX-License-Identifier: MIT */
/*
 * Block device (VIRTIO 1.2, 5.2), on a raw disk.
 *
 * Requests are served one after the other in the device's thread, the queues in turn. The host's
 * page cache is the disk's write-back cache: what was written is safe once a flush has succeeded,
 * or after each write if the driver asks for that or knows no flush (5.2.6.2).
 */
#include "vmm/virtio_device.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vmm/disk_file.h"
#include "vmm/report.h"

/* Features, 5.2.3. */
enum {
	F_SEG_MAX = 1 << 2,
	F_RO = 1 << 5,
	F_BLK_SIZE = 1 << 6,
	F_FLUSH = 1 << 9,
	F_CONFIG_WCE = 1 << 11,
	F_MQ = 1 << 12,
	F_DISCARD = 1 << 13,
	F_WRITE_ZEROES = 1 << 14,
};

/* Requests, 5.2.6. */
enum {
	T_IN = 0,
	T_OUT = 1,
	T_FLUSH = 4,
	T_GET_ID = 8,
	T_DISCARD = 11,
	T_WRITE_ZEROES = 13,
};
enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2 };

#define ID_SIZE	   20u
#define FLAG_UNMAP 1u

/* The configuration, 5.2.4; little-endian. */
struct config {
	uint64_t capacity;
	uint32_t size_max, seg_max;
	uint32_t geometry, blk_size;
	uint64_t topology;
	uint8_t writeback, unused0;
	uint16_t num_queues;
	uint32_t max_discard_sectors, max_discard_seg, discard_sector_alignment;
	uint32_t max_write_zeroes_sectors, max_write_zeroes_seg;
	uint8_t write_zeroes_may_unmap, unused1[3];
} __attribute__((packed));
_Static_assert(sizeof(struct config) == 60, "as in 5.2.4");

struct header {
	uint32_t type, reserved;
	uint64_t sector;
};

/* A part of a discard or write zeroes request. */
struct range {
	uint64_t sector;
	uint32_t num_sectors, flags;
};

/* What one such request may ask for. A file system that cannot make zeroes gets them written. */
#define MAX_RANGES  16u
#define MAX_DISCARD (UINT32_C(1) << 21)
#define MAX_ZEROES  (UINT32_C(1) << 15)

/* A driver that waits for several requests is told of the first after this time. */
#define SIGNAL_NS 100000
/* Requests of a queue in turn. */
#define TURN 32u

struct blk {
	struct virtio_device dev;
	struct disk_file disk;
	char name[16];
	char serial[ID_SIZE];
	bool failed; /* an error has been reported */
	atomic_bool writeback;
	struct virtq_chain chain;
};

static struct blk *to_blk(struct virtio_device *d)
{
	return (struct blk *)(void *)((char *)d - offsetof(struct blk, dev));
}

/* ---- Requests ---- */

/* The guest gets a status; the user should know as well, once. */
static int failed(struct blk *b, const char *what, uint64_t offset, int error)
{
	if (!b->failed)
		vmm_say("disk %s: %s at byte %llu failed: %s: the guest was told; this is the only "
			"message about this disk",
			b->disk.path, what, (unsigned long long)offset, strerror(-error));
	b->failed = true;
	return S_IOERR;
}

static bool in_disk(const struct blk *b, uint64_t sector, uint64_t bytes)
{
	const uint64_t sectors = b->disk.size / DISK_SECTOR;

	return bytes % DISK_SECTOR == 0 && sector <= sectors &&
	       bytes / DISK_SECTOR <= sectors - sector;
}

static void advance(struct iovec **v, unsigned *n, size_t bytes)
{
	while (*n && bytes >= (*v)->iov_len) {
		bytes -= (*v)->iov_len;
		(*v)++;
		(*n)--;
	}
	if (bytes) {
		(*v)->iov_base = (uint8_t *)(*v)->iov_base + bytes;
		(*v)->iov_len -= bytes;
	}
}

/* All of @v. 0 or -errno; -ECANCELED: the device is being reset. */
static int transfer(struct blk *b, struct iovec *v, unsigned n, uint64_t offset, bool is_write)
{
	while (n) {
		ssize_t done;

		if (virtio_resetting(&b->dev))
			return -ECANCELED;
		done = is_write ? disk_write(&b->disk, v, n, offset)
				: disk_read(&b->disk, v, n, offset);
		/* Somebody made the file shorter. */
		if (!done)
			done = -ENODATA;
		if (done < 0)
			return (int)done;
		offset += (uint64_t)done;
		advance(&v, &n, (size_t)done);
	}
	return 0;
}

static int flush(struct blk *b)
{
	int r = disk_flush(&b->disk);

	return r ? failed(b, "flushing", 0, r) : S_OK;
}

/* A changing request has been done: is it to be safe before the driver knows? */
static int settle(struct blk *b)
{
	return atomic_load(&b->writeback) ? S_OK : flush(b);
}

/* In or out. A status, or -ECANCELED. */
static int read_or_write(struct blk *b, const struct header *h, uint64_t *written)
{
	struct virtq_chain *c = &b->chain;
	const bool is_write = h->type == T_OUT;
	const uint64_t bytes = is_write ? c->out_len : c->in_len;
	int r;

	if (!in_disk(b, h->sector, bytes) || (is_write && b->disk.readonly))
		return S_IOERR;
	r = transfer(b, is_write ? c->out : c->in, is_write ? c->nr_out : c->nr_in,
		     h->sector * DISK_SECTOR, is_write);
	if (r == -ECANCELED)
		return r;
	if (r)
		return failed(b, is_write ? "writing" : "reading", h->sector * DISK_SECTOR, r);
	if (is_write)
		return settle(b);
	*written = bytes;
	return S_OK;
}

static int get_id(struct blk *b, uint64_t *written)
{
	*written = b->chain.in_len < ID_SIZE ? b->chain.in_len : ID_SIZE;
	virtq_write(&b->chain, b->serial, *written);
	return S_OK;
}

/* The checks of 5.2.6.2. */
static int check_range(const struct blk *b, const struct range *r, bool discard)
{
	if (r->flags & ~FLAG_UNMAP || (discard && r->flags))
		return S_UNSUPP;
	if (r->num_sectors > (discard ? MAX_DISCARD : MAX_ZEROES) ||
	    !in_disk(b, r->sector, (uint64_t)r->num_sectors * DISK_SECTOR))
		return S_IOERR;
	return S_OK;
}

static int discard_or_zero(struct blk *b, const struct header *h)
{
	const bool discard = h->type == T_DISCARD;
	struct virtq_chain *c = &b->chain;
	struct range r;

	if (!(b->dev.accepted & (discard ? F_DISCARD : F_WRITE_ZEROES)))
		return S_UNSUPP;
	if (c->out_len % sizeof(r) || c->out_len > MAX_RANGES * sizeof(r))
		return S_IOERR;
	while (virtq_read(c, &r, sizeof(r))) {
		uint64_t offset, len;
		int status, error;

		r.sector = le64toh(r.sector);
		r.num_sectors = le32toh(r.num_sectors);
		r.flags = le32toh(r.flags);
		status = check_range(b, &r, discard);
		if (status)
			return status;
		if (virtio_resetting(&b->dev))
			return -ECANCELED;
		if (!r.num_sectors)
			continue;
		offset = r.sector * DISK_SECTOR;
		len = (uint64_t)r.num_sectors * DISK_SECTOR;
		error = discard ? disk_discard(&b->disk, offset, len)
				: disk_zero(&b->disk, offset, len, r.flags & FLAG_UNMAP);
		if (error)
			return failed(b, discard ? "discarding" : "writing zeroes", offset, error);
	}
	return settle(b);
}

/* False: the request is not done, and the queue is to be left. */
static bool serve(struct blk *b, struct virtq *q)
{
	struct virtq_chain *c = &b->chain;
	struct header h;
	uint8_t *status = virtq_last_byte(c);
	uint64_t written = 0, room = c->in_len;
	int r;

	if (!status || !virtq_read(c, &h, sizeof(h))) {
		virtio_break(&b->dev, "a request without header or status");
		return false;
	}
	h.type = le32toh(h.type);
	h.sector = le64toh(h.sector);
	VMM_TRACE(VIRTIO, "%s queue %u request %u sector %llu out %llu in %llu", b->name, q->index,
		  h.type, (unsigned long long)h.sector, (unsigned long long)c->out_len,
		  (unsigned long long)c->in_len);
	switch (h.type) {
	case T_IN:
	case T_OUT:
		r = read_or_write(b, &h, &written);
		break;
	case T_FLUSH:
		r = flush(b);
		break;
	case T_GET_ID:
		r = get_id(b, &written);
		break;
	case T_DISCARD:
	case T_WRITE_ZEROES:
		r = discard_or_zero(b, &h);
		break;
	default:
		r = S_UNSUPP;
		break;
	}
	if (r == -ECANCELED)
		return false;
	*status = (uint8_t)r;
	/* The status counts if all before it was written: 2.7.8.2. */
	virtq_push(q, c, written == room ? written + 1 : written);
	return true;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void process(struct virtio_device *d, unsigned index)
{
	struct blk *b = to_blk(d);
	struct virtq *q = &d->queue[index];
	unsigned left = TURN;

	do {
		uint64_t since = now_ns();

		virtq_quiet(q);
		while (left && virtq_pop(q, &b->chain)) {
			uint64_t now;

			if (!serve(b, q))
				return;
			left--;
			now = now_ns();
			if (now - since > SIGNAL_NS) {
				virtq_signal(q);
				since = now;
			}
		}
		virtq_signal(q);
		if (!left) {
			virtio_again(d, index);
			return;
		}
	} while (virtq_rearm(q));
}

/* ---- Configuration ---- */

static void config_write(struct virtio_device *d, unsigned offset, unsigned len, uint32_t value)
{
	struct blk *b = to_blk(d);

	if (offset != offsetof(struct config, writeback) || len != 1 ||
	    !(d->accepted & F_CONFIG_WCE))
		return;
	d->config[offset] = value & 1;
	atomic_store(&b->writeback, value & 1);
}

/* The cache's mode follows what the driver knows of: 5.2.5.1, 5.2.6.2. */
static void negotiated(struct virtio_device *d)
{
	bool writeback = d->accepted & F_FLUSH;

	d->config[offsetof(struct config, writeback)] = writeback;
	atomic_store(&to_blk(d)->writeback, writeback);
}

static void reset(struct virtio_device *d)
{
	d->config[offsetof(struct config, writeback)] = 1;
}

static void destroy(struct virtio_device *d)
{
	struct blk *b = to_blk(d);

	disk_close(&b->disk);
	free(b);
}

static const struct virtio_ops ops = {
    .process = process,
    .config_write = config_write,
    .negotiated = negotiated,
    .reset = reset,
    .destroy = destroy,
};

static void fill_config(struct blk *b, unsigned nr_queues)
{
	const struct config c = {
	    .capacity = htole64(b->disk.size / DISK_SECTOR),
	    /* Two descriptors are the header's and the status's. */
	    .seg_max = htole32(VIRTQ_MAX_SIZE - 2),
	    .blk_size = htole32(DISK_SECTOR),
	    .writeback = 1,
	    .num_queues = htole16((uint16_t)nr_queues),
	    .max_discard_sectors = htole32(MAX_DISCARD),
	    .max_discard_seg = htole32(MAX_RANGES),
	    .discard_sector_alignment = htole32(b->disk.block / DISK_SECTOR),
	    .max_write_zeroes_sectors = htole32(MAX_ZEROES),
	    .max_write_zeroes_seg = htole32(MAX_RANGES),
	    .write_zeroes_may_unmap = 1,
	};

	memcpy(b->dev.config, &c, sizeof(c));
}

int virtio_blk_create(struct virtio_device **d, struct pci_bus *bus, const struct dma *dma,
		      const struct virtio_blk_config *config)
{
	struct virtio_setup setup = {
	    .ops = &ops,
	    .type = VIRTIO_TYPE_BLK,
	    .class_code = 0x010000, /* mass storage; no better subclass */
	    .nr_queues = config->nr_queues,
	    .features = F_SEG_MAX | F_BLK_SIZE | F_FLUSH | F_CONFIG_WCE | F_MQ,
	    .config_len = sizeof(struct config),
	    .with_msix = config->with_msix,
	};
	struct blk *b = calloc(1, sizeof(*b));
	int status;

	if (!b)
		return vmm_fail(VMM_HOST, "not enough memory for disk %s", config->path);
	if (!setup.nr_queues || setup.nr_queues > VIRTIO_BLK_MAX_QUEUES)
		setup.nr_queues = setup.nr_queues ? VIRTIO_BLK_MAX_QUEUES : 1;
	snprintf(b->name, sizeof(b->name), "%s", config->serial ? config->serial : "disk");
	setup.name = b->name;
	if (config->serial)
		memcpy(b->serial, config->serial, strnlen(config->serial, ID_SIZE));
	status = disk_open(&b->disk, config->path, config->readonly);
	if (status) {
		free(b);
		return status;
	}
	setup.features |= config->readonly ? F_RO : F_DISCARD | F_WRITE_ZEROES;
	fill_config(b, setup.nr_queues);
	status = virtio_init(&b->dev, bus, dma, &setup);
	if (status) {
		disk_close(&b->disk);
		free(b);
		return status;
	}
	*d = &b->dev;
	return 0;
}
