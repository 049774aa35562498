/* SPDX-License-Identifier: MIT */
/* The command line of "armature inspect". */
#include "vmm/inspect.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/inspect_its.h"
#include "vmm/options.h"
#include "vmm/report.h"

enum { INSPECT_FOUND = 1 }; /* exit status: there are inconsistencies */

static const char help_text[] =
    "usage: armature inspect its --memory FILE --base ADDRESS --baser0 VALUE --baser1 VALUE\n"
    "                            [options]\n"
    "\n"
    "Reads the tables that the KVM_DEV_ARM_ITS_SAVE_TABLES of any KVM wrote into the memory of a\n"
    "VM (format revision 0), shows them, and says what is wrong there and what\n"
    "KVM_DEV_ARM_ITS_RESTORE_TABLES would make of it.\n"
    "\n"
    "  --memory FILE       a raw image of guest memory; repeat it, each with its --base, if the\n"
    "                      guest's memory is in pieces\n"
    "  --base ADDRESS      where it begins in the guest, as 0x40000000 or 1G\n"
    "  --baser0 VALUE      GITS_BASER0 and GITS_BASER1, hexadecimal, as read from the saved ITS:\n"
    "  --baser1 VALUE      one is the device table's, the other the collection table's\n"
    "  --propbaser VALUE   GICR_PROPBASER, hexadecimal: show the LPIs' configuration, and check\n"
    "                      how many there may be\n"
    "  --cpus N            how many vCPUs the VM has: check the collections' targets\n"
    "  --json              one JSON document (see docs/inspect.md)\n"
    "\n"
    "Exit status: 0 nothing is wrong, 1 something is, 2 bad arguments, 3 unusable file, 5 out of\n"
    "memory or the output cannot be written.\n";

void inspect_help(FILE *out)
{
	fputs(help_text, out);
}

/* ---- Options ---- */

enum { OPT_MEMORY = 256, OPT_BASE, OPT_BASER0, OPT_BASER1, OPT_PROPBASER, OPT_CPUS, OPT_JSON };

static const struct option long_options[] = {
    {"memory", required_argument, NULL, OPT_MEMORY},
    {"base", required_argument, NULL, OPT_BASE},
    {"baser0", required_argument, NULL, OPT_BASER0},
    {"baser1", required_argument, NULL, OPT_BASER1},
    {"propbaser", required_argument, NULL, OPT_PROPBASER},
    {"cpus", required_argument, NULL, OPT_CPUS},
    {"json", no_argument, NULL, OPT_JSON},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

struct command {
	struct inspect_its *its;
	const char *path; /* of a --memory whose --base has not come yet */
	bool has[2];
	uint64_t baser[2];
	bool json, help;
};

static int parse_hex(const char *name, const char *text, uint64_t *value)
{
	const char *digits = text;
	size_t len;

	if (digits[0] == '0' && (digits[1] | 0x20) == 'x')
		digits += 2;
	len = strspn(digits, "0123456789abcdefABCDEF");
	if (!len || digits[len])
		return vmm_fail(VMM_USAGE, "--%s %s: give a hexadecimal number", name, text);
	errno = 0;
	*value = strtoull(digits, NULL, 16);
	if (errno)
		return vmm_fail(VMM_USAGE, "--%s %s: has more than 64 bits", name, text);
	return 0;
}

static int set_memory(struct command *c, const char *path)
{
	if (c->path)
		return vmm_fail(VMM_USAGE, "--memory %s: has no --base", c->path);
	c->path = path;
	return 0;
}

static int set_base(struct command *c, const char *text)
{
	const char *path = c->path;
	uint64_t base;

	if (!path)
		return vmm_fail(VMM_USAGE, "--base %s: comes after the --memory it belongs to",
				text);
	if (options_parse_address(text, &base))
		return vmm_fail(VMM_USAGE, "--base %s: give an address such as 0x40000000 or 1G",
				text);
	c->path = NULL;
	return inspect_memory_add(&c->its->memory, path, base);
}

static int set_cpus(struct command *c, const char *text)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || v < 1 || v > ITS_MAX_VCPUS)
		return vmm_fail(VMM_USAGE, "--cpus %s: give a number from 1 to %d", text,
				ITS_MAX_VCPUS);
	c->its->walk.nr_vcpus = (unsigned)v;
	return 0;
}

static int set_option(struct command *c, int option)
{
	switch (option) {
	case OPT_MEMORY:
		return set_memory(c, optarg);
	case OPT_BASE:
		return set_base(c, optarg);
	case OPT_BASER0:
	case OPT_BASER1:
		c->has[option - OPT_BASER0] = true;
		return parse_hex(option == OPT_BASER0 ? "baser0" : "baser1", optarg,
				 &c->baser[option - OPT_BASER0]);
	case OPT_PROPBASER:
		return parse_hex("propbaser", optarg, &c->its->walk.propbaser);
	case OPT_CPUS:
		return set_cpus(c, optarg);
	case OPT_JSON:
		c->json = true;
		return 0;
	default:
		c->help = true;
		return 0;
	}
}

static int parse(struct command *c, int argc, char **argv)
{
	int status = 0;

	optind = 0;
	opterr = 0;
	while (!status && !c->help) {
		int at = optind ? optind : 1;
		int o = getopt_long(argc, argv, "+:h", long_options, NULL);

		if (o == -1)
			break;
		if (o == ':' || o == '?')
			return vmm_fail(VMM_USAGE, "%s%s: see \"armature inspect --help\"",
					argv[at], o == ':' ? " needs a value" : ": not an option");
		status = set_option(c, o);
	}
	if (status || c->help)
		return status;
	if (optind < argc)
		return vmm_fail(VMM_USAGE, "%s: not an option: see \"armature inspect --help\"",
				argv[optind]);
	if (c->path)
		return vmm_fail(VMM_USAGE, "--memory %s: has no --base", c->path);
	if (!c->its->memory.nr)
		return vmm_fail(VMM_USAGE, "no --memory: see \"armature inspect --help\"");
	return 0;
}

/* Either register may describe either table: its Type field says which. */
static int take_basers(struct command *c)
{
	struct its_walk *w = &c->its->walk;

	for (unsigned n = 0; n < 2; n++) {
		struct its_baser b = its_baser_decode(c->baser[n]);
		uint64_t *to = b.type == ITS_TYPE_DEVICES ? &w->devices : &w->collections;

		if (!c->has[n])
			return vmm_fail(VMM_USAGE, "no --baser%u: see \"armature inspect --help\"",
					n);
		if (b.type != ITS_TYPE_DEVICES && b.type != ITS_TYPE_COLLECTIONS)
			return vmm_fail(VMM_USAGE,
					"--baser%u 0x%llx: its field Type, bits [58:56], is %u: "
					"neither a device table (1) nor a collection table (4)",
					n, (unsigned long long)c->baser[n], b.type);
		if (*to)
			return vmm_fail(VMM_USAGE,
					"--baser0 and --baser1 both have the Type of a %s table",
					b.type == ITS_TYPE_DEVICES ? "device" : "collection");
		*to = c->baser[n];
	}
	return 0;
}

/* ---- Inspecting ---- */

static bool walk_read(void *opaque, uint64_t gpa, void *to, size_t len)
{
	struct inspect_its *its = opaque;

	return inspect_memory_read(&its->memory, gpa, to, len);
}

static bool walk_contains(void *opaque, uint64_t gpa, uint64_t len)
{
	struct inspect_its *its = opaque;

	return inspect_memory_contains(&its->memory, gpa, len);
}

bool inspect_its_shows(struct inspect_its *its, enum its_issue_kind kind)
{
	return its->shown[kind]++ < INSPECT_SHOWN;
}

static int show(struct command *c)
{
	struct inspect_its *its = c->its;
	struct its_walk_result result;
	int err = c->json ? inspect_its_json(its, &result) : inspect_its_text(its, &result);

	if (err)
		return vmm_fail(VMM_HOST, "out of memory");
	if (fflush(its->out) || ferror(its->out))
		return vmm_fail(VMM_HOST, "the output cannot be written: %s", strerror(errno));
	if (its->memory.failed)
		return vmm_fail(VMM_FILE, "%s: %s: what was shown is wrong", its->memory.failed,
				its->memory.err == ENODATA ? "it was cut short"
							   : strerror(its->memory.err));
	return result.issues ? INSPECT_FOUND : 0;
}

int inspect_main(int argc, char **argv)
{
	struct inspect_its its = {.walk = {.read = walk_read, .contains = walk_contains},
				  .out = stdout};
	struct command c = {.its = &its};
	const char *what = argc > 1 ? argv[1] : "";
	int status;

	its.walk.opaque = &its;
	if (strcmp(what, "--help") == 0 || strcmp(what, "-h") == 0) {
		inspect_help(stdout);
		return 0;
	}
	if (strcmp(what, "its") != 0)
		return vmm_fail(VMM_USAGE,
				"%s%snothing that can be inspected: try \"armature "
				"inspect its\", or --help",
				what, *what ? ": " : "");
	status = parse(&c, argc - 1, argv + 1);
	if (!status && c.help) {
		inspect_help(stdout);
	} else {
		if (!status)
			status = take_basers(&c);
		if (!status)
			status = show(&c);
	}
	inspect_memory_finish(&its.memory);
	return status;
}
