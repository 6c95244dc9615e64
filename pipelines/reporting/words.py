"""Numbers and metrics in the words of the page."""

from __future__ import annotations

from typing import Final

from pipelines.reporting.schema import Estimate

METRIC_WORDS: Final[dict[str, tuple[str, str]]] = {
    "roc_auc": (
        "ROC-AUC",
        "chance that an SQL is ranked above another lead; 0.5 is a coin toss, 1 is perfect",
    ),
    "pr_auc": (
        "PR-AUC",
        "mean share of SQLs among the leads ranked above each SQL; the base rate is a coin toss",
    ),
    "log_loss": ("Log loss", "surprise per lead; lower is better"),
    "brier": ("Brier score", "squared error of the probability; lower is better"),
    "ece": (
        "Calibration error (ECE)",
        "mean gap between promised and real share, in ten equal groups; noise adds to it",
    ),
    "ece_debiased": ("… without noise", "the same as a root mean square, less what chance alone would give"),
    "calibration_slope": ("Calibration slope", "1 is right; below 1 too bold, above 1 too timid"),
    "calibration_intercept": (
        "Calibration intercept",
        "0 is right; above 0 the probabilities are too low on the whole",
    ),
    "lift_at_5": ("Lift, top 5 %", "SQLs among the best 5 % of leads, compared with leads taken at random"),
    "lift_at_10": ("Lift, top 10 %", "the same for the best tenth"),
    "lift_at_20": ("Lift, top 20 %", "the same for the best fifth"),
    "precision_at_10": ("SQL share, top 10 %", "share of the best tenth of leads that became SQL"),
}
"""For each metric, its name and what it says."""

DECIMALS: Final = {"log_loss": 4, "brier": 4, "lift_at_5": 2, "lift_at_10": 2, "lift_at_20": 2}
SHARES: Final = frozenset({"precision_at_10"})
UNDEFINED: Final = "\N{EN DASH}"


def figure(metric: str, value: float | None) -> str:
    """A metric as the page writes it.

    >>> figure("roc_auc", 0.70449), figure("precision_at_10", 0.3141)
    ('0.704', '31.4 %')
    """
    if value is None:
        return UNDEFINED
    if metric in SHARES:
        return percent(value, 1)
    return _minus(f"{value:.{DECIMALS.get(metric, 3)}f}")


def span(metric: str, estimate: Estimate) -> str:
    """The interval of a metric."""
    if estimate.low is None:
        return ""
    return f"{figure(metric, estimate.low)} to {figure(metric, estimate.high)}"


def signed(metric: str, value: float | None) -> str:
    """A difference, with its sign; of shares in percentage points.

    >>> signed("roc_auc", 0.012), signed("precision_at_10", 0.05)
    ('+0.012', '+5.0 pp')
    """
    words = figure(metric, value)
    if metric in SHARES:
        words = words.replace("%", "pp")
    return f"+{words}" if value is not None and value > 0 else words


def percent(share: float | None, decimals: int = 0) -> str:
    """A share in percent.

    >>> percent(0.1234), percent(0.1234, 1)
    ('12 %', '12.3 %')
    """
    return UNDEFINED if share is None else _minus(f"{100 * share:.{decimals}f} %")


def times(factor: float) -> str:
    """A multiple, as on the axis of a lift chart."""
    return f"{factor:g}\N{MULTIPLICATION SIGN}"


def whole(count: float) -> str:
    """A count with thin spaces between thousands."""
    return f"{count:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def day(instant: str) -> str:
    """The day of an ISO instant."""
    return instant[:10] or UNDEFINED


def _minus(words: str) -> str:
    return words.replace("-", "\N{MINUS SIGN}")
