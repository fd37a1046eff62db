"""How every page of the project looks: its templates, its stylesheet, and how values are written."""

import math
import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parent / "templates"
NOTHING = "\N{EN DASH}"
WIDE, HIGH = 120, 28  # of the box in which a small line is drawn


def templates(*more: Path) -> Environment:
    """The templates of the site, and those of other folders that build on them. Texts stay texts."""
    environment = Environment(
        loader=FileSystemLoader([TEMPLATES, *more]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "written": written,
        "counted": counted,
        "signed": signed,
        "anchor": anchor,
        "box": f"0 0 {WIDE} {HIGH}",
        "style": beside("style.css"),
    }
    return environment


def beside(name: str) -> str:
    """The text of the stylesheet or of the script."""
    return (TEMPLATES / name).read_text(encoding="utf-8")


def written(value: object, unit: str, floor: int, *, is_number: bool = True) -> str:
    """A value as a page says it. NaN is a number about fewer people than `floor`."""
    if value is None:
        return NOTHING if is_number else ""
    if isinstance(value, float) and math.isnan(value):
        return f"fewer than {floor} people"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        if unit == "share":
            return f"{value:.1%}"
        if unit == "minutes":
            return f"{value:,.1f} min"
        number = f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"
        if unit == "days":
            return f"{number} day" if number == "1" else f"{number} days"
        return number
    return str(value)


def counted(number: int, what: str) -> str:
    """A number of things, of which one has no s: `1 night`, `2 nights`."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def signed(change: float) -> str:
    """How much more or less."""
    return "as many as" if not change else f"{change:+,.0f}".replace("-", "\N{MINUS SIGN}")


def anchor(title: str) -> str:
    """The name under which a part of a page is found."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def small_lines(series: list[float | None] | None) -> list[str]:
    """The points of a small line over a series, as SVG has them; it is broken where a number is not known."""
    known = [value for value in series or [] if value is not None]
    if len(known) < 2 or series is None:
        return []
    low, high = min(0, *known), max(*known)
    lines: list[list[str]] = [[]]
    for place, value in enumerate(series):
        if value is None:
            lines.append([])
            continue
        right = WIDE * place / (len(series) - 1)
        down = HIGH - 2 - (HIGH - 4) * (value - low) / ((high - low) or 1)
        lines[-1].append(f"{right:.0f},{down:.1f}")
    return [" ".join(line) for line in lines if line]
