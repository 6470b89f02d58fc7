"""The stages of a training run on shards: those of photos, where features are at hand and the photos may not be.

The probe is fitted on all training photos, and predictions are written of all test photos, block by block. What needs all photos
of a split at once, or compares each with each, has a random sample of them where there are many.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tlbook import evaluation, transfer
from tlbook._files import replacing
from tlbook.classifier import advice, choice, graphs, saved, sharded, strategy, unknown
from tlbook.classifier.errors import InputError
from tlbook.classifier.photos import Photos
from tlbook.classifier.prediction import csv_text
from tlbook.classifier.saved import Classifier
from tlbook.classifier.sharded import Rows, ShardPhotos
from tlbook.classifier.stages import Stages, check_same, checked
from tlbook.classifier.strategy import Fitted
from tlbook.datasets import Split
from tlbook.datasets.duplicates import EXHAUSTIVE, NEAR, SURE
from tlbook.datasets.splits import printable, visible
from tlbook.report import Report, Training
from tlbook.report.page import looked_at

__all__ = ["ShardStages"]

LARGEST = 2**24
"""Probabilities of which a report is made: of more validation or test photos, times classes, a random sample is drawn."""

MOST = 50_000
"""Photos of which a report is made, however few the classes are."""

ADVISED = 10_000
"""Training photos of which advice is computed, however short the features are."""

_NUMBERS = 2**22  # in a block of features or of probabilities
_ADVISED_NUMBERS = 2**24  # in the features of the training photos of which advice is computed
_HALF = 1e-2  # of the largest logit: what logits of features that were stored as float16 may be off


class ShardStages(Stages):
    """The stages of one training run on shards.

    Parameters
    ----------
    every : ShardPhotos
    state, options, command, progress, say
        As for :class:`Stages`.
    """

    every: ShardPhotos

    def __init__(self, state: Any, every: ShardPhotos, *more: Any) -> None:
        super().__init__(state, cast(Photos, every), *more)  # it is asked for sizes and notes until samples are drawn
        self.every = every
        self._duplicates: dict[str, Any] = {"pairs": [], "n_pairs": 0}
        self._files: dict[str, Path] = {}
        self._rows: dict[str, list[tuple[int, str, str]]] = {}
        self._drawn: dict[str, NDArray[np.int64]] = {}
        self._sampled: dict[str, int] = {}

    def _handle_near_duplicates(self) -> None:
        policy = self.options["near_duplicates"]
        if policy == "ignore":
            return

        def search() -> dict[str, Any]:
            with self.state.passing() as folder:
                return sharded.near_duplicates(self.every, folder)

        found = self._duplicates = self.state.step("near-duplicates", search)
        self.pairs = found["pairs"]
        counts = found["n_dropped"]
        if self.pairs:
            self._tell_near_duplicates(sum(counts.values()), counts["train"], found["n_pairs"])
        if not found["exhaustive"]:
            self.notes.append(
                f"with more than {EXHAUSTIVE:,} photos, near-duplicates that differ in {SURE} bits of 256 or fewer are all "
                f"found, and of others, up to {NEAR} bits, most"
            )
        if found["crowded"]:
            self.notes.append(
                f"{found['crowded']:,} photos look alike in outline, as blank ones do, and were compared with some of these only"
            )
        if policy == "drop":
            self.every = self.every.without(sharded.masks_of(found, self.every.sizes))
            self.photos = cast(Photos, self.every)

    def _load_backbone(self) -> None:
        found = self.every.found
        self.chosen = choice.BackboneChoice(found.backbone, f"that of the shards, {found.dtype}")
        self.say(f"backbone {self.chosen.name}: {self.chosen.reason}")
        self.backbone = choice.loaded(found.backbone, found.input_size)
        if self.backbone.fingerprint != found.fingerprint:
            raise InputError(
                f"the weights of {found.backbone} here are not those that {found.folder} was made with; make the shards anew in "
                "another folder"
            )
        self.graph = self._graph_or_note(lambda: graphs.of_features(self.backbone))

    def _extract(self) -> dict[str, Any]:
        """Draw the samples; their features, of the training photos in memory, of others where they are sliced."""
        every, seed = self.every, self.options["seed"]
        d, n_classes = every.found.feature_dim, len(every.class_names)
        rows = {name: every.rows(name) for name in every.parts}
        drawn = {"train": sharded.spread(rows["train"].labels, min(ADVISED, _ADVISED_NUMBERS // d), seed)}
        for name in ("validation", "test"):
            n, most = len(rows[name]), max(2, min(MOST, LARGEST // n_classes))
            some = np.random.default_rng(seed).choice(n, most, replace=False) if n > most else np.arange(n)
            drawn[name] = np.sort(some)
        self.photos = every.sampled(drawn)
        self._drawn = drawn
        self._sampled = {name: len(some) for name, some in drawn.items() if len(some) < len(rows[name])}
        self._rows = {name: every.columns(name, some, "path", "sha256") for name, some in drawn.items()}
        if "validation" in self._sampled:
            self.notes.append(
                f"the temperature was fitted, and the validation accuracy measured, on a random sample of "
                f"{len(drawn['validation']):,} of the {len(rows['validation']):,} validation photos"
            )
        features: dict[str, Any] = {name: rows[name].select(some) for name, some in drawn.items()}
        return features | {"train": features["train"][:]}

    def _fitted(self, features: dict[str, Any]) -> transfer.Probe:
        return self._fit(self.every.rows("train"))

    def _fit(self, train: Rows, **options: Any) -> transfer.Probe:
        held = self.every.rows("validation")
        return transfer.linear_probe(
            train.parts,
            [part.labels for part in train.parts],
            held.parts,
            [part.labels for part in held.parts],
            class_weight=self.options.get("class_weight"),
            max_iter=strategy.ITERATIONS,
            **options,
        )

    def _decided(self, probe: transfer.Probe, fitted: Fitted) -> tuple[str, Fitted, dict[str, Any]]:
        reason = "shards hold features, on which a probe is fitted; fine-tuning takes the photos themselves"
        return "probe", fitted, {"requested": self.options["strategy"], "chosen": "probe", "reason": reason}

    def _learning_curve(self, probe: transfer.Probe, features: dict[str, Any]) -> dict[str, Any] | None:
        """As for photos, on all of them: what half of the training photos would do, no sample can tell."""
        train, validation = self.every.rows("train"), self.every.rows("validation")
        if len(train) < 8 * probe.n_classes:
            return None
        labels = train.labels

        def fewer(n: int) -> transfer.Probe:
            whole = "train" not in self._sampled
            some = self.photos.splits["train"].take_positions(n) if whole else sharded.spread(labels, n, seed=0)
            return self._fit(train.select(some), C=probe.C)

        return advice.curve_of(probe, fewer, len(train), probe.n_classes, validation, validation.labels)

    def _known(self, features: dict[str, Any]) -> tuple[unknown.Known, NDArray[np.bool_]]:
        train, held = features["train"], features["validation"]
        found = unknown.fit(train, self.photos.splits["train"].labels, held[: max(unknown.LEAST, len(train))])
        if "train" in self._sampled:
            self.notes.append(f"what the known classes look like was fitted on {len(train):,} training photos")
        rows = max(1, _NUMBERS // max(train.shape[1], len(self.every.class_names)))
        strange = [found.unknown(block) for block in self.every.rows("test").blocks(rows)]
        return found, np.concatenate(strange)

    def _trained_on(self) -> dict[str, Any]:
        known, until = self.every.known()
        return {"trained on": known, **({} if until is None else {"trained on until": until})}

    def photos_in_numbers(self) -> dict[str, Any]:
        every = self.every
        counts = {name: dict(zip(every.class_names, every.counts(name).tolist(), strict=True)) for name in every.parts}
        return {
            "folder": printable(str(every.found.folder)),
            "test_folder": None,
            "counts": counts,
            "sampled": self._sampled,
            "left_out": [[one.path, one.reason] for one in every.left_out.files],
            "n_left_out": every.n_left_out,
            "converted": [],
            "near_duplicates": {
                "policy": self.options["near_duplicates"],
                "pairs": [{key: value for key, value in pair.items() if key != "index"} for pair in self.pairs],
                "n_pairs": self._duplicates["n_pairs"],
            },
        }

    def described(self, classifier: Classifier, report: Any, why: dict[str, Any]) -> dict[str, Any]:
        if "test" in self._sampled:
            right = total = 0
            for labels, logits in self._logits(classifier):
                right += int((logits.argmax(axis=1) == labels).sum())
                total += len(labels)
            self.notes.insert(
                0,
                f"the numbers and figures of this page are of a random sample of {report.n:,} of the {total:,} test photos; on "
                f"all of them the accuracy is {evaluation.wilson(right, total)}, and predictions.csv holds the answer for each",
            )
        return super().described(classifier, report, why)

    def _logits(self, classifier: Classifier) -> Iterator[tuple[NDArray[Any], NDArray[np.float32]]]:
        """Labels and logits of all test photos, block by block."""
        test = self.every.rows("test")
        rows = max(1, _NUMBERS // max(test.shape[1], len(self.every.class_names)))
        labels = test.labels
        for start in range(0, len(test), rows):
            yield labels[start : start + rows], classifier.head_logits(test[start : start + rows])

    def _write(
        self, classifier: Classifier, report: Report, metrics: dict[str, Any], strange: NDArray[np.bool_] | None = None
    ) -> dict[str, Any]:
        with self.state.passing() as folder:
            self._files = self.every.fetched(self._wanted(report, metrics), folder)
            return super()._write(classifier, report, metrics, strange)

    def _wanted(self, report: Report, metrics: dict[str, Any]) -> list[tuple[int, str, str]]:
        """Photos to look at: those on which the model is checked, and those of the page."""
        test = self._rows["test"]
        places = {*checked(len(test)), *looked_at(report)}
        advised = metrics["advice"]
        unlike = (advised["likeness"] or {"farthest": []})["farthest"]
        wanted = {test[i] for i in (*places, *(one["index"] for one in unlike))}
        return sorted(wanted | {self._rows[one["split"]][one["index"]] for one in advised["suspected_labels"]})

    def _check_written(self, written: Classifier, outputs: NDArray[Any]) -> None:
        """On photos where there are any, else the head on features and the rest on noise, on which Keras and graph must agree."""
        test = self.photos.splits["test"]
        places = checked(len(test))
        check_same(written.head_logits(self.every.rows("test")[self._drawn["test"][places]]), outputs[places])
        seen = [place for place in places if str(test.paths[place]) in self._files]
        size = written.input_size
        if not seen:
            noise = np.random.default_rng(0).integers(0, 256, (4, size, size, 3), np.uint8)
            check_same(written.logits(noise, progress=False), saved.by_keras(written.model, noise))
            return
        images = self._readable(test.select(seen)).images(size)
        tolerance = _HALF if self.every.found.dtype == "float16" else 1e-3
        for again in (written.logits(images, progress=False), saved.by_keras(written.model, images)):
            check_same(again, outputs[seen], tolerance)

    def _readable(self, split: Split) -> Split:
        """A split with the files of its photos in place of their names, as far as they are there."""
        paths = [self._files.get(str(path), path) for path in split.paths]
        return Split(split.name, paths, split.labels, split.class_names, split.hashes, white=split.white)

    def _to_look_at(self, metrics: dict[str, Any]) -> tuple[list[tuple[Path, str]], list[tuple[Path, str]]]:
        doubtful, unlike = super()._to_look_at(metrics)
        return tuple(  # type: ignore[return-value]
            [(self._files[str(path)], said) for path, said in some if str(path) in self._files]
            for some in (doubtful, unlike)
        )

    def _training(self, classifier: Classifier, report: Report, metrics: dict[str, Any]) -> Training:
        test = self.photos.splits["test"]
        readable = frozenset(i for i, path in enumerate(test.paths) if str(path) in self._files)
        missing = [i for i in looked_at(report) if i not in readable]
        how = ""
        if self.every.source is None:
            how = "Shards hold no photos: give the command below with --photos SOURCE and --force for a page that shows some."
        elif missing:
            how = f"{len(missing):,} photos are not shown, since they are not as they were when the shards were made."
        doubtful, unlike = self._to_look_at(metrics)
        return Training(classifier.model, self._readable(test), metrics, self.curves, doubtful, unlike, readable, how)

    def _write_predictions(
        self, path: Path, classifier: Classifier, report: Report, strange: NDArray[np.bool_] | None
    ) -> None:
        names, found = self.every.class_names, self.every.found
        rows = max(1, _NUMBERS // max(found.feature_dim, 16 * len(names)))
        done = 0
        with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
            file.write(csv_text([], np.empty((0, len(names))), names, [], None if strange is None else []))
            for shard, part in enumerate(self.every.parts["test"]):
                paths = found.table(shard, "path")["path"].take(part.rows)
                for start in range(0, len(part), rows):
                    some = slice(start, start + rows)
                    p = evaluation.probabilities(classifier.head_logits(part[some].astype(np.float32)))
                    shown = [visible(one) for one in paths[some].to_pylist()]
                    truth = [names[label] for label in part.labels[some]]
                    odd = None if strange is None else strange[done : done + len(p)]
                    file.write(csv_text(shown, p, names, truth, odd, header=False))
                    done += len(p)
