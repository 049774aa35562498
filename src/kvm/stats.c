/* SPDX-License-Identifier: MIT */
/*
 * KVM_GET_STATS_FD: a file with a header, an id, descriptors and values. The values are counted in
 * the file itself, which is memory that the library has mapped; so whoever reads it, by whatever
 * call and in whatever process, sees them as they are. Each descriptor is an open file of its own,
 * with a position of its own, and cannot be written.
 */
#include <armature/kvm.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bits.h"
#include "kvm/file.h"
#include "vm/vm.h"

#define NAME_SIZE 48

struct row {
	const char *name;
	uint32_t flags;
	int16_t exponent;
	uint16_t size;
};

#define COUNTER(n)                                                         \
	{                                                                  \
		.name = (n), .size = 1, .flags = KVM_STATS_TYPE_CUMULATIVE \
	}
#define NANOSECONDS(n)                                                      \
	{                                                                   \
		.name = (n), .size = 1, .exponent = -9,                     \
		.flags = KVM_STATS_TYPE_CUMULATIVE | KVM_STATS_UNIT_SECONDS \
	}
#define HISTOGRAM_NS(n)                                                   \
	{                                                                 \
		.name = (n), .size = VCPU_STAT_BUCKETS, .exponent = -9,   \
		.flags = KVM_STATS_TYPE_LOG_HIST | KVM_STATS_UNIT_SECONDS \
	}
#define BOOLEAN(n)                                                                               \
	{                                                                                        \
		.name = (n), .size = 1, .flags = KVM_STATS_TYPE_INSTANT | KVM_STATS_UNIT_BOOLEAN \
	}

/* In the order of enum vm_stat and enum vcpu_stat. */
static const struct row vm_rows[] = {
    COUNTER("remote_tlb_flush"),
    COUNTER("remote_tlb_flush_requests"),
};

static const struct row vcpu_rows[] = {
    COUNTER("halt_successful_poll"),
    COUNTER("halt_attempted_poll"),
    COUNTER("halt_poll_invalid"),
    COUNTER("halt_wakeup"),
    NANOSECONDS("halt_poll_success_ns"),
    NANOSECONDS("halt_poll_fail_ns"),
    NANOSECONDS("halt_wait_ns"),
    HISTOGRAM_NS("halt_poll_success_hist"),
    HISTOGRAM_NS("halt_poll_fail_hist"),
    HISTOGRAM_NS("halt_wait_hist"),
    BOOLEAN("blocking"),
    COUNTER("hvc_exit_stat"),
    COUNTER("wfe_exit_stat"),
    COUNTER("wfi_exit_stat"),
    COUNTER("mmio_exit_user"),
    COUNTER("mmio_exit_kernel"),
    COUNTER("signal_exits"),
    COUNTER("exits"),
};

struct layout {
	const struct row *rows;
	unsigned nr;
	char id[NAME_SIZE];
};

/* A descriptor with its name. */
#define DESC_SIZE (sizeof(struct kvm_stats_desc) + NAME_SIZE)

static unsigned nr_values(const struct layout *l)
{
	unsigned n = 0;

	for (unsigned k = 0; k < l->nr; k++)
		n += l->rows[k].size;
	return n;
}

/* Everything but the values; returns where they go. */
static uint64_t *describe(uint8_t *p, const struct layout *l)
{
	struct kvm_stats_header h = {
	    .name_size = NAME_SIZE,
	    .num_desc = l->nr,
	    .id_offset = sizeof(h),
	    .desc_offset = sizeof(h) + NAME_SIZE,
	    .data_offset = sizeof(h) + NAME_SIZE + l->nr * DESC_SIZE,
	};
	uint32_t offset = 0;

	memcpy(p, &h, sizeof(h));
	memcpy(p + h.id_offset, l->id, NAME_SIZE);
	p += h.desc_offset;
	for (unsigned n = 0; n < l->nr; n++, p += DESC_SIZE) {
		struct kvm_stats_desc d = {.flags = l->rows[n].flags,
					   .exponent = l->rows[n].exponent,
					   .size = l->rows[n].size,
					   .offset = offset};

		memcpy(p, &d, sizeof(d));
		snprintf((char *)p + sizeof(d), NAME_SIZE, "%s", l->rows[n].name);
		offset += l->rows[n].size * sizeof(uint64_t);
	}
	return (uint64_t *)(void *)p; /* data_offset */
}

static int make_file(struct vm_stats *s, const struct layout *l, const char *name)
{
	size_t len = sizeof(struct kvm_stats_header) + NAME_SIZE + l->nr * DESC_SIZE +
		     nr_values(l) * sizeof(uint64_t);
	int fd = kvm_fd_create(name, len);
	void *map;

	if (fd < 0)
		return fd;
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		kvm_fd_discard(fd);
		return -ENOMEM;
	}
	vm_stats_move(s, nr_values(l), describe(map, l));
	s->map = map;
	s->map_len = len;
	s->fd = fd;
	return 0;
}

static long no_ioctl(struct kvm_file *f, uint32_t request, uint64_t arg)
{
	return -ENOTTY;
}

static const struct kvm_file_ops stats_ops = {.ioctl = no_ioctl, .can_read = true};

/* The file again, as a descriptor for user space. */
static long open_stats(struct vm *vm, const struct vm_stats *s)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return kvm_fd_publish(fd, &stats_ops, vm);
}

static long stats_fd(struct vm *vm, struct vm_stats *s, const struct layout *l, const char *name)
{
	int err = s->map ? 0 : make_file(s, l, name);

	return err ? err : open_stats(vm, s);
}

long kvm_vm_stats_fd(struct vm *vm)
{
	struct layout l = {vm_rows, AM_ARRAY_SIZE(vm_rows), ""};
	long r;

	snprintf(l.id, sizeof(l.id), "kvm-%d", (int)vm->pid);
	/* Under the lock of those who count. */
	pthread_mutex_lock(&vm->slots_lock);
	r = stats_fd(vm, &vm->stats, &l, "kvm-vm-stats");
	pthread_mutex_unlock(&vm->slots_lock);
	return r;
}

long kvm_vcpu_stats_fd(struct vcpu *v)
{
	struct layout l = {vcpu_rows, AM_ARRAY_SIZE(vcpu_rows), ""};
	char name[32];

	snprintf(l.id, sizeof(l.id), "kvm-%d/vcpu-%u", (int)v->vm->pid, v->id);
	snprintf(name, sizeof(name), "kvm-vcpu-stats:%u", v->id);
	return stats_fd(v->vm, &v->stats, &l, name);
}
