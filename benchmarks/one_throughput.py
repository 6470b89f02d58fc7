"""Images a second of one backbone on some cores, in this process (started by run.py).

Five rates of the same run: the network alone on decoded images with either engine (ONNX Runtime has a batch in each thread);
decoding alone; files to features with decoding and network overlapped; and the arithmetic limit, which is the multiply-adds a
second that a large matrix product reaches here, in NumPy or ONNX Runtime, whichever is quicker, divided by those of one image.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from measure import Clock, cores, peak_memory

clock = Clock()

PASSES = 3
SIDE = 3072


def arguments():
    import argparse

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("backbone")
    parser.add_argument("--dataset", choices=("photos", "sketches"), default="photos")
    parser.add_argument("--images", type=int, default=512, help="for the network alone")
    parser.add_argument("--files", type=int, help="for decoding and the whole way; all training images by default")
    parser.add_argument("--folder", type=Path, help="of other photos, in place of the training images")
    parser.add_argument("--engines", nargs="+", default=["onnxruntime", "keras"])
    return parser.parse_args()


def best_rate(count: int, work: Callable[[], object], passes: int = PASSES) -> tuple[float, list[float]]:
    """(best, all) images a second of several passes: what disturbs a pass only slows it down."""
    rates = []
    for _ in range(passes):
        began = time.perf_counter()
        work()
        rates.append(round(count / (time.perf_counter() - began), 1))
    return max(rates), rates


def peak_multiply_adds() -> dict[str, float]:
    """Multiply-adds a second of a large square matrix product in float32, by each library that does it here.

    The largest is the nearest to what the machine can do: a library alone may lack its processor's widest instructions.
    """
    import numpy as np

    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((SIDE, SIDE), dtype=np.float32) for _ in range(2))
    out = np.empty_like(a)
    ways: dict[str, Callable[[], object]] = {"NumPy": lambda: np.matmul(a, b, out=out)}
    if importlib.util.find_spec("onnxruntime") and importlib.util.find_spec("onnx"):
        multiply = onnx_product()
        ways["ONNX Runtime"] = lambda: multiply(a, b)
    for way in ways.values():
        way()
    return {name: best_rate(SIDE**3, way, 5)[0] for name, way in ways.items()}


def onnx_product() -> Callable[..., object]:
    """ONNX Runtime's own product of two square matrices, on all cores that the process may use."""
    import onnxruntime
    from onnx import TensorProto, helper

    a, b, c = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [SIDE, SIDE]) for name in "abc")
    graph = helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["c"])], "product", [a, b], [c])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = len(cores())
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda first, second: session.run(None, {"a": first, "b": second})


def main() -> None:
    options = arguments()
    from tempfile import TemporaryDirectory

    import numpy as np
    from recipes.material import material

    from tlbook import backbones, convolution, features
    from tlbook.datasets import Split, decoding
    from tlbook.features import engines

    clock.imported()
    values: dict = {}
    given = material(options.dataset)
    backbone = backbones.load(options.backbone)
    size = backbone.input_size
    sample = given.train.take(min(options.images, len(given.train)))
    arrays = sample.images(size)
    found = {}
    with TemporaryDirectory() as written:
        for engine in options.engines:
            forward = (
                engines.onnx_engine(backbone, [None], Path(written))
                if engine == "onnxruntime"
                else engines.keras_engine(backbone, [None], engines.BATCHES[engine])
            )

            def network(forward=forward, engine=engine) -> np.ndarray:
                step, threads = engines.BATCHES[engine], engines.threads() if engine == "onnxruntime" else 1
                starts = range(0, len(arrays), step)
                with ThreadPoolExecutor(threads) as pool:
                    return np.concatenate(
                        [part for (part,) in pool.map(lambda i: forward(arrays[i : i + step]), starts)]
                    )

            found[engine] = network()  # the first pass compiles
            values[engine], values[f"{engine} passes"] = best_rate(len(arrays), network)
    if len(found) == 2:
        first, second = found.values()
        values["largest difference"] = float(np.abs(first - second).max() / np.abs(second).max())
    files = given.train if options.files is None else given.train.take(options.files)
    passes = PASSES
    if options.folder:  # so many that one pass is enough
        paths = sorted(options.folder.rglob("*.jpg"))
        files, passes = Split("train", paths, [0] * len(paths), ("photo",)), 1

    def decode() -> None:
        for _ in decoding.in_order(lambda path: decoding.decode(path, size), files.paths):
            pass

    def whole_way() -> None:
        with TemporaryDirectory() as passing:
            for path in graphs.glob("*.onnx"):
                (Path(passing) / "graphs").mkdir(exist_ok=True)
                (Path(passing) / "graphs" / path.name).write_bytes(path.read_bytes())
            extract(files, passing)

    def extract(images, folder) -> None:
        engine = options.engines[0]
        features.extract(backbone, images, cache_dir=folder, engine=engine, progress=False)

    if passes > 1:
        decode()  # the files are in memory from here on
    values["decoding"], values["decoding passes"] = best_rate(len(files), decode, passes)
    with TemporaryDirectory() as kept:  # of the first pass the graph stays, the features do not serve again
        extract(sample, kept)
        graphs = Path(kept) / "graphs"
        before = peak_memory()
        values["files to features"], values["files to features passes"] = best_rate(len(files), whole_way, passes)
    values["memory grown"] = round((peak_memory() - before) / 1e6)
    values["multiply-adds an image"] = sum(cost.multiplications for cost in convolution.costs(backbone.model))
    peaks = peak_multiply_adds()
    values |= {f"peak multiply-adds, {name}": rate for name, rate in peaks.items()}
    values["peak multiply-adds"] = max(peaks.values())
    values["arithmetic limit"] = values["peak multiply-adds"] / values["multiply-adds an image"]
    clock.report(files=len(files), **values)


if __name__ == "__main__":
    main()
