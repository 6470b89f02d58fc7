"""How many photos a second `tlbook serve` answers, how long the slowest wait, and how much memory it takes.

    python benchmarks/serving.py MODEL PHOTO [PHOTO ...] [--clients 1 8 64] [--seconds 20] [--package FOLDER ...]

MODEL is a model.keras of `tlbook train`. For each number of clients one line of JSON: photos answered and refused a second,
the median and the 99th percentile of their waits in milliseconds, and the server's memory. --package names folders with other
versions of `tlbook`; they take turns, three rounds, so that a busy machine is unfair to none.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil

SERVER = """
import sys
from tlbook.classifier import PhotoServer
with PhotoServer(sys.argv[1], port=0) as server:
    print(server.server_port, flush=True)
    server.serve_forever()
"""


def ask(port: int, photo: bytes) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("POST", "/classify", photo, {"Content-Type": "application/octet-stream"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def load(port: int, photos: list[bytes], clients: int, seconds: float) -> dict[str, float]:
    """What so many clients get that each send the next photo when the last is answered."""
    waits: list[float] = []
    refused: list[int] = []
    until = time.monotonic() + seconds

    def client(number: int) -> None:
        count = number
        while time.monotonic() < until:
            began = time.perf_counter()
            try:
                status = ask(port, photos[count % len(photos)])
            except OSError:
                status = 0
            if status == 200:
                waits.append(time.perf_counter() - began)
            else:
                refused.append(status)
            count += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    median, slow = np.quantile(waits, (0.5, 0.99)) * 1000 if waits else (np.nan, np.nan)
    return {
        "photos_per_s": round(len(waits) / seconds, 1),
        "refused_per_s": round(len(refused) / seconds, 1),
        "median_ms": round(float(median)),
        "p99_ms": round(float(slow)),
    }


def measured(model: str, photos: list[bytes], clients: int, seconds: float, package: str) -> dict[str, object]:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": package}
    command = [sys.executable, "-c", SERVER, model]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        ask(port, photos[0])  # the first answer takes longer
        found = load(port, photos, clients, seconds)
        peak = psutil.Process(process.pid).memory_info().rss
        process.terminate()
    return {"package": Path(package).name, "clients": clients, **found, "memory_mb": round(peak / 1e6)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--clients", nargs="+", type=int, default=[1, 8, 64])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--package", nargs="+", default=[str(Path(__file__).resolve().parents[1])])
    given = parser.parse_args()
    photos = [path.read_bytes() for path in given.photos]
    for _ in range(3 if len(given.package) > 1 else 1):
        for clients in given.clients:
            for package in given.package:
                print(json.dumps(measured(given.model, photos, clients, given.seconds, package)), flush=True)


if __name__ == "__main__":
    main()
