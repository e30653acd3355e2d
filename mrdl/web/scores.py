"""A score as the pages show it: its name, its value for programs and for people, and that of knowing nothing."""

from typing import Any

from mrdl.rounds.manifest import shown_score


def told_score(measure: str, value: float, baseline_text: str | None = None, name: str = "") -> dict[str, Any]:
    """A score as an object of JSON.

    measure: r2, accuracy or loss; baseline_text: what knowing nothing would have, in words; name: for people, where it
    is another one.

    told_score("accuracy", 0.978, "8.79 %")["text"] == "97.80 %"
    """
    shown = name or ("R²" if measure == "r2" else measure)
    return {"name": shown, "value": value, "text": shown_score(measure, value), "baseline_text": baseline_text or None}
