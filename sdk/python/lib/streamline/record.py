from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .failure import TransformError
from .json_text import from_json, to_json
from .output import Output


class Header(NamedTuple):
    """None is a header without a value, which is not the same as an empty one."""

    name: str
    value: bytes | None


@dataclass
class Record:
    """A record as it was read."""

    value: bytes | None
    """None: a tombstone. Shown only where the spec says `input.tombstones: transform`."""
    key: bytes | None = None
    headers: list[Header] = field(default_factory=list)
    topic: str = "input"
    partition: int = 0
    offset: int = 0
    timestamp_ms: int | None = None
    """Milliseconds since 1970."""

    def json(self) -> Any:
        """The value as JSON. Raises TransformError where it is none, a tombstone included."""
        return from_json(self.value)

    def json_object(self) -> dict[str, Any]:
        """The value as a JSON object. Raises TransformError where it is none."""
        value = from_json(self.value)
        if not isinstance(value, dict):
            raise TransformError("the value is no JSON object")
        return value

    def header(self, name: str) -> bytes | None:
        """Value of the last header of that name; None also where there is none."""
        for header in reversed(self.headers):
            if header.name == name:
                return header.value
        return None

    def output(self, value: bytes | str | None, **changes: Any) -> Output:
        """An output with this record's key and headers; `topic`, `key` and `headers` change that."""
        return Output(value, **{"key": self.key, **changes})

    def json_output(self, value: Any, **changes: Any) -> Output:
        """As `output`, of a value that is written as JSON."""
        return self.output(to_json(value), **changes)
