/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Any text is a configuration or gets a message with its place; nothing of it is kept.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kith/conf.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool claim)
{
	if (!claim)
		abort();
}

/* A NUL byte can only stand in a file. */
static void try_file(const uint8_t *data, size_t size)
{
	char path[64];
	struct why why;
	struct conf c;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/tmp/kith-fuzz-conf-%ld", (long)getpid());
	f = fopen(path, "wb");
	demand(f);
	(void)fwrite(data, 1, size, f);
	demand(fclose(f) == 0);
	demand(conf_load(path, &c, &why) == CONF_E_BAD);
	(void)remove(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct why why = { "" };
	struct conf c;
	int r;

	if (!text)
		return 0;
	if (size && memchr(data, 0, size))
		try_file(data, size);
	memcpy(text, data, size);
	text[size] = '\0';
	r = conf_parse("kithd.conf", text, &c, &why);
	if (r == 0) {
		demand(c.state_dir[0] == '/' && c.store[0] == '/' && c.keys[0] == '/');
		demand(c.control_socket[0] == '/' && c.link_socket[0] == '/');
		demand(c.listen[0] == '\0' || strncmp(c.listen, "tcp://", 6) == 0);
		demand(c.map_size >= (uint64_t)1 << 20 && c.map_size <= (uint64_t)16 << 40);
		conf_done(&c);
	} else {
		demand(r == CONF_E_BAD && strncmp(why.text, "kithd.conf", 10) == 0);
	}
	free(text);
	return 0;
}
