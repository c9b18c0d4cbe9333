"""Compares an event file for TensorBoard with the log that it was made of: the event file, then log.jsonl.

Shares nothing with the writer: messages by the protobuf library from the numbers and types in tensorflow's event.proto
and summary.proto, checksums by crcmod.
"""
import json
import math
import struct
import sys

import crcmod.predefined
import numpy
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

Field = descriptor_pb2.FieldDescriptorProto
crc32c = crcmod.predefined.mkPredefinedCrcFun("crc-32c")


def event_class():
    # Of proto2, where a field that was written is told from one that was not.
    file = descriptor_pb2.FileDescriptorProto(name="event.proto", package="tensorflow")

    def message(name, *fields):
        of = file.message_type.add(name=name)
        for number, field, kind, label, type_name in fields:
            of.field.add(number=number, name=field, type=kind, label=label, type_name=type_name)

    one, many = Field.LABEL_OPTIONAL, Field.LABEL_REPEATED
    message("Event", (1, "wall_time", Field.TYPE_DOUBLE, one, None), (2, "step", Field.TYPE_INT64, one, None),
            (3, "file_version", Field.TYPE_STRING, one, None),
            (5, "summary", Field.TYPE_MESSAGE, one, ".tensorflow.Summary"))
    message("Summary", (1, "value", Field.TYPE_MESSAGE, many, ".tensorflow.Value"))
    message("Value", (1, "tag", Field.TYPE_STRING, one, None), (2, "simple_value", Field.TYPE_FLOAT, one, None))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    descriptor = pool.FindMessageTypeByName("tensorflow.Event")
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(pool).GetPrototype(descriptor)


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(data):
    at = 0
    while at < len(data):
        length, length_sum = struct.unpack_from("<QI", data, at)
        assert length_sum == masked(data[at:at + 8]), f"the checksum of the length at {at} is wrong"
        record = data[at + 12:at + 12 + length]
        assert struct.unpack_from("<I", data, at + 12 + length)[0] == masked(record), f"the checksum at {at} is wrong"
        yield record
        at += length + 16


def scalars(name, value):
    if isinstance(value, list):
        for i, part in enumerate(value):
            yield from scalars(f"{name}/{i}", part)
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(numpy.float32(value)):
        yield name, numpy.float32(value)


Event = event_class()
found = []
for number, record in enumerate(records(open(sys.argv[1], "rb").read())):
    event = Event.FromString(record)
    assert event.SerializeToString(deterministic=True) == record, "an event has more than its known fields"
    if number == 0:
        assert event.file_version == "brain.Event:2", "the first event is not the version"
    for value in event.summary.value:
        found.append((value.tag, event.step, numpy.float32(value.simple_value)))
logged = []
for line in open(sys.argv[2], encoding="utf-8"):
    record = json.loads(line)
    if isinstance(record.get("step"), int) and isinstance(record.get("stage"), str):
        for key, value in record.items():
            if key != "step":
                logged += [(name, record["step"], number) for name, number in scalars(f"{record['stage']}/{key}", value)]
assert logged, "nothing was logged"
assert sorted(found) == sorted(logged), f"{len(found)} scalars are not the {len(logged)} of the log"
print(len(found), "scalars")
