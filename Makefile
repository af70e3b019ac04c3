# Every target is one or two lines that call deploy.py or a public tool. `make` alone prints this help.
ENV ?= local
DEPLOY = ./deploy.py
PYTHON = .venv/bin/python
# As many as small machines have cores: a third gains a tenth, and tests that watch the clock then fail now and then.
WORKERS ?= 2
SETUP = python3 -m infra.setup
PYTEST = $(PYTHON) -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder
# Compiled modules are kept even where a machine says otherwise: without them every command compiles 300 files first.
export PYTHONDONTWRITEBYTECODE =
# YES=1 agrees to what would be asked; the environment on this machine does not ask.
AGREED = $(if $(YES)$(filter local,$(ENV)),--yes,)

.DEFAULT_GOAL := help
.PHONY: help deploy verify plan rollback recover status logs migrate teardown token images test test-slow test-long lint format lock bench bench-deploy bench-gateway bench-services openapi setup

##@ Run
deploy: ## Bring the environment to what the files say (ENV=local)
	@$(DEPLOY) deploy $(ENV) $(if $(SERVICE),--service $(SERVICE)) $(AGREED)

verify: ## Check everything that a deploy needs; nothing changes
	@$(DEPLOY) verify $(ENV)

plan: ## Show what a deploy would change
	@$(DEPLOY) plan $(ENV)

rollback: ## Back to the last release known good (RELEASE=id for another one)
	@$(DEPLOY) rollback $(ENV) $(RELEASE) $(if $(YES),--yes)

recover: ## Get a stuck stack, a stale lock or a half-done deploy moving again
	@$(DEPLOY) recover $(ENV) $(if $(YES),--yes)

status: ## What runs
	@$(DEPLOY) status $(ENV)

logs: ## Follow the log lines (SERVICE=reviews for one service)
	@$(DEPLOY) logs $(ENV) $(SERVICE) -f

migrate: ## Run the migration tasks of the deployed release (SERVICE=reviews for one service)
	@$(DEPLOY) migrate $(ENV) $(SERVICE)

token: ## Print a bearer token (SCOPE="movies:write reviews:write")
	@$(DEPLOY) token $(ENV) --scope "$(or $(SCOPE),movies:write reviews:write)"

teardown: ## Remove the environment and everything in it
	@$(DEPLOY) teardown $(ENV) $(AGREED)

##@ Develop
images: ## Build the images that are not there yet
	@$(DEPLOY) images $(ENV)

test: setup ## Run every check, and a test of everything; starts what it needs, Docker included
	@$(SETUP) programs && $(MAKE) --no-print-directory lint
	@$(SETUP) run $(PYTEST) -m "not slow and not long" $(TESTS)

test-slow: setup ## Run the longer twins of those tests and their many cases, as CI does after them
	@$(SETUP) programs && $(SETUP) run $(PYTEST) -m "slow and not long" $(TESTS)

test-long: setup ## Run the tests that take minutes by their nature: many kills, many requests, many reviews
	@$(SETUP) programs && $(SETUP) run $(PYTHON) -m pytest -m long $(TESTS)

lint: .venv ## Look for mistakes without running anything
	@$(PYTHON) -m ruff check . && $(PYTHON) -m ruff format --check . && $(PYTHON) -m mypy

format: .venv ## Write the code as the formatter wants it
	@$(PYTHON) -m ruff check --fix . && $(PYTHON) -m ruff format .

bench: setup bench-deploy ## Measure deploys, many services, and planning; writes their sections of BENCHMARKS.md
	@$(PYTHON) -m tests.bench_scale && $(PYTHON) -m tests.bench_parallel

bench-deploy: setup ## Measure a fresh clone's first deploy, the next, a change and the teardown
	@$(PYTHON) -m tests.bench

bench-services: setup ## Measure the chassis beside Flask and FastAPI, one core each in turn
	@$(PYTHON) -m pip install -q --target .estaleiro/bench --upgrade -r tests/bench_services.in && $(PYTHON) -m tests.bench_services

openapi: .venv ## Write every service's openapi.json from its routes and types
	@PYTHONPATH=services $(PYTHON) -m chassis.openapi

bench-gateway: setup ## Compare the firewall with ModSecurity and its core rule set (SCORE=program to score both)
	@$(PYTHON) -m tests.gateway.bench.bench $(if $(SCORE),--score $(SCORE))

lock: .venv ## Choose versions anew and write the lock files
	@$(PYTHON) -m infra.setup lock

setup: ## Make the machine ready: the environment and the Docker engine
	@$(SETUP) venv && $(SETUP) engine

.venv: requirements.lock
	@$(SETUP) venv

help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
