/* SPDX-License-Identifier: MIT */
/*
 * The machine's PCI devices: disks, the entropy source and perhaps a console; and what the bus
 * they are on needs of the machine.
 *
 * Locks: device, then bus, then interrupt lines.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <armature/kvm.h>

#include "vmm/console.h"
#include "vmm/machine.h"
#include "vmm/report.h"
#include "vmm/virtio.h"

static void bus_set_intx(void *opaque, unsigned line, bool level)
{
	machine_set_spi(opaque, LAYOUT_PCI_SPI + line, level);
}

static bool bus_msi(void *opaque, uint64_t address, uint32_t data, uint16_t rid)
{
	return machine_send_msi(opaque, address, data, rid);
}

/* ---- The virtio console ---- */

/*
 * A guest that is over waits for nothing more to be printed. So resetting the device does not wait
 * for somebody who does not read our output.
 */
static void hvc_transmit(void *opaque, const uint8_t *bytes, size_t n)
{
	struct machine *m = opaque;

	for (size_t i = 0; i < n; i++) {
		if (atomic_load(&m->end) != END_NONE && !atomic_load(&m->running))
			return;
		console_put(m->console, bytes[i]);
	}
}

static void hvc_room(void *opaque)
{
	struct machine *m = opaque;

	console_room(m->console);
}

size_t devices_receive(struct machine *m, const uint8_t *bytes, size_t n)
{
	return m->hvc ? virtio_console_receive(m->hvc, bytes, n)
		      : pl011_receive(&m->uart, bytes, n);
}

void devices_receive_break(struct machine *m)
{
	/* A virtio console has no break; the character that Linux takes for one there. */
	static const uint8_t sysrq = 0x0f;

	if (m->hvc)
		virtio_console_receive(m->hvc, &sysrq, 1);
	else
		pl011_receive_break(&m->uart);
}

/* ---- Life ---- */

static int create_disk(struct machine *m, unsigned i)
{
	const char *text = m->opt->disk[i];
	const unsigned cpus = m->opt->cpus;
	struct machine_disk *d = &m->disk[i];
	char serial[16];
	struct virtio_blk_config c = {
	    .serial = serial,
	    /* Linux would use one for each CPU, but the host has fewer. */
	    .nr_queues = cpus < 2   ? 2
			 : cpus > 4 ? 4
				    : cpus,
	    .with_msix = m->has_its,
	};

	snprintf(serial, sizeof(serial), "disk%u", i);
	d->path = malloc(strlen(text) + 1);
	if (!d->path)
		return vmm_fail(VMM_HOST, "not enough memory for --disk %s", text);
	if (options_parse_disk(text, d->path, strlen(text) + 1, &c.readonly))
		return vmm_fail(VMM_USAGE, "--disk %s: not a file's name", text);
	c.path = d->path;
	return virtio_blk_create(&d->device, &m->pci, &m->dma, &c);
}

int pci_devices_init(struct machine *m)
{
	const struct pci_host host = {
	    .opaque = m,
	    .set_intx = bus_set_intx,
	    .msi = bus_msi,
	};
	const struct virtio_console_host hvc = {
	    .opaque = m,
	    .transmit = hvc_transmit,
	    .room = hvc_room,
	};
	int status = 0;

	pci_bus_init(&m->pci, &host);
	pci_bus_set_window(&m->pci, m->map.pci_window, m->map.pci_window_size);
	for (unsigned i = 0; i < m->opt->nr_disks && !status; i++)
		status = create_disk(m, i);
	if (!status && !m->opt->no_rng)
		status = virtio_rng_create(&m->rng, &m->pci, &m->dma, m->has_its);
	if (!status && m->opt->virtio_console)
		status = virtio_console_create(&m->hvc, &m->pci, &m->dma, &hvc, m->has_its);
	return status;
}

/* Calls @f for each device. */
static void each(struct machine *m, void (*f)(struct virtio_device *d))
{
	for (unsigned i = 0; i < OPTIONS_MAX_DISKS; i++)
		if (m->disk[i].device)
			f(m->disk[i].device);
	if (m->rng)
		f(m->rng);
	if (m->hvc)
		f(m->hvc);
}

void devices_stop(struct machine *m)
{
	each(m, virtio_reset);
}

void pci_devices_reset(struct machine *m)
{
	devices_stop(m);
	pci_bus_reset(&m->pci);
}

void pci_devices_finish(struct machine *m)
{
	each(m, virtio_destroy);
	pci_bus_finish(&m->pci);
	for (unsigned i = 0; i < OPTIONS_MAX_DISKS; i++)
		free(m->disk[i].path);
}
