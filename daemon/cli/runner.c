/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Running a program
 *
 * One question on its standard input, one line of answer from its standard output, and a time
 * after which it is ended with everything that it has begun. No shell; what it says on standard
 * error goes where ours goes.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/cli/cli.h"

extern char **environ;

/* The ends that stay here are not the child's. */
static int pipes(int in[2], int out[2])
{
	if (pipe2(in, O_CLOEXEC) != 0)
		return -errno;
	if (pipe2(out, O_CLOEXEC) != 0) {
		int rc = -errno;

		(void)close(in[0]);
		(void)close(in[1]);
		return rc;
	}
	return 0;
}

/* In a process group of its own, with the signals as a program expects them. */
static int spawn(const char *program, int in, int out, pid_t *ret)
{
	char *argv[] = { (char *)program, NULL };
	posix_spawn_file_actions_t act;
	posix_spawnattr_t attr;
	sigset_t usual;
	int rc = posix_spawn_file_actions_init(&act);

	if (rc != 0)
		return -rc;
	(void)posix_spawnattr_init(&attr);
	(void)sigemptyset(&usual);
	(void)sigaddset(&usual, SIGPIPE);
	(void)sigaddset(&usual, SIGINT);
	(void)sigaddset(&usual, SIGTERM);
	(void)posix_spawnattr_setsigdefault(&attr, &usual);
	(void)posix_spawnattr_setpgroup(&attr, 0);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
	(void)posix_spawn_file_actions_adddup2(&act, in, STDIN_FILENO);
	(void)posix_spawn_file_actions_adddup2(&act, out, STDOUT_FILENO);
	rc = posix_spawnp(ret, program, &act, &attr, argv, environ);
	(void)posix_spawn_file_actions_destroy(&act);
	(void)posix_spawnattr_destroy(&attr);

	return -rc;
}

int runner_start(struct runner *r, const char *program, const char *question)
{
	size_t len = strlen(question);
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, rc = pipes(in, out);
	ssize_t n = 0;

	*r = (struct runner){ .out = -1, .began = clock_ms() };
	if (rc != 0)
		return rc;
	rc = spawn(program, in[0], out[1], &r->pid);
	(void)close(in[0]);
	(void)close(out[1]);
	if (rc == 0) {
		/* A pipe takes 64 KiB at once; a question has less. */
		(void)fcntl(in[1], F_SETFL, O_NONBLOCK);
		(void)fcntl(out[0], F_SETFL, O_NONBLOCK);
		n = write(in[1], question, len);
		r->out = out[0];
		/* One that does not read its question may know its answer all the same. */
		(void)n;
	} else {
		(void)close(out[0]);
	}
	(void)close(in[1]);

	return rc;
}

void runner_kill(struct runner *r)
{
	if (r->pid > 0)
		(void)kill(-r->pid, SIGKILL);
	r->killed = true;
}

static void hear(struct runner *r)
{
	ssize_t n;

	while (r->out >= 0) {
		char more[512];

		n = read(r->out, more, sizeof(more));
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			(void)close(r->out);
			r->out = -1;
			return;
		}
		if ((size_t)n > sizeof(r->said) - 1 - r->n)
			r->much = true;
		else
			memcpy(r->said + r->n, more, (size_t)n);
		r->n += r->much ? 0 : (size_t)n;
	}
}

bool runner_ended(struct runner *r)
{
	int status = 0;
	pid_t got;

	hear(r);
	got = waitpid(r->pid, &status, WNOHANG);
	if (got == 0)
		return false;
	hear(r); /* what came between */
	if (r->out >= 0)
		(void)close(r->out);
	r->out = -1;
	(void)kill(-r->pid, SIGKILL); /* whatever it left behind */
	r->pid = 0;
	r->status = got > 0 && WIFEXITED(status)     ? WEXITSTATUS(status)
		    : got > 0 && WIFSIGNALED(status) ? 128 + WTERMSIG(status)
						     : 255;
	r->said[r->n] = '\0';
	r->said[strcspn(r->said, "\n")] = '\0';

	return true;
}
