/* SPDX-License-Identifier: MIT */
/*
 * Guest physical memory as user space describes it: slots (KVM_SET_USER_MEMORY_REGION).
 *
 * The slots are one sorted array. A change builds a new array and publishes it with one store, so
 * a vCPU that looks up an address takes no lock; the old array is freed after the owner's
 * `unmapped` callback has returned, which must not happen before every vCPU has let go of it and
 * of every host pointer it took from it.
 */
#ifndef AM_MEM_MEM_H
#define AM_MEM_MEM_H

#include <stdbool.h>
#include <stdint.h>

#define MEM_MAX_SLOTS 32767u

enum { /* struct mem_slot.flags: the bits of the ABI */
       MEM_LOG_DIRTY = 1,
       MEM_READONLY = 2,
};

struct mem_slot {
	uint32_t id;
	uint32_t flags;
	uint64_t gpa, size; /* size 0 in a request: delete */
	uint64_t hva;
};

struct mem_page {
	uint8_t *host; /* NULL: no slot there */
	bool writable; /* without asking again */
};

struct mem;

/*
 * @unmapped is called after [gpa, gpa + size) has lost its memory, by the thread that changes the
 * slots. When it returns nobody may use what a lookup returned before.
 */
struct mem *mem_create(unsigned ipa_bits,
		       void (*unmapped)(void *opaque, uint64_t gpa, uint64_t size), void *opaque);
void mem_destroy(struct mem *m);

/* Create, delete, move or change a slot. One caller at a time. KVM's errors in KVM's order. */
int mem_set_slot(struct mem *m, const struct mem_slot *want);

/*
 * The 4 KiB page at @ipa. @hint is the caller's own, starts at 0 and makes neighbours cheap.
 * -EFAULT if there is a slot but no host memory that can be used behind it. For threads that
 * `unmapped` waits for.
 */
int mem_page(const struct mem *m, uint64_t ipa, unsigned *hint, struct mem_page *page);

/* The same for a store: where writes are logged, the page counts as written from now on. */
int mem_page_write(const struct mem *m, uint64_t ipa, unsigned *hint, struct mem_page *page);

enum mem_kind {
	MEM_DEVICE, /* no slot there, or a store to a read-only one */
	MEM_MEMORY,
	MEM_BROKEN, /* a slot, but its host memory does not allow the access */
};

/* Any thread: what an access at @ipa finds at this moment. */
enum mem_kind mem_kind(struct mem *m, uint64_t ipa, bool write);

/* Any thread: true if a slot covers @ipa; its flags. */
bool mem_slot_flags(struct mem *m, uint64_t ipa, uint32_t *flags);

/* How many slots there are, and the nth by address. One caller at a time, with mem_set_slot(). */
unsigned mem_count(const struct mem *m);
bool mem_nth(const struct mem *m, unsigned n, struct mem_slot *out);

/*
 * The log of written pages of a slot with MEM_LOG_DIRTY (dirty.c): a bit for each page of the
 * host's size, 64 in a word. One caller at a time, with mem_set_slot(). Whoever takes bits sees to
 * it that vCPUs forget which pages they may write (as `unmapped` does), before anybody relies on
 * it.
 */
/* The number of pages; -EINVAL: no such slot number. -ENOENT: no such slot, or not logged. */
int mem_log_pages(const struct mem *m, uint32_t id, uint64_t *pages);
uint64_t mem_log_get(const struct mem *m, uint32_t id, uint64_t word);
/* Clears the bits of @mask; returns those of them that were set. */
uint64_t mem_log_take(struct mem *m, uint32_t id, uint64_t word, uint64_t mask);
/* Slots that are logged from now on start with every page dirty. */
void mem_log_starts_set(struct mem *m, bool set);

#endif
