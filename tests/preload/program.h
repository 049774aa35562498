/* SPDX-License-Identifier: MIT */
/*
 * A program that uses /dev/kvm as any would: system calls by their own names, and Linux's headers
 * where these are arm64's. Nothing in it knows of Armature.
 */
#ifndef TESTS_PRELOAD_PROGRAM_H
#define TESTS_PRELOAD_PROGRAM_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __aarch64__
#include <linux/kvm.h>
#else
#include <armature/kvm.h>
#endif

/* One expectation of the running test. */
#define EXPECT(what) expect((what), __FILE__, __LINE__, #what)
void expect(bool ok, const char *file, int line, const char *what);
/* -1, and this errno. */
#define EXPECT_ERRNO(call, err) expect((call) == -1 && errno == (err), __FILE__, __LINE__, #call)

#define RAM	 UINT64_C(0x40000000)
#define RAM_SIZE UINT64_C(0x10000)
#define DEVICE	 UINT64_C(0x10000000) /* no memory: KVM_EXIT_MMIO */

/* A VM with one vCPU. */
struct machine {
	int kvm, vm, vcpu;
	struct kvm_run *run;
	size_t run_size;
	uint8_t *ram;
	size_t used; /* of RAM */
};

int machine_open(struct machine *m);
void machine_close(struct machine *m);
/* The vCPU continues with this code, in a page where none was before. */
void code(struct machine *m, const uint32_t *words, size_t bytes);
uint64_t reg(struct machine *m, unsigned x);
void set_reg(struct machine *m, unsigned x, uint64_t value);
void set_pc(struct machine *m, uint64_t pc);

/* Executes "str x1, [x0]" at DEVICE through @vcpu: does the value come out? */
bool stores(struct machine *m, int vcpu, uint64_t value);

#define STR_X1_X0 0xf9000001u
#define LDR_X2_X0 0xf9400002u
#define B_SELF	  0x14000000u
#define B_BACK	  0x17ffffffu /* to the instruction before */
#define WFI	  0xd503207fu

/* names.c, descriptors.c, processes.c, runs.c */
void test_names(void);
void test_wild_paths(void);
void test_dup(void);
void test_closed_numbers(void);
void test_poll(void);
void test_transfers(void);
void test_mmap(void);
void test_generic_ioctls(void);
void test_signal_handler(void);
void test_fork(void);
void test_clone(void);
void test_vfork(void);
void test_exec(void);
void test_socket(void);
void test_mmio(void);
void test_wild_arguments(void);
void test_interrupt(void);
void test_several(void);
void test_threads(void);

/* The program, once more, to look at descriptors it inherits: exit status 0 if all is well. */
int after_exec(int kvm, int vm, int closed);
extern const char *program_path;

#endif
