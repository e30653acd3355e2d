"""What makes inputs of raw rows, as a torch module that can be traced and exported, its arrays in buffers."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from mrdl.nn.encoding.encoding import BEFORE, Encoding


class RawInputs(nn.Module):
    """Makes inputs of raw rows, as mrdl.nn.encoding does.

    RawInputs(model.preparation.inputs.encoding)(torch.from_numpy(rows))
    """

    shift: Tensor
    factor: Tensor
    fill: Tensor
    threshold: Tensor
    numbers: Tensor
    missing: Tensor
    dates: Tensor
    turns: Tensor
    phase: Tensor
    categories: Tensor
    sizes: Tensor
    starts: Tensor
    levels: Tensor
    ones: Tensor

    def __init__(self, encoding: Encoding) -> None:
        super().__init__()
        fill = np.zeros_like(encoding.factor) if encoding.fill is None else encoding.fill
        self._keep(shift=encoding.shift, factor=encoding.factor, fill=fill)
        self._is_cut = encoding.threshold is not None
        if encoding.threshold is not None:
            self._keep(threshold=np.array(encoding.threshold, np.float32))
        self._least, self._most = (0.0, 1.0) if encoding.limit is None else (-encoding.limit, encoding.limit)
        self._layout = layout = encoding.layout
        if layout:
            cycles, codes = layout.cycles, layout.codes
            self._keep(numbers=layout.numbers, missing=layout.missing)
            self._keep(dates=cycles.places, turns=cycles.turns, phase=cycles.phase)
            self._keep(categories=codes.places, sizes=codes.sizes, starts=codes.starts)
            self._keep(levels=codes.inputs, ones=codes.ones)

    def _keep(self, **arrays: np.ndarray) -> None:
        """Keep arrays in buffers."""
        for name, array in arrays.items():
            self.register_buffer(name, torch.from_numpy(np.array(array)))

    def forward(self, x: Tensor) -> Tensor:
        """x: (rows, columns) float32, raw. Returns (rows, width) float32."""
        layout = self._layout
        if layout is None:
            return self._scaled(x)
        parts = [self._scaled(x.index_select(1, self.numbers))]
        if len(layout.missing):
            parts.append(x.index_select(1, self.missing).isnan().to(torch.float32))
        if len(layout.cycles.places):
            turned = x.index_select(1, self.dates) * self.turns + self.phase
            waves = torch.sin(2 * math.pi * torch.frac(turned)).nan_to_num(0.0)
            parts.append(layout.cycles.middle + layout.cycles.height * waves)
        if len(layout.codes.places):
            parts.append(self._levels(x.index_select(1, self.categories), layout.codes.width))
        return torch.cat(parts, 1)

    def _scaled(self, x: Tensor) -> Tensor:
        """Scale numbers, (rows, numbers)."""
        if self._is_cut:
            return (x > self.threshold).to(torch.float32)
        scaled = ((x - self.shift) * self.factor).clamp(self._least, self._most)
        return torch.where(scaled.isnan(), self.fill, scaled)

    def _levels(self, codes: Tensor, width: int) -> Tensor:
        """Give the inputs (rows, width) of codes (rows, categories)."""
        codes = torch.where((codes >= 0) & (codes < self.sizes) | codes.isnan(), codes, -1.0)
        at = codes.nan_to_num(-BEFORE).long() + self.starts
        return codes.new_zeros(codes.shape[0], width).scatter(1, self.levels[at], self.ones[at])
