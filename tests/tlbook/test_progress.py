"""The bar: on a terminal only, on stderr, and gone afterwards."""

import io
import sys

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
