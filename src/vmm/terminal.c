/* SPDX-License-Identifier: MIT */
/* Raw mode and the ways back: see terminal.h. */
#include "vmm/terminal.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* Process-wide, as the terminal itself and the signal handlers are. */
static struct termios before, raw;
static atomic_bool is_raw;
static bool known;

void terminal_restore(void)
{
	sigset_t block, old;

	if (!atomic_exchange(&is_raw, false))
		return;
	/* In the background the terminal would answer tcsetattr() with a stop. */
	sigemptyset(&block);
	sigaddset(&block, SIGTTOU);
	pthread_sigmask(SIG_BLOCK, &block, &old);
	tcsetattr(STDIN_FILENO, TCSANOW, &before);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void terminal_raw(void)
{
	if (!known)
		return;
	atomic_store(&is_raw, true);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

static void on_fatal(int sig)
{
	terminal_restore();
	/* The handler was installed with SA_RESETHAND: this time it is the default action. */
	raise(sig);
}

bool terminal_init(void)
{
	static const int fatal[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};

	if (!known) {
		if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before) < 0)
			return false;
		raw = before;
		cfmakeraw(&raw);
		/* "\n" from this program's messages still goes to the start of the next line. */
		raw.c_oflag = before.c_oflag | OPOST;
		raw.c_cc[VMIN] = 1;
		raw.c_cc[VTIME] = 0;
		known = true;
		atexit(terminal_restore);
		for (unsigned i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++) {
			struct sigaction sa, old;

			/* A sanitizer's handlers say more than ours would. */
			if (sigaction(fatal[i], NULL, &old) < 0 || old.sa_handler != SIG_DFL)
				continue;
			memset(&sa, 0, sizeof(sa));
			sa.sa_handler = on_fatal;
			sa.sa_flags = (int)SA_RESETHAND;
			sigaction(fatal[i], &sa, NULL);
		}
	}
	terminal_raw();
	return true;
}
