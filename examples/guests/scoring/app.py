"""Scores transactions by a small logistic model: adds `score` and `flagged` to the JSON and the band as header `score-band`."""

from __future__ import annotations

from model import Model
from streamline import UNCHANGED, Record, metric_add, read_config, to_json

HEADER = "score-band"

model: Model


def init(config: dict) -> None:
    global model
    model = read_config(Model, config)


def transform(record: Record) -> object:
    if record.value is None:
        return UNCHANGED
    transaction = record.json_object()
    score = model.score(transaction)
    added = {"score": score, "flagged": score >= model.threshold}
    if added["flagged"]:
        metric_add("transactions_flagged")
    headers = [header for header in record.headers if header.name != HEADER]
    return record.output(_with(record.value, transaction, added), headers=[*headers, (HEADER, model.band(score))])


def _with(text: bytes, transaction: dict, added: dict) -> bytes:
    if any(name in transaction for name in added):
        return to_json({**transaction, **added})
    # Appended to the text, so that every amount keeps its digits.
    head = text.rstrip()[:-1].rstrip()
    return head + (b"," if transaction else b"") + to_json(added)[1:]
