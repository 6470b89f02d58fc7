# Every command is a Python script that runs without make too (Windows): python tools/env/setup_env.py, then
# .venv\Scripts\python tools\book\build.py, and so on. PYTHON names the interpreter that .venv is made with.
PYTHON ?= python3
DATASET ?= sketches
PORT ?= 8000
VERSIONS ?= tools/release/colab-versions.txt
ifeq ($(OS),Windows_NT)
PY := .venv/Scripts/python.exe
else
PY := .venv/bin/python
endif

.DEFAULT_GOAL := help
.PHONY: help env book test record results lint serve clean mutate sketches pretrain stability faults bench lock assignments grade course test-assignments test-thorough test-colab test-browser site notebooks release

help:
	@echo "To read and check"
	@echo "  make book [DATASET=photos]         run every notebook and build the book: _build/html/index.html"
	@echo "  make serve [DATASET=photos]        read it at http://localhost:$(PORT)"
	@echo "  make test                          unit tests, then every stored output compared with a fresh run"
	@echo "  make lint                          check code, notebooks and workflows without running them"
	@echo "  make test-browser                  the built pages in a browser: errors, requests, accessibility, links"
	@echo ""
	@echo "To write"
	@echo "  make record [NOTEBOOK=...]         run the notebooks and store their outputs"
	@echo "  make results [RESULT=...]          recompute book/results (long, resumable; DATASET=photos too)"
	@echo "  make lock                          rewrite requirements.lock from pyproject.toml"
	@echo "  make clean                         remove _build and caches; .venv stays"
	@echo ""
	@echo "To teach"
	@echo "  make assignments [SEED=...]        what students get, and what grading needs"
	@echo "  make grade SUBMISSIONS=...         a folder of notebooks: one CSV, and feedback for each student"
	@echo "  make course [ASSIGNMENT=all]       a dry run: hand-out, invented students, grades, item statistics"
	@echo "  make test-assignments [REST=yes]   every question against all answers, attacks; or what make test leaves out"
	@echo ""
	@echo "To publish (PUBLISHING.md)"
	@echo "  make site                          the built editions as one site: _build/site"
	@echo "  make notebooks                     the notebooks that the buttons of the book open: _build/notebooks"
	@echo "  make release                       sdist and wheel into dist, and a chapter run with the wheel alone"
	@echo "  make test-colab [VERSIONS=newest]  every notebook as on Colab: its versions, nothing else in reach (long)"
	@echo ""
	@echo "Now and then (long)"
	@echo "  make test-thorough                 the tests that make test leaves out"
	@echo "  make mutate                        break each formula in turn and expect a failing test"
	@echo "  make faults                        kills, flipped bits, full disks: nothing wrong is ever used in silence"
	@echo "  make stability                     stored outputs under other thread counts and instruction sets"
	@echo "  make bench [DATASET=photos]        other people's recipes against ours, and speed (hours, on an idle CPU)"
	@echo "  make sketches                      draw the data set again and compare it with the one in the package"
	@echo "  make pretrain                      train the backbone again"

env:
	@$(PYTHON) tools/env/setup_env.py

book: env
	@$(PY) tools/book/build.py --dataset $(DATASET)

test: env
	@$(PY) tools/check/run_tests.py

test-thorough: env
	@$(PY) tools/check/run_tests.py --thorough

test-colab: env
	@$(PY) tools/release/run_like_colab.py --versions $(VERSIONS) $(NOTEBOOK)

test-browser: env
	@$(PY) tools/check/run_browser_tests.py

record: env
	@$(PY) tools/book/record.py $(NOTEBOOK)

results: env
	@$(PY) -m experiments --dataset $(DATASET) $(RESULT)
	@$(PY) tools/book/write_readme.py

sketches: env
	@$(PY) tools/data/make_sketches.py

pretrain: env
	@$(PY) tools/data/pretrain.py

mutate: env
	@$(PY) tools/check/mutate.py

stability: env
	@$(PY) tools/check/stability.py

faults: env
	@$(PY) tests/tlbook/classifier/faults.py

bench: env
	@$(PY) benchmarks/run.py --dataset $(DATASET)

assignments: env
	@$(PY) tools/assignments/make.py $(ASSIGNMENT) $(if $(SEED),--seed $(SEED)) $(if $(PACKAGE),--package "$(PACKAGE)")

grade: env
	@$(PY) tools/assignments/grade.py $(if $(SUBMISSIONS),"$(SUBMISSIONS)",--help) $(if $(ASSIGNMENT),--assignment $(ASSIGNMENT)) $(if $(SEED),--seed $(SEED)) $(if $(JOBS),--jobs $(JOBS))

course: env
	@$(PY) tools/assignments/course.py $(if $(ASSIGNMENT),--assignment $(ASSIGNMENT)) $(if $(SEED),--seed $(SEED)) $(if $(JOBS),--jobs $(JOBS))

test-assignments: env
	@$(PY) tools/assignments/run_tests.py $(if $(REST),--rest)

lint: env
	@$(PY) tools/check/lint.py

lock: env
	@$(PY) tools/env/lock.py

notebooks: env
	@$(PY) tools/book/publish_notebooks.py

release: env
	@$(PY) tools/release/make_release.py

serve: env
	@$(PY) tools/book/serve.py --dataset $(DATASET) --port $(PORT)

site: env
	@$(PY) tools/book/editions.py _build/site

clean:
	@$(PYTHON) tools/env/clean.py
