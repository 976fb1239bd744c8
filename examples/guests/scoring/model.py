"""A logistic model, as the config describes it: what is read from a transaction, and what that weighs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from streamline import TransformError, read_config


@dataclass
class Feature:
    """A number that is read from one field: the field's own, or whether it is one of some values (1) or not (0)."""

    field: str
    one_of: list | None = None
    none_of: list | None = None
    log: bool = False
    """ln(1 + number): for amounts, which have no upper end."""
    mean: float = 0.0
    scale: float = 1.0
    """(number - mean) / scale, after `log`."""
    missing: float | None = None
    """What stands for a field that is not there, or null; without it such a transaction is rejected."""

    def of(self, transaction: dict[str, Any]) -> float:
        value = transaction.get(self.field)
        if value is None and self.missing is not None:
            return self.missing
        if self.one_of is not None or self.none_of is not None:
            if value is None:
                raise TransformError(f"there is no {self.field}")
            listed = any(_same(value, known) for known in self.one_of or self.none_of or [])
            return float(listed == (self.one_of is not None))
        number = _number(value, self.field)
        if self.log:
            if number < 0:
                raise TransformError(f"{self.field} is negative")
            number = math.log1p(number)
        return (number - self.mean) / self.scale


@dataclass
class Model:
    """The spec's config."""

    weights: dict[str, float]
    """By feature. One that `features` does not describe is the number in the field of that name."""
    bias: float
    threshold: float
    """A score of this or more is flagged."""
    features: dict[str, dict] = field(default_factory=dict)
    bands: dict[str, float] = field(default_factory=lambda: {"low": 0.0, "medium": 0.3, "high": 0.7})
    """By name, the least score that is in it."""

    def __post_init__(self) -> None:
        if not self.weights:
            raise TransformError("config.weights is empty")
        for name in self.features:
            if name not in self.weights:
                raise TransformError(f"config.features.{name} has no weight")
        if not 0 <= self.threshold <= 1:
            raise TransformError("config.threshold is not from 0 to 1")
        self._bands = sorted(((least, name) for name, least in self.bands.items()), reverse=True)
        if not self._bands or self._bands[-1][0] > 0:
            raise TransformError("config.bands: none of them begins at 0")
        self._terms = [(weight, self._feature(name)) for name, weight in self.weights.items()]

    def _feature(self, name: str) -> Feature:
        if name not in self.features:
            return Feature(name)
        try:
            feature = read_config(Feature, self.features[name])
        except TransformError as error:
            raise TransformError(f"config.features.{name}: {error.message}") from None
        listing = [one for one in (feature.one_of, feature.none_of) if one is not None]
        if len(listing) > 1 or feature.scale == 0:
            raise TransformError(f"config.features.{name}: give one of one_of and none_of, and no scale of 0")
        return feature

    def score(self, transaction: dict[str, Any]) -> float:
        """From 0 to 1, with four digits. Raises TransformError for a transaction that lacks a feature."""
        x = self.bias + sum(weight * feature.of(transaction) for weight, feature in self._terms)
        # Either way exp is of something negative, so it cannot overflow.
        p = 1 / (1 + math.exp(-x)) if x >= 0 else 1 - 1 / (1 + math.exp(x))
        return round(p, 4)

    def band(self, score: float) -> str:
        return next(name for least, name in self._bands if score >= least)


def _same(value: Any, known: Any) -> bool:
    # True is 1 in Python, and not in JSON.
    return value == known and isinstance(value, bool) == isinstance(known, bool)


def _number(value: Any, name: str) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
    raise TransformError(f"{name} is no number" if value is not None else f"there is no {name}")
