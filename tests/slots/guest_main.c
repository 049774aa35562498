/* SPDX-License-Identifier: MIT */
/* One image for both programs; shared.log_pages says which one. */
#include "guest.h"

void guest_slots(unsigned cpu);
void guest_log(unsigned cpu);
void guest_main(unsigned cpu);
void *memset(void *to, int value, __SIZE_TYPE__ len);

/* The compiler calls it by itself. */
void *memset(void *to, int value, __SIZE_TYPE__ len)
{
	for (__SIZE_TYPE__ n = 0; n < len; n++)
		((volatile char *)to)[n] = (char)value;
	return to;
}

void guest_main(unsigned cpu)
{
	mmu_prepare();
	if (SHARED_DATA->log_pages)
		guest_log(cpu);
	else
		guest_slots(cpu);
}
