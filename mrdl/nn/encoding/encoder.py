"""Makes inputs of raw rows by the operations of an engine."""

from mrdl.nn.encoding.encoding import Encoding
from mrdl.nn.engines.engine import Array, Engine


class Encoder:
    """Makes inputs of chunks of raw rows by an engine, all that it needs for that made once.

    cut: whether values beyond the range of training may come, which are cut to it; rows that are trained on have none.

    Encoder(encoding, NumpyEngine(), cut=True)(raw, out)
    """

    def __init__(self, encoding: Encoding, engine: Engine, *, cut: bool) -> None:
        self._engine = engine
        self._columns = encoding.columns
        self._factor = engine.array(encoding.factor)
        self._shift = engine.array(encoding.shift) if encoding.shift.any() else None
        self._threshold = encoding.threshold
        self._bounds = (0.0, 1.0) if cut else None

    def __call__(self, raw: Array, out: Array) -> Array:
        """Fill `out`, (rows, width), with the inputs of raw rows, (rows, columns) of any number type; return it."""
        raw = raw[:, : self._columns]  # behind them there may be targets
        if self._threshold is not None:
            out[...] = raw > self._threshold
            return out
        out[...] = raw
        if self._shift is not None:
            out -= self._shift
        out *= self._factor
        if self._bounds is not None:
            self._engine.clip(out, *self._bounds, out=out)
        return out
