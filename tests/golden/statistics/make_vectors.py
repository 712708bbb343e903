"""Writes vectors.json: inputs, and what numpy, scipy, statsmodels and arch make of them.

    python3 -m venv venv && venv/bin/pip install numpy scipy statsmodels arch
    venv/bin/python tests/golden/statistics/make_vectors.py

tests/statistics/vectors.rs reads the file. The versions used are in it.
"""

import json
import pathlib

import arch
import numpy as np
import scipy
import statsmodels
from arch.bootstrap import optimal_block_length
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.tsa.stattools import acf

RNG = np.random.default_rng(20261123)
ALTERNATIVES = {"two_sided": "two-sided", "less": "less", "greater": "greater"}
PERCENTS = [0, 1, 2.5, 5, 25, 50, 75, 90, 95, 99, 100]


def numbers(values):
    return [float(value) for value in values]


def ar1(size, phi, noise):
    series = np.empty(size)
    value = 0.0
    for place in range(-200, size):
        value = phi * value + noise()
        if place >= 0:
            series[place] = value
    return series


def summaries():
    sets = [
        RNG.normal(50, 3, 31),
        RNG.lognormal(3, 0.8, 40),
        RNG.integers(0, 9, 25).astype(float),
        np.array([7.0, 7.0]),
        RNG.normal(1e6, 1e-2, 100),
    ]
    for samples in sets:
        yield {
            "samples": numbers(samples),
            "percents": PERCENTS,
            "percentiles": numbers(np.percentile(samples, PERCENTS)),
            "median": float(np.median(samples)),
            "mean": float(np.mean(samples)),
            "variance": float(np.var(samples, ddof=1)),
            "median_absolute_deviation": float(stats.median_abs_deviation(samples)),
        }


def pairs_of_sets():
    yield RNG.normal(0, 1, 4), RNG.normal(0.5, 1, 5)
    yield RNG.normal(0, 1, 9), RNG.normal(1, 2, 12)
    yield RNG.lognormal(0, 1, 20), RNG.lognormal(0.4, 1, 20)
    yield RNG.normal(10, 1, 3), RNG.normal(12, 1, 30)
    yield RNG.normal(10, 1, 60), RNG.normal(10.3, 1, 80)
    # Rounded, so that there are ties within and between.
    yield np.round(RNG.normal(5, 2, 6)), np.round(RNG.normal(6, 2, 7))
    yield np.round(RNG.normal(5, 2, 90)), np.round(RNG.normal(5.5, 2, 70))
    yield np.array([1.0, 1, 2, 2]), np.array([2.0, 2, 3])


def every_split(first, second):
    """The permutation distribution of U over all splits: exact with ties, by scipy's own permutation test."""

    def u(x, y, axis):
        return stats.mannwhitneyu(x, y, axis=axis, method="asymptotic").statistic

    return {
        name: float(
            stats.permutation_test(
                (first, second), u, vectorized=True, n_resamples=np.inf, alternative=alternative
            ).pvalue
        )
        for name, alternative in ALTERNATIVES.items()
    }


def mann_whitney():
    for first, second in pairs_of_sets():
        both = np.concatenate([first, second])
        tied = len(np.unique(both)) < len(both)

        def p_values(method):
            return {
                name: float(stats.mannwhitneyu(first, second, alternative=alternative, method=method).pvalue)
                for name, alternative in ALTERNATIVES.items()
            }

        exact = None
        if not tied and len(both) <= 53:
            exact = p_values("exact")
        elif tied and len(both) <= 13:
            exact = every_split(first, second)
        yield {
            "first": numbers(first),
            "second": numbers(second),
            "u": float(stats.mannwhitneyu(first, second).statistic),
            "normal": p_values("asymptotic"),
            "exact": exact,
        }


def inverted(jumps, p_value):
    """Interval of the shifts that a rank test accepts: the test is tried between all neighbouring jumps of
    its statistic, and the ends of the accepted gaps are the interval. None when it never rejects."""
    jumps = np.unique(jumps)
    span = jumps[-1] - jumps[0] + 1
    edges = np.concatenate([[jumps[0] - span], jumps, [jumps[-1] + span]])
    middles = (edges[1:] + edges[:-1]) / 2
    inside = [place for place, shift in enumerate(middles) if p_value(shift) > 0.05]
    if inside[0] == 0 or inside[-1] == len(middles) - 1:
        return None
    return [float(edges[inside[0]]), float(edges[inside[-1] + 1])]


def shifts():
    sets = [
        (RNG.normal(0, 1, 3), RNG.normal(0.5, 1, 3), "exact"),
        (RNG.normal(0, 1, 4), RNG.normal(0.5, 1, 5), "exact"),
        (RNG.normal(100, 3, 12), RNG.normal(103, 3, 9), "exact"),
        (RNG.lognormal(0, 1, 20), RNG.lognormal(0.4, 1, 20), "exact"),
        (RNG.normal(10, 1, 40), RNG.normal(10.3, 1, 35), "asymptotic"),
    ]
    for base, candidate, method in sets:
        differences = np.subtract.outer(candidate, base).ravel()
        yield {
            "base": numbers(base),
            "candidate": numbers(candidate),
            "estimate": float(np.median(differences)),
            "interval": inverted(
                differences, lambda shift: stats.mannwhitneyu(candidate - shift, base, method=method).pvalue
            ),
        }


def paired_shifts():
    for size, method in [(4, "exact"), (6, "exact"), (15, "exact"), (40, "exact"), (120, "approx")]:
        differences = RNG.normal(0.4, 1, size)
        averages = [(a + b) / 2 for i, a in enumerate(differences) for b in differences[i:]]
        yield {
            "differences": numbers(differences),
            "estimate": float(np.median(averages)),
            "interval": inverted(
                averages, lambda shift: stats.wilcoxon(differences - shift, method=method, correction=True).pvalue
            ),
        }


def signed_rank():
    sets = [
        RNG.normal(0.3, 1, 5),
        RNG.normal(0.3, 1, 12),
        RNG.normal(0.3, 1, 50),
        RNG.normal(0.1, 1, 140),
        np.array([1.0, -1, 2, 2, -3, 4, 0, 4, 5]),
        np.round(RNG.normal(0.4, 3, 12)),
        np.round(RNG.normal(0.4, 3, 120)),
    ]
    for differences in sets:
        used = differences[differences != 0]
        tied = len(np.unique(np.abs(used))) < len(used)

        def p_values(**options):
            return {
                name: float(stats.wilcoxon(used, alternative=alternative, **options).pvalue)
                for name, alternative in ALTERNATIVES.items()
            }

        exact = None
        if not tied and len(used) <= 100:
            exact = p_values(method="exact")
        elif len(used) <= 13:
            exact = p_values(method=stats.PermutationMethod(n_resamples=np.inf))
        yield {
            "differences": numbers(differences),
            "positive_rank_sum": float(stats.wilcoxon(used, alternative="greater").statistic),
            "normal": p_values(method="approx", correction=True),
            "exact": exact,
        }


def welch():
    sets = [
        (RNG.normal(0, 1, 10), RNG.normal(1, 3, 15)),
        (RNG.normal(1e3, 1e-3, 40), RNG.normal(1e3, 2e-3, 12)),
        (RNG.normal(0, 1, 30), RNG.normal(4, 1, 30)),
        (np.array([1.0, 2.0]), np.array([2.0, 4.0])),
    ]
    for first, second in sets:
        test = stats.ttest_ind(first, second, equal_var=False)
        interval = test.confidence_interval(0.95)
        yield {
            "first": numbers(first),
            "second": numbers(second),
            "t": float(test.statistic),
            "degrees_of_freedom": float(test.df),
            "p_value": float(test.pvalue),
            "interval": [float(interval.low), float(interval.high)],
        }


def corrections():
    sets = [
        RNG.uniform(0, 1, 20),
        np.concatenate([RNG.uniform(0, 0.005, 10), RNG.uniform(0, 1, 30)]),
        np.array([0.01, 0.01, 0.04, 0.04, 1.0, 0.0]),
    ]
    for p_values in sets:
        yield {
            "p_values": numbers(p_values),
            "holm": numbers(multipletests(p_values, method="holm")[1]),
            "benjamini_hochberg": numbers(stats.false_discovery_control(p_values)),
        }


def integrated_time(series):
    """Geyer's initial monotone sequence on statsmodels' autocorrelations, never under 1."""
    correlations = acf(series, nlags=len(series) - 1, fft=False)
    total, last = 0.0, np.inf
    for even in range(0, len(series) - 1, 2):
        pair = correlations[even] + correlations[even + 1]
        if pair <= 0:
            break
        last = min(last, pair)
        total += last
    return max(1.0, 2 * total - 1)


def series():
    sets = [
        RNG.normal(0, 1, 60),
        ar1(200, 0.6, RNG.normal) + 20,
        ar1(301, 0.9, lambda: RNG.exponential(1)),
        ar1(100, -0.5, RNG.normal),
    ]
    for values in sets:
        yield {
            "series": numbers(values),
            "autocorrelation": numbers(acf(values, nlags=20, fft=False)),
            "integrated_time": float(integrated_time(values)),
            "median_time": float(integrated_time(np.sign(values - np.median(values)))),
            "block_length": float(optimal_block_length(values)["circular"].iloc[0]),
        }


def bootstraps():
    for samples, name in [
        (RNG.lognormal(0, 1, 30), "mean"),
        (RNG.exponential(2, 15), "mean"),
        (RNG.normal(10, 1, 21), "median"),
    ]:
        statistic = {"mean": np.mean, "median": np.median}[name]

        first = stats.bootstrap((samples,), statistic, n_resamples=499, method="percentile", rng=RNG)
        corrected = stats.bootstrap(
            (samples,), statistic, n_resamples=0, method="BCa", bootstrap_result=first
        )
        yield {
            "samples": numbers(samples),
            "statistic": name,
            "distribution": numbers(first.bootstrap_distribution),
            "percentile_interval": numbers(first.confidence_interval),
            "bca_interval": numbers(corrected.confidence_interval),
        }


SECTIONS = [
    summaries, mann_whitney, shifts, paired_shifts, signed_rank, welch, corrections, series, bootstraps,
]

document = {
    "versions": {module.__name__: module.__version__ for module in (np, scipy, statsmodels, arch)},
    **{section.__name__: list(section()) for section in SECTIONS},
}
target = pathlib.Path(__file__).with_name("vectors.json")
lines = [f' "{name}": ' + (json.dumps(rows) if isinstance(rows, dict) else
         "[\n  " + ",\n  ".join(json.dumps(row) for row in rows) + "\n ]") for name, rows in document.items()]
target.write_text("{\n" + ",\n".join(lines) + "\n}\n")
