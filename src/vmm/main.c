/* SPDX-License-Identifier: MIT */
/* The program "armature": its subcommands. */
#include <stdio.h>
#include <string.h>

#include <armature/armature.h>

#include "vmm/exec.h"
#include "vmm/inspect.h"
#include "vmm/machine.h"
#include "vmm/options.h"
#include "vmm/report.h"

#ifndef ARMATURE_VERSION
#define ARMATURE_VERSION "unknown"
#endif

static void list_trace_points(void)
{
	for (unsigned i = 0; vmm_trace_name(i); i++)
		puts(vmm_trace_name(i));
	for (unsigned i = 0; am_trace_point(i); i++)
		puts(am_trace_point(i));
}

/* A pattern may name points of this program, of the library, or both. */
static int start_trace(const char *pattern)
{
	unsigned here = vmm_trace_enable(pattern);

	if (am_trace_to_stderr(pattern) < 0 && !here)
		return vmm_fail(VMM_USAGE, "--trace %s: no event has that name: see --trace help",
				pattern);
	return 0;
}

static int run(int argc, char **argv)
{
	struct options opt;
	struct machine m;
	int status = options_parse(&opt, argc, argv);

	if (status)
		return status;
	if (opt.help) {
		options_help(stdout);
		return 0;
	}
	if (opt.trace && strcmp(opt.trace, "help") == 0) {
		list_trace_points();
		return 0;
	}
	if (opt.trace)
		status = start_trace(opt.trace);
	if (!status) {
		status = machine_init(&m, &opt);
		if (!status)
			status = machine_run(&m);
		machine_finish(&m);
	}
	return status;
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";

	if (strcmp(command, "run") == 0)
		return run(argc - 1, argv + 1);
	if (strcmp(command, "exec") == 0)
		return exec_main(argc - 1, argv + 1);
	if (strcmp(command, "inspect") == 0)
		return inspect_main(argc - 1, argv + 1);
	if (strcmp(command, "help") == 0 || strcmp(command, "--help") == 0 ||
	    strcmp(command, "-h") == 0) {
		options_help(stdout);
		return 0;
	}
	if (strcmp(command, "--version") == 0 || strcmp(command, "version") == 0) {
		puts("armature " ARMATURE_VERSION);
		return 0;
	}
	if (!*command)
		return vmm_fail(VMM_USAGE, "nothing to do: try \"armature run --kernel FILE\" or "
					   "\"armature help\"");
	return vmm_fail(VMM_USAGE, "%s: not a command: see \"armature help\"", command);
}
