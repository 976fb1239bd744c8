"""Makes the exports of wit/transform.wit out of the functions of app.py. componentize-py starts here; nothing else imports it."""

from __future__ import annotations

import json
from typing import Any

import app
from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import clock, metric
from wit_world.imports import log as wit_log
from wit_world.imports.types import Error, InputRecord, OutputRecord
from wit_world.imports.types import Header as WitHeader

from . import host
from .failure import TransformError, plain, told
from .output import Output, data, name, outputs_of
from .record import Header, Record

_transform = app.transform
_init = getattr(app, "init", None)
_LEVELS = {level: wit_log.Level[level.upper()] for level in host.LEVELS}


class _Sidecar:
    def log(self, level: str, message: str) -> None:
        wit_log.log(_LEVELS[level], plain(message))

    def metric_add(self, name: str, amount: float) -> None:
        metric.add(name, amount)

    def metric_set(self, name: str, value: float) -> None:
        metric.set(name, value)

    def now_ms(self) -> int:
        return clock.now_ms()


class Config(exports.Config):
    def init(self, json_text: str) -> None:
        host.attach(_Sidecar())
        config = json.loads(json_text)
        try:
            if _init is not None:
                _init(config)
            elif config != {}:
                raise TransformError("this transform has no config; app.py has no init()")
        except TransformError as error:
            raise Err(plain(error.message)) from None
        except Exception as error:
            raise Err(plain(told(error))) from None


class Transform(exports.Transform):
    def transform(self, given: InputRecord) -> list[OutputRecord]:
        headers = [Header(header.name, header.value) for header in given.headers]
        record = Record(given.value, given.key, headers, given.topic, given.partition, given.offset, given.timestamp_ms)
        try:
            answer = _transform(record)
            # From what was given: nobody may have changed that.
            return [_lowered(output) for output in outputs_of(answer, given)]
        except TransformError as error:
            raise Err(Error(plain(error.message), bool(error.retry))) from None
        except MemoryError:
            # The heap has grown as far as it may and does not shrink: a trap gets the next record a fresh instance.
            raise
        except Exception as error:
            text = plain(told(error))
            wit_log.log(wit_log.Level.ERROR, text)
            raise Err(Error(text, False)) from None


def _lowered(output: Output) -> OutputRecord:
    topic = None if output.topic is None else name(output.topic, "topic")
    headers = None if output.headers is None else [_header(*header) for header in output.headers]
    return OutputRecord(topic, data(output.key, "key"), data(output.value, "value"), headers)


def _header(of: Any, value: Any) -> WitHeader:
    return WitHeader(name(of, "name of a header"), data(value, "header"))
