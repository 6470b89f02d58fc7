"""The same argument stands at the same place in every public function.

Data come first. Options are given by name, and those that several functions share come in one order, after the function's own.
"""

import importlib
import inspect
import pkgutil

import pytest

import tlbook

# What a single chapter draws with is no part of the reference.
PACKAGES = sorted(one.name for one in pkgutil.iter_modules(tlbook.__path__) if one.ispkg and one.name != "figures")
OPTIONS = ("margin", "names", "reference", "confidence", "n_resamples", "seed")  # in this order


def functions():
    found = []
    for package in PACKAGES:
        module = importlib.import_module(f"tlbook.{package}")
        for name in module.__all__:
            if inspect.isfunction(one := getattr(module, name)):
                found.append(pytest.param(inspect.signature(one), id=f"{package}.{name}"))
    return found


@pytest.mark.parametrize("signature", functions())
def test_shared_arguments_have_one_place(signature):
    arguments = signature.parameters
    named = [name for name, one in arguments.items() if one.kind is one.KEYWORD_ONLY]
    by_position = [name for name in arguments if name not in named]
    # required names are data: of the augmentations to combine, say
    given = {name for name in by_position if name != "names" or arguments[name].default is not inspect.Parameter.empty}
    assert not given & set(OPTIONS[:5]), "these are given by name"
    shared = [name for name in named if name in OPTIONS]
    assert shared == sorted(shared, key=OPTIONS.index)
    if "class_names" in by_position:
        assert by_position[-1] == "class_names", "class names come after the data"
