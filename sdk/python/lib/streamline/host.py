from __future__ import annotations

import math
import re
import sys
import time
from typing import Protocol

LEVELS = ("trace", "debug", "info", "warn", "error")


class Host(Protocol):
    """What stands behind the functions below: the sidecar in a component, a Trial in unit tests, else the terminal."""

    def log(self, level: str, message: str) -> None: ...
    def metric_add(self, name: str, amount: float) -> None: ...
    def metric_set(self, name: str, value: float) -> None: ...
    def now_ms(self) -> int: ...


class Terminal:
    def log(self, level: str, message: str) -> None:
        print(f"{level} {message}", file=sys.stderr)

    def metric_add(self, name: str, amount: float) -> None:
        pass

    def metric_set(self, name: str, value: float) -> None:
        pass

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


_host: Host = Terminal()


def attach(host: Host) -> Host:
    """Puts another host there and answers the one before."""
    global _host
    before, _host = _host, host
    return before


def log(level: str, message: str) -> None:
    """A line of the transform's log, cut by the sidecar's limits. Levels: trace, debug, info, warn, error. Raises ValueError.

    `print` is a line of level info, standard error of level warn.
    """
    if level not in LEVELS:
        raise ValueError(f"there is no log level {level!r}; there are {', '.join(LEVELS)}")
    _host.log(level, str(message))


def metric_add(name: str, amount: float = 1) -> None:
    """Adds to a counter, `streamline_transform_guest_counter_total{name}`. Raises ValueError for a bad name and an amount below 0."""
    _check_metric(name, amount)
    if amount < 0:
        raise ValueError(f"metric {name}: a counter takes no negative amount")
    _host.metric_add(name, float(amount))


def metric_set(name: str, value: float) -> None:
    """Sets a gauge, `streamline_transform_guest_gauge{name}`. Raises ValueError for a bad name and a value that is not finite."""
    _check_metric(name, value)
    _host.metric_set(name, float(value))


def now_ms() -> int:
    """Milliseconds since 1970 by the machine's clock. `time.time()` is the record's timestamp, which does not change when it is tried again."""
    return _host.now_ms()


_good_names: set[str] = set()


# Here, because the host ends the call for these, and with it the instance.
def _check_metric(name: str, amount: float) -> None:
    if name not in _good_names:
        if re.fullmatch("[a-z_][a-z0-9_]{0,63}", name) is None:
            raise ValueError(f"{name!r} names no metric: [a-z_][a-z0-9_]*, at most 64 characters")
        if len(_good_names) == 64:
            raise ValueError(f"metric {name}: there are 64 already")
        _good_names.add(name)
    if not math.isfinite(amount):
        raise ValueError(f"metric {name}: {amount} is no finite number")
