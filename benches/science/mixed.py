"""What analysts write: tables, arrays and plain Python loops over rows, with a figure at the
end.
"""

import io
import random

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

random.seed(3)
lines = ["id,group,x,y"]
for i in range(150_000):
    group = random.choice("abcd")
    x = random.gauss(0, 1)
    lines.append(f"{i},{group},{x:.4f},{x * 2 + random.gauss(0, ord(group) - 96):.4f}")
df = pd.read_csv(io.StringIO("\n".join(lines)))

slopes, kept = {}, []
for name, part in df.groupby("group"):
    a, b = np.polyfit(part["x"], part["y"], 1)
    slopes[name] = round(a, 4)
    residuals = part["y"] - (a * part["x"] + b)
    kept.append(part[residuals.abs() < 3 * residuals.std()])
df = pd.concat(kept)
df["label"] = df.apply(lambda row: f"{row['group']}{int(row['x'] > 0)}", axis=1)
counts = {}
for row in df.itertuples():
    key = row.label
    if key not in counts:
        counts[key] = [0, 0.0]
    counts[key][0] += 1
    counts[key][1] += row.y
means = {key: round(total / n, 4) for key, (n, total) in sorted(counts.items())}
boots = []
for _ in range(1500):
    index = np.random.default_rng(_).integers(0, len(df), len(df))
    boots.append(df["y"].to_numpy()[index].mean())
low, high = np.percentile(boots, [2.5, 97.5])
fig, axes = plt.subplots(2, 2, figsize=(8, 6))
for ax, (name, part) in zip(axes.flat, df.groupby("group")):
    ax.scatter(part["x"], part["y"], s=2)
    ax.set_title(name)
fig.savefig("mixed.png")
print(slopes, means, round(low, 5), round(high, 5))
