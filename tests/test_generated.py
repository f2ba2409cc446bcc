"""Generated programs: recorded, they behave as they do plainly, and their slices are right.

A hunt among many more is `python tests/hunt.py --seconds 600`; what it found is in `programs/`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hunt import Hunt

SEEDS = range(1, 41)
# Seeds whose programs are still sliced wrongly; `python tests/hunt.py --only SEED` shows how.
KNOWN: frozenset[int] = frozenset()


@pytest.fixture(scope="module")
def hunt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hunt]:
    made = Hunt(tmp_path_factory.mktemp("hunt"), timeout=60)
    yield made
    made.checker.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_seed(hunt: Hunt, seed: int):
    right = hunt.one(seed, shrinking=False)
    assert right == (seed not in KNOWN), "take it off the list" if right else "see the output"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hunt]:
    directory: Path = tmp_path_factory.mktemp("runs")
    made = Hunt(directory, ["--detail", "op"], slicing=False, timeout=60)
    yield made
    made.checker.close()


@pytest.mark.parametrize("seed", range(101, 121))
def test_run_at_the_finest_level(runs: Hunt, seed: int):
    assert runs.one(seed, shrinking=False)
