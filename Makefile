# make help lists what there is.
export CGO_ENABLED = 0

.PHONY: help build test check generate bench demo fmt
help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

build: ## the static binary, in bin/
	go build -trimpath -ldflags '-s -w' -o bin/berth ./cmd/berth

demo: ## Berth beside a simulated Proxmox
	go run ./cmd/berth demo

test: ## every test; installs Chromium and PostgreSQL where they are missing and it may
	@scripts/ensure-test-tools
	@# Not from the cache: the stories start programs that go test does not know to depend on.
	@go test -count=1 -timeout 15m ./...

check: ## generated files, formatting, vet, lint, imports of the house
	scripts/check

generate: ## writes anew what is generated: queries, pages, styles, scripts
	scripts/generate

bench: ## measures what docs/performance.md tells of, and prints a table
	go run ./test/bench

fmt: ## gofmt and templ fmt
	gofmt -w $$(git ls-files '*.go' | grep -v _templ.go)
	go -C tools run github.com/a-h/templ/cmd/templ fmt ..
