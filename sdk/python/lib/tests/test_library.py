import types
import unittest
from dataclasses import dataclass, field

from streamline import (
    DROP,
    UNCHANGED,
    Header,
    Output,
    Record,
    TransformError,
    Trial,
    from_json,
    log,
    metric_add,
    metric_set,
    now_ms,
    read_config,
    to_json,
)
from streamline.failure import told
from streamline.finish import POST_RETURN, finished


class JsonTest(unittest.TestCase):
    def test_there_and_back(self) -> None:
        for text in (b'{"a":[1,2.5,null,true,"\xc3\xa4"]}', b"20211207123456789012", b'"\\ud800"', b'"<&>"'):
            self.assertEqual(to_json(from_json(text)), text)

    def test_what_is_no_json_fails_the_record(self) -> None:
        for text in (None, b"", b"{", b"NaN", b"[Infinity]", b"\xff", b"[" * 100_000, b"9" * 5000):
            with self.assertRaises(TransformError) as raised:
                from_json(text)
            self.assertFalse(raised.exception.retry)

    def test_never_writes_what_is_no_json(self) -> None:
        for value in (float("nan"), from_json("1e400")):
            with self.assertRaises(ValueError):
                to_json(value)
        with self.assertRaises(TypeError):
            to_json({1, 2})


class RecordTest(unittest.TestCase):
    def test_headers_and_outputs(self) -> None:
        record = Record(b'{"a":1}', key=b"k", headers=[Header("h", b"1"), Header("h", None), Header("i", b"")])
        self.assertEqual([record.header(name) for name in ("h", "i", "j")], [None, b"", None])
        self.assertEqual(record.output(b"v"), Output(b"v", key=b"k"))
        self.assertEqual(record.json_output({"a": 2}, topic="t", key=None), Output(b'{"a":2}', key=None, topic="t"))
        self.assertEqual(record.json_object(), {"a": 1})
        with self.assertRaises(TransformError):
            Record(b"[]").json_object()


@dataclass
class Settings:
    names: list[str]
    share: float = 0.5
    on: bool = False
    by: dict[str, int] = field(default_factory=dict)
    limit: int | None = None


class ConfigTest(unittest.TestCase):
    def test_reads_what_fits(self) -> None:
        self.assertEqual(read_config(Settings, {"names": ["a"], "share": 1}), Settings(["a"], 1))
        self.assertEqual(read_config(Settings, {"names": [], "by": {"a": 1}, "limit": None}).by, {"a": 1})

    def test_refuses_what_does_not(self) -> None:
        for changed, message in (
            ({"name": 1}, "config.name: there is no such field"),
            ({"names": "a"}, "config.names is not a list"),
            ({"names": ["a", 1]}, r"config.names\[1\] is not text"),
            ({"share": True}, "config.share is not a number"),
            ({"on": 1}, "config.on is not true or false"),
            ({"by": {"a": 1.5}}, "config.by.a is not a whole number"),
            ({"limit": "1"}, "config.limit is not a whole number"),
        ):
            with self.assertRaisesRegex(TransformError, message):
                read_config(Settings, {"names": [], **changed})
        with self.assertRaisesRegex(TransformError, "config.names is missing"):
            read_config(Settings, {})


def app_of(transform: object) -> types.ModuleType:
    app = types.ModuleType("app")
    app.transform = transform  # type: ignore[attr-defined]
    return app


class TrialTest(unittest.TestCase):
    def test_answers(self) -> None:
        for answer, wanted in (
            (UNCHANGED, [Output(b"v", b"k")]),
            (DROP, []),
            ([], []),
            ("ä", [Output("ä".encode(), b"k")]),
            (Output(None), [Output(None)]),
            ([Output("1"), Output(b"2", "x")], [Output(b"1"), Output(b"2", b"x")]),
        ):
            self.assertEqual(Trial(app_of(lambda record, answer=answer: answer))("v", key="k"), wanted)
        for answer in (None, {}, 1, [b"1"], True):
            with self.assertRaises(TypeError):
                Trial(app_of(lambda record, answer=answer: answer))("v")

    def test_sees_what_is_logged_and_measured(self) -> None:
        def transform(record: Record) -> object:
            log("warn", "careful")
            metric_add("n")
            metric_add("n", 2)
            metric_set("g", 1)
            return str(now_ms())

        trial = Trial(app_of(transform))
        trial.clock_ms = 17
        self.assertEqual(trial("v")[0].value, b"17")
        self.assertEqual(trial.lines, [("warn", "careful")])
        self.assertEqual(trial.metrics, {"n": 3, "g": 1})

    def test_refuses_what_the_host_would_end_the_call_for(self) -> None:
        for call in (
            lambda: metric_add("A"),
            lambda: metric_add("a" * 65),
            lambda: metric_add("a", -1),
            lambda: metric_set("a", float("nan")),
            lambda: log("loud", "x"),
        ):
            with self.assertRaises(ValueError):
                call()


class FailureTest(unittest.TestCase):
    def test_tells_the_place(self) -> None:
        try:
            from_json(Record)  # type: ignore[arg-type]
        except Exception as error:
            self.assertRegex(told(error), r"^AttributeError: .* \(json_text.py:\d+\)$")


class FinishTest(unittest.TestCase):
    def test_refuses_what_is_no_component_of_a_transform(self) -> None:
        core = b"\0asm\1\0\0\0"
        for binary in (b"", b"\0asm", core, b"\0asm\x0d\0\1\0", core + b"\x0a\x7f"):
            with self.assertRaises(ValueError):
                finished(binary, 48)

    def test_drops_names_and_lets_the_post_return_trap(self) -> None:
        export = bytes([1, len(POST_RETURN)]) + POST_RETURN + b"\0\1"
        code = b"\x02\x02\0\x0b\x02\0\x0b"
        sections = [(1, b"\1\x60\0\0"), (3, b"\2\0\0"), (5, b"\1\0\1"), (7, export), (10, code), (0, b"\4name\0")]
        core = b"\0asm\1\0\0\0" + b"".join(bytes([kind, len(body)]) + body for kind, body in sections)
        outer = b"\0asm\x0d\0\1\0\1" + bytes([len(core)]) + core
        told = finished(outer, 48)
        self.assertNotIn(b"name", told)
        self.assertTrue(told.endswith(b"\x02\x02\0\x0b\x0c\0\x3f\0\x41\x80\x06\x4b\x04\x40\0\x0b\x0b"), told[-24:])


if __name__ == "__main__":
    unittest.main()
