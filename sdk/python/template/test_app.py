import unittest

import app
from streamline import TransformError, Trial


class MaskTest(unittest.TestCase):
    def setUp(self) -> None:
        self.mask = Trial(app, {"fields": ["email", "contact"]})

    def test_masks_an_address_and_keeps_the_key(self) -> None:
        [output] = self.mask('{"id": 20211207123456789012, "email": "ann@example.com"}', key="user-1")
        self.assertEqual(output.value, b'{"id":20211207123456789012,"email":"***@example.com"}')
        self.assertEqual(output.key, b"user-1")
        self.assertEqual(self.mask.metrics, {"events_masked": 1})

    def test_without_an_address_nothing_changes(self) -> None:
        for value in ('{ "b": 1.50,  "contact": 7 }', "{}"):
            [output] = self.mask(value)
            self.assertEqual(output.value, value.encode())

    def test_a_tombstone_passes(self) -> None:
        [output] = self.mask(None, key="user-1")
        self.assertEqual((output.key, output.value), (b"user-1", None))

    def test_what_is_no_json_object_fails(self) -> None:
        for value in ("email=ann@example.com", "[]", '{"email": NaN}'):
            with self.assertRaises(TransformError):
                self.mask(value)

    def test_a_config_without_fields_is_refused(self) -> None:
        for config in ({}, {"fields": []}, {"fields": "email"}, {"field": ["email"]}):
            with self.assertRaises(TransformError):
                Trial(app, config)


if __name__ == "__main__":
    unittest.main()
