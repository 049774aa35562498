/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: what a guest does to the PCI bus and to the virtio devices, with registers, rings
 * and descriptors that are mostly right, because nothing is found behind a queue that does not
 * start. One input in two has a second CPU that does the same at the same time.
 *
 * What must hold whatever happens: a device touches its guest's memory only, and after a reset not
 * even that; a read-only disk stays as it is, and no disk grows; messages are those of the table,
 * when they may be sent; the user is told once; and a driver without fault then works with each
 * device.
 */
#include "virtio.h"

#include <pthread.h>
#include <string.h>

#include "fuzz.h"
#include "input.h"
#include "vmm/report.h"

struct fuzz_count fuzz_count;

static atomic_ulong good, bad;

/* Queues as this CPU believes them to be. */
static _Thread_local struct belief {
	uint64_t desc, avail, used;
	unsigned size;
	uint16_t next;
} belief[NR_DEVICES][DISK_QUEUES];

/* ---- Arguments ---- */

/* How often this CPU does what no driver does, of 65536; it depends on its mood. */
static _Thread_local unsigned odds;

static void change_mood(void)
{
	static const uint16_t moods[] = {0, 64, 512, 4096};

	odds = moods[byte() % 4];
}

static bool rarely(void)
{
	return odds && (byte() << 8 | byte()) < (int)odds;
}

/* @v, but for once in a while. */
static uint64_t bent(uint64_t v)
{
	return rarely() ? number() : v;
}

static unsigned some_device(void)
{
	static const uint8_t devices[] = {DISK, DISK, READONLY, ENTROPY, CONSOLE, DISK, CONSOLE};

	return devices[byte() % 7];
}

static unsigned some_queue(unsigned dev)
{
	return byte() % fuzz_nr_queues(dev);
}

static unsigned some_len(void)
{
	static const uint8_t lens[] = {1, 2, 4, 8, 4, 2, 4, 1};
	unsigned n = byte();

	return n < 240 ? lens[n % 8] : 1 + n % 8;
}

/* A guest physical address: buffers, rings, the edges of memory, and anything. */
static uint64_t some_address(void)
{
	unsigned n = byte();

	if (!rarely())
		return DATA + 0x8000 + word() % (RAM_END - DATA - 0x9000);
	if (n < 160)
		return DATA + word() % (RAM_END - DATA);
	if (n < 176)
		return RAM + word() % (DATA - RAM);
	if (n < 200)
		return RAM_END - byte() % 64 * 16;
	if (n < 216)
		return RAM_END - byte();
	if (n < 224)
		return RAM - byte();
	if (n < 232)
		return RAM + word() % RAM_SIZE + ((uint64_t)word() << 32);
	return number();
}

static uint32_t some_size(uint64_t address)
{
	static const uint32_t sizes[] = {0, 1, 15, 16, 17, 511, 512, 513, 1024, 4096, 65536};
	unsigned n = byte();

	if (!rarely())
		return n < 192 ? 512u << n % 4 : n;
	if (n < 192)
		return sizes[n % 11];
	if (n < 208)
		return (uint32_t)(RAM_END - address) + n % 3 - 1;
	if (n < 224)
		return UINT32_MAX - n % 4;
	return (uint32_t)number();
}

/* ---- Accesses ---- */

static void count(bool there)
{
	atomic_fetch_add(there ? &good : &bad, 1);
}

static void config_write(unsigned dev, unsigned at, unsigned len, uint64_t value)
{
	pci_ecam_write(&m.bus, fuzz_config_at(dev, at), len, value);
	count(true);
}

static void write_at(uint64_t addr, unsigned len, uint64_t value)
{
	count(pci_mmio_write(&m.bus, addr, len, value));
}

static uint64_t read_at(uint64_t addr, unsigned len)
{
	uint64_t v;

	count(pci_mmio_read(&m.bus, addr, len, &v));
	check(len == 8 || !(v >> (8 * len)));
	return v;
}

static void common(unsigned dev, unsigned field, unsigned len, uint64_t value)
{
	write_at(fuzz_regs(dev) + field, len, bent(value));
}

static void notify(unsigned dev, unsigned q)
{
	write_at(fuzz_regs(dev) + REGS_NOTIFY + 4 * bent(q), 2, q);
}

/* ---- Configuration space ---- */

static void place(unsigned dev)
{
	const uint64_t regs = bent(fuzz_regs(dev));

	config_write(dev, 0x14, 4, bent(fuzz_table(dev)));
	config_write(dev, 0x20, 4, regs);
	config_write(dev, 0x24, 4, regs >> 32);
	config_write(dev, 4, 2, bent(6));
}

/* BARs on top of each other, at the window's ends, of a size being asked for. */
static void move_bar(void)
{
	static const uint64_t places[] = {WINDOW,
					  WINDOW - 0x1000,
					  WINDOW + WINDOW_SIZE - 0x4000,
					  WINDOW + WINDOW_SIZE - 0x1000,
					  UINT64_C(0xfffff000),
					  UINT64_C(0x100000000),
					  UINT64_MAX,
					  0};
	unsigned dev = some_device(), n = byte();
	uint64_t to = n < 128	? places[n % 8]
		      : n < 240 ? (n & 1 ? fuzz_regs(some_device()) : fuzz_table(some_device())) +
				      n / 2 % 4 * 0x1000
				: number();

	if (byte() % 2) {
		config_write(dev, 0x20, 4, to);
		config_write(dev, 0x24, 4, to >> 32);
	} else {
		config_write(dev, 0x14, 4, to);
	}
}

static void any_config(void)
{
	static const uint8_t where[] = {0,    4,    4,	  5,	6,    0x14, 0x20, 0x24,
					0x34, 0x3c, 0x40, 0x42, 0x43, 0x4c, 0x5c, 0x80};
	unsigned n = byte(), len = some_len();
	uint64_t at = n < 192 ? where[n % 16] : n < 224 ? word() % 0x1000 : word() % 0x100010;

	if (n < 224)
		at |= fuzz_config_at(some_device(), 0);
	else if (n < 232)
		at = PCI_ECAM_BUS - 8 + n % 8 * 4;
	if (n & 32)
		pci_ecam_write(&m.bus, at, len, number());
	else
		pci_ecam_read(&m.bus, at, len);
	count(true);
}

/* The window in configuration space, 4.1.4.9. */
static void use_window(void)
{
	static const uint16_t pages[] = {REGS_COMMON, REGS_ISR, REGS_DEVICE, REGS_NOTIFY};
	unsigned dev = some_device(), cap = m.d[dev]->cap_pci_cfg, n = byte(), len = 1u << n % 3;

	config_write(dev, cap + 4, 1, bent(4));
	config_write(dev, cap + 8, 4, bent(pages[n / 4 % 4] + byte() % 64 / len * len));
	config_write(dev, cap + 12, 4, bent(len));
	if (n & 128)
		config_write(dev, cap + 16, rarely() ? some_len() : len, number());
	else
		pci_ecam_read(&m.bus, fuzz_config_at(dev, cap + 16), len);
}

static void control(void)
{
	unsigned dev = some_device(), n = byte();

	if (n % 2)
		config_write(dev, 4, 2, n & 2 ? 6 : n & 4 ? 2 : n & 8 ? 0x406 : n & 0x10 ? 4 : 0);
	else
		config_write(dev, m.d[dev]->pci.msix_cap + 2, 2,
			     n & 2   ? 0x8000
			     : n & 4 ? 0xc000
				     : 0);
}

/* ---- Registers ---- */

static void table_or_pba(void)
{
	unsigned dev = some_device(), n = byte(), len = some_len();
	uint64_t at = fuzz_table(dev) + (n < 200   ? byte() % 6 * 16 + n % 4 * 4
					 : n < 240 ? 0x800 + n % 16
						   : word() % 0x1000);

	if (n & 32)
		write_at(at, len, n % 4 == 3 ? n >> 6 & 1 : number());
	else
		read_at(at, len);
}

static void set_up_messages(unsigned dev)
{
	for (unsigned i = 0; i <= fuzz_nr_queues(dev); i++) {
		write_at(fuzz_table(dev) + 16 * i, 8, bent(0x08090040));
		write_at(fuzz_table(dev) + 16 * i + 8, 8, bent(i));
	}
	config_write(dev, m.d[dev]->pci.msix_cap + 2, 2, bent(0x8000));
}

static void registers(void)
{
	static const uint8_t fields[] = {0,  4,	 8,  12, 16, 18, 20, 21,
					 22, 24, 26, 28, 30, 32, 36, 48};
	unsigned dev = some_device(), n = byte();
	uint64_t at = fuzz_regs(dev);

	if (n < 160)
		at += fields[n % 16];
	else if (n < 176)
		at += REGS_ISR;
	else if (n < 208)
		at += REGS_DEVICE + (n % 4 ? byte() % 72 : 32); /* 32: a disk's cache mode */
	else if (n < 224)
		at += REGS_NOTIFY + byte() % 80;
	else
		at += word() % 0x4010 - 8;
	if (byte() % 2)
		write_at(at, some_len(), number());
	else
		read_at(at, some_len());
}

static void status(void)
{
	static const uint8_t values[] = {0, 1, 3, 0xb, 0xf, 0xf, 0x4f, 0x8f};
	unsigned n = byte();

	write_at(fuzz_regs(some_device()) + C_STATUS, 1, n < 224 ? values[n % 8] : n);
}

/* Anything in the window, across the ends of BARs as well. */
static void anywhere(void)
{
	unsigned n = byte(), dev = some_device();
	uint64_t at = n < 64	? fuzz_regs(dev) + 0x4000
		      : n < 128 ? fuzz_table(dev) + 0x1000
		      : n < 192 ? fuzz_regs(dev)
				: WINDOW + word() % (uint32_t)WINDOW_SIZE;

	at -= n % 8;
	if (byte() % 2)
		write_at(at, 1 + n % 8, number());
	else
		read_at(at, 1 + n % 8);
}

/* ---- A driver that is nearly right ---- */

/* Rings on other rings, at the edges of memory, and outside. */
static uint64_t some_ring(uint64_t right, unsigned size)
{
	unsigned n = byte();

	if (n < 8)
		return (RAM_END - size + n / 2 * 2) & ~UINT64_C(3);
	if (!rarely())
		return right;
	if (n < 128)
		return RINGS(n % 4) + n / 4 % 4 * 0x400;
	return some_address();
}

static void set_up_queue(unsigned dev, unsigned q)
{
	struct belief *b = &belief[dev][q];
	unsigned n = byte();

	b->size = n < 128 ? 16 : n < 192 ? 256 : 1u << n % 9;
	b->desc = some_ring(RINGS(q), 16 * b->size);
	b->avail = some_ring(RINGS(q) + 0x1000, 6 + 2 * b->size);
	b->used = some_ring(RINGS(q) + 0x1400, 6 + 8 * b->size);
	b->next = 0;
	common(dev, C_SELECT, 2, q);
	common(dev, C_SIZE, 2, b->size);
	common(dev, C_DESC, 8, b->desc);
	common(dev, C_AVAIL, 8, b->avail);
	common(dev, C_USED, 8, b->used);
	common(dev, C_VECTOR, 2, q + 1);
	common(dev, C_ENABLE, 2, 1);
	if (dma_map(&m.dma[dev], b->avail, 4) && !rarely())
		fuzz_store(dev, b->avail, 4, byte() % 4 == 0);
}

static void start(unsigned dev)
{
	unsigned n = byte();

	change_mood();
	if (n & 7)
		place(dev);
	common(dev, C_STATUS, 1, 0);
	if (n & 8)
		set_up_messages(dev);
	common(dev, C_STATUS, 1, 1);
	common(dev, C_STATUS, 1, 3);
	common(dev, C_DRIVER_SELECT, 4, 1);
	common(dev, C_DRIVER, 4, 1);
	common(dev, C_DRIVER_SELECT, 4, 0);
	/* Of the disk all, at times, and what there is for each device. */
	common(dev, C_DRIVER, 4, (n & 0x30) << 24 | (dev == DISK && n & 0xc0 ? 0x7a44 : 0));
	common(dev, C_STATUS, 1, 0xb);
	common(dev, C_CONFIG_VECTOR, 2, 0);
	for (unsigned q = 0; q < fuzz_nr_queues(dev); q++)
		set_up_queue(dev, q);
	common(dev, C_STATUS, 1, 0xf);
}

static void restart(void)
{
	start(some_device());
}

static void store_desc(unsigned dev, uint64_t at, uint64_t addr, uint32_t len, unsigned flags,
		       unsigned next)
{
	if (dma_map(&m.dma[dev], at, 16))
		fuzz_desc(dev, at, bent(addr), (uint32_t)bent(len), (unsigned)bent(flags),
			  (unsigned)bent(next));
}

/* A disk's header, at @at. */
static void header(unsigned dev, uint64_t at)
{
	static const uint8_t types[] = {T_IN,	  T_OUT,     T_OUT,    T_IN, T_FLUSH,
					T_GET_ID, T_DISCARD, T_ZEROES, T_IN, T_OUT};
	static const uint64_t sectors[] = {SECTORS,    SECTORS - 1,	     SECTORS + 1,
					   UINT64_MAX, UINT64_MAX / 512 + 1, UINT64_C(1) << 55};
	unsigned n = byte();

	fuzz_store(dev, at, 8, bent(types[n % 10]));
	fuzz_store(dev, at + 8, 8, n < 208 ? byte() % SECTORS : sectors[n % 6]);
	/* Ranges of a discard, if it is one. */
	for (unsigned i = 0; i < 3; i++) {
		fuzz_store(dev, at + 16 + 16 * i, 8, n & 64 ? byte() : sectors[n / 8 % 6]);
		fuzz_store(dev, at + 24 + 16 * i, 8, bent(byte() % 64) | (uint64_t)(n & 1) << 32);
	}
}

/* Makes @head available, and perhaps more than is there. */
static void offer(unsigned dev, unsigned q, unsigned head)
{
	struct belief *b = &belief[dev][q];
	const uint64_t entry = b->avail + 4 + 2 * (b->next % b->size);

	if (!dma_map(&m.dma[dev], b->avail, 6 + 2 * b->size))
		return;
	fuzz_store(dev, entry, 2, bent(head));
	b->next++;
	fuzz_store(dev, b->avail + 2, 2, rarely() ? b->next + word() % 600 : b->next);
	if (byte() % 4)
		fuzz_store(dev, b->avail + 4 + 2 * b->size, 2, byte() % 4 ? b->next - 1u : word());
}

/* A chain of buffers, in the queue's table or one of its own. */
static void request(void)
{
	const unsigned dev = some_device(), q = some_queue(dev), how = byte();
	const bool disk = dev == DISK || dev == READONLY, indirect = how & 1;
	struct belief *b = &belief[dev][q];
	const unsigned head = b->size ? byte() % b->size : 0, n = 1 + byte() % 6;
	const uint64_t table = indirect ? TABLES + head * 0x60 : b->desc;
	const uint64_t head_at = DATA + head * 0x80;

	if (!b->size)
		return;
	if (disk)
		header(dev, head_at);
	for (unsigned i = 0; i < n; i++) {
		const unsigned slot = indirect ? i : (head + i) % b->size;
		const unsigned next = indirect ? i + 1 : (head + i + 1) % b->size;
		uint64_t addr = some_address();
		uint32_t len = some_size(addr);
		unsigned writes = dev == ENTROPY || (dev == CONSOLE && !q) ? DESC_WRITE
				  : disk && i && (how & 2)		   ? DESC_WRITE
									   : 0;

		if (disk && i == 0) {
			addr = head_at;
			len = how & 4 ? 16 : 32;
		} else if (disk && i + 1 == n) {
			addr = head_at + 0x70;
			len = 1;
			writes = DESC_WRITE;
		}
		store_desc(dev, table + 16 * slot, addr, len, writes | (i + 1 < n ? DESC_NEXT : 0),
			   next);
	}
	if (indirect && rarely())
		store_desc(dev, b->desc + 16 * head, RAM_END - (how & 2) * 8, byte() % 40,
			   DESC_INDIRECT, 0);
	else if (indirect)
		store_desc(dev, b->desc + 16 * head, table, 16 * n, DESC_INDIRECT, 0);
	offer(dev, q, head);
	if (how & 0xf0)
		notify(dev, q);
}

/* The whole queue at once, all of it the same chain; and chains without end. */
static void flood(void)
{
	const unsigned dev = some_device(), q = some_queue(dev), n = byte();
	struct belief *b = &belief[dev][q];

	if (!b->size || !dma_map(&m.dma[dev], b->avail, 6 + 2 * b->size))
		return;
	if (n & 1)
		for (unsigned i = 0; i < b->size; i++)
			store_desc(dev, b->desc + 16 * i, some_address(), n & 2 ? 0 : n,
				   DESC_NEXT | (n & 4 ? DESC_WRITE : 0), (i + 1) % b->size);
	b->next = (uint16_t)(b->next + (n & 8 ? b->size : byte()));
	fuzz_store(dev, b->avail + 2, 2, b->next);
	notify(dev, q);
}

/* Bytes anywhere in memory: rings and descriptors while they are in use. */
static void scribble(void)
{
	const unsigned dev = some_device(), q = some_queue(dev), n = byte();
	const struct belief *b = &belief[dev][q];
	const uint64_t places[] = {b->desc, b->avail, b->used, TABLES, DATA, RINGS(q)};
	const uint64_t at = places[n % 6] + (n & 64 ? byte() : word() % 0x1000);
	const unsigned len = some_len();

	if (dma_map(&m.dma[dev], at, len))
		fuzz_store(dev, at, len, n & 128 ? some_address() : number());
}

/* ---- The host ---- */

static void host(void)
{
	unsigned n = byte();
	uint8_t bytes[64];

	if (n < 64) {
		atomic_store(&m.hold, true);
	} else if (n < 128) {
		atomic_store(&m.hold, false);
		pci_resend(&m.bus);
	} else if (n < 220) {
		/* Never 1: what the driver without fault begins with. */
		for (unsigned i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)(0x20 + i);
		virtio_console_receive(m.d[CONSOLE], bytes, n % 64);
	} else if (n < 242) {
		fuzz_shrink();
	} else if (n < 248) {
		virtio_reset(m.d[some_device()]);
	} else {
		pci_bus_reset(&m.bus);
	}
}

/* ---- Inputs ---- */

static void step(void)
{
	/* The second half is what takes the ground from under a driver. */
	static void (*const steps[])(void) = {
	    request,	scribble,   scribble, flood,  registers, table_or_pba, host,	 restart,
	    any_config, use_window, control,  status, anywhere,	 move_bar,     move_bar, host,
	};
	unsigned op = byte();

	if (op < 100)
		request();
	else if (op < 108)
		restart();
	else if (op < 140)
		fuzz_settle(some_device());
	else
		steps[op % 16 & (odds < 512 && byte() % 16 ? 7 : 15)]();
}

struct part {
	const uint8_t *data;
	size_t size;
	bool start; /* with all devices */
};

static void *play(void *arg)
{
	const struct part *p = arg;
	uint64_t begin = fuzz_now_ms();

	memset(belief, 0, sizeof(belief));
	change_mood();
	input_start(p->data, p->size);
	while (in.left)
		step();
	/* No access of a CPU takes long. */
	check(fuzz_now_ms() - begin < 60000);
	return NULL;
}

static void play_both(const uint8_t *data, size_t size)
{
	struct part first = {data, size / 2, true};
	struct part second = {data + size / 2, size - size / 2, false};
	pthread_t other;

	check(!pthread_create(&other, NULL, play, &second));
	play(&first);
	pthread_join(other, NULL);
}

/* The first byte says which of the two kinds of input it is, and what happens behind it. */
static void prepare(unsigned how)
{
	static bool created;

	if (created && how % 32)
		return;
	if (!created)
		atexit(fuzz_machine_destroy);
	fuzz_machine_destroy();
	for (unsigned i = 0; i < VMM_TRACE_COUNT; i++)
		vmm_trace_on[i] = how & 64;
	fuzz_machine_create();
	created = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct part all;

	if (size < 2)
		return 0;
	all = (struct part){data + 2, size - 2, data[1] & 0x80};
	prepare(data[0]);
	fuzz_machine_start();
	for (unsigned dev = 0; dev < NR_DEVICES && data[1] & 1; dev++)
		fuzz_drive(dev, (struct fuzz_manner){.msix = data[1] & 2});
	if (data[0] & 128)
		play_both(all.data, all.size);
	else
		play(&all);
	fuzz_grow();
	fuzz_machine_check();
	atomic_store(&m.hold, false);
	pci_resend(&m.bus);
	/* A guest that goes on where the other one stopped, or one on a machine that was reset. */
	if (data[1] & 4)
		fuzz_machine_reset();
	for (unsigned dev = 0; dev < NR_DEVICES; dev++)
		fuzz_drive(dev, (struct fuzz_manner){.msix = data[1] >> dev & 8,
						     .event_idx = data[0] & 32,
						     .indirect = data[0] & 64,
						     .hold = data[0] & 16,
						     .salt = data[1]});
	fuzz_machine_check();
	fuzz_machine_reset();
	fuzz_count.good = atomic_load(&good);
	fuzz_count.bad = atomic_load(&bad);
	return 0;
}
