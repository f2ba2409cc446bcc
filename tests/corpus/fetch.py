"""Fetches the programs of the corpus: the examples in the source distributions of four packages, by
pip.

The distributions are kept in a cache directory (`CLEW_CORPUS`, default `build/corpus`), of which
only the example programs and the files beside them are unpacked. pyperformance is taken from where
it is installed.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("CLEW_CORPUS") or HERE.parents[1] / "build" / "corpus")

EXAMPLES = {
    "networkx": "examples",
    "scikit-image": "doc/examples",
    "matplotlib": "galleries",
    "scikit-learn": "examples",
}
"""Where each distribution keeps its examples. The distributions of xgboost carry none."""


def fetch() -> dict[str, Path]:
    """Return the directory of each package's programs, fetched if need be."""
    CACHE.mkdir(parents=True, exist_ok=True)
    found = {package: _unpacked(package, folder) for package, folder in EXAMPLES.items()}
    performance = importlib.util.find_spec("pyperformance")
    if performance is not None and performance.origin is not None:
        found["pyperformance"] = Path(performance.origin).parent / "data-files" / "benchmarks"
    return found


def _unpacked(package: str, folder: str) -> Path:
    """Unpack the examples of the version that is installed."""
    wanted = version(package)
    place = CACHE / f"{package}-{wanted}"
    if place.exists():
        return place
    archive = _archive(package, wanted)
    partial = place.with_suffix(".partial")
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            inside = member.name.partition("/")[2]
            if member.isfile() and inside.startswith(folder + "/"):
                member.name = inside[len(folder) + 1 :]
                tar.extract(member, partial, filter="data")
    partial.rename(place)
    return place


def _archive(package: str, wanted: str) -> Path:
    stem = package.replace("-", "_")
    archive = CACHE / f"{stem}-{wanted}.tar.gz"
    if not archive.exists():
        environment = {**os.environ, "PYTHONPATH": str(HERE / "no_build")}
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--dest",
            str(CACHE),
        ]
        command += ["--no-binary", package]
        if package != "networkx":
            command.append("--no-build-isolation")
        subprocess.run([*command, f"{package}=={wanted}"], check=True, env=environment)
    return archive


if __name__ == "__main__":
    for name, directory in fetch().items():
        print(f"{name:15} {sum(1 for _ in directory.rglob('*.py')):5} programs in {directory}")
