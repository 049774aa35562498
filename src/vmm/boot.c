/* SPDX-License-Identifier: MIT */
/*
 * Putting a guest into memory: kernel, device tree, initrd, and the first CPU's registers as
 * "Booting AArch64 Linux" wants them (x0 the tree, x1-x3 zero, MMU off, interrupts masked).
 */
#include <errno.h>
#include <fcntl.h>
#include <libfdt.h>
#include <stddef.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <armature/kvm.h>

#include "vmm/fdt.h"
#include "vmm/image.h"
#include "vmm/machine.h"
#include "vmm/report.h"

/* Where the guest's console is, for its kernel. */
static const char pl011_args[] = "console=ttyAMA0", virtio_args[] = "console=hvc0";

static uint8_t *ram_at(struct machine *m, uint64_t guest)
{
	return m->ram + (guest - m->map.ram_base);
}

static int too_small(struct machine *m, const char *path, uint64_t need)
{
	if (need == UINT64_MAX)
		return vmm_fail(VMM_FILE,
				"%s: damaged header: it asks for more than 1 TiB of memory", path);
	return vmm_fail(VMM_FILE,
			"%s: does not fit in %llu MiB: it needs at least %llu: give more --memory",
			path, (unsigned long long)(m->map.ram_size >> 20),
			(unsigned long long)((need + (1u << 20) - 1) >> 20));
}

static int load_kernel(struct machine *m, struct image *im, struct layout *l)
{
	uint64_t length, need;
	int status;

	/* What the header asks for first: a file need not be read to see that it cannot fit. */
	need = layout_place(l, &m->map, im->header.text_offset,
			    im->header.image_size ? im->header.image_size : IMAGE_HEADER_SIZE);
	if (need)
		return too_small(m, im->path, need);
	status = image_load(im, ram_at(m, l->kernel), l->kernel_room, &length);
	if (status)
		return status;
	if (length < im->header.image_size)
		length = im->header.image_size;
	need = layout_place(l, &m->map, im->header.text_offset, length);
	return need ? too_small(m, im->path, need) : 0;
}

static int fdt_failed(const char *what, int error)
{
	return vmm_fail(VMM_HOST, "device tree: %s: %s", what, fdt_strerror(error));
}

static int build_tree(struct machine *m, uint8_t *buf)
{
	struct fdt_machine fm = {
	    .cpus = m->nr_vcpus,
	    .mpidr = m->mpidr,
	    .map = &m->map,
	    .has_its = m->has_its,
	    .has_sdei = m->opt->sdei,
	};
	uint64_t length;
	int status;

	if (!m->opt->dtb) {
		int error = fdt_build(buf, LAYOUT_DTB_MAX, &fm);

		return error < 0 ? fdt_failed("building", error) : 0;
	}
	status = file_load(m->opt->dtb, buf, LAYOUT_DTB_MAX - 4096, &length,
			   "a device tree for the guest is at most 2 MiB");
	if (status)
		return status;
	if (fdt_adopt(buf, length, LAYOUT_DTB_MAX) < 0)
		return vmm_fail(VMM_FILE,
				"%s: not a valid device tree blob (make one with dtc or "
				"--dump-dtb)",
				m->opt->dtb);
	return 0;
}

/* The kernel's command line; to be freed. NULL: the tree's own stays. */
static char *command_line(struct machine *m)
{
	const char *append = m->opt->append ? m->opt->append : "";
	const char *console = m->opt->virtio_console ? virtio_args : pl011_args;
	size_t size = strlen(console) + strlen(append) + 2;
	char *text;

	if (m->opt->dtb && !m->opt->append)
		return NULL;
	text = malloc(size);
	if (text)
		snprintf(text, size, "%s%s%s", console, *append ? " " : "", append);
	return text;
}

static int finish_tree(struct machine *m, uint8_t *buf, uint64_t initrd, uint64_t initrd_size,
		       bool seeds)
{
	char *args = command_line(m);
	struct fdt_boot b = {
	    .bootargs = args,
	    .initrd_start = initrd,
	    .initrd_end = initrd + initrd_size,
	    .map = &m->map,
	};
	int error = fdt_set_boot(buf, &b);

	free(args);
	if (error >= 0 && seeds)
		error = fdt_set_seeds(buf);
	if (error == -FDT_ERR_NOSPACE)
		return vmm_fail(VMM_USAGE, "--append: the command line is too long for a device "
					   "tree of 2 MiB");
	if (error < 0)
		return fdt_failed("filling in /chosen", error);
	fdt_finish_tree(buf);
	return 0;
}

static int load_initrd(struct machine *m, const struct layout *l, uint64_t *size)
{
	int status;

	*size = 0;
	if (!m->opt->initrd)
		return 0;
	status = file_load(m->opt->initrd, ram_at(m, l->initrd), l->initrd_room, size,
			   "give more --memory");
	if (!status && !*size)
		status = vmm_fail(VMM_FILE, "%s: the file is empty", m->opt->initrd);
	return status;
}

static int set_registers(struct machine *m, const struct layout *l)
{
	const uint64_t core = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE;
	const uint64_t pc = core | offsetof(struct kvm_regs, regs.pc) / 4;
	const uint64_t x0 = core | offsetof(struct kvm_regs, regs.regs) / 4;

	if (vcpu_set_reg(&m->vcpus[0], pc, l->kernel) < 0 ||
	    vcpu_set_reg(&m->vcpus[0], x0, l->dtb) < 0)
		return vmm_fail(VMM_HOST, "%s: setting CPU 0's registers failed: %s", m->be->name,
				strerror(errno));
	return 0;
}

int machine_boot(struct machine *m)
{
	struct layout l;
	struct image im;
	uint64_t initrd_size;
	int status = image_open(&im, m->opt->kernel);

	if (status)
		return status;
	status = load_kernel(m, &im, &l);
	image_close(&im);
	if (!status)
		status = load_initrd(m, &l, &initrd_size);
	if (!status)
		status = build_tree(m, ram_at(m, l.dtb));
	if (!status)
		status = finish_tree(m, ram_at(m, l.dtb), l.initrd, initrd_size, true);
	if (!status)
		status = set_registers(m, &l);
	return status;
}

static int write_file(const char *path, const uint8_t *bytes, uint64_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	int error = 0;

	if (fd < 0)
		return vmm_fail(VMM_FILE, "%s: %s", path, strerror(errno));
	while (size && !error) {
		ssize_t n = write(fd, bytes, size);

		if (n >= 0) {
			bytes += n;
			size -= (uint64_t)n;
		} else if (errno != EINTR) {
			error = errno;
		}
	}
	if (close(fd) < 0 && !error)
		error = errno;
	return error ? vmm_fail(VMM_FILE, "%s: %s", path, strerror(error)) : 0;
}

int machine_dump_dtb(struct machine *m)
{
	uint8_t *buf = malloc(LAYOUT_DTB_MAX);
	int status;

	if (!buf)
		return vmm_fail(VMM_HOST, "not enough memory for a device tree");
	/* No initrd and no seeds: they belong to a run, and --dtb fills them in. */
	status = build_tree(m, buf);
	if (!status)
		status = finish_tree(m, buf, 0, 0, false);
	if (!status)
		status = write_file(m->opt->dump_dtb, buf, fdt_totalsize(buf));
	free(buf);
	return status;
}
