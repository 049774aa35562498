/* SPDX-License-Identifier: MIT */
/* The block device: each request and each error, what is safe when, and disks that cannot be. */
#include "test_virtio.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/report.h"

enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_ZEROES = 13 };
enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2 };
#define F_RO	     (UINT64_C(1) << 5)
#define F_FLUSH	     (UINT64_C(1) << 9)
#define F_CONFIG_WCE (UINT64_C(1) << 11)
#define F_DISCARD    (UINT64_C(1) << 13)
#define F_ZEROES     (UINT64_C(1) << 14)

#define SECTORS 2048u
#define QUEUES	4u

static struct driver v;
static char path[] = "/tmp/armature-test-XXXXXX";
static int fd = -1;

static int make_file(void **state)
{
	strcpy(path + strlen(path) - 6, "XXXXXX");
	fd = mkstemp(path);
	return fd >= 0 && ftruncate(fd, SECTORS * 512) == 0 ? 0 : -1;
}

static int remove_file(void **state)
{
	close(fd);
	return unlink(path);
}

static int create(bool readonly)
{
	const struct virtio_blk_config config = {
	    .path = path,
	    .serial = "disk7",
	    .readonly = readonly,
	    .nr_queues = QUEUES,
	    .with_msix = true,
	};
	int status;

	driver_init(&v);
	status = virtio_blk_create(&v.d, &v.bus, &v.dma, &config);
	if (!status)
		driver_probe(&v, true);
	return status;
}

static int setup(void **state)
{
	return make_file(state) || create(false);
}

static int setup_readonly(void **state)
{
	return make_file(state) || create(true);
}

static int teardown(void **state)
{
	driver_finish(&v);
	return remove_file(state);
}

static void fill(uint8_t *p, size_t n, unsigned salt)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(i * 7 + (i >> 8) + salt);
}

/* What the host's file has there. */
static const uint8_t *on_disk(uint64_t sector, size_t n)
{
	static uint8_t bytes[SECTORS * 512];

	assert_int_equal(pread(fd, bytes, n, (off_t)(sector * 512)), n);
	return bytes;
}

static void configuration(void **state)
{
	const uint64_t want = F_FLUSH | F_CONFIG_WCE | F_DISCARD | F_ZEROES | UINT64_C(1) << 12 |
			      UINT64_C(1) << 6 | UINT64_C(1) << 2;

	assert_int_equal(driver_pci_read(&v, 0, 4), 0x10421af4);
	assert_int_equal(driver_offered(&v) & ~(F_VERSION_1 | F_EVENT_IDX | F_INDIRECT), want);
	assert_int_equal(v.config_len, 60);
	assert_int_equal(driver_read(&v, v.config, 8), SECTORS);
	assert_int_equal(driver_read(&v, v.config, 4), SECTORS);
	assert_int_equal(driver_read(&v, v.config + 4, 4), 0);
	assert_int_equal(driver_read(&v, v.config + 12, 4), 254);
	assert_int_equal(driver_read(&v, v.config + 20, 4), 512);
	assert_int_equal(driver_read(&v, v.config + 34, 2), QUEUES);
	assert_int_equal(driver_read(&v, v.config + 60, 4), 0);
	assert_int_equal(common_read(&v, C_NUM_QUEUES), QUEUES);
	assert_int_equal(v.nr_vectors, QUEUES + 1);
}

static void reads_and_writes(void **state)
{
	uint8_t *data = ram(&v, DATA);
	uint32_t written;

	driver_start(&v, F_FLUSH);
	fill(data, 0x10000, 1);
	assert_int_equal(driver_blk(&v, 0, T_OUT, 100, DATA, 0x10000, false, &written), S_OK);
	assert_int_equal(written, 1);
	assert_memory_equal(on_disk(100, 0x10000), data, 0x10000);
	assert_true(driver_wait_message(&v, 1, 1));
	/* On another queue, one sector further. */
	memset(data + 0x10000, 0, 0x10000);
	assert_int_equal(driver_blk(&v, 3, T_IN, 101, DATA + 0x10000, 0x8000, true, &written),
			 S_OK);
	assert_int_equal(written, 0x8001);
	assert_memory_equal(data + 0x10000, data + 512, 0x8000);
	assert_true(driver_wait_message(&v, 4, 1));
	assert_int_equal(driver_blk(&v, 1, T_FLUSH, 0, 0, 0, false, &written), S_OK);
	assert_int_equal(written, 1);
	/* The last sector, and nothing at all. */
	assert_int_equal(driver_blk(&v, 0, T_OUT, SECTORS - 1, DATA, 512, false, NULL), S_OK);
	assert_int_equal(driver_blk(&v, 0, T_IN, SECTORS, 0, 0, true, NULL), S_OK);
}

static void refuses_what_is_not_there(void **state)
{
	static const struct {
		uint64_t sector;
		uint32_t len;
	} bad[] = {
	    {SECTORS, 512},	      {SECTORS - 1, 1024},	{UINT64_MAX, 512},
	    {UINT64_MAX / 512, 512},  {UINT64_C(1) << 55, 512}, {0, 511},
	    {0, (SECTORS + 1) * 512},
	};
	uint8_t *data = ram(&v, DATA);
	struct stat st;
	uint32_t written;

	driver_start(&v, 0);
	memset(data, 0x55, (SECTORS + 1) * 512);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(
		    driver_blk(&v, 0, T_OUT, bad[i].sector, DATA, bad[i].len, false, NULL),
		    S_IOERR);
		assert_int_equal(
		    driver_blk(&v, 0, T_IN, bad[i].sector, DATA, bad[i].len, true, &written),
		    S_IOERR);
		assert_int_equal(written, 0);
	}
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, SECTORS * 512);
	assert_int_equal(on_disk(0, 512)[0], 0);
	assert_int_equal(data[0], 0x55);
	/* Unknown requests, and those that were not agreed on. */
	assert_int_equal(driver_blk(&v, 0, 2, 0, DATA, 512, false, NULL), S_UNSUPP);
	assert_int_equal(driver_blk(&v, 0, 0x80000000, 0, DATA, 512, false, NULL), S_UNSUPP);
	assert_int_equal(driver_blk(&v, 0, T_DISCARD, 0, DATA, 16, false, NULL), S_UNSUPP);
	/* A disk that somebody made shorter. */
	assert_int_equal(ftruncate(fd, 512), 0);
	assert_int_equal(driver_blk(&v, 0, T_IN, 1, DATA, 512, true, NULL), S_IOERR);
}

static void says_who_it_is(void **state)
{
	uint8_t *data = ram(&v, DATA);
	uint32_t written;

	driver_start(&v, 0);
	memset(data, 0xaa, 64);
	assert_int_equal(driver_blk(&v, 0, T_GET_ID, 0, DATA, 20, true, &written), S_OK);
	assert_int_equal(written, 21);
	assert_memory_equal(data, "disk7\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xaa", 21);
	assert_int_equal(driver_blk(&v, 0, T_GET_ID, 0, DATA, 3, true, &written), S_OK);
	assert_int_equal(written, 4);
}

static void readonly_stays_as_it_is(void **state)
{
	uint8_t *data = ram(&v, DATA);

	assert_true(driver_offered(&v) & F_RO);
	assert_false(driver_offered(&v) & (F_DISCARD | F_ZEROES));
	driver_start(&v, F_RO);
	memset(data, 0x77, 512);
	assert_int_equal(driver_blk(&v, 0, T_OUT, 0, DATA, 512, false, NULL), S_IOERR);
	assert_int_equal(on_disk(0, 512)[0], 0);
	assert_int_equal(driver_blk(&v, 0, T_IN, 0, DATA, 512, true, NULL), S_OK);
	assert_int_equal(data[0], 0);
	assert_int_equal(driver_blk(&v, 0, T_FLUSH, 0, 0, 0, false, NULL), S_OK);
}

/* Ranges of a discard or write zeroes request: sector, sectors, flags. */
static unsigned ranges(uint32_t type, unsigned n, const uint64_t (*r)[3])
{
	uint8_t *p = ram(&v, DATA + 0x1000);

	for (unsigned i = 0; i < n; i++) {
		uint32_t words[2] = {(uint32_t)r[i][1], (uint32_t)r[i][2]};

		memcpy(p + 16 * i, &r[i][0], 8);
		memcpy(p + 16 * i + 8, words, 8);
	}
	return driver_blk(&v, 0, type, 0, DATA + 0x1000, 16 * n, false, NULL);
}

static void discards_and_zeroes(void **state)
{
	static const uint64_t two[2][3] = {{8, 8, 0}, {100, 3, 0}};
	static const uint64_t unmap[1][3] = {{64, 64, 1}};
	static const uint64_t beyond[1][3] = {{SECTORS - 1, 2, 0}};
	static const uint64_t far_away[1][3] = {{UINT64_MAX, 1, 0}};
	static const uint64_t too_many[1][3] = {{0, UINT32_MAX, 0}};
	static const uint64_t flags[1][3] = {{0, 8, 2}};
	uint8_t expected[SECTORS * 512];

	driver_start(&v, F_DISCARD | F_ZEROES);
	memset(expected, 0xcc, sizeof(expected));
	assert_int_equal(pwrite(fd, expected, sizeof(expected), 0), sizeof(expected));
	assert_int_equal(ranges(T_ZEROES, 2, two), S_OK);
	assert_int_equal(ranges(T_ZEROES, 1, unmap), S_OK);
	memset(expected + 8 * 512, 0, 8 * 512);
	memset(expected + 100 * 512, 0, 3 * 512);
	memset(expected + 64 * 512, 0, 64 * 512);
	assert_memory_equal(on_disk(0, sizeof(expected)), expected, sizeof(expected));
	assert_int_equal(ranges(T_ZEROES, 1, beyond), S_IOERR);
	assert_int_equal(ranges(T_ZEROES, 1, far_away), S_IOERR);
	assert_int_equal(ranges(T_ZEROES, 1, too_many), S_IOERR);
	assert_int_equal(ranges(T_ZEROES, 1, flags), S_UNSUPP);
	assert_int_equal(ranges(T_DISCARD, 1, unmap), S_UNSUPP);
	assert_int_equal(ranges(T_DISCARD, 1, beyond), S_IOERR);
	assert_memory_equal(on_disk(0, sizeof(expected)), expected, sizeof(expected));
	/* What a discard leaves is the host's choice; the rest it leaves alone. */
	assert_int_equal(ranges(T_DISCARD, 2, two), S_OK);
	assert_memory_equal(on_disk(16, 512), expected + 16 * 512, 512);
	/* No whole range, and too many. */
	assert_int_equal(driver_blk(&v, 0, T_ZEROES, 0, DATA, 15, false, NULL), S_IOERR);
	assert_int_equal(driver_blk(&v, 0, T_ZEROES, 0, DATA, 17 * 16, false, NULL), S_IOERR);
}

/* Header, data and status cut up in the least convenient way, in an indirect table. */
static void any_framing(void **state)
{
	static const uint32_t cuts[] = {1, 7, 8 + 100, 412};
	struct desc *t = ram(&v, DATA + 0x8000);
	uint8_t *p = ram(&v, DATA);
	uint64_t at = DATA;
	unsigned n = 0;

	driver_start(&v, F_INDIRECT);
	memset(p, 0, 16);
	p[0] = T_OUT;
	p[8] = 5;
	fill(p + 16, 512, 9);
	p[528] = 0xee;
	for (unsigned i = 0; i < 4; i++, n++) {
		t[n] = (struct desc){at, cuts[i], DESC_NEXT, (uint16_t)(n + 1)};
		at += cuts[i];
	}
	t[n] = (struct desc){at, 1, DESC_WRITE, 0};
	driver_desc(&v, 2, 0, DATA + 0x8000, 16 * 5, DESC_INDIRECT, 0);
	driver_offer(&v, 2, 0);
	driver_notify(&v, 2);
	driver_used(&v, 2, NULL);
	assert_int_equal(p[528], S_OK);
	assert_memory_equal(on_disk(5, 512), p + 16, 512);
	/* Back, and the status shares a buffer with the data. */
	p[0] = T_IN;
	t[0] = (struct desc){DATA, 16, DESC_NEXT, 1};
	t[1] = (struct desc){DATA + 0x1000, 3, DESC_WRITE | DESC_NEXT, 2};
	t[2] = (struct desc){DATA + 0x2000, 510, DESC_WRITE, 0};
	driver_offer(&v, 2, 0);
	driver_notify(&v, 2);
	driver_used(&v, 2, NULL);
	assert_memory_equal(p + 0x1000, p + 16, 3);
	assert_memory_equal(p + 0x2000, p + 19, 509);
	assert_int_equal(p[0x2000 + 509], S_OK);
}

/* Neither a header nor a status can be missing. */
static void needs_header_and_status(void **state)
{
	driver_start(&v, 0);
	driver_desc(&v, 0, 0, DATA, 16, 0, 0);
	driver_offer(&v, 0, 0);
	driver_notify(&v, 0);
	assert_true(driver_wait_status(&v, NEEDS_RESET));
	driver_start(&v, 0);
	driver_desc(&v, 0, 0, DATA, 15, DESC_NEXT, 1);
	driver_desc(&v, 0, 1, DATA, 1, DESC_WRITE, 0);
	driver_offer(&v, 0, 0);
	driver_notify(&v, 0);
	assert_true(driver_wait_status(&v, NEEDS_RESET));
}

static void cache_mode(void **state)
{
	driver_start(&v, F_FLUSH | F_CONFIG_WCE);
	assert_int_equal(driver_read(&v, v.config + 32, 1), 1);
	driver_write(&v, v.config + 32, 1, 0);
	assert_int_equal(driver_read(&v, v.config + 32, 1), 0);
	assert_int_equal(driver_blk(&v, 0, T_OUT, 0, DATA, 512, false, NULL), S_OK);
	driver_write(&v, v.config + 32, 1, 1);
	assert_int_equal(driver_read(&v, v.config + 32, 1), 1);
	/* The rest of the configuration is read-only. */
	driver_write(&v, v.config, 4, 0);
	driver_write(&v, v.config + 32, 4, 0);
	assert_int_equal(driver_read(&v, v.config, 8), SECTORS);
	assert_int_equal(driver_read(&v, v.config + 32, 1), 1);
	/* So is all of it for a driver that did not ask to change it. */
	driver_start(&v, F_FLUSH);
	driver_write(&v, v.config + 32, 1, 0);
	assert_int_equal(driver_read(&v, v.config + 32, 1), 1);
	/* A driver that knows no flush gets no cache (5.2.5.2). */
	driver_start(&v, F_CONFIG_WCE);
	assert_int_equal(driver_read(&v, v.config + 32, 1), 0);
}

/* ---- Several at once ---- */

struct worker {
	pthread_t thread;
	unsigned q;
};

/* 256 requests in turns on one queue, each with a pattern of its own. */
static void *work(void *arg)
{
	struct worker *w = arg;
	const uint64_t base = DATA + w->q * 0x40000;
	uint8_t *p = ram(&v, base);

	for (unsigned i = 0; i < 256; i++) {
		const uint64_t sector = w->q * 256 + i;
		bool back = i & 1;

		memset(p, 0, 16);
		p[0] = back ? T_IN : T_OUT;
		memcpy(p + 8, &(uint64_t){back ? sector - 1 : sector}, 8);
		if (!back)
			fill(p + 0x1000, 512, i + 64 * w->q);
		else
			memset(p + 0x1000, 0, 512);
		driver_desc(&v, w->q, 0, base, 16, DESC_NEXT, 1);
		driver_desc(&v, w->q, 1, base + 0x1000, 512, DESC_NEXT | (back ? DESC_WRITE : 0),
			    2);
		driver_desc(&v, w->q, 2, base + 16, 1, DESC_WRITE, 0);
		driver_offer(&v, w->q, 0);
		driver_write(&v, v.notify + 4 * w->q, 2, w->q);
		driver_used(&v, w->q, NULL);
		if (p[16] != S_OK || (back && p[0x1000 + 3] != (uint8_t)(21 + i - 1 + 64 * w->q)))
			return w;
	}
	return NULL;
}

static void queues_work_together(void **state)
{
	struct worker w[QUEUES];
	void *bad;

	driver_start(&v, F_FLUSH);
	for (unsigned i = 0; i < QUEUES; i++) {
		w[i].q = i;
		assert_int_equal(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (unsigned i = 0; i < QUEUES; i++) {
		assert_int_equal(pthread_join(w[i].thread, &bad), 0);
		assert_null(bad);
	}
}

/* A queue full of requests at once: more than one turn, and one message at least at the end. */
static void a_full_queue(void **state)
{
	uint8_t *p = ram(&v, DATA);

	driver_start(&v, F_INDIRECT | F_EVENT_IDX);
	for (unsigned i = 0; i < RING_SIZE; i++) {
		const uint64_t at = DATA + 0x1000 * i;
		struct desc *t = ram(&v, at + 0x100);

		memset(ram(&v, at), 0, 0x100);
		p[0x1000 * i] = T_OUT;
		p[0x1000 * i + 8] = (uint8_t)i;
		p[0x1000 * i + 0x400] = (uint8_t)~i;
		t[0] = (struct desc){at, 16, DESC_NEXT, 1};
		t[1] = (struct desc){at + 0x400, 512, DESC_NEXT, 2};
		t[2] = (struct desc){at + 16, 1, DESC_WRITE, 0};
		driver_desc(&v, 1, i, at + 0x100, 48, DESC_INDIRECT, 0);
		driver_offer(&v, 1, i);
	}
	driver_notify(&v, 1);
	for (unsigned i = 0; i < RING_SIZE; i++)
		assert_int_equal(driver_used(&v, 1, NULL), i);
	for (unsigned i = 0; i < RING_SIZE; i++) {
		assert_int_equal(p[0x1000 * i + 16], S_OK);
		assert_int_equal(on_disk(i, 512)[0], (uint8_t)~i);
	}
	assert_true(driver_wait_message(&v, 2, 1));
}

/* A reset returns when nothing is in flight: memory is not written to any more. */
static void reset_waits(void **state)
{
	for (unsigned round = 0; round < 200; round++) {
		uint8_t *p = ram(&v, DATA);
		struct desc *t = ram(&v, DATA + 0x100);

		driver_start(&v, F_INDIRECT);
		memset(p, 0, 0x100);
		memcpy(t, &(struct desc){DATA, 16, DESC_NEXT, 1}, 16);
		memcpy(t + 1, &(struct desc){DATA + 0x1000, 0x100000, DESC_WRITE | DESC_NEXT, 2},
		       16);
		memcpy(t + 2, &(struct desc){DATA + 16, 1, DESC_WRITE, 0}, 16);
		for (unsigned i = 0; i < 8; i++) {
			driver_desc(&v, 0, i, DATA + 0x100, 48, DESC_INDIRECT, 0);
			driver_offer(&v, 0, i);
		}
		driver_notify(&v, 0);
		if (round & 1)
			driver_used(&v, 0, NULL);
		common_write(&v, C_STATUS, 0);
		memset(p + 0x1000, 0x99, 0x100000);
		memset(ram(&v, v.queue[0].used), 0x99, 0x1000);
		if (round % 50 == 0)
			driver_pause();
		for (unsigned i = 0; i < 0x100000; i += 4096)
			assert_int_equal(p[0x1000 + i], 0x99);
		assert_int_equal(driver_used_index(&v, 0), 0x9999);
	}
}

/* ---- Disks that cannot be ---- */

static int try_create(const char *file, bool readonly)
{
	const struct virtio_blk_config config = {
	    .path = file, .readonly = readonly, .nr_queues = 2};
	struct driver other;
	int status;

	driver_init(&other);
	status = virtio_blk_create(&other.d, &other.bus, &other.dma, &config);
	driver_finish(&other);
	return status;
}

static void one_writer(void **state)
{
	assert_int_equal(try_create(path, false), VMM_FILE);
	assert_int_equal(try_create(path, true), VMM_FILE);
}

static void many_readers(void **state)
{
	assert_int_equal(try_create(path, true), 0);
	assert_int_equal(try_create(path, false), VMM_FILE);
}

static void unfit_files(void **state)
{
	char fifo[sizeof(path) + 5];

	assert_int_equal(try_create("/nonexistent/disk", false), VMM_FILE);
	assert_int_equal(try_create("/tmp", true), VMM_FILE);
	assert_int_equal(try_create("/dev/null", false), VMM_FILE);
	snprintf(fifo, sizeof(fifo), "%s.fifo", path);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(try_create(fifo, true), VMM_FILE);
	unlink(fifo);
	assert_int_equal(ftruncate(fd, 511), 0);
	assert_int_equal(try_create(path, false), VMM_FILE);
}

static void whole_sectors(void **state)
{
	assert_int_equal(ftruncate(fd, 3 * 512 + 17), 0);
	assert_int_equal(create(false), 0);
	assert_int_equal(driver_read(&v, v.config, 8), 3);
	driver_start(&v, 0);
	assert_int_equal(driver_blk(&v, 0, T_OUT, 3, DATA, 512, false, NULL), S_IOERR);
	driver_finish(&v);
}

static void a_full_bus(void **state)
{
	const struct virtio_blk_config config = {.path = path, .readonly = true, .nr_queues = 2};
	struct virtio_device *d[PCI_SLOTS] = {NULL};
	unsigned n = 0;

	driver_init(&v);
	while (n < PCI_SLOTS && !virtio_blk_create(&d[n], &v.bus, &v.dma, &config))
		n++;
	assert_int_equal(n, PCI_SLOTS - 1);
	for (unsigned i = 0; i < n; i++)
		virtio_destroy(d[i]);
	driver_finish(&v);
}

int main(void)
{
#define TEST(f)		  cmocka_unit_test_setup_teardown(f, setup, teardown)
#define READ_ONLY_TEST(f) cmocka_unit_test_setup_teardown(f, setup_readonly, teardown)
#define FILE_TEST(f)	  cmocka_unit_test_setup_teardown(f, make_file, remove_file)
	const struct CMUnitTest tests[] = {
	    TEST(configuration),
	    TEST(reads_and_writes),
	    TEST(refuses_what_is_not_there),
	    TEST(says_who_it_is),
	    READ_ONLY_TEST(readonly_stays_as_it_is),
	    TEST(discards_and_zeroes),
	    TEST(any_framing),
	    TEST(needs_header_and_status),
	    TEST(cache_mode),
	    TEST(queues_work_together),
	    TEST(a_full_queue),
	    TEST(reset_waits),
	    TEST(one_writer),
	    READ_ONLY_TEST(many_readers),
	    FILE_TEST(unfit_files),
	    FILE_TEST(whole_sectors),
	    FILE_TEST(a_full_bus),
	};

	return cmocka_run_group_tests_name("virtio-blk", tests, NULL, NULL);
}
