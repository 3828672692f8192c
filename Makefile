# SPDX-License-Identifier: Apache-2.0
#
#   make              the programs: kithd, kith-link, kithctl (and kith-exporter)
#   make test         the first minute: unit tests and stories, gcc
#   make check        everything; installs what is missing; the last line is "N passed, N failed"
#   make lint         every rule of the house, one line each; make lint-mutants breaks each one
#   make demo         three regions on loopback; RETURN=dir imports that statutory return
#   make sim          a random life of a federation: SEED=N HOURS=H; one that breaks a law is made
#                     shorter, and B/sim-N.life is what "sim --replay" lives again
#   make fuzz         libFuzzer on every target for SECONDS=60 each (make check: 10, in CI 60 each);
#                     make fuzz F='node message' on these targets
#   make afl          AFL++ on every target, or on F='node', for HOURS=1 (or SECONDS=N) each; make
#                     afl-merge puts what both have found and the corpora lack into tests/fuzz/corpus
#   make corpora      every file of the fuzzers' corpora once; make cov-corpora what they reach
#   make models       the models of custody and their wrong variants; make model: the large bounds
#   make e2e          the end-to-end tests; make bench the figures; make cov what tests reach
#   make install      DESTDIR= PREFIX=/usr UNITDIR=PREFIX/lib/systemd/system
#   make deb          Debian packages, in B/deb; make systemd tries them in a real systemd
#   make deps         packages that are missing; make clean
#   make man          kith-codes(7), of every code that kith shows, in B/man
#
#   PROFILE=debug|release|asan|tsan|fuzz|afl|cov    B=build: where everything goes, by profile
#   make test T='arena buf' runs these unit tests only; LAYERS='pure store' links these archives
#   only, and PURE='daemon/base proto' these folders only (when a neighbour does not compile)

VERSION := 0.1.0
PROFILE ?= debug
B       ?= build
O       := $(B)/$(PROFILE)
PREFIX  ?= /usr
SEED    ?=
AFL_SECONDS := $(or $(SECONDS),$(if $(HOURS),$(shell echo $$(($(HOURS) * 3600))),3600))
HOURS   ?= 24
RETURN  ?=
SECONDS ?= 60
JOBS    ?= 2

.PHONY: deps-afl all test check lint lint-mutants tidy fuzz fuzzers afl afl-run afl-merge afl-merge-run corpora replays demo sim sim-seeds bench e2e cov \
	cov-corpora decoders tests generated bench-run bench-peers bench-peers-run deps install clean FORCE
.SECONDARY:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

# ---- Profiles: a compiler and its flags -----------------------------------------------------

CC.asan := clang
CC.fuzz := clang
CC.afl  := afl-clang-fast
ifeq ($(origin CC),default)
CC := $(or $(CC.$(PROFILE)),gcc)
endif

SAN := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer \
	-fsanitize-ignorelist=tests/lint/sanitize.ignore
CFLAGS.debug    := -O1 -g
CFLAGS.release  := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
CFLAGS.asan     := -O1 -g $(SAN)
CFLAGS.tsan     := -O1 -g -fsanitize=thread
CFLAGS.fuzz     := -O1 -g -fsanitize=fuzzer-no-link $(SAN)
CFLAGS.afl      := -O2 -g
CFLAGS.cov      := -O0 -g --coverage
LDFLAGS.release := -pie -Wl,-z,relro,-z,now

WARN := -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes -Wstrict-prototypes -Wvla \
	-Wswitch-enum -Wformat=2 -Werror
MODE := -std=gnu17 -D_GNU_SOURCE -DKITH_VERSION=\"$(VERSION)\" -fvisibility=hidden -I. -Iinclude
override CFLAGS += $(MODE) $(WARN) $(CFLAGS.$(PROFILE))
LINK = $(CC) $(CFLAGS.$(PROFILE)) $(LDFLAGS.$(PROFILE)) $(LDFLAGS)

# ---- Layers: a layer is a folder, and one archive -------------------------------------------

PURE   := daemon/base daemon/care daemon/core proto
LAYERS := pure crypto-kith store ctl conf host link cli exporter

src.pure := $(wildcard $(PURE:%=%/*.c))
src.crypto-kith := $(wildcard daemon/crypto/*.c)
$(foreach l,store ctl conf host link cli exporter,$(eval src.$(l) := $(wildcard daemon/$(l)/*.c)))
kit := $(wildcard tests/kit/*.c)

# A program is its main file and the archives. One whose main file is not there is not made.
MAINS := daemon/host/kithd.c daemon/link/kith-link.c daemon/cli/kithctl.c \
	daemon/exporter/kith-exporter.c
PROGRAMS := $(patsubst %.c,$(O)/%,$(notdir $(wildcard $(MAINS))))

obj = $(patsubst %.c,$(O)/%.o,$(1))
ARCHIVES := $(LAYERS:%=$(O)/lib%.a)
NEAR := $(filter-out %/libhost.a %/liblink.a %/libcli.a %/libexporter.a,$(ARCHIVES))
group = -Wl,--as-needed -Wl,--start-group $(1) -Wl,--end-group

# Each foreign library, and what links with it. Evaluated once, and only when something links.
pkg = $(or $(pkg.$(1)),$(eval pkg.$(1) := $$(shell pkg-config --libs $(1)))$(pkg.$(1)))
LIBS.common        = $(call pkg,libprotobuf-c) $(call pkg,libcrypto) -pthread
LIBS.kithd         = $(LIBS.common) $(call pkg,lmdb) $(call pkg,libconfuse) $(call pkg,libsystemd)
LIBS.kith-link     = $(LIBS.common) $(call pkg,libconfuse) $(call pkg,libzmq)
LIBS.kithctl       = $(LIBS.common) $(call pkg,lmdb) $(call pkg,libconfuse) $(call pkg,jansson) \
	$(call pkg,smartcols)
LIBS.kith-exporter = $(LIBS.common) $(call pkg,libconfuse) $(call pkg,libmicrohttpd)
LIBS.test          = $(LIBS.kithd) $(LIBS.kith-link) $(LIBS.kithctl) $(LIBS.kith-exporter)

# ---- Generated code: made in B/gen, seen only by proto/, not held to our warnings -----------

GEN    := $(B)/gen
pb     := $(patsubst proto/%.proto,$(GEN)/%.pb-c.c,$(wildcard proto/*.proto))
pb_obj := $(patsubst $(GEN)/%.c,$(O)/gen/%.o,$(pb))

$(GEN)/%.pb-c.c $(GEN)/%.pb-c.h: proto/%.proto
	@mkdir -p $(GEN)
	protoc-c --proto_path=proto --c_out=$(GEN) $<

generated: $(pb)

$(O)/gen/%.o: $(GEN)/%.c $(O)/flags | $(pb)
	@mkdir -p $(@D)
	$(CC) -std=gnu17 $(CFLAGS.$(PROFILE)) -I$(GEN) -MMD -MP -c $< -o $@

$(call obj,$(wildcard proto/*.c)): private override CFLAGS += -I$(GEN)
$(call obj,$(wildcard proto/*.c)): | $(pb)

# ---- Objects and archives -------------------------------------------------------------------

# Changes only when the compiler or its flags do, and then everything is made again.
$(O)/flags: FORCE
	@mkdir -p $(O)
	@echo '$(CC) $(CFLAGS) $(LDFLAGS)' | cmp -s - $@ || echo '$(CC) $(CFLAGS) $(LDFLAGS)' >$@

$(O)/%.o: %.c $(O)/flags
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -c $< -o $@

define archive
$(O)/lib$(1).a: $(call obj,$(filter-out $(MAINS),$(src.$(1)))) $(if $(filter pure,$(1)),$(pb_obj)) \
		$(O)/lib$(1).list
	@rm -f $$@
	@$(AR) rcsD $$@ $$(filter %.o,$$^)
# The names of its members: an archive is made again when a file has gone.
$(O)/lib$(1).list: FORCE
	@mkdir -p $(O)
	@echo '$(src.$(1))' | cmp -s - $$@ || echo '$(src.$(1))' >$$@
endef
$(foreach l,$(LAYERS),$(eval $(call archive,$(l))))

# ---- Programs -------------------------------------------------------------------------------

all: $(PROGRAMS)

define program
$(O)/$(1): $(call obj,$(filter %/$(1).c,$(MAINS))) $(O)/lib$(2).a $(NEAR)
	$$(LINK) $$(filter %.o,$$^) $$(call group,$$(filter %.a,$$^)) $$(LIBS.$(1)) -o $$@
endef
$(eval $(call program,kithd,host))
$(eval $(call program,kith-link,link))
$(eval $(call program,kithctl,cli))
$(eval $(call program,kith-exporter,exporter))

# ---- Test programs --------------------------------------------------------------------------

UNIT   := $(patsubst tests/unit/%.c,$(O)/unit/%,$(if $(T),$(T:%=tests/unit/test_%.c),\
	$(wildcard tests/unit/test_*.c)))
FUZZ   := $(patsubst tests/fuzz/%.c,$(O)/fuzz/%,$(if $(F),$(F:%=tests/fuzz/fuzz_%.c),\
	$(wildcard tests/fuzz/fuzz_*.c)))
REPLAY := $(patsubst tests/fuzz/%.c,$(O)/replay/%,$(wildcard tests/fuzz/fuzz_*.c))
BENCH  := $(patsubst tests/bench/%.c,$(O)/bench/%,$(wildcard tests/bench/*.c))
SIM    := $(if $(T),,$(if $(wildcard tests/sim/*.c),$(O)/sim))
STORIES := $(if $(SIM),$(sort $(wildcard tests/sim/stories/*.story)))

# The kit's failing allocator stands before the real one in everything that links the kit.
WRAP := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=arena_alloc,--wrap=arena_array \
	-Wl,--wrap=arena_copy,--wrap=arena_grow,--wrap=arena_text
TEST = $(LINK) $(WRAP) $(filter %.o,$^) $(call group,$(filter %.a,$^)) $(LIBS.test)

$(UNIT): $(O)/unit/%: $(O)/tests/unit/%.o $(call obj,$(kit)) $(ARCHIVES)
	@mkdir -p $(@D)
	$(TEST) $(call pkg,cmocka) -o $@
$(O)/sim: $(call obj,$(wildcard tests/sim/*.c)) $(call obj,$(kit)) $(ARCHIVES)
	$(TEST) $(call pkg,cmocka) -o $@
# Without the failing allocator: what is measured is what runs.
$(BENCH): $(O)/bench/%: $(O)/tests/bench/%.o $(ARCHIVES)
	@mkdir -p $(@D)
	$(LINK) $(filter %.o,$^) $(call group,$(filter %.a,$^)) $(LIBS.test) -o $@
# The one target that is more than a file.
$(O)/fuzz/fuzz_node $(O)/replay/fuzz_node: $(call obj,tests/fuzz/hostile.c tests/fuzz/puppet.c)
$(O)/fuzz/fuzz_node $(O)/replay/fuzz_node: private LDFLAGS += -Wl,--wrap=crypto_verify
$(FUZZ): $(O)/fuzz/%: $(O)/tests/fuzz/%.o $(ARCHIVES)
	@mkdir -p $(@D)
	$(LINK) $(if $(filter afl,$(PROFILE)),/usr/lib/afl/libAFLDriver.a,-fsanitize=fuzzer) $(filter %.o,$^) $(call group,$(filter %.a,$^)) $(LIBS.test) -o $@
$(REPLAY): $(O)/replay/%: $(O)/tests/fuzz/%.o $(O)/tests/fuzz/replay_main.o $(ARCHIVES)
	@mkdir -p $(@D)
	$(LINK) $(filter %.o,$^) $(call group,$(filter %.a,$^)) $(LIBS.test) -o $@

tests: $(UNIT) $(SIM)

# ---- Running them. tests/run adds up; KITH_BIN tells a test where the programs are ----------

export KITH_BIN := $(abspath $(O))
J = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))

test: tests
	@tests/run $(UNIT) $(STORIES:%="$(SIM) %")

check: deps
	+@JOBS=$(JOBS) B=$(B) MAKE='$(MAKE)' tests/check

e2e: all
	@tests/run -t 600 $(sort $(wildcard tests/e2e/*.sh tests/e2e/test_*.py))

demo: deps
	@$(MAKE) --no-print-directory $(J) all
	@RETURN='$(RETURN)' tests/e2e/demo

sim: $(SIM)
	@seed=$(or $(SEED),$$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')); \
	$(SIM) --hours $(HOURS) --seed $$seed || \
		$(SIM) --shrink --dir $(B) --hours $(HOURS) --seed $$seed

# Some lives that are always the same and some that never were: tests/sim/run_seeds SIM-PROGRAM.
sim-seeds: $(SIM)
	@if [ -x tests/sim/run_seeds ]; then tests/run -t 900 "tests/sim/run_seeds $(SIM)"; fi

# Spin: every state within the bounds, and every wrong variant; model: the large bounds.
.PHONY: models model
models:
	@B=$(abspath $(B)) tests/run -t 600 tests/model/run
model:
	@B=$(abspath $(B)) tests/model/run --all

# BENCH=full for the large sizes, ROUNDS=N; also as lines of JSON in B/bench.json. bench-peers
# does the same work with PostgreSQL in turn, round by round.
bench bench-peers:
	@$(MAKE) --no-print-directory $(J) PROFILE=release $@-run
bench-run: all $(BENCH)
	@B=$(B) tests/bench/bench.py
bench-peers-run: all $(BENCH)
	@B=$(B) tests/bench/peers.py

fuzz:
	@$(MAKE) --no-print-directory $(J) PROFILE=fuzz fuzzers
fuzzers: $(FUZZ)
	@JOBS=$(JOBS) tests/fuzz/run $(B) $(SECONDS) $(FUZZ)

# One after the other: each target has a processor to itself, and the machine the rest.
afl: deps-afl
	@$(MAKE) --no-print-directory $(J) PROFILE=afl SECONDS=$(AFL_SECONDS) afl-run
afl-run: $(FUZZ)
	@tests/fuzz/afl $(B) $(SECONDS) $(FUZZ)
afl-merge:
	@$(MAKE) --no-print-directory $(J) PROFILE=fuzz afl-merge-run
afl-merge-run: $(FUZZ)
	@tests/fuzz/merge $(B) $(FUZZ)

corpora:
	@$(MAKE) --no-print-directory $(J) PROFILE=asan replays
replays: $(REPLAY)
	@tests/run $(foreach r,$(REPLAY),"$(r) $(patsubst fuzz_%,tests/fuzz/corpus/%,$(notdir $(r)))")

# The lines of each decoder that its fuzzer's corpus reaches by itself: at least 90 %.
DECODERS := $(filter-out $(addprefix proto/wire_,export.c proof.c reply.c),\
	$(wildcard proto/wire_*.c)) daemon/conf/parse.c daemon/core/certificate.c \
	$(addprefix daemon/care/,csv.c date.c return.c row.c rules.c text.c)
cov-corpora:
	@$(MAKE) --no-print-directory $(J) PROFILE=cov decoders
decoders: $(filter-out %/fuzz_node,$(REPLAY))
	@find $(O) -name '*.gcda' -delete
	@for r in $^; do n=$${r##*/fuzz_}; $$r tests/fuzz/corpus/$$n >/dev/null 2>&1 || exit 1; done
	@tests/lint/cov_decoders.sh $(O) 90 $(DECODERS)

cov: cov-corpora
	@$(MAKE) --no-print-directory $(J) PROFILE=cov test
	@tests/lint/cov.sh $(B)/cov

# ---- Lint: each rule is a script of its own in tests/lint -----------------------------------

C_ALL := $(sort $(shell find daemon proto include tests -name '*.[ch]' 2>/dev/null))

lint:
	+@JOBS=$(JOBS) B=$(B) MAKE='$(MAKE)' tests/lint/all

# The gates themselves: a tree broken in one place must not pass.
lint-mutants:
	@MAKE='$(MAKE)' tests/run tests/lint/mutants

# clang-tidy is slow, so every file has a stamp: it is looked at again when it, a contract or
# the rules have changed.
TIDY := $(patsubst %.c,$(B)/tidy/%.ok,$(filter %.c,$(C_ALL)))
tidy: $(TIDY)
$(B)/tidy/%.ok: %.c .clang-tidy $(filter %.h,$(C_ALL)) | $(pb)
	@mkdir -p $(@D)
	@clang-tidy --quiet $< -- $(MODE) $(if $(filter proto/%,$<),-I$(GEN)) 2>$@.err || \
		{ cat $@.err; exit 1; }
	@touch $@

# ---- The manual of the codes: made from the lists that the programs are made from ------------

CODES := $(B)/man/kith-codes.7
.PHONY: man
man: $(CODES)
$(CODES): conf/man/codes.awk $(wildcard include/kith/*.def)
	@mkdir -p $(@D)
	@awk -f $< $(filter %.def,$^) >$@

# ---- Packages -------------------------------------------------------------------------------

PACKAGES := gcc libc6-dev binutils pkg-config protobuf-c-compiler libprotobuf-c-dev libzmq3-dev \
	liblmdb-dev libssl-dev libsystemd-dev libjansson-dev libconfuse-dev libsmartcols-dev \
	libcmocka-dev clang libclang-rt-14-dev clang-tidy clang-format cppcheck shellcheck mandoc \
	protobuf-compiler python3 python3-cryptography python3-protobuf python3-zmq procps jq iproute2 git spin \
	debhelper lintian libmicrohttpd-dev mmdebstrap nftables systemd-container prometheus
deps-afl: PACKAGES += afl++
deps deps-afl:
	@missing=$$(for p in $(PACKAGES); do \
		dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q '^install ok installed' || \
		echo $$p; done); \
	[ -z "$$missing" ] && exit 0; \
	set -- apt-get install -y --no-install-recommends $$missing; \
	if [ "$$(id -u)" -eq 0 ]; then \
		echo "deps: installing" $$missing; \
		{ apt-get update -q && DEBIAN_FRONTEND=noninteractive "$$@"; } >$${TMPDIR:-/tmp}/kith-deps.log 2>&1 </dev/null || \
			{ cat $${TMPDIR:-/tmp}/kith-deps.log; exit 1; }; \
	else echo "deps: missing packages. Run as root: $$*" >&2; exit 1; fi

# Debian packages, built in a copy of the tree whose debian/ is conf/deb. What they are is in B/deb.
.PHONY: deb
deb: deps
	@rm -rf $(B)/deb && mkdir -p $(B)/deb/kith-$(VERSION)
	@cp -a Makefile README.md LICENSE conf daemon include proto systemd $(B)/deb/kith-$(VERSION)
	@cp -a conf/deb $(B)/deb/kith-$(VERSION)/debian
	@cd $(B)/deb/kith-$(VERSION) && if ! env -u MAKEFLAGS -u MFLAGS -u MAKEOVERRIDES -u MAKELEVEL CC='$(CC)' \
		DEB_BUILD_OPTIONS='nocheck parallel=$(JOBS)' dpkg-buildpackage -us -uc -b >../build.log 2>&1; \
		then tail -n 60 ../build.log; exit 1; fi
	@rm -rf $(B)/deb/kith-$(VERSION) && ls $(B)/deb/*.deb

# The packages in a real systemd: lintian, and machines booted with systemd-nspawn.
.PHONY: systemd
systemd: deb
	@KITH_B=$(abspath $(B)) tests/run -t 900 tests/systemd/lint_packages \
		$(sort $(wildcard tests/systemd/test_*.py))

# ---- Install --------------------------------------------------------------------------------

sbin := $(DESTDIR)$(PREFIX)/sbin
bin  := $(DESTDIR)$(PREFIX)/bin
man  := $(DESTDIR)$(PREFIX)/share/man
UNITDIR ?= $(PREFIX)/lib/systemd/system
unit := $(DESTDIR)$(UNITDIR)

install: all man
	@for p in $(PROGRAMS); do case $${p##*/} in \
		kithctl) install -D -m 755 $$p $(bin)/kithctl ;; \
		*) install -D -m 755 $$p $(sbin)/$${p##*/} ;; esac || exit 1; done
	@for m in $(wildcard conf/man/*.[1-8]) $(CODES); do \
		install -D -m 644 $$m $(man)/man$${m##*.}/$${m##*/} || exit 1; done
	@for u in $(wildcard systemd/*.service systemd/*.socket systemd/*.target); do \
		install -D -m 644 $$u $(unit)/$${u##*/} || exit 1; \
		sed -f systemd/instance.sed $$u >$(B)/unit && n=$${u##*/} && \
		install -m 644 $(B)/unit $(unit)/$${n%.*}@.$${n##*.} || exit 1; done
	@for f in $(wildcard systemd/*.sysusers systemd/sysusers.d/*.conf); do \
		install -D -m 644 $$f $(DESTDIR)$(PREFIX)/lib/sysusers.d/kith.conf || exit 1; done
	@for f in $(wildcard systemd/*.tmpfiles systemd/tmpfiles.d/*.conf); do \
		install -D -m 644 $$f $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/kith.conf || exit 1; done
	@for f in $(wildcard systemd/*.catalog); do \
		install -D -m 644 $$f $(DESTDIR)$(PREFIX)/lib/systemd/catalog/kith.catalog || exit 1; done
	@for f in $(wildcard conf/kithd.conf); do \
		install -D -m 644 $$f $(DESTDIR)/etc/kith/kithd.conf || exit 1; done
	@for f in $(wildcard conf/prometheus/*.rules.yml conf/grafana/*.json); do \
		install -D -m 644 $$f $(DESTDIR)$(PREFIX)/share/kith-exporter/$${f##*/} || exit 1; done
	@for f in $(wildcard conf/completion/kithctl.bash); do install -D -m 644 $$f \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/kithctl || exit 1; done
	@for f in $(wildcard conf/kithctl.schema.json); do \
		install -D -m 644 $$f $(DESTDIR)$(PREFIX)/share/kith/kithctl.schema.json || exit 1; done
	@for f in $(wildcard conf/completion/_kithctl); do install -D -m 644 $$f \
		$(DESTDIR)$(PREFIX)/share/zsh/vendor-completions/_kithctl || exit 1; done

clean:
	rm -rf $(B)

-include $(shell find $(O) -name '*.d' 2>/dev/null)
