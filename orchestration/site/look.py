"""How every page of the project looks: its templates, its stylesheet, and how values are written."""

import math
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parent / "templates"
NOTHING = "\N{EN DASH}"


def templates(*more: Path) -> Environment:
    """The templates of the site, and those of other folders that build on them. Texts stay texts."""
    environment = Environment(
        loader=FileSystemLoader([TEMPLATES, *more]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"written": written, "style": beside("style.css")}
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
        return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"
    return str(value)
