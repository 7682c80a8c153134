# The commands of the README. Each installs what it needs.

# Optimised, because several tests are about speed or millions of lines; in a folder of its own, because its flags
# would make the product build anew each time.
TEST = tools/run-tests.sh swift test -c release -Xswiftc -enable-testing --scratch-path .build-tests

.PHONY: build install uninstall demo demo-kafka demo-serve demo-desk screenshots demo-flink flink test test-faults checkpoint-cost bench bench-instructions bench-readers bench-rules bench-pipeline bench-patterns bench-learning bench-poison learn-demo bench-alerts bench-desk bench-postgres bench-kafka bench-serve bench-flink bench-partitions conformance test-thread test-address format check-format dependencies test-dependencies

# Swift's own libraries are linked in, at fixed addresses: commands start faster, and run where no Swift is. The C
# library is not: connectors load theirs when they are asked for, and look host names up.
BUILD = swift build -c release -Xswiftc -static-stdlib -Xlinker -no-pie -Xswiftc -use-ld=lld --product

build: dependencies
	$(BUILD) assay
	$(BUILD) assayctl

PREFIX ?= /usr/local
COMMANDS = assay assayctl

# The commands with their manual pages and completions. PREFIX says where, DESTDIR under what.
install: build
	@DESTDIR="$(DESTDIR)" tools/install.sh install .build/release "$(DESTDIR)$(PREFIX)" $(COMMANDS)

uninstall:
	@tools/install.sh uninstall .build/release "$(DESTDIR)$(PREFIX)" $(COMMANDS)

demo: build
	@tools/demo.sh .build/release/assay

# The examples of Examples/kafka, with brokers in memory and a database of their own.
demo-kafka: build .build/bench/brokers
	@tools/install-packages.sh kcat postgresql python3 util-linux
	@tools/demo-kafka.sh .build/release/assay .build/bench/brokers

# A minute of traffic for the service, which is killed in the middle.
demo-serve: build .build/bench/load
	@tools/install-packages.sh curl
	@tools/demo-serve.sh .build/release/assay .build/bench/load

# The desk, with traffic to judge; SECONDS ends it.
demo-desk: build
	@tools/install-packages.sh python3
	@tools/demo-desk.py .build/release/assay $(SECONDS)

# The pictures of the documentation, made by the tests of the desk.
screenshots: dependencies test-dependencies
	DESK_PICTURES=$(CURDIR)/docs/images $(TEST) --filter BrowserTests/views

# The job for Apache Flink, with the core inside.
flink: dependencies
	$(BUILD) AssayC
	tools/flink/build.sh .build/release/libAssayC.a "$$(tools/flink/install.sh)" dist/assay-flink.jar

# A cluster on loopback: a taskmanager is killed, the job rescaled, rules changed, and nothing differs.
demo-flink: build flink
	@tools/install-packages.sh python3
	@tools/flink/demo.py .build/release/assay "$$(tools/flink/install.sh)" dist/assay-flink.jar $(LINES)

# The long form of the faults that are part of the tests: more kills, more bits, more subsets of what a power cut loses.
test-faults: dependencies test-dependencies
	ASSAY_FAULT_ROUNDS=$(or $(ROUNDS),10) $(TEST) --filter Recovery

test: dependencies test-dependencies check-format
	$(TEST) $(if $(CI),-Xswiftc -warnings-as-errors)

# Throughput, latency, memory and growth against the floor and a plain script. Takes a quarter of an hour; a tenth of it
# with OPTIONS=--quick, and a third with OPTIONS=--kinds. OPTIONS='--json FILE' keeps all figures, HISTORY=1 adds a line
# to tools/bench/history.jsonl.
bench: build .build/bench/floor .build/bench/latency .build/bench/measure
	@tools/bench/bench.py $(OPTIONS) $(if $(HISTORY),--history tools/bench/history.jsonl) .build/release/assay .build/bench

# The engine's rate while assayctl asks its state.
bench-readers: build
	@tools/bench/readers.sh .build/release/assay .build/release/assayctl

# What twenty rules cost, and a backtest of them.
bench-rules: build
	@tools/install-packages.sh python3
	@tools/bench/rules.py .build/release/assay tools/bench/rules.yaml

# The shop's pipeline unpaced, and at ten thousand orders a second for a minute. With PEERS=1 beside Flink's SQL.
bench-pipeline: build
	@tools/install-packages.sh python3
	@tools/bench/pipeline.py .build/release/assay Examples/pipelines/ecommerce.yaml $(SECONDS_PACED) \
		$(if $(PEERS),--peers "$$(tools/flink/install.sh)")

# The rate of a run with twenty pages open.
bench-desk: build
	@tools/install-packages.sh python3
	@tools/bench/desk.py .build/release/assay

# What rows in PostgreSQL cost, beside a file and a script.
bench-postgres: build
	@tools/install-packages.sh python3 python3-psycopg2 postgresql util-linux
	@tools/bench/postgres.py .build/release/assay

# What going from topic to topic costs, beside a loop that only copies and a script.
bench-kafka: build .build/bench/kafka-copy .build/bench/brokers
	@tools/install-packages.sh python3 python3-confluent-kafka python3-psycopg2 postgresql util-linux kcat
	@tools/bench/kafka.py .build/release/assay .build/bench/kafka-copy .build/bench/brokers Examples/kafka/shop.yaml

# What an answer over HTTP costs, beside the library that answers a constant, and what people would write in Python.
bench-serve: build .build/bench/load .build/bench/http-floor
	@tools/install-packages.sh python3 python3-venv
	@tools/bench/serve.py .build/release/assay .build/bench

# One topic keyed by user, read by one, two and four engines, and what it takes to start one that died elsewhere.
bench-partitions: build .build/bench/brokers
	@tools/install-packages.sh python3 kcat
	@tools/bench/partitions.py .build/release/assay .build/bench/brokers

# What a transaction costs inside Apache Flink, beside the same checks in plain Java and in PyFlink.
bench-flink: build flink
	@tools/install-packages.sh python3 python3-venv
	@tools/bench/flink.py .build/release/assay "$$(tools/flink/install.sh)" dist/assay-flink.jar .build/bench

.build/bench/load: tools/bench/load.c
	@mkdir -p $(@D)
	gcc -O2 -Wall -Wextra -o $@ $<

.build/bench/http-floor: tools/bench/http-floor.c
	@mkdir -p $(@D)
	gcc -O2 -Wall -Wextra -o $@ $< -lmicrohttpd

.build/bench/brokers: Tests/BrokerTool/main.c
	@mkdir -p $(@D)
	gcc -O2 -Wall -Wextra -o $@ $< -lrdkafka

# What a pattern costs a transaction, and a user who always begins and never ends.
bench-patterns: build
	@tools/install-packages.sh python3
	@tools/bench/patterns.py .build/release/assay

# What learning costs a transaction, its checkpoints and its memory.
bench-learning: build
	@tools/install-packages.sh python3
	@tools/bench/learning.py .build/release/assay $(LINES)

# What alerts cost a run, also while their channel hangs, and how soon one is told.
bench-alerts: build
	@tools/install-packages.sh python3
	@tools/bench/alerts.py .build/release/assay $(LINES)

# What a million wrong labels do to a model, and what restoring it mends.
bench-poison: build
	@tools/install-packages.sh python3
	@tools/bench/poison.py .build/release/assay $(or $(WRONG),1000000) $(LINES)

# How well a stream learns from labels that come a week late, beside gradient boosting that was trained offline.
learn-demo: build
	@tools/install-packages.sh python3 python3-venv
	@mkdir -p .build/bench
	@tools/bench/learn_demo.py .build/release/assay .build/bench $(LINES)

# The cases of the expression language by section. SUITE=FILE answers a file of requests, as 'assay eval --batch' does.
conformance: build
	@tools/install-packages.sh python3
	@tools/conformance.py .build/release/assay Tests/CELTests/Cases $(SUITE)

# Instructions a transaction against the committed baseline. ACCEPT=1 makes the present ones the baseline.
bench-instructions: build
	@tools/install-packages.sh valgrind binutils
	@tools/bench/instructions.sh .build/release/assay tools/bench/instructions.baseline $(if $(ACCEPT),--accept)

.build/bench/%: tools/bench/%.cpp
	@tools/install-packages.sh g++ libsimdjson-dev python3
	@mkdir -p $(@D)
	g++ -O3 -std=c++17 -Wall -Wextra -pthread -o $@ $< $(if $(filter floor,$*),-lsimdjson) $(if $(filter kafka-copy,$*),-lrdkafka)

# What checkpoints cost, in CPU and in waiting.
checkpoint-cost: build
	@tools/checkpoint-cost.py .build/release/assay

# The tests under the address sanitizer. Leaks are not looked for: Foundation, in the tests, has its own.
test-address: dependencies test-dependencies
	ASSAY_FUZZ_LINES=50000 ASAN_OPTIONS=detect_leaks=0 ASSAY_SANITIZED=1 $(TEST)-address --sanitize=address

# A run with all its threads under helgrind: Swift 6.3's own thread sanitizer fails to compile the engine. Helgrind has
# to see the calls of the C library, so that library is not linked in here.
test-thread: dependencies .build/bench/brokers
	@tools/install-packages.sh valgrind binutils kcat curl python3
	swift build -c release --static-swift-stdlib --scratch-path .build-dynamic --product assay
	@tools/check-threads.sh .build-dynamic/release/assay .build/bench/brokers

format:
	swift format --in-place --recursive --parallel Package.swift Sources Tests tools

check-format:
	swift format lint --strict --recursive --parallel Package.swift Sources Tests tools

dependencies:
	@tools/install-packages.sh libre2-dev libyaml-dev libxxhash-dev libsqlite3-dev libzstd-dev zlib1g-dev libpq5 librdkafka-dev libmicrohttpd-dev libmicrohttpd12 libcurl4-openssl-dev libcurl4 pkg-config tzdata

test-dependencies:
	@tools/install-packages.sh python3 python3-jsonschema python3-yaml tzdata util-linux sqlite3 zstd \
		postgresql kcat curl prometheus \
		prometheus-alertmanager python3-aiosmtpd openssl chromium chromium-driver python3-selenium
	@tools/install-services.sh .build/services
