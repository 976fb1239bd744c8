# SPDX-License-Identifier: Apache-2.0
"""Reads records as Confluent's own Python client has them: AvroDeserializer on the schema registry, over librdkafka and fastavro.

One JSON line a record on stdout: {"partition", "offset", "key", "value", "keySchemaId", "valueSchemaId", "headers"}. What JSON has no type for
is a text: integers beyond 2^53, NaN and infinities, decimals, dates and times (ISO 8601), UUIDs; bytes are one character a byte. A key that is
not Avro is its text. Ends with 0 after --count records, with 1 and a line on stderr when they do not come in time or do not decode.
"""

import argparse
import datetime
import decimal
import json
import math
import struct
import sys
import time
import uuid

from confluent_kafka import Consumer
from confluent_kafka.schema_registry import SchemaRegistryClient, topic_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

SAFE_INTEGER_MAX = 2**53 - 1
POLL_SECONDS = 0.5


def main():
    arguments = parsed_arguments()
    registry = {"url": arguments.registry}
    if arguments.registry_user:
        registry["basic.auth.user.info"] = arguments.registry_user
    # Named, or the client asks the registry for associations first, which only Confluent's own has.
    conf = {"subject.name.strategy": topic_subject_name_strategy}
    deserialize = AvroDeserializer(SchemaRegistryClient(registry), conf=conf)
    consumer = Consumer(
        {
            "bootstrap.servers": arguments.bootstrap,
            "group.id": f"confluent-consumer-{uuid.uuid4()}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
        }
    )
    consumer.subscribe([arguments.topic])
    deadline = time.monotonic() + arguments.timeout
    try:
        for seen in range(arguments.count):
            message = next_message(consumer, deadline)
            if message is None:
                sys.exit(f"{seen} of {arguments.count} records within {arguments.timeout} s")
            print(json.dumps(record_of(message, deserialize, arguments.key)), flush=True)
    finally:
        consumer.close()


def parsed_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--registry", required=True)
    parser.add_argument("--registry-user", help="user:password")
    parser.add_argument("--topic", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--key", choices=["text", "avro"], default="text")
    parser.add_argument("--timeout", type=float, default=30, help="seconds")
    return parser.parse_args()


def next_message(consumer, deadline):
    while time.monotonic() < deadline:
        message = consumer.poll(POLL_SECONDS)
        if message is None:
            continue
        if message.error():
            sys.exit(str(message.error()))
        return message
    return None


def record_of(message, deserialize, key_format):
    topic, key, value = message.topic(), message.key(), message.value()
    key_is_avro = key_format == "avro" and key is not None
    key_json = deserialize(key, SerializationContext(topic, MessageField.KEY)) if key_is_avro else key and key.decode()
    return {
        "partition": message.partition(),
        "offset": message.offset(),
        "key": plain(key_json),
        "value": plain(deserialize(value, SerializationContext(topic, MessageField.VALUE))),
        "keySchemaId": schema_id(key) if key_is_avro else None,
        "valueSchemaId": schema_id(value),
        "headers": [[name, plain(bytes(header or b""))] for name, header in message.headers() or []],
    }


def schema_id(framed):
    return None if framed is None else struct.unpack(">bI", framed[:5])[1]


def plain(value):
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if abs(value) <= SAFE_INTEGER_MAX else str(value)
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        return value if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (decimal.Decimal, uuid.UUID)):
        return str(value)
    raise TypeError(f"no JSON for {type(value)}")


if __name__ == "__main__":
    main()
