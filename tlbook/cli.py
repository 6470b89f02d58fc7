"""The command ``tlbook``: :mod:`tlbook.classifier` from a shell.

It reads the arguments, calls one function and prints what that returns. The exit status is 0, or 2 for input that cannot be used
(one sentence on standard error says why), or 130 for a run that was interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from tlbook import __version__

__all__ = ["main"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tlbook", description="A classifier from a folder of photos.")
    parser.add_argument("--version", action="version", version=f"tlbook {__version__}")
    parser.add_argument("--quiet", action="store_true", help="no progress bars and no messages")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    train = commands.add_parser(
        "train",
        help="train, calibrate and test a classifier",
        description="FOLDER holds one folder of photos for each class, or train, validation and test with those in each. "
        "A run that is interrupted goes on when the same command is given again.",
    )
    train.add_argument("folder", metavar="FOLDER")
    train.add_argument(
        "--out", required=True, metavar="DIR", help="folder of the result, which appears when all is done"
    )
    train.add_argument(
        "--backbone",
        default="auto",
        metavar="NAME",
        help="pretrained network (default: the most accurate that is available)",
    )
    train.add_argument("--strategy", default="auto", choices=("probe", "lp-ft", "auto"))
    train.add_argument("--test", metavar="FOLDER2", help="other photos of the same classes, to test on")
    train.add_argument("--seed", type=int, default=0, metavar="N")
    train.add_argument("--near-duplicates", default="drop", choices=("drop", "report", "ignore"))
    train.add_argument("--input-size", type=int, metavar="PIXELS")
    train.add_argument("--force", action="store_true", help="replace a result of other photos or options")

    predict = commands.add_parser("predict", help="classify photos; CSV on standard output")
    predict.add_argument("model", metavar="MODEL")
    predict.add_argument("paths", metavar="PATH", nargs="+", help="a photo, or a folder of them")

    evaluate = commands.add_parser("evaluate", help="test a model on labelled photos")
    evaluate.add_argument("model", metavar="MODEL")
    evaluate.add_argument("folder", metavar="FOLDER")
    evaluate.add_argument("--json", metavar="FILE", help="write the numbers to a file too")

    export = commands.add_parser("export", help="write a model for other programs, and check that its answers stay")
    export.add_argument("model", metavar="MODEL")
    export.add_argument("path", metavar="FILE", help="the ending decides the format, as in mine.onnx")
    export.add_argument("--images", metavar="FOLDER", help="photos of the same classes, to compare on (default: noise)")

    serve = commands.add_parser("serve", help="a page on this machine that classifies the photo dropped on it")
    serve.add_argument("model", metavar="MODEL")
    serve.add_argument("--port", type=int, default=8765, metavar="N", help="0 takes any that is free (default: 8765)")

    ranking = commands.add_parser(
        "backbones",
        help="list the pretrained networks, or find out which suits your photos",
        description="Lists the networks with size, cost and licence. Given a FOLDER of photos, as for train, it compares those "
        "whose weights are here, by a cross-validated linear probe on a sample without test photos.",
    )
    ranking.add_argument("folder", metavar="FOLDER", nargs="?")
    ranking.add_argument("--images", type=int, default=500, metavar="N", help="photos in the sample (default: 500)")
    ranking.add_argument("--seed", type=int, default=0, metavar="N")
    ranking.add_argument("--json", metavar="FILE", help="write the numbers to a file too")
    return parser


def _note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _run(arguments: dict[str, Any]) -> None:
    from tlbook import classifier

    command, quiet = arguments.pop("command"), arguments.pop("quiet")
    progress = not quiet
    if command == "train":
        say = (lambda line: None) if quiet else _note
        result = classifier.train(**arguments, progress=progress, say=say)
        print(result.folder)
    elif command == "predict":
        found = classifier.predict(**arguments, progress=progress)
        if found.left_out:
            _note(str(found.left_out))
        print(found.csv(), end="")
    elif command == "export":
        print(classifier.export(**arguments))
    elif command == "backbones":
        say = (lambda line: None) if quiet else _note
        print(classifier.compare_backbones(**arguments, progress=progress, say=say).text())
    elif command == "serve":
        classifier.serve(**arguments, say=_note)
    else:
        measured = classifier.evaluate(**arguments, progress=progress)
        if measured.left_out:
            _note(str(measured.left_out))
        print(measured.text())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status.

    Examples
    --------
    Input that cannot be used gives the status 2, and a sentence on standard error:

    >>> main(["predict", "no-such-model.keras", "cat.jpg"])
    2
    """
    given = vars(_parser().parse_args(arguments))
    warnings.showwarning = lambda message, *_: _note(f"note: {message}")
    from tlbook.classifier.errors import InputError

    try:
        _run(given)
        sys.stdout.flush()
    except InputError as error:
        _note(f"tlbook: {error}")
        return 2
    except KeyboardInterrupt:
        _note("tlbook: interrupted; the same command goes on from here")
        return 130
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
