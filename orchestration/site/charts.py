"""The kinds of charts of the site. Each is compiled once; a page draws it from the table behind it."""

import json

import altair as alt
import vl_convert

from orchestration.lists import LISTS

# One colour for each activity type, everywhere. Okabe and Ito chose them so that the colour-blind tell them
# apart; yellow is left out, because it is too pale for a line on white.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#7f7f7f")
HEIGHT = 220
WEEK = "week from Monday (UTC)"
DATA = alt.NamedData("table")
WHOLE = "datum.value % 1 ? '' : format(datum.value, ',d')"  # between 0 and 1 there is nothing to count


def _stacked(period: str) -> alt.Chart:
    """Points by activity type: the columns of the table but for the first."""
    kinds = LISTS["activity_types"]
    names = [kind.replace("_", " ") for kind in kinds]
    return (
        alt.Chart(DATA, width="container", height=HEIGHT)
        .transform_fold(names, as_=["type", "points"])
        .mark_bar()
        .encode(
            x=alt.X("period:O", title=period, axis=alt.Axis(labelOverlap=True, labelAngle=0)),
            y=alt.Y("points:Q", title="Activity Points", axis=alt.Axis(labelExpr=WHOLE)),
            color=alt.Color(
                "type:N", title=None, sort=names, scale=alt.Scale(domain=names, range=list(COLOURS)),
                legend=alt.Legend(orient="bottom", columns=4),
            ),
        )
    )  # fmt: skip


def _lines(period: str, names: list[str], title: str) -> alt.Chart:
    """A line for each of these columns. Where a number is withheld or unknown, the line is broken."""
    return (
        alt.Chart(DATA, width="container", height=HEIGHT)
        .transform_fold(names, as_=["what", "number"])
        .mark_line(point=True, strokeWidth=2)
        .encode(
            x=alt.X("period:T", title=period, scale=alt.Scale(type="utc"), axis=alt.Axis(format="%-d %b %Y")),
            y=alt.Y("number:Q", title=title, axis=alt.Axis(labelExpr=WHOLE)),
            color=alt.Color(
                "what:N", title=None, sort=names, scale=alt.Scale(domain=names, range=list(COLOURS)),
                legend=alt.Legend(orient="bottom"),
            ),
        )
    )  # fmt: skip


def _marked(lines: alt.Chart) -> alt.LayerChart:
    """The same, with a line across each week in which something was released or played."""
    marks = (
        alt.Chart(DATA)
        .transform_filter("datum.releases + datum.events > 0")
        .mark_rule(strokeDash=[4, 3], color="#7f7f7f")
        .encode(x=alt.X("period:T", scale=alt.Scale(type="utc")))
    )
    return alt.layer(lines, marks).properties(width="container", height=HEIGHT)


CHARTS = {
    "points_by_day": lambda: _stacked("day (UTC)"),
    "points_by_week": lambda: _stacked(WEEK),
    "people_by_day": lambda: _lines("day (UTC)", ["members", "contributors of 30 days"], "people"),
    "listening_by_week": lambda: _lines(WEEK, ["listens", "listeners"], "listening"),
    "participation_by_week": lambda: _lines(
        WEEK, ["votes", "adds", "blasts", "recommends", "follows", "verified attendance"], "acts"
    ),
    "rotation_by_week": lambda: _lines(WEEK, ["entered", "in rotation", "of them new"], "songs"),
    "artist_by_week": lambda: _marked(_lines(WEEK, ["listens"], "listens")),
}


def script() -> str:
    """Vega, and the charts as it draws them."""
    compiled = {name: vl_convert.vegalite_to_vega(chart().to_dict()) for name, chart in CHARTS.items()}
    return f"{vl_convert.javascript_bundle()}\nwindow.CHARTS = {json.dumps(compiled, sort_keys=True)};\n"


def picture(name: str, rows: list[dict[str, object]]) -> str:
    """A chart as an SVG element, for a page that stands alone."""
    spec = (
        CHARTS[name]()
        .properties(width=640)
        .configure(font="system-ui, sans-serif", background="#fff")
        .to_dict()
    )
    return vl_convert.vegalite_to_svg(spec | {"datasets": {"table": rows}})
