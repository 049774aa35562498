/* SPDX-License-Identifier: MIT */
/* The command line of "armature run". */
#include "vmm/options.h"

#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/report.h"

static const char help_text[] =
    "usage: armature run --kernel FILE [options]\n"
    "       armature exec [options] [--] PROGRAM [ARGUMENT...]\n"
    "       armature inspect its --memory FILE --base ADDRESS --baser0 V --baser1 V\n"
    "       armature help | --help | --version\n"
    "\n"
    "\"run\" runs an arm64 virtual machine with its console on standard input and output;\n"
    "\"exec --help\" says what exec does, \"inspect --help\" how to look at saved state.\n"
    "\n"
    "  --kernel FILE       arm64 Linux Image: plain, gzip-compressed, or with an EFI stub\n"
    "  --initrd FILE       initial RAM disk\n"
    "  --append STR        added to the kernel's command line, after \"console=ttyAMA0\" (or\n"
    "                      hvc0: --console)\n"
    "  --cpus N            virtual CPUs, 1 to 512 (default 1)\n"
    "  --memory SIZE       guest memory, with K, M or G; a number alone counts MiB\n"
    "                      (default 1G, at least 16M)\n"
    "  --ipa-bits N        size of the guest's physical address space: 32 up to what the host\n"
    "                      offers (default 40, or more where memory or CPUs need it)\n"
    "  --ram-base ADDRESS  where guest memory begins, as 0x100000000 or 4G (default 1G, the\n"
    "                      least); \"top\": it ends with the physical address space\n"
    "  --gic-version 2|3   the interrupt controller (default 3; a GICv2 has at most 8 CPUs)\n"
    "  --redist-region BASE,COUNT\n"
    "                      where COUNT of the GICv3's redistributors are, one of 128K for each\n"
    "                      CPU; repeat it for more regions, which fill up in this order\n"
    "                      (default: 123 at 0x80a0000, more at 0x4000000000)\n"
    "  --disk FILE[,readonly]\n"
    "                      a disk, of a raw image or a block device; repeat it for more, up to\n"
    "                      28: /dev/vda, /dev/vdb, ...; a comma in the name is written \",,\"\n"
    "  --console NAME      pl011 (default), or virtio: the guest's console is hvc0\n"
    "  --no-rng            leave out the virtio entropy device\n"
    "  --sdei              give the guest software delegated exceptions (SDEI 1.1): events that\n"
    "                      no mask of its own holds back\n"
    "  --control PATH      a UNIX socket for commands, one a line: \"help\" lists them\n"
    "  --dtb FILE          give the guest this device tree; command line, initrd and memory\n"
    "                      size are filled in\n"
    "  --dump-dtb FILE     write the device tree to FILE and end\n"
    "  --no-reboot         end with status 4 when the guest resets (as after a panic with\n"
    "                      panic=-1); otherwise it starts again\n"
    "  --recreate-every MS[,poison]\n"
    "                      stop the guest about every MS milliseconds, save its whole state,\n"
    "                      destroy the VM, and go on in a new one: a self-test of saving and\n"
    "                      restoring; \"poison\": with garbage in the ITS's tables wherever\n"
    "                      restoring has no business to look\n"
    "  --accel NAME        armature: the software CPU of this program; kvm: the kernel's\n"
    "                      /dev/kvm (arm64 hosts only); auto (default): kvm where it works\n"
    "  --trace PATTERN     print events to standard error: names separated by commas, '*' at\n"
    "                      the end of a name for any ending, \"all\"; \"help\" lists them\n"
    "\n"
    "On a terminal, Ctrl-A x quits, Ctrl-A h shows the other keys. When standard input is not\n"
    "a terminal its bytes are typed at the guest's console; its end does not end the guest.\n"
    "\n"
    "Exit status: 0 guest power-off, 2 bad arguments, 3 unusable file, 4 guest reset with\n"
    "--no-reboot, 5 host or accelerator failure, 6 quit by Ctrl-A x or --control.\n";

void options_help(FILE *out)
{
	fputs(help_text, out);
}

int options_parse_size(const char *text, uint64_t *bytes)
{
	unsigned shift = 20;
	uint64_t v = 0;
	const char *p = text;

	if (*p < '0' || *p > '9')
		return -1;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return -1;
	}
	if (*p) {
		static const char suffixes[] = "kmgt";
		const char *s = strchr(suffixes, *p | 0x20);

		if (!s)
			return -1;
		shift = 10 * (unsigned)(s - suffixes + 1);
		p++;
		/* "MiB" and "MB" mean the same as "M". */
		if (*p == 'i')
			p++;
		if (*p == 'B')
			p++;
	}
	if (*p || v > UINT64_MAX >> shift)
		return -1;
	*bytes = v << shift;
	return 0;
}

int options_parse_address(const char *text, uint64_t *address)
{
	uint64_t v = 0;
	const char *p = text + 2;

	if (text[0] != '0' || (text[1] | 0x20) != 'x') {
		/* "1024" could be bytes or MiB. */
		if (!text[0] || (text[strlen(text) - 1] >= '0' && text[strlen(text) - 1] <= '9'))
			return -1;
		return options_parse_size(text, address);
	}
	for (; *p; p++) {
		static const char digits[] = "0123456789abcdef";
		const char *d = strchr(digits, *p >= 'A' && *p <= 'F' ? *p | 0x20 : *p);

		if (!d || v >> 60)
			return -1;
		v = v << 4 | (uint64_t)(d - digits);
	}
	if (p == text + 2)
		return -1;
	*address = v;
	return 0;
}

static int parse_cpus(const char *text, unsigned *cpus)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || v < 1 || v > OPTIONS_MAX_CPUS)
		return vmm_fail(VMM_USAGE, "--cpus %s: give a number from 1 to %d", text,
				OPTIONS_MAX_CPUS);
	*cpus = (unsigned)v;
	return 0;
}

static int parse_memory(const char *text, uint64_t *memory)
{
	uint64_t v;

	if (options_parse_size(text, &v))
		return vmm_fail(VMM_USAGE,
				"--memory %s: give a size such as 256M or 4G (K, M, G; a number "
				"alone counts MiB)",
				text);
	if (v < OPTIONS_MIN_MEMORY)
		return vmm_fail(VMM_USAGE, "--memory %s: too little, give at least %lluM", text,
				(unsigned long long)(OPTIONS_MIN_MEMORY >> 20));
	if (v & 0xffff)
		return vmm_fail(VMM_USAGE, "--memory %s: give a multiple of 64K", text);
	*memory = v;
	return 0;
}

static int parse_ipa_bits(const char *text, unsigned *bits)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || v < LAYOUT_IPA_MIN || v > LAYOUT_IPA_MAX)
		return vmm_fail(VMM_USAGE, "--ipa-bits %s: give a number from %u to %u", text,
				LAYOUT_IPA_MIN, LAYOUT_IPA_MAX);
	*bits = (unsigned)v;
	return 0;
}

static int parse_ram_base(const char *text, struct options *o)
{
	o->ram_top = strcmp(text, "top") == 0;
	o->ram_base = 0;
	if (o->ram_top)
		return 0;
	if (options_parse_address(text, &o->ram_base))
		return vmm_fail(VMM_USAGE,
				"--ram-base %s: give an address such as 0x100000000 or 4G, or top",
				text);
	if (o->ram_base < LAYOUT_RAM)
		return vmm_fail(VMM_USAGE, "--ram-base %s: devices are there: give at least 1G",
				text);
	if (o->ram_base & (LAYOUT_RAM_ALIGN - 1))
		return vmm_fail(VMM_USAGE, "--ram-base %s: give a multiple of 2M", text);
	return 0;
}

static int parse_redist(const char *text, struct options *o)
{
	const char *comma = strchr(text, ',');
	size_t len = comma ? (size_t)(comma - text) : 0;
	unsigned long count;
	char base[24], *end;
	struct layout_gicr *r;

	if (!comma || len >= sizeof(base) || comma[1] < '0' || comma[1] > '9')
		return vmm_fail(VMM_USAGE,
				"--redist-region %s: give an address and how many, such as "
				"0x80a0000,16",
				text);
	memcpy(base, text, len);
	base[len] = 0;
	count = strtoul(comma + 1, &end, 10);
	if (o->nr_redist == LAYOUT_MAX_GICR)
		return vmm_fail(VMM_USAGE, "--redist-region: at most %u of them", LAYOUT_MAX_GICR);
	r = &o->redist[o->nr_redist];
	if (options_parse_address(base, &r->base))
		return vmm_fail(VMM_USAGE, "--redist-region %s: not an address: such as 0x80a0000",
				text);
	if (r->base & (LAYOUT_GICR_ALIGN - 1))
		return vmm_fail(VMM_USAGE,
				"--redist-region %s: give an address that is a multiple "
				"of 64K",
				text);
	if (*end || !count || count > LAYOUT_GICR_MAX_COUNT)
		return vmm_fail(VMM_USAGE, "--redist-region %s: from 1 to %u redistributors", text,
				LAYOUT_GICR_MAX_COUNT);
	r->count = (unsigned)count;
	o->nr_redist++;
	return 0;
}

int options_parse_disk(const char *text, char *path, size_t size, bool *readonly)
{
	size_t n = 0;

	for (; *text && (text[0] != ',' || text[1] == ','); text++) {
		if (n + 1 >= size)
			return -1;
		path[n++] = *text;
		text += *text == ',';
	}
	*readonly = *text;
	if (!n || (*text && strcmp(text, ",readonly") != 0))
		return -1;
	path[n] = 0;
	return 0;
}

static int parse_disk(const char *text, struct options *o)
{
	char path[PATH_MAX];
	bool readonly;

	if (options_parse_disk(text, path, sizeof(path), &readonly))
		return vmm_fail(VMM_USAGE,
				"--disk %s: give a file, and perhaps \",readonly\"; a comma in its "
				"name is written \",,\"",
				text);
	if (o->nr_disks == OPTIONS_MAX_DISKS)
		return vmm_fail(VMM_USAGE, "--disk: at most %d of them", OPTIONS_MAX_DISKS);
	o->disk[o->nr_disks++] = text;
	return 0;
}

static int parse_console(const char *text, bool *is_virtio)
{
	*is_virtio = strcmp(text, "virtio") == 0;
	if (!*is_virtio && strcmp(text, "pl011") != 0)
		return vmm_fail(VMM_USAGE, "--console %s: give pl011 or virtio", text);
	return 0;
}

static int parse_recreate(const char *text, struct options *o)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	o->recreate_poison = strcmp(end, ",poison") == 0;
	if (*text < '0' || *text > '9' || (*end && !o->recreate_poison) || v < 1 || v > 1000000)
		return vmm_fail(VMM_USAGE,
				"--recreate-every %s: give milliseconds, 1 to 1000000, and perhaps "
				"\",poison\"",
				text);
	o->recreate_every = (unsigned)v;
	return 0;
}

static int parse_accel(const char *text, enum options_accel *accel)
{
	if (strcmp(text, "auto") == 0)
		*accel = ACCEL_AUTO;
	else if (strcmp(text, "armature") == 0)
		*accel = ACCEL_ARMATURE;
	else if (strcmp(text, "kvm") == 0)
		*accel = ACCEL_KVM;
	else
		return vmm_fail(VMM_USAGE, "--accel %s: give auto, armature or kvm", text);
	return 0;
}

enum {
	OPT_KERNEL = 256,
	OPT_INITRD,
	OPT_APPEND,
	OPT_CPUS,
	OPT_MEMORY,
	OPT_IPA_BITS,
	OPT_RAM_BASE,
	OPT_GIC,
	OPT_REDIST,
	OPT_DISK,
	OPT_CONSOLE,
	OPT_NO_RNG,
	OPT_SDEI,
	OPT_CONTROL,
	OPT_DTB,
	OPT_DUMP,
	OPT_TRACE,
	OPT_NO_REBOOT,
	OPT_RECREATE,
	OPT_ACCEL,
	OPT_HELP
};

static const struct option long_options[] = {
    {"kernel", required_argument, NULL, OPT_KERNEL},
    {"initrd", required_argument, NULL, OPT_INITRD},
    {"append", required_argument, NULL, OPT_APPEND},
    {"cpus", required_argument, NULL, OPT_CPUS},
    {"memory", required_argument, NULL, OPT_MEMORY},
    {"ipa-bits", required_argument, NULL, OPT_IPA_BITS},
    {"ram-base", required_argument, NULL, OPT_RAM_BASE},
    {"gic-version", required_argument, NULL, OPT_GIC},
    {"redist-region", required_argument, NULL, OPT_REDIST},
    {"disk", required_argument, NULL, OPT_DISK},
    {"console", required_argument, NULL, OPT_CONSOLE},
    {"no-rng", no_argument, NULL, OPT_NO_RNG},
    {"sdei", no_argument, NULL, OPT_SDEI},
    {"control", required_argument, NULL, OPT_CONTROL},
    {"dtb", required_argument, NULL, OPT_DTB},
    {"dump-dtb", required_argument, NULL, OPT_DUMP},
    {"trace", required_argument, NULL, OPT_TRACE},
    {"no-reboot", no_argument, NULL, OPT_NO_REBOOT},
    {"recreate-every", required_argument, NULL, OPT_RECREATE},
    {"accel", required_argument, NULL, OPT_ACCEL},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static int take_option(struct options *o, int c)
{
	switch (c) {
	case OPT_KERNEL:
		o->kernel = optarg;
		return 0;
	case OPT_INITRD:
		o->initrd = optarg;
		return 0;
	case OPT_APPEND:
		o->append = optarg;
		return 0;
	case OPT_CPUS:
		return parse_cpus(optarg, &o->cpus);
	case OPT_MEMORY:
		return parse_memory(optarg, &o->memory);
	case OPT_IPA_BITS:
		return parse_ipa_bits(optarg, &o->ipa_bits);
	case OPT_RAM_BASE:
		return parse_ram_base(optarg, o);
	case OPT_GIC:
		if (strcmp(optarg, "2") != 0 && strcmp(optarg, "3") != 0)
			return vmm_fail(VMM_USAGE, "--gic-version %s: give 2 or 3", optarg);
		o->gic_version = (unsigned)(*optarg - '0');
		return 0;
	case OPT_REDIST:
		return parse_redist(optarg, o);
	case OPT_DISK:
		return parse_disk(optarg, o);
	case OPT_CONSOLE:
		return parse_console(optarg, &o->virtio_console);
	case OPT_NO_RNG:
		o->no_rng = true;
		return 0;
	case OPT_SDEI:
		o->sdei = true;
		return 0;
	case OPT_CONTROL:
		o->control = optarg;
		return 0;
	case OPT_DTB:
		o->dtb = optarg;
		return 0;
	case OPT_DUMP:
		o->dump_dtb = optarg;
		return 0;
	case OPT_TRACE:
		o->trace = optarg;
		return 0;
	case OPT_NO_REBOOT:
		o->no_reboot = true;
		return 0;
	case OPT_RECREATE:
		return parse_recreate(optarg, o);
	case OPT_ACCEL:
		return parse_accel(optarg, &o->accel);
	default:
		o->help = true;
		return 0;
	}
}

int options_parse(struct options *o, int argc, char **argv)
{
	memset(o, 0, sizeof(*o));
	o->cpus = 1;
	o->gic_version = 3;
	o->memory = UINT64_C(1) << 30;

	optind = 0; /* a fresh start: tests call this more than once */
	opterr = 0;
	for (;;) {
		int at = optind ? optind : 1;
		int c = getopt_long(argc, argv, "+:h", long_options, NULL);
		int status;

		if (c == -1)
			break;
		if (c == 'h')
			c = OPT_HELP;
		if (c == ':')
			return vmm_fail(VMM_USAGE, "%s needs a value: see \"armature help\"",
					argv[at]);
		if (c == '?')
			return vmm_fail(VMM_USAGE, "%s: not an option: see \"armature help\"",
					argv[at]);
		status = take_option(o, c);
		if (status)
			return status;
	}
	if (o->help)
		return 0;
	if (optind < argc)
		return vmm_fail(VMM_USAGE,
				"%s: unexpected (a value with blanks needs quotes): see \"armature "
				"help\"",
				argv[optind]);
	if (o->gic_version == 2 && o->nr_redist)
		return vmm_fail(VMM_USAGE, "--redist-region: a GICv2 has no redistributors");
	if (o->gic_version == 2 && o->cpus > LAYOUT_V2_MAX_CPUS)
		return vmm_fail(VMM_USAGE, "--cpus %u: a GICv2 serves at most %u", o->cpus,
				LAYOUT_V2_MAX_CPUS);
	if (o->dtb && o->dump_dtb)
		return vmm_fail(VMM_USAGE, "--dtb and --dump-dtb do not go together");
	if (!o->kernel && !o->dump_dtb && !(o->trace && strcmp(o->trace, "help") == 0))
		return vmm_fail(VMM_USAGE, "no --kernel given: see \"armature help\"");
	return 0;
}
