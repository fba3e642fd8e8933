# SPDX-License-Identifier: Apache-2.0
# The front door. Meson and ninja do the work; this file installs what is missing (tools/packages.list, package-lock.json) and calls them.
#   make          builds ./fettle                    make demo     finds a faster network for this machine, into out/fashion
#   make test     builds and runs every test         make help     the other targets
BUILD := build
MESON_FLAGS :=
FUZZ_SECONDS := 60
NPM_CI := npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
SOURCES = $(shell git ls-files 'src/*.[ch]' 'tests/*.[ch]' 'bench/*.[ch]')

.PHONY: all build demo test format lint asan tsan valgrind fuzz bench cover clean help
.NOTPARALLEL:

all: packages-build build

help:
	@sed -n 's/^#   //p' Makefile
	@echo 'make format   clang-format on every source'
	@echo 'make lint     clang-format, clang-tidy and the rules of the tree, changing nothing'
	@echo 'make asan     tests under AddressSanitizer and UBSan      make tsan      under ThreadSanitizer'
	@echo 'make valgrind tests under valgrind                        make cover     coverage of the tests, build-cover/coverage.html'
	@echo 'make fuzz     each fuzzer for FUZZ_SECONDS=60             make bench     every benchmark, with what we compare with'

# Each kind of machine that a target needs; nothing is installed where it is there already.
PACKAGES := packages-build packages-demo packages-test packages-dev packages-bench
.PHONY: $(PACKAGES)
$(PACKAGES): packages-%:
	@tools/install.sh $(if $(filter build,$*),build,build $*)

# npm's result, kept until package-lock.json changes. The tests' packages hold the build's.
node_modules/.fettle-build: package-lock.json
	$(NPM_CI) --omit=dev
	@touch $@
node_modules/.fettle-test: package-lock.json
	$(NPM_CI)
	@touch node_modules/.fettle-build $@

$(BUILD)/build.ninja:
	@mkdir -p $(BUILD)
	meson setup $(BUILD) $(MESON_FLAGS) >$(BUILD)/setup.log 2>&1 || { grep -m1 ERROR $(BUILD)/setup.log || tail -n 3 $(BUILD)/setup.log; exit 1; }

# A folder that `make` configured before the tests' packages came knows no tests.
$(BUILD)/.with-tests: $(BUILD)/build.ninja
	@[ -d $(BUILD)/tests ] || meson setup --reconfigure $(BUILD) >$(BUILD)/setup.log 2>&1
	@touch $@

build: node_modules/.fettle-build $(BUILD)/build.ninja
	@ninja -C $(BUILD) --quiet
	@ln -sfn $(BUILD)/src/cli/fettle fettle

# A demo that was interrupted, or is run again, goes on where it was.
demo: packages-demo build
	./fettle search examples/fashion/job.yaml $(if $(wildcard out/fashion/study.sqlite),--resume)

# FULL=1, for CI: gcc with -Werror, and clang with -Werror under ASan and UBSan as well.
test: MESON_FLAGS += $(if $(FULL),--werror)
test: packages-test node_modules/.fettle-test $(BUILD)/.with-tests build
	@tools/run_tests.py $(BUILD) $(if $(FULL),--full)

format: packages-dev
	clang-format -i $(SOURCES)

lint: packages-dev node_modules/.fettle-build $(BUILD)/build.ninja
	@for f in $(SOURCES); do clang-format --dry-run -Werror $$f 2>/dev/null || { echo "$$f: run make format"; bad=1; }; done; [ -z "$$bad" ]
	tools/check_tree.py
	@ninja -C $(BUILD) --quiet
	git ls-files 'src/*.c' | xargs -P 2 -n 8 clang-tidy --quiet -p $(BUILD) --warnings-as-errors='*'

# Without optimisation: instrumented vector kernels take minutes to optimise.
SANITIZED = meson setup $(1) -Dbuildtype=debug -Darena_debug=true -Db_lundef=false -Db_sanitize=$(2)
asan: packages-test node_modules/.fettle-test
	[ -e build-asan ] || $(call SANITIZED,build-asan,address$(comma)undefined)
	OMP_NUM_THREADS=1 UBSAN_OPTIONS=halt_on_error=1 meson test -C build-asan --print-errorlogs --timeout-multiplier 6
tsan: packages-test node_modules/.fettle-test
	[ -e build-tsan ] || $(call SANITIZED,build-tsan,thread)
	OMP_NUM_THREADS=1 meson test -C build-tsan --print-errorlogs --timeout-multiplier 10 --no-suite slow
comma := ,

# Valgrind knows neither AMX nor AVX-512, and some of oneDNN's straight pieces of code are too long for it unless it takes them in small ones.
valgrind: packages-dev packages-test node_modules/.fettle-test
	[ -e build-valgrind ] || meson setup build-valgrind -Dbuildtype=debugoptimized -Darena_debug=true
	OMP_NUM_THREADS=1 ONEDNN_MAX_CPU_ISA=AVX2 meson test -C build-valgrind --print-errorlogs --timeout-multiplier 30 --no-suite slow \
	    --wrap='valgrind --quiet --suppressions=$(CURDIR)/tools/valgrind.supp --vex-guest-max-insns=20 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite --error-exitcode=9'

fuzz: packages-test node_modules/.fettle-build
	[ -e build-fuzz ] || CC=clang meson setup build-fuzz -Dfuzz=true -Dbuildtype=debug -Db_lundef=false -Db_sanitize=address,undefined
	ninja -C build-fuzz --quiet
	tools/run_fuzz.sh build-fuzz $(FUZZ_SECONDS)

bench: packages-bench build
	meson test -C $(BUILD) --benchmark --verbose --num-processes 1 --timeout-multiplier 0

cover: packages-dev packages-test node_modules/.fettle-test
	[ -e build-cover ] || meson setup build-cover -Dbuildtype=debug -Db_coverage=true
	meson test -C build-cover --timeout-multiplier 6
	gcovr --root . --filter src/ --html-details build-cover/coverage.html --print-summary build-cover

clean:
	rm -rf $(BUILD) build-asan build-tsan build-valgrind build-fuzz build-cover build-ci-clang fettle
