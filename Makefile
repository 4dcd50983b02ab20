# Targets are documented by the comment behind "##": make help prints them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# What `make test` tests on; `make test-all` adds the rest. IF_JAVA are those that need a Java which many
# systems do not have yet: they are left out, and that is said, where it is not installed.
SERVERS     ?= es-oss-7.10.2 opensearch-2.19.6 es-8.19.21 es-oss-7.10.2-tight es-8.19.21-security opensearch-2.19.4-security
ALL_SERVERS ?= $(SERVERS) es-7.17.29 opensearch-1.3.20
IF_JAVA     ?= es-9.5.3,opensearch-3.6.0
FUZZTIME    ?= 30s
BENCHCOUNT  ?= 6
EXPERIMENT  ?= upload
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS      = -s -w -X github.com/k6es/k6es/config.version=$(VERSION)
WITH         = go run ./scripts/servers run
VULN         = go run golang.org/x/vuln/cmd/govulncheck@v1.9.0
VULNDB      ?= https://vuln.go.dev
BENCH        = go test -run '^$$' -bench . -benchmem -count $(BENCHCOUNT) ./ingest ./ingest/spool ./k6output ./runs/series ./cmd
LINT         = go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(shell sed -n '1s/^# *//p' .golangci.yml)

# The race detector needs a C compiler.
RACE := $(if $(shell command -v gcc || command -v clang),-race)
TEST  = go test $(RACE) -shuffle=on -timeout $(if $(K6ES_LONG),3h,40m)

.PHONY: help build demo test test-all unit generate check lint vuln bench bench-commit bench-e2e fuzz clean need-go bench-compare

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: need-go ## build bin/k6es and bin/k6, a k6 with the output
	go build -ldflags '$(LDFLAGS)' -o bin/ ./cmd/k6es ./cmd/k6

demo: need-go ## a real load test into a real Elasticsearch, and what landed there; KEEP=1 leaves it running
	@KEEP='$(KEEP)' DURATION='$(DURATION)' go run ./scripts/demo

test: need-go ## all tests, with the race detector, on real servers that it fetches and starts itself
	@$(if $(RACE),,echo 'NO RACE DETECTOR: it needs a C compiler (Debian: apt-get install -y gcc libc6-dev)' >&2)
	$(WITH) $(SERVERS) $(if $(IF_JAVA),--if-java '$(IF_JAVA)') -- $(TEST) ./...

test-all: ## the same on every server that is supported, and what takes long in full
	SERVERS='$(ALL_SERVERS)' K6ES_LONG=1 $(MAKE) test

unit: need-go ## only the tests that need no server; the others are skipped
	$(TEST) ./...

generate: need-go ## make everything that is made from the fields and the options
	go generate ./...

check: ## what must hold before a commit: nothing stale, vet, lint, test, vuln
	@before=$$(git diff | git hash-object --stdin); $(MAKE) generate; \
	if [ "$$before" != "$$(git diff | git hash-object --stdin)" ]; then \
	  git diff --stat; echo 'what is generated was stale: commit it as it is now' >&2; exit 1; \
	fi
	go vet ./...
	$(MAKE) lint test vuln

lint: need-go ## golangci-lint, in the version that .golangci.yml names
	$(LINT) run

vuln: need-go ## known vulnerabilities in what is used; VULNDB=file:///… takes a database of one's own
	@if out=$$($(VULN) -db '$(VULNDB)' ./... 2>&1); then echo "$$out"; \
	elif grep -q 'fetching vulnerabilities' <<<"$$out"; then \
	  echo "$$out" >&2; echo 'NOT CHECKED FOR VULNERABILITIES: there is no database at $(VULNDB); name another one in VULNDB' >&2; \
	else echo "$$out" >&2; exit 1; fi

bench: need-go ## benchmarks, into bench.txt for benchstat, held against their budgets and the committed results
	$(BENCH) | tee bench.txt
	go run ./scripts/bench/micro bench.txt

bench-commit: need-go ## make the committed results anew, on a machine that does nothing else
	$(BENCH) | tee scripts/bench/micro/committed.txt
	go run ./scripts/bench/micro scripts/bench/micro/committed.txt

bench-e2e: need-go ## EXPERIMENT (upload) on a real server: speed, processor time, wire, disk; into docs/performance.md
	go build -ldflags '$(LDFLAGS)' -o bin/ ./cmd/k6es ./cmd/k6
	go build -o bin/bench ./scripts/bench
	$(WITH) --heap 1g --jit es-oss-7.10.2 -- bin/bench $(EXPERIMENT) --results scripts/bench/results || missed=$$?; \
	if [ -e scripts/bench/results/scale.json ]; then \
	  go run -C scripts/bench/plot . ../results/scale.json ../../../docs/images/scale.png; fi && \
	bin/bench docs && exit $$missed # a missed mark is shown, too

bench-compare: need-go ## the long form of the comparison's operating characteristics
	K6ES_COMPARE_TRIALS=$(or $(TRIALS),400) go test -count=1 -timeout 30m -run OperatingCharacteristics -v ./runs/compare

fuzz: need-go ## each fuzz target for FUZZTIME (30s)
	@grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u | while read -r dir; do \
	  for target in $$(go test -list '^Fuzz' "$$dir" | grep ^Fuzz); do \
	    echo "$$dir $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$dir"; \
	  done; \
	done

clean: ## remove what was built
	rm -rf bin bench.txt

need-go:
	@command -v go >/dev/null || { echo 'go is needed, 1.26 or later: see https://go.dev/doc/install' \
	  '(Debian: apt-get install -y golang-go, where that is new enough; macOS: brew install go)' >&2; exit 1; }
