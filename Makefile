# `make help` explains itself. Everything needs Go and make alone; the tools are
# pinned in tools/go.mod and built on first use.

GO     ?= go
TOOL    = $(GO) tool -modfile=tools/go.mod
PKGS   ?= ./...
DATE   := $(shell git log -1 --format=%cI 2>/dev/null)
VCS    := $(shell git status --short >/dev/null 2>&1 && echo true || echo false)
BUILD   = $(GO) build -buildvcs=$(VCS) -trimpath -ldflags '-s -w'
FUZZTIME ?= 10s
RECORDS  ?= 1000000

# Tests that build or list other packages: what they see is no part of the key
# under which go test remembers a result, so they always run.
OUTWARD = /crank(/docs(/gen)?|/cmd/.*)?$$

export CGO_ENABLED ?= 0

say = @printf '\n== %s\n' '$(1)'

.DEFAULT_GOAL := help
.NOTPARALLEL:

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ build

.PHONY: build
build: ## Build bin/crank, static and stripped
	$(call say,building bin/crank (a cold compile takes a minute or two; packages are listed as they are done))
	@mkdir -p bin
	@$(BUILD) -v -o bin/ ./cmd/crank
	@ls -l bin/crank | awk '{printf "bin/crank: %.1f MB\n", $$5 / 1e6}'

.PHONY: demo
demo: build ## Show the whole journey: a script, a document, a mailbox, their prices, receipts and proofs
	$(call say,the demo)
	@sh examples/demo/run.sh bin/crank

.PHONY: dist
dist: ## Static binaries for linux, darwin and windows on amd64 and arm64, with checksums and an SBOM
	@rm -rf dist && mkdir -p dist
	@for os in linux darwin windows; do for arch in amd64 arm64; do \
		ext=; if [ $$os = windows ]; then ext=.exe; fi; \
		echo "== crank-$$os-$$arch$$ext"; \
		GOOS=$$os GOARCH=$$arch $(BUILD) -o dist/crank-$$os-$$arch$$ext ./cmd/crank || exit 1; \
	done; done
	$(call say,bill of materials)
	@for f in dist/crank-*; do $(GO) -C tools run ./sbom -date '$(DATE)' ../$$f > $$f.cdx.json || exit 1; done
	$(call say,checksums)
	@cd dist && { sha256sum crank-* 2>/dev/null || shasum -a 256 crank-*; } > SHA256SUMS && cat SHA256SUMS

.PHONY: clean
clean: ## Remove what was built here
	rm -rf bin dist

##@ check

.PHONY: test
test: compile fmt vet lint go-test vuln ## Everything that must be green: format, vet, lint, arrows, docs, tests, vulnerabilities
	$(call say,all green)

.PHONY: compile
compile:
	$(call say,compiling (packages are listed as they are done))
	@$(GO) build -v $(PKGS)

.PHONY: fmt
fmt: ## Check the format of all Go files
	$(call say,gofmt)
	@files=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
		if [ -n "$$files" ]; then echo "not formatted (run gofmt -w):"; echo "$$files"; exit 1; fi

.PHONY: vet
vet: ## go vet
	$(call say,go vet)
	@$(GO) vet $(PKGS)

.PHONY: lint
lint: ## golangci-lint, as pinned in tools/go.mod (its first compile takes a minute or two)
	$(call say,golangci-lint)
	@$(TOOL) golangci-lint run --allow-parallel-runners $(PKGS)

.PHONY: arrows
arrows: ## Check which package may import which
	$(call say,arrows)
	@$(GO) test -run 'TestArrows|TestPackageCrank' .

.PHONY: go-test
go-test: ## All tests, arrows and documentation among them
	$(call say,go test (a line for each package that is done))
	@$(GO) test -timeout 14m $$($(GO) list $(PKGS) | grep -Ev '$(OUTWARD)')
	@$(GO) test -timeout 14m -count=1 $$($(GO) list $(PKGS) | grep -E '$(OUTWARD)')
	$(call say,the end-to-end tests again with ledger and discovery behind rpc)
	@CRANK_TEST_WIRE=1 $(GO) test -timeout 14m -skip 'Byte|Record|Forged|RolledBack|FullDisk|Hostile' ./app
	@$(GO) -C tools test ./...

.PHONY: vuln
vuln: ## Known vulnerabilities, where their database can be reached
	$(call say,vulnerability scan)
	@$(GO) -C tools run ./vulncheck -C ..

.PHONY: race
race: ## All tests under the race detector (needs a C compiler)
	$(call say,go test -race)
	@if command -v "$${CC:-$$($(GO) env CC)}" >/dev/null 2>&1; then \
		CGO_ENABLED=1 $(GO) test -race -timeout 30m $(PKGS); \
	else echo "skipped: there is no C compiler"; fi

.PHONY: fuzz
fuzz: ## Each fuzz test for FUZZTIME (10s)
	@for pkg in $$($(GO) list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' $(PKGS)); do \
		for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "== $$pkg $$f"; \
			$(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
		done; \
	done

.PHONY: chaos
chaos: ## Kill a node under load 20 times and check that every promise was kept
	$(call say,kill -9 under load)
	@CHAOS_ROUNDS=20 $(GO) test -v -count=1 -timeout 15m -run Killed ./lab/chaos

.PHONY: bench
bench: ## Side by side with a reverse proxy: throughput, latency, CPU, allocations
	$(call say,crank-lab bench)
	@$(GO) run ./cmd/crank-lab bench

.PHONY: bench-start
bench-start: build ## How fast `crank version` and a node are there, and how much memory it keeps
	@$(GO) run ./cmd/crank-lab version-ready

.PHONY: bench-journal
bench-journal: ## A journal of RECORDS (1000000) records: start, proofs, queries, disk, retention
	@$(GO) run ./cmd/crank-lab journal --records $(RECORDS)

##@ generate

.PHONY: gen
gen: ## Write docs/reference from the code
	$(call say,docs/reference)
	@$(GO) run ./docs/gen

.PHONY: gen-check
gen-check: ## Fail where docs/reference is not what the code says
	$(call say,docs/reference is current)
	@$(GO) test -count=1 ./docs/gen
