"""Run one notebook where nothing of this repository is in reach: another environment's kernel, an empty folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

import nbformat
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from nbclient import NotebookClient

from tools import ROOT
from tools.env.setup_env import venv_python

CELL_SECONDS = 600


def make_environment(folder: Path, python: str, requirements: Sequence[str], constraints: Path | None = None) -> str:
    """Make a virtual environment with pip in it, as Colab has it, and return its Python.

    Parameters
    ----------
    folder : Path
        Where; whatever was there is removed.
    python : str
        The Python to make it with.
    requirements : sequence of str
        What to install, as pip takes it.
    constraints : Path, optional
        Versions that hold for whatever is installed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([python, "-m", "venv", str(folder)], check=True)
    own = venv_python(str(folder))
    if requirements:
        command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", own, *requirements]
        subprocess.run([*command, *(["--constraints", str(constraints)] if constraints else [])], check=True)
    return own


def make_overlay(folder: Path, *requirements: str) -> str:
    """Make an environment that sees this one's packages, but not the package of this repository; return its Python.

    In a second, since nothing is installed but `requirements`. What pip knows nothing of is tensorflow-cpu, which the lock has
    on some systems; so it is told that tensorflow, of the same version, is there.
    """
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    own = venv_python(str(folder))
    if requirements:
        command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", own, *requirements]
        subprocess.run(command, check=True)
    site = site_packages(own)
    (site / "lock.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    try:
        version = metadata.version("tensorflow-cpu")
    except metadata.PackageNotFoundError:
        return own
    told = site / f"tensorflow-{version}.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tensorflow\nVersion: {version}\n", encoding="utf-8")
    return own


def site_packages(python: str) -> Path:
    """Where the packages of another Python's environment lie."""
    command = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    return Path(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())


class _Kernels(AsyncKernelManager):
    """Kernels of one given Python, whatever is registered on this machine."""

    python = sys.executable

    @property
    def kernel_spec(self) -> KernelSpec:
        argv = [self.python, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--IPKernelApp.log_level=40"]
        return KernelSpec(argv=argv, display_name="alone", language="python")


def run_alone(notebook: nbformat.NotebookNode, python: str, folder: Path, **environment: str) -> None:
    """Run every cell in `folder`, with a kernel of `python`; the outputs stay in `notebook`.

    Parameters
    ----------
    notebook : NotebookNode
        Changed in place.
    python : str
        Of an environment in which ipykernel is installed.
    folder : Path
        Working folder of the kernel.
    **environment : str
        Variables to set on top of this process's own, without those that would show the kernel this repository.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        At the first cell that fails.
    """
    manager = _Kernels()
    manager.python = python
    NotebookClient(notebook, km=manager, timeout=CELL_SECONDS, resources={"metadata": {"path": str(folder)}}).execute(
        env=outside(python, environment), cleanup_kc=True
    )


def outside(python: str, more: Mapping[str, str]) -> dict[str, str]:
    """This process's environment, without what leads back here, and with another Python's commands first."""
    dropped = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "JUPYTER_PATH", "KERAS_BACKEND", "MPLBACKEND", "TLBOOK_CACHE"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    kept["PATH"] = os.pathsep.join([str(Path(python).parent), kept.get("PATH", "")])
    kept["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    return {**kept, "PYTHONNOUSERSITE": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1", **more}


def snapshot(folder: Path) -> tuple[str, str]:
    """A git repository of the working tree as it is, in place of the public one; its address and its only commit."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    identity = ["-c", "user.name=tlbook", "-c", "user.email=tlbook@localhost", "-c", "commit.gpgsign=false"]
    for command in (
        ["init", "--quiet"],
        ["add", "--all", "--force"],
        [*identity, "commit", "--quiet", "-m", "as it is"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True)
    return folder.as_uri(), commit.stdout.strip()


def shown_error(error: Exception) -> str:
    """The end of a failed cell's trace, without colours."""
    return "\n".join(re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines()[-30:])


def scratch() -> tempfile.TemporaryDirectory:
    """A folder that goes away, away from the repository."""
    return tempfile.TemporaryDirectory(prefix="tlbook-alone-", ignore_cleanup_errors=True)
