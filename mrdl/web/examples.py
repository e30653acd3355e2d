"""Settings to begin with, for people who would not know where: what a form may be filled with at a press."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Example:
    """What a form may be filled with. title, words: for people; values: text by key, as a form holds it."""

    title: str
    words: str
    values: Mapping[str, str] = field(default_factory=dict)


EXAMPLES: Mapping[str, tuple[Example, ...]] = {
    "run": (
        Example("As it fits", "What suits most tables: all that can be told by the table is."),
        Example("Small", "One hidden layer of 32: the fastest, and enough for few rows.", {"hidden": "32"}),
        Example(
            "Large",
            "Three wide layers with dropout, ended when they get no better: for many rows.",
            {"hidden": "512, 256, 128", "dropout": "0.1", "patience": "2"},
        ),
    ),
    "sweep": (
        Example(
            "A first look",
            "12 designs: three depths, two widths, two activations.",
            {
                "space.depth": "1, 2, 4",
                "space.width": "16, 64",
                "space.activation": "relu, tanh",
                "space.epochs": "10",
            },
        ),
        Example(
            "How deep, how wide?",
            "30 designs, each from two seeds: what depth and width alone do.",
            {"space.depth": "1, 2, 3, 4, 6", "space.width": "8, 16, 32, 64, 128, 256", "sweep.seeds": "2"},
        ),
        Example(
            "A thousand trainings",
            "500 designs of all kinds, each from two seeds: which design rules hold for this table?",
            {
                "space.depth": "1 to 12",
                "space.width": "4 to 128 log",
                "space.shape": "equal, funnel",
                "space.activation": "relu, tanh, sigmoid",
                "space.initialisation": "he, xavier",
                "space.residual": "no, yes",
                "space.learning_rate": "0.0005 to 0.02 log",
                "space.epochs": "3",
                "sweep.sampler": "sobol",
                "sweep.count": "500",
                "sweep.seeds": "2",
                "limits.max_parameters": "200000",
            },
        ),
    ),
}
"""What is trained, as forms have it -> its examples, the plainest first."""
