/* SPDX-License-Identifier: MIT */
/* Entropy device (VIRTIO 1.2, 5.4): each buffer is filled by the host's random number generator. */
#include "vmm/virtio_device.h"

#include <stdlib.h>
#include <sys/random.h>

#include "vmm/report.h"

/* A longer buffer gets this much: the driver asks again (5.4.6.2 wants one byte at least). */
#define MAX_BYTES 4096u

struct rng {
	struct virtio_device dev;
	struct virtq_chain chain;
	uint8_t bytes[MAX_BYTES];
};

static struct rng *to_rng(struct virtio_device *d)
{
	return (struct rng *)(void *)((char *)d - offsetof(struct rng, dev));
}

static void process(struct virtio_device *d, unsigned index)
{
	struct rng *r = to_rng(d);
	struct virtq *q = &d->queue[index];

	do {
		virtq_quiet(q);
		while (virtq_pop(q, &r->chain)) {
			size_t n = r->chain.in_len < MAX_BYTES ? r->chain.in_len : MAX_BYTES;
			ssize_t got = getrandom(r->bytes, n, 0);

			/* It fails for no reason that could be here. */
			if (got < 0)
				got = 0;
			virtq_write(&r->chain, r->bytes, (size_t)got);
			virtq_push(q, &r->chain, (size_t)got);
			virtq_signal(q);
		}
	} while (virtq_rearm(q));
}

static void destroy(struct virtio_device *d)
{
	free(to_rng(d));
}

static const struct virtio_ops ops = {.process = process, .destroy = destroy};

int virtio_rng_create(struct virtio_device **d, struct pci_bus *bus, const struct dma *dma,
		      bool with_msix)
{
	const struct virtio_setup setup = {
	    .ops = &ops,
	    .name = "rng",
	    .type = VIRTIO_TYPE_RNG,
	    .class_code = 0x00ff00, /* no class */
	    .nr_queues = 1,
	    .with_msix = with_msix,
	};
	struct rng *r = calloc(1, sizeof(*r));
	int status;

	if (!r)
		return vmm_fail(VMM_HOST, "not enough memory for a device");
	status = virtio_init(&r->dev, bus, dma, &setup);
	if (status) {
		free(r);
		return status;
	}
	*d = &r->dev;
	return 0;
}
