/* SPDX-License-Identifier: MIT */
/* The driver of test_virtio.h. */
#include "test_virtio.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WINDOW	    UINT64_C(0x10000000)
#define WINDOW_SIZE UINT64_C(0x10000000)
#define MSI_ADDRESS UINT32_C(0x08090040)

#define ECAM(offset) (UINT64_C(1) << 15 | (offset))

/* ---- The world behind the bus ---- */

static void set_intx(void *opaque, unsigned line, bool level)
{
	struct driver *v = opaque;

	pthread_mutex_lock(&v->lock);
	/* Slot 1, pin A. */
	assert_int_equal(line, 1);
	v->line = level;
	pthread_cond_broadcast(&v->changed);
	pthread_mutex_unlock(&v->lock);
}

static bool msi(void *opaque, uint64_t address, uint32_t data, uint16_t rid)
{
	struct driver *v = opaque;
	bool taken;

	pthread_mutex_lock(&v->lock);
	assert_int_equal(address, MSI_ADDRESS);
	assert_int_equal(rid, 8);
	assert_true(data < PCI_MSIX_MAX);
	taken = !v->hold;
	if (taken)
		v->messages[data]++;
	else
		v->held++;
	pthread_cond_broadcast(&v->changed);
	pthread_mutex_unlock(&v->lock);
	return taken;
}

void driver_init(struct driver *v)
{
	const struct pci_host host = {.opaque = v, .set_intx = set_intx, .msi = msi};
	void *p = NULL;

	memset(v, 0, sizeof(*v));
	pthread_mutex_init(&v->lock, NULL);
	pthread_cond_init(&v->changed, NULL);
	/* Exactly as large, so that a sanitizer sees what goes beyond. */
	assert_int_equal(posix_memalign(&p, 4096, RAM_SIZE), 0);
	memset(p, 0, RAM_SIZE);
	v->dma = (struct dma){.ram = p, .base = RAM_BASE, .size = RAM_SIZE};
	pci_bus_init(&v->bus, &host);
	pci_bus_set_window(&v->bus, WINDOW, WINDOW_SIZE);
}

void driver_finish(struct driver *v)
{
	virtio_destroy(v->d);
	pci_bus_finish(&v->bus);
	free(v->dma.ram);
	pthread_cond_destroy(&v->changed);
	pthread_mutex_destroy(&v->lock);
}

/* ---- Accesses ---- */

uint32_t driver_pci_read(struct driver *v, unsigned offset, unsigned len)
{
	return (uint32_t)pci_ecam_read(&v->bus, ECAM(offset), len);
}

void driver_pci_write(struct driver *v, unsigned offset, unsigned len, uint32_t value)
{
	pci_ecam_write(&v->bus, ECAM(offset), len, value);
}

uint64_t driver_read(struct driver *v, uint64_t addr, unsigned len)
{
	uint64_t value;

	assert_true(pci_mmio_read(&v->bus, addr, len, &value));
	return value;
}

void driver_write(struct driver *v, uint64_t addr, unsigned len, uint64_t value)
{
	assert_true(pci_mmio_write(&v->bus, addr, len, value));
}

uint32_t common_read(struct driver *v, unsigned offset, unsigned len)
{
	return (uint32_t)driver_read(v, v->common + offset, len);
}

void common_write(struct driver *v, unsigned offset, unsigned len, uint32_t value)
{
	driver_write(v, v->common + offset, len, value);
}

/* ---- Finding the device ---- */

/* The address of a vendor capability's structure. */
static void vendor_cap(struct driver *v, unsigned at)
{
	unsigned bar = driver_pci_read(v, at + 4, 1);
	uint64_t where = WINDOW + bar * 0x10000 + driver_pci_read(v, at + 8, 4);

	switch (driver_pci_read(v, at + 3, 1)) {
	case 1:
		v->common = where;
		break;
	case 2:
		v->notify = where;
		v->notify_multiplier = driver_pci_read(v, at + 16, 4);
		break;
	case 3:
		v->isr = where;
		break;
	case 4:
		v->config = where;
		v->config_len = driver_pci_read(v, at + 12, 4);
		break;
	case 5:
		v->pci_cfg = at;
		break;
	default:
		fail();
	}
}

static void enable_msix(struct driver *v, unsigned cap)
{
	uint64_t table = WINDOW + (driver_pci_read(v, cap + 4, 4) & 7) * 0x10000;

	v->nr_vectors = (driver_pci_read(v, cap + 2, 2) & 0x7ff) + 1;
	for (unsigned i = 0; i < v->nr_vectors; i++) {
		driver_write(v, table + 16 * i, 4, MSI_ADDRESS);
		driver_write(v, table + 16 * i + 4, 4, 0);
		driver_write(v, table + 16 * i + 8, 4, i);
		driver_write(v, table + 16 * i + 12, 4, 0);
	}
	driver_pci_write(v, cap + 2, 2, 0x8000);
}

void driver_probe(struct driver *v, bool msix)
{
	unsigned msix_cap = 0;

	assert_int_equal(driver_pci_read(v, 0, 2), 0x1af4);
	for (unsigned bar = 0; bar < PCI_BARS; bar++) {
		driver_pci_write(v, 0x10 + 4 * bar, 4, UINT32_MAX);
		if (!driver_pci_read(v, 0x10 + 4 * bar, 4))
			continue;
		driver_pci_write(v, 0x10 + 4 * bar, 4, (uint32_t)WINDOW + bar * 0x10000);
		if (driver_pci_read(v, 0x10 + 4 * bar, 4) & 4)
			driver_pci_write(v, 0x14 + 4 * bar++, 4, 0);
	}
	driver_pci_write(v, 4, 2, 6);
	for (unsigned at = driver_pci_read(v, 0x34, 1); at; at = driver_pci_read(v, at + 1, 1)) {
		if (driver_pci_read(v, at, 1) == 9)
			vendor_cap(v, at);
		else if (driver_pci_read(v, at, 1) == 0x11)
			msix_cap = at;
	}
	assert_true(v->common && v->isr && v->notify && v->pci_cfg);
	if (msix)
		enable_msix(v, msix_cap);
}

uint64_t driver_offered(struct driver *v)
{
	uint64_t f;

	common_write(v, C_DEVICE_SELECT, 0);
	f = common_read(v, C_DEVICE);
	common_write(v, C_DEVICE_SELECT, 1);
	return f | (uint64_t)common_read(v, C_DEVICE) << 32;
}

bool driver_negotiate(struct driver *v, uint64_t features)
{
	common_write(v, C_STATUS, 0);
	assert_int_equal(common_read(v, C_STATUS), 0);
	memset(v->queue, 0, sizeof(v->queue));
	common_write(v, C_STATUS, ACKNOWLEDGE);
	common_write(v, C_STATUS, ACKNOWLEDGE | DRIVER);
	for (unsigned half = 0; half < 2; half++) {
		common_write(v, C_DRIVER_SELECT, half);
		common_write(v, C_DRIVER, (uint32_t)(features >> (32 * half)));
	}
	v->features = features;
	common_write(v, C_STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	return common_read(v, C_STATUS) & FEATURES_OK;
}

void driver_queue(struct driver *v, unsigned index, unsigned size)
{
	struct driver_queue *q = &v->queue[index];
	const uint64_t at = RAM_BASE + index * 0x4000;

	*q = (struct driver_queue){
	    .desc = at, .avail = at + 0x1000, .used = at + 0x2000, .size = size};
	memset(ram(v, at), 0, 0x4000);
	common_write(v, C_SELECT, index);
	common_write(v, C_SIZE, size);
	assert_int_equal(common_read(v, C_SIZE), size);
	common_write(v, C_VECTOR, index + 1);
	common_write(v, 32, 4, (uint32_t)q->desc);
	common_write(v, 36, 4, (uint32_t)(q->desc >> 32));
	common_write(v, 40, 4, (uint32_t)q->avail);
	common_write(v, 44, 4, (uint32_t)(q->avail >> 32));
	common_write(v, 48, 4, (uint32_t)q->used);
	common_write(v, 52, 4, (uint32_t)(q->used >> 32));
	common_write(v, C_ENABLE, 1);
}

void driver_start(struct driver *v, uint64_t features)
{
	unsigned n;

	assert_true(driver_negotiate(v, features | F_VERSION_1));
	common_write(v, C_CONFIG_VECTOR, 0);
	n = common_read(v, C_NUM_QUEUES);
	for (unsigned i = 0; i < n; i++)
		driver_queue(v, i, RING_SIZE);
	common_write(v, C_STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
	assert_int_equal(common_read(v, C_STATUS), ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
}

/* ---- Queues ---- */

void *ram(struct driver *v, uint64_t gpa)
{
	return v->dma.ram + (gpa - RAM_BASE);
}

void driver_desc(struct driver *v, unsigned q, unsigned n, uint64_t addr, uint32_t len,
		 unsigned flags, unsigned next)
{
	struct desc *d = ram(v, v->queue[q].desc);

	d[n] = (struct desc){
	    .addr = addr, .len = len, .flags = (uint16_t)flags, .next = (uint16_t)next};
}

void driver_offer(struct driver *v, unsigned q, unsigned head)
{
	struct driver_queue *d = &v->queue[q];
	uint16_t *avail = ram(v, d->avail);

	__atomic_store_n(&avail[2 + d->next_avail % d->size], (uint16_t)head, __ATOMIC_RELAXED);
	d->next_avail++;
	__atomic_store_n(&avail[1], d->next_avail, __ATOMIC_RELEASE);
}

void driver_notify(struct driver *v, unsigned q)
{
	unsigned off;

	common_write(v, C_SELECT, q);
	off = common_read(v, C_NOTIFY_OFF);
	driver_write(v, v->notify + off * v->notify_multiplier, 2, q);
}

uint16_t driver_used_index(struct driver *v, unsigned q)
{
	uint16_t *used = ram(v, v->queue[q].used);

	return __atomic_load_n(&used[1], __ATOMIC_ACQUIRE);
}

unsigned driver_used(struct driver *v, unsigned q, uint32_t *written)
{
	struct driver_queue *d = &v->queue[q];
	const struct timespec moment = {.tv_nsec = 20000};
	const uint32_t *e;

	for (unsigned i = 0; driver_used_index(v, q) == d->next_used; i++) {
		assert_true(i < 100000);
		nanosleep(&moment, NULL);
	}
	e = ram(v, d->used + 4 + 8 * (d->next_used++ % d->size));
	if (written)
		*written = __atomic_load_n(&e[1], __ATOMIC_RELAXED);
	return __atomic_load_n(&e[0], __ATOMIC_RELAXED);
}

bool driver_wait_message(struct driver *v, unsigned vector, unsigned count)
{
	struct timespec until;
	bool there;
	int r = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 5;
	pthread_mutex_lock(&v->lock);
	while (v->messages[vector] < count && !r)
		r = pthread_cond_timedwait(&v->changed, &v->lock, &until);
	there = v->messages[vector] >= count;
	pthread_mutex_unlock(&v->lock);
	return there;
}

unsigned driver_messages(struct driver *v, unsigned vector)
{
	unsigned n;

	pthread_mutex_lock(&v->lock);
	n = v->messages[vector];
	pthread_mutex_unlock(&v->lock);
	return n;
}

bool driver_line(struct driver *v)
{
	bool level;

	pthread_mutex_lock(&v->lock);
	level = v->line;
	pthread_mutex_unlock(&v->lock);
	return level;
}

bool driver_wait_status(struct driver *v, unsigned bits)
{
	const struct timespec moment = {.tv_nsec = 1000000};

	for (unsigned i = 0; i < 5000; i++) {
		if ((common_read(v, C_STATUS) & bits) == bits)
			return true;
		nanosleep(&moment, NULL);
	}
	return false;
}

void driver_pause(void)
{
	const struct timespec t = {.tv_nsec = 30000000};

	nanosleep(&t, NULL);
}

/* ---- Block requests ---- */

#define HEADER (DATA - 0x1000)
#define STATUS (DATA - 0x800)
#define UNTOLD 0xee

unsigned driver_blk(struct driver *v, unsigned q, uint32_t type, uint64_t sector, uint64_t data,
		    uint32_t len, bool to_guest, uint32_t *written)
{
	struct {
		uint32_t type, reserved;
		uint64_t sector;
	} header = {.type = type, .sector = sector};
	uint8_t *status = ram(v, STATUS);

	memcpy(ram(v, HEADER), &header, sizeof(header));
	*status = UNTOLD;
	driver_desc(v, q, 0, HEADER, sizeof(header), DESC_NEXT, len ? 1 : 2);
	driver_desc(v, q, 1, data, len, DESC_NEXT | (to_guest ? DESC_WRITE : 0), 2);
	driver_desc(v, q, 2, STATUS, 1, DESC_WRITE, 0);
	driver_offer(v, q, 0);
	driver_notify(v, q);
	assert_int_equal(driver_used(v, q, written), 0);
	return *status;
}
