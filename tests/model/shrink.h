/* SPDX-License-Identifier: MIT */
/* Makes a failing recording small: delta debugging. */
#ifndef MODEL_SHRINK_H
#define MODEL_SHRINK_H

#include "world.h"

/*
 * Plays operations from reset; true if all went well. With @check all registers are compared after
 * each of them, so that a difference is seen where it arises. @w is left as it was at the end, for
 * the caller to end; *@nr becomes the number of operations played.
 */
bool replay(struct world *w, const struct shape *shape, const struct op *ops, unsigned *nr,
	    bool check);
/* Of @nr operations that fail leaves some that do; returns how many. *@check: see above. */
unsigned shrink(const struct shape *shape, struct op *ops, unsigned nr, bool *check);

#endif
