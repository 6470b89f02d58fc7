"""Remove what the build made: _build and the tools' caches. The environment and the user's downloads stay."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # any Python runs this, so nothing is imported


def main() -> None:
    for name in ("_build", ".pytest_cache", ".hypothesis", ".ruff_cache", ".mypy_cache", "htmlcov", "build", "dist"):
        shutil.rmtree(ROOT / name, ignore_errors=True)
    for pattern in (".coverage", ".coverage.*"):
        for path in ROOT.glob(pattern):
            path.unlink()
    for folder in ("tlbook", "tests", "book", "experiments", "tools", "benchmarks", "assignments"):
        for path in [*ROOT.glob(f"{folder}/**/__pycache__"), *ROOT.glob(f"{folder}/**/.ipynb_checkpoints")]:
            shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    main()
