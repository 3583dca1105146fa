"""Ridge regression on the diabetes data: how much regularisation predicts best?

Runs by itself (`python train.py`) and under Runyard, which keeps its log, metrics and outputs.
"""

import argparse
import csv
import json
import time
from pathlib import Path

import joblib
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score, root_mean_squared_error
from sklearn.model_selection import RepeatedKFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from threadpoolctl import threadpool_limits

try:
    from studio.client import Run
except ImportError:  # neither under Runyard nor with its client installed
    Run = None


def make_model(alpha):
    """Pairwise products of the ten measurements, scaled, then ridge regression."""
    return make_pipeline(PolynomialFeatures(2, include_bias=False), StandardScaler(), Ridge(alpha))


def search(alphas, features, target, repeats, log):
    """The alpha with the best cross-validated R², each one logged as it is known."""
    folds = RepeatedKFold(n_splits=5, n_repeats=repeats, random_state=0)
    scores = {}
    for step, alpha in enumerate(alphas):
        began = time.monotonic()
        found = cross_val_score(make_model(alpha), features, target, cv=folds, scoring="r2")
        scores[alpha] = float(found.mean())
        print(
            f"alpha {alpha:9.3f}   R² {found.mean():.4f} ± {found.std():.4f}   "
            f"{len(found)} fits in {time.monotonic() - began:.1f} s"
        )
        log("alpha", alpha, step)
        log("r2", scores[alpha], step)
    return max(scores, key=scores.get), scores


def save(folder, model, metrics, truth, predicted):
    """Everything worth keeping goes into one folder."""
    folder.mkdir(exist_ok=True)
    joblib.dump(model, folder / "model.pkl")
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    with (folder / "predictions.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["measured", "predicted"])
        rows.writerows((f"{a:.0f}", f"{b:.1f}") for a, b in zip(truth, predicted, strict=True))


def main():
    """Search, fit once more with the best alpha, judge on data that was never seen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--alphas", type=int, default=12, help="how many values to try")
    parser.add_argument("--repeats", type=int, default=8, help="repeats of the 5-fold split")
    options = parser.parse_args()
    log = Run.get_context().log if Run else lambda name, value, step=None: None

    threadpool_limits(1)  # matrices so small are slower on several threads
    features, target = load_diabetes(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(
        features, target, test_size=0.2, random_state=0
    )
    print(f"{len(train_y)} patients to learn from, {len(test_y)} to test on")

    alphas = [float(alpha) for alpha in np.logspace(-1, 4, options.alphas)]
    best, scores = search(alphas, train_x, train_y, options.repeats, log)

    model = make_model(best).fit(train_x, train_y)
    predicted = model.predict(test_x)
    metrics = {
        "best_alpha": best,
        "cross_validated_r2": scores[best],
        "test_r2": float(r2_score(test_y, predicted)),
        "test_rmse": float(root_mean_squared_error(test_y, predicted)),
    }
    for name, value in metrics.items():
        log(name, value)
    save(Path("outputs"), model, metrics, test_y, predicted)
    print(f"best alpha {best:.3f}: R² {metrics['test_r2']:.4f} on the test data")


if __name__ == "__main__":
    main()
