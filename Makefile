# What a person does with this repository; `make help` lists it.
#
#   make run ARGS="--humans 5000 --seed 7"    hand options to the command line
#   make test PYTHON=/path/to/python3.12      choose the Python (for a new .venv)
#   make run HASHES=                          install files that the locks do not name

VENV ?= .venv
ARGS ?=
BIN := $(VENV)/bin
PYTHONS := $(or $(PYTHON),python3 python3.13 python3.12 python3.11)
CONSTRAINTS := .ci/constraints.txt
LOCK := .ci/lock-run.txt
LOCK_DEV := .ci/lock-dev.txt
LOCK_DOCS := .ci/lock-docs.txt
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# The locks have the hashes of files for Linux on x86-64. HASHES= installs without.
HASHES := $(filter Linux-x86_64,$(shell uname -sm | tr ' ' -))
SHARED_OUT := --numprocesses auto --maxprocesses 4 --dist worksteal
comma := ,
SUITABLE := import ensurepip, sys, venv; \
	sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))

.DEFAULT_GOAL := help
# Where it is set, as in many containers, each process parses all sources anew.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help run shell app lab test quick lint types contracts docs
.PHONY: beats bench size detectors phase levers sensitivity networks minds evidence posterior meanfield ablation pairs showcase stories gallery notebooks clean

help: ## list what can be made
	@echo "Usage: make TARGET [ARGS=...] [PYTHON=...]"
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  \1\t\2/p' Makefile | expand -t 14

run: $(VENV)/installed ## install once, then run the story: os-society run her
	@$(BIN)/os-society run her $(ARGS)

shell: $(VENV)/installed ## open a shell in which os-society is a command
	@echo "os-society is a command here, and python has it; leave with: exit"
	@PATH="$(abspath $(BIN)):$$PATH" VIRTUAL_ENV="$(abspath $(VENV))" $${SHELL:-sh}

app: $(VENV)/installed ## open the page on which to watch a society live
	@$(BIN)/os-society app $(ARGS)

lab: $(VENV)/installed-lab ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab $(or $(ARGS),notebooks/1_first_society.ipynb)

test: $(VENV)/installed-dev ## run the whole test suite
	@$(BIN)/python -m pytest -q $(SHARED_OUT) $(ARGS)

quick: $(VENV)/installed-dev ## run the everyday part of the test suite
	@$(BIN)/python -m pytest -q -m "not slow" $(SHARED_OUT) $(ARGS)

lint: $(VENV)/installed-dev ## check style and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/installed-dev ## check types
	@$(BIN)/mypy $(ARGS)

contracts: $(VENV)/installed-dev ## check that imports go one way
	@$(BIN)/lint-imports

beats: $(VENV)/installed ## count the beats of the story over seeds and controls
	@$(BIN)/python experiments/beats.py $(ARGS)

bench: $(VENV)/installed ## measure the engine against objects and memory speed
	@$(BIN)/python experiments/benchmarks/engine.py $(ARGS)

size: $(VENV)/installed ## run a large society: memory, disk, whether all is there
	@$(BIN)/python experiments/benchmarks/size.py $(ARGS)

detectors: $(VENV)/installed ## judge the detectors of events on planted events and nulls
	@$(BIN)/python experiments/benchmarks/detectors.py $(ARGS)

phase: $(VENV)/installed ## map where OSes depart: growth against affinity
	@$(BIN)/python experiments/phase/run.py $(ARGS)

levers: $(VENV)/installed ## try every named intervention: departure, grief, cost
	@$(BIN)/python experiments/levers/run.py $(ARGS)

sensitivity: $(VENV)/installed-dev ## rank what departure and grief depend on
	@$(BIN)/python experiments/sensitivity/run.py $(ARGS)

networks: $(VENV)/installed ## compare generated and real networks
	@$(BIN)/python experiments/networks/run.py $(ARGS)

minds: $(VENV)/installed ## weigh seed noise against the noise of minds
	@$(BIN)/python experiments/minds/run.py $(ARGS)

evidence: $(VENV)/installed ## compare scenario `today` with published numbers
	@$(BIN)/python experiments/evidence.py $(ARGS)

posterior: $(VENV)/installed ## ask which parameters of `today` published facts leave possible
	@$(BIN)/python experiments/posterior/run.py $(ARGS)

meanfield: $(VENV)/installed ## ask what the society adds to difference equations
	@$(BIN)/python experiments/meanfield/run.py $(ARGS)

ablation: $(VENV)/installed ## find the mechanisms that departure needs
	@$(BIN)/python experiments/ablation/run.py $(ARGS)

pairs: $(VENV)/installed ## the same, with pairs of what is not necessary alone
	@$(BIN)/python experiments/ablation/pairs.py $(ARGS)

showcase: $(VENV)/installed ## make a run of the story, and draw its timeline
	@$(BIN)/os-society run her --seed 7 --force --no-figures --out results/runs/showcase
	@$(BIN)/os-society plot results/runs/showcase --what timeline \
		--out results/her-timeline.png

stories: $(VENV)/installed ## draw the story of her over 30 seeds, as the README shows it
	@$(BIN)/python experiments/stories.py $(ARGS)

gallery: $(VENV)/installed ## draw every figure there is on one sheet
	@$(BIN)/python experiments/gallery.py $(ARGS)

notebooks: $(VENV)/installed-dev ## execute the notebooks and write them with their outputs
	@$(BIN)/python notebooks/execute.py $(ARGS)

docs: $(VENV)/installed-docs ## build the documentation site: build/docs/html
	@$(BIN)/python -m sim.docs.site build/docs $(ARGS)

clean: ## remove environments and caches, never results
	rm -rf .venv .ci/venvs build dist .hypothesis .import_linter_cache
	rm -rf .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Installing is done again only when what is to be installed has changed.
$(VENV)/installed: pyproject.toml $(CONSTRAINTS) $(LOCK)
	@$(create_environment)
	@echo "Installing os-society with its live page (this takes a minute)"
	@$(call install,--requirement $(LOCK),'.[app]')
	@touch $@

# JupyterLab is in no lock: its files come as the index has them, with the pins that
# there are.
$(VENV)/installed-lab: $(VENV)/installed
	@echo "Installing JupyterLab (this takes a minute)"
	@$(INSTALL) --constraint $(CONSTRAINTS) 'jupyterlab>=4' 'ipykernel>=6.29'
	@touch $@

$(VENV)/installed-docs: pyproject.toml $(CONSTRAINTS) $(LOCK) $(LOCK_DOCS)
	@$(create_environment)
	@echo "Installing os-society and Sphinx (this takes a minute)"
	@$(call install,--requirement $(LOCK) --requirement $(LOCK_DOCS),'.[app$(comma)docs]')
	@touch $(VENV)/installed $@

$(VENV)/installed-dev: pyproject.toml $(CONSTRAINTS) $(LOCK) $(LOCK_DEV)
	@$(create_environment)
	@echo "Installing os-society and its development tools (this takes a minute)"
	@$(call install,--requirement $(LOCK) --requirement $(LOCK_DEV),'.[dev]')
	@touch $(VENV)/installed $@

# Install what the package needs, its build with it, and then the package: pip would take
# any version of what it builds with, and knows no hash of a folder.
define install
$(if $(HASHES),$(INSTALL) --require-hashes --no-deps $(1),\
	$(INSTALL) --constraint $(CONSTRAINTS) hatchling editables) && \
$(INSTALL) --no-build-isolation $(if $(HASHES),--no-deps,--constraint $(CONSTRAINTS)) \
	--editable $(2)
endef

define create_environment
[ -x $(BIN)/pip ] && exit 0; \
for python in $(PYTHONS); do \
	"$$python" -c '$(SUITABLE)' 2>/dev/null || continue; \
	echo "Creating $(VENV) with $$("$$python" --version)"; \
	exec "$$python" -m venv --clear $(VENV); \
done; \
echo "os-society needs Python 3.11, 3.12 or 3.13 with its venv module;" \
	"none of these is: $(PYTHONS)." >&2; \
echo "Install one, or name it: make PYTHON=/path/to/python3.12 ..." >&2; \
exit 1
endef
