"""Does what a record's value says, so that tests see the library from outside."""

import random
import sys
import time

from streamline import (
    DROP,
    UNCHANGED,
    Output,
    Record,
    TransformError,
    from_json,
    log,
    metric_add,
    metric_set,
    now_ms,
)


def init(config: dict) -> None:
    if "refuse" in config:
        raise TransformError(config["refuse"])
    if "bug" in config:
        config["none"]


def transform(record: Record) -> object:
    word, _, rest = (b"tombstone" if record.value is None else record.value).decode().partition(" ")
    if word == "unchanged" or word == "tombstone":
        return UNCHANGED
    if word == "drop":
        return DROP
    if word == "text":
        return rest
    if word == "bytes":
        return rest.encode()
    if word == "several":
        return [Output("1"), record.output(None), Output(b"3", key="ä", headers=[("a", None), ("b", "x")], topic="other")]
    if word == "show":
        headers = " ".join(f"{name}={value}" for name, value in record.headers)
        place = f"{record.topic}/{record.partition}/{record.offset}@{record.timestamp_ms}"
        return f"{place} {record.key} {headers} {record.header('h')}"
    if word == "fail":
        raise TransformError("no \ud800", retry=rest == "retry")
    if word == "bug":
        return {}["none"]
    if word == "nothing":
        return None
    if word == "dict":
        return {"a": 1}
    if word == "number":
        return Output(1)  # type: ignore[arg-type]
    if word == "surrogate":
        return Output("", topic="\ud800")
    if word == "late":
        import decimal

        return str(decimal)
    if word == "json":
        return str(from_json(rest))
    if word == "log":
        log("debug", rest)
        print("out")
        print("err", file=sys.stderr)
        return DROP
    if word == "metrics":
        metric_add("seen")
        metric_add("seen", 1.5)
        metric_set("level", -2)
        return DROP
    if word == "badmetric":
        metric_add(rest)
    if word == "time":
        return f"{time.time()} {now_ms()}"
    if word == "random":
        return str(random.random())
    if word == "large":
        return b"x" * int(rest)
    if word == "hoard":
        return str(len(bytearray(1 << 30)))
    if word == "spin":
        while True:
            pass
    if word == "exit":
        sys.exit(3)
    raise TransformError(f"no such word: {word}")
