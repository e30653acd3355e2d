"""What the figures of a run say of its health, with the rows kept out."""

import dataclasses
from collections.abc import Sequence

from mrdl.nn.diagnostics.figures import EpochFigures
from mrdl.nn.diagnostics.rules import Flag, flags_of
from mrdl.rounds.diagnostics import kept
from mrdl.rounds.folder import RunFolder
from mrdl.rounds.manifest import Manifest


def flags(folder: RunFolder, rounds: Sequence[Manifest]) -> list[Flag]:
    """What the figures of a run say of its health, in words; [] of one that keeps none.

    rounds: the manifests that are there.
    """
    return flags_of(with_validation(kept.read(folder), rounds))


def with_validation(epochs: Sequence[EpochFigures], rounds: Sequence[Manifest]) -> list[EpochFigures]:
    """Figures with the measures on the rows kept out, each round's at its last epoch.

    epochs: of kept.read; rounds: the manifests that are there, which have these measures. A round whose manifest is not
    there has none, and neither has an epoch before the last of its round.
    """
    last = {each.round: i for i, each in enumerate(epochs)}
    known = {last[m.round]: m.validation for m in rounds if m.round in last}
    return [dataclasses.replace(each, validation=known.get(i, {})) for i, each in enumerate(epochs)]
