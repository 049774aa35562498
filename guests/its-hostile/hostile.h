/* SPDX-License-Identifier: MIT */
/* What the hostile guest and the program that runs it (tests/guest/its_hostile.c) both know. */
#ifndef ITS_HOSTILE_H
#define ITS_HOSTILE_H

#define RAM_SIZE    0x8000000ul
#define GITS	    0x08080000ul
#define SHARED_BASE 0x43000000ul

enum phase {
	PHASE_START,
	PHASE_READY, /* the ITS is enabled, nothing is mapped */
	PHASE_FULL,  /* everything is mapped that there is memory for */
	PHASE_LOOP,  /* round after round of the dearest commands, until told to stop */
	PHASE_STOPPED,
};

struct hostile {
	unsigned long phase, stop;
	unsigned long devices, events; /* commands given to map them */
	unsigned long accesses;	       /* of ITS registers in the loop */
	unsigned long longest_ns;      /* of them */
	unsigned long rounds;
};

#endif
