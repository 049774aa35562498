/* SPDX-License-Identifier: MIT */
/*
 * The devices this program itself provides, as the vCPU threads see them: who answers an address,
 * and which interrupt line a device has.
 */
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>

#include <armature/kvm.h>

#include "vmm/console.h"
#include "vmm/machine.h"
#include "vmm/report.h"

/* SPIs are counted from 0 in the device tree and from 32 in the GIC. */
#define SPI_INTID(spi) (32u + (spi))

void machine_drive_line(struct machine *m, unsigned spi, bool level)
{
	struct kvm_irq_level irq = {
	    .irq = (uint32_t)KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT | SPI_INTID(spi),
	    .level = level,
	};

	VMM_TRACE(IRQ, "spi %u level %d", spi, level);
	m->be->ioctl(m->vm_fd, KVM_IRQ_LINE, (unsigned long)&irq);
}

static void set_spi(struct machine *m, unsigned spi, bool level)
{
	pthread_mutex_lock(&m->lines.lock);
	m->lines.level[spi] = level;
	if (!m->lines.held) {
		m->lines.told[spi] = level;
		machine_drive_line(m, spi, level);
	}
	pthread_mutex_unlock(&m->lines.lock);
}

void lines_hold(struct machine *m)
{
	pthread_mutex_lock(&m->lines.lock);
	m->lines.held = true;
	pthread_mutex_unlock(&m->lines.lock);
}

void lines_release(struct machine *m, const bool was[LAYOUT_NR_LINES])
{
	pthread_mutex_lock(&m->lines.lock);
	for (unsigned spi = 0; spi < LAYOUT_NR_LINES; spi++) {
		m->lines.told[spi] = m->lines.level[spi];
		if (m->lines.told[spi] != (was && was[spi]))
			machine_drive_line(m, spi, m->lines.told[spi]);
	}
	m->lines.held = false;
	pthread_mutex_unlock(&m->lines.lock);
}

static void uart_irq(void *opaque, bool level)
{
	set_spi(opaque, LAYOUT_UART_SPI, level);
}

static void uart_transmit(void *opaque, uint8_t c)
{
	struct machine *m = opaque;

	console_put(m->console, c);
}

static void uart_room(void *opaque)
{
	struct machine *m = opaque;

	console_room(m->console);
}

static void rtc_irq(void *opaque, bool level)
{
	set_spi(opaque, LAYOUT_RTC_SPI, level);
}

static int64_t rtc_now(void *opaque)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec;
}

static void rtc_wake_at(void *opaque, int64_t seconds)
{
	struct machine *m = opaque;
	struct itimerspec t;

	memset(&t, 0, sizeof(t));
	t.it_value.tv_sec = (time_t)seconds;
	timerfd_settime(m->rtc_fd, TFD_TIMER_ABSTIME, &t, NULL);
}

void devices_init(struct machine *m)
{
	const struct pl011_host uart = {
	    .opaque = m,
	    .set_irq = uart_irq,
	    .transmit = uart_transmit,
	    .room = uart_room,
	};
	const struct pl031_host rtc = {
	    .opaque = m,
	    .now = rtc_now,
	    .wake_at = rtc_wake_at,
	    .set_irq = rtc_irq,
	};

	pthread_mutex_init(&m->lines.lock, NULL);
	m->lines.held = true;
	pl011_init(&m->uart, &uart);
	pl031_init(&m->rtc, &rtc);
}

void devices_reset(struct machine *m)
{
	pl011_reset(&m->uart);
	pl031_reset(&m->rtc);
}

void devices_finish(struct machine *m)
{
	pl011_finish(&m->uart);
	pl031_finish(&m->rtc);
	pthread_mutex_destroy(&m->lines.lock);
}

/*
 * Registers are 32 bits wide. A narrower access sees or changes its bytes of the register; a wider
 * one has zeroes above.
 */
static uint32_t device_read(struct machine *m, uint64_t base, uint32_t offset)
{
	uint32_t shift = 8 * (offset & 3);
	uint32_t v;

	offset &= ~3u;
	v = base == LAYOUT_UART ? pl011_read(&m->uart, offset) : pl031_read(&m->rtc, offset);
	return v >> shift;
}

static void device_write(struct machine *m, uint64_t base, uint32_t offset, uint32_t v)
{
	v <<= 8 * (offset & 3);
	offset &= ~3u;
	if (base == LAYOUT_UART)
		pl011_write(&m->uart, offset, v);
	else
		pl031_write(&m->rtc, offset, v);
}

void machine_mmio(struct machine *m, uint64_t addr, uint8_t *data, unsigned len, bool is_write)
{
	static const uint64_t bases[] = {LAYOUT_UART, LAYOUT_RTC};
	uint64_t value = 0;

	if (len > 8)
		return;
	for (unsigned i = 0; i < 2; i++) {
		if (addr < bases[i] || addr - bases[i] >= LAYOUT_FRAME)
			continue;
		if (is_write) {
			/* The bytes are in the order the device sees them: little-endian. */
			for (unsigned b = 0; b < len; b++)
				value |= (uint64_t)data[b] << (8 * b);
			device_write(m, bases[i], (uint32_t)(addr - bases[i]), (uint32_t)value);
			return;
		}
		value = device_read(m, bases[i], (uint32_t)(addr - bases[i]));
		for (unsigned b = 0; b < len; b++)
			data[b] = (uint8_t)(value >> (8 * b));
		return;
	}
	/* Nothing there: reads as zero, and writes are ignored. */
	VMM_TRACE(UNASSIGNED, "%s of %u bytes at 0x%llx", is_write ? "write" : "read", len,
		  (unsigned long long)addr);
	if (!is_write)
		memset(data, 0, len);
}
