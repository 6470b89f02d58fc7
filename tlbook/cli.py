"""The command ``tlbook``: :mod:`tlbook.classifier` from a shell.

It reads the arguments, calls one function and prints what that returns. The exit status is 0, or 1 where ``features --status``
finds that shards are missing, or 2 for input that cannot be used (one sentence on standard error says why), or 130 for a run that
was interrupted.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from types import FrameType
from typing import Any

from tlbook import __version__
from tlbook.progress import lines

__all__ = ["main"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tlbook", description="A classifier from a folder of photos.")
    parser.add_argument("--version", action="version", version=f"tlbook {__version__}")
    parser.add_argument("--quiet", action="store_true", help="no progress bars and no messages")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    train = commands.add_parser(
        "train",
        help="train, calibrate and test a classifier",
        description="FOLDER holds one folder of photos for each class, or train, validation and test with those in each; "
        "with --labels, photos as they lie; or the shards that tlbook features wrote, of any number of photos. A run that is "
        "interrupted goes on when the same command is given again.",
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
    train.add_argument(
        "--strategy",
        default="auto",
        choices=("probe", "top", "lp-ft", "auto"),
        help="a linear probe on the network as it is (default, auto), then its last stage fine-tuned, or all of it",
    )
    train.add_argument("--test", metavar="FOLDER2", help="other photos of the same classes, to test on")
    train.add_argument("--seed", type=int, default=0, metavar="N")
    train.add_argument("--near-duplicates", default="drop", choices=("drop", "report", "ignore"))
    train.add_argument("--input-size", type=int, metavar="PIXELS")
    train.add_argument(
        "--labels", metavar="FILE.csv", help="a CSV with classes, labels or numbers, for photos without folders"
    )
    train.add_argument(
        "--task", choices=("classes", "labels", "numbers"), help="where the CSV could be read in two ways"
    )
    train.add_argument(
        "--column", dest="columns", action="append", default=[], metavar="NAME", help="to predict; may be repeated"
    )
    train.add_argument(
        "--circular", action="append", default=[], metavar="NAME", help="a column of angles in degrees; may be repeated"
    )
    train.add_argument(
        "--group-by",
        metavar="WHAT",
        help="what keeps photos in one split: a regular expression, as '^([^_]+)_', or a CSV (file, group)",
    )
    train.add_argument("--class-weight", choices=("balanced",), help="let rare classes weigh as much as common ones")
    train.add_argument(
        "--unknown", action="store_true", help="let the model say which photos are unlike all that it was trained on"
    )
    train.add_argument(
        "--photos", metavar="SOURCE", help="of shards, the photos that they were made from, for the report to show some"
    )
    train.add_argument("--force", action="store_true", help="replace the files of another result")

    predict = commands.add_parser("predict", help="classify photos; CSV on standard output")
    predict.add_argument("--out", metavar="FILE", help="write the CSV to a file, as UTF-8")
    predict.add_argument("model", metavar="MODEL")
    predict.add_argument("paths", metavar="PATH", nargs="+", help="a photo, or a folder of them")

    evaluate = commands.add_parser("evaluate", help="test a model on labelled photos")
    evaluate.add_argument("model", metavar="MODEL")
    evaluate.add_argument("folder", metavar="FOLDER", help="class folders, all of whose photos are taken")
    evaluate.add_argument("--labels", metavar="FILE.csv", help="a CSV with what is right, as for train")
    evaluate.add_argument(
        "--split", choices=("train", "validation", "test"), help="of ready splits only this one (default: all)"
    )
    evaluate.add_argument("--json", metavar="FILE", help="write the numbers to a file too")

    export = commands.add_parser("export", help="write a model for other programs, and check that its answers stay")
    export.add_argument("model", metavar="MODEL")
    export.add_argument("path", metavar="FILE", help="the ending decides the format, as in mine.onnx")
    export.add_argument("--images", metavar="FOLDER", help="photos of the same classes, to compare on (default: noise)")
    export.add_argument(
        "--int8",
        metavar="FOLDER",
        help="in 8 bits, if photos of FOLDER show that this loses less than 2 points of accuracy",
    )
    export.add_argument("--float16", action="store_true", help="weights in half as many bytes")

    serve = commands.add_parser("serve", help="a page on this machine that classifies the photo dropped on it")
    serve.add_argument("model", metavar="MODEL")
    serve.add_argument("--port", type=int, default=8765, metavar="N", help="0 takes any that is free (default: 8765)")

    features = commands.add_parser(
        "features",
        help="compute the features of many photos in shards, which any scheduler can run",
        description="SOURCE is a folder as for train, a CSV or Parquet file of paths and labels, or webdataset's tar files. "
        "Shards that are there and whole are skipped, so the same command goes on where it was interrupted.",
    )
    features.add_argument("source", metavar="SOURCE", help="the photos; with --status, the folder of the shards")
    place = features.add_mutually_exclusive_group(required=True)
    place.add_argument("--out", metavar="DIR", help="folder of the shards")
    place.add_argument(
        "--status", action="store_true", help="say which shards are missing; the exit status is 1 where any is"
    )
    features.add_argument("--shards", type=int, metavar="N", help="how many (default: one for each 10,000 photos)")
    features.add_argument("--shard", type=int, metavar="I", help="compute this one only, from 0")
    features.add_argument("--backbone", default="auto", metavar="NAME", help="pretrained network, as for train")
    features.add_argument("--input-size", type=int, metavar="PIXELS")
    features.add_argument("--dtype", choices=("float16", "float32"), help="of the numbers on disk (default: float16)")
    features.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a Dask scheduler; local:N starts N processes of this machine"
    )

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


def _shown(text: str) -> str:
    """Lines without characters that a terminal would obey."""
    from tlbook.datasets.splits import visible

    return "\n".join(visible(line) for line in text.split("\n"))


def _note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _run(arguments: dict[str, Any]) -> int:
    from tlbook import classifier

    command, quiet = arguments.pop("command"), arguments.pop("quiet")
    progress = not quiet
    if command == "train":
        say = (lambda line: None) if quiet else (lambda line: _note(_shown(line)))
        result = classifier.train(**arguments, progress=progress, say=say)
        print(result.folder)
    elif command == "predict":
        _predict(arguments.pop("out"), arguments, progress)
    elif command == "export":
        print(_shown(str(classifier.export(**arguments))))
    elif command == "backbones":
        say = (lambda line: None) if quiet else (lambda line: _note(_shown(line)))
        print(_shown(classifier.compare_backbones(**arguments, progress=progress, say=say).text()))
    elif command == "serve":
        classifier.serve(**arguments, say=_note)
    elif command == "features":
        return _features(arguments.pop("status"), arguments, progress)
    else:
        _evaluate(arguments.pop("json"), arguments, progress)
    return 0


def _features(status: bool, arguments: dict[str, Any], progress: bool) -> int:
    from tlbook import classifier
    from tlbook.classifier.sharding import status_of

    if not status:
        say = (lambda line: _note(_shown(line))) if progress else (lambda line: None)
        print(classifier.features(**arguments, progress=progress, say=say).folder)
        return 0
    whole, text = status_of(classifier.read_shards(arguments["source"]))
    print(_shown(text))
    return 0 if whole else 1


def _predict(out: str | None, arguments: dict[str, Any], progress: bool) -> None:
    from tlbook import classifier
    from tlbook._files import write_text
    from tlbook.classifier.errors import place_for, writing

    target = None if out is None else place_for(out, arguments["model"], *arguments["paths"])
    found = classifier.predict(**arguments, progress=progress)
    if found.left_out:
        _note(_shown(str(found.left_out)))
    if target is None:
        print(found.csv(), end="")
    else:
        with writing(target):
            write_text(target, found.csv())


def _evaluate(json: str | None, arguments: dict[str, Any], progress: bool) -> None:
    from tlbook import classifier
    from tlbook.classifier.errors import place_for

    target = None if json is None else place_for(json, arguments["model"])
    measured = classifier.evaluate(**arguments, progress=progress)
    if measured.left_out:
        _note(_shown(str(measured.left_out)))
    print(_shown(measured.text()), flush=True)
    if target is not None:  # after the numbers were shown, so that they are not lost whatever becomes of the file
        measured.write(target)


def _prepare_streams() -> None:
    """Any name can be written, and something takes what is written where a service has no streams."""
    for name in ("stdin", "stdout", "stderr"):  # in this order: an open takes the first descriptor that is free
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _find_temporary_folder(out: str) -> None:
    """Let packages put passing files beside the result, where the machine has no folder for such: TensorFlow needs one."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        here = os.path.abspath(out)
        while not os.path.isdir(here):
            here = os.path.dirname(here)
        tempfile.tempdir = here


@contextmanager
def _quick_to_leave() -> Iterator[None]:
    """Let Ctrl-C end the process at once while packages are imported, of which some turn the interruption into errors."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    try:
        shown = os.dup(2)  # while native code is kept quiet, descriptor 2 is another file
    except OSError:  # nobody to tell
        yield
        return

    def leave(_: int, __: FrameType | None) -> None:
        os.write(shown, b"tlbook: interrupted\n")
        os._exit(130)

    before = signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        os.close(shown)


_BACKENDS = ("tensorflow", "jax", "torch", "numpy", "openvino")


def _why_not_keras(given: dict[str, Any]) -> str | None:
    """Import what the command needs; in a sentence what Keras would say in a traceback, where it cannot be started."""
    if given["command"] in ("predict", "evaluate", "serve"):
        from tlbook.classifier.saved import needs_keras

        if not needs_keras(given["model"]):
            return None
    name = os.environ.get("KERAS_BACKEND")
    if name and (name not in _BACKENDS or find_spec(name) is None):
        why = "is not installed" if name in _BACKENDS else "is no backend of Keras"
        return f"KERAS_BACKEND={name}: {name} {why}; unset it, or set it to tensorflow"
    if given["command"] == "features":
        return None  # where the backbone's graph is kept, nothing needs it
    try:
        import tlbook.classifier.training  # noqa: F401
    except (ImportError, OSError, ValueError) as error:  # as where keras.json names a backend that is not there
        return f"Keras cannot be started: {' '.join(str(error).split())[:300]}"
    return None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status.

    Examples
    --------
    Input that cannot be used gives the status 2, and a sentence on standard error:

    >>> main(["predict", "no-such-model.keras", "cat.jpg"])
    2
    """
    _prepare_streams()
    given = vars(_parser().parse_args(arguments))
    warnings.showwarning = lambda message, *_: _note(_shown(f"note: {message}"))
    interrupted = "tlbook: interrupted" + (
        "; the same command goes on from here" if given["command"] in ("train", "features") else ""
    )
    if given["command"] == "train":
        _find_temporary_folder(given["out"])
    from tlbook.classifier.errors import InputError

    lines(_note)
    try:
        with _quick_to_leave():
            if why := _why_not_keras(given):
                raise InputError(why)
        result = _run(given)
        sys.stdout.flush()
    except InputError as error:
        _note(_shown(f"tlbook: {error}"))
        return 2
    except KeyboardInterrupt:
        _note(interrupted)
        return 130
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:  # of standard output, as where its disk is full
        _note(_shown(f"tlbook: the output could not be written ({error.strerror or error})"))
        return 2
    else:
        return result
    finally:
        lines(None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
