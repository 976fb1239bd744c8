from __future__ import annotations

import json
import time
from types import ModuleType
from typing import Any

from . import host
from .output import Output, outputs_of
from .record import Header, Record


class Trial:
    """A transform in a unit test, without WebAssembly: `Trial(app, {"fields": ["email"]})` calls `init`.

    What `init` and `transform` raise comes out as it is. Differs from a component in what the machine has: files, environment, network,
    imports that happen late.
    """

    def __init__(self, app: ModuleType, config: dict[str, Any] | None = None) -> None:
        self.lines: list[tuple[str, str]] = []
        """What was logged: level and message."""
        self.metrics: dict[str, float] = {}
        self.clock_ms: int | None = None
        """What `now_ms` answers; None: the machine's clock."""
        self._app = app
        if hasattr(app, "init"):
            # As JSON, so that a tuple is a list here too.
            self._call(app.init, json.loads(json.dumps(config or {})))

    def __call__(
        self,
        value: bytes | str | None,
        *,
        key: bytes | str | None = None,
        headers: list[tuple[str, bytes | None]] | None = None,
        topic: str = "input",
        partition: int = 0,
        offset: int = 0,
        timestamp_ms: int | None = None,
    ) -> list[Output]:
        """Puts one record through, and answers what comes out: none, one or several."""
        told = [Header(*header) for header in headers or []]
        record = Record(_bytes(value), _bytes(key), told, topic, partition, offset, timestamp_ms)
        given = Record(_bytes(value), _bytes(key), told, topic, partition, offset, timestamp_ms)
        return [
            Output(_bytes(out.value), _bytes(out.key), out.headers, out.topic)
            for out in outputs_of(self._call(self._app.transform, record), given)
        ]

    def _call(self, function: Any, *args: Any) -> Any:
        before = host.attach(self)
        try:
            return function(*args)
        finally:
            host.attach(before)

    def log(self, level: str, message: str) -> None:
        self.lines.append((level, message))

    def metric_add(self, name: str, amount: float) -> None:
        self.metrics[name] = self.metrics.get(name, 0) + amount

    def metric_set(self, name: str, value: float) -> None:
        self.metrics[name] = value

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 if self.clock_ms is None else self.clock_ms


def _bytes(part: Any) -> Any:
    return part.encode() if isinstance(part, str) else part
