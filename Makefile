# The commands of the README. Each installs what it needs.

# Optimised, because several tests are about speed or millions of lines; in a folder of its own, because its flags
# would make the product build anew each time.
TEST = swift test -c release -Xswiftc -enable-testing --scratch-path .build-tests

.PHONY: build demo test test-faults checkpoint-cost test-thread test-address format check-format dependencies test-dependencies

build: dependencies
	swift build -c release --product assay

demo: build
	@tools/demo.sh .build/release/assay

# The long form of the faults that are part of the tests: more kills, more bits, more subsets of what a power cut loses.
test-faults: dependencies test-dependencies
	ASSAY_FAULT_ROUNDS=$(or $(ROUNDS),10) $(TEST) --filter Recovery

test: dependencies test-dependencies check-format
	$(TEST) $(if $(CI),-Xswiftc -warnings-as-errors)

# What checkpoints cost, in CPU and in waiting.
checkpoint-cost: build
	@tools/checkpoint-cost.py .build/release/assay

# The tests under the address sanitizer. Leaks are not looked for: Foundation, in the tests, has its own.
test-address: dependencies test-dependencies
	ASSAY_FUZZ_LINES=50000 ASAN_OPTIONS=detect_leaks=0 ASSAY_SANITIZED=1 $(TEST)-address --sanitize=address

# A run with all its threads under helgrind: Swift 6.3's own thread sanitizer fails to compile the engine.
test-thread: build
	@tools/install-packages.sh valgrind binutils
	@tools/check-threads.sh .build/release/assay

format:
	swift format --in-place --recursive --parallel Package.swift Sources Tests

check-format:
	swift format lint --strict --recursive --parallel Package.swift Sources Tests

dependencies:
	@tools/install-packages.sh libyaml-dev libxxhash-dev libsqlite3-dev pkg-config tzdata

test-dependencies:
	@tools/install-packages.sh python3 python3-jsonschema python3-yaml tzdata util-linux sqlite3
