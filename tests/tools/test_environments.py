"""pyproject.toml, environment.yml and requirements.lock ask for the same packages, in every extra that there is."""

from __future__ import annotations

import re
import tomllib
import types

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import ROOT
from tools.env import lock, setup_env

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
CONDA_NAMES = {"matplotlib-base": "matplotlib"}  # conda-forge's matplotlib without a graphical toolkit


def named(lines):
    """Requirements by name; a package that is asked for twice must be asked for in the same words."""
    found = {}
    for requirement in map(Requirement, lines):
        name = canonicalize_name(CONDA_NAMES.get(requirement.name, requirement.name))
        assert found.setdefault(name, requirement.specifier) == requirement.specifier, name
    return found


def declared():
    return named([*PROJECT["dependencies"], *(line for lines in EXTRAS.values() for line in lines)])


def conda():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *plain, with_pip = environment["dependencies"]
    return named([*plain, *(line for line in with_pip["pip"] if not line.startswith("-"))])


def locked():
    pins = re.findall(
        r"^([a-z0-9-]+)==([^\s;]+)", (ROOT / "requirements.lock").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    return dict(pins)


def test_conda_asks_for_what_pyproject_asks_for():
    found = conda()
    assert found.pop("python") == Requirement(f"python{PROJECT['requires-python']}").specifier
    found.pop("pip")
    assert found == declared()


def test_every_extra_is_locked():
    assert {option for option in lock.OPTIONS if option.startswith("--extra=")} == {
        f"--extra={name}" for name in EXTRAS
    }


def test_the_lock_holds_every_package_at_a_version_that_both_admit():
    pins = locked()
    for wanted in (declared(), {name: one for name, one in conda().items() if name not in ("python", "pip")}):
        assert wanted.keys() <= pins.keys()
        refused = {name: pins[name] for name, specifier in wanted.items() if not specifier.contains(pins[name])}
        assert not refused


def test_each_package_is_locked_once():
    lines = re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(lines) == len(set(lines)) > 100


@pytest.mark.parametrize("has_uv", [True, False])
def test_bytecode_is_compiled_at_installation(has_uv, monkeypatch):
    """Else every start of TensorFlow compiles anew where bytecode may not be written; pip compiles unless told not to."""
    calls = []

    def run(command, **keywords):
        calls.append(command)
        return types.SimpleNamespace(returncode=0 if has_uv or len(calls) > 1 else 1)

    monkeypatch.setattr(setup_env.subprocess, "run", run)
    setup_env.install("python")
    installing = [command for command in calls[1:] if "install" in command]
    assert len(installing) == 2
    for command in installing:
        assert ("uv" in command) == ("--compile-bytecode" in command) == has_uv
        assert "--no-compile" not in command
