/* SPDX-License-Identifier: MIT */
/*
 * Reading the kernel: an arm64 Linux Image (Documentation: "Booting AArch64 Linux", the 64-byte
 * header), as it is, compressed with gzip, or as an EFI zboot file with a gzip payload. A kernel
 * with an EFI stub, as distributions ship, is a plain Image whose first two bytes are also "MZ".
 *
 * The file is inflated straight into guest memory, so it never needs a second copy in the host's.
 */
#ifndef VMM_IMAGE_H
#define VMM_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGE_HEADER_SIZE 64

struct image_header {
	uint64_t text_offset; /* from a 2 MiB boundary of RAM */
	uint64_t image_size;  /* memory it needs, with its zeroed data; 0: not said */
	uint64_t flags;
};

enum image_kind {
	IMAGE_OK,
	IMAGE_SHORT,	  /* fewer bytes than a header */
	IMAGE_ZBOOT,	  /* an EFI zboot file: the Image is inside */
	IMAGE_GZIP,	  /* compressed, once more than expected */
	IMAGE_ELF,	  /* vmlinux */
	IMAGE_OTHER_CPU,  /* an EFI program or kernel of another architecture */
	IMAGE_BIG_ENDIAN, /* an Image, for a big-endian CPU */
	IMAGE_BAD_OFFSET, /* an Image whose text_offset makes no sense */
	IMAGE_UNKNOWN,
};

/* What the first @len bytes of a kernel file are; *@h is filled for IMAGE_OK. */
enum image_kind image_parse(const uint8_t *bytes, size_t len, struct image_header *h);

/*
 * The length a complete file must have according to the PE section table that EFI-stubbed kernels
 * carry, or 0 if there is none. @bytes is the start of the file, @len long.
 */
uint64_t image_expected_length(const uint8_t *bytes, uint64_t len);

struct image {
	const char *path;
	void *gz; /* zlib's gzFile, which reads plain files as they are */
	struct image_header header;
	uint8_t head[IMAGE_HEADER_SIZE];
};

/* Opens the file and reads its header. Returns 0, or VMM_FILE having said why. */
int image_open(struct image *im, const char *path);

/*
 * Reads all of it to @dest, which has @room bytes; *@length gets how many came. Returns 0, or
 * VMM_FILE having said why (@room too small is one reason).
 */
int image_load(struct image *im, uint8_t *dest, uint64_t room, uint64_t *length);

void image_close(struct image *im);

/*
 * Reads a file of any kind to @dest. @hint says what to do when it does not fit. Returns 0, or
 * VMM_FILE having said why.
 */
int file_load(const char *path, uint8_t *dest, uint64_t room, uint64_t *length, const char *hint);

#endif
