from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .record import Header, Record


@dataclass
class Output:
    """A record to write. Text is written as UTF-8."""

    value: bytes | str | None
    """None: a tombstone."""
    key: bytes | str | None = None
    """None: no key. `record.output(…)` keeps the record's."""
    headers: Iterable[Header | tuple[str, bytes | str | None]] | None = None
    """None: the record's, as they are. Empty: no headers."""
    topic: str | None = None
    """None: the spec's `output_topic`."""


class _Unchanged:
    def __repr__(self) -> str:
        return "UNCHANGED"


UNCHANGED = _Unchanged()
"""The record goes on as it came."""

DROP: tuple[Output, ...] = ()
"""Nothing goes on."""


def outputs_of(answer: Any, record: Record) -> list[Output]:
    """Every output that `transform` answered. Raises TypeError for what is no answer, as when `return` was forgotten."""
    if type(answer) is Output:
        return [answer]
    if answer is UNCHANGED:
        return [Output(record.value, record.key)]
    if isinstance(answer, (bytes, str)):
        return [Output(answer, record.key)]
    if isinstance(answer, (list, tuple)) and all(isinstance(item, Output) for item in answer):
        return list(answer)
    if isinstance(answer, Output):
        return [answer]
    of = f" of {type(answer[0]).__name__}" if isinstance(answer, (list, tuple)) else ""
    raise TypeError(
        f"transform answered {type(answer).__name__}{of}: it answers UNCHANGED, DROP, a value (bytes or str), an Output or a list of Outputs"
    )


def data(part: Any, what: str) -> bytes | None:
    """A part of an output as bytes. Raises TypeError."""
    if part is None or type(part) is bytes:
        return part
    if isinstance(part, str):
        return part.encode()
    if isinstance(part, (bytes, bytearray, memoryview)):
        return bytes(part)
    raise TypeError(f"{what} of an output is {type(part).__name__}: it is bytes, str or None")


def name(text: Any, what: str) -> str:
    """A name as the host takes it. Raises TypeError, or ValueError where it has no UTF-8."""
    if not isinstance(text, str):
        raise TypeError(f"{what} of an output is {type(text).__name__}: it is str")
    text.encode()
    return text
