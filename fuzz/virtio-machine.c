/* SPDX-License-Identifier: MIT */
/* See virtio.h: the machine, and what its host sees of the devices. */
#include "virtio.h"

#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"
#include "vmm/report.h"

#define GUARD 0x10000u

struct machine m;

static uint8_t *memory; /* of all devices */
static uint8_t contents[SECTORS * 512 + TAIL];

/* ---- Time ---- */

uint64_t fuzz_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

bool fuzz_pause(unsigned n, uint64_t since_ms)
{
	if (n < 50)
		sched_yield();
	else
		usleep(100);
	return n % 64 || fuzz_now_ms() - since_ms < 30000;
}

/* ---- What is said to the user ---- */

/* The linker puts these in the place of report.c's: --wrap. */
void __wrap_vmm_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void __wrap_vmm_trace_emit(enum vmm_trace_id id, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void format(const char *fmt, va_list ap)
{
	char line[1024];

	check(vsnprintf(line, sizeof(line), fmt, ap) > 0);
}

void __wrap_vmm_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	format(fmt, ap);
	va_end(ap);
	/* A guest does not fill the user's terminal: a word for each device, and for each disk. */
	if (strncmp(fmt, "disk", 4) == 0)
		check(atomic_fetch_add(&m.of_disks, 1) < 2);
	else
		check(atomic_fetch_add(&m.of_devices, 1) < NR_DEVICES);
}

void __wrap_vmm_trace_emit(enum vmm_trace_id id, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	format(fmt, ap);
	va_end(ap);
}

/* ---- The host's side ---- */

static void set_intx(void *opaque, unsigned line, bool level)
{
	check(line < PCI_NR_INTX);
	check(atomic_exchange(&m.line[line], level) != level);
	fuzz_count.exits++;
}

static uint32_t config_word(const struct pci_function *f, unsigned at)
{
	return f->config[at] | (uint32_t)f->config[at + 1] << 8;
}

/* The message is one that the guest asked for, and it may be sent. With the bus's lock held. */
static bool is_allowed(const struct pci_function *f, uint64_t address, uint32_t data)
{
	if (!(config_word(f, 4) & 4) || (config_word(f, f->msix_cap + 2) & 0xc000) != 0x8000)
		return false;
	for (unsigned i = 0; i < f->nr_msix; i++) {
		const uint32_t *e = f->msix.entry[i];

		if (e[0] == (uint32_t)address && e[1] == address >> 32 && e[2] == data &&
		    !(e[3] & 1))
			return true;
	}
	return false;
}

static bool msi(void *opaque, uint64_t address, uint32_t data, uint16_t rid)
{
	const unsigned dev = (rid >> 3) - 1u;

	check(rid % 8 == 0 && dev < NR_DEVICES);
	check(is_allowed(&m.d[dev]->pci, address, data));
	if (atomic_load(&m.hold))
		return false;
	atomic_fetch_add(&m.messages[dev][data % PCI_MSIX_MAX], 1);
	fuzz_count.exits++;
	return true;
}

static void print(void *opaque, const uint8_t *bytes, size_t n)
{
	check(n);
	for (size_t i = 0; i < n; i++)
		atomic_store(&m.last, bytes[i]);
	atomic_fetch_add(&m.printed, n);
}

static void room(void *opaque)
{
}

/* ---- Memory ---- */

/*
 * A guest's CPUs are not part of this program: its races with a device are its own. So the thread
 * sanitizer does not look here.
 */
#define GUEST __attribute__((noinline, no_sanitize("thread")))

static uint8_t *at(unsigned dev, uint64_t gpa, uint64_t len)
{
	check(dma_map(&m.dma[dev], gpa, len));
	return m.dma[dev].ram + (gpa - RAM);
}

/*
 * What is stored before is seen before, and so with loads. An atomic access of the memory itself
 * would be seen by the sanitizer.
 */
static void barrier(void)
{
	static atomic_uint nobody;

	atomic_fetch_add(&nobody, 1);
}

GUEST uint64_t fuzz_load(unsigned dev, uint64_t gpa, unsigned len)
{
	const volatile uint8_t *p = at(dev, gpa, len);
	uint64_t v = 0;

	if (len == 2 && gpa % 2 == 0) {
		v = *(const volatile uint16_t *)(const volatile void *)p;
	} else {
		for (unsigned i = 0; i < len; i++)
			v |= (uint64_t)p[i] << (8 * i);
	}
	barrier();
	return v;
}

GUEST void fuzz_store(unsigned dev, uint64_t gpa, unsigned len, uint64_t value)
{
	volatile uint8_t *p = at(dev, gpa, len);

	barrier();
	if (len == 2 && gpa % 2 == 0) {
		*(volatile uint16_t *)(volatile void *)p = (uint16_t)value;
		return;
	}
	for (unsigned i = 0; i < len; i++)
		p[i] = (uint8_t)(value >> (8 * i));
}

GUEST void fuzz_fill(unsigned dev, uint64_t gpa, unsigned len, uint8_t value)
{
	volatile uint8_t *p = at(dev, gpa, len);
	volatile uint64_t *words = (volatile uint64_t *)(volatile void *)p;
	unsigned i = 0;

	for (; gpa % 8 == 0 && i + 8 <= len; i += 8)
		words[i / 8] = value * UINT64_C(0x0101010101010101);
	for (; i < len; i++)
		p[i] = value;
}

void fuzz_desc(unsigned dev, uint64_t where, uint64_t addr, uint32_t len, unsigned flags,
	       unsigned next)
{
	fuzz_store(dev, where, 8, addr);
	fuzz_store(dev, where + 8, 4, len);
	fuzz_store(dev, where + 12, 2, flags);
	fuzz_store(dev, where + 14, 2, next);
}

static void map_memory(void)
{
	const size_t each = RAM_SIZE + GUARD;

	memory =
	    mmap(NULL, NR_DEVICES * each + GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(memory != MAP_FAILED);
	for (unsigned dev = 0; dev < NR_DEVICES; dev++) {
		uint8_t *ram = memory + GUARD + dev * each;

		check(mprotect(ram, RAM_SIZE, PROT_READ | PROT_WRITE) == 0);
		m.dma[dev] = (struct dma){.ram = ram, .base = RAM, .size = RAM_SIZE};
	}
}

/* ---- Disks ---- */

static void write_file(int fd)
{
	check(pwrite(fd, contents, sizeof(contents), 0) == sizeof(contents));
}

static int create_file(void)
{
	int fd = memfd_create("fuzz-disk", MFD_CLOEXEC);

	check(fd >= 0);
	write_file(fd);
	return fd;
}

static void create_disk(unsigned n)
{
	static char path[2][64]; /* the disk keeps it */
	const struct virtio_blk_config config = {
	    .path = path[n],
	    .serial = "fuzz",
	    .readonly = n == READONLY,
	    .nr_queues = DISK_QUEUES,
	    .with_msix = true,
	};

	m.file[n] = create_file();
	/* Opened once more: a lock belongs to an open file. */
	snprintf(path[n], sizeof(path[n]), "/proc/self/fd/%d", m.file[n]);
	check(virtio_blk_create(&m.d[n], &m.bus, &m.dma[n], &config) == 0);
}

/* What the file is besides the guest's sectors. */
static void check_file(int fd)
{
	uint8_t tail[TAIL + 1];

	check(pread(fd, tail, sizeof(tail), SECTORS * 512) == TAIL);
	check(!memcmp(tail, contents + SECTORS * 512, TAIL));
}

void fuzz_shrink(void)
{
	check(ftruncate(m.file[DISK], SECTORS / 2 * 512) == 0);
	atomic_store(&m.shrunk, true);
}

void fuzz_grow(void)
{
	if (atomic_exchange(&m.shrunk, false))
		write_file(m.file[DISK]);
}

/* ---- Life ---- */

void fuzz_machine_create(void)
{
	const struct pci_host host = {.set_intx = set_intx, .msi = msi};
	const struct virtio_console_host hvc = {.transmit = print, .room = room};

	for (size_t i = 0; i < sizeof(contents); i++)
		contents[i] = (uint8_t)(i * 7 + (i >> 9));
	memset(&m, 0, sizeof(m));
	map_memory();
	pci_bus_init(&m.bus, &host);
	pci_bus_set_window(&m.bus, WINDOW, WINDOW_SIZE);
	create_disk(DISK);
	/* Says once that there is a tail. */
	create_disk(READONLY);
	check(m.of_disks == 2);
	m.of_disks = 0;
	check(virtio_rng_create(&m.d[ENTROPY], &m.bus, &m.dma[ENTROPY], true) == 0);
	check(virtio_console_create(&m.d[CONSOLE], &m.bus, &m.dma[CONSOLE], &hvc, true) == 0);
	pci_bus_reset(&m.bus);
	for (unsigned dev = 0; dev < NR_DEVICES; dev++)
		memcpy(m.power_on[dev], m.d[dev]->pci.config, PCI_CONFIG);
}

void fuzz_machine_destroy(void)
{
	if (!memory)
		return;
	for (unsigned dev = 0; dev < NR_DEVICES; dev++)
		virtio_destroy(m.d[dev]);
	pci_bus_finish(&m.bus);
	close(m.file[DISK]);
	close(m.file[READONLY]);
	munmap(memory, NR_DEVICES * (RAM_SIZE + GUARD) + GUARD);
	memory = NULL;
}

void fuzz_machine_start(void)
{
	write_file(m.file[DISK]);
	for (unsigned dev = 0; dev < NR_DEVICES; dev++)
		fuzz_fill(dev, RAM, RAM_SIZE, 0);
}

void fuzz_machine_reset(void)
{
	unsigned messages[NR_DEVICES] = {0};

	for (unsigned dev = 0; dev < NR_DEVICES; dev++)
		virtio_reset(m.d[dev]);
	pci_bus_reset(&m.bus);
	atomic_store(&m.hold, false);
	pci_resend(&m.bus);
	for (unsigned i = 0; i < PCI_NR_INTX; i++)
		check(!atomic_load(&m.line[i]));
	check(!m.bus.nr_regions);
	for (unsigned dev = 0; dev < NR_DEVICES; dev++) {
		check(!memcmp(m.power_on[dev], m.d[dev]->pci.config, PCI_CONFIG));
		for (unsigned i = 0; i < PCI_MSIX_MAX; i++)
			messages[dev] += atomic_load(&m.messages[dev][i]);
		fuzz_fill(dev, RAM, RAM_SIZE, 0xa5);
	}
	/* Nobody writes to memory any more, or sends anything. */
	for (unsigned i = 0; i < 20; i++)
		sched_yield();
	for (unsigned dev = 0; dev < NR_DEVICES; dev++) {
		const uint8_t *ram = m.dma[dev].ram;

		check(ram[0] == 0xa5 && !memcmp(ram, ram + 1, RAM_SIZE - 1));
		for (unsigned i = 0; i < PCI_MSIX_MAX; i++)
			messages[dev] -= atomic_load(&m.messages[dev][i]);
		check(!messages[dev]);
	}
}

/* Rings are where the device may use them without another look: 2.7. */
static void check_queues(struct virtio_device *d)
{
	pthread_mutex_lock(&d->lock);
	for (unsigned i = 0; i < d->nr_queues; i++) {
		const struct virtq *q = &d->queue[i];

		check(q->size && q->size <= 256 && !(q->size & (q->size - 1)));
		if (!q->enabled)
			continue;
		check(q->desc_gpa % 16 == 0 && q->avail_gpa % 2 == 0 && q->used_gpa % 4 == 0);
		check(dma_map(d->dma, q->desc_gpa, 16u * q->size) == q->desc);
		check(dma_map(d->dma, q->avail_gpa, 6u + 2u * q->size) == q->avail);
		check(dma_map(d->dma, q->used_gpa, 6u + 8u * q->size) == q->used);
	}
	pthread_mutex_unlock(&d->lock);
}

/* An address is that of one BAR at most. */
static void check_regions(void)
{
	uint64_t end = WINDOW;

	pthread_mutex_lock(&m.bus.lock);
	for (unsigned i = 0; i < m.bus.nr_regions; i++) {
		const struct pci_region *r = &m.bus.region[i];

		check(r->base >= end && r->base % r->size == 0);
		end = r->base + r->size;
	}
	check(end <= WINDOW + WINDOW_SIZE);
	pthread_mutex_unlock(&m.bus.lock);
}

void fuzz_machine_check(void)
{
	static uint8_t now[SECTORS * 512];

	for (unsigned dev = 0; dev < NR_DEVICES; dev++)
		check_queues(m.d[dev]);
	check_regions();
	check_file(m.file[DISK]);
	check_file(m.file[READONLY]);
	check(pread(m.file[READONLY], now, sizeof(now), 0) == sizeof(now));
	check(!memcmp(now, contents, sizeof(now)));
}

static bool is_busy(struct virtio_device *d)
{
	bool busy;

	pthread_mutex_lock(&d->lock);
	busy = (d->status & (VIRTIO_S_DRIVER_OK | VIRTIO_S_NEEDS_RESET)) == VIRTIO_S_DRIVER_OK &&
	       atomic_load(&d->kicked);
	busy |= d->busy;
	pthread_mutex_unlock(&d->lock);
	return busy;
}

void fuzz_settle(unsigned dev)
{
	uint64_t begin = fuzz_now_ms();

	for (unsigned n = 0; is_busy(m.d[dev]) && fuzz_now_ms() - begin < 50; n++)
		fuzz_pause(n, begin);
}
