# All set-up is done by the first target that needs it: a virtual environment in .venv with the pinned packages.
#   make demo   draw a SuperTicket from embedded data (minutes)      make lint    check style
#   make test   the tests                                            make format  repair style
#   make slow   slow tests: kills of real processes, real runs        make bazel   check the BUILD graph (needs Bazel)
#   make long   more of them, for which CI has no time               make web     LiteRT.js, to measure sparse models (npm)
#   make setup  only the set-up                                      make site   the documents, to read in a browser: build/site
#   make wheel  the wheel, tried in an empty environment             make mediapipe, make arm64, make kotlin: what more tests need
#   make clean  remove .venv and runs
# Settings: make setup PYTHON=python3.12 (after make clean); make demo DEMO_FLAGS='--epochs=2'; make test WORKERS=4 PYTEST_FLAGS='-k ranking'.

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
DEMO_FLAGS ?= --epochs=12 --batch_size=64 --search_interval=0.1
PYTEST_FLAGS ?=

BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST := $(BIN)/python -m pytest

# Nothing of the caller's Python leaks in.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

.DEFAULT_GOAL := help
.PHONY: help setup demo test slow long lint format site web mediapipe arm64 kotlin bazel wheel clean

help:
	@sed -n '2,9s/^# *//p' Makefile

setup: $(STAMP)

$(STAMP): requirements.txt pyproject.toml
	@command -v '$(PYTHON)' >/dev/null || { echo 'Python 3.11 or later is needed. Received: no $(PYTHON). Set PYTHON=...'; exit 1; }
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or later is needed. Received: $$('$(PYTHON)' --version). Set PYTHON=..."; exit 1; }
	@'$(PYTHON)' -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "Python's venv and ensurepip are needed. Received: a $(PYTHON) without them. On Debian: apt-get install python3-venv"; exit 1; }
	@echo 'Installing the pinned packages into $(VENV) (once; a few minutes, 3.3 GB)'
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || '$(PYTHON)' -m venv --clear '$(VENV)'
	@# One call: pip compares the ranges of pyproject.toml with the lock.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt --editable '.[test,site,cluster]'
	@touch $@

# Always from the start: a demo that continues a finished run would show nothing.
demo: $(STAMP)
	$(BIN)/python -m st_tf.train --task=shapes --supernet=tiny --workdir=runs/demo --fresh $(DEMO_FLAGS)
	@echo 'Next: open the report, then $(BIN)/python -m st_tf.evaluate --ticket=runs/demo/tickets/sparsity_0.9 --per_class; your own pictures: README.md.'

test: $(STAMP)
	$(PYTEST) -m 'not slow' -n $(WORKERS) --dist=loadfile --durations=15 $(PYTEST_FLAGS)

slow: $(STAMP)
	ST_TF_EXECUTED='$(abspath build)' $(PYTEST) -m 'slow and not long' --timeout=1500 -n $(WORKERS) --dist=loadfile --durations=15 $(PYTEST_FLAGS)

long: $(STAMP)
	$(PYTEST) -m long --timeout=1500 -n $(WORKERS) --dist=loadfile --durations=15 $(PYTEST_FLAGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP)
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

# A link that leads nowhere, or a page that the navigation has not, is an error (mkdocs.yml). After `make slow` the notebook is shown with its pictures.
site: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --clean
	@echo 'Next: open build/site/index.html, or serve it: $(BIN)/python -m http.server --directory build/site --bind 127.0.0.1'

# LiteRT.js, which executes sparse models in a browser, and playwright-core, with which tests drive one. Needs npm, and Chromium for tests.
web:
	npm ci --prefix tflite/web --silent --no-fund --no-audit

# MediaPipe Tasks in an environment of their own, since they want another absl-py than tfmot.
mediapipe: $(STAMP)
	test -x $(VENV)/mediapipe/bin/python || $(PYTHON) -m venv $(VENV)/mediapipe
	$(VENV)/mediapipe/bin/python -m pip install --quiet --disable-pip-version-check mediapipe==1.2.2

# LiteRT for ARM64 under emulation, to test files with the kernels of phones. Debian, as root.
arm64: $(STAMP)
	tflite/runtimes/arm64_root.sh '$(abspath $(VENV))/arm64' $(BIN)/pip

# The Kotlin compiler, to compile the Android app and to run its unit tests. Needs Java and JUnit to be of use.
KOTLIN := $(VENV)/kotlin
KOTLIN_JARS := run_kotlin_kernel/jars/kotlin-jupyter-kernel-*-all.jar run_kotlin_kernel/jars/kotlin-stdlib-*.jar
kotlin: $(STAMP)
	test -e $(KOTLIN)/complete || { rm -rf $(KOTLIN) \
	  && $(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest $(KOTLIN) kotlin-jupyter-kernel==0.19.0.944 \
	  && $(BIN)/python -m zipfile -e $(KOTLIN)/*.whl $(KOTLIN)/wheel \
	  && mv $(addprefix $(KOTLIN)/wheel/,$(KOTLIN_JARS)) $(KOTLIN) && rm -r $(KOTLIN)/wheel $(KOTLIN)/*.whl && touch $(KOTLIN)/complete; }

bazel: $(STAMP)
	PATH="$(abspath $(BIN)):$$PATH" .ci/check_bazel

wheel:
	PYTHON='$(PYTHON)' .ci/check_wheel

clean:
	rm -rf '$(VENV)' runs build tflite/web/node_modules *.egg-info .pytest_cache .ruff_cache
	find st_tf tasks tflite tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
