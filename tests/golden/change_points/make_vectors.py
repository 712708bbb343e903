"""Makes vectors.json: series of times with the change points that Apache Otava 0.8.0 finds in them.

    pip install apache-otava==0.8.0 && python make_vectors.py > vectors.json

Two things of Otava 0.8.0 are not followed, because its own sources mean something else:
- It gives its t-test the standard deviation that divides by n, which makes p-values too small for short pieces. Here
  its tester is replaced by a two-sample t-test with n - 1 (equal variances), checked against scipy's.
- When its second pass takes a point away, it computes the numbers of the next two points anew and leaves those of the
  one before as they were. Here both neighbours are computed anew. `otava` keeps the places that Otava itself finds.
Windows and splitting are Otava's. The statistic of single splits is computed a second time straight from its
definition (Matteson and James, 2014, section 2).
"""

import json
import sys
import warnings
from importlib.metadata import version

import numpy as np
from otava.analysis import TTestSignificanceTester, TTestStats, compute_change_points, split
from scipy import stats


def student(self, left, right):
    left, right = np.asarray(left, dtype=float), np.asarray(right, dtype=float)
    if len(left) + len(right) <= 2:
        p = 1.0
    elif np.ptp(left) == 0.0 and np.ptp(right) == 0.0:
        # Nothing varies: scipy gives NaN for equal means.
        p = 1.0 if left[0] == right[0] else 0.0
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            degrees = len(left) + len(right) - 2
            squares = np.sum((left - left.mean()) ** 2) + np.sum((right - right.mean()) ** 2)
            error = np.sqrt(squares / degrees * (1 / len(left) + 1 / len(right)))
            p = float(2 * stats.t.sf(abs(left.mean() - right.mean()) / error, degrees))
            if len(left) > 1 and len(right) > 1:
                assert np.isclose(p, stats.ttest_ind(left, right).pvalue, rtol=1e-9, atol=0)
    return TTestStats(pvalue=p, mean_1=left.mean(), mean_2=right.mean(), std_1=left.std(), std_2=right.std())


TTestSignificanceTester.compare = student


def merged(values, weak, p_value, magnitude):
    """The second pass: the least significant point goes, then the smallest one, until all of them hold."""
    places = list(weak)
    while True:
        ends = [0, *places, len(values)]
        pieces = [values[start:end] for start, end in zip(ends, ends[1:])]
        tests = [TTestSignificanceTester(p_value).compare(*pair) for pair in zip(pieces, pieces[1:])]
        if not tests:
            return []
        worst = max(range(len(tests)), key=lambda place: tests[place].pvalue)
        if tests[worst].pvalue < p_value:
            worst = min(range(len(tests)), key=lambda place: tests[place].change_magnitude())
            if tests[worst].change_magnitude() > magnitude:
                return [
                    {"index": place, "p_value": float(test.pvalue), "change": float(test.forward_rel_change())}
                    for place, test in zip(places, tests)
                ]
        del places[worst]


def best_split(series):
    """The split that maximises the statistic over all ends, by its definition: slow and plain."""
    best = (-np.inf, 0)
    for tau in range(1, len(series)):
        for end in range(tau + 1, len(series) + 1):
            left, right = series[:tau], series[tau:end]
            n, m = len(left), len(right)
            between = 2 / (n * m) * sum(abs(a - b) for a in left for b in right)
            within = 0.0
            for part in (left, right):
                k = len(part)
                if k > 1:
                    pairs = sum(abs(part[i] - part[j]) for i in range(k) for j in range(i + 1, k))
                    within += pairs / (k * (k - 1) / 2)
            statistic = n * m / (n + m) * (between - within)
            if statistic > best[0] + 1e-12:
                best = (statistic, tau)
    return {"statistic": best[0], "index": best[1]}


def series():
    random = np.random.default_rng(20261125)
    noise = lambda count, share=0.01: 1 + share * random.standard_normal(count)
    yield "noise", 100 * noise(60)
    yield "step of 5 %", 100 * np.concatenate([noise(30), 1.05 * noise(30)])
    yield "step of 2 % near the end", 100 * np.concatenate([noise(70), 1.02 * noise(12)])
    yield "slower, then mended", 100 * np.concatenate([noise(40), 1.08 * noise(8), noise(40)])
    yield "two steps up", 12.5 * np.concatenate([noise(25, 0.004), 1.02 * noise(25, 0.004), 1.05 * noise(25, 0.004)])
    yield "six steps over four windows", 3 * np.concatenate(
        [level * noise(30, 0.006) for level in (1, 1.04, 0.97, 1.1, 1.02, 1.3, 1.25)]
    )
    yield "one outlier", 100 * np.where(np.arange(50) == 20, 1.5, 1) * noise(50)
    yield "slow drift", 100 * (1 + 0.001 * np.arange(80)) * noise(80, 0.005)
    yield "heavy tails", 100 * (1 + 0.01 * random.standard_t(3, 120)) * np.where(np.arange(120) < 75, 1, 1.04)
    yield "exact counts with a step", np.array([5000.0] * 7 + [5100.0] * 5)
    yield "exact counts", np.array([5000.0] * 12)
    yield "four values", np.array([1.0, 1.01, 1.5, 1.51])
    yield "two values", np.array([1.0, 2.0])


def main():
    rows = []
    for name, values in series():
        values = [float(value) for value in values]
        row = {"name": name, "series": values, "found": []}
        if len(values) <= 60:
            row["best_split"] = best_split(values)
        for window, p_value, magnitude in ((50, 0.001, 0.0), (50, 0.001, 0.03), (30, 0.001, 0.0), (50, 0.01, 0.0)):
            weak = [int(point.index) for point in split(values, window, 10 * p_value)]
            own, _ = compute_change_points(values, window, p_value, magnitude)
            row["found"].append(
                {
                    "window": window,
                    "p": p_value,
                    "magnitude": magnitude,
                    "weak": weak,
                    "points": merged(values, weak, p_value, magnitude),
                    "otava": [int(point.index) for point in own],
                }
            )
        rows.append(row)
    made_with = {name: version(name) for name in ("apache-otava", "numpy", "scipy")}
    json.dump({"made_with": made_with, "rows": rows}, sys.stdout, indent=1)
    print()


main()
