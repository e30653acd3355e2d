"""What travels between tasks: a record is one line, `key TAB tag + escaped body`; see Tag for what a record may be.

A body is a safetensors file behind its CRC-32. Nothing is pickled. Rows are compressed, and their number and
type stand before the body, so that a shard's array can be made before a row is unpacked.
"""

import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from safetensors.numpy import load, save

from mrdl.data.sample import Sample
from mrdl.data.statistics import Statistics
from mrdl.errors import DamagedShard
from mrdl.metrics.moments import Moments

Arrays = dict[str, np.ndarray]
Write = Callable[[bytes, bytes], None]  # (key, value) -> one line of a task's output


class Tag(bytes, Enum):
    """What a record is, by the byte that its value begins with. The bytes are the format of the cache of shards."""

    SPLIT_STATISTICS = b"S"  # of the rows of one map task
    STATISTICS = b"P"  # of all the data, as every shard knows them
    SHARD_ROWS = b"D"
    VALIDATION_ROWS = b"V"
    WARM_ROWS = b"B"  # of the warm start
    RESULT = b"R"  # of the training of one shard
    WEIGHTS = b"W"  # combined
    COLUMNS = b"C"  # what an inspection knows of some columns

    @classmethod
    def of(cls, value: bytes) -> "Tag":
        """The tag of a record's value; raises DamagedShard where it is none."""
        try:
            return cls(value[:1])
        except ValueError:
            raise _damaged(value[:1]) from None

    @property
    def has_rows(self) -> bool:
        """Whether the record holds rows, packed."""
        return self in ROWS

    @property
    def tells_of_data(self) -> bool:
        """Whether the record tells the driver what the data is like: its statistics, or a sample of its rows."""
        return self in (Tag.STATISTICS, Tag.VALIDATION_ROWS, Tag.WARM_ROWS)


ROWS = (Tag.SHARD_ROWS, Tag.VALIDATION_ROWS, Tag.WARM_ROWS)
_HEAD = re.compile(rb"[%b](\d+)([uf]):" % b"".join(ROWS))

PROBE_BYTES = 1 << 16  # of a record's rows, which tell whether they can be compressed
HARD = 0.95  # of their bytes left
_ESCAPED = np.zeros(256, np.uint8)  # by the letter behind a "="
_ESCAPED[list(b"enr")] = list(b"=\n\r")


class Record(NamedTuple):
    """A record's value, unpacked. meta: what JSON can say of it; arrays: by name."""

    tag: Tag
    meta: dict[str, Any]
    arrays: Arrays


def pack(tag: Tag, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """The value of a record without rows: no LF or CR in it, so that it is one line for Hadoop and for us."""
    return _sealed(tag, _body(meta, arrays))


def pack_rows(
    tag: Tag,
    names: Iterable[str],
    features: np.ndarray,
    codes: np.ndarray,
    hashes: np.ndarray,
    levels: Mapping[int, Sequence[str]] | None = None,
) -> bytes:
    """The value of a record of rows.

    names: of the labels; features: (rows, columns) uint8 or float32; codes: (rows,) int32, index in names;
    hashes: (rows,) uint64; levels: of each column of categories, by its place, what its values are indices of; none
    where they are those of all the data.
    """
    meta = {"names": list(names), **({"levels": levels} if levels else {})}
    body = _body(meta, {"features": features, "codes": codes, "hashes": hashes})
    packed = len(body).to_bytes(8, "little"), _codec_for(features).compress(body, asbytes=True)
    head = tag + b"%d%c:" % (len(features), features.dtype.kind.encode())
    return _sealed(head, *packed)


def rows_in(value: bytes) -> tuple[int, np.dtype]:
    """The number of rows in a record of rows, and their type, without unpacking it."""
    said = _HEAD.match(value)
    if said is None:
        raise DamagedShard("a record of rows was damaged on its way or on disk")
    return int(said[1]), np.dtype(np.uint8 if said[2] == b"u" else np.float32)


def unpack(value: bytes) -> Record:
    """A record of its value; raises DamagedShard if a byte of it has changed."""
    tag, head, sealed = Tag.of(value), value[:1], value[1:]
    if tag.has_rows:
        head, mark, sealed = value.partition(b":")
        head += mark
    body = unescape(sealed)
    crc, body = body[:4], body[4:]
    if zlib.crc32(body, zlib.crc32(head)).to_bytes(4, "little") != crc:
        raise _damaged(tag)
    if tag.has_rows:
        body = pa.decompress(body[8:], int.from_bytes(body[:8], "little"), codec="zstd", asbytes=True)
    arrays = load(body)
    return Record(tag, json.loads(arrays.pop("meta").tobytes()), arrays)


def _damaged(tag: bytes) -> DamagedShard:
    return DamagedShard(f"a record of kind {tag.decode(errors='replace')!r} was damaged on its way or on disk")


def _body(meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    text = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    return save({**{name: np.ascontiguousarray(array) for name, array in arrays.items()}, "meta": text})


def _codec_for(features: np.ndarray) -> pa.Codec:
    """A zstd that is fast where the first rows hardly become shorter, as numbers of many digits do not."""
    fast = pa.Codec("zstd", compression_level=-1)
    probe = features[: PROBE_BYTES // max(1, features[:1].nbytes)].tobytes()
    hard = len(fast.compress(probe, asbytes=True)) > HARD * len(probe)
    return fast if hard else pa.Codec("zstd", compression_level=1)


def _sealed(head: bytes, *body: bytes) -> bytes:
    """One line: a head, in which nothing is to be escaped, then a body behind the CRC-32 of both."""
    crc = zlib.crc32(head)
    for part in body:
        crc = zlib.crc32(part, crc)
    return escape(b"".join((head, crc.to_bytes(4, "little"), *body)))


def escape(body: bytes) -> bytes:
    """Bytes without LF and CR, 1 % longer than `body` (base64 would be 33 %)."""
    return body.replace(b"=", b"=e").replace(b"\n", b"=n").replace(b"\r", b"=r")


def unescape(line: bytes) -> bytes:
    """The body that `escape` made a line of."""
    raw = np.frombuffer(line, np.uint8)
    marks = np.flatnonzero(raw[:-1] == ord("="))
    if not len(marks):
        return line
    kept = np.ones(len(raw), bool)
    kept[marks + 1] = False
    body = raw[kept]
    body[marks - np.arange(len(marks))] = _ESCAPED[raw[marks + 1]]
    return body.tobytes()


def split_line(line: bytes) -> tuple[bytes, bytes]:
    """The key and the value of a line."""
    key, _, value = line.rstrip(b"\r\n").partition(b"\t")
    return key, value


def lines_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of bytes that were cut anywhere, without their ends."""
    held: list[bytes] = []
    for chunk in chunks:
        first, *others = chunk.split(b"\n")
        held.append(first)
        for piece in others:
            yield b"".join(held)
            held = [piece]
    if any(held):
        yield b"".join(held)


def key_of(line: bytes) -> bytes:
    """The key of a line alone, without a copy of the value."""
    return line[: line.find(b"\t")]


# --- the records that are more than arrays ---

SAMPLE = "sample."  # of the names of the arrays that tell of a sample


def pack_statistics(tag: Tag, statistics: Statistics, **more: Any) -> bytes:
    """The value of a record of statistics. more: what its meta says beside them, of a shard for instance."""
    arrays = {"minimum": statistics.minimum, "maximum": statistics.maximum}
    if statistics.sample:
        arrays |= {SAMPLE + name: array for name, array in statistics.sample.arrays().items()}
    return pack(tag, {**statistics.to_meta(), **more}, arrays)


def to_statistics(meta: Mapping[str, Any], arrays: Arrays) -> Statistics:
    """The statistics in a record that `pack_statistics` has packed."""
    known = {name: meta[name] for name in Statistics.empty(0).to_meta()}
    for name in ("bad", "unfit"):
        known[name] = [tuple(row) for row in known[name]]
    known["levels"] = {int(place): counts for place, counts in known["levels"].items()}  # JSON's keys are texts
    known["targets"] = [Moments.from_meta(each) for each in known["targets"]]
    of_sample = {name.removeprefix(SAMPLE): array for name, array in arrays.items() if name.startswith(SAMPLE)}
    known["sample"] = Sample.from_arrays(of_sample) if of_sample else None
    return Statistics(minimum=arrays["minimum"], maximum=arrays["maximum"], **known)
