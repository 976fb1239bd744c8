"""What a transform in Python is written with. See README.md of the SDK; `component` is what makes a component of it."""

from .config import read_config
from .failure import TransformError
from .host import log, metric_add, metric_set, now_ms
from .json_text import from_json, to_json
from .output import DROP, UNCHANGED, Output
from .record import Header, Record
from .trial import Trial

__all__ = [
    "DROP",
    "UNCHANGED",
    "Header",
    "Output",
    "Record",
    "TransformError",
    "Trial",
    "from_json",
    "log",
    "metric_add",
    "metric_set",
    "now_ms",
    "read_config",
    "to_json",
]
