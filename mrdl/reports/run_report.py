"""A run as a picture: losses and scores by round and shard, filters, reconstructions, samples; needs mrdl[plot]."""

import base64
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mrdl.data.inputs import columns_of, parts_of
from mrdl.errors import DataError, MrdlError, SetupError, not_installed, printable
from mrdl.model.model import Model, load
from mrdl.reports.page import Words, escaped, page, table
from mrdl.rounds.folder import RunFolder
from mrdl.rounds.manifest import Manifest, told_name
from mrdl.storage import atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FILTERS = (5, 10)  # rows and columns of them
EXAMPLES = 10
GREY = "#8a8f98"
PAPER, INK = "#1c2024", "#e6e8ea"  # of a dark page, as colours.css has them
DARK: dict[Any, Any] = {
    **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor", "legend.facecolor"), PAPER),
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color"), INK),
    "axes.edgecolor": GREY,
}
BLUE, ORANGE = "#3060c0", "#d07020"


def plot(run: str, out: str = "") -> tuple[Path, Path]:
    """Draw a run folder into one PNG and one HTML file that works offline; returns their paths.

    run: the folder; out: their common name without an ending, left out "plot" in the folder. Raises SetupError where
    matplotlib is missing or a file cannot be written, DataError where no round is whole.

    plot("runs/first")
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        raise not_installed("pictures need", "matplotlib", "plot") from None
    folder = RunFolder(run)
    manifests = folder.manifests()
    if not manifests:
        raise DataError(f"{folder.path} holds no round that is whole, so there is nothing to draw")
    model = load(folder.model) if folder.model.exists() else None
    examples = _examples(folder, model) if model else None
    drawn = [_losses, _scores] + [_filters] * _has_images(model) + [_reconstructions] * (examples is not None)
    title = f"{folder.about()['data']['source']}   {model!r}" if model else str(folder.path)

    def picture(kind: str, colors: dict[Any, Any]) -> bytes:
        with rc_context({**colors, "svg.hashsalt": "mrdl"}):  # the same picture has the same bytes
            figure = Figure(figsize=(9, 3.2 * len(drawn)), layout="constrained")
            places = figure.subfigures(len(drawn), 1, squeeze=False)[:, 0]
            for place, draw in zip(places, drawn, strict=True):
                draw(place, manifests, model, examples)
            figure.suptitle(_literal(title), fontsize=9)
            made = io.BytesIO()
            figure.savefig(made, dpi=110, format=kind, metadata={"Date": None} if kind == "svg" else None)
        return made.getvalue()

    png = Path(f"{out}.png" if out else folder.path / "plot.png")
    try:
        atomic.write(png, light := picture("png", {}))
        beside = png.with_suffix(".html")
        pictures = {"light": light, "dark": picture("png", DARK), "svg": picture("svg", {})}
        beside.write_text(_page(folder, manifests, pictures), encoding="utf-8")
    except OSError as error:
        raise SetupError(f"{png} cannot be written: {error.strerror}") from error
    return png, beside


# --- curves ---


def _losses(place: Any, manifests: list[Manifest], *_: Any) -> None:
    """Draw the losses by round, each stage by itself: theirs are of different kinds.

    place: a part of the figure; manifests: of the run's rounds.
    """
    stages = list(dict.fromkeys(m.stage for m in manifests))
    panels = place.subplots(1, len(stages), squeeze=False)[0]
    for axes, stage in zip(panels, stages, strict=True):
        rounds = [m for m in manifests if m.stage == stage]
        for m in rounds:
            losses = [s.loss for s in m.shards if s.loss is not None]
            axes.plot([m.stage_round] * len(losses), losses, ".", color=GREY, alpha=0.5, ms=5)
        _line(axes, rounds, "training loss, mean of the shards", GREY, lambda m: m.training_loss)
        _line(axes, rounds, "validation loss", BLUE, lambda m: m.validation.get("loss"))
        axes.set(title=stage, xlabel="round (0: warm start)")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(fontsize=7, frameon=False)
    panels[0].set_ylabel("loss")


def _scores(place: Any, manifests: list[Manifest], *_: Any) -> None:
    """Draw accuracy, R² of numbers, or what there is of networks that learn without a label; and the seconds."""
    left, right = place.subplots(1, 2)
    names = [n for m in manifests for n in m.validation if n not in ("rows", "loss")]
    name = names[-1] if names else ""
    for wanted in ("accuracy", "r2", "rmse", "mse", "pseudo_log_likelihood"):
        name = wanted if wanted in names else name
        if wanted in names:
            break
    of_name = [m for m in manifests if name in m.validation]
    left.plot([m.round for m in of_name], [m.validation[name] for m in of_name], "o-", color=BLUE, ms=3)
    left.set(title=f"validation {told_name(name)}" if name else "no validation rows", xlabel="round of the run")
    bottom = np.zeros(len(manifests))
    for phase, color in zip(
        dict.fromkeys(p for m in manifests for p in m.spent), (GREY, BLUE, ORANGE, "#60a060"), strict=False
    ):
        seconds = np.array([m.spent.get(phase, 0.0) for m in manifests])
        right.bar([m.round for m in manifests], seconds, bottom=bottom, label=phase, color=color)
        bottom += seconds
    right.set(title="seconds", xlabel="round of the run")
    right.legend(fontsize=7, frameon=False)
    for axes in (left, right):
        axes.xaxis.get_major_locator().set_params(integer=True)


def _line(axes: "Axes", rounds: list[Manifest], name: str, color: str, value: Any) -> None:
    """Draw a line through what a value, a function of a manifest, is in rounds where it is known."""
    known = [(m.stage_round, value(m)) for m in rounds if value(m) is not None]
    if known:
        axes.plot(*zip(*known, strict=True), "o-", color=color, ms=3, label=name)


# --- images ---


def _side(model: Model) -> int:
    """Of a square picture, where rows are pictures; else 0."""
    columns = len(model.preparation.columns)
    side = math.isqrt(columns)
    return side if side * side == columns and columns >= 16 else 0


def _has_images(model: Model | None) -> bool:
    return model is not None and bool(_side(model))


def _filters(place: "Figure", manifests: Any, model: Model, *_: Any) -> None:
    """Draw the weights into the first hidden units as pictures."""
    weight, side = model.weights["layers.0.weight"], _side(model)
    axes = place.subplots(*FILTERS, squeeze=False).ravel()
    place.suptitle("weights into the first hidden units", fontsize=9)
    for i, axis in enumerate(axes):
        axis.set_axis_off()
        if i < len(weight):
            limit = np.abs(weight[i]).max() or 1.0
            axis.imshow(weight[i].reshape(side, side), cmap="RdBu", vmin=-limit, vmax=limit)


def _examples(folder: RunFolder, model: Model) -> np.ndarray | None:
    """A few raw rows of the run's own data, (rows, columns); None where there is no picture in them to be drawn."""
    if not _side(model) or model.classifies:
        return None
    source = folder.about()["data"]["source"]
    try:
        first = next(parts_of(source, columns_of(model.preparation)))
    except MrdlError:
        return None  # the data has gone: the rest can be drawn all the same
    return first.features[:EXAMPLES]


def _reconstructions(place: "Figure", manifests: Any, model: Model, examples: np.ndarray) -> None:
    """Draw rows, what the network makes of them, and of an RBM what it dreams of. examples: (rows, columns)."""
    shown = [("rows", model.preparation.scale(examples)), ("reconstructed", model.reconstruct(examples))]
    if model.arch.top_machine is not None:
        shown.append(("samples", model.sample(len(examples), 1000)))
    axes = place.subplots(len(shown), len(examples), squeeze=False)
    side = _side(model)
    for line, (name, rows) in zip(axes, shown, strict=True):
        for axis, row in zip(line, rows, strict=True):
            axis.imshow(row.reshape(side, side), cmap="gray", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
        line[0].set_ylabel(name, fontsize=8)


def _literal(text: str) -> str:
    """Text of others as matplotlib draws it as it is: what is between dollars it would take for mathematics."""
    return printable(text).replace("$", r"\$")


# --- the page ---


def _page(folder: RunFolder, manifests: list[Manifest], pictures: Mapping[str, bytes]) -> str:
    """The page as HTML: the picture, a table of rounds, and the settings.

    pictures: light and dark, PNG each, and svg.
    """
    about = folder.about()
    names = list(dict.fromkeys(n for m in manifests for n in m.validation))
    header = ["round", "stage", "sha256", "rows", "training loss", *(f"validation {n}" for n in names), "seconds"]
    lines = [
        [
            m.round,
            " ".join(filter(None, [m.stage, "" if m.stage_round else "warm start"])),
            m.sha256[:12],
            m.rows,
            f"{m.training_loss:.5g}",
            *(f"{m.validation[n]:.5g}" if n in m.validation else "" for n in names),
            f"{m.seconds:.1f}",
        ]
        for m in manifests
    ]
    settings = table((), [(name, Words(value)) for name, value in about["settings"].items()], "settings")
    light, dark, svg = (base64.b64encode(pictures[name]).decode() for name in ("light", "dark", "svg"))
    png = f"data:image/png;base64,{light}"
    body = f"""<p>{escaped(about["data"]["source"])}, in {escaped(folder.path)}</p>
<p class="saves"><a class="button" download="run.png" href="{png}" aria-label="Save as PNG">PNG</a>
<a class="button" download="run.svg" href="data:image/svg+xml;base64,{svg}" aria-label="Save as SVG">SVG</a></p>
<picture><source media="(prefers-color-scheme: dark)" srcset="data:image/png;base64,{dark}">
<img alt="losses, scores and pictures of the run" src="{png}"></picture>
<h2>Rounds</h2>{table(header, lines, "rounds")}
<details><summary>Settings</summary>{settings}</details>"""
    return page(about["name"], body)
