/* SPDX-License-Identifier: MIT */
/*
 * A driver without fault. Whatever a guest did before, the one that comes next finds devices that
 * work: this one goes through all of it, from configuration space to the interrupt.
 */
#include "virtio.h"

#include <string.h>
#include <unistd.h>

#include "fuzz.h"

#define MSI_ADDRESS UINT32_C(0x08090040)
#define QUEUE_SIZE  64u

#define F_INDIRECT  (UINT64_C(1) << 28)
#define F_EVENT_IDX (UINT64_C(1) << 29)
#define F_VERSION_1 (UINT64_C(1) << 32)

/* What is driven now. */
static struct {
	unsigned dev;
	struct fuzz_manner how;
	uint64_t common, isr, config, notify;
	uint16_t next[DISK_QUEUES], used[DISK_QUEUES];
} v;

/* ---- Accesses ---- */

static uint32_t pci_read(unsigned at, unsigned len)
{
	return (uint32_t)pci_ecam_read(&m.bus, fuzz_config_at(v.dev, at), len);
}

static void pci_write(unsigned at, unsigned len, uint32_t value)
{
	pci_ecam_write(&m.bus, fuzz_config_at(v.dev, at), len, value);
}

static uint64_t mmio_read(uint64_t addr, unsigned len)
{
	uint64_t value;

	check(pci_mmio_read(&m.bus, addr, len, &value));
	return value;
}

static void mmio_write(uint64_t addr, unsigned len, uint64_t value)
{
	check(pci_mmio_write(&m.bus, addr, len, value));
}

/* ---- Finding it ---- */

static void place_bars(void)
{
	const uint64_t regs = fuzz_regs(v.dev);

	/* The others may be anywhere. */
	for (unsigned dev = 0; dev < NR_DEVICES; dev++)
		pci_ecam_write(&m.bus, fuzz_config_at(dev, 4), 2, 0);
	pci_write(0x14, 4, UINT32_MAX);
	check(pci_read(0x14, 4) == 0xfffff000);
	pci_write(0x14, 4, (uint32_t)fuzz_table(v.dev));
	pci_write(0x20, 4, UINT32_MAX);
	check(pci_read(0x20, 4) == 0xffffc004);
	pci_write(0x20, 4, (uint32_t)regs);
	pci_write(0x24, 4, (uint32_t)(regs >> 32));
	pci_write(4, 2, v.how.msix ? 0x406 : 6);
	check(pci_read(4, 2) == (v.how.msix ? 0x406 : 6));
}

static void set_up_msix(unsigned cap)
{
	const unsigned nr = (pci_read(cap + 2, 2) & 0x7ff) + 1;

	check(nr == fuzz_nr_queues(v.dev) + 1);
	/* What waited is forgotten, and all vectors are masked until they have a message. */
	pci_write(cap + 2, 2, 0);
	if (!v.how.msix)
		return;
	pci_write(cap + 2, 2, 0xc000);
	for (unsigned i = 0; i < nr; i++) {
		const uint64_t entry = fuzz_table(v.dev) + 16 * i;

		mmio_write(entry + 12, 4, 1);
		mmio_write(entry, 8, MSI_ADDRESS);
		mmio_write(entry + 8, 4, i);
		mmio_write(entry + 12, 4, 0);
		check(mmio_read(entry + 8, 8) == i);
	}
	pci_write(cap + 2, 2, 0x8000);
}

static void find_structures(void)
{
	unsigned msix = 0, nr = 0;

	v.common = v.isr = v.config = v.notify = 0;
	for (unsigned at = pci_read(0x34, 1); at; at = pci_read(at + 1, 1)) {
		const uint64_t where = fuzz_regs(v.dev) + pci_read(at + 8, 4);

		check(nr++ < 8 && at >= 0x40 && at < 0xf8);
		if (pci_read(at, 1) == 0x11)
			msix = at;
		else if (pci_read(at + 3, 1) == 1)
			v.common = where;
		else if (pci_read(at + 3, 1) == 2)
			v.notify = where;
		else if (pci_read(at + 3, 1) == 3)
			v.isr = where;
		else if (pci_read(at + 3, 1) == 4)
			v.config = where;
	}
	check(v.common && v.notify && v.isr && msix && (v.config || v.dev == ENTROPY));
	set_up_msix(msix);
}

/* ---- Setting it up: 3.1.1 ---- */

static void set_status(unsigned status)
{
	mmio_write(v.common + C_STATUS, 1, status);
	check(mmio_read(v.common + C_STATUS, 1) == status);
}

static void set_up_queue(unsigned q)
{
	mmio_write(v.common + C_SELECT, 2, q);
	check(mmio_read(v.common + C_SIZE, 2) == 256 && !mmio_read(v.common + C_ENABLE, 2));
	mmio_write(v.common + C_SIZE, 2, QUEUE_SIZE);
	fuzz_fill(v.dev, RINGS(q), 0x2000, 0);
	mmio_write(v.common + C_DESC, 8, RINGS(q));
	mmio_write(v.common + C_AVAIL, 8, RINGS(q) + 0x1000);
	mmio_write(v.common + C_USED, 8, RINGS(q) + 0x1400);
	if (v.how.msix) {
		mmio_write(v.common + C_VECTOR, 2, q + 1);
		check(mmio_read(v.common + C_VECTOR, 2) == q + 1);
	}
	mmio_write(v.common + C_ENABLE, 2, 1);
	check(mmio_read(v.common + C_ENABLE, 2) == 1);
	v.next[q] = v.used[q] = 0;
}

static void set_up(void)
{
	uint64_t features =
	    F_VERSION_1 | (v.how.event_idx ? F_EVENT_IDX : 0) | (v.how.indirect ? F_INDIRECT : 0);

	set_status(0);
	mmio_read(v.isr, 1);
	set_status(1);
	set_status(3);
	for (unsigned half = 0; half < 2; half++) {
		mmio_write(v.common + C_DRIVER_SELECT, 4, half);
		mmio_write(v.common + C_DRIVER, 4, (uint32_t)(features >> (32 * half)));
	}
	set_status(0xb);
	for (unsigned q = 0; q < fuzz_nr_queues(v.dev); q++)
		set_up_queue(q);
	set_status(0xf);
}

/* ---- Requests ---- */

struct buffer {
	uint64_t addr;
	uint32_t len;
	unsigned flags;
};

static void offer(unsigned q, const struct buffer *b, unsigned n)
{
	const uint64_t avail = RINGS(q) + 0x1000;
	const uint64_t table = v.how.indirect ? TABLES : RINGS(q);

	for (unsigned i = 0; i < n; i++)
		fuzz_desc(v.dev, table + 16 * i, b[i].addr, b[i].len,
			  b[i].flags | (i + 1 < n ? DESC_NEXT : 0), i + 1);
	if (v.how.indirect)
		fuzz_desc(v.dev, RINGS(q), TABLES, 16 * n, DESC_INDIRECT, 0);
	/* Whenever something is used, say so. */
	fuzz_store(v.dev, avail + 4 + 2 * QUEUE_SIZE, 2, v.used[q]);
	fuzz_store(v.dev, avail + 4 + 2 * (v.next[q] % QUEUE_SIZE), 2, 0);
	v.next[q]++;
	fuzz_store(v.dev, avail + 2, 2, v.next[q]);
	mmio_write(v.notify + 4 * q, 2, q);
}

static uint16_t used_index(unsigned q)
{
	return (uint16_t)fuzz_load(v.dev, RINGS(q) + 0x1402, 2);
}

/* Until the one chain that is offered is back. How many bytes the device wrote. */
static uint32_t await(unsigned q)
{
	const uint64_t entry = RINGS(q) + 0x1404 + 8 * (v.used[q] % QUEUE_SIZE);

	until(used_index(q) != v.used[q]);
	v.used[q]++;
	check(used_index(q) == v.used[q]);
	check(fuzz_load(v.dev, entry, 4) == 0);
	fuzz_count.runs++;
	return (uint32_t)fuzz_load(v.dev, entry + 4, 4);
}

static bool is_held(void)
{
	bool held;

	pthread_mutex_lock(&m.bus.lock);
	held = m.d[v.dev]->pci.msix.held;
	pthread_mutex_unlock(&m.bus.lock);
	return held;
}

/* The same, with the interrupt. */
static uint32_t use(unsigned q, const struct buffer *b, unsigned n)
{
	const unsigned line = (v.dev + 1) % PCI_NR_INTX;
	unsigned before = atomic_load(&m.messages[v.dev][q + 1]);
	uint32_t written;

	atomic_store(&m.hold, v.how.hold);
	offer(q, b, n);
	written = await(q);
	if (v.how.msix) {
		if (v.how.hold) {
			until(is_held());
			check(atomic_load(&m.messages[v.dev][q + 1]) == before);
			atomic_store(&m.hold, false);
			pci_resend(&m.bus);
		}
		until(atomic_load(&m.messages[v.dev][q + 1]) != before);
		check(!atomic_load(&m.line[line]));
	} else {
		until(atomic_load(&m.line[line]));
		check(mmio_read(v.isr, 1) & 1);
		check(!atomic_load(&m.line[line]));
		check(atomic_load(&m.messages[v.dev][q + 1]) == before);
	}
	return written;
}

/* ---- Devices ---- */

/* A request of one buffer. The status. */
static unsigned request(unsigned q, uint32_t type, uint64_t sector, uint32_t len, uint32_t *written)
{
	const struct buffer b[] = {
	    {DATA, 16, 0},
	    {DATA + 0x1000, len, type == T_OUT ? 0 : DESC_WRITE},
	    {DATA + 0x800, 1, DESC_WRITE},
	};

	fuzz_store(v.dev, DATA, 8, type);
	fuzz_store(v.dev, DATA + 8, 8, sector);
	fuzz_store(v.dev, DATA + 0x800, 1, 0xee);
	*written = use(q, b, 3);
	return (unsigned)fuzz_load(v.dev, DATA + 0x800, 1);
}

static void on_disk(uint64_t sector, uint8_t *bytes, size_t n)
{
	check(pread(m.file[v.dev], bytes, n, (off_t)(sector * 512)) == (ssize_t)n);
}

static void use_disk(void)
{
	const uint8_t salt = v.how.salt;
	const uint64_t sector = SECTORS - 2 - salt % 16;
	const unsigned q = salt % DISK_QUEUES;
	uint8_t bytes[1024];
	uint32_t written;
	unsigned status;

	check(mmio_read(v.config, 8) == SECTORS);
	for (unsigned i = 0; i < 1024; i++)
		fuzz_store(v.dev, DATA + 0x1000 + i, 1, (uint8_t)(salt + i * 3));
	status = request(q, T_OUT, sector, 1024, &written);
	check(status == (v.dev == READONLY ? 1 : 0) && written == 1);
	on_disk(sector, bytes, 1024);
	for (unsigned i = 0; i < 1024 && v.dev == DISK; i++)
		check(bytes[i] == (uint8_t)(salt + i * 3));
	fuzz_fill(v.dev, DATA + 0x1000, 1025, 0x11);
	check(request(q, T_IN, sector, 1024, &written) == 0 && written == 1025);
	for (unsigned i = 0; i < 1024; i++)
		check(fuzz_load(v.dev, DATA + 0x1000 + i, 1) == bytes[i]);
	check(fuzz_load(v.dev, DATA + 0x1400, 1) == 0x11);
}

static void use_entropy(void)
{
	const struct buffer b = {DATA, 64, DESC_WRITE};
	unsigned same = 0;

	fuzz_fill(v.dev, DATA, 65, 0x33);
	check(use(0, &b, 1) == 64);
	for (unsigned i = 0; i < 64; i++)
		same += fuzz_load(v.dev, DATA + i, 1) == 0x33;
	check(same < 16 && fuzz_load(v.dev, DATA + 64, 1) == 0x33);
}

/* Input up to the last byte of @text, behind what was left from before. */
static void read_input(const uint8_t *text, unsigned n)
{
	const struct buffer b = {DATA, v.how.salt % 2 ? 512 : 7, DESC_WRITE};
	unsigned taken = 0, got, matched = 0;

	while (matched < n) {
		taken += (unsigned)virtio_console_receive(m.d[CONSOLE], text + taken, n - taken);
		got = use(0, &b, 1);
		check(got && got <= b.len);
		for (unsigned i = 0; i < got; i++) {
			uint8_t c = (uint8_t)fuzz_load(v.dev, DATA + i, 1);

			matched = c == text[matched] ? matched + 1 : c == text[0];
			check(matched < n || i + 1 == got);
		}
	}
}

static void use_console(void)
{
	static const uint8_t text[] = "\x01 and this comes in";
	const struct buffer b[] = {{DATA, 3, 0}, {DATA + 0x100, 2000, 0}, {DATA + 8, 1, 0}};
	unsigned long before = atomic_load(&m.printed);

	fuzz_store(v.dev, DATA + 8, 1, v.how.salt);
	check(use(1, b, 3) == 0);
	check(atomic_load(&m.printed) - before == 2004 && atomic_load(&m.last) == v.how.salt);
	read_input(text, sizeof(text) - 1);
}

void fuzz_drive(unsigned dev, struct fuzz_manner how)
{
	v.dev = dev;
	v.how = how;
	place_bars();
	find_structures();
	set_up();
	if (dev == ENTROPY)
		use_entropy();
	else if (dev == CONSOLE)
		use_console();
	else
		use_disk();
}
