"""The project's commands, one script each, run by its path with the environment's Python; `make help` lists them.

The folders here and in `tests` are packages with an `__init__.py`: tf2onnx leaves folders of these names beside itself, and a
package with one goes before those without.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
