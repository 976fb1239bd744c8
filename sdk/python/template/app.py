"""Masks e-mail addresses in JSON events: what stands before the @ becomes ***."""

from dataclasses import dataclass

from streamline import UNCHANGED, Output, Record, TransformError, metric_add, read_config


@dataclass
class Settings:
    """The spec's config."""

    fields: list[str]
    """Fields of the event that hold an address."""


settings = Settings([])


def init(config: dict) -> None:
    global settings
    settings = read_config(Settings, config)
    if not settings.fields:
        raise TransformError('config.fields names no field, as in ["email"]')


def transform(record: Record) -> Output | object:
    if record.value is None:
        return UNCHANGED
    event = record.json_object()
    masked = False
    for field in settings.fields:
        address = event.get(field)
        if isinstance(address, str) and "@" in address:
            event[field] = "***@" + address.split("@", 1)[1]
            masked = True
    if not masked:
        return UNCHANGED
    metric_add("events_masked")
    return record.json_output(event)
