"""From a folder of photos to a model file, a report and the numbers behind it."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlbook import __version__
from tlbook._checks import one_of, whole
from tlbook._models import has_gradients, standard_settings
from tlbook.classifier import choice, sharded
from tlbook.classifier import photos as folders
from tlbook.classifier.errors import InputError, check_apart, check_writable, path_of, refusing, writing
from tlbook.classifier.metrics_file import MODEL, PREDICTIONS, REPORT
from tlbook.classifier.photos import Photos
from tlbook.classifier.runs import RunFolder, check_place, key_of, open_run
from tlbook.classifier.sharded import ShardPhotos
from tlbook.classifier.sharded_stages import ShardStages
from tlbook.classifier.stages import Stages
from tlbook.classifier.strategy import CLASS_WEIGHTS, STRATEGIES
from tlbook.classifier.tasks import CLASSES
from tlbook.datasets.splits import printable
from tlbook.datasets.tables import TASKS

__all__ = ["Result", "command", "train"]


@dataclass(frozen=True)
class Result:
    """The result of :func:`train`.

    Attributes
    ----------
    folder : Path
        Holds the files.
    metrics : dict
        The contents of ``metrics.json``.
    """

    folder: Path
    metrics: dict[str, Any]

    @property
    def model(self) -> Path:
        """``model.keras``."""
        return self.folder / MODEL

    @property
    def report(self) -> Path:
        """``report.html``."""
        return self.folder / REPORT

    @property
    def predictions(self) -> Path:
        """``predictions.csv``."""
        return self.folder / PREDICTIONS


def command(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    backbone: str,
    strategy: str,
    test: str | os.PathLike[str] | None,
    seed: int,
    near_duplicates: str,
    input_size: int | None,
    labels: str | os.PathLike[str] | None = None,
    task: str | None = None,
    columns: Sequence[str] = (),
    circular: Sequence[str] = (),
    group_by: str | None = None,
    class_weight: str | None = None,
    unknown: bool = False,
    photos: str | os.PathLike[str] | None = None,
) -> str:
    """The command that does the same as a call of :func:`train`."""
    words = ["tlbook", "train", os.fspath(folder), "--out", os.fspath(out)]
    words += ["--backbone", backbone, "--strategy", strategy]
    words += [] if test is None else ["--test", os.fspath(test)]
    words += ["--seed", str(seed)]
    words += [] if near_duplicates == "drop" else ["--near-duplicates", near_duplicates]
    words += [] if input_size is None else ["--input-size", str(input_size)]
    words += [] if labels is None else ["--labels", os.fspath(labels)]
    words += [] if task is None else ["--task", task]
    words += [word for name in columns for word in ("--column", name)]
    words += [word for name in circular for word in ("--circular", name)]
    words += [] if group_by is None else ["--group-by", group_by]
    words += [] if class_weight is None else ["--class-weight", class_weight]
    words += ["--unknown"] * unknown
    words += [] if photos is None else ["--photos", os.fspath(photos)]
    return printable(shlex.join(words))


@refusing()
@standard_settings()
def train(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    backbone: str = "auto",
    strategy: str = "auto",
    test: str | os.PathLike[str] | None = None,
    seed: int = 0,
    near_duplicates: str = "drop",
    input_size: int | None = None,
    labels: str | os.PathLike[str] | None = None,
    task: str | None = None,
    columns: Sequence[str] = (),
    circular: Sequence[str] = (),
    group_by: str | None = None,
    class_weight: str | None = None,
    unknown: bool = False,
    photos: str | os.PathLike[str] | None = None,
    force: bool = False,
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> Result:
    """Train, calibrate and test a classifier on a folder of photos.

    A linear probe is fitted on the features of a frozen backbone; `strategy`
    says what is fine-tuned afterwards, by default nothing. A temperature fitted on
    the validation photos is folded into the logits. The test photos are used
    once, for the model that was chosen.

    Parameters
    ----------
    folder : path-like
        Without `labels` one folder for each of N >= 2 classes, or ``train``, ``validation`` and
        ``test`` with those in each; see :func:`tlbook.datasets.load` for what is
        left out and how missing splits are cut. Or a folder of shards, whole, that :func:`features` wrote: its backbone,
        splits and classes are taken, the probe is fitted block by block, and memory does not grow with the number of
        photos but for less than 500 bytes for each.
    out : path-like
        Folder of the result, apart from those of the photos. It appears when all
        is done, with ``model.keras``, ``model.onnx`` (the same model as a graph,
        which answers without Keras; where the packages of ``tlbook[fast]`` are),
        ``report.html``, ``predictions.csv`` and ``metrics.json``. Until then the state is kept in ``OUT.unfinished``,
        from which the same call goes on if it was interrupted. Where the folder
        is there already, the state is in ``OUT/unfinished`` and the files
        appear in it; other files in it are left alone. Where the result of the
        same call is there already, whole and unchanged, it is returned.
    backbone : str, default "auto"
        A name of :func:`tlbook.backbones.names`; "auto" takes the best one that
        is available, see :mod:`tlbook.classifier.choice`.
    strategy : {"auto", "probe", "top", "lp-ft"}, default "auto"
        "top" fine-tunes what follows the last stage but one of the backbone,
        starting from the probe, on activations that are computed once: seconds.
        "lp-ft" fine-tunes all layers (Kumar et al. 2022): minutes. "auto" is the
        probe: on photos of cats and dogs the top was not shown to be better.
    test : path-like, optional
        Another folder with the same classes, to test on.
    seed : int, default 0
        Of the split and of fine-tuning.
    near_duplicates : {"drop", "report", "ignore"}, default "drop"
        What to do about a picture that is in two splits in nearly the same form:
        drop it from the earlier of train, validation and test; only report it;
        or do not look for any.
    input_size : int, optional
        Side of the images in pixels; by default that of the backbone.
    labels : path-like, optional
        A CSV that says what is to be predicted of each photo, in place of class
        folders; the photos lie flat or nested in `folder`. Its column ``file`` names
        them; ``split`` (train, validation, test) and ``group`` are optional. One other
        column of words is a class; several of 0 and 1 are labels, each of which a
        photo has or not; other numbers are predicted as numbers.
    task : {"classes", "labels", "numbers"}, optional
        What the columns are, where that could be read in two ways.
    columns : sequence of str, optional
        The columns to predict; by default all others.
    circular : sequence of str, optional
        Columns of numbers that are angles in degrees.
    group_by : str, optional
        What keeps photos together in one split: a regular expression whose first
        group in brackets, found in the file's name, is the photo's group; or a CSV
        with the columns ``file`` and ``group``.
    class_weight : {"balanced"}, optional
        Count the photos of rare classes more, so that each class weighs as much.
    unknown : bool, default False
        Fit what tells photos that are unlike all training photos, by their distance to
        the class means of the features, and keep it in the model: :func:`predict`,
        :func:`evaluate` and :func:`serve` then say which they are. The threshold accepts
        95 % of photos of the known classes, by the validation photos, of which it
        takes 19.
    photos : path-like, optional
        Of shards, the source that they were made from, for the photos that the report
        shows. Without it the report has all numbers and no photo.
    force : bool, default False
        Replace the files of a result of other photos or options, once the
        new ones are whole; nothing else is removed.
    progress : bool, default True
        Show bars with the time left on a terminal.
    say : callable, default print
        Called with each progress message.

    Returns
    -------
    Result

    Raises
    ------
    InputError
        The folder or an option cannot be used; the message is one sentence.
    """
    one_of(strategy, "strategy", STRATEGIES, error=InputError)
    one_of(near_duplicates, "near_duplicates", folders.NEAR_DUPLICATES, error=InputError)
    whole(seed, "seed", 0, error=InputError)
    _check_labels(labels, test, task, columns, circular)
    if class_weight is not None:
        one_of(class_weight, "class_weight", CLASS_WEIGHTS, error=InputError)
    if backbone != "auto":
        choice.choose(backbone)
    if strategy in ("top", "lp-ft") and not has_gradients():
        raise InputError(
            f"strategy {strategy} needs the TensorFlow, JAX or PyTorch backend of Keras; unset KERAS_BACKEND, or take probe"
        )
    source, out = path_of(folder, "folder"), path_of(out, "out")
    test = None if test is None else path_of(test, "test")
    shown = None if photos is None else path_of(photos, "photos")
    for given_folder in [one for one in (source, test, shown) if one is not None]:
        check_apart(given_folder, out)
    check_place(out)
    check_writable(out)

    wall, process = time.perf_counter(), time.process_time()
    keep = choice.expected_size(backbone, input_size)
    reading: dict[str, Any] = {"group_by": group_by, "seed": seed, "keep": keep, "progress": progress}
    given: Photos | ShardPhotos
    if sharded.is_shards(source):
        left = {"--test": test, "--labels": labels, "--group-by": group_by, "--input-size": input_size}
        given = _read_shards(source, shown, backbone, strategy, left)
    elif photos is not None:
        raise InputError(f"--photos is for shards, and {source} holds none (there is no shards.json); leave it out")
    elif labels is None:
        given = folders.read(source, test, **reading)
    else:
        given = folders.read_labels(source, labels, task=task, columns=columns, circular=circular, **reading)
        if given.task.name != CLASSES.name and (strategy in ("top", "lp-ft") or class_weight or unknown):
            what = "--unknown" if unknown else "--class-weight" if class_weight else f"--strategy {strategy}"
            raise InputError(f"{what} is for classes, and {os.fspath(labels)} holds {given.task.name}; leave it out")
    wall, process = time.perf_counter() - wall, time.process_time() - process
    options: dict[str, Any] = {
        "backbone": backbone,
        "strategy": strategy,
        "test": test,
        "seed": int(seed),
        "near_duplicates": near_duplicates,
        "input_size": input_size,
    }
    asked = {
        "labels": None if labels is None else os.fspath(labels),
        "task": task,
        "columns": list(columns),
        "circular": list(circular),
        "group_by": group_by,
        "class_weight": class_weight,
        "unknown": unknown,
        "photos": None if photos is None else os.fspath(photos),
    }
    options |= {name: value for name, value in asked.items() if value}
    done = command(folder, out, **options)
    keyed = {**options, "test": None if test is None else os.fspath(test)}
    key = key_of(version=__version__, options=keyed, class_names=given.class_names, photos=given.contents())
    with writing(out), open_run(out, key, force=force, say=say) as run:
        if not isinstance(run, RunFolder):
            metrics = run
            say(f"{out} holds the result of this command already")
        else:
            if run.resumed:
                say(f"going on from {run.folder.name}")
            run.add("reading", wall, process)
            _say_what_was_read(given, say)
            more = (keyed, done, progress, say)
            stages = ShardStages(run, given, *more) if isinstance(given, ShardPhotos) else Stages(run, given, *more)
            metrics = stages.run()
    return Result(out, metrics)


def _check_labels(labels: Any, test: Any, task: Any, columns: Sequence[str], circular: Sequence[str]) -> None:
    if labels is None:
        if task is not None or columns or circular:
            raise InputError("--task, --column and --circular say how the CSV of --labels is read; give that too")
        return
    path_of(labels, "labels")
    if test is not None:
        raise InputError("--labels and --test exclude each other: name the test photos in a column split of the CSV")
    if task is not None:
        one_of(task, "task", TASKS, error=InputError)


def _read_shards(folder: Path, source: Path | None, backbone: str, strategy: str, left: dict[str, Any]) -> ShardPhotos:
    """The photos of shards; options that say what shards have settled already are refused."""
    if given := [name for name, value in left.items() if value is not None]:
        raise InputError(
            f"{given[0]} cannot be given for shards: splits, classes and features are those of {folder}; leave it out"
        )
    if strategy in ("top", "lp-ft"):
        raise InputError(
            f"--strategy {strategy} takes photos, and {folder} holds features: leave it out, or train on a folder of photos"
        )
    found = sharded.read(folder, source)
    if backbone not in ("auto", found.found.backbone):
        raise InputError(
            f"{folder} holds features of {found.found.backbone}, not of {backbone}: leave --backbone out, or make shards with it "
            "in another folder"
        )
    return found


def _say_what_was_read(given: Photos | ShardPhotos, say: Callable[[str], None]) -> None:
    sizes = ", ".join(f"{n:,} {name}" for name, n in given.sizes.items())
    total = sum(given.sizes.values())
    say(f"{total:,} photos {given.task.said(given.class_names)}: {sizes}")
    if isinstance(given, ShardPhotos):
        say(f"{given.n_left_out:,} photos were left out at extraction" if given.n_left_out else "none was left out")
    elif given.left_out or given.left_out.converted:
        say(given.left_out.summary())
