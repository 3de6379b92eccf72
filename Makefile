# The one vocabulary: people, hooks and CI call these targets. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := all
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1
# Python's own tools fail on a path that is not ASCII where the locale is C.
export PYTHONUTF8 := 1
# What Python compiles is kept, whatever the environment of the caller asks: each stage and each command is a new process.
unexport PYTHONDONTWRITEBYTECODE
# One writer at a time: the kernel drops this lock even after kill -9.
LOCKED := flock --nonblock --conflict-exit-code 75 .dvc/tmp/project.lock

.PHONY: experiments retrain share-retraining schedules tutorial install-airflow install-kubeflow audit-packages sbom wheel image sign bundle report all help install install-test repro summary check test test-quick serve install-serve install-tune install-excel install-sql install-gateway install-opcua install-dask install-remotes install-mlflow fresh verify watch results bench bench-serving bench-monitoring deps docs tables pictures readme lock clean

all: install repro summary  ## environment, the whole pipeline, a short summary (the main job)

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## */\1\t/' | awk -F'\t' '{printf "  make %-14s %s\n", $$1, $$2}'

install: $(VENV)/.core  ## the environment from hashed lock files

install-test: $(VENV)/.test  ## the same with what the tests need

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: Python 3.11 or newer is needed, found " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/bootstrap.txt

$(VENV)/.core: requirements/core.txt pyproject.toml | $(BIN)/python
	rm -f $(VENV)/lib/python3*/site-packages/oilcan.pth
	# compiled once here; otherwise every stage and every dvc command pays for it
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/core.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	# relative, so ASCII: in the C locale Python cannot start on a .pth file with any other character
	for folder in $(VENV)/lib/python3*/site-packages; do echo ../../../../src > $$folder/oilcan.pth; done
	# pages of `dvc plots` that need no network; in config.local, so that a clone without the page draws as DVC does
	mkdir -p .dvc/plots
	$(BIN)/python -c 'import sys; from oilcan.io.vega_bundle import vega_bundle as b; from oilcan.reports.plots_page import page; sys.stdout.write(page(b()))' > .dvc/plots/page.html
	$(BIN)/dvc config --local plots.html_template plots/page.html
	touch $@

# .test, .serve, .tune, .excel, .sql, .remotes, .gateway, .opcua, .dask, .mlflow: further packages, each by the lock file of its name
$(VENV)/.%: requirements/%.txt $(VENV)/.core
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r $<
	touch $@

install-serve: $(VENV)/.serve  ## the same with what the service needs

install-tune: $(VENV)/.tune  ## the same with what `oilcan tune` needs

install-excel: $(VENV)/.excel  ## the same with what reading Excel sheets needs

install-sql: $(VENV)/.sql  ## the same with what reading from databases needs

install-gateway: $(VENV)/.gateway  ## the same with what `oilcan gateway` needs for MQTT

install-opcua: $(VENV)/.opcua  ## the same with what `oilcan gateway` needs for OPC UA

install-dask: $(VENV)/.dask  ## the same with what a Dask cluster needs, on the driver and on each worker

install-mlflow: $(VENV)/.mlflow  ## the same with what `oilcan mirror mlflow` needs

install-remotes: $(VENV)/.remotes  ## the same with what DVC needs for S3, Azure, Google Cloud and SSH

repro: install  ## dvc repro, one at a time
	@mkdir -p .dvc/tmp
	@oilcan doctor start
	$(LOCKED) dvc repro || { test $$? -ne 75 || echo 'error: another make is running the pipeline here. Wait for it.' >&2; exit 1; }

summary: install  ## the forecast's quality, what it saves, where to look
	@oilcan summary

lock:  ## renew the lock files
	for name in bootstrap core serve tune excel sql remotes gateway opcua dask mlflow airflow kubeflow emulators supply test bench rival-mlflow rival-bentoml rival-evidently rival-nannyml; do \
	  (cd requirements && $(CURDIR)/$(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-header --upgrade $$name.in -o $$name.txt); done

check: install-test  ## lint, types, import layers
	ruff check .
	mypy
	lint-imports --no-cache

# one worker more than cores: many tests wait for the processes that they started
test: install-test  ## every test, the slow proofs included
	@mkdir -p .dvc/tmp
	pytest -n 3 --dist worksteal --durations 40 --durations-min 5

test-quick: install-test  ## the tests that need no run of the pipeline
	pytest -n 3 --dist worksteal -m 'not slow'

retrain: $(VENV)/.serve  ## a new model if it is time for one; fails if the gate holds it or a signal cannot be read
	@if git rev-parse --quiet --verify refs/remotes/origin/audit >/dev/null; then oilcan audit merge; fi
	oilcan retrain --yes --gate

share-retraining: install  ## push branches of retrainings and the audit log to origin, and their bytes to the DVC remote
	git for-each-ref --format='%(refname)' refs/heads/audit refs/heads/retrain | xargs -r git push origin
	dvc push --quiet --all-branches

fresh: install  ## fail if `dvc repro` would run anything; list what and why
	oilcan doctor lock

verify: install  ## digests of the cache and of the outputs against dvc.lock
	oilcan doctor files

# a plain `dvc exp show` has a column for each file that a stage reads, some 300, and shows none where they do not fit
DECIDING := Experiment|costs.saving$$|events.(detected|false)|test.(pr_auc|brier)|decision
experiments:  ## experiments beside each other, by the figures that people decide by, 160 columns wide
	COLUMNS=160 dvc exp show --no-pager --drop '.*' --keep '$(DECIDING)'

BASE ?= origin/main
report: install  ## what a reviewer needs to know of this change against BASE (origin/main)
	oilcan report $(BASE) --out reports/pull_request.md

# checkers of workflows and packages: an environment of their own
SUPPLY := .oilcan/supply
$(SUPPLY)/.done: requirements/supply.txt $(VENV)/.core
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(SUPPLY)
	$(BIN)/uv pip install --quiet --python $(SUPPLY)/bin/python --require-hashes -r $<
	touch $@

# schedulers, each in an environment of its own: they would hold the core back
AIRFLOW := .oilcan/airflow
KUBEFLOW := .oilcan/kubeflow
install-airflow: $(AIRFLOW)/.done  ## Airflow for deploy/airflow, in .oilcan/airflow

install-kubeflow: $(KUBEFLOW)/.done  ## the compiler and local runner of Kubeflow, in .oilcan/kubeflow

$(AIRFLOW)/.done $(KUBEFLOW)/.done: .oilcan/%/.done: requirements/%.txt $(VENV)/.core
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .oilcan/$*
	$(BIN)/uv pip install --quiet --python .oilcan/$*/bin/python --require-hashes -r $<
	touch $@

schedules: install $(KUBEFLOW)/.done  ## write the DAG of deploy/airflow and the pipeline of deploy/kubeflow
	python deploy/airflow/build.py
	$(KUBEFLOW)/bin/python deploy/kubeflow/build.py

# core and what is served; the tests' own packages go nowhere
AUDITED := core serve tune excel sql remotes gateway opcua dask
audit-packages: $(SUPPLY)/.done  ## known vulnerabilities of all that is locked, by osv.dev or the address OSV_URL
	for name in $(AUDITED); do \
	  $(SUPPLY)/bin/pip-audit --vulnerability-service osv $${OSV_URL:+--osv-url "$$OSV_URL"} --disable-pip --require-hashes \
	    --progress-spinner off -r requirements/$$name.txt; done

DIST ?= dist
sbom: $(SUPPLY)/.done $(VENV)/.serve  ## what is installed, with licences, as CycloneDX: DIST/sbom.cdx.json
	mkdir -p $(DIST)
	$(SUPPLY)/bin/cyclonedx-py environment --output-reproducible --of JSON -o $(DIST)/sbom.cdx.json $(BIN)/python

wheel: install  ## the package, the same bytes from the same commit: DIST/*.whl
	mkdir -p $(DIST)
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m flit_core.wheel --outdir $(DIST)

image:  ## prove as root on Debian, without a registry, that the image of deploy/docker builds and runs read-only: some minutes
	deploy/docker/prove.sh

KEY ?= $(HOME)/.ssh/id_ed25519
sign:  ## sign the bundle in models/ with your SSH key (KEY): models/bundle.sig
	ssh-keygen -q -Y sign -f $(KEY) -n oilcan-bundle < models/bundle/manifest.sha256 > models/bundle.sig

bundle: repro  ## the model with verdict and, if there is one, signature, the same bytes from the same commit: DIST/bundle.tar.gz
	mkdir -p $(DIST)
	cd models && tar --sort=name --mtime=@$$(git log -1 --format=%ct) --owner=0 --group=0 --numeric-owner --mode=a=rX,u+w \
	  -cf - bundle bundle.verdict.json $$(ls bundle.sig 2>/dev/null) | gzip -n > $(abspath $(DIST))/bundle.tar.gz
	cd $(DIST) && sha256sum bundle.tar.gz > bundle.tar.gz.sha256

clean:  ## remove what can be made again (data, models and cache stay)
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis dvc_plots build dist

results: install  ## the main job on every public data set present; writes docs/results.md
	python benchmarks/results.py

bench-serving: $(VENV)/.serve  ## speed, memory and endurance of the service, beside MLflow, BentoML and FastAPI
	python benchmarks/serving/run.py

bench-monitoring: install-test  ## monitoring on simulated fleets with known truth: the table of docs/results.md
	python benchmarks/monitoring/scenarios.py

bench: install  ## time and memory of every stage against the floor of reading and writing its files
	python benchmarks/stages.py

serve: $(VENV)/.serve  ## the demo fleet live at http://127.0.0.1:8080: the service, and the last days played into it
	@trap 'kill $$(jobs -p) 2>/dev/null; wait' EXIT; trap 'exit 0' INT TERM; \
	mkdir -p .oilcan; rm -f .oilcan/demo.db*; \
	oilcan serve --clock data --store sqlite:///.oilcan/demo.db & oilcan replay-stream & wait -n && wait

tutorial: $(VENV)/.serve  ## build a repository whose tags tell the story, in a temporary folder; types and checks every command
	python -m tests.repo.tutorial

watch: $(VENV)/.serve  ## service, replayed fleet, Prometheus and Alertmanager here; Enter switches a drift on
	@python deploy/watch.py

deps: install-test  ## rewrite the code dependencies of every stage in dvc.yaml from its imports
	python -m tests.repo.deps

tables: install-test  ## rewrite the tables of the documents that come from code and YAML
	python -m tests.repo.docs

docs: tables readme pictures  ## every generated part of the documents: tables, README, pictures

pictures: install-test  ## take the pictures of the documents from the reports and the service of the last run
	python -m tests.repo.pictures

readme: install  ## put what the commands print into the README
	python tests/repo/readme.py
