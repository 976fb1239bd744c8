from __future__ import annotations

import json
from typing import Any, NoReturn

from .failure import TransformError


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse)
_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_ascii_encoder = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


def from_json(text: bytes | str | None) -> Any:
    """What JSON text stands for. Raises TransformError where it is none.

    Whole numbers keep all their digits (up to 4,300), numbers with a point become floats. Of a name that is there twice the last counts.
    """
    try:
        if text is None:
            raise ValueError("a tombstone")
        return _decoder.decode(text if isinstance(text, str) else text.decode())
    except (ValueError, RecursionError) as error:
        raise TransformError(f"the value is no JSON: {error}") from None


def to_json(value: Any) -> bytes:
    """JSON text in UTF-8, without spaces. Raises ValueError for NaN and infinity, TypeError for what JSON has no form for."""
    try:
        return _encoder.encode(value).encode()
    except UnicodeEncodeError:  # half a surrogate pair: as an escape, as it came
        return _ascii_encoder.encode(value).encode()
