"""Small things for the tumour analysis that got too long for the script."""

import csv
from pathlib import Path

import pandas as pd

MEASURES = [
    "radius", "texture", "perimeter", "area", "smoothness",
    "compactness", "concavity", "concave_points", "symmetry", "fractal_dimension",
]
SUFFIXES = ["mean", "error", "worst"]

problems = []


def column_names():
    return [f"{measure}_{suffix}" for suffix in SUFFIXES for measure in MEASURES]


def read_table(path: Path) -> pd.DataFrame:
    """Read the csv as scikit-learn ships it: the first line holds counts and the names of the classes."""
    with open(path) as f:
        n_rows, n_columns, *classes = next(csv.reader(f))
    table = pd.read_csv(path, skiprows=1, names=[*column_names(), "target"])
    if len(table) != int(n_rows):
        problems.append(f"{path.name}: {len(table)} rows instead of {n_rows}")
    table.attrs["classes"] = classes
    return table


def clip_outliers(table, columns, factor=3.0):
    """Pull values far outside back in, in place; return how many there were."""
    n_clipped = 0
    for column in columns:
        centre, spread = table[column].median(), table[column].std()
        low, high = centre - factor * spread, centre + factor * spread
        outside = (table[column] < low) | (table[column] > high)
        n_clipped += int(outside.sum())
        table.loc[outside, column] = table.loc[outside, column].clip(low, high)
        if outside.mean() > 0.03:
            problems.append(f"{column}: {outside.sum()} outliers")
    return n_clipped


def correlated_pairs(table, limit):
    """Names of columns that say nearly the same as an earlier one."""
    correlation = table.corr().abs()
    names = list(correlation.columns)
    doubles = []
    for i, name in enumerate(names):
        for earlier in names[:i]:
            if earlier not in doubles and correlation.loc[name, earlier] > limit:
                doubles.append(name)
                break
    return doubles


def slugify(text):
    return text.lower().replace(" ", "-")
