/* SPDX-License-Identifier: MIT */
/* See shrink.h. */
#include "shrink.h"

#include <stdlib.h>
#include <string.h>

bool replay(struct world *w, const struct shape *shape, const struct op *ops, unsigned *nr,
	    bool check)
{
	bool ok = true;
	unsigned i = 0;

	world_start(w, shape);
	while (i < *nr && ok) {
		ok = world_step(w, &ops[i++]);
		if (ok && check)
			ok = world_check(w);
	}
	*nr = i;
	return ok;
}

/* Shortens *@nr to the failing operation. */
static bool fails(const struct shape *shape, const struct op *ops, unsigned *nr, bool check)
{
	static struct world w;
	bool ok = replay(&w, shape, ops, nr, check);

	world_end(&w);
	return !ok;
}

/* Leaves out each run of @size operations that is not needed. True if something went. */
static bool leave_out(const struct shape *shape, struct op *ops, unsigned *nr, unsigned size,
		      bool check)
{
	struct op *part = malloc(*nr * sizeof(*part));
	bool progress = false;
	unsigned at = 0;

	if (!part)
		abort();
	while (at < *nr) {
		unsigned len = size < *nr - at ? size : *nr - at, left = *nr - len;

		memcpy(part, ops, at * sizeof(*part));
		memcpy(part + at, ops + at + len, (*nr - at - len) * sizeof(*part));
		if (left && fails(shape, part, &left, check)) {
			memcpy(ops, part, left * sizeof(*part));
			*nr = left;
			progress = true;
		} else {
			at += len;
		}
	}
	free(part);
	return progress;
}

/* Clears the bits of values that do not matter. */
static void simplify(const struct shape *shape, struct op *ops, unsigned nr, bool check)
{
	for (unsigned i = 0; i < nr; i++)
		for (unsigned bit = 0; bit < 64; bit++) {
			uint64_t old = ops[i].value;
			unsigned n = nr;

			if (!(old >> bit & 1))
				continue;
			ops[i].value &= ~(UINT64_C(1) << bit);
			if (!fails(shape, ops, &n, check) || n != nr)
				ops[i].value = old;
		}
}

unsigned shrink(const struct shape *shape, struct op *ops, unsigned nr, bool *check)
{
	unsigned n = nr;

	*check = fails(shape, ops, &n, true);
	if (!*check) {
		n = nr;
		if (!fails(shape, ops, &n, false))
			return nr; /* not repeatable: show all */
	}
	for (unsigned size = n / 2 ? n / 2 : 1;; size = size / 2 ? size / 2 : 1) {
		bool progress = leave_out(shape, ops, &n, size, *check);

		if (size == 1 && !progress)
			break;
	}
	simplify(shape, ops, n, *check);
	leave_out(shape, ops, &n, 1, *check);
	return n;
}
