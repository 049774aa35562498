/* SPDX-License-Identifier: MIT */
/* The bus: finding frames, byte order, and looking up while frames come and go. */
#include "common.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct probe {
	struct am_frame frame;
	uint32_t offset;
	unsigned len, vcpu;
	uint64_t value;
};

static uint64_t probe_read(struct am_frame *frame, unsigned vcpu, uint32_t offset, unsigned len)
{
	struct probe *p = (struct probe *)frame;

	p->offset = offset;
	p->len = len;
	p->vcpu = vcpu;
	return p->value;
}

static void probe_write(struct am_frame *frame, unsigned vcpu, uint32_t offset, unsigned len,
			uint64_t value)
{
	probe_read(frame, vcpu, offset, len);
	((struct probe *)frame)->value = value;
}

static const struct am_frame_ops probe_ops = {probe_read, probe_write};

static void *plain_alloc(void *opaque, size_t size)
{
	return malloc(size);
}

static void plain_free(void *opaque, void *p, size_t size)
{
	free(p);
}

static const struct am_alloc plain = {plain_alloc, plain_free, NULL};

static struct probe probe(uint32_t size)
{
	return (struct probe){.frame = {.ops = &probe_ops, .name = "probe", .size = size}};
}

static void test_find(void **state)
{
	struct probe a = probe(0x1000), b = probe(0x1000), top = probe(0x1000);
	struct am_bus *bus;
	uint64_t v = 0;
	uint32_t off;

	assert_int_equal(am_bus_create(NULL, &bus), -EINVAL);
	assert_int_equal(am_bus_create(&plain, &bus), 0);
	assert_int_equal(am_bus_read(bus, 0, 0, 4, &v), -ENOENT);
	assert_int_equal(am_bus_add(bus, 0x3000, &b.frame), 0);
	assert_int_equal(am_bus_add(bus, 0x1000, &a.frame), 0);
	assert_int_equal(am_bus_add(bus, UINT64_C(0) - 0x1000, &top.frame), 0);

	assert_ptr_equal(am_bus_find(bus, 0x1000, 4, &off), &a.frame);
	assert_int_equal(off, 0);
	assert_ptr_equal(am_bus_find(bus, 0x1ffc, 4, &off), &a.frame);
	assert_int_equal(off, 0xffc);
	assert_ptr_equal(am_bus_find(bus, 0x3008, 8, &off), &b.frame);
	assert_ptr_equal(am_bus_find(bus, UINT64_MAX, 1, &off), &top.frame);
	assert_int_equal(off, 0xfff);
	/* Below, between, and across an end. */
	assert_null(am_bus_find(bus, 0xffc, 4, &off));
	assert_null(am_bus_find(bus, 0xffe, 4, &off));
	assert_null(am_bus_find(bus, 0x1ffe, 4, &off));
	assert_null(am_bus_find(bus, 0x2000, 4, &off));
	assert_null(am_bus_find(bus, UINT64_MAX, 2, &off));
	assert_null(am_bus_find(bus, 0x1000, 0, &off));
	/* No such access. */
	assert_int_equal(am_bus_read(bus, 0, 0x1000, 3, &v), -ENOENT);
	assert_int_equal(am_bus_write_bytes(bus, 0, 0x1000, 16, &v), -ENOENT);

	am_bus_remove(bus, &a.frame);
	am_bus_remove(bus, &a.frame);
	assert_null(am_bus_find(bus, 0x1000, 4, &off));
	assert_ptr_equal(am_bus_find(bus, 0x3000, 4, &off), &b.frame);
	am_bus_destroy(bus);
	am_bus_destroy(NULL);
}

static void test_overlap(void **state)
{
	struct probe a = probe(0x2000), b = probe(0x1000), zero = probe(0), big = probe(0x100000);
	struct am_bus *bus;

	assert_int_equal(am_bus_create(&plain, &bus), 0);
	assert_int_equal(am_bus_add(bus, 0x2000, &a.frame), 0);
	assert_int_equal(am_bus_add(bus, 0x2000, &b.frame), -EEXIST);
	assert_int_equal(am_bus_add(bus, 0x3000, &b.frame), -EEXIST);
	assert_int_equal(am_bus_add(bus, 0x1001, &b.frame), -EEXIST);
	assert_int_equal(am_bus_add(bus, 0, &big.frame), -EEXIST);
	assert_int_equal(am_bus_add(bus, 0, &zero.frame), -EINVAL);
	assert_int_equal(am_bus_add(bus, UINT64_C(0) - 0x800, &b.frame), -EINVAL);
	assert_int_equal(am_bus_add(bus, 0x1000, &b.frame), 0);
	am_bus_remove(bus, &b.frame);
	assert_int_equal(am_bus_add(bus, 0x4000, &b.frame), 0);
	am_bus_destroy(bus);
}

/* Where frames cover each other, the one that begins lowest and holds the access answers. */
static void test_overlap_allowed(void **state)
{
	struct probe a = probe(0x30000), b = probe(0x10000), c = probe(0x30000), d = probe(0x1000);
	struct am_bus *bus;
	uint32_t off;

	assert_int_equal(am_bus_create(&plain, &bus), 0);
	assert_int_equal(am_bus_add_over(bus, 0x20000, &a.frame), 0);
	assert_int_equal(am_bus_add(bus, 0x90000, &d.frame), 0);
	assert_int_equal(am_bus_add_over(bus, 0x30000, &b.frame), 0);
	assert_int_equal(am_bus_add_over(bus, 0x40000, &c.frame), 0);
	assert_int_equal(am_bus_add(bus, 0x60000, &d.frame), -EEXIST);
	assert_ptr_equal(am_bus_find(bus, 0x20000, 4, &off), &a.frame);
	assert_ptr_equal(am_bus_find(bus, 0x30000, 4, &off), &a.frame);
	assert_ptr_equal(am_bus_find(bus, 0x4fffc, 4, &off), &a.frame);
	assert_ptr_equal(am_bus_find(bus, 0x4fffe, 4, &off), &c.frame);
	assert_int_equal(off, 0xfffe);
	assert_ptr_equal(am_bus_find(bus, 0x50000, 4, &off), &c.frame);
	assert_ptr_equal(am_bus_find(bus, 0x90000, 4, &off), &d.frame);
	assert_null(am_bus_find(bus, 0x70000, 4, &off));
	am_bus_remove(bus, &a.frame);
	assert_ptr_equal(am_bus_find(bus, 0x30000, 4, &off), &b.frame);
	assert_ptr_equal(am_bus_find(bus, 0x40000, 4, &off), &c.frame);
	assert_null(am_bus_find(bus, 0x20000, 4, &off));
	assert_ptr_equal(am_bus_find(bus, 0x90000, 4, &off), &d.frame);
	assert_int_equal(am_bus_add(bus, 0x20000, &a.frame), -EEXIST);
	am_bus_remove(bus, &b.frame);
	am_bus_remove(bus, &c.frame);
	assert_int_equal(am_bus_add(bus, 0x20000, &a.frame), 0);
	assert_ptr_equal(am_bus_find(bus, 0x30000, 4, &off), &a.frame);
	am_bus_destroy(bus);
}

/* Frames of all sizes come and go; every lookup says what a plain list says. */
static void test_against_list(void **state)
{
	enum { NR = 64 };
	static const uint32_t sizes[] = {0x100, 0x1000, 0x20000, 0x110000, 0x4000000, 0xfffffffc};
	struct probe frames[NR];
	uint64_t base[NR], x = 88172645463325252u;
	bool there[NR] = {false};
	struct am_bus *bus;

	assert_int_equal(am_bus_create(&plain, &bus), 0);
	for (unsigned step = 0; step < 30000; step++) {
		unsigned n, k;
		uint64_t ipa;
		uint32_t off = 0;
		struct am_frame *want = NULL;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		n = x % NR;
		/* Small addresses and large ones. */
		ipa = (x >> 8 & 0xffffff00) << (x >> 40 & 15);
		if (x >> 50 & 1 && there[n]) {
			am_bus_remove(bus, &frames[n].frame);
			there[n] = false;
		} else if (x >> 50 & 2 && !there[n]) {
			bool clash = false;

			frames[n] = probe(sizes[(x >> 44) % 6]);
			for (k = 0; k < NR; k++)
				clash |= there[k] && ipa < base[k] + frames[k].frame.size &&
					 base[k] < ipa + frames[n].frame.size;
			assert_int_equal(am_bus_add(bus, ipa, &frames[n].frame),
					 clash ? -EEXIST : 0);
			there[n] = !clash;
			base[n] = ipa;
		}
		if (there[n] && (x >> 60 & 1))
			ipa = base[n] + (x >> 20) % frames[n].frame.size;
		for (k = 0; k < NR; k++)
			if (there[k] && ipa >= base[k] && ipa - base[k] < frames[k].frame.size)
				want = &frames[k].frame;
		assert_ptr_equal(am_bus_find(bus, ipa, 1, &off), want);
		if (want)
			assert_int_equal(off, ipa - base[(struct probe *)want - frames]);
	}
	am_bus_destroy(bus);
}

static void test_bytes(void **state)
{
	static const uint8_t bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	struct probe a = probe(0x1000);
	struct am_bus *bus;
	uint8_t got[8] = {0};

	assert_int_equal(am_bus_create(&plain, &bus), 0);
	assert_int_equal(am_bus_add(bus, 0x1000, &a.frame), 0);
	assert_int_equal(am_bus_write_bytes(bus, 5, 0x1010, 8, bytes), 0);
	assert_true(a.value == UINT64_C(0x0807060504030201));
	assert_int_equal(a.offset, 0x10);
	assert_int_equal(a.vcpu, 5);
	assert_int_equal(am_bus_write_bytes(bus, 0, 0x1010, 2, bytes), 0);
	assert_int_equal(a.value, 0x0201);
	a.value = 0xaabbccdd;
	assert_int_equal(am_bus_read_bytes(bus, 0, 0x1010, 4, got), 0);
	assert_memory_equal(got, "\xdd\xcc\xbb\xaa\0\0\0\0", 8);
	am_bus_destroy(bus);
}

/* One thread looks two frames up for ever while another adds and removes a hundred between them. */
enum { NR_CHURN = 100, NR_ROUNDS = 300 };

struct churn {
	struct am_bus *bus;
	struct probe first, last;
	atomic_bool stop;
	atomic_ulong lookups;
	bool wrong;
};

static void *churn_reader(void *arg)
{
	struct churn *c = arg;
	uint32_t off = 0;

	while (!atomic_load(&c->stop)) {
		if (am_bus_find(c->bus, 0x10, 4, &off) != &c->first.frame || off != 0x10)
			c->wrong = true;
		if (am_bus_find(c->bus, UINT64_C(0x10000020), 4, &off) != &c->last.frame ||
		    off != 0x20)
			c->wrong = true;
		atomic_fetch_add(&c->lookups, 2);
	}
	return NULL;
}

static void test_churn(void **state)
{
	struct churn c = {.first = probe(0x100), .last = probe(0x100)};
	struct probe *many = calloc(NR_CHURN, sizeof(*many));
	pthread_t reader;

	assert_int_equal(am_bus_create(&plain, &c.bus), 0);
	assert_int_equal(am_bus_add(c.bus, 0, &c.first.frame), 0);
	assert_int_equal(am_bus_add(c.bus, 0x10000000, &c.last.frame), 0);
	assert_int_equal(pthread_create(&reader, NULL, churn_reader, &c), 0);
	/* Until both have run long enough to meet. */
	for (unsigned round = 0; round < NR_ROUNDS || atomic_load(&c.lookups) < 1000; round++) {
		for (unsigned i = 0; i < NR_CHURN; i++) {
			unsigned k = i * 37 % NR_CHURN;

			many[k] = probe(0x1000);
			assert_int_equal(am_bus_add(c.bus, 0x1000 * (k + 1), &many[k].frame), 0);
		}
		for (unsigned i = 0; i < NR_CHURN; i++)
			am_bus_remove(c.bus, &many[i].frame);
	}
	atomic_store(&c.stop, true);
	pthread_join(reader, NULL);
	assert_false(c.wrong);
	am_bus_destroy(c.bus);
	free(many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_find),
	    cmocka_unit_test(test_overlap),
	    cmocka_unit_test(test_overlap_allowed),
	    cmocka_unit_test(test_against_list),
	    cmocka_unit_test(test_bytes),
	    cmocka_unit_test(test_churn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
