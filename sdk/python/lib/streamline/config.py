from __future__ import annotations

from dataclasses import MISSING, fields
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from .failure import TransformError

T = TypeVar("T")


def read_config(kind: type[T], config: dict[str, Any]) -> T:
    """Reads the spec's `config` into a dataclass, so that a mistake in it refuses the deploy.

    Raises TransformError for a field that the dataclass does not have, one that is missing and has no default, and one that is not of
    its type. Types: str, int, float, bool, list, dict, `list[str]`, `dict[str, float]` and so on, each with `| None`.
    """
    if not isinstance(config, dict):
        raise TransformError("config is no map")
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    hints = get_type_hints(kind)
    for name in config:
        if name not in known:
            raise TransformError(f"config.{name}: there is no such field; there are {', '.join(known)}")
    for name, field in known.items():
        if name in config:
            _check(f"config.{name}", config[name], hints[name])
        elif field.default is MISSING and field.default_factory is MISSING:
            raise TransformError(f"config.{name} is missing")
    return kind(**config)


_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false", list: "a list", dict: "a map"}


def _check(place: str, value: Any, wanted: Any) -> None:
    kind = get_origin(wanted) or wanted
    if kind in (UnionType, Union):
        others = [part for part in get_args(wanted) if part is not NoneType]
        if value is not None and len(others) == 1:
            _check(place, value, others[0])
        return
    if kind not in _NAMES:
        return  # the dataclass knows
    taken = (int, float) if kind is float else (kind,)
    if not isinstance(value, taken) or (isinstance(value, bool) and kind is not bool):
        raise TransformError(f"{place} is not {_NAMES[kind]}")
    parts = get_args(wanted)
    if kind is list and parts:
        for at, item in enumerate(value):
            _check(f"{place}[{at}]", item, parts[0])
    if kind is dict and len(parts) == 2:
        for key, item in value.items():
            _check(f"{place}.{key}", item, parts[1])
