/* SPDX-License-Identifier: MIT */
/*
 * Guest physical memory: the slots that user space describes (KVM_SET_USER_MEMORY_REGION), and the
 * stage 2 tables that lead from guest physical addresses to host ones.
 *
 * Stage 2 is filled on faults, as KVM fills it: a page, or a whole block where the host has the
 * block's memory at hand. Output addresses are host virtual ones; this process is the guest's
 * physical memory. Whoever changes the slots takes what was mapped out of the tables and then calls
 * mem_ops, which must not return before every vCPU has let go of it. A vCPU that looks up a mapped
 * page takes no lock; a fault takes mem.lock (table.h).
 */
#ifndef AM_MEM_MEM_H
#define AM_MEM_MEM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
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
	uint8_t *host; /* of 4 KiB; NULL: no memory there for this access */
	bool writable; /* without asking again */
};

struct mem_ring;

/* A vCPU's way of looking at memory; starts as zeroes. */
struct mem_view {
	unsigned hint;	       /* the slot it found last */
	struct mem_ring *ring; /* where its writes are logged instead of in bitmaps, or NULL */
};

struct mem;

/*
 * Called by the thread that changes the slots, or the log, after the tables have changed. When they
 * return, nobody uses what a lookup in [gpa, gpa + size) returned before...
 */
struct mem_ops {
	void (*unmapped)(void *opaque, uint64_t gpa, uint64_t size);  /* ... for anything */
	void (*protected)(void *opaque, uint64_t gpa, uint64_t size); /* ... for writing */
	void (*synchronize)(void *opaque); /* nobody is in the middle of a lookup from before */
};

struct mem *mem_create(unsigned ipa_bits, const struct mem_ops *ops, void *opaque);
void mem_destroy(struct mem *m);

/* Create, delete, move or change a slot. One caller at a time. KVM's errors in KVM's order. */
int mem_set_slot(struct mem *m, const struct mem_slot *want);

/*
 * The 4 KiB page at @ipa, which is below 2^ipa_bits, for a read or a write; where writes are
 * logged, it counts as written from now on. For threads that mem_ops wait for.
 * -EFAULT: there is a slot, but no host memory that allows the access. -ENOMEM. -EAGAIN: the view's
 * ring is full, user space has to be told.
 */
int mem_page(struct mem *m, uint64_t ipa, bool write, struct mem_view *view, struct mem_page *page);

enum mem_kind {
	MEM_DEVICE, /* no slot there, or a store to a read-only one */
	MEM_MEMORY,
	MEM_BROKEN, /* a slot, but its host memory does not allow the access */
};

/* Any thread: what an access at @ipa finds at this moment. */
enum mem_kind mem_kind(struct mem *m, uint64_t ipa, bool write);

/* Any thread: the fault status code (DDI 0487 D17.2.37) with which stage 2 refuses an access. */
unsigned mem_fault_status(struct mem *m, uint64_t ipa, bool write);

/* Any thread: true if a slot covers @ipa; its flags. */
bool mem_slot_flags(struct mem *m, uint64_t ipa, uint32_t *flags);

/*
 * Any thread: copy from and to guest memory. A write is noted where writes are logged, in bitmaps
 * only. -EFAULT: some of it is in no slot (for a write: or in a read-only one), or the host's
 * memory does not allow it; what comes before that is done. Aligned words of 8 bytes are not torn.
 */
int mem_read(struct mem *m, uint64_t ipa, void *to, size_t len);
int mem_write(struct mem *m, uint64_t ipa, const void *from, size_t len);

/* How many slots there are, and the nth by address. One caller at a time, with mem_set_slot(). */
unsigned mem_count(const struct mem *m);
bool mem_nth(const struct mem *m, unsigned n, struct mem_slot *out);

/* The bytes that stage 2 tables take at this moment. */
uint64_t mem_table_bytes(struct mem *m);

/* ---- The log of written pages (dirty.c). One caller at a time, with mem_set_slot(). ---- */

enum mem_log_mode {
	MEM_LOG_BITMAP,
	MEM_LOG_RING,	     /* in rings alone */
	MEM_LOG_RING_BITMAP, /* ... and in bitmaps what no vCPU writes */
};

/* Of slots that are logged from now on. */
void mem_log_set_mode(struct mem *m, enum mem_log_mode mode);
enum mem_log_mode mem_log_get_mode(const struct mem *m);
/* Sizes of pages and blocks, or-ed; the one in which blocks are cut when a log begins, 0: when a
 * page is first written. */
uint64_t mem_block_sizes(void);
void mem_set_split_chunk(struct mem *m, uint64_t size);
uint64_t mem_split_chunk(const struct mem *m);
/* They start with every page dirty, and writable until it is taken. */
void mem_log_starts_set(struct mem *m, bool set);

/* The number of pages of the host's size, one bit each, 64 in a word. -EINVAL: no such slot number.
 * -ENOENT: no such slot, or not logged. */
int mem_log_pages(const struct mem *m, uint32_t id, uint64_t *pages);
/* The words [first, first + nr) as they are. */
void mem_log_get(struct mem *m, uint32_t id, uint64_t first, unsigned nr, uint64_t *words);
/*
 * Of these words the bits in @words are cleared and their pages write-protected; @words is then
 * what of them was set. True if anything was: mem_log_flush() is due before anybody relies on it.
 */
bool mem_log_take(struct mem *m, uint32_t id, uint64_t first, unsigned nr, uint64_t *words);
void mem_log_flush(struct mem *m, uint32_t id);

/* ---- Dirty rings (ring.c) ---- */

/* An entry as user space sees it (struct kvm_dirty_gfn). */
struct mem_ring_entry {
	uint32_t flags; /* 1: dirty; 2: user space has seen it */
	uint32_t slot;
	uint64_t offset; /* in pages */
};

#define MEM_RING_RESERVED 64u

/*
 * The ring belongs to the vCPU's thread, which alone puts entries in; user space marks those that
 * it has read, and mem_ring_reset() takes them out.
 */
struct mem_ring {
	struct mem_ring_entry *entry; /* user space may write there at any time */
	uint32_t nr;		      /* a power of two, more than the reserved ones */
	_Atomic uint32_t put, taken;  /* count entries */
};

void mem_ring_init(struct mem_ring *r, struct mem_ring_entry *entries, uint32_t nr);
/* No entry but the reserved ones is free. */
bool mem_ring_full(struct mem_ring *r);
/*
 * Take out the entries that user space has marked; their pages are write-protected. Returns how
 * many, and stretches [*lo, *hi) to the addresses that mem_ring_flush() has to announce.
 */
unsigned mem_ring_reset(struct mem *m, struct mem_ring *r, uint64_t *lo, uint64_t *hi);
void mem_ring_flush(struct mem *m, uint64_t lo, uint64_t hi);

#endif
