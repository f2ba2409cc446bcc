"""Which tumours are malignant? Breast cancer data (Wisconsin, 569 samples), as shipped with scikit-learn.

Written over several afternoons. Everything is still in here.
"""

import os
import random
from collections import Counter
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import sklearn.datasets
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix, roc_auc_score
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import cleaning
from cleaning import clip_outliers, read_table

SEED = 7
random.seed(SEED)
np.random.seed(SEED)

plt.rcParams["figure.dpi"] = 60
plt.rcParams["axes.grid"] = True
os.makedirs("figures", exist_ok=True)

# ---- load -----------------------------------------------------------------------------------

data_directory = Path(sklearn.datasets.__file__).parent / "data"
df = read_table(data_directory / "breast_cancer.csv")
print(df.shape)
print(df.head())
print(df.dtypes.value_counts())
classes = df.attrs["classes"]
print("classes:", classes, Counter(df["target"]))

wine = pd.read_csv(data_directory / "wine_data.csv", skiprows=1, header=None)
print("wine, for comparison:", wine.shape)

# ---- look -----------------------------------------------------------------------------------

summary = df.describe().T
print(summary[["mean", "std", "max"]].round(2).head(8))

by_class = df.groupby("target")["radius_mean"].mean()
print("radius by class:", by_class.round(2).to_dict())

fig, axes = plt.subplots(2, 2, figsize=(7, 5))
for ax, column in zip(axes.flat, ["radius_mean", "texture_mean", "area_mean", "symmetry_mean"]):
    for value, group in df.groupby("target"):
        ax.hist(group[column], bins=20, alpha=0.5, label=classes[value])
    ax.set_title(column)
axes[0, 0].legend()
plt.tight_layout()
plt.savefig("figures/histograms.png")
plt.close()

# is area just radius squared?
ratio = df["area_mean"] / (np.pi * df["radius_mean"] ** 2)
print("area / (pi r^2):", round(ratio.mean(), 3), "+-", round(ratio.std(), 3))

# ---- clean ----------------------------------------------------------------------------------

# some concavities are exactly zero: probably not measured
zeros = df["concavity_mean"] == 0
print("zero concavity:", zeros.sum())
df.loc[zeros, "concavity_mean"] = np.nan
df["concavity_mean"] = df["concavity_mean"].fillna(df["concavity_mean"].median())

before = df["area_error"].max()
n_clipped = clip_outliers(df, [c for c in df.columns if c.endswith("_error")])
print("clipped", n_clipped, "values; largest area error", before, "->", df["area_error"].max())

doubles = cleaning.correlated_pairs(df.drop(columns="target"), 0.97)
print("nearly the same:", doubles)
for column in doubles:
    del df[column]
df.insert(0, "log_area", np.log(df["radius_mean"] ** 2))

# tried this, made everything worse
# df["ratio"] = ratio
rounded = df.copy()
rounded[rounded.columns] = rounded.round(1)
print("rounded:", rounded.iloc[0].tolist()[:4])

# ---- features -------------------------------------------------------------------------------

y = df.pop("target").to_numpy()
y = 1 - y  # 1 is malignant
X = df.to_numpy()
feature_names = list(df.columns)
print(X.shape, "share malignant:", round(y.mean(), 3))

X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=SEED, stratify=y)

pca = PCA(n_components=2)
projected = pca.fit_transform(StandardScaler().fit_transform(X))
explained = pca.explained_variance_ratio_.sum()
print("two components explain", round(explained, 3))

plt.figure(figsize=(4, 4))
plt.scatter(projected[:, 0], projected[:, 1], c=y, s=8, cmap="coolwarm")
plt.title("PCA")
plt.savefig("figures/pca.png")
plt.close()

# by hand, for fun: nearest centroid
centroids = np.array([X_train[y_train == k].mean(axis=0) for k in (0, 1)])
distance = ((X_test[:, None, :] - centroids[None]) ** 2).sum(axis=2)
by_hand = accuracy_score(y_test, distance.argmin(axis=1))
print("nearest centroid:", round(by_hand, 4))


# ---- models ---------------------------------------------------------------------------------

class Leaderboard:
    """Remembers how the models did."""

    def __init__(self):
        self.rows = []
        self.fitted = {}

    def add(self, name, model, scores):
        self.fitted[name] = model
        self.rows.append({"model": name, "cv": scores.mean(), "spread": scores.std()})
        self.rows.sort(key=lambda row: -row["cv"])

    @property
    def best(self):
        return self.rows[0]["model"]

    def table(self):
        return pd.DataFrame(self.rows).round(4)


def evaluate(model, X, y, folds=5):
    scores = cross_val_score(model, X, y, cv=folds)
    return scores


candidates = {
    "tree": DecisionTreeClassifier(max_depth=4, random_state=SEED),
    "naive bayes": GaussianNB(),
    "neighbours": make_pipeline(StandardScaler(), KNeighborsClassifier(7)),
    "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
    "forest": RandomForestClassifier(60, random_state=SEED),
}
board = Leaderboard()
n_fits = 0
for name, model in candidates.items():
    scores = evaluate(model, X_train, y_train)
    n_fits += len(scores)
    model.fit(X_train, y_train)
    board.add(name, model, scores)
    print(f"{name:12} {scores.mean():.4f} +- {scores.std():.4f}")
print(n_fits, "fits")

best_name = board.best
best_model = board.fitted[best_name]
predicted = best_model.predict(X_test)
accuracy = accuracy_score(y_test, predicted)
confusion = confusion_matrix(y_test, predicted)
print("best:", best_name, "accuracy", round(accuracy, 4))
print(confusion)

# does it matter how much data there is?
sizes, curve = [50, 100, 200, 300], []
for size in sizes:
    small = LogisticRegression(max_iter=5000)
    scaler = StandardScaler().fit(X_train[:size])
    small.fit(scaler.transform(X_train[:size]), y_train[:size])
    curve.append(small.score(scaler.transform(X_test), y_test))
plt.plot(sizes, curve, marker="o")
plt.xlabel("samples")
plt.savefig("figures/learning_curve.png")
plt.close()

# how sure are we? bootstrap the accuracy
draws = []
for _ in range(200):
    index = np.random.randint(0, len(y_test), len(y_test))
    draws.append(np.mean(predicted[index] == y_test[index]))
low, high = np.percentile(draws, [2.5, 97.5])
print(f"95 % of the time between {low:.3f} and {high:.3f}")

# ---- what matters ---------------------------------------------------------------------------

forest = candidates["forest"]
importance = pd.Series(forest.feature_importances_, index=feature_names).sort_values(ascending=False)
print(importance.head(5).round(3))
top_features = list(importance.index[:3])

importance.head(10).plot.barh(figsize=(6, 4))
plt.tight_layout()
plt.savefig("figures/importance.png")
plt.close()

auc = {}
for name, model in board.fitted.items():
    auc[name] = roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])
best_auc = max(auc.values())

# ---- report ---------------------------------------------------------------------------------

report = board.table()
report["auc"] = report["model"].map(auc).round(4)
report["rank"] = np.arange(1, len(report) + 1)
report.to_csv("report.csv", index=False)

back = pd.read_csv("report.csv")
assert list(back.columns) == list(report.columns)
winner = back.loc[back["auc"].idxmax(), "model"]
print("largest area under the curve:", winner)
if winner != best_name:
    print("not the same as the most accurate one!")

with open("notes.txt", "w") as f:
    f.write(f"best model: {best_name}\naccuracy: {accuracy:.4f}\n")
    for problem in cleaning.problems:
        f.write(f"problem: {problem}\n")
print("lucky number:", random.randint(1, 100))
