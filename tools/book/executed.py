"""Let nbval compare stored outputs with those of a run that is over: `pytest --nbval book/ --executed=FOLDER`.

What is compared, and how, stays nbval's own; only its kernel is replaced by one that answers each cell with the outputs
that this cell has in the notebook of the same name in FOLDER. So what was run for the book need not be run again to be tested.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbval.plugin import IPyNbFile


class ExecutedNotebook:
    """In the place of nbval's kernel: answers each cell with the outputs that this cell had in a run that is over."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cells = (
            cell
            for cell in nbformat.read(path, as_version=4).cells
            if cell.cell_type == "code" and "injected-parameters" not in cell.metadata.get("tags", [])
        )
        self.messages: list[dict] = []

    def execute_cell_input(self, source: str, allow_stdin: bool | None = None) -> str:
        cell = next(self.cells, None)
        if cell is None or cell.source != source:
            raise RuntimeError(f"{self.path} is a run of another notebook: this cell is not the next in it")
        if cell.source.strip() and cell.execution_count is None:
            raise RuntimeError(f"{self.path}: the run did not reach this cell")
        contents = [
            (
                output.output_type,
                {key: output[key] for key in output if key != "output_type"},
            )
            for output in cell.outputs
        ]
        contents.append(("status", {"execution_state": "idle"}))
        self.messages = [
            {
                "msg_type": kind,
                "content": content,
                "parent_header": {"msg_id": cell.id},
            }
            for kind, content in contents
        ]
        return cell.id

    def await_reply(self, msg_id: str, timeout: float | None = None) -> None:
        """The run is over: every reply is there."""

    def await_idle(self, msg_id: str, timeout: float | None = None) -> None:
        self.messages = []

    def get_message(self, stream: str, timeout: float | None = None) -> dict:
        return self.messages.pop(0)

    def is_alive(self) -> bool:
        return True

    def stop(self) -> None:
        """Nothing runs."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--executed",
        metavar="FOLDER",
        help="compare with the notebooks that were run into this folder; no kernel starts",
    )


def use(config: pytest.Config) -> None:
    """Replace nbval's kernel where `--executed` was given."""
    folder = config.getoption("executed")
    if folder is None:
        return

    def setup(file: IPyNbFile) -> None:
        file.kernel = ExecutedNotebook(Path(folder, file.path.name))
        file.setup_sanitize_files()

    patch = pytest.MonkeyPatch()
    patch.setattr(IPyNbFile, "setup", setup)
    config.add_cleanup(patch.undo)
