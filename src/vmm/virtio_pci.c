/* SPDX-License-Identifier: MIT */
/*
 * A virtio device as a PCI function (VIRTIO 1.2, 4.1): its capabilities, and the registers they
 * lead to. All are in BAR 4, a page for each kind; MSI-X is in BAR 1.
 *
 * The common configuration is read from a picture of it, so any width works. Writes must be of the
 * width of the field (4.1.3.1); others are ignored.
 */
#include "vmm/virtio_device.h"

#include <endian.h>
#include <stddef.h>
#include <string.h>

#include "vmm/report.h"

#define VENDOR	    0x1af4u
#define DEVICE_BASE 0x1040u /* 4.1.2 */
#define REVISION    1u

#define MSIX_BAR 1u
#define REGS_BAR 4u

/* Pages of BAR 4. */
#define PAGE	   0x1000u
#define COMMON_AT  0x0000u
#define ISR_AT	   0x1000u
#define DEVICE_AT  0x2000u
#define NOTIFY_AT  0x3000u
#define REGS_SIZE  0x4000u
#define NOTIFY_MUL 4u

/* Kinds of structures: 4.1.4. */
enum { CFG_COMMON = 1, CFG_NOTIFY = 2, CFG_ISR = 3, CFG_DEVICE = 4, CFG_PCI = 5 };

/* A capability (4.1.4), as long as the longest of them. */
struct cap {
	uint8_t id, next, len, type;
	uint8_t bar, cap_id, padding[2];
	uint32_t offset, length;
	uint32_t extra; /* NOTIFY: the multiplier; PCI: the window */
};
_Static_assert(sizeof(struct cap) == 20, "as in 4.1.4.4 and 4.1.4.9");

#define CAP_VENDOR 9u
#define CAP_WINDOW offsetof(struct cap, extra)

/* The common configuration, 4.1.4.3; little-endian. */
struct common {
	uint32_t device_feature_select, device_feature;
	uint32_t driver_feature_select, driver_feature;
	uint16_t config_msix_vector, num_queues;
	uint8_t device_status, config_generation;
	uint16_t queue_select;
	uint16_t queue_size, queue_msix_vector, queue_enable, queue_notify_off;
	uint64_t queue_desc, queue_driver, queue_device;
};
_Static_assert(sizeof(struct common) == 56, "as in 4.1.4.3");

/* ---- Common configuration ---- */

static uint32_t half(uint64_t v, uint32_t select)
{
	return select > 1 ? 0 : (uint32_t)(v >> (32 * select));
}

static void picture(const struct virtio_device *d, struct common *c)
{
	memset(c, 0, sizeof(*c));
	c->device_feature_select = htole32(d->device_feature_select);
	c->device_feature = htole32(half(d->offered, d->device_feature_select));
	c->driver_feature_select = htole32(d->driver_feature_select);
	c->driver_feature = htole32(half(d->accepted, d->driver_feature_select));
	c->config_msix_vector = htole16(d->config_vector);
	c->num_queues = htole16((uint16_t)d->nr_queues);
	c->device_status = d->status;
	c->config_generation = d->generation;
	c->queue_select = htole16(d->queue_select);
	if (d->queue_select < d->nr_queues) {
		const struct virtq *q = &d->queue[d->queue_select];

		c->queue_size = htole16(q->size);
		c->queue_msix_vector = htole16(q->vector);
		c->queue_enable = htole16(q->enabled);
		c->queue_notify_off = htole16((uint16_t)q->index);
		c->queue_desc = htole64(q->desc_gpa);
		c->queue_driver = htole64(q->avail_gpa);
		c->queue_device = htole64(q->used_gpa);
	}
}

static void set_driver_feature(struct virtio_device *d, uint32_t v)
{
	unsigned shift = 32 * d->driver_feature_select;

	if (d->driver_feature_select > 1 || (d->status & VIRTIO_S_FEATURES_OK))
		return;
	d->accepted &= ~(UINT64_C(0xffffffff) << shift);
	d->accepted |= (uint64_t)v << shift;
}

/* A vector that does not exist reads back as none: 4.1.5.1.2.1. */
static uint16_t vector(const struct virtio_device *d, uint32_t v)
{
	return v < d->pci.nr_msix ? (uint16_t)v : VIRTIO_NO_VECTOR;
}

static void enable_queue(struct virtio_device *d, struct virtq *q)
{
	bool ok = virtq_enable(q);

	VMM_TRACE(VIRTIO, "%s queue %u size %u desc 0x%llx avail 0x%llx used 0x%llx vector 0x%x",
		  d->name, q->index, q->size, (unsigned long long)q->desc_gpa,
		  (unsigned long long)q->avail_gpa, (unsigned long long)q->used_gpa, q->vector);
	if (!ok)
		virtio_break_locked(d, "a queue's rings are not in memory, or not aligned");
}

/* Half of a 64-bit address, 4.1.3.1: the lower one, or the higher. */
static void set_half(uint64_t *gpa, bool high, uint32_t v)
{
	*gpa = high ? (*gpa & 0xffffffffu) | (uint64_t)v << 32 : (*gpa & ~UINT64_C(0xffffffff)) | v;
}

/* What is constant once the queue is enabled. */
static void write_queue_setup(struct virtio_device *d, struct virtq *q, unsigned offset, uint32_t v)
{
	if (q->enabled)
		return;
	switch (offset) {
	case offsetof(struct common, queue_size):
		/* A power of two (2.7), and not more than there is (4.1.4.3.2). */
		if (v && v <= VIRTQ_MAX_SIZE && !(v & (v - 1)))
			q->size = (uint16_t)v;
		break;
	case offsetof(struct common, queue_enable):
		if (v == 1)
			enable_queue(d, q);
		break;
	case offsetof(struct common, queue_desc):
	case offsetof(struct common, queue_desc) + 4:
		set_half(&q->desc_gpa, offset & 4, v);
		break;
	case offsetof(struct common, queue_driver):
	case offsetof(struct common, queue_driver) + 4:
		set_half(&q->avail_gpa, offset & 4, v);
		break;
	case offsetof(struct common, queue_device):
	case offsetof(struct common, queue_device) + 4:
		set_half(&q->used_gpa, offset & 4, v);
		break;
	default:
		break;
	}
}

static unsigned field_width(unsigned offset)
{
	if (offset < offsetof(struct common, config_msix_vector) ||
	    offset >= offsetof(struct common, queue_desc))
		return 4;
	return offset == offsetof(struct common, device_status) ? 1 : 2;
}

static void write_common(struct virtio_device *d, unsigned offset, unsigned len, uint32_t v)
{
	struct virtq *q = d->queue_select < d->nr_queues ? &d->queue[d->queue_select] : NULL;

	if (offset >= sizeof(struct common) || len != field_width(offset))
		return;
	switch (offset) {
	case offsetof(struct common, device_feature_select):
		d->device_feature_select = v;
		return;
	case offsetof(struct common, driver_feature_select):
		d->driver_feature_select = v;
		return;
	case offsetof(struct common, driver_feature):
		set_driver_feature(d, v);
		return;
	case offsetof(struct common, config_msix_vector):
		d->config_vector = vector(d, v);
		return;
	case offsetof(struct common, device_status):
		virtio_set_status(d, (uint8_t)v);
		return;
	case offsetof(struct common, queue_select):
		d->queue_select = (uint16_t)v;
		return;
	case offsetof(struct common, queue_msix_vector):
		if (q)
			q->vector = vector(d, v);
		return;
	default:
		if (q)
			write_queue_setup(d, q, offset, v);
		return;
	}
}

/* ---- BAR 4 ---- */

/* 4.1.4.5: reading the ISR status clears it, and the line. */
static uint8_t read_isr(struct virtio_device *d)
{
	uint8_t isr = d->isr;

	d->isr = 0;
	pci_set_intx(&d->pci, false);
	return isr;
}

static uint64_t load_le(const void *bytes, unsigned size, unsigned offset, unsigned len)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < len && offset + i < size; i++)
		v |= (uint64_t)((const uint8_t *)bytes)[offset + i] << (8 * i);
	return v;
}

static uint64_t bar_read(void *opaque, unsigned bar, uint64_t offset, unsigned len)
{
	struct virtio_device *d = opaque;
	const unsigned at = offset & (PAGE - 1);
	struct common c;
	uint64_t v = 0;

	if (bar != REGS_BAR || offset >= REGS_SIZE)
		return 0;
	pthread_mutex_lock(&d->lock);
	switch (offset - at) {
	case COMMON_AT:
		picture(d, &c);
		v = load_le(&c, sizeof(c), at, len);
		break;
	case ISR_AT:
		v = at ? 0 : read_isr(d);
		break;
	case DEVICE_AT:
		v = load_le(d->config, d->config_len, at, len);
		break;
	default: /* notifications cannot be read */
		break;
	}
	pthread_mutex_unlock(&d->lock);
	return v;
}

static void bar_write(void *opaque, unsigned bar, uint64_t offset, unsigned len, uint64_t value)
{
	struct virtio_device *d = opaque;
	const unsigned at = offset & (PAGE - 1);

	if (bar != REGS_BAR || offset >= REGS_SIZE)
		return;
	if (offset >= NOTIFY_AT) {
		/* 4.1.5.2: the address alone says which queue. */
		if (at % NOTIFY_MUL == 0 && at / NOTIFY_MUL < d->nr_queues)
			virtio_kick(d, at / NOTIFY_MUL);
		return;
	}
	pthread_mutex_lock(&d->lock);
	if (offset < ISR_AT && len == 8) {
		write_common(d, at, 4, (uint32_t)value);
		write_common(d, at + 4, 4, (uint32_t)(value >> 32));
	} else if (offset < ISR_AT) {
		write_common(d, at, len, (uint32_t)value);
	} else if (offset >= DEVICE_AT && len <= 4 && at + len <= d->config_len &&
		   d->ops->config_write) {
		d->ops->config_write(d, at, len, (uint32_t)value);
	}
	pthread_mutex_unlock(&d->lock);
}

/* ---- The window in configuration space ---- */

/*
 * 4.1.4.9: the guest says in the capability where in a BAR, and how much; accesses to the last four
 * bytes then go there. False: what it says is no such place.
 */
static bool window(struct virtio_device *d, uint32_t *offset, uint32_t *len)
{
	const unsigned cap = d->cap_pci_cfg;

	*offset = pci_config_get(&d->pci, cap + offsetof(struct cap, offset), 4);
	*len = pci_config_get(&d->pci, cap + offsetof(struct cap, length), 4);
	return pci_config_get(&d->pci, cap + offsetof(struct cap, bar), 1) == REGS_BAR &&
	       (*len == 1 || *len == 2 || *len == 4) && *offset % *len == 0 &&
	       *offset <= REGS_SIZE - *len;
}

static bool in_window(const struct virtio_device *d, unsigned offset)
{
	return offset == d->cap_pci_cfg + CAP_WINDOW;
}

static bool config_read(void *opaque, unsigned offset, unsigned len, uint32_t *value)
{
	struct virtio_device *d = opaque;
	uint32_t at, n;

	if (!in_window(d, offset) || !window(d, &at, &n))
		return false;
	*value = (uint32_t)bar_read(d, REGS_BAR, at, n);
	return true;
}

static void config_write(void *opaque, unsigned offset, unsigned len)
{
	struct virtio_device *d = opaque;
	uint32_t at, n;

	if (in_window(d, offset) && window(d, &at, &n))
		bar_write(d, REGS_BAR, at, n, pci_config_get(&d->pci, offset, n));
}

static const struct pci_function_ops function_ops = {
    .bar_read = bar_read,
    .bar_write = bar_write,
    .config_read = config_read,
    .config_write = config_write,
};

/* ---- Capabilities ---- */

static unsigned add_cap(struct virtio_device *d, unsigned type, uint32_t offset, uint32_t length)
{
	struct cap cap = {
	    .len = type == CFG_NOTIFY || type == CFG_PCI ? sizeof(cap) : CAP_WINDOW,
	    .type = (uint8_t)type,
	    .bar = type == CFG_PCI ? 0 : REGS_BAR, /* the guest's to choose */
	    .offset = htole32(offset),
	    .length = htole32(length),
	    .extra = htole32(type == CFG_NOTIFY ? NOTIFY_MUL : 0),
	};
	struct cap writable = {0};

	if (type == CFG_PCI) {
		writable.bar = 0xff;
		writable.offset = writable.length = writable.extra = UINT32_MAX;
	}
	return pci_add_capability(&d->pci, CAP_VENDOR, &cap.len, &writable.len, cap.len);
}

int virtio_pci_init(struct virtio_device *d, struct pci_bus *bus, const struct virtio_setup *s)
{
	const struct pci_ids ids = {
	    .vendor = VENDOR,
	    .device = (uint16_t)(DEVICE_BASE + s->type),
	    .subsystem_vendor = VENDOR,
	    .subsystem = (uint16_t)(DEVICE_BASE + s->type),
	    .class_code = s->class_code,
	    .revision = REVISION,
	};

	d->pci.ops = &function_ops;
	d->pci.opaque = d;
	d->pci.bar[REGS_BAR] = (struct pci_bar){.size = REGS_SIZE, .wide = true};
	/* One for each queue, and one for changes of the configuration. */
	d->pci.nr_msix = d->nr_queues + 1;
	d->pci.msix_bar = MSIX_BAR;
	if (pci_add(bus, &d->pci, &ids, s->with_msix) < 0)
		return vmm_fail(VMM_USAGE, "%s: the PCI bus is full: give fewer disks", d->name);
	add_cap(d, CFG_COMMON, COMMON_AT, sizeof(struct common));
	add_cap(d, CFG_ISR, ISR_AT, 1);
	if (d->config_len)
		add_cap(d, CFG_DEVICE, DEVICE_AT, d->config_len);
	add_cap(d, CFG_NOTIFY, NOTIFY_AT, NOTIFY_MUL * d->nr_queues);
	d->cap_pci_cfg = add_cap(d, CFG_PCI, 0, 0);
	return 0;
}
