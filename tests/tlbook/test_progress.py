"""The bar: on a terminal only, on stderr, and gone afterwards."""

import io
import sys

import pytest

from tlbook import progress
from tlbook.progress import bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


def run(enabled=True):
    with bar("counting", 10, enabled=enabled) as ticker:
        for _ in range(10):
            ticker.advance()
        ticker.total(12)


def test_silent_off_a_terminal(capsys):
    run()
    assert capsys.readouterr() == ("", "")


def test_silent_in_a_notebook_kernel(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")  # set by ipykernel, whose stderr is no terminal
    run()
    assert capsys.readouterr() == ("", "")


def test_shown_on_a_terminal_on_stderr_and_removed(monkeypatch, capsys):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    run()
    assert "counting" in terminal.getvalue()
    assert terminal.getvalue().endswith("\x1b[2K")  # the line is erased
    assert capsys.readouterr().out == ""


def test_silent_where_not_wanted(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    run(enabled=False)
    assert terminal.getvalue() == ""


@pytest.fixture
def said(monkeypatch):
    """What is said to somebody who asked for lines, on a clock that goes ten seconds a unit of work."""
    found, now = [], 0.0

    def clock():
        nonlocal now
        now += 10
        return now

    monkeypatch.setattr(progress.time, "monotonic", clock)
    progress.lines(found.append)
    yield found
    progress.lines(None)


def test_a_line_a_minute_where_it_was_asked_for(said):
    run()
    assert said == ["counting: 6 of 10, about 1 min left"]  # a minute before the end


def test_the_time_left_is_in_proportion(said):
    with bar("reading", 1200) as ticker:
        for _ in range(12):
            ticker.advance()
    assert said == ["reading: 6 of 1,200, about 199 min left", "reading: 12 of 1,200, about 198 min left"]


def test_a_line_without_an_end(said):
    with bar("reading", None) as ticker:
        for _ in range(6):
            ticker.advance()
        assert said == ["reading: 6"]
        ticker.total(18)
        for _ in range(6):
            ticker.advance()
    assert said[1:] == ["reading: 12 of 18, about 1 min left"]


def test_no_line_where_not_wanted(said):
    run(enabled=False)
    assert said == []
