"""The preferences of a search over its steps, as SVG."""

import json
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any


def preferences_svg(rows: Sequence[Mapping[str, Any]], choices: Mapping[str, Mapping[str, Any]]) -> str:
    """A plot for each choice, a line for each value."""
    from matplotlib import colormaps, rc_context
    from matplotlib.figure import Figure

    text = StringIO()
    with rc_context({"svg.hashsalt": "multigraft", "svg.fonttype": "none"}):
        figure = Figure(figsize=(7, 3.6 * len(choices)), layout="constrained")
        for axes, (number, (name, choice)) in zip(
            figure.subplots(len(choices), squeeze=False)[:, 0], enumerate(choices.items()), strict=True
        ):
            _draw(axes, rows, number, name, choice, colormaps["viridis"])
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def _draw(
    axes: Any, rows: Sequence[Mapping[str, Any]], number: int, name: str, choice: Mapping[str, Any], colours: Any
) -> None:
    steps, values = [row["step"] for row in rows], choice["values"]
    for arm, value in enumerate(values):
        chosen = value == choice["chosen"]
        held = [row["preferences"][number][arm] for row in rows]
        line = [float("nan") if each is None else each for each in held]
        label = json.dumps(value, ensure_ascii=False).replace("$", r"\$") + (", chosen" if chosen else "")
        colour = colours(arm / max(1, len(values) - 1))
        axes.plot(steps, line, label=label, color=colour, linewidth=2.4 if chosen else 1)
    axes.set_title(f"{name}: {', '.join(choice['keys'])}", fontsize=10)
    axes.set_xlabel("step")
    axes.set_ylabel("preference")
    axes.legend(fontsize=8, bbox_to_anchor=(1.01, 1), loc="upper left")
    axes.grid(linewidth=0.3)
