"""Where the buttons lead: for a fork, for a tag, for any kind of remote, and nowhere when nothing is known."""

from __future__ import annotations

import subprocess

import nbformat
import pytest
import yaml

from tools import ROOT
from tools.book import publish_notebooks, repository

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FORK = {"GITHUB_REPOSITORY": "some-body/their_book.2", "GITHUB_SHA": COMMIT, "GITHUB_REF_NAME": "main"}


def git(folder, *arguments):
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def clone(tmp_path):
    folder = tmp_path / "clone"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "commit", "--quiet", "--allow-empty", "--message=first")
    return folder


# ---- what is known ----


def test_the_workflow_of_a_fork_knows_its_own_name_and_commit():
    found = repository.find(ROOT, FORK)
    assert found.url == "https://github.com/some-body/their_book.2"
    assert found.branch == "notebooks"
    assert (
        found.package
        == f"tlbook[cluster,fast,lite0,shards,text] @ git+https://github.com/some-body/their_book.2@{COMMIT}"
    )
    assert found.published


def test_what_a_tag_publishes_has_a_branch_of_its_own():
    found = repository.find(ROOT, {**FORK, "GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": "v1.2"})
    assert (found.tag, found.branch) == ("v1.2", "notebooks-v1.2")


def test_the_name_of_a_branch_is_not_taken_for_a_tag():
    assert repository.find(ROOT, {**FORK, "GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "v1.2"}).branch == "notebooks"


def test_another_server_than_github_com_has_no_buttons():
    assert repository.find(ROOT, {**FORK, "GITHUB_SERVER_URL": "https://github.example.org"}) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GITHUB_REPOSITORY", "one"),
        ("GITHUB_REPOSITORY", 'a/b" onclick="x'),
        ("GITHUB_SHA", "main"),
        ("GITHUB_SHA", "0" * 39),
    ],
)
def test_a_name_or_commit_that_is_none_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} is "):
        repository.find(ROOT, {**FORK, name: value})


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/some-body/their_book.2.git",
        "https://github.com/some-body/their_book.2",
        "https://github.com/some-body/their_book.2/",
        "https://x-access-token:secret@github.com/some-body/their_book.2.git",
        "git@github.com:some-body/their_book.2.git",
        "ssh://git@github.com/some-body/their_book.2.git",
        "ssh://git@github.com:22/some-body/their_book.2",
        "git://github.com/some-body/their_book.2.git",
    ],
)
def test_every_kind_of_remote_is_understood(clone, address):
    git(clone, "remote", "add", "origin", address)
    found = repository.find(clone, {})
    assert found.url == "https://github.com/some-body/their_book.2"
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    "address",
    [
        "https://gitlab.com/some-body/their-book.git",
        "https://example.org/github.com/some-body/their-book.git",
        "https://notgithub.com/some-body/their-book",
        "git@work:some-body/their-book.git",
        "/srv/their-book.git",
        "../github.com/some-body",
    ],
)
def test_a_remote_elsewhere_gives_no_repository(clone, address):
    git(clone, "remote", "add", "origin", address)
    assert repository.find(clone, {}) is None


def test_without_a_remote_or_a_repository_there_is_none(clone, tmp_path):
    assert repository.find(clone, {}) is None
    (tmp_path / "unpacked").mkdir()
    assert repository.find(tmp_path / "unpacked", {}) is None


def test_a_folder_inside_another_repository_does_not_take_its_remote(clone):
    git(clone, "remote", "add", "origin", "git@github.com:other/project.git")
    (clone / "unpacked").mkdir()
    assert repository.find(clone / "unpacked", {}) is None


def test_without_git_there_is_none(clone, monkeypatch):
    git(clone, "remote", "add", "origin", "git@github.com:some-body/their-book.git")
    assert repository.find(clone, {}) is not None
    monkeypatch.setenv("PATH", "")
    assert repository.find(clone, {}) is None


def test_the_remote_that_the_branch_follows_comes_first(clone):
    git(clone, "remote", "add", "origin", "git@github.com:original/book.git")
    git(clone, "remote", "add", "mine", "git@github.com:me/book.git")
    assert repository.find(clone, {}).owner == "original"
    git(clone, "config", "branch.main.remote", "mine")
    assert repository.find(clone, {}).owner == "me"


def test_a_clone_has_buttons_once_it_has_seen_published_notebooks(clone):
    git(clone, "remote", "add", "origin", "git@github.com:some-body/their-book.git")
    assert not repository.find(clone, {}).published
    git(clone, "update-ref", "refs/remotes/origin/notebooks", "HEAD")
    found = repository.find(clone, {})
    assert found.published
    assert found.commit == ""  # nobody has said that it is on GitHub
    with pytest.raises(ValueError, match="no commit is known"):
        _ = found.package
    git(clone, "tag", "v1.2")
    found = repository.find(clone, {})
    assert found.branch == "notebooks-v1.2"
    assert not found.published


# ---- what the book's settings become ----


CONFIG = (ROOT / "_config.yml").read_text(encoding="utf-8")


def theme_of(config):
    return yaml.safe_load(config)["sphinx"]["config"]["html_theme_options"]


def test_nothing_known_changes_nothing():
    assert publish_notebooks.with_buttons(CONFIG, None, "sketches") == CONFIG
    assert "repository_url" not in theme_of(CONFIG), "an address that a fork would have to change"


def test_a_repository_that_published_nothing_gets_no_button_that_opens_a_notebook():
    theme = theme_of(publish_notebooks.with_buttons(CONFIG, repository.Repository("a", "b"), "sketches"))
    assert theme["repository_url"] == "https://github.com/a/b"
    assert "launch_buttons" not in theme


@pytest.mark.parametrize(("dataset", "folder"), [("sketches", ""), ("photos", "photos")])
def test_each_edition_opens_its_own_notebooks(dataset, folder):
    settings = publish_notebooks.with_buttons(CONFIG, repository.find(ROOT, FORK), dataset)
    assert theme_of(settings)["path_to_docs"] == folder
    assert theme_of(settings)["repository_branch"] == "notebooks"
    kaggle = yaml.safe_load(settings)["sphinx"]["config"]["kaggle_notebooks"]
    assert kaggle.endswith(f"?src=https://github.com/some-body/their_book.2/blob/notebooks{'/' * bool(folder)}{folder}")
    changed = {"repository_url", "repository_branch", "use_repository_button", "path_to_docs", "launch_buttons"}
    assert {k: v for k, v in theme_of(settings).items() if k not in changed} == theme_of(CONFIG)


def test_no_notebook_in_the_repository_names_a_repository():
    for path in sorted((ROOT / "book").glob("*.ipynb")):
        text = "".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
        assert "git+http" not in text, path.name
