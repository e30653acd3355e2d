"""What travels between tasks: a record is one line, `key TAB tag + escaped body`.

    S  statistics of a mapper         D  rows of a shard          V  rows of the validation sample
    P  statistics of all the data     R  the result of a shard    B  rows of the warm start (where all begin)
                                      W  the combined weights

A body is a safetensors file behind its CRC-32. Nothing is pickled. Rows are compressed, and their number and
type stand before the body, so that a shard's array can be made before a row is unpacked.
"""

import json
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from safetensors.numpy import load, save

from mrdl.data.statistics import Statistics
from mrdl.errors import DamagedShard

ROWS = b"DVB"
_HEAD = re.compile(rb"[DVB](\d+)([uf]):")
Arrays = dict[str, np.ndarray]
Write = Callable[[bytes, bytes], None]  # (key, value) -> one line of a task's output


def pack(tag: bytes, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """A record's value: no LF or CR in it, so that it is one line for Hadoop and for us."""
    return tag + _seal(tag, _body(meta, arrays))


def pack_rows(tag: bytes, names: Iterable[str], features: np.ndarray, codes: np.ndarray, hashes: np.ndarray) -> bytes:
    """A D, V or B record. features: (rows, columns) uint8 or float32; codes: (rows,) int32, index in names;
    hashes: (rows,) uint64."""
    body = _body({"names": list(names)}, {"features": features, "codes": codes, "hashes": hashes})
    packed = len(body).to_bytes(8, "little") + pa.compress(body, codec="zstd", asbytes=True)
    head = tag + b"%d%c" % (len(features), features.dtype.kind.encode())
    return head + b":" + _seal(head, packed)


def rows_in(value: bytes) -> tuple[int, np.dtype]:
    """The number of rows in a record of rows, and their type, without unpacking it."""
    said = _HEAD.match(value)
    if said is None:
        raise DamagedShard("a record of rows was damaged on its way or on disk")
    return int(said[1]), np.dtype(np.uint8 if said[2] == b"u" else np.float32)


def unpack(value: bytes) -> tuple[bytes, dict[str, Any], Arrays]:
    """tag, meta and arrays of a record's value; raises DamagedShard if a byte of it has changed."""
    tag, head, sealed = value[:1], value[:1], value[1:]
    if tag in ROWS:
        head, _, sealed = value.partition(b":")
    body = unescape(sealed)
    crc, body = body[:4], body[4:]
    if zlib.crc32(body, zlib.crc32(head)).to_bytes(4, "little") != crc:
        raise DamagedShard(f"a record of kind {tag.decode(errors='replace')!r} was damaged on its way or on disk")
    if tag in ROWS:
        body = pa.decompress(body[8:], int.from_bytes(body[:8], "little"), codec="zstd", asbytes=True)
    arrays = load(body)
    return tag, json.loads(arrays.pop("meta").tobytes()), arrays


def _body(meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    text = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    return save({**{name: np.ascontiguousarray(array) for name, array in arrays.items()}, "meta": text})


def _seal(head: bytes, body: bytes) -> bytes:
    return escape(zlib.crc32(body, zlib.crc32(head)).to_bytes(4, "little") + body)


def escape(body: bytes) -> bytes:
    """Bytes without LF and CR, 1 % longer than `body` (base64 would be 33 %)."""
    return body.replace(b"=", b"=e").replace(b"\n", b"=n").replace(b"\r", b"=r")


def unescape(line: bytes) -> bytes:
    """What escape made a line of."""
    return line.replace(b"=r", b"\r").replace(b"=n", b"\n").replace(b"=e", b"=")


def split_line(line: bytes) -> tuple[bytes, bytes]:
    """key and value of a line."""
    key, _, value = line.rstrip(b"\r\n").partition(b"\t")
    return key, value


def key_of(line: bytes) -> bytes:
    """The key alone, without a copy of the value."""
    return line[: line.find(b"\t")]


# --- the records that are more than arrays ---


def pack_statistics(tag: bytes, statistics: Statistics, **more: Any) -> bytes:
    """An S or P record."""
    return pack(tag, {**statistics.to_meta(), **more}, {"minimum": statistics.minimum, "maximum": statistics.maximum})


def to_statistics(meta: Mapping[str, Any], arrays: Arrays) -> Statistics:
    """The statistics of an S or P record."""
    known = {name: meta[name] for name in Statistics.empty(0).to_meta()}
    for name in ("bad", "unfit"):
        known[name] = [tuple(row) for row in known[name]]
    return Statistics(minimum=arrays["minimum"], maximum=arrays["maximum"], **known)
