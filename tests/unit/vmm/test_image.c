/* SPDX-License-Identifier: MIT */
/* Kernel files: every kind is told apart, and what is cut short or damaged is refused. */
#include "cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "vmm/image.h"
#include "vmm/report.h"

#define SIZE 5000

static uint8_t image[SIZE];
static char path[64];

static void put(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static void make_image(void)
{
	for (unsigned i = 0; i < SIZE; i++)
		image[i] = (uint8_t)(i * 7);
	memset(image, 0, 64);
	put(image + 8, 0x1000, 8);
	put(image + 16, 0x10000, 8);
	put(image + 24, 0xa, 8);
	memcpy(image + 56, "ARMd", 4);
}

static void write_file(const uint8_t *bytes, size_t n)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	fclose(f);
}

static size_t gzip(const uint8_t *in, size_t n, uint8_t *out, size_t room)
{
	z_stream z = {0};

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (uint8_t *)in;
	z.avail_in = (unsigned)n;
	z.next_out = out;
	z.avail_out = (unsigned)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

static int load(uint64_t room, uint64_t *length)
{
	static uint8_t dest[2 * SIZE];
	struct image im;
	int status = image_open(&im, path);

	memset(dest, 0xee, sizeof(dest));
	if (status)
		return status;
	status = image_load(&im, dest, room, length);
	image_close(&im);
	if (!status)
		assert_memory_equal(dest, image, SIZE);
	assert_int_equal(dest[room], 0xee);
	return status;
}

static void header(void **state)
{
	struct image_header h;

	make_image();
	assert_int_equal(image_parse(image, SIZE, &h), IMAGE_OK);
	assert_true(h.text_offset == 0x1000 && h.image_size == 0x10000 && h.flags == 0xa);
	for (size_t n = 0; n < 64; n++)
		assert_int_equal(image_parse(image, n, &h), IMAGE_SHORT);
	put(image + 24, 1, 8);
	assert_int_equal(image_parse(image, SIZE, &h), IMAGE_BIG_ENDIAN);
	make_image();
	put(image + 8, 0x1004, 8);
	assert_int_equal(image_parse(image, SIZE, &h), IMAGE_BAD_OFFSET);
	put(image + 16, 0, 8); /* an old kernel: its text_offset does not count */
	assert_int_equal(image_parse(image, SIZE, &h), IMAGE_OK);
	assert_true(h.text_offset == 0x80000);
	image[56] = 'X';
	assert_int_equal(image_parse(image, SIZE, &h), IMAGE_UNKNOWN);
	memcpy(image, "MZ", 2);
	assert_int_equal(image_parse(image, SIZE, &h), IMAGE_OTHER_CPU);
	memcpy(image + 4, "zimg", 4);
	assert_int_equal(image_parse(image, SIZE, &h), IMAGE_ZBOOT);
	memcpy(image, "\177ELF", 4);
	assert_int_equal(image_parse(image, SIZE, &h), IMAGE_ELF);
	memcpy(image, "\037\213", 2);
	assert_int_equal(image_parse(image, 2, &h), IMAGE_GZIP);
}

static void plain(void **state)
{
	uint64_t n = 0;

	make_image();
	write_file(image, SIZE);
	assert_int_equal(load(SIZE + 10, &n), 0);
	assert_true(n == SIZE);
	assert_int_equal(load(SIZE, &n), 0);
	assert_int_equal(load(SIZE - 1, &n), VMM_FILE);
	assert_int_equal(load(10, &n), VMM_FILE);
	write_file(image, 0);
	assert_int_equal(load(SIZE, &n), VMM_FILE);
	write_file(image, 63);
	assert_int_equal(load(SIZE, &n), VMM_FILE);
	unlink(path);
	assert_int_equal(load(SIZE, &n), VMM_FILE);
}

static void compressed(void **state)
{
	uint8_t z[2 * SIZE], zz[3 * SIZE];
	size_t len;
	uint64_t n = 0;

	make_image();
	len = gzip(image, SIZE, z, sizeof(z));
	write_file(z, len);
	assert_int_equal(load(SIZE + 10, &n), 0);
	assert_true(n == SIZE);
	assert_int_equal(load(SIZE - 1, &n), VMM_FILE);
	/* Cut anywhere, it is never taken for whole. */
	for (size_t cut = 1; cut < len; cut += 1 + cut / 7) {
		write_file(z, len - cut);
		assert_int_equal(load(SIZE + 10, &n), VMM_FILE);
	}
	z[len / 2] ^= 0x55;
	write_file(z, len);
	assert_int_equal(load(SIZE + 10, &n), VMM_FILE);
	z[len / 2] ^= 0x55;
	write_file(zz, gzip(z, len, zz, sizeof(zz)));
	assert_int_equal(load(SIZE + 10, &n), VMM_FILE);
}

static void zboot(void **state)
{
	uint8_t file[3 * SIZE] = "MZ";
	size_t len;
	uint64_t n = 0;

	make_image();
	len = gzip(image, SIZE, file + 0x200, sizeof(file) - 0x204);
	memcpy(file + 4, "zimg", 4);
	put(file + 8, 0x200, 4);
	put(file + 12, len, 4);
	strcpy((char *)file + 24, "gzip");
	memcpy(file + 56, "ARMd", 4);
	put(file + 0x200 + len, SIZE, 4); /* such files end with the size */
	write_file(file, 0x200 + len + 4);
	assert_int_equal(load(SIZE + 10, &n), 0);
	assert_true(n == SIZE);
	write_file(file, 0x200 + len / 2);
	assert_int_equal(load(SIZE + 10, &n), VMM_FILE);
	put(file + 8, 0xffffffff, 4);
	write_file(file, 0x200 + len);
	assert_int_equal(load(SIZE + 10, &n), VMM_FILE);
	put(file + 8, 0, 4); /* its own payload */
	write_file(file, 0x200 + len);
	assert_int_equal(load(SIZE + 10, &n), VMM_FILE);
	strcpy((char *)file + 24, "zst\033d");
	write_file(file, 0x200 + len);
	assert_int_equal(load(SIZE + 10, &n), VMM_FILE);
}

static void sections(void **state)
{
	uint64_t n = 0;

	make_image();
	memcpy(image, "MZ", 2);
	put(image + 60, 0x100, 4);
	memcpy(image + 0x100, "PE\0\0", 4);
	put(image + 0x106, 2, 2);  /* sections */
	put(image + 0x114, 16, 2); /* optional header */
	put(image + 0x128 + 16, 1000, 4);
	put(image + 0x128 + 20, 512, 4);
	put(image + 0x150 + 16, SIZE - 1512, 4);
	put(image + 0x150 + 20, 1512, 4);
	assert_true(image_expected_length(image, SIZE) == SIZE);
	write_file(image, SIZE);
	assert_int_equal(load(SIZE + 1, &n), 0);
	write_file(image, SIZE - 1);
	assert_int_equal(load(SIZE + 1, &n), VMM_FILE);
	/* Each prefix is looked at without reading behind it. */
	for (size_t len = 0; len < SIZE; len++) {
		uint8_t *copy = malloc(len ? len : 1);

		memcpy(copy, image, len);
		assert_true(len < 0x118 || image_expected_length(copy, len) > len);
		image_expected_length(copy, len);
		free(copy);
	}
	put(image + 60, 0xffffffff, 4);
	assert_true(image_expected_length(image, SIZE) == 0);
	put(image + 60, 0x100, 4);
	put(image + 0x106, 0xffff, 2);
	assert_true(image_expected_length(image, SIZE) > SIZE);
}

static void other_files(void **state)
{
	uint8_t dest[101];
	uint64_t n = 0;

	make_image();
	write_file(image, 100);
	dest[100] = 0xee;
	assert_int_equal(file_load(path, dest, 100, &n, "hint"), 0);
	assert_true(n == 100 && memcmp(dest, image, 100) == 0);
	assert_int_equal(file_load(path, dest, 99, &n, "hint"), VMM_FILE);
	assert_int_equal(file_load("/dev/zero", dest, 100, &n, "hint"), VMM_FILE);
	assert_int_equal(dest[100], 0xee);
	assert_int_equal(file_load("/", dest, 100, &n, "hint"), VMM_FILE);
	assert_int_equal(file_load("/nowhere/x", dest, 100, &n, "hint"), VMM_FILE);
	write_file(image, 0);
	assert_int_equal(file_load(path, dest, 100, &n, "hint"), 0);
	assert_true(n == 0);
}

static int name_file(void **state)
{
	snprintf(path, sizeof(path), "/tmp/armature-test-image.%d", (int)getpid());
	return 0;
}

static int remove_file(void **state)
{
	unlink(path);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(header), cmocka_unit_test(plain),	  cmocka_unit_test(compressed),
	    cmocka_unit_test(zboot),  cmocka_unit_test(sections), cmocka_unit_test(other_files),
	};

	return cmocka_run_group_tests(tests, name_file, remove_file);
}
