"""Bring the result files to format 2: one word for one thing, and date, machine and versions in every row.

    python scripts/migrate_records.py [NAME.json ...]

Works on book/results of the repository in the current folder; without names on all files. A file that has the format already
is left as it is. No measured value changes: columns and the values of settings get other names, and five records join others
that hold the same kind of rows. A row is given date, cores and versions of the file's version in which it first stood as it
stands now, by git's history; the format before noted them once for all rows.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

FOLDER = Path("book", "results")
NOTE = "the last run that wrote these rows; dates, cores and versions were noted once for all of them"

ALL = {
    "trained": "parameters", "trainable": "parameters", "trainable_parameters": "parameters",
    "drawn": "random_parameters", "cpu_seconds": "process_seconds",
    "peak_mb": "peak_megabytes", "before_mb": "before_megabytes",
}  # fmt: skip
COLUMNS = {
    "calibration": {"stage": "method", "seconds": "wall_seconds"},
    "scratch-longer": {"stage": "method", "seconds": "wall_seconds"},
    "tuning-photos": {"seconds": "wall_seconds"},
    "scratch": {"seconds": "wall_seconds", "train_accuracy": "accuracy train"},
    "extraction-or-tuning": {"experiment": "part", "seconds": "process_seconds"},
    "looking-inside": {"start": "method", "data": "background", "training_seconds": "process_seconds"}
    | {f"accuracy_{one}": f"accuracy {one}" for one in ("released", "shortcut", "lying")},
}
METHODS = {
    "scratch": "from scratch", "scratch + augmentation": "from scratch, augmented", "fine-tuning": "LP-FT",
    "scratch, longer": "from scratch, longer", "fine-tuned": "LP-FT",
    "everything": "fine-tuning from a random head",
    "everything, BatchNorm too": "fine-tuning from a random head, BatchNorm too", "last block": "LP-FT, last stage",
}  # fmt: skip
SURFACE = {
    "nothing": "class means", "head": "linear probe", "last stage": "LP-FT, last stage",
    "last two stages": "LP-FT, last two stages", "everything": "LP-FT",
}  # fmt: skip
AUGMENTATION = {
    "scratch": ("augmentation", "from scratch"),
    "fine-tuning": ("augmentation", "LP-FT"),
    "views": ("augmentation", "linear probe"),
    "number of views": ("number of views", "linear probe"),
    "test time": ("test time", "linear probe"),
    "fine-tuning, regularised": ("regularisation", "LP-FT"),
    "head, regularised": ("regularisation", "head only"),
}
JOINED = {
    "calibration": "comparison", "scratch-longer": "comparison",
    "probe-photos": "comparison-photos", "tuning-photos": "comparison-photos", "augmentation-scratch": "augmentation",
}  # fmt: skip
SETTINGS = {
    "augmentation": ["part", "method", "change", "seed"],
    "comparison": ["method", "seed"],
    "extraction-or-tuning": ["part", "method", "condition", "variant", "images", "seed"],
    "fine-tuning": ["part", "method", "variant", "images", "learning_rate", "seed"],
    "looking-inside": ["method", "background", "seed"],
    "scratch": ["images", "seed"],
}
SKETCHES, PHOTOS = ({"train": n, "validation": m, "test": 1000} for n, m in ((240, 200), (1600, 400)))
IMAGES = {
    "calibration": SKETCHES,
    "evaluation": SKETCHES,
    "probe-photos": PHOTOS | {"oxford": 478},
}  # of these fingerprints
ABOUT = {
    "augmentation": "Test accuracy with each augmentation and each regulariser, alone and together, by ways of training, "
    "over seeds",
    "comparison": "Four ways of training on 240 sketches, tested on 1,000",
    "comparison-photos": "Two ways of training on 1,600 photos, tested on 1,000 and on another collection",
}
COMMANDS = {
    "recipes-photos": "python benchmarks/run.py --dataset photos --only recipes",
    "throughput-photos": "python benchmarks/run.py --dataset photos --only throughput",
}


def base(name: str) -> str:
    return name.removesuffix("-photos") if name not in COLUMNS else name


def renamed_row(name: str, row: dict) -> dict:
    """A row with the names of today; its values are the same objects."""
    names = ALL | COLUMNS.get(base(name), COLUMNS.get(name, {}))
    new = {names.get(key, key): value for key, value in row.items()}
    match base(name):
        case "calibration" | "scratch-longer" | "looking-inside":
            new["method"] = METHODS.get(new["method"], new["method"])
        case "tuning-photos":
            new["method"] = "LP-FT"
        case "probe" | "probe-photos":
            new |= {"method": "linear probe", "seed": 0}
            del new["backbone"], new["weights"]  # they are among the conditions
        case "scratch":
            del new["size"]  # "images" says it
        case "augmentation" | "augmentation-scratch":
            new["part"], new["method"] = AUGMENTATION[new["part"]]
        case "fine-tuning":
            new["part"] = {"strategies": "methods"}.get(new["part"], new["part"])
            strategy = new.pop("strategy")
            recipe = new["part"] == "recipes"
            new |= {"method": "LP-FT", "variant": strategy} if recipe else {
                "method": METHODS.get(strategy, strategy), "variant": "-"
            }  # fmt: skip
            if "computed_by" in new:
                new["computed_by"] = "comparison"
        case "extraction-or-tuning":
            new |= extraction(new["part"], new["condition"], new.pop("strategy"))
    return new


def extraction(part: str, condition: str, strategy: str) -> dict:
    """What one column held is two now: the method, and what is varied within a part."""
    same = {"condition": condition}
    if part in ("depth", "randomised"):
        return same | {"method": "linear probe", "variant": strategy}
    if part == "head":
        return same | {"method": "linear probe" if strategy == "linear" else "hidden layers", "variant": strategy}
    if part == "cut":
        return same | {"method": "upper stages from scratch", "variant": strategy}
    if part == "source":
        weights = {"condition": "random weights" if condition == "none" else condition}
        if strategy.startswith("stage"):
            return weights | {"method": "linear probe", "variant": strategy}
        rough = strategy == "everything, as from scratch" or (strategy == "everything" and condition == "none")
        method = {"head": "linear probe", "everything": "LP-FT"}.get(strategy)
        return weights | {"method": "LP-FT, as from scratch" if rough else method, "variant": "-"}
    return same | {"method": SURFACE.get(strategy, strategy), "variant": "-"}


def renamed_conditions(name: str, given: dict, rows: list[dict]) -> dict:
    new = dict(given)
    if name in COMMANDS:
        return new
    splits = {key: new.pop(key) for key in ("train", "validation", "test", "oxford") if key in new}
    if splits:
        new["data"] = splits
    for old, key in {
        "input size": "input_size", "training images": "training_images", "recipes from scratch": "recipes_from_scratch",
        "scratch": "from_scratch", "sizes": "input_sizes",
    }.items():  # fmt: skip
        if old in new:
            new[key] = new.pop(old)
    for key in ("recipes", "recipes_from_scratch", "input_sizes", "layers"):
        if key in new and base(name) != "scratch":
            new[key] = {METHODS.get(method, method): value for method, value in new[key].items()}
    if "recipes_from_scratch" in new:
        del new["recipes_from_scratch"]["LP-FT"]  # not from scratch, and not used
    if base(name) == "scratch":
        images = {row["size"]: str(row["images"]) for row in rows}
        new["recipes"] = {images[size]: recipe for size, recipe in new["recipes"].items()}
    for key in ("setting", "from_scratch", "small"):
        if key in new:
            names = {"size": "input_size", "scratch_size": "scratch_input_size", "rate": "learning_rate"}
            names |= {"scratch_rate": "scratch_learning_rate"}
            new[key] = {names.get(one, one): value for one, value in new[key].items()}
    if "recipe" in new:
        new["recipe"] = {key: value for key, value in new["recipe"].items() if key != "progress"}
    if name == "scratch-longer":
        new["recipes"] = {"from scratch, longer": new.pop("recipe")}
    if name == "tuning-photos":
        new["recipes"] = {"LP-FT": new.pop("recipe")}
    if name == "calibration":
        new |= {"input_size": 96, "backbone_name": "sketchnet"}  # as its script had it
    if name in IMAGES:
        new["images"] = IMAGES[name]
    if name == "probe-photos":
        new["backbone_name"] = rows[0]["backbone"]
    return new


def history(path: Path) -> list[dict]:
    """The file's contents over the commits, oldest first."""
    listed = subprocess.run(["git", "log", "--reverse", "--format=%H", "--", path], capture_output=True, text=True)
    versions = []
    for commit in listed.stdout.split():
        shown = subprocess.run(["git", "show", f"{commit}:{path.as_posix()}"], capture_output=True, text=True)
        if shown.returncode == 0:
            versions.append(json.loads(shown.stdout))
    return [one for one in versions if "format" not in one]


def environment_of(content: dict) -> dict:
    processor = content["conditions"].get("processor")
    return {
        "processor": processor, "cores": content["cores"], "python": content["python"],
        "versions": content["versions"], "note": NOTE,
    }  # fmt: skip


def origins(path: Path, content: dict) -> list[tuple[str, dict]]:
    """Date and environment of each row of a file: of the version in which it first stood as it stands now."""
    first: dict[str, tuple[str, dict]] = {}
    for version in [*history(path), content]:
        for row in version["rows"]:
            first.setdefault(json.dumps(row, sort_keys=True), (version["updated"], environment_of(version)))
    return [first[json.dumps(row, sort_keys=True)] for row in content["rows"]]


def order(row: dict, settings: list[str]) -> list:
    return [(0, row[name]) if isinstance(row[name], (int, float)) else (1, row[name]) for name in settings]


def dump(content: dict) -> str:
    lines = {key: [json.dumps(one, ensure_ascii=False) for one in content[key]] for key in ("environments", "rows")}
    head = json.dumps({key: value for key, value in content.items() if key not in lines}, indent=1, ensure_ascii=False)
    tail = "".join(f',\n "{key}": [\n  ' + ",\n  ".join(each) + "\n ]" for key, each in lines.items())
    return f"{head[:-2]}{tail}\n}}\n"


def main(names: list[str]) -> None:
    paths = [Path(name) for name in names] or sorted(FOLDER.glob("*.json"))
    made: dict[str, dict] = {}
    for path in paths:
        content = json.loads(path.read_text(encoding="utf-8"))
        if "format" in content:
            continue
        name = JOINED.get(path.stem, path.stem)
        sweep = name.removesuffix("-photos")
        new = made.setdefault(
            name,
            {
                "format": 2, "name": name, "about": ABOUT.get(name, content["about"]),
                "command": COMMANDS.get(name)
                or f"python -m experiments {sweep}" + (" --dataset photos" if name.endswith("-photos") else ""),
                "conditions": {}, "settings": SETTINGS.get(sweep, content["settings"]), "environments": [], "rows": [],
            },
        )  # fmt: skip
        for key, value in renamed_conditions(path.stem, content["conditions"], content["rows"]).items():
            if key == "recipes":
                new["conditions"].setdefault(key, {}).update(value)
            elif new["conditions"].setdefault(key, value) != value:
                raise SystemExit(f"{path.name}: {key} differs from that of the record it joins")
        for row, (date, environment) in zip(content["rows"], origins(path, content), strict=True):
            if environment not in new["environments"]:
                new["environments"].append(environment)
            found = renamed_row(path.stem, row)
            found = {key: found.pop(key) for key in new["settings"]} | found
            new["rows"].append(found | {"date": date, "environment": new["environments"].index(environment)})
    for path in paths:
        if path.stem in JOINED:
            path.unlink()
    for name, new in made.items():
        new["rows"].sort(key=lambda row, settings=new["settings"]: order(row, settings))
        if len({json.dumps([row[one] for one in new["settings"]]) for row in new["rows"]}) != len(new["rows"]):
            raise SystemExit(f"{name}: two rows have the same settings")
        (FOLDER / f"{name}.json").write_text(dump(new), encoding="utf-8")
        print(f"{name}: {len(new['rows'])} rows, {len(new['environments'])} environments")


if __name__ == "__main__":
    main(sys.argv[1:])
