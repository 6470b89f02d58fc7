"""Break every formula of tlbook.evaluation in turn, and expect a test to fail.

    python tools/check/mutate.py                  all mutants; exit status 1 if one survives that is not listed as equivalent
    python tools/check/mutate.py --module paired  those of one module
    python tools/check/mutate.py --share 12       a sample, spread over all modules
    python tools/check/mutate.py --list           name the mutants, run nothing

A mutant is one small change of the syntax tree: an operator exchanged, a constant off by one or a tenth, a comparison
moved or turned round, a condition denied, a function replaced by its opposite. The tests are collected once; each mutant
runs in a forked child, which takes over the changed code and stops at the first test that fails. The simulations of
test_coverage.py are left out: they are slow, and what only they would notice is a formula without a proper test.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import functools
import importlib
import os
import resource
import sys
import time
import types
from collections.abc import Iterator
from dataclasses import dataclass

import hypothesis
import pytest

from tools import ROOT

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # threads would not survive the fork

PACKAGE = ROOT / "tlbook" / "evaluation"
# the module's own tests first: they kill most mutants
TESTS = {
    "inputs": ("metrics", "curves", "calibration", "intervals", "paired"),
    "intervals": ("intervals", "metrics", "paired"),
    "metrics": ("metrics", "paired", "calibration"),
    "paired": ("paired",),
    "power": ("paired", "runs"),
    "calibration": ("calibration",),
    "curves": ("curves",),
    "areas": ("areas",),
    "runs": ("runs", "runs_edges"),
    "reference": ("reference",),
    "prevalence": ("prevalence",),
    "test_time": ("test_time",),
    "transferability": ("transferability",),
    "unknown": ("unknown",),
}
CPU_SECONDS = 240  # a mutant that runs longer has broken a loop's end, and counts as noticed

# Mutants that no test can notice, since they compute the same, with the reason. A line here that no longer survives, or no
# longer exists, is reported too.
_AXIS = "SciPy always names the axis, and of one sample the first and the last axis are the same"
_NAME = "SciPy 1.15 and later take the generator under both names"
_ROUNDING = "a tolerance for rounding, well away from any value that counts; nothing lies at its very end"
_ROOT = "a search for the crossing of zero finds it in a wider bracket, or with another scale or tolerance, too"
_MANY = "what takes hundreds of millions of runs or images may take ten times as many"
_HALVING = "where the search begins, not where it ends"
_NO_RUNS = "where the runs add nothing, nothing of theirs is used"
_CENTRED = "a variance, in which a constant and the sign do not count"
_SLOWER = "when the steps end, not where they lead"
_START = "the shares are divided by their sum after the first step"
_GRID = "one point more or less of a grid that is averaged over"
EQUIVALENT: dict[str, str] = {
    "intervals.bootstrap.stacked: -1 → -0": _AXIS,
    "intervals.bootstrap: 'rng' if 'rng' in names else 'random_state' → 'random_state' if 'rng' in names else 'rng'": _NAME,
    "intervals.bootstrap: 'rng' in names → 'rng' not in names": _NAME,
    "paired.PairedTest.winner: self.difference.value > 0 → self.difference.value >= 0": "a difference of 0 is out before",
    "paired.paired_bootstrap: differences <= _ROUNDING → differences < _ROUNDING": _ROUNDING,
    "paired.paired_bootstrap: differences >= -_ROUNDING → differences > -_ROUNDING": _ROUNDING,
    "paired.paired_t: np.ptp(gaps) < _ROUNDING → np.ptp(gaps) <= _ROUNDING": _ROUNDING,
    "paired.paired_t: abs(value) > _ROUNDING → abs(value) >= _ROUNDING": _ROUNDING,
    "paired.: _ROUNDING = 1e-12 → _ROUNDING = 1.1000000000000002e-12": _ROUNDING,
    "power.: _ROUNDING = 1e-12 → _ROUNDING = 1.1000000000000002e-12": _ROUNDING,
    "power.images_needed_paired: gap - _ROUNDING <= psi <= most + _ROUNDING → gap - _ROUNDING < psi <= most + _ROUNDING": (
        _ROUNDING
    ),
    "power.images_needed_paired: gap - _ROUNDING <= psi <= most + _ROUNDING → gap - _ROUNDING <= psi < most + _ROUNDING": (
        _ROUNDING
    ),
    "metrics.group_accuracy: np.unique(membership) → np.sort(membership)": "a dict keeps each group once",
    "reference.by_verdict: test.difference.value > 0 → test.difference.value >= 0": "no winner at a difference of 0: out before",
    "paired._score_low: -1.0 → -1.1 (2)": _ROOT,
    "reference._over_runs: (0.0, 0.0, 1.0, 1.0) → (0.0, 1.0, 1.0, 1.0)": _NO_RUNS,
    "reference._over_runs: (0.0, 0.0, 1.0, 1.0) → (0.0, 0.0, 1.1, 1.0)": _NO_RUNS,
    "reference._over_runs: (0.0, 0.0, 1.0, 1.0) → (0.0, 0.0, 1.0, 1.1)": _NO_RUNS,
    "reference._over_runs: spread.all() → spread.any()": "the p-value of Bartlett's test is 0 where some do not scatter at all",
    "reference._over_runs: test.pvalue < 0.1 → test.pvalue <= 0.1": "no p-value is exactly a tenth",
    "reference._with_pooled: runs > rest → runs >= rest": "two equal parts make no difference to the variance",
    "reference._with_pooled: images > residual → images >= residual": "both are 0 then, or differ by rounding",
    "reference._with_pooled: variance < _ROUNDING ** 2 → variance <= _ROUNDING ** 2": _ROUNDING,
    "reference._with_pooled: _ROUNDING ** 2 → _ROUNDING * 2": _ROUNDING,
    "reference._with_pooled: _ROUNDING ** 2 → _ROUNDING ** 3": _ROUNDING,
    "reference._with_pooled: _ROUNDING ** 2 → _ROUNDING ** 1": _ROUNDING,
    "areas.average_precision: np.append(0.0, (false / (true + false) ** 2).cumsum() / n) → "
    "np.append(1.0, (false / (true + false) ** 2).cumsum() / n)": "a positive is at or above itself: never the first",
    "areas.average_precision: precision - value → precision + value": _CENTRED,
    "areas.average_precision: -lowered[np.searchsorted(positives, negatives, 'right')] → "
    "lowered[np.searchsorted(positives, negatives, 'right')]": _CENTRED,
    "prevalence.: (10000, 1e-09) → (20000, 1e-09)": _SLOWER,
    "prevalence.: (10000, 1e-09) → (10000, 1.1000000000000001e-09)": _SLOWER,
    "prevalence.estimate_prevalence: np.abs(shares - last).max() < _CHANGE → np.abs(shares - last).max() <= _CHANGE": _SLOWER,
    "prevalence.estimate_prevalence: shares - last → shares + last": _SLOWER,
    "prevalence.estimate_prevalence: 1 / p.shape[1] → 1 * p.shape[1]": _START,
    "prevalence.estimate_prevalence: 1 / p.shape[1] → 2 / p.shape[1]": _START,
    "prevalence.estimate_prevalence: p.shape[1] → p.shape[0] (3)": _START,
    "power._smallest_by_mcnemar: optimize.brentq(lacking, 1e-09, 1.0, xtol=1e-07) → "
    "optimize.brentq(lacking, 1.1000000000000001e-09, 1.0, xtol=1e-07)": _ROOT,
    "test_time.average_views: np.maximum(p.mean(axis=0), 1e-300) → np.maximum(p.mean(axis=0), 1.1000000000000002e-300)": (
        "no probability but 0 comes near this floor"
    ),
    "runs.cheapest_within: np.mean(np.asarray(right[name])) → np.sum(np.asarray(right[name]))": (
        "all methods have as many runs and images"
    ),
    "runs._crossed: variance > _ROUNDING ** 2 → variance >= _ROUNDING ** 2": _ROUNDING,
    "runs._crossed: _ROUNDING ** 2 → _ROUNDING * 2": _ROUNDING,
    "runs._crossed: _ROUNDING ** 2 → _ROUNDING ** 3": _ROUNDING,
    "runs._crossed: np.where(some, spread, 1.0) → np.where(some, spread, 1.1)": "divides what is not used",
    "runs._t_test: abs(value) > _ROUNDING → abs(value) >= _ROUNDING": _ROUNDING,
    "runs.VarianceComponents.detectable: _chi_square(i - 1, 100) → _chi_square(i - 1, 200)": _GRID,
    "runs.VarianceComponents.detectable: needed.max() → needed.min()": _ROOT,
    "runs.VarianceComponents.detectable: needed.max() + 40 → needed.max() + 41": _ROOT,
    "runs.: 10 ** 9 → 11 ** 9": _MANY,
    "runs.: 10 ** 9 → 9 ** 9": _MANY,
    "runs.: 10 ** 9 → 10 ** 8": _MANY,
    "runs._chi_square: stats.chi2.ppf((np.arange(n) + 0.5) / n, df) → stats.chi2.isf((np.arange(n) + 0.5) / n, df)": (
        "the same values in the other order"
    ),
    "runs._chi_square: np.arange(n) + 0.5 → np.arange(n) + 0.55": _GRID,
    "runs._least: detectable(_MOST) > difference → detectable(_MOST) >= difference": "no difference is met to the last digit",
    "runs._least: (1, 2) → (2, 2)": _HALVING,
    "runs._least: (1, 2) → (1, 3)": _HALVING,
    "runs._least: detectable(n) > difference → detectable(n) >= difference": "no difference is met to the last digit",
    "runs.VarianceComponents.detectable: optimize.brentq(lacking, 0.0, needed.max() + 40) → "
    "optimize.brentq(lacking, 1.0, needed.max() + 40)": _ROOT,
    "runs.VarianceComponents.detectable: needed.max() + 40 → needed.max() + 39": _ROOT,
    "runs._least: 2 * n → 3 * n": _ROOT,
    "runs._crossed: _ROUNDING ** 2 → _ROUNDING ** 1": _ROUNDING,
    "runs.: 10 ** 9 → 10 ** 10": _MANY,
    "runs.VarianceComponents.detectable: _chi_square(j - 1, 20) → _chi_square(j - 1, 21)": _GRID,
    "runs.VarianceComponents.detectable: _chi_square(j - 1, 20) → _chi_square(j - 1, 19)": _GRID,
    "calibration.fit_temperature.slope: ((softmax(z * inverse) * z).sum(axis=1) - chosen).mean() → "
    "((softmax(z * inverse) * z).sum(axis=1) - chosen).sum()": _ROOT,
    "calibration.fit_temperature: slope(1 / _LOWEST) <= 0 → slope(1 / _LOWEST) < 0": _ROOT,
    "calibration.fit_temperature: slope(1 / _HIGHEST) >= 0 → slope(1 / _HIGHEST) > 0": _ROOT,
    "calibration.fit_temperature: 1 / _LOWEST → 2 / _LOWEST (2)": _ROOT,
    "calibration.fit_temperature: 1 / _HIGHEST → 0 / _HIGHEST (2)": _ROOT,
    "calibration.fit_temperature: xtol=1e-12 → xtol=1.1000000000000002e-12": _ROOT,
    "transferability.: _LEAST = 1e-10 → _LEAST = 1.1000000000000001e-10": _ROOT,
    "transferability._log_evidence: s.max() → s.min()": _ROOT,
    "transferability._log_evidence: np.linspace(np.log(_LEAST), -np.log(_LEAST), 200) → "
    "np.linspace(np.log(_LEAST), -np.log(_LEAST), 400)": _ROOT,
    "transferability._log_evidence: grid[1] → grid[2]": _ROOT,
    "transferability.leep: y.max() + 1 → y.max() + 2": "a class without images has no share in anything",
    "transferability.probe_predictions: max_iter=2000 → max_iter=4000": "the solver ends long before either",
}

OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
OPPOSITES = {
    "max": "min",
    "min": "max",
    "maximum": "minimum",
    "minimum": "maximum",
    "argmax": "argmin",
    "argmin": "argmax",
    "any": "all",
    "all": "any",
    "ceil": "floor",
    "cdf": "sf",
    "ppf": "isf",
    "sum": "mean",
    "mean": "sum",
    "median": "mean",
    "sqrt": "abs",
    "std": "var",
    "nanmean": "mean",
    "abs": "float",
    "ptp": "max",
    "unique": "sort",
    "combinations": "permutations",
    "cumsum": "sort",
}


@dataclass(frozen=True)
class Mutant:
    """One change: where, what it was and what it became. Copies of the module are made when they are asked for: there are
    two thousand mutants."""

    module: str
    name: str
    line: int
    original: ast.Module
    parent: ast.AST
    field: str
    index: int | None
    new: ast.AST

    @property
    def tree(self) -> ast.Module:
        """The whole changed module."""
        with put(self.parent, self.field, self.index, self.new):
            return copy.deepcopy(self.original)


@contextlib.contextmanager
def put(parent: ast.AST, field: str, index: int | None, new: ast.AST) -> Iterator[None]:
    """Have another node at a place while the block runs."""
    siblings = getattr(parent, field)
    if index is None:
        setattr(parent, field, new)
    else:
        old, siblings[index] = siblings[index], new
    try:
        yield
    finally:
        if index is None:
            setattr(parent, field, siblings)
        else:
            siblings[index] = old


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """The mutants of one node, children excluded."""
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        yield ast.BinOp(node.left, OPERATORS[type(node.op)](), node.right)
    elif isinstance(node, ast.UnaryOp) and not isinstance(node.operand, ast.Constant):
        yield node.operand
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    elif isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            for other in COMPARISONS.get(type(operator), ()):
                yield ast.Compare(node.left, [*node.ops[:place], other(), *node.ops[place + 1 :]], node.comparators)
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield ast.Constant(not node.value)
        elif isinstance(node.value, int):
            # one more or less of a thousand resamples is no other formula
            yield ast.Constant(node.value + 1 if abs(node.value) < 100 else node.value * 2)
            if 0 < node.value < 100:
                yield ast.Constant(node.value - 1)
        elif isinstance(node.value, float):
            yield ast.Constant(node.value * 1.1 if node.value else 1.0)
    elif isinstance(node, ast.IfExp):
        yield ast.IfExp(node.test, node.orelse, node.body)
    elif isinstance(node, ast.If):
        yield ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
    elif isinstance(node, ast.Call):
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        if name in OPPOSITES:
            new = copy.copy(called)
            setattr(new, "attr" if isinstance(called, ast.Attribute) else "id", OPPOSITES[name])
            yield ast.Call(new, node.args, node.keywords)


def places(node: ast.AST, scope: str = "") -> Iterator[tuple[ast.AST, str, ast.AST, str, int | None]]:
    """Every node that may change, with the function it is in, its parent, and its place there."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list") or isinstance(value, ast.expr_context):
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            # what a message says is not a formula, and strict= guards against slips of our own only
            left_out = (ast.Raise, ast.JoinedStr, ast.Import, ast.ImportFrom)
            if not isinstance(child, ast.AST) or isinstance(child, left_out) or getattr(child, "arg", "") == "strict":
                continue
            inner = scope
            if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
                inner = f"{scope}.{child.name}".lstrip(".")
            yield child, inner, node, field, index
            yield from places(child, inner)


@functools.cache
def mutants(module: str) -> list[Mutant]:
    """All mutants of one module, in the order of its text."""
    tree = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
    found, seen = [], {}
    for node, scope, parent, field, index in places(tree):
        for new in changes(node):
            new = ast.fix_missing_locations(ast.copy_location(new, node))
            if isinstance(node, ast.Constant):  # a bare number says little: show what it stands in
                whole = not isinstance(parent, ast.arguments)
                before = ast.unparse(parent) if whole else f"default {ast.unparse(node)}"
                with put(parent, field, index, new):
                    after = ast.unparse(parent if whole else new)
            else:
                before, after = (ast.unparse(one.test if isinstance(one, ast.If) else one) for one in (node, new))
            name = f"{module}.{scope}: {before.splitlines()[0]} → {after.splitlines()[0]}"
            seen[name] = seen.get(name, 0) + 1
            if seen[name] > 1:
                name += f" ({seen[name]})"
            found.append(Mutant(module, name, node.lineno, tree, parent, field, index, new))
    return found


def swap(mutant: Mutant) -> None:
    """Make the imported module behave as the changed one does.

    The tests hold on to functions and classes of the module, so these stay and get the changed code and defaults.
    """
    module = importlib.import_module(f"tlbook.evaluation.{mutant.module}")
    changed = types.ModuleType(module.__name__)
    changed.__file__ = module.__file__
    exec(compile(mutant.tree, str(module.__file__), "exec"), changed.__dict__)

    def replace(old: types.FunctionType, new: types.FunctionType) -> None:
        if old.__code__.co_freevars == new.__code__.co_freevars == ():
            old.__code__ = new.__code__
        old.__defaults__, old.__kwdefaults__ = new.__defaults__, new.__kwdefaults__

    for name, new in changed.__dict__.items():
        old = module.__dict__.get(name)
        if isinstance(new, types.FunctionType) and new.__module__ == module.__name__:
            replace(old, new)
        elif isinstance(new, type) and new.__module__ == module.__name__:
            for part, value in new.__dict__.items():
                if isinstance(value, types.FunctionType):
                    replace(old.__dict__[part], value)
                elif isinstance(value, property):
                    replace(old.__dict__[part].fget, value.fget)
        elif not name.startswith("__") and not isinstance(new, (types.ModuleType, types.FunctionType, type)):
            setattr(module, name, new)


class Loop:
    """In place of pytest's own loop over the tests: collect them once, then fork for each mutant."""

    def __init__(self, chosen: list[Mutant], jobs: int) -> None:
        self.chosen, self.jobs = chosen, jobs
        self.survivors: list[Mutant] = []
        self.seconds: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise session.Interrupted("the tests cannot be collected")
        for item in session.items:
            if session.testsfailed:
                raise session.Failed("the tests fail on the unchanged package")
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        items = sorted(session.items, key=lambda item: self.seconds[item.nodeid])  # the quick ones first
        children: dict[int, Mutant] = {}
        started = time.monotonic()
        for number, mutant in enumerate(self.chosen, 1):
            pid = os.fork()
            if pid == 0:
                wanted = {f"test_{name}.py" for name in TESTS[mutant.module]}
                self.examine(mutant, [item for item in items if item.path.name in wanted], session)
            children[pid] = mutant
            if len(children) >= self.jobs:
                self.collect(children)
            if number % 50 == 0 and sys.stderr.isatty():
                print(f"{number} of {len(self.chosen)}, {time.monotonic() - started:.0f} s", file=sys.stderr)
        while children:
            self.collect(children)
        return True

    def collect(self, children: dict[int, Mutant]) -> None:
        """Wait for one child; status 0 means that every test passed."""
        pid, status = os.wait()
        mutant = children.pop(pid)
        if status == 0:
            self.survivors.append(mutant)
            print(f"survived: {mutant.name}  (line {mutant.line})", flush=True)

    @staticmethod
    def examine(mutant: Mutant, items: list[pytest.Item], session: pytest.Session) -> None:
        """In the child: run the tests on the changed module up to the first failure. Never returns."""
        status = 1
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
            swap(mutant)
            for item in items:
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
                if session.testsfailed:
                    break
            else:
                status = 0
        finally:
            os._exit(status)


def run(chosen: list[Mutant], jobs: int) -> list[Mutant]:
    """Examine the mutants, ``jobs`` at a time; return the survivors."""
    # that a test fails is all we ask: no search for the smallest example
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile(
        "mutate", deadline=None, derandomize=True, database=None, phases=phases, max_examples=40
    )
    hypothesis.settings.load_profile("mutate")
    loop = Loop(chosen, jobs)
    wanted = dict.fromkeys(name for module in {mutant.module: None for mutant in chosen} for name in TESTS[module])
    status = pytest.main(
        [
            *(str(ROOT / "tests" / "tlbook" / "evaluation" / f"test_{name}.py") for name in wanted),
            "-qq",
            "--tb=short",
            "--no-header",
            "--no-summary",
            "--noconftest",
            "-o",
            "addopts=",
            "--capture=no",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:nbval",
            "-p",
            "no:xdist",
            "-p",
            "no:cov",
            "-k",
            "not imports_no_deep_learning",
            "-m",
            "not thorough",
        ],
        plugins=[loop],
    )
    if status != 0:
        raise SystemExit("the tests fail on the unchanged package; see make test")
    return loop.survivors


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--module", choices=TESTS, action="append", help="only this module; may be given again")
    parser.add_argument("--share", type=int, metavar="N", help="only N mutants, evenly spread")
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 2) // 2), help="mutants at a time")
    parser.add_argument("--list", action="store_true", help="name the mutants and run none")
    options = parser.parse_args()
    every = [mutant for module in options.module or TESTS for mutant in mutants(module)]
    if options.list:
        print("\n".join(mutant.name for mutant in every))
        return 0
    unknown = set() if options.module else set(EQUIVALENT) - {mutant.name for mutant in every}
    chosen = every
    if options.share:
        step = max(1, len(every) // options.share)
        chosen = every[step // 2 :: step][: options.share]
    survivors = {mutant.name for mutant in run(chosen, options.jobs)}
    names = {mutant.name for mutant in chosen}
    left = sorted(survivors - set(EQUIVALENT))
    stale = sorted(unknown | {name for name in EQUIVALENT if name in names - survivors})
    for name in sorted(survivors & set(EQUIVALENT)):
        print(f"equivalent: {name}\n    {EQUIVALENT[name]}")
    for name in stale:
        print(f"listed as equivalent, but noticed or gone: {name}")
    print(
        f"{len(chosen)} mutants: {len(names - survivors)} noticed, {len(survivors & set(EQUIVALENT))} equivalent, "
        f"{len(left)} survived"
    )
    return 1 if left or stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
