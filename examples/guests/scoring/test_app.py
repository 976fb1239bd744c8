import json
import math
import unittest

import app
from streamline import TransformError, Trial

CONFIG = {
    "bias": -3.0,
    "threshold": 0.7,
    "weights": {"amount": 1.5, "abroad": 1.2, "online": 0.8},
    "features": {
        "amount": {"field": "amount", "log": True, "mean": 4.0, "scale": 2.0},
        "abroad": {"field": "country", "none_of": ["DE", "AT"], "missing": 1.0},
        "online": {"field": "channel", "one_of": ["web", "app"]},
    },
}


def scored(trial: Trial, **transaction: object) -> dict:
    [output] = trial(json.dumps(transaction))
    return json.loads(output.value)


class ScoringTest(unittest.TestCase):
    def setUp(self) -> None:
        self.score = Trial(app, CONFIG)

    def test_is_the_logistic_function_of_the_weighted_features(self) -> None:
        x = -3 + 1.5 * (math.log1p(1200) - 4) / 2 + 1.2 + 0.8
        found = scored(self.score, amount=1200, country="FR", channel="web")
        self.assertEqual(found["score"], round(1 / (1 + math.exp(-x)), 4))
        x = -3 + 1.5 * (math.log1p(9.5) - 4) / 2
        found = scored(self.score, amount=9.5, country="DE", channel="shop")
        self.assertEqual(found["score"], round(1 / (1 + math.exp(-x)), 4))

    def test_flags_from_the_threshold_on_and_counts(self) -> None:
        score = Trial(app, {"weights": {"x": 1}, "bias": 0, "threshold": 0.5})
        self.assertEqual([scored(score, x=x)["flagged"] for x in (-0.1, 0, 0.1)], [False, True, True])
        self.assertEqual(score.metrics, {"transactions_flagged": 2})

    def test_scores_of_any_size_stay_within_0_and_1(self) -> None:
        score = Trial(app, {"weights": {"x": 1e300}, "bias": 0, "threshold": 0.5})
        self.assertEqual([scored(score, x=x)["score"] for x in (-1e300, -1, 1, 1e300)], [0.0, 0.0, 1.0, 1.0])

    def test_keeps_digits_key_and_headers_and_replaces_the_band(self) -> None:
        given = [("tenant", b"acme"), ("score-band", b"old")]
        value = '{ "amount": 5285.90, "country": "DE", "channel": "shop" }\n'
        [output] = self.score(value, key="t-1", headers=given)
        self.assertTrue(output.value.startswith(b'{ "amount": 5285.90, "country": "DE", "channel": "shop","score":0.'))
        self.assertEqual(output.key, b"t-1")
        self.assertEqual([tuple(header) for header in output.headers], [("tenant", b"acme"), ("score-band", "medium")])
        score = Trial(app, {"weights": {"x": 1}, "bias": 0, "threshold": 0.5, "features": {"x": {"field": "x", "missing": 0}}})
        self.assertEqual(score(" { } ")[0].value, b' {"score":0.5,"flagged":true}')
        self.assertEqual(scored(score, score=1, x=0), {"score": 0.5, "flagged": True, "x": 0})

    def test_rejects_what_it_cannot_score(self) -> None:
        whole = {"amount": 1, "country": "DE", "channel": "web"}
        for changed in ({"amount": "1"}, {"amount": True}, {"amount": None}, {"amount": -1}, {"channel": None}, {"amount": 10**400}):
            with self.assertRaises(TransformError) as raised:
                scored(self.score, **{**whole, **changed})
            self.assertFalse(raised.exception.retry)
        for value in ("", "[]", "17", '{"amount":1e400,"channel":"web"}', '{"amount":NaN}'):
            with self.assertRaises(TransformError):
                self.score(value)

    def test_refuses_configs_that_make_no_model(self) -> None:
        for changed in (
            {"weights": {}},
            {"weights": {"amount": "1"}},
            {"threshold": 2},
            {"treshold": 0.5},
            {"bands": {"high": 0.5}},
            {"features": {"other": {"field": "x"}}},
            {"features": {"amount": {"feild": "amount"}}},
            {"features": {"amount": {"field": "amount", "scale": 0}}},
            {"features": {"amount": {"field": "amount", "one_of": "web"}}},
            {"features": {"amount": {"field": "a", "one_of": [1], "none_of": [2]}}},
        ):
            with self.assertRaises(TransformError, msg=str(changed)):
                Trial(app, {**CONFIG, **changed})
        with self.assertRaises(TransformError):
            Trial(app, {})


if __name__ == "__main__":
    unittest.main()
