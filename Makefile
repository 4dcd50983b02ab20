# Targets are documented by the comment behind "##": make help prints them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# What `make test` tests on; `make test-all` adds the rest.
SERVERS     ?= es-oss-7.10.2
ALL_SERVERS ?= es-oss-7.10.2 opensearch-2.19.6 es-8.19.21 es-7.17.29 opensearch-1.3.20 es-9.5.3 opensearch-3.6.0
LDFLAGS     := -s -w
WITH        := go run ./scripts/servers run

.PHONY: help build demo test test-all unit generate check lint bench fuzz clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/k6es and bin/k6, a k6 with the output
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/k6es ./cmd/k6es
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/k6 ./cmd/k6

test: ## all tests, with the race detector, on real servers that it fetches and starts itself
	$(WITH) $(SERVERS) -- go test -race -shuffle=on -timeout 40m ./...

test-all: ## the same on every server that is supported
	SERVERS='$(ALL_SERVERS)' $(MAKE) test

unit: ## only the tests that need no server
	go test -race -shuffle=on ./...

clean: ## remove what was built
	rm -rf bin
