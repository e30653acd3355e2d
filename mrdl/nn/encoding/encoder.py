"""Makes inputs of raw rows by the operations of an engine."""

from mrdl.nn.encoding.encoding import BEFORE, Encoding, Layout
from mrdl.nn.engines.engine import Array, Engine


class Encoder:
    """Makes inputs of chunks of raw rows by an engine, all that it needs for that made once.

    cut: whether values beyond the range of training may come, which are cut to it; of rows that are trained on only a
    limit cuts any. may_miss: whether nan may come.

    Encoder(encoding, NumpyEngine(), cut=True)(raw, out)
    """

    def __init__(self, encoding: Encoding, engine: Engine, *, cut: bool, may_miss: bool = True) -> None:
        self._engine = engine
        self._columns, self._numbers = encoding.columns, len(encoding.shift)
        self._factor = engine.array(encoding.factor)
        self._shift = engine.array(encoding.shift) if encoding.shift.any() else None
        self._threshold = encoding.threshold
        limit = encoding.limit
        self._bounds = ((0.0, 1.0) if cut else None) if limit is None else (-limit, limit)
        fill = encoding.fill
        self._fill = engine.array(0 * encoding.factor if fill is None else fill) if may_miss else None
        self._layout = _Layout(encoding.layout, engine) if encoding.layout else None

    def __call__(self, raw: Array, out: Array) -> Array:
        """Fill `out`, (rows, width), with the inputs of raw rows, (rows, columns) of any number type; return it."""
        raw = raw[:, : self._columns]  # behind them there may be targets
        if self._layout is None:
            self._scale(raw, out)
            return out
        self._scale(self._layout.numbers_of(raw), out[:, : self._numbers])
        self._layout.fill(raw, out[:, self._numbers :])
        return out

    def _scale(self, values: Array, x: Array) -> None:
        """Fill x, (rows, numbers), with scaled values."""
        if self._threshold is not None:
            x[...] = values > self._threshold
            return
        x[...] = values
        if self._shift is not None:
            x -= self._shift
        x *= self._factor
        if self._bounds is not None:
            self._engine.clip(x, *self._bounds, out=x)
        if self._fill is not None:
            self._engine.known_(x, self._fill)


class _Layout:
    """What a layout says, as arrays of an engine."""

    def __init__(self, layout: Layout, engine: Engine) -> None:
        cycles, codes = layout.cycles, layout.codes
        self._engine = engine
        self._numbers, self._missing = engine.array(layout.numbers), engine.array(layout.missing)
        self._flags, self._waves, self._width = len(layout.missing), len(cycles.places), layout.width
        self._cycles = [engine.array(array) for array in (cycles.places, cycles.turns, cycles.phase)]
        self._height, self._middle = cycles.height, cycles.middle
        self._categories = len(codes.places)
        self._codes = [engine.array(array) for array in (codes.places, codes.starts, codes.inputs, codes.ones)]

    def numbers_of(self, raw: Array) -> Array:
        """The values that are scaled, (rows, numbers)."""
        return self._engine.columns(raw, self._numbers)

    def fill(self, raw: Array, x: Array) -> None:
        """Fill x, (rows, width), with all that stands behind the numbers."""
        engine, levels = self._engine, self._flags + self._waves
        if self._flags:
            x[:, : self._flags] = engine.is_nan(engine.columns(raw, self._missing))
        if self._waves:
            self._fill_waves(raw, x[:, self._flags : levels])
        if self._categories:
            self._fill_levels(raw, x[:, levels:])

    def _fill_waves(self, raw: Array, x: Array) -> None:
        """Fill in the inputs of what comes again, as hours of a day: a sine and a cosine for each."""
        places, turns, phase = self._cycles
        x[...] = self._engine.columns(raw, places)
        x *= turns
        x += phase
        self._engine.wave_(x)
        self._engine.known_(x, 0 * turns)
        x *= self._height
        x += self._middle

    def _fill_levels(self, raw: Array, x: Array) -> None:
        """Fill in the inputs of categories: one for each level."""
        engine, (places, starts, inputs, ones) = self._engine, self._codes
        codes = engine.empty((len(raw), self._categories))
        codes[...] = engine.columns(raw, places)
        engine.known_(codes, -BEFORE)
        at = (engine.whole(codes) + starts).reshape(-1)
        shape = (len(raw), self._categories)
        x[...] = 0
        engine.put(x, engine.take(inputs, at).reshape(shape), engine.take(ones, at).reshape(shape))
