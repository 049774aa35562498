/* SPDX-License-Identifier: MIT */
/*
 * "armature exec": run somebody's program with a /dev/kvm.
 *
 * The program gets libarmature-kvm.so by LD_PRELOAD, and its options by environment. A program of
 * this machine is executed as it is. An AArch64 program elsewhere runs under qemu-user, whose
 * emulation ends at the system call: it finds its AArch64 libc, and the AArch64 build of
 * libarmature-kvm.so.
 */
#include "vmm/exec.h"

#include <elf.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <armature/armature.h>

#include "vmm/program.h"
#include "vmm/report.h"

#if defined(__aarch64__)
#define HOST_MACHINE EM_AARCH64
#elif defined(__x86_64__)
#define HOST_MACHINE EM_X86_64
#else
#define HOST_MACHINE EM_NONE
#endif

#define LIBRARY "libarmature-kvm.so"
/* Where Debian's cross compiler has the AArch64 C library. */
#define SYSROOT "/usr/aarch64-linux-gnu"

static const char help_text[] =
    "usage: armature exec [options] [--] PROGRAM [ARGUMENT...]\n"
    "\n"
    "Runs PROGRAM, which is dynamically linked, with a /dev/kvm for arm64 guests. On other\n"
    "machines an AArch64 PROGRAM runs under qemu-aarch64 (Debian's qemu-user).\n"
    "\n"
    "  --ipa-limit BITS    pretend a host with fewer physical address bits: 32 to 52\n"
    "  --keep-failed-vm    a VM whose first run fails stays usable, as before Linux 6.3\n"
    "  --trace PATTERN     print events to standard error, as for \"armature run\"\n"
    "\n"
    "ARMATURE_KVM_LIBRARY names another " LIBRARY ", ARMATURE_QEMU another\n"
    "qemu-aarch64, QEMU_LD_PREFIX the folder of PROGRAM's libraries (" SYSROOT ").\n"
    "\n"
    "Exit status: PROGRAM's, or 2 bad arguments or a statically linked PROGRAM, 5 something that\n"
    "this needs is missing, 126 PROGRAM cannot be run, 127 PROGRAM is not found.\n";

void exec_help(FILE *out)
{
	fputs(help_text, out);
}

/* ---- The library ---- */

/* LD_PRELOAD is a list separated by blanks and colons, and qemu's -E one separated by commas. */
static int check_library(const char *path, unsigned machine)
{
	unsigned is = program_machine(path);

	if (!is)
		return vmm_fail(VMM_HOST, "%s: not a library that can be read", path);
	if (is != machine)
		return vmm_fail(VMM_HOST, "%s: not for %s", path, program_machine_name(machine));
	if (path[strcspn(path, " :,")])
		return vmm_fail(VMM_HOST,
				"%s: LD_PRELOAD takes no path with a blank, colon or comma: copy "
				"the library, and name the copy in ARMATURE_KVM_LIBRARY",
				path);
	return 0;
}

/* Beside this program, where it is built or installed. */
static bool library_beside(const char *where, const char *machine, char *out)
{
	char exe[PATH_MAX], path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	if (len < 0)
		return false;
	exe[len] = 0;
	slash = strrchr(exe, '/');
	if (!slash)
		return false;
	*slash = 0;
	if (snprintf(path, sizeof(path), "%s/%s%s/" LIBRARY, exe, where, machine) >=
	    (int)sizeof(path))
		return false;
	return realpath(path, out);
}

static int find_library(unsigned machine, char *out)
{
	const char *given = getenv("ARMATURE_KVM_LIBRARY");
	const char *name = program_machine_name(machine);

	if (given && *given) {
		if (!realpath(given, out))
			return vmm_fail(VMM_HOST, "ARMATURE_KVM_LIBRARY=%s: %s", given,
					strerror(errno));
		return check_library(out, machine);
	}
	if (library_beside("../lib/armature/", name, out) ||
	    library_beside("../preload/", name, out) ||
	    (machine == HOST_MACHINE && library_beside("../preload", "", out)))
		return check_library(out, machine);
	if (machine == HOST_MACHINE)
		return vmm_fail(VMM_HOST, "there is no " LIBRARY " beside this program");
	return vmm_fail(VMM_HOST,
			"there is no " LIBRARY " for %s beside this program: it is built where "
			"%s-linux-gnu-gcc is installed (\"make all\")",
			name, name);
}

/* ---- Becoming the program ---- */

static int exec_native(const struct program *p, const char *library, char **argv)
{
	const char *old = getenv("LD_PRELOAD");
	size_t size = strlen(library) + (old ? strlen(old) : 0) + 2;
	char *list = malloc(size);
	int err = ENOMEM;

	if (list) {
		snprintf(list, size, "%s%s%s", library, old && *old ? ":" : "", old ? old : "");
		if (setenv("LD_PRELOAD", list, 1) == 0)
			execv(p->path, argv);
		err = errno;
		free(list);
	}
	return vmm_fail(PROGRAM_CANNOT_RUN, "%s: %s", p->path, strerror(err));
}

/* Where the program's interpreter and libraries are: "/" is a system that has both machines'. */
static int find_sysroot(const struct program *p, const char **root)
{
	static char path[sizeof(SYSROOT) + sizeof(p->interp)];

	*root = getenv("QEMU_LD_PREFIX");
	if (*root)
		return 0;
	snprintf(path, sizeof(path), SYSROOT "%s", p->interp);
	if (access(p->interp, R_OK) == 0)
		*root = "/";
	else if (access(path, R_OK) == 0)
		*root = SYSROOT;
	else
		return vmm_fail(VMM_HOST,
				"%s needs %s: install libc6-dev-arm64-cross, or name the folder of "
				"its libraries in QEMU_LD_PREFIX",
				p->path, p->interp);
	return 0;
}

static int exec_qemu(const struct program *p, const char *library, int argc, char **argv)
{
	const char *given = getenv("ARMATURE_QEMU"), *root = NULL;
	const char *qemu = given && *given ? given : "qemu-aarch64";
	static const char preload[] = "LD_PRELOAD=";
	char set[sizeof(preload) + PATH_MAX];
	const char **v;
	unsigned n = 0;
	int status = find_sysroot(p, &root);

	if (status)
		return status;
	v = calloc((size_t)argc + 8, sizeof(*v));
	if (!v)
		return vmm_fail(VMM_HOST, "out of memory");
	snprintf(set, sizeof(set), "%s%s", preload, library);
	v[n++] = qemu;
	v[n++] = "-L";
	v[n++] = root;
	v[n++] = "-E";
	v[n++] = set;
	v[n++] = "-0";
	v[n++] = argv[0];
	v[n++] = p->path;
	for (int i = 1; i < argc; i++)
		v[n++] = argv[i];
	execvp(qemu, (char **)v);
	status = vmm_fail(VMM_HOST, "%s: %s: an AArch64 program needs it here (Debian: qemu-user)",
			  qemu, strerror(errno));
	free(v);
	return status;
}

static int run_program(int argc, char **argv)
{
	struct program p;
	char library[PATH_MAX];
	int status = program_find(&p, argv[0]);

	if (status)
		return status;
	if (p.machine != HOST_MACHINE && p.machine != EM_AARCH64)
		return vmm_fail(PROGRAM_CANNOT_RUN, "%s is for another machine: %s", p.path,
				program_machine_name(p.machine) ? program_machine_name(p.machine)
								: "neither this one nor AArch64");
	if (!p.dynamic)
		return vmm_fail(VMM_USAGE,
				"%s is statically linked: nothing can come between it and the "
				"kernel, so it cannot be given a /dev/kvm: link it dynamically",
				p.path);
	status = find_library(p.machine, library);
	if (status)
		return status;
	if (p.machine == HOST_MACHINE)
		return exec_native(&p, library, argv);
	return exec_qemu(&p, library, argc, argv);
}

/* ---- Options ---- */

static int set_ipa_limit(const char *text)
{
	char *end;
	unsigned long bits = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || bits > 99 || am_kvm_set_ipa_limit((unsigned)bits))
		return vmm_fail(VMM_USAGE, "--ipa-limit %s: give a number from 32 to 52", text);
	return setenv("ARMATURE_IPA_LIMIT", text, 1) ? vmm_fail(VMM_HOST, "out of memory") : 0;
}

static int set_trace(const char *pattern)
{
	if (am_trace_to_stderr(pattern))
		return vmm_fail(VMM_USAGE, "--trace %s: no event has that name: see --trace help",
				pattern);
	return setenv("ARMATURE_TRACE", pattern, 1) ? vmm_fail(VMM_HOST, "out of memory") : 0;
}

static int keep_failed_vm(void)
{
	return setenv("ARMATURE_KEEP_FAILED_VM", "1", 1) ? vmm_fail(VMM_HOST, "out of memory") : 0;
}

enum { OPT_IPA_LIMIT = 256, OPT_KEEP_FAILED_VM, OPT_TRACE };

static const struct option long_options[] = {
    {"ipa-limit", required_argument, NULL, OPT_IPA_LIMIT},
    {"keep-failed-vm", no_argument, NULL, OPT_KEEP_FAILED_VM},
    {"trace", required_argument, NULL, OPT_TRACE},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

int exec_main(int argc, char **argv)
{
	int status = 0;

	optind = 0;
	opterr = 0;
	while (!status) {
		int at = optind ? optind : 1;
		int c = getopt_long(argc, argv, "+:h", long_options, NULL);

		if (c == -1)
			break;
		if (c == OPT_IPA_LIMIT) {
			status = set_ipa_limit(optarg);
		} else if (c == OPT_KEEP_FAILED_VM) {
			status = keep_failed_vm();
		} else if (c == OPT_TRACE && strcmp(optarg, "help") == 0) {
			for (unsigned n = 0; am_trace_point(n); n++)
				puts(am_trace_point(n));
			return 0;
		} else if (c == OPT_TRACE) {
			status = set_trace(optarg);
		} else if (c == 'h') {
			exec_help(stdout);
			return 0;
		} else {
			status = vmm_fail(VMM_USAGE, "%s%s: see \"armature exec --help\"", argv[at],
					  c == ':' ? " needs a value" : ": not an option");
		}
	}
	if (status)
		return status;
	if (optind >= argc)
		return vmm_fail(VMM_USAGE, "no program given: see \"armature exec --help\"");
	return run_program(argc - optind, argv + optind);
}
