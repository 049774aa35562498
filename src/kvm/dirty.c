/* SPDX-License-Identifier: MIT */
/*
 * KVM_GET_DIRTY_LOG and KVM_CLEAR_DIRTY_LOG. Reading clears, unless the VM has asked to clear by
 * itself (KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2); then clearing is a call of its own, for part of a
 * slot.
 */
#include <armature/kvm.h>
#include <errno.h>
#include <string.h>

#include "kvm/file.h"
#include "vm/vm.h"

#define WORD_BITS   64
#define CHUNK_WORDS 128

static int get_log(struct vm *vm, uint32_t id, uint64_t to)
{
	uint64_t words[CHUNK_WORDS], pages, nr;
	bool taken = false;
	int err = mem_log_pages(vm->mem, id, &pages);

	if (err)
		return err;
	nr = (pages + WORD_BITS - 1) / WORD_BITS;
	for (uint64_t n = 0; n < nr && !err;) {
		unsigned k = nr - n < CHUNK_WORDS ? (unsigned)(nr - n) : CHUNK_WORDS;

		if (vm->manual_log) {
			mem_log_get(vm->mem, id, n, k, words);
		} else {
			memset(words, 0xff, sizeof(words));
			taken |= mem_log_take(vm->mem, id, n, k, words);
		}
		err = kvm_copy_out(to + n * sizeof(words[0]), words, k * sizeof(words[0]));
		n += k;
	}
	if (taken)
		mem_log_flush(vm->mem, id);
	return err;
}

/* With a ring, bitmaps exist only beside it. */
static bool no_bitmaps(struct vm *vm)
{
	return mem_log_get_mode(vm->mem) == MEM_LOG_RING;
}

long kvm_get_dirty_log(struct vm *vm, uint64_t arg)
{
	struct kvm_dirty_log log;
	long err = kvm_copy_in(&log, arg, sizeof(log));

	if (err)
		return err;
	pthread_mutex_lock(&vm->slots_lock);
	err = no_bitmaps(vm) ? -ENXIO : get_log(vm, log.slot, (uintptr_t)log.dirty_bitmap);
	pthread_mutex_unlock(&vm->slots_lock);
	return err;
}

static int clear_log(struct vm *vm, const struct kvm_clear_dirty_log *log)
{
	uint64_t first = log->first_page, nr = log->num_pages, pages, words[CHUNK_WORDS];
	uint64_t from = (uintptr_t)log->dirty_bitmap, total;
	bool taken = false;
	int err;

	if (log->slot >= MEM_MAX_SLOTS || first % WORD_BITS)
		return -EINVAL;
	err = mem_log_pages(vm->mem, log->slot, &pages);
	if (err)
		return err;
	if (first > pages || nr > pages - first || (nr < pages - first && nr % WORD_BITS))
		return -EINVAL;
	total = (nr + WORD_BITS - 1) / WORD_BITS;
	for (uint64_t n = 0; n < total && !err;) {
		unsigned k = total - n < CHUNK_WORDS ? (unsigned)(total - n) : CHUNK_WORDS;

		err = kvm_copy_in(words, from + n * sizeof(words[0]), k * sizeof(words[0]));
		if (!err)
			taken |= mem_log_take(vm->mem, log->slot, first / WORD_BITS + n, k, words);
		n += k;
	}
	if (taken)
		mem_log_flush(vm->mem, log->slot);
	return err;
}

long kvm_clear_dirty_log(struct vm *vm, uint64_t arg)
{
	struct kvm_clear_dirty_log log;
	long err = kvm_copy_in(&log, arg, sizeof(log));

	if (err)
		return err;
	pthread_mutex_lock(&vm->slots_lock);
	err = no_bitmaps(vm) ? -ENXIO : clear_log(vm, &log);
	pthread_mutex_unlock(&vm->slots_lock);
	return err;
}

long kvm_set_manual_log(struct vm *vm, uint64_t options)
{
	uint64_t allowed = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE;

	if (options & KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE)
		allowed |= KVM_DIRTY_LOG_INITIALLY_SET;
	if (options & ~allowed)
		return -EINVAL;
	pthread_mutex_lock(&vm->slots_lock);
	vm->manual_log = options;
	mem_log_starts_set(vm->mem, options & KVM_DIRTY_LOG_INITIALLY_SET);
	pthread_mutex_unlock(&vm->slots_lock);
	return 0;
}

/* How blocks are cut when a log begins is for the VMM to choose, before there is any memory. */
long kvm_set_split_chunk(struct vm *vm, uint64_t size)
{
	long err = -EINVAL;

	pthread_mutex_lock(&vm->slots_lock);
	if (!mem_count(vm->mem) &&
	    (!size || (!(size & (size - 1)) && (size & mem_block_sizes())))) {
		mem_set_split_chunk(vm->mem, size);
		err = 0;
	}
	pthread_mutex_unlock(&vm->slots_lock);
	return err;
}
