/* SPDX-License-Identifier: MIT */
/*
 * The devices this program itself provides, as the vCPU threads see them: who answers an address;
 * and their interrupts: lines, and messages to the ITS.
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

void machine_set_spi(struct machine *m, unsigned spi, bool level)
{
	pthread_mutex_lock(&m->lines.lock);
	m->lines.level[spi] = level;
	if (!m->lines.held) {
		m->lines.told[spi] = level;
		machine_drive_line(m, spi, level);
	}
	pthread_mutex_unlock(&m->lines.lock);
}

/*
 * One that the ITS drops, as its tables say nothing of it, is gone: so it is on hardware. Only
 * while lines are held is the answer "later": that the VM goes away needs this lock as well.
 */
bool machine_send_msi(struct machine *m, uint64_t address, uint32_t data, uint16_t rid)
{
	struct kvm_msi msi = {
	    .address_lo = (uint32_t)address,
	    .address_hi = (uint32_t)(address >> 32),
	    .data = data,
	    .flags = KVM_MSI_VALID_DEVID,
	    .devid = rid,
	};
	bool sent;

	pthread_mutex_lock(&m->lines.lock);
	sent = !m->lines.held;
	if (sent)
		m->be->ioctl(m->vm_fd, KVM_SIGNAL_MSI, (unsigned long)&msi);
	pthread_mutex_unlock(&m->lines.lock);
	return sent;
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
	/*
	 * Who was refused before has noted that under the bus's lock, which this takes; who comes
	 * after is not refused.
	 */
	pci_resend(&m->pci);
}

static void uart_irq(void *opaque, bool level)
{
	machine_set_spi(opaque, LAYOUT_UART_SPI, level);
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
	machine_set_spi(opaque, LAYOUT_RTC_SPI, level);
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

int devices_init(struct machine *m)
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
	return pci_devices_init(m);
}

void devices_reset(struct machine *m)
{
	pl011_reset(&m->uart);
	pl031_reset(&m->rtc);
	pci_devices_reset(m);
}

void devices_finish(struct machine *m)
{
	pci_devices_finish(m);
	pl011_finish(&m->uart);
	pl031_finish(&m->rtc);
	pthread_mutex_destroy(&m->lines.lock);
}

/* ---- Accesses ---- */

/*
 * Registers are 32 bits wide. A narrower access sees or changes its bytes of the register; a wider
 * one has zeroes above.
 */
static uint32_t frame_read(struct machine *m, uint64_t addr)
{
	const uint32_t offset = (uint32_t)(addr % LAYOUT_FRAME) & ~3u;
	const uint32_t v =
	    addr < LAYOUT_RTC ? pl011_read(&m->uart, offset) : pl031_read(&m->rtc, offset);

	return v >> (8 * (addr & 3));
}

static void frame_write(struct machine *m, uint64_t addr, uint32_t v)
{
	const uint32_t offset = (uint32_t)(addr % LAYOUT_FRAME) & ~3u;

	v <<= 8 * (addr & 3);
	if (addr < LAYOUT_RTC)
		pl011_write(&m->uart, offset, v);
	else
		pl031_write(&m->rtc, offset, v);
}

static bool within(uint64_t addr, uint64_t base, uint64_t size)
{
	return addr >= base && addr - base < size;
}

static bool is_frame(uint64_t addr)
{
	return within(addr, LAYOUT_UART, LAYOUT_FRAME) || within(addr, LAYOUT_RTC, LAYOUT_FRAME);
}

/* False: nothing is there, and *value is what that reads as. */
static bool device_read(struct machine *m, uint64_t addr, unsigned len, uint64_t *value)
{
	if (within(addr, m->map.pci_window, m->map.pci_window_size)) {
		/* On PCI, what nobody answers reads as ones. */
		return pci_mmio_read(&m->pci, addr, len, value);
	}
	*value = 0;
	if (within(addr, LAYOUT_ECAM, LAYOUT_ECAM_SIZE))
		*value = pci_ecam_read(&m->pci, addr - LAYOUT_ECAM, len);
	else if (is_frame(addr))
		*value = frame_read(m, addr);
	else
		return false;
	return true;
}

static bool device_write(struct machine *m, uint64_t addr, unsigned len, uint64_t value)
{
	if (within(addr, m->map.pci_window, m->map.pci_window_size))
		return pci_mmio_write(&m->pci, addr, len, value);
	if (within(addr, LAYOUT_ECAM, LAYOUT_ECAM_SIZE))
		pci_ecam_write(&m->pci, addr - LAYOUT_ECAM, len, value);
	else if (is_frame(addr))
		frame_write(m, addr, (uint32_t)value);
	else
		return false;
	return true;
}

void machine_mmio(struct machine *m, uint64_t addr, uint8_t *data, unsigned len, bool is_write)
{
	uint64_t value = 0;
	bool there;

	if (len > 8)
		return;
	/* The bytes are in the order the device sees them: little-endian. */
	for (unsigned b = 0; is_write && b < len; b++)
		value |= (uint64_t)data[b] << (8 * b);
	there = is_write ? device_write(m, addr, len, value) : device_read(m, addr, len, &value);
	for (unsigned b = 0; !is_write && b < len; b++)
		data[b] = (uint8_t)(value >> (8 * b));
	if (!there)
		VMM_TRACE(UNASSIGNED, "%s of %u bytes at 0x%llx", is_write ? "write" : "read", len,
			  (unsigned long long)addr);
}
