"""Run one notebook with papermill, in a process of its own, and tell its parent how far it is.

    python tools/book/execute_notebook.py INPUT OUTPUT [--dataset photos]

Prints one JSON object a line on stdout: {"cell": 3, "of": 30} as each code cell starts, and at the end {"done": true} or
{"error": ..., "source": ..., "traceback": ...}. build.py and record.py read it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys

import papermill
from papermill.engines import NBClientEngine, papermill_engines


def tell(**message: object) -> None:
    print(json.dumps(message), flush=True)


class TellingEngine(NBClientEngine):
    """papermill's own engine, which also says which cell it has come to."""

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, **keywords):
        code = [
            index
            for index, cell in enumerate(nb_man.nb.cells)
            if cell.cell_type == "code" and "injected-parameters" not in cell.metadata.get("tags", [])
        ]
        start = nb_man.cell_start

        def cell_start(cell, cell_index=None, **rest):
            if cell_index in code:
                tell(cell=code.index(cell_index) + 1, of=len(code))
            start(cell, cell_index=cell_index, **rest)

        nb_man.cell_start = cell_start
        return super().execute_managed_notebook(nb_man, kernel_name, **keywords)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("input")
    parser.add_argument("output")
    parser.add_argument(
        "--dataset", help="value of the notebook's parameter; without it the notebook's own default stands"
    )
    options = parser.parse_args()
    papermill_engines.register("telling", TellingEngine)
    try:
        papermill.execute_notebook(
            options.input,
            options.output,
            parameters={"dataset": options.dataset} if options.dataset else None,
            engine_name="telling",
            kernel_name="python3",
            language="python",
            progress_bar=False,
            cwd=os.path.dirname(os.path.abspath(options.input)),
        )
    except papermill.PapermillExecutionError as error:
        plain = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback))
        tell(error=f"{error.ename}: {error.evalue}", source=error.source, traceback=plain)
        sys.exit(1)
    except Exception as error:  # a kernel that died or did not start, a notebook that cannot be read
        tell(error=f"{type(error).__name__}: {error}", source="", traceback="")
        sys.exit(1)
    tell(done=True)


if __name__ == "__main__":
    main()
