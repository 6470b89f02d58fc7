"""Compute the rows that are missing in book/results.

    python -m experiments [NAME ...] [--dataset sketches|photos] [--only SETTING=VALUE ...] [--processes N] [--dry-run]

For example ``python -m experiments fine-tuning --dataset photos --only part=rates seed=0 seed=1``. Without names, all sweeps
of the data set. A row is on disk when it is computed: interrupted and called again, a sweep goes on where it was, and several
calls may fill one file. The photos need TLBOOK_DATA or a network.
"""

from __future__ import annotations

import argparse

from experiments import runner


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m experiments", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(runner.NAMES)}")
    parser.add_argument("--dataset", choices=runner.DATASETS, default="sketches")
    parser.add_argument("--only", nargs="+", default=[], metavar="SETTING=VALUE", help="rows with one of these values")
    parser.add_argument("--processes", type=int, default=1, metavar="N", help="how many compute at once")
    parser.add_argument("--restart", action="store_true", help="throw the recorded rows away and begin anew")
    parser.add_argument("--dry-run", action="store_true", help="print the arms and how many rows are missing")
    options = parser.parse_args()
    known = runner.names(options.dataset)
    if unknown := set(options.names) - set(known):
        parser.error(f"no sweep of {options.dataset}: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    for name in options.names or known:
        sweep = runner.load(name, options.dataset)
        if options.dry_run:
            sweep.show(options.only)
        else:
            sweep.run(options.only, options.processes, options.restart)


if __name__ == "__main__":
    main()
