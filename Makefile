# SPDX-License-Identifier: MIT
#
# The commands of this project. The build itself is meson's; see meson.build.
# "make" alone says what there is.

BUILD = build
PYTHON = python3
SANITIZE_SUITES = --suite unit --suite insn --suite guest
# What the build says goes to standard error, and it reads nothing: "make run" is a pipe between
# the user and the guest.
QUIET = </dev/null >&2

.PHONY: all run test bench conformance asan tsan fuzz long format check clean help
.DEFAULT_GOAL := help

help:
	@echo 'make run          boot Debian'\''s arm64 kernel to a shell (Ctrl-A x ends it)'
	@echo '                  CPUS=2 MEMORY=1G KERNEL=FILE INITRD=FILE DISK=FILE ARGS="options of armature run"'
	@echo 'make test         build and run every test'
	@echo 'make all          build only'
	@echo 'make bench        measure, beside QEMU: a table, and build/bench.json'
	@echo 'make long         the tests that can go on: instructions, slots, stage 2, the GIC'\''s model'
	@echo 'make conformance  run KVM'\''s own selftests and compare: a table, and build/conformance.txt'
	@echo 'make fuzz         random ioctls, GIC and ITS use, firmware calls, devices and tables, under'
	@echo '                  the sanitizers of make asan'
	@echo 'make asan         the tests under the address and undefined behaviour sanitizers'
	@echo 'make tsan         the tests under the thread sanitizer'
	@echo 'make check        format, headers, arrows between folders, text'
	@echo 'make format       clang-format every C file'
	@echo 'make clean        remove what was built, not what was downloaded'

# Packages are looked for each time (a moment when all are there). A tree configured for "run" may
# lack what tests need, so the first "make test" configures again.
$(BUILD)/build.ninja:
	meson setup $(BUILD) $(QUIET)

$(BUILD)/.test-ready:
	tools/install-deps test
	meson setup $(BUILD) $$(test ! -f $(BUILD)/build.ninja || echo --reconfigure) $(QUIET)
	@touch $@

all:
	tools/install-deps test
	$(MAKE) $(BUILD)/.test-ready
	ninja -C $(BUILD)

run:
	@tools/install-deps run
	@$(MAKE) -s $(BUILD)/build.ninja
	@ninja --quiet -C $(BUILD) src/vmm/armature $(QUIET)
	@tools/run

test:
	tools/install-deps test
	$(MAKE) $(BUILD)/.test-ready
	ninja -C $(BUILD)
	meson test -C $(BUILD) --no-rebuild --print-errorlogs

bench:
	tools/install-deps bench
	$(MAKE) $(BUILD)/.test-ready
	ninja -C $(BUILD)
	$(PYTHON) bench/bench.py $(BUILD)

conformance:
	tools/install-deps test
	$(MAKE) $(BUILD)/.test-ready
	ninja -C $(BUILD)
	tools/conformance --build $(BUILD)

long: $(BUILD)/.test-ready
	ninja -C $(BUILD)
	meson test -C $(BUILD) --no-rebuild --print-errorlogs --setup long --suite long

build-asan/build.ninja:
	meson setup build-asan -Dbuildtype=debugoptimized -Db_sanitize=address,undefined \
		-Db_lundef=false -Dc_args=-fno-sanitize-recover=undefined

build-tsan/build.ninja:
	meson setup build-tsan -Dbuildtype=debugoptimized -Db_sanitize=thread -Db_lundef=false

asan:
	tools/install-deps test
	$(MAKE) build-asan/build.ninja
	ninja -C build-asan
	ASAN_OPTIONS=abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1 \
	meson test -C build-asan --no-rebuild --print-errorlogs -t 5 $(SANITIZE_SUITES)

tsan:
	tools/install-deps test
	$(MAKE) build-tsan/build.ninja
	ninja -C build-tsan
	TSAN_OPTIONS=halt_on_error=0 \
	meson test -C build-tsan --no-rebuild --print-errorlogs -t 10 $(SANITIZE_SUITES)

fuzz:
	tools/install-deps test
	$(MAKE) build-asan/build.ninja
	ninja -C build-asan fuzz/fuzz-ioctl fuzz/fuzz-gic fuzz/fuzz-its fuzz/fuzz-smccc fuzz/fuzz-inspect \
		fuzz/fuzz-virtio
	meson test -C build-asan --no-rebuild --print-errorlogs --setup long --suite fuzz

check:
	tools/install-deps test
	@status=0; for check in format headers 'arrows --self-test' arrows text; do \
		tools/check-$$check || status=1; \
	done; exit $$status

format:
	tools/check-format --fix

clean:
	rm -rf build-asan build-tsan build-gcc build-clang
	@test ! -d $(BUILD) || find $(BUILD) -mindepth 1 -maxdepth 1 ! -name guest ! -name conformance-source -exec rm -rf {} +
