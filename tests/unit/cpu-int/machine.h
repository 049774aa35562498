/* SPDX-License-Identifier: MIT */
/*
 * A small machine for CPU tests: memory, tables and vCPUs, without anything above src/cpu.
 *
 * Addresses are mapped one to one and executed at EL1. Every exception ends in an HVC in the
 * vectors, whose number is the vector's.
 */
#ifndef TEST_CPU_INT_MACHINE_H
#define TEST_CPU_INT_MACHINE_H

#include "cpu/cpu.h"
#include "cpu/sysreg.h"

enum {
	RAM = 0x40000000,
	RAM_SIZE = 0x200000,
	CODE = RAM, /* 16 pages */
	VECTORS = RAM + 0x10000,
	TABLES = RAM + 0x11000,	 /* 3 pages */
	DATA = RAM + 0x20000,	 /* 64 pages, EL1 only */
	HOLE = DATA + 64 * 4096, /* a page that is not mapped */
	USER_PAGE = HOLE + 4096, /* EL0 too */
	READ_ONLY = HOLE + 8192,
	DEVICE = HOLE + 3 * 4096, /* mapped, Device memory; nothing is there */
	EXECUTED = CODE + 0x100,  /* where machine_step() puts its instruction */
};

struct machine {
	uint8_t *ram;
	struct cpu_cluster *cluster;
	struct cpu *cpu[2];
};

struct machine *machine_create(unsigned cpus);
void machine_destroy(struct machine *m);

/* Host address of @len bytes of guest memory. */
void *machine_at(struct machine *m, uint64_t va);
/* Write a program, ended by HVC #0x7a11. */
void machine_program(struct machine *m, uint64_t va, const uint32_t *words, unsigned nr);
/* Run cpu @n from @pc until it leaves with an HVC or something other than attention. */
enum cpu_exit machine_run(struct machine *m, unsigned n, uint64_t pc);
/* Execute the one instruction @word on cpu 0: EXIT_HVC with exit_imm STEP_OK when it went well. */
enum cpu_exit machine_step(struct machine *m, uint32_t word);

#define STEP_OK	   0x7a11
#define STEP_FAULT 4 /* exit_imm after a synchronous exception: vector 0x200 */

#endif
