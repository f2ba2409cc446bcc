"""Digits told apart by several models with cross-validation: scikit-learn does the work."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
models = {
    "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)),
    "svc": make_pipeline(StandardScaler(), PCA(30), SVC()),
    "forest": RandomForestClassifier(150, random_state=0),
    "boosting": GradientBoostingClassifier(n_estimators=12, random_state=0),
}
scores, errors = {}, {}
for name, model in models.items():
    folds = cross_val_score(model, X_train, y_train, cv=4)
    scores[name] = folds.mean()
    model.fit(X_train, y_train)
    confusion = confusion_matrix(y_test, model.predict(X_test))
    np.fill_diagonal(confusion, 0)
    errors[name] = int(confusion.sum())
    print(f"{name:10} {scores[name]:.4f} {errors[name]}")
best = max(scores, key=scores.get)
curve = []
for depth in range(2, 14, 2):
    forest = RandomForestClassifier(60, max_depth=depth, random_state=1).fit(X_train, y_train)
    curve.append(round(forest.score(X_test, y_test), 4))
print(best, curve)
