/* SPDX-License-Identifier: MIT */
/* A VM with one vCPU that runs the loops of memory_guest.S, for memory.c. All through the ABI. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <armature/armature.h>
#include <armature/kvm.h>

#define HOME	  UINT64_C(0x40000000) /* slot 0: code and tables */
#define HOME_SIZE UINT64_C(0x200000)
#define GICD	  UINT64_C(0x08000000)
#define GICR	  UINT64_C(0x080a0000)
#define EVENT	  UINT64_C(0x0a000000) /* an ioeventfd */
#define NOTHING	  UINT64_C(0x0b000000) /* user space answers */
#define DONE	  UINT64_C(0x30000000)
/* Where the measured memory is; also at PAGED by 4 KiB pages of stage 1, the first 128 MiB of it.
 */
#define AREA	   UINT64_C(0x80000000)
#define PAGED	   UINT64_C(0x4000000000)
#define PAGED_SIZE UINT64_C(0x8000000)

enum loop { LOOP_TOUCH, LOOP_FILL, LOOP_FILL_PAGES, LOOP_LOAD, LOOP_STORE };

struct machine {
	int kvm, vm, vcpu, gic, event;
	struct kvm_run *run;
	size_t run_size;
	uint8_t *home;
	struct kvm_dirty_gfn *ring; /* NULL: none */
	uint32_t ring_size, ring_at;
};

/* Ends the program, with errno's text. */
int must(int result, const char *what);
int must_ioctl(int fd, unsigned long request, const void *arg, const char *what);
/* This thread's time on a CPU: everything measured here is one thread's work. */
uint64_t now_ns(void);
/* Memory that the host has already given. Aligned to 2 MiB and @offset more. */
uint8_t *host_memory(size_t size, size_t offset);

/* @image: of memory_guest.S. @ring_bytes: size of the dirty ring, or 0 without. */
void machine_create(struct machine *m, const char *image, uint32_t ring_bytes);
void machine_destroy(struct machine *m);
void machine_slot(struct machine *m, uint32_t slot, uint32_t flags, uint64_t gpa, uint64_t size,
		  void *host);
/* Translation by 1 GiB blocks, with PAGED by pages; or none. */
void machine_mmu(struct machine *m, bool on);
/* Runs a loop to its end: the nanoseconds that it took. */
uint64_t machine_run(struct machine *m, enum loop loop, uint64_t x0, uint64_t x1, uint64_t x2,
		     uint64_t x3);

#endif
