# A bare `make` lists the verbs. Each brings uv and the locked dependencies first, if they are not there.

.DEFAULT_GOAL := help
.PHONY: help demo lab test test-faults test-installed fuzz lint format bench-accuracy bench-promise bench-serving profile-serving bench-gateway examples openapi clean

bin := .venv/bin
compiled = $(wildcard $(addprefix packages/autoship/tests/test_,learning*.py record*.py http*.py))

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## real orders, predicted by the real service over HTTP; leaves a report in build/demo/
	@scripts/bootstrap && $(bin)/python scripts/demo.py $(ARGS)

lab: ## a fleet on this machine, hosts and gateways as containers, with the examples running on it; ARGS="--hosts 5"
	@scripts/bootstrap && scripts/docker --required && scripts/lab $(ARGS)

test: ## all tests; ARGS="-k word" chooses among them, CI=true makes a missing server a failure
	@scripts/bootstrap && scripts/docker && $(bin)/pytest $(ARGS)

test-faults: ## the tests that take minutes: twenty kills, gigabytes, ten thousand connections
	@scripts/bootstrap && scripts/docker && $(bin)/pytest -m faults $(ARGS)

fuzz: ## search for bytes that break the decoders or the snapshot loader, for TIME=300 seconds
	@scripts/bootstrap fuzz && $(bin)/python scripts/fuzz.py $(if $(TIME),--seconds $(TIME)) $(ARGS)

test-installed: ## the tests of what is compiled, on the package as its users get it
	@scripts/bootstrap --installed && build/installed/bin/pytest $(compiled) $(ARGS)

lint: ## ruff, mypy (strict) and the import contracts
	@scripts/bootstrap && $(bin)/ruff check && $(bin)/ruff format --check && $(bin)/mypy && $(bin)/lint-imports

format: ## put the code into ruff's format, and mend what ruff can mend
	@scripts/bootstrap && $(bin)/ruff check --fix && $(bin)/ruff format

bench-accuracy: ## accuracy beside the baselines and scikit-learn; DATA=DIR adds files, QUICK=1 takes less time
	@scripts/bootstrap bench && $(bin)/python benchmarks/accuracy.py $(if $(QUICK),--quick) $(if $(DATA),--data "$(DATA)")

bench-promise: ## simulated customers, thousands of runs: is the promise kept? ends with 1 where it is not
	@scripts/bootstrap && $(bin)/python benchmarks/promise.py $(ARGS)

bench-serving: ## the service's speed beside its peers, on Linux; QUICK=1 takes 3 minutes; ARGS=--page fills the documentation's tables
	@scripts/bootstrap --installed serving && build/installed/bin/python benchmarks/serving.py $(if $(QUICK),--quick) $(ARGS)

profile-serving: ## where the time of one prediction goes
	@scripts/bootstrap --installed serving && build/installed/bin/python benchmarks/serving.py --only profile $(ARGS)

bench-gateway: ## the gateway beside bare HAProxy, 12,000 servers, and how fast it reacts in a lab; QUICK=1 takes less time
	@scripts/bootstrap && scripts/docker --required && $(bin)/python benchmarks/gateway.py $(if $(QUICK),--quick) $(ARGS)

examples: ## build the images of examples/, as VERSION=1.0.0
	@scripts/docker --required && for name in python node java; do \
		docker build --quiet --build-arg VERSION=$(or $(VERSION),1.0.0) --tag hello-$$name:$(or $(VERSION),1.0.0) examples/$$name || exit 1; \
	done

openapi: ## write the API's document, from the code that serves it, to docs/reference/openapi.json
	@scripts/bootstrap && $(bin)/python scripts/openapi.py

clean: ## remove what the verbs above brought and made
	@[ ! -e lab ] || $(bin)/flotilla lab down --dir lab
	rm -rf .tools .venv build packages/*/build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
