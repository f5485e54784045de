# `make serve` and `make test` are all that is needed; each does its own set-up.
# Only Python 3.11 or newer, with venv, has to be there.

PYTHON ?= $(shell sh tools/choose-python.sh)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INSTALLED := $(VENV)/installed
DEV_INSTALLED := $(VENV)/installed-dev
TESTS ?=
ARGS ?=
ROUNDS ?= 50
EXAMPLES ?= 50
SEEDS ?= 200
SCHEDULES ?= 3000
MINUTES ?= 10
CALLS ?= 100000

.DEFAULT_GOAL := help
.PHONY: help install serve test slow generate drift format lint baseline release types imports unit fuzz schema wire faults hostile schedules outages crashes parity soak uploads engines hub-clients node-client claude-code codex gemini-cli clients kms oidc console console-test sbom advisories containers readme stubs bench ledger voice check clean
# Steps of one check would only fight for the processors.
.NOTPARALLEL:

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## make .venv with the command .venv/bin/conduit

serve: $(INSTALLED) ## run a whole gateway on this machine; ARGS="--http-port 9000" goes to it
	@exec $(BIN)/conduit serve $(ARGS)

test: $(DEV_INSTALLED) ## run the tests, but those of `make slow`; TESTS=tests/wire runs some
	@sh tools/run-tests.sh $(BIN)/pytest $(TESTS) $(ARGS)

slow: $(DEV_INSTALLED) ## run the tests of whole gateways: full and read-only disks, backups, kills, restarts, nonsense
	@sh tools/run-tests.sh $(BIN)/pytest slow

generate: $(DEV_INSTALLED) ## write generated/ from protos/
	$(BIN)/python tools/generate.py

drift: $(DEV_INSTALLED)
	$(BIN)/python tools/generate.py --check

format: $(DEV_INSTALLED) ## format Python and protos
	$(BIN)/ruff format
	$(BIN)/ruff check --fix-only
	$(BIN)/buf format --write protos

lint: $(DEV_INSTALLED) ## check the form of Python and protos
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/python tools/generate.py --check
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code protos
	PATH="$(CURDIR)/$(BIN):$$PATH" .ci/breaking

baseline: $(DEV_INSTALLED) ## make the contract as it stands the one that later ones may not break
	$(BIN)/python tools/generate.py
	PATH="$(CURDIR)/$(BIN):$$PATH" .ci/baseline

release: $(DEV_INSTALLED) ## cut this version: the changelog, the contract's image, and the databases that later versions are upgraded from
	$(BIN)/python tools/generate.py
	PATH="$(CURDIR)/$(BIN):$$PATH" .ci/baseline
	$(BIN)/python -m tools.release

types: $(DEV_INSTALLED) ## check types with mypy and pyright
	$(BIN)/mypy
	$(BIN)/pyright

imports: $(DEV_INSTALLED) ## check who imports whom
	$(BIN)/lint-imports

unit: $(DEV_INSTALLED) ## run each module's own tests
	$(BIN)/pytest --quiet tests/unit $(ARGS)

fuzz: $(DEV_INSTALLED) ## send nonsense to every codec, every reader of bytes and every RPC, and through the whole suite, from both sides; ROUNDS=50
	$(BIN)/python -m tests.attacks.grow_corpus $(ROUNDS)
	CONDUIT_FUZZ_ROUNDS=$(ROUNDS) $(BIN)/pytest --quiet tests/wire/test_nonsense.py tests/wire/test_inbound_nonsense.py tests/wire/test_form.py tests/integration/suite/test_fuzz.py tests/integration/suite/test_inbound_fuzz.py tests/attacks/test_byte_nonsense.py tests/attacks/test_grpc_nonsense.py $(ARGS)

schema: $(DEV_INSTALLED) ## send what the OpenAPI document allows, and what it forbids, and hold the answers to it; EXAMPLES=50
	CONDUIT_SCHEMA_EXAMPLES=$(EXAMPLES) $(BIN)/pytest --quiet tests/conformance/test_document.py $(ARGS)

wire: $(DEV_INSTALLED) ## replay the recorded exchanges with providers
	$(BIN)/pytest --quiet tests/wire $(ARGS)

faults: $(DEV_INSTALLED) ## run the tests with misbehaving peers
	$(BIN)/pytest --quiet tests/faults tests/unit/conduit_kernel/http tests/unit/conduit_kernel/websocket $(ARGS)

hostile: $(DEV_INSTALLED) ## let a hostile caller send all kinds of requests beside others; SEEDS=200
	CONDUIT_HOSTILE_SEEDS=$(SEEDS) $(BIN)/pytest --quiet tests/faults/test_hostile_callers.py $(ARGS)

schedules: $(DEV_INSTALLED) ## outlast random schedules of faults in virtual time; SCHEDULES=3000
	CONDUIT_SCHEDULES=$(SCHEDULES) $(BIN)/pytest --quiet --timeout 0 tests/faults/test_outages.py -k invariants $(ARGS)

outages: $(DEV_INSTALLED) ## outlast outages with the usual open time of a minute; five minutes
	CONDUIT_OUTAGE_OPEN_SECONDS=60 $(BIN)/pytest --quiet --timeout 900 tests/faults/test_real_outages.py $(ARGS)

crashes: $(DEV_INSTALLED) ## kill routers and Billing at every wait of a call: no charge may be lost or doubled; ROUNDS=50
	CONDUIT_CRASH_ROUNDS=$(ROUNDS) $(BIN)/pytest --quiet --timeout 0 tests/integration/billing/test_crash_rounds.py tests/integration/billing/test_ledger_model.py tests/integration/billing/test_budgets_model.py $(ARGS)

parity: $(DEV_INSTALLED) ## hold each charge to what a provider served, streams left early as well; CALLS=100000
	CONDUIT_PARITY_CALLS=$(CALLS) $(BIN)/pytest --quiet --timeout 0 tests/integration/suite/test_row_parity.py $(ARGS)

soak: $(DEV_INSTALLED) ## full load with random faults: nothing may grow or fail; MINUTES=10
	CONDUIT_SOAK_MINUTES=$(MINUTES) $(BIN)/pytest --quiet -s --timeout 0 tests/faults/test_soak.py $(ARGS)

uploads: $(DEV_INSTALLED) ## upload a hundred files of 25 MB at once; takes 3 GB of disk
	CONDUIT_UPLOADS=100 $(BIN)/pytest --quiet -s --timeout 0 tests/faults/test_many_uploads.py $(ARGS)

engines: $(DEV_INSTALLED) ## speak by espeak-ng and write it down by pocketsphinx, through the whole suite
	@sh tools/sound-engines.sh "$(PYTHON)" build/engines
	CONDUIT_ENGINES=build/engines $(BIN)/pytest --quiet tests/conformance/test_sound_engines.py $(ARGS)

hub-clients: ## install three SignalR clients apart, for tests/conformance; needs npm
	@sh tools/hub-clients.sh "$(PYTHON)" build/hub-clients

node-client: ## install OpenAI's client for Node apart, for tests/conformance; needs npm
	@sh tools/node-client.sh build/node-client

claude-code: ## install Claude Code apart, for tests/conformance; needs npm
	@sh tools/claude-code.sh build/claude-code

codex: ## install Codex apart, for tests/conformance; needs npm
	@sh tools/codex.sh build/codex

gemini-cli: ## install Gemini CLI apart, for tests/conformance; needs npm
	@sh tools/gemini-cli.sh build/gemini-cli

clients: $(DEV_INSTALLED) ## run LangChain, LlamaIndex, the AI SDK, LibreChat's agents, aider and Continue as docs/clients.md has them; needs npm
	@sh tools/clients.sh "$(PYTHON)" build/clients
	CONDUIT_CLIENTS=build/clients $(BIN)/pytest --quiet tests/conformance/test_clients.py $(ARGS)

kms: $(DEV_INSTALLED) ## wrap encryption keys with moto's KMS, and by the libraries of Google's and Azure's
	@sh tools/moto.sh "$(PYTHON)" build/moto
	CONDUIT_MOTO=build/moto $(BIN)/pytest --quiet tests/conformance/test_aws_kms.py tests/conformance/test_s3_backups.py $(ARGS)
	@sh tools/key-services.sh $(VENV) build/key-services
	build/key-services/bin/python -m pytest --quiet tests/unit/conduit_cli/key_services $(ARGS)

oidc: $(DEV_INSTALLED) ## log in at oidc-provider, installed apart; needs npm
	@sh tools/oidc-provider.sh build/oidc
	CONDUIT_OIDC=build/oidc $(BIN)/pytest --quiet tests/conformance/test_oidc_provider.py $(ARGS)

console: $(DEV_INSTALLED) ## make the console that the bridge serves from console/; needs npm
	$(BIN)/python -m tools.console

.PHONY: docs wheel
docs: $(DEV_INSTALLED) ## make the documentation that the bridge serves at /docs, of docs/ and of the code; broken links fail
	@sh tools/documentation-generator.sh $(BIN)/python build/documentation/generator
	$(BIN)/python -m tools.documentation $(ARGS)

wheel: docs ## build dist/conduit_suite-*.whl, with the console and the documentation
	$(PIP) wheel --no-deps --wheel-dir dist .

console-test: $(DEV_INSTALLED) ## look at the console by Chromium, which it installs by apt where it may, and by axe; needs npm
	@sh tools/console-tests.sh $(BIN)/python build/console-tests
	$(BIN)/python -m tools.console --check
	CONDUIT_CONSOLE_TESTS=build/console-tests $(BIN)/pytest --quiet tests/console $(ARGS)

sbom: ## write build/sbom.cdx.json, a CycloneDX list of what is installed to run Conduit
	@sh tools/sbom.sh "$(PYTHON)" build/sbom build/sbom.cdx.json

advisories: ## ask OSV what is known to be wrong with what Conduit runs on; exits with 1 if anything is
	@$(PYTHON) tools/advisories.py

containers: ## judge the Dockerfile by hadolint and the compose file by its specification
	@sh tools/lint-containers.sh "$(PYTHON)" build/containers

readme: $(DEV_INSTALLED) ## run every command of README.md in a fresh clone of HEAD, served by `make serve`
	$(BIN)/python -m tools.readme_trial

stubs: $(DEV_INSTALLED) ## stream an answer in each language of clients/README.md that is there
	@tools/try-stubs.sh $(ARGS)

bench: $(INSTALLED) ## measure CPU per request, latency and the start, and hold them to the budget
	$(BIN)/python benchmarks/bench.py $(ARGS)

ledger: $(DEV_INSTALLED) ## fill a ledger, and measure what charges take and how long reports do; ARGS="--charges 10000000" takes 3 GB of disk
	$(BIN)/python benchmarks/ledger.py $(ARGS)

voice: $(INSTALLED) ## measure how much later the sound of 200 sessions is than without Conduit
	$(BIN)/python benchmarks/voice.py $(ARGS)

check: lint types imports slow test ## do all that CI does

clean: ## remove what the other commands made; keeps .conduit, where your data is
	rm -rf $(VENV) build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

$(INSTALLED): pyproject.toml
	@python="$(PYTHON)"; test -n "$$python" || { echo "Conduit needs Python 3.11 or newer, with venv: https://www.python.org/downloads/"; exit 1; }; \
	echo "Installing Conduit into $(VENV), with $$python; this takes about a minute, once."; \
	prefix='import math, sys; print(sys.base_prefix)'; made=`$(BIN)/python -c "$$prefix" 2>/dev/null`; \
	test "$$made" = "`"$$python" -c "$$prefix"`" || clear=--clear; \
	"$$python" -m venv $$clear $(VENV)
	@$(PIP) install --upgrade "pip>=25.1"
	@$(PIP) install --editable .
	@$(BIN)/python -m compileall -q services generated/python clients/python
	@touch $@

$(DEV_INSTALLED): $(INSTALLED)
	@echo "Installing what tests and checks need."
	@$(PIP) install --group dev
	@touch $@
