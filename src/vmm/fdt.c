/* SPDX-License-Identifier: MIT */
/*
 * Building the device tree. The bindings are those of the kernel's Documentation/devicetree and
 * of the Devicetree Specification; the names and numbers are QEMU's "virt" machine's, since guests
 * are built for it.
 */
#include "vmm/fdt.h"

#include <libfdt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <armature/kvm.h>

enum { PHANDLE_GIC = 1, PHANDLE_CLOCK = 2, PHANDLE_ITS = 3 };

/* The three cells of a GIC interrupt: type, number, flags. */
enum { GIC_SPI = 0, GIC_PPI = 1, IRQ_LEVEL_HIGH = 4 };

/* The generic timer's PPIs, in the binding's order: secure, non-secure, virtual, hypervisor. */
static const uint32_t timer_ppis[] = {13, 14, 11, 10};

/* Appends big-endian cells to a property while it is put together. */
struct cells {
	fdt32_t cell[16];
	int n;
};

static void cell(struct cells *c, uint32_t v)
{
	c->cell[c->n++] = cpu_to_fdt32(v);
}

static void cell64(struct cells *c, uint64_t v)
{
	cell(c, (uint32_t)(v >> 32));
	cell(c, (uint32_t)v);
}

static int put(void *fdt, const char *name, const struct cells *c)
{
	return fdt_property(fdt, name, c->cell, c->n * 4);
}

static int put_reg(void *fdt, uint64_t base, uint64_t size)
{
	struct cells c = {.n = 0};

	cell64(&c, base);
	cell64(&c, size);
	return put(fdt, "reg", &c);
}

static int put_strings(void *fdt, const char *name, const char *strings, size_t size)
{
	return fdt_property(fdt, name, strings, (int)size);
}
/* A list of strings is one literal with "\0" between them. */
#define PUT_STRINGS(fdt, name, literal) put_strings(fdt, name, literal, sizeof(literal))

/*
 * The sequential-write functions of libfdt keep the tree's state in the buffer and all fail once
 * one has; so the sum of a block's errors says whether it worked, and the first is kept.
 */
#define TRY(expr)                    \
	do {                         \
		int err_ = (expr);   \
		if (err_ < 0)        \
			return err_; \
	} while (0)

static int add_cpus(void *fdt, const struct fdt_machine *m)
{
	bool wide = false;

	for (unsigned i = 0; i < m->cpus; i++)
		wide |= (m->mpidr[i] >> 32) & 0xff;
	TRY(fdt_begin_node(fdt, "cpus"));
	TRY(fdt_property_u32(fdt, "#address-cells", wide ? 2 : 1));
	TRY(fdt_property_u32(fdt, "#size-cells", 0));
	for (unsigned i = 0; i < m->cpus; i++) {
		/* Aff3 in bits 39:32 and Aff2..Aff0 in 23:0, as in MPIDR_EL1. */
		uint64_t affinity = m->mpidr[i] & UINT64_C(0xff00ffffff);
		struct cells c = {.n = 0};
		char name[32];

		snprintf(name, sizeof(name), "cpu@%llx", (unsigned long long)affinity);
		TRY(fdt_begin_node(fdt, name));
		TRY(fdt_property_string(fdt, "device_type", "cpu"));
		TRY(fdt_property_string(fdt, "compatible", "arm,armv8"));
		TRY(fdt_property_string(fdt, "enable-method", "psci"));
		if (wide)
			cell64(&c, affinity);
		else
			cell(&c, (uint32_t)affinity);
		TRY(put(fdt, "reg", &c));
		TRY(fdt_end_node(fdt));
	}
	return fdt_end_node(fdt);
}

static int add_psci_and_timer(void *fdt, const struct fdt_machine *m)
{
	/* The GICv2 binding wants a mask of CPUs, in bits 15:8, with each private interrupt. */
	const uint32_t flags =
	    m->map->gic_version == 2 ? IRQ_LEVEL_HIGH | ((1u << m->cpus) - 1) << 8 : IRQ_LEVEL_HIGH;
	struct cells c = {.n = 0};

	TRY(fdt_begin_node(fdt, "psci"));
	TRY(PUT_STRINGS(fdt, "compatible", "arm,psci-1.0\0arm,psci-0.2\0arm,psci"));
	TRY(fdt_property_string(fdt, "method", "hvc"));
	TRY(fdt_property_u32(fdt, "cpu_suspend", 0xc4000001));
	TRY(fdt_property_u32(fdt, "cpu_off", 0x84000002));
	TRY(fdt_property_u32(fdt, "cpu_on", 0xc4000003));
	TRY(fdt_end_node(fdt));

	TRY(fdt_begin_node(fdt, "timer"));
	TRY(PUT_STRINGS(fdt, "compatible", "arm,armv8-timer\0arm,armv7-timer"));
	for (unsigned i = 0; i < 4; i++) {
		cell(&c, GIC_PPI);
		cell(&c, timer_ppis[i]);
		cell(&c, flags);
	}
	TRY(put(fdt, "interrupts", &c));
	TRY(fdt_property(fdt, "always-on", NULL, 0));
	return fdt_end_node(fdt);
}

static int add_v2(void *fdt)
{
	struct cells c = {.n = 0};

	TRY(fdt_property_string(fdt, "compatible", "arm,cortex-a15-gic"));
	cell64(&c, LAYOUT_GICD);
	cell64(&c, KVM_VGIC_V2_DIST_SIZE);
	cell64(&c, LAYOUT_GICC);
	cell64(&c, KVM_VGIC_V2_CPU_SIZE);
	return put(fdt, "reg", &c);
}

static int add_v3(void *fdt, const struct fdt_machine *m)
{
	struct layout_gicr r[LAYOUT_MAX_GICR];
	unsigned n = layout_merge_gicr(m->map, m->cpus, r);
	void *reg;

	TRY(fdt_property_string(fdt, "compatible", "arm,gic-v3"));
	TRY(fdt_property_u32(fdt, "#redistributor-regions", n));
	TRY(fdt_property_placeholder(fdt, "reg", (int)(n + 1) * 16, &reg));
	for (unsigned i = 0; i <= n; i++) {
		struct cells c = {.n = 0};

		cell64(&c, i ? r[i - 1].base : LAYOUT_GICD);
		cell64(&c, i ? r[i - 1].count * LAYOUT_GICR_STEP : KVM_VGIC_V3_DIST_SIZE);
		memcpy((char *)reg + i * 16, c.cell, 16);
	}
	return 0;
}

static int add_its(void *fdt)
{
	TRY(fdt_begin_node(fdt, "its@8080000"));
	TRY(fdt_property_string(fdt, "compatible", "arm,gic-v3-its"));
	TRY(fdt_property(fdt, "msi-controller", NULL, 0));
	TRY(fdt_property_u32(fdt, "#msi-cells", 1));
	TRY(put_reg(fdt, LAYOUT_ITS, KVM_VGIC_V3_ITS_SIZE));
	TRY(fdt_property_u32(fdt, "phandle", PHANDLE_ITS));
	return fdt_end_node(fdt);
}

static int add_gic(void *fdt, const struct fdt_machine *m)
{
	TRY(fdt_begin_node(fdt, "intc@8000000"));
	TRY(fdt_property(fdt, "interrupt-controller", NULL, 0));
	TRY(fdt_property_u32(fdt, "#interrupt-cells", 3));
	TRY(fdt_property_u32(fdt, "#address-cells", 2));
	TRY(fdt_property_u32(fdt, "#size-cells", 2));
	TRY(fdt_property(fdt, "ranges", NULL, 0));
	TRY(m->map->gic_version == 2 ? add_v2(fdt) : add_v3(fdt, m));
	TRY(fdt_property_u32(fdt, "phandle", PHANDLE_GIC));
	if (m->has_its)
		TRY(add_its(fdt));
	return fdt_end_node(fdt);
}

static int add_device(void *fdt, const char *name, uint64_t base, uint32_t spi, unsigned clocks)
{
	struct cells irq = {.n = 0}, clk = {.n = 0};

	cell(&irq, GIC_SPI);
	cell(&irq, spi);
	cell(&irq, IRQ_LEVEL_HIGH);
	for (unsigned i = 0; i < clocks; i++)
		cell(&clk, PHANDLE_CLOCK);
	TRY(fdt_begin_node(fdt, name));
	TRY(put_reg(fdt, base, LAYOUT_FRAME));
	TRY(put(fdt, "interrupts", &irq));
	return put(fdt, "clocks", &clk);
}

static int add_devices(void *fdt)
{
	TRY(fdt_begin_node(fdt, "apb-pclk"));
	TRY(fdt_property_string(fdt, "compatible", "fixed-clock"));
	TRY(fdt_property_u32(fdt, "#clock-cells", 0));
	TRY(fdt_property_u32(fdt, "clock-frequency", 24000000));
	TRY(fdt_property_string(fdt, "clock-output-names", "clk24mhz"));
	TRY(fdt_property_u32(fdt, "phandle", PHANDLE_CLOCK));
	TRY(fdt_end_node(fdt));

	TRY(add_device(fdt, "pl011@9000000", LAYOUT_UART, LAYOUT_UART_SPI, 2));
	TRY(PUT_STRINGS(fdt, "compatible", "arm,pl011\0arm,primecell"));
	TRY(PUT_STRINGS(fdt, "clock-names", "uartclk\0apb_pclk"));
	TRY(fdt_end_node(fdt));

	TRY(add_device(fdt, "pl031@9010000", LAYOUT_RTC, LAYOUT_RTC_SPI, 1));
	TRY(PUT_STRINGS(fdt, "compatible", "arm,pl031\0arm,primecell"));
	TRY(fdt_property_string(fdt, "clock-names", "apb_pclk"));
	return fdt_end_node(fdt);
}

/*
 * Which SPI a device's pin is: the pins of neighbouring devices are turned by one, so four devices
 * tell how those of all 32 are. The mask leaves two bits of the device's number, and the pin.
 */
static int add_pci_pins(void *fdt)
{
	enum { ENTRY = 10 * 4 };
	struct cells mask = {.n = 0};
	void *map;

	TRY(fdt_property_placeholder(fdt, "interrupt-map", 16 * ENTRY, &map));
	for (unsigned i = 0; i < 16; i++) {
		const unsigned device = i / 4, pin = i % 4;
		struct cells c = {.n = 0};

		cell(&c, device << 11);
		cell64(&c, 0);
		cell(&c, pin + 1);
		cell(&c, PHANDLE_GIC);
		cell64(&c, 0);
		cell(&c, GIC_SPI);
		cell(&c, LAYOUT_PCI_SPI + (pin + device) % 4);
		cell(&c, IRQ_LEVEL_HIGH);
		memcpy((char *)map + i * ENTRY, c.cell, ENTRY);
	}
	cell(&mask, 3 << 11);
	cell64(&mask, 0);
	cell(&mask, 7);
	return put(fdt, "interrupt-map-mask", &mask);
}

static int add_pci(void *fdt, const struct fdt_machine *m)
{
	const uint32_t memory_32 = 0x02000000; /* the kind of address: IEEE 1275 PCI binding */
	struct cells buses = {.n = 0}, ranges = {.n = 0}, msi = {.n = 0};

	cell(&buses, 0);
	cell(&buses, 0);
	cell(&ranges, memory_32);
	cell64(&ranges, m->map->pci_window);
	cell64(&ranges, m->map->pci_window);
	cell64(&ranges, m->map->pci_window_size);
	TRY(fdt_begin_node(fdt, "pcie@3f000000"));
	TRY(fdt_property_string(fdt, "compatible", "pci-host-ecam-generic"));
	TRY(fdt_property_string(fdt, "device_type", "pci"));
	TRY(fdt_property_u32(fdt, "#address-cells", 3));
	TRY(fdt_property_u32(fdt, "#size-cells", 2));
	TRY(fdt_property_u32(fdt, "#interrupt-cells", 1));
	TRY(fdt_property_u32(fdt, "linux,pci-domain", 0));
	TRY(put(fdt, "bus-range", &buses));
	TRY(fdt_property(fdt, "dma-coherent", NULL, 0));
	TRY(put_reg(fdt, LAYOUT_ECAM, LAYOUT_ECAM_SIZE));
	TRY(put(fdt, "ranges", &ranges));
	TRY(add_pci_pins(fdt));
	/* A requester ID is the DeviceID, all 16 bits of it. */
	if (m->has_its) {
		cell(&msi, 0);
		cell(&msi, PHANDLE_ITS);
		cell(&msi, 0);
		cell(&msi, 0x10000);
		TRY(put(fdt, "msi-map", &msi));
	}
	return fdt_end_node(fdt);
}

static int add_firmware(void *fdt)
{
	TRY(fdt_begin_node(fdt, "firmware"));
	TRY(fdt_begin_node(fdt, "sdei"));
	TRY(fdt_property_string(fdt, "compatible", "arm,sdei-1.0"));
	TRY(fdt_property_string(fdt, "method", "hvc"));
	TRY(fdt_end_node(fdt));
	return fdt_end_node(fdt);
}

static int add_memory(void *fdt, const struct layout_map *map)
{
	char name[32];

	snprintf(name, sizeof(name), "memory@%llx", (unsigned long long)map->ram_base);
	TRY(fdt_begin_node(fdt, name));
	TRY(fdt_property_string(fdt, "device_type", "memory"));
	TRY(put_reg(fdt, map->ram_base, map->ram_size));
	return fdt_end_node(fdt);
}

int fdt_build(void *fdt, int size, const struct fdt_machine *m)
{
	TRY(fdt_create(fdt, size));
	TRY(fdt_finish_reservemap(fdt));
	TRY(fdt_begin_node(fdt, ""));
	TRY(fdt_property_string(fdt, "compatible", "linux,dummy-virt"));
	TRY(fdt_property_string(fdt, "model", "linux,dummy-virt"));
	TRY(fdt_property_u32(fdt, "#address-cells", 2));
	TRY(fdt_property_u32(fdt, "#size-cells", 2));
	TRY(fdt_property_u32(fdt, "interrupt-parent", PHANDLE_GIC));

	TRY(fdt_begin_node(fdt, "chosen"));
	TRY(fdt_property_string(fdt, "stdout-path", "/pl011@9000000"));
	TRY(fdt_end_node(fdt));
	TRY(add_memory(fdt, m->map));
	TRY(add_cpus(fdt, m));
	TRY(add_psci_and_timer(fdt, m));
	if (m->has_sdei)
		TRY(add_firmware(fdt));
	TRY(add_gic(fdt, m));
	TRY(add_devices(fdt));
	TRY(add_pci(fdt, m));

	TRY(fdt_end_node(fdt));
	TRY(fdt_finish(fdt));
	return fdt_open_into(fdt, fdt, size);
}

int fdt_adopt(void *fdt, uint64_t len, int size)
{
	if (len < sizeof(struct fdt_header))
		return -FDT_ERR_TRUNCATED;
	TRY(fdt_check_full(fdt, len));
	return fdt_open_into(fdt, fdt, size);
}

static int chosen(void *fdt)
{
	int node = fdt_path_offset(fdt, "/chosen");

	return node == -FDT_ERR_NOTFOUND ? fdt_add_subnode(fdt, 0, "chosen") : node;
}

int fdt_set_boot(void *fdt, const struct fdt_boot *b)
{
	int node = chosen(fdt);
	int memory;

	TRY(node);
	if (b->bootargs)
		TRY(fdt_setprop_string(fdt, node, "bootargs", b->bootargs));
	if (b->initrd_end != b->initrd_start) {
		TRY(fdt_setprop_u64(fdt, node, "linux,initrd-start", b->initrd_start));
		TRY(fdt_setprop_u64(fdt, node, "linux,initrd-end", b->initrd_end));
	} else {
		/* A tree from a file may name one of another run. */
		fdt_delprop(fdt, node, "linux,initrd-start");
		fdt_delprop(fdt, node, "linux,initrd-end");
	}
	memory = fdt_node_offset_by_prop_value(fdt, -1, "device_type", "memory", sizeof("memory"));
	if (memory >= 0) {
		struct cells c = {.n = 0};

		cell64(&c, b->map->ram_base);
		cell64(&c, b->map->ram_size);
		TRY(fdt_setprop(fdt, memory, "reg", c.cell, c.n * 4));
	}
	return 0;
}

int fdt_set_seeds(void *fdt)
{
	uint8_t seed[40];
	int node = chosen(fdt);

	TRY(node);
	/* Without them the guest only starts with less entropy. */
	if (getrandom(seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed))
		return 0;
	TRY(fdt_setprop(fdt, node, "rng-seed", seed, 32));
	return fdt_setprop(fdt, node, "kaslr-seed", seed + 32, 8);
}

uint64_t fdt_finish_tree(void *fdt)
{
	fdt_pack(fdt);
	return fdt_totalsize(fdt);
}
