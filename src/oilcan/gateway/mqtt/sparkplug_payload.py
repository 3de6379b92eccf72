"""The protobuf schema of Sparkplug B payloads, as far as readings need it, and the values in it.

Source: Eclipse Sparkplug 3.0.0, chapter 6.4 (payload) and 6.4.16 (data types). Fields that are not listed here, such as
data sets and templates, are skipped by protobuf.
"""

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from oilcan.gateway.unreadable import Unreadable

_OF: Final = descriptor_pb2.FieldDescriptorProto
_VALUES: Final = (("int_value", 10, _OF.TYPE_UINT32), ("long_value", 11, _OF.TYPE_UINT64),
                  ("float_value", 12, _OF.TYPE_FLOAT), ("double_value", 13, _OF.TYPE_DOUBLE),
                  ("boolean_value", 14, _OF.TYPE_BOOL), ("string_value", 15, _OF.TYPE_STRING))
_METRIC: Final = (("name", 1, _OF.TYPE_STRING), ("alias", 2, _OF.TYPE_UINT64), ("timestamp", 3, _OF.TYPE_UINT64),
                  ("datatype", 4, _OF.TYPE_UINT32), ("is_historical", 5, _OF.TYPE_BOOL),
                  ("is_transient", 6, _OF.TYPE_BOOL), ("is_null", 7, _OF.TYPE_BOOL))
_BITS: Final = {1: 8, 2: 16, 3: 32, 4: 64}      # Int8, Int16, Int32, Int64: two's complement in an unsigned field
BOOLEAN: Final = 11


def _payload_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="oilcan/sparkplug_b.proto", package="oilcan.sparkplug",
                                              syntax="proto2")
    metric = file.message_type.add(name="Metric")
    for name, number, kind in _METRIC:
        metric.field.add(name=name, number=number, type=kind, label=_OF.LABEL_OPTIONAL)
    metric.oneof_decl.add(name="value")
    for name, number, kind in _VALUES:
        metric.field.add(name=name, number=number, type=kind, label=_OF.LABEL_OPTIONAL, oneof_index=0)
    payload = file.message_type.add(name="Payload")
    payload.field.add(name="timestamp", number=1, type=_OF.TYPE_UINT64, label=_OF.LABEL_OPTIONAL)
    payload.field.add(name="metrics", number=2, type=_OF.TYPE_MESSAGE, type_name=".oilcan.sparkplug.Metric",
                      label=_OF.LABEL_REPEATED)
    payload.field.add(name="seq", number=3, type=_OF.TYPE_UINT64, label=_OF.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("oilcan.sparkplug.Payload"))


Payload: Final = _payload_class()


def parsed(content: bytes) -> Any:
    """A payload; Unreadable if it is no such protobuf message."""
    try:
        return Payload.FromString(content)
    except DecodeError as err:
        raise Unreadable(f"payload: found no Sparkplug B message ({err}), wanted one") from None


def value_of(metric: Any, datatype: int) -> Any:
    """The value of a metric whose type the birth certificate names; None where it is null or of a type without one.

    Examples
    --------
    >>> value_of(Payload().metrics.add(int_value=2**32 - 3), 3), value_of(Payload().metrics.add(int_value=254), 1)
    (-3, -2)
    """
    field = None if metric.is_null else metric.WhichOneof("value")
    value = None if field is None else getattr(metric, field)
    bits = _BITS.get(datatype)
    if bits is None or value is None:
        return value
    value &= 2**bits - 1
    return value - 2**bits if value >= 2 ** (bits - 1) else value


def rebirth_request(now_ms: int) -> bytes:
    """The command that asks an edge node for its birth certificates."""
    payload = Payload(timestamp=now_ms)
    payload.metrics.add(name="Node Control/Rebirth", timestamp=now_ms, datatype=BOOLEAN, boolean_value=True)
    return bytes(payload.SerializeToString())
