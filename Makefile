# Every command is a Python script that runs without make too (Windows): python scripts/setup_env.py, then
# .venv\Scripts\python scripts\run_book.py, and so on. PYTHON names the interpreter that .venv is made with.
PYTHON ?= python3
DATASET ?= sketches
PORT ?= 8000
VERSIONS ?= scripts/colab-versions.txt
ifeq ($(OS),Windows_NT)
PY := .venv/Scripts/python.exe
else
PY := .venv/bin/python
endif

.DEFAULT_GOAL := help
.PHONY: help env book test record results lint serve clean mutate sketches pretrain stability kills bench lock assignments grade test-assignments test-colab test-browser site notebooks release

help:
	@echo "make book                   run every notebook and build the book: _build/html/index.html"
	@echo "make book DATASET=photos    the same on photos of cats and dogs: _build/photos/html/index.html"
	@echo "make test                   unit tests, then every stored output compared with a fresh run"
	@echo "make test-colab             run every notebook as on Colab: its versions, nothing else in reach (long; VERSIONS=newest)"
	@echo "make test-browser           the built pages in a browser: errors, requests, accessibility, narrow windows, links"
	@echo "make serve                  read the built book at http://localhost:$(PORT)"
	@echo "make site                   gather the built editions into one site: _build/site"
	@echo ""
	@echo "make assignments            course assignments: what students get, and what grading needs (SEED=... for other data)"
	@echo "make grade SUBMISSIONS=...  a folder of notebooks: one CSV, and one feedback page per student"
	@echo "make test-assignments       every question against right and wrong answers, and attacks on the grader"
	@echo ""
	@echo "make record [NOTEBOOK=...]  run the notebooks of the book and store their outputs"
	@echo "make results [RESULT=...]   recompute book/results/*.json, or one of them (long, resumable; DATASET=photos too)"
	@echo "make sketches               draw the data set again and compare it with the one in the package"
	@echo "make pretrain               train the backbone again (long)"
	@echo "make mutate                 break each formula in turn and expect a failing test"
	@echo "make kills                  kill tlbook train at 20 random moments and continue it each time (long)"
	@echo "make bench                  rerun other people's recipes and ours, measure speed (hours, on an idle machine; DATASET=photos too)"
	@echo "make stability              compare stored outputs under other thread counts and instruction sets (long)"
	@echo "make lint                   check code, notebooks and workflows without running them"
	@echo "make lock                   rewrite requirements.lock from pyproject.toml"
	@echo "make notebooks              gather the notebooks that the book's buttons open: _build/notebooks (in the publishing workflow)"
	@echo "make release                build sdist and wheel into dist, and run a chapter with the wheel alone"
	@echo "make clean                  remove _build and caches; .venv stays"

env:
	@$(PYTHON) scripts/setup_env.py

book: env
	@$(PY) scripts/run_book.py --dataset $(DATASET)

test: env
	@$(PY) scripts/run_tests.py

test-colab: env
	@$(PY) scripts/run_like_colab.py --versions $(VERSIONS) $(NOTEBOOK)

test-browser: env
	@$(PY) scripts/run_browser_tests.py

record: env
	@$(PY) scripts/record.py $(NOTEBOOK)

results: env
	@$(PY) -m experiments --dataset $(DATASET) $(RESULT)
	@$(PY) scripts/write_readme.py

sketches: env
	@$(PY) scripts/make_sketches.py

pretrain: env
	@$(PY) scripts/pretrain.py

mutate: env
	@$(PY) scripts/mutate.py

stability: env
	@$(PY) scripts/check_stability.py

kills: env
	@$(PY) tests/classifier_kills.py

bench: env
	@$(PY) benchmarks/run.py --dataset $(DATASET)

assignments: env
	@$(PY) scripts/make_assignments.py $(ASSIGNMENT) $(if $(SEED),--seed $(SEED)) $(if $(PACKAGE),--package "$(PACKAGE)")

grade: env
	@$(PY) scripts/grade.py $(if $(SUBMISSIONS),"$(SUBMISSIONS)",--help) $(if $(ASSIGNMENT),--assignment $(ASSIGNMENT)) $(if $(SEED),--seed $(SEED)) $(if $(JOBS),--jobs $(JOBS))

test-assignments: env
	@$(PY) scripts/test_assignments.py

lint: env
	@$(PY) scripts/lint.py

lock: env
	@$(PY) scripts/make_lock.py

notebooks: env
	@$(PY) scripts/publish_notebooks.py

release: env
	@$(PY) scripts/make_release.py

serve: env
	@$(PY) scripts/serve.py --dataset $(DATASET) --port $(PORT)

site: env
	@$(PY) scripts/editions.py _build/site

clean:
	@$(PYTHON) scripts/clean.py
