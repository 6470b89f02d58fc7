"""The stages of a training run, from photos that were read to the result."""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlbook import __version__, _files, evaluation, transfer
from tlbook._files import write_bytes, write_json, write_text
from tlbook.classifier import advice, choice, graphs, heads, photos, saved, strategy, unknown
from tlbook.classifier.errors import InputError, sentence
from tlbook.classifier.metrics_file import GRAPH, METRICS, MODEL, PREDICTIONS, REPORT, SCHEMA_VERSION, WRITTEN_BY, sign
from tlbook.classifier.photos import Photos
from tlbook.classifier.prediction import csv_text
from tlbook.classifier.runs import RunFolder
from tlbook.classifier.saved import SHORT, Classifier
from tlbook.classifier.strategy import Fitted
from tlbook.classifier.tasks import CLASSES
from tlbook.datasets import Split
from tlbook.datasets.decoding import FULL
from tlbook.datasets.splits import printable
from tlbook.features import engines
from tlbook.report import Report, Training, evaluate
from tlbook.report.metrics import number, plain
from tlbook.report.tasks import TaskReport

__all__ = ["Stages", "check_same", "checked", "versions"]

_SAMPLE = 16  # test photos on which the written model is compared with what was measured

_MANY = 0.05  # of the training photos: so many near-duplicates call for a look


def versions() -> dict[str, str]:
    """Versions of what the numbers depend on."""
    names = ("tensorflow", "tensorflow-cpu", "jax", "keras", "numpy", "scikit-learn", "pillow", "onnxruntime")
    return {"tlbook": __version__, "python": platform.python_version(), **_files.versions(*names)}


def checked(n: int) -> list[int]:
    """Positions of those of n test photos on which the written model is compared with what was measured."""
    found: list[int] = np.unique(np.linspace(0, n - 1, _SAMPLE).astype(int)).tolist()
    return found


def check_same(again: NDArray[Any], expected: NDArray[Any], tolerance: float = 1e-3) -> None:
    """Raise where a model that was written gives other outputs than were measured."""
    if not np.abs(again - expected).max() <= tolerance * (1 + np.abs(expected).max()):  # also false for NaN
        raise RuntimeError("the written model does not give the logits that were measured")


def _on_validation(labels: NDArray[Any], logits: NDArray[Any]) -> dict[str, Any]:
    """Number of photos, accuracy with its interval, and loss."""
    if not len(labels):
        return {"n": 0, "accuracy": None, "accuracy_interval": None, "log_loss": None}
    found = evaluation.accuracy(labels, evaluation.predictions(logits))
    return {
        "n": len(labels),
        "accuracy": number(found.value),
        "accuracy_interval": [number(found.low), number(found.high)],
        "confidence": found.confidence,
        "log_loss": number(evaluation.log_loss(labels, evaluation.probabilities(logits))),
    }


class Stages:
    """The stages of one training run; :meth:`run` performs them in order.

    Parameters
    ----------
    state : RunFolder
    given : Photos
    options : dict
        As :func:`tlbook.classifier.train` takes them.
    command : str
        The command that repeats the run.
    progress : bool
        Show bars on a terminal.
    say : callable
        Called with each progress message.
    """

    def __init__(
        self,
        state: RunFolder,
        given: Photos,
        options: dict[str, Any],
        command: str,
        progress: bool,
        say: Callable[[str], None],
    ):
        self.state, self.photos, self.options, self.command = state, given, options, command
        self.progress, self.say = progress, say
        self.notes: list[str] = list(given.notes)
        if (white := given.white or FULL) != FULL:
            self.notes.append(
                f"the 16-bit photos hold {white.bit_length()} bits: {white:,} is taken for white, in prediction too"
            )
        self.curves: dict[str, Any] = {}
        self.pairs: list[dict[str, Any]] = []

    def run(self) -> dict[str, Any]:
        """Go through all stages, put the result into its place, and return the metrics."""
        with self.state.timed("near_duplicates"):
            self._handle_near_duplicates()
        if self.options.get("unknown") and (n := self.photos.sizes["validation"]) < unknown.LEAST:
            raise InputError(
                f"--unknown takes {unknown.LEAST} validation photos or more to choose its threshold; there are {n}"
            )
        with self.state.timed("loading"):
            self._load_backbone()
        with self.state.timed("features"):
            features = self._extract()
        if self.options["strategy"] in ("probe", "auto"):  # from here on a few photos are looked at
            for split in self.photos.splits.values():
                split.forget_pixels()
        if self.photos.task.name != CLASSES.name:
            return heads.finish(self, features)
        with self.state.timed("probe"):
            probe, fitted = self._probe(features)
        labels = self.photos.splits["validation"].labels
        kept, fitted, why = self._decided(probe, fitted)
        self.say(f"strategy {kept}: {why['reason']}")
        temperature, note = strategy.calibrate(fitted, labels)
        self.notes += [note] if note else []
        if self.options.get("class_weight"):
            self.notes.append(strategy.effect_of_weights(labels, fitted.logits / temperature, self.photos.class_names))
        with self.state.timed("test"):
            classifier = Classifier(fitted.model, self.photos.class_names, self.about(kept, temperature))
            logits = (
                classifier.head_logits(features["test"])
                if kept == "probe"
                else classifier.logits(self.photos.splits["test"], cache=True, progress=self.progress)
            )
            report = evaluate(logits, self.photos.splits["test"], seed=self.options["seed"])
            refused = self._refused(classifier, kept, features) if self.options.get("unknown") else None
        metrics = {
            **self.described(classifier, report, why),
            "validation": _on_validation(labels, fitted.logits / temperature),
            "class_names": list(self.photos.class_names),
            "temperature": number(temperature),
            **({} if refused is None else {"unknown": refused[1]}),
        }
        with self.state.timed("advice"):
            metrics["advice"] = self._advice(
                probe, features, {"validation": fitted.logits / temperature, "test": report.logits}
            )
        metrics["next_steps"] = advice.sentences(metrics)
        metrics |= {"wall_seconds": self.state.wall_seconds, "process_seconds": self.state.process_seconds}
        metrics = self._write(classifier, report, metrics, None if refused is None else refused[0])
        self.state.publish()
        self.say(
            f"test accuracy {report.accuracy} on {report.n:,} photos (always the most frequent class: "
            f"{100 * report.overall['majority_accuracy'].value:.1f} %); the result is in {self.state.out}"
        )
        return metrics

    def _handle_near_duplicates(self) -> None:
        policy = self.options["near_duplicates"]
        if policy == "ignore":
            return
        self.pairs = self.state.step("near-duplicates", lambda: photos.near_duplicates(self.photos))
        if not self.pairs:
            return
        dropped = {(pair["split"], pair["index"]) for pair in self.pairs}
        of_train = sum(split == "train" for split, _ in dropped)
        self._tell_near_duplicates(len(dropped), of_train, len(self.pairs))
        if policy == "drop":
            self.photos = photos.without(self.photos, self.pairs)

    def _tell_near_duplicates(self, n: int, of_train: int, n_pairs: int) -> None:
        """Say and note that n photos, some of them of training, have a near-duplicate in another split."""
        policy = self.options["near_duplicates"]
        verb = "left out" if policy == "drop" else "kept, though seen in training and test"
        lines = [
            f"  {pair['split']} {pair['path']}: nearly the same picture as {pair['of']}"
            + ("" if pair["same_label"] else ", which has another label")
            for pair in self.pairs[:20]
        ]
        lines += [f"  and {n_pairs - 20} more pairs"] if n_pairs > 20 else []
        self.say("\n".join([f"{n} near-duplicates across splits {verb}:", *lines]))
        share = of_train / max(1, self.photos.sizes["train"])
        if policy == "drop":
            if share > _MANY:
                self.notes.append(
                    f"{share:.0%} of the training photos were left out as near-duplicates; if they are different "
                    "pictures that merely look alike, keep them with --near-duplicates report"
                )
        else:
            self.notes.append(f"{n} near-duplicates across splits were kept, so the accuracy may be too high")

    def _decided(self, probe: transfer.Probe, fitted: Fitted) -> tuple[str, Fitted, dict[str, Any]]:
        """The strategy that is kept, its model, and why."""
        return strategy.decide(self.options["strategy"], fitted, lambda: self._tuned(probe))

    def _load_backbone(self) -> None:
        def choose() -> dict[str, str]:
            chosen = choice.choose(self.options["backbone"], progress=self.progress)
            return {"name": chosen.name, "reason": chosen.reason}

        self.chosen = choice.BackboneChoice(**self.state.step("backbone", choose))
        self.say(f"backbone {self.chosen.name}: {self.chosen.reason}")
        self.backbone = choice.loaded(self.chosen.name, self.options["input_size"])
        self.graph = self._graph_or_note(lambda: graphs.of_features(self.backbone))

    def _graph_or_note(self, make: Callable[[], bytes]) -> bytes | None:
        """A graph, or None where the packages for it are missing or it cannot be made: the result does without."""
        if not graphs.can_write():
            return None
        try:
            found = make()
            if engines.open_session(found) is None:
                raise ValueError("ONNX Runtime cannot read it")
        except Exception as error:  # Keras, tf2onnx and ONNX raise kinds of their own
            self.notes.append(f"{GRAPH} was not written ({sentence(error)}), so Keras answers for the model")
            return None
        return found

    def _extract(self) -> dict[str, NDArray[Any]]:
        """Features by split: all photos in one pass, which one engine makes."""
        splits = self.photos.splits
        every = Split(
            "all",
            [path for split in splits.values() for path in split.paths],
            np.concatenate([split.labels for split in splits.values()]),
            splits["train"].class_names,
            [content for split in splits.values() for content in split.hashes],
            white=splits["train"].white,
            kept=[pixels for split in splits.values() for pixels in split.kept or [None] * len(split)],
        )
        try:
            engine = "auto" if self.graph is None else "onnxruntime"
            found = saved.extracted(self.backbone, every, cache=True, progress=self.progress, engine=engine)
        except ValueError as error:  # a photo that was there when the folder was read
            raise InputError(f"the photos changed while they were used: {sentence(error)}") from error
        edges = np.cumsum([len(split) for split in splits.values()])[:-1]
        return dict(zip(splits, np.split(found, edges), strict=True))

    def _probe(self, features: dict[str, NDArray[Any]]) -> tuple[transfer.Probe, Fitted]:
        def fit() -> dict[str, Any]:
            try:
                return strategy.probe_record(self._fitted(features))
            except (ValueError, RuntimeError) as error:
                raise InputError(f"no classifier could be fitted on these photos: {sentence(error)}") from error

        probe = strategy.probe_from(self.state.step("probe", fit))
        self.curves |= {"C": probe.C, "losses": list(probe.validation_losses.items())}
        if not len(features["validation"]):
            self.curves["losses"] = []
        return probe, strategy.with_probe(self.backbone, probe, features["validation"])

    def _fitted(self, features: dict[str, NDArray[Any]]) -> transfer.Probe:
        return strategy.fit_probe(features, self.photos, self.options.get("class_weight"))

    def _tuned(self, probe: transfer.Probe) -> Fitted:
        if self.options["strategy"] != "lp-ft":
            with self.state.timed("fine_tuning"):
                fitted = strategy.fit_top(
                    self.backbone,
                    probe,
                    self.photos,
                    seed=self.options["seed"],
                    progress=self.progress,
                    class_weight=self.options.get("class_weight"),
                    say=self.say,
                )
            del fitted.curves["wall_seconds"]
            self.curves |= fitted.curves
            return fitted
        self.say("fine-tuning all layers, starting from the probe")

        def tune() -> Fitted:
            return strategy.fit_tuned(
                self.backbone,
                probe,
                self.photos,
                seed=self.options["seed"],
                checkpoint=self.state.checkpoint,
                progress=self.progress,
                class_weight=self.options.get("class_weight"),
            )

        with self.state.timed("fine_tuning"):
            try:
                fitted = tune()
            except transfer.CheckpointMismatch:  # torn, or of other features
                self.state.checkpoint.unlink()
                fitted = tune()
        # the history has epochs of an attempt that was killed before it could record their time
        missing = fitted.curves.pop("wall_seconds") - self.state.wall_seconds["fine_tuning"]
        if missing > 0:
            self.state.add("fine_tuning", missing, 0.0)
        self.curves |= fitted.curves
        return fitted

    def _advice(
        self, probe: transfer.Probe, features: dict[str, NDArray[Any]], out_of_sample: dict[str, NDArray[Any]]
    ) -> dict[str, Any]:
        def compute() -> dict[str, Any]:
            train = self.photos.splits["train"]
            weight = self.options.get("class_weight")
            in_folds = advice.out_of_fold(probe, features["train"], train, strategy.ITERATIONS, weight)
            return {
                **advice.suspected(self.photos, {"train": in_folds, **out_of_sample}),
                "more_photos": self._learning_curve(probe, features),
                "likeness": advice.likeness(features, self.photos),
            }

        found: dict[str, Any] = self.state.step("advice", compute)
        return found

    def _learning_curve(self, probe: transfer.Probe, features: dict[str, NDArray[Any]]) -> dict[str, Any] | None:
        return advice.learning_curve(
            probe, features, self.photos, strategy.ITERATIONS, self.options.get("class_weight")
        )

    def described(
        self, classifier: Classifier, report: Report | TaskReport, strategy: dict[str, Any]
    ) -> dict[str, Any]:
        """What the metrics of every task say: what was run, on what, and what the test photos said."""
        return {
            "schema_version": SCHEMA_VERSION,
            "written_by": WRITTEN_BY,
            "key": self.state.key,
            "command": self.command,
            "test": report.to_dict(),
            "photos": self.photos_in_numbers(),
            "backbone": {
                "name": self.chosen.name,
                "reason": self.chosen.reason,
                "input_size": classifier.input_size,
                "parameters": classifier.model.count_params(),
            },
            "strategy": strategy,
            "seed": self.options["seed"],
            "notes": self.notes,
            "versions": versions(),
        }

    def about(self, kept: str, temperature: float) -> dict[str, Any]:
        """What the model file says about the model."""
        return {
            "backbone": self.chosen.name,
            "strategy": kept,
            "temperature": number(temperature),
            "versions": versions(),
            **self._trained_on(),
            **({} if self.photos.white is None else {"white": self.photos.white}),
            **({"task": self.photos.task.about()} if self.photos.task.columns else {}),
        }

    def _trained_on(self) -> dict[str, Any]:
        trained = [content for name in ("train", "validation") for content in self.photos.splits[name].hashes]
        return {"trained on": sorted({content[:SHORT] for content in trained})}

    def photos_in_numbers(self) -> dict[str, Any]:
        """Numbers of photos by split and class, and what was left out."""
        counts = {
            name: self.photos.task.counts(split.labels, split.targets, self.photos.class_names)
            for name, split in self.photos.splits.items()
        }
        return {
            "folder": printable(str(self.photos.folder)),
            "test_folder": None if self.photos.test_folder is None else printable(str(self.photos.test_folder)),
            "counts": counts,
            "left_out": [[one.path, one.reason] for one in self.photos.left_out.files],
            "converted": [[one.path, one.reason] for one in self.photos.left_out.converted],
            "near_duplicates": {
                "policy": self.options["near_duplicates"],
                "pairs": [{key: value for key, value in pair.items() if key != "index"} for pair in self.pairs],
            },
        }

    def _graph_of(self, classifier: Classifier) -> bytes | None:
        if classifier.about["strategy"] == "probe":
            return self._graph_or_note(lambda: classifier.as_graph(self.graph)) if self.graph else None
        return self._graph_or_note(classifier.as_graph)

    def _to_look_at(self, metrics: dict[str, Any]) -> tuple[list[tuple[Path, str]], list[tuple[Path, str]]]:
        """Photos whose label is doubtful, and the test photos least like the training photos, with what to say of each."""
        advised = metrics["advice"]
        doubtful = [
            (
                self.photos.splits[one["split"]].paths[one["index"]],
                f"labelled {one['label']}; called {one['called']}, and {one['label']} with {100 * one['probability']:.1f} %",
            )
            for one in advised["suspected_labels"]
        ]
        unlike = advised["likeness"] or {"verdict": "", "farthest": []}
        shown = unlike["farthest"] if unlike["verdict"] == "farther" else []
        paths = self.photos.splits["test"].paths
        return doubtful, [(paths[one["index"]], f"test photo, labelled {one['label']}") for one in shown]

    def write_model(self, classifier: Classifier, outputs: NDArray[Any]) -> Path:
        """Write model and graph, which must give the outputs (n, N) that were measured on test photos; the folder of both."""
        folder = self.state.fresh_result()
        graph = self._graph_of(classifier)
        if graph is not None:
            write_bytes(folder / GRAPH, graph)
        self._check_written(saved.load(saved.save(classifier, folder / MODEL, graph)), outputs)
        return folder

    def _check_written(self, written: Classifier, outputs: NDArray[Any]) -> None:
        """Hold a model that was written against the outputs (n, N) that were measured on test photos."""
        test = self.photos.splits["test"]
        positions = checked(len(test))
        images = test.select(positions).images(written.input_size)
        for again in (written.logits(images, progress=False), saved.by_keras(written.model, images)):
            check_same(again, outputs[positions])

    def signed(self, metrics: dict[str, Any]) -> dict[str, Any]:
        """The metrics, with the hashes of the files of the result; they are written with them."""
        metrics = sign(metrics, self.state.result)
        write_json(self.state.result / METRICS, metrics)
        return metrics

    def _refused(
        self, classifier: Classifier, kept: str, features: dict[str, NDArray[Any]]
    ) -> tuple[NDArray[np.bool_], dict[str, Any]]:
        """Fit what refuses photos unlike those of training, into the model; which test photos it refuses, and that in numbers."""
        splits = self.photos.splits
        if kept != "probe":
            features = {name: classifier.features(split, progress=self.progress) for name, split in splits.items()}
        found, strange = self._known(features)
        classifier.about["unknown"] = found.about()
        share = evaluation.wilson(int(strange.sum()), len(strange))
        self.notes.append(
            f"photos unlike all that were trained on are called unknown: of the test photos, which are of the known classes, "
            f"{share}; how many photos of other classes are, no photo here can tell"
        )
        said = {"score": found.about()["score"], "threshold": number(found.threshold)}
        return strange, {**said, "true_accepts": unknown.TRUE_ACCEPTS, **plain([("test_share", share)])}

    def _known(self, features: dict[str, NDArray[Any]]) -> tuple[unknown.Known, NDArray[np.bool_]]:
        """What the known classes look like, and which test photos are unlike them."""
        found = unknown.fit(features["train"], self.photos.splits["train"].labels, features["validation"])
        return found, found.unknown(features["test"])

    def _write(
        self, classifier: Classifier, report: Report, metrics: dict[str, Any], strange: NDArray[np.bool_] | None = None
    ) -> dict[str, Any]:
        """Write the result; its metrics, with the hashes of its files."""
        folder = self.write_model(classifier, report.logits)
        self._write_predictions(folder / PREDICTIONS, classifier, report, strange)
        report.save(folder / REPORT, self._training(classifier, report, metrics))
        return self.signed(metrics)

    def _training(self, classifier: Classifier, report: Report, metrics: dict[str, Any]) -> Training:
        """What the page shows besides the report."""
        test = self.photos.splits["test"]
        return Training(classifier.model, test, metrics, self.curves, *self._to_look_at(metrics))

    def _write_predictions(
        self, path: Path, classifier: Classifier, report: Report, strange: NDArray[np.bool_] | None
    ) -> None:
        test = self.photos.splits["test"]
        shown = [self.photos.shown("test", i) for i in range(len(test))]
        probabilities = evaluation.probabilities(report.logits)
        truth = [self.photos.class_names[label] for label in test.labels]
        write_text(path, csv_text(shown, probabilities, self.photos.class_names, truth, strange))
