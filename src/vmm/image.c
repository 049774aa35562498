/* SPDX-License-Identifier: MIT */
/* Kernel and other boot files: see image.h. */
#include "vmm/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "vmm/report.h"

#define IMAGE_MAGIC	0x644d5241u /* "ARM\x64", byte 56 */
#define IMAGE_FLAG_BE	1u
#define ZBOOT_MAGIC	0x676d697au /* "zimg", byte 4 */
#define PE_MAGIC	0x00004550u
#define PE_HEADER_SIZE	24
#define PE_SECTION_SIZE 40
/* Kernels older than 3.17 say neither their size nor, reliably, where they want to be. */
#define OLD_TEXT_OFFSET 0x80000

#define READ_CHUNK (16u << 20)

static uint32_t le16(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t le32(const uint8_t *p)
{
	return le16(p) | le16(p + 2) << 16;
}

static uint64_t le64(const uint8_t *p)
{
	return le32(p) | (uint64_t)le32(p + 4) << 32;
}

enum image_kind image_parse(const uint8_t *b, size_t len, struct image_header *h)
{
	if (len >= 2 && b[0] == 0x1f && b[1] == 0x8b)
		return IMAGE_GZIP;
	if (len >= 4 && memcmp(b, "\177ELF", 4) == 0)
		return IMAGE_ELF;
	if (len < IMAGE_HEADER_SIZE)
		return IMAGE_SHORT;
	if (b[0] == 'M' && b[1] == 'Z' && le32(b + 4) == ZBOOT_MAGIC)
		return IMAGE_ZBOOT;
	if (le32(b + 56) != IMAGE_MAGIC)
		return b[0] == 'M' && b[1] == 'Z' ? IMAGE_OTHER_CPU : IMAGE_UNKNOWN;
	h->text_offset = le64(b + 8);
	h->image_size = le64(b + 16);
	h->flags = le64(b + 24);
	if (h->flags & IMAGE_FLAG_BE)
		return IMAGE_BIG_ENDIAN;
	if (h->image_size == 0)
		h->text_offset = OLD_TEXT_OFFSET;
	if (h->text_offset & 0xfff)
		return IMAGE_BAD_OFFSET;
	return IMAGE_OK;
}

uint64_t image_expected_length(const uint8_t *b, uint64_t len)
{
	uint64_t pe, table, end = 0;
	uint32_t sections;

	if (len < IMAGE_HEADER_SIZE || b[0] != 'M' || b[1] != 'Z')
		return 0;
	pe = le32(b + 60);
	if (pe < IMAGE_HEADER_SIZE || pe + PE_HEADER_SIZE > len || le32(b + pe) != PE_MAGIC)
		return 0;
	sections = le16(b + pe + 6);
	table = pe + PE_HEADER_SIZE + le16(b + pe + 20);
	for (uint32_t i = 0; i < sections; i++) {
		uint64_t s = table + (uint64_t)i * PE_SECTION_SIZE;
		uint64_t stop;

		if (s + PE_SECTION_SIZE > len)
			return s + PE_SECTION_SIZE;
		stop = (uint64_t)le32(b + s + 16) + le32(b + s + 20);
		if (stop > end)
			end = stop;
	}
	return end;
}

static int refuse(const char *path, enum image_kind kind, size_t len)
{
	switch (kind) {
	case IMAGE_SHORT:
		if (len == 0)
			return vmm_fail(VMM_FILE, "%s: the file is empty: give an arm64 Image",
					path);
		return vmm_fail(VMM_FILE,
				"%s: truncated: %zu bytes do not hold an arm64 Image's header",
				path, len);
	case IMAGE_GZIP:
		return vmm_fail(VMM_FILE, "%s: compressed twice: run gunzip on it once", path);
	case IMAGE_ELF:
		return vmm_fail(VMM_FILE,
				"%s: an ELF file: give the kernel's Image (arch/arm64/boot/Image)",
				path);
	case IMAGE_OTHER_CPU:
		return vmm_fail(VMM_FILE,
				"%s: an EFI program, but not an arm64 kernel (for another "
				"architecture?): give an arm64 Image",
				path);
	case IMAGE_BIG_ENDIAN:
		return vmm_fail(VMM_FILE, "%s: a big-endian kernel: only little-endian ones run",
				path);
	case IMAGE_BAD_OFFSET:
		return vmm_fail(VMM_FILE,
				"%s: damaged header: text_offset is not a multiple of 4096", path);
	default:
		return vmm_fail(VMM_FILE,
				"%s: not an arm64 Image (no \"ARM\\x64\" at byte 56): give arm64's "
				"Image or Image.gz",
				path);
	}
}

/* zlib's sorts of failure, as a message. */
static int read_failed(struct image *im)
{
	int code;
	const char *text = gzerror(im->gz, &code);

	/* zlib puts its own name for the file in front. */
	if (strstr(text, ">: "))
		text = strstr(text, ">: ") + 3;
	if (code == Z_ERRNO)
		text = strerror(errno);
	else if (code == Z_BUF_ERROR)
		text = "truncated: the compressed data ends too early";
	return vmm_fail(VMM_FILE, "%s: %s", im->path, text);
}

/* Reads exactly @len bytes unless the file ends: returns how many, or -1 after a message. */
static int64_t read_full(struct image *im, uint8_t *dest, uint64_t len)
{
	uint64_t done = 0;

	while (done < len) {
		uint64_t want = len - done < READ_CHUNK ? len - done : READ_CHUNK;
		int n = gzread(im->gz, dest + done, (unsigned)want);

		if (n < 0) {
			read_failed(im);
			return -1;
		}
		if (n == 0) {
			int code;

			/* The end of the file inside a compressed stream shows only here. */
			gzerror(im->gz, &code);
			if (code != Z_OK && code != Z_STREAM_END) {
				read_failed(im);
				return -1;
			}
			break;
		}
		done += (unsigned)n;
	}
	return (int64_t)done;
}

/* Opens @path at @offset for reading, inflating what is compressed. */
static int open_at(struct image *im, const char *path, uint64_t offset)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return vmm_fail(VMM_FILE, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		close(fd);
		return vmm_fail(VMM_FILE, "%s: a folder: give the kernel's file", path);
	}
	if (offset && lseek(fd, (off_t)offset, SEEK_SET) < 0) {
		int e = errno;

		close(fd);
		return vmm_fail(VMM_FILE, "%s: cannot go to byte %llu: %s", path,
				(unsigned long long)offset, strerror(e));
	}
	im->path = path;
	im->gz = gzdopen(fd, "rb");
	if (!im->gz) {
		close(fd);
		return vmm_fail(VMM_FILE, "%s: not enough memory to read it", path);
	}
	gzbuffer(im->gz, 128 << 10);
	return 0;
}

/* A zboot file: payload's offset and size at bytes 8 and 12, its compression's name at 24. */
static int open_zboot(struct image *im, const char *path)
{
	char type[33];
	uint32_t offset = le32(im->head + 8);

	memcpy(type, im->head + 24, 32);
	type[32] = 0;
	for (char *p = type; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	image_close(im);
	if (strcmp(type, "gzip") != 0)
		return vmm_fail(VMM_FILE,
				"%s: an EFI zboot kernel compressed with \"%s\": only gzip is "
				"read, give the plain Image",
				path, type);
	return open_at(im, path, offset);
}

int image_open(struct image *im, const char *path)
{
	bool inside = false;
	int status;

	memset(im, 0, sizeof(*im));
	status = open_at(im, path, 0);
	while (status == 0) {
		int64_t n = read_full(im, im->head, sizeof(im->head));
		enum image_kind kind;

		if (n < 0) {
			status = VMM_FILE;
			break;
		}
		kind = image_parse(im->head, (size_t)n, &im->header);
		if (kind == IMAGE_OK)
			return 0;
		if (kind == IMAGE_ZBOOT && !inside) {
			inside = true;
			status = open_zboot(im, path);
			continue;
		}
		status = refuse(path, kind, (size_t)n);
	}
	image_close(im);
	return status;
}

int image_load(struct image *im, uint8_t *dest, uint64_t room, uint64_t *length)
{
	uint64_t expected;
	int64_t n;

	if (room < IMAGE_HEADER_SIZE)
		return vmm_fail(VMM_FILE, "%s: does not fit: give more --memory", im->path);
	memcpy(dest, im->head, IMAGE_HEADER_SIZE);
	n = read_full(im, dest + IMAGE_HEADER_SIZE, room - IMAGE_HEADER_SIZE);
	if (n < 0)
		return VMM_FILE;
	*length = (uint64_t)n + IMAGE_HEADER_SIZE;
	if (*length == room) {
		uint8_t more;
		int64_t rest = read_full(im, &more, 1);

		if (rest < 0)
			return VMM_FILE;
		if (rest > 0)
			return vmm_fail(VMM_FILE,
					"%s: more than %llu bytes do not fit: give more --memory",
					im->path, (unsigned long long)room);
	}
	expected = image_expected_length(dest, *length);
	if (expected > *length)
		return vmm_fail(
		    VMM_FILE, "%s: truncated: %llu bytes, but its header says at least %llu",
		    im->path, (unsigned long long)*length, (unsigned long long)expected);
	return 0;
}

void image_close(struct image *im)
{
	if (im->gz)
		gzclose(im->gz);
	im->gz = NULL;
}

int file_load(const char *path, uint8_t *dest, uint64_t room, uint64_t *length, const char *hint)
{
	struct stat st;
	uint64_t done = 0;
	int status = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return vmm_fail(VMM_FILE, "%s: %s", path, strerror(errno));
	/* Say it before reading gigabytes; a pipe says its length only by ending. */
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size > room) {
		close(fd);
		return vmm_fail(VMM_FILE, "%s: %llu bytes do not fit in the %llu free: %s", path,
				(unsigned long long)st.st_size, (unsigned long long)room, hint);
	}
	for (;;) {
		uint8_t more;
		bool full = done == room;
		uint64_t want = room - done < READ_CHUNK ? room - done : READ_CHUNK;
		ssize_t n = full ? read(fd, &more, 1) : read(fd, dest + done, want);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			status = vmm_fail(VMM_FILE, "%s: %s", path, strerror(errno));
		else if (n > 0 && full)
			status = vmm_fail(VMM_FILE, "%s: more than the %llu bytes free: %s", path,
					  (unsigned long long)room, hint);
		if (n <= 0 || status)
			break;
		done += (uint64_t)n;
	}
	close(fd);
	*length = done;
	return status;
}
