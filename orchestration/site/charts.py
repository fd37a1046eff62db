"""The kinds of charts of the site. Each is compiled once; a page draws it from the table behind it."""

import json

import altair as alt
import vl_convert

from orchestration.lists import LISTS

# One colour for each name, everywhere. Those of the activity types are Okabe's and Ito's, who chose them so
# that the colour-blind tell them apart. No line has one of these. Lines stand out from white and from the
# dark of the night, at least 3 to 1, and those of one chart differ in their dashes, too.
TYPES = dict(
    zip(
        (kind.replace("_", " ") for kind in LISTS["activity_types"]),
        ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#7f7f7f"),
        strict=True,
    )
)
LINES = {
    "members": ("#7b61c4", [1, 0]),
    "contributors of 30 days": ("#a8651e", [6, 3]),
    "listens": ("#1c8a8a", [1, 0]),
    "listeners": ("#c2417a", [6, 3]),
    "votes": ("#5b8022", [1, 0]),
    "adds": ("#3d7fd0", [6, 3]),
    "blasts": ("#c0504d", [2, 2]),
    "recommends": ("#8f7a2e", [8, 3, 2, 3]),
    "follows": ("#9a6fd6", [1, 0]),
    "verified attendance": ("#64778d", [4, 2]),
    "entered": ("#2f8f5b", [2, 2]),
    "in rotation": ("#6a5acd", [1, 0]),
    "of them new": ("#b5533c", [6, 3]),
}
HEIGHT = 220
DAY, WEEK = "day (UTC)", "week from Monday (UTC)"
DATA = alt.NamedData("table")
WHOLE = "datum.value % 1 ? '' : format(datum.value, ',d')"  # between 0 and 1 there is nothing to count
# Each label is a day of the data. Below the first stands its year.
WHEN = "utcFormat(toDate(datum.value), '%-d %b')"
WITH_YEAR = f"datum.index == 0 ? [{WHEN}, utcFormat(toDate(datum.value), '%Y')] : {WHEN}"
SMALL = 12  # the size of labels, in pixels


def _when(period: str) -> alt.X:
    return alt.X(
        "period:O",
        title=period,
        axis=alt.Axis(
            labelExpr=WITH_YEAR,
            labelAngle=0,
            labelOverlap="greedy",
            labelSeparation=10,
            ticks=False,
            grid=False,
        ),
    )


def _legend() -> alt.Legend:
    return alt.Legend(orient="bottom", columns=4, symbolType="square", symbolStrokeWidth=0)


def _stacked(period: str) -> alt.Chart:
    """Points by activity type: the columns of the table but for the first."""
    names = list(TYPES)
    return (
        alt.Chart(DATA, width="container", height=HEIGHT)
        .transform_fold(names, as_=["type", "points"])
        .mark_bar()
        .encode(
            x=_when(period),
            y=alt.Y("points:Q", title="Activity Points", axis=alt.Axis(labelExpr=WHOLE)),
            color=alt.Color(
                "type:N", title=None, sort=names, legend=_legend(),
                scale=alt.Scale(domain=names, range=list(TYPES.values())),
            ),
            tooltip=[
                alt.Tooltip("period:N", title=period),
                alt.Tooltip("type:N", title="type"),
                alt.Tooltip("points:Q", title="points", format=",d"),
                alt.Tooltip("total:Q", title="of all types", format=",d"),
            ],
        )
    )  # fmt: skip


def _lines(period: str, names: list[str], title: str) -> alt.LayerChart:
    """A line for each of these columns. Where a number is withheld or unknown, the line is broken."""
    colours, dashes = zip(*(LINES[name] for name in names), strict=True)
    legend = alt.Legend(orient="bottom", columns=4, symbolType="stroke", symbolSize=400, symbolStrokeWidth=2)
    base = (
        alt.Chart(DATA)
        .transform_fold(names, as_=["what", "number"])
        .encode(
            x=_when(period),
            y=alt.Y("number:Q", title=title, axis=alt.Axis(labelExpr=WHOLE)),
            color=alt.Color(
                "what:N", title=None, sort=names, legend=legend,
                scale=alt.Scale(domain=names, range=list(colours)),
            ),
        )
    )  # fmt: skip
    lines = base.mark_line(strokeWidth=2).encode(
        strokeDash=alt.StrokeDash(
            "what:N", title=None, sort=names, legend=legend,
            scale=alt.Scale(domain=names, range=list(dashes)),
        )
    )  # fmt: skip
    points = base.mark_point(filled=True, size=36, opacity=1).encode(
        tooltip=[
            alt.Tooltip("period:N", title=period),
            alt.Tooltip("what:N", title="what"),
            alt.Tooltip("number:Q", title="number", format=",d"),
        ]
    )
    return alt.layer(lines, points).properties(width="container", height=HEIGHT)


def _marked(lines: alt.LayerChart) -> alt.LayerChart:
    """The same, with a line across each week in which something was released or played."""
    marks = (
        alt.Chart(DATA)
        .transform_filter("datum.releases + datum.events > 0")
        .mark_rule(strokeDash=[4, 3], color="#7f7f7f")
        .encode(
            x=_when(WEEK),
            tooltip=[
                alt.Tooltip("period:N", title=WEEK),
                alt.Tooltip("releases:Q"),
                alt.Tooltip("events:Q"),
            ],
        )
    )
    return alt.layer(marks, lines).properties(width="container", height=HEIGHT)


CHARTS = {
    "points_by_day": lambda: _stacked(DAY),
    "points_by_week": lambda: _stacked(WEEK),
    "people_by_day": lambda: _lines(DAY, ["members", "contributors of 30 days"], "people"),
    "listening_by_week": lambda: _lines(WEEK, ["listens", "listeners"], "listening"),
    "participation_by_week": lambda: _lines(
        WEEK, ["votes", "adds", "blasts", "recommends", "follows", "verified attendance"], "acts"
    ),
    "rotation_by_week": lambda: _lines(WEEK, ["entered", "in rotation", "of them new"], "songs"),
    "artist_by_week": lambda: _marked(_lines(WEEK, ["listens"], "listens")),
}


def _styled(chart: alt.TopLevelMixin, background: str) -> dict[str, object]:
    """A chart as a specification; the page says the colours of its texts when it draws it.

    What is said here stands in the compiled chart, where a page could not say it any more.
    """
    axis = alt.AxisConfig(labelFontSize=SMALL, titleFontSize=SMALL, titleFontWeight="normal", labelPadding=5)
    return chart.configure(
        background=background,
        padding={"left": 5, "top": 5, "right": 18, "bottom": 5},  # half of the last label
        font="system-ui, sans-serif",
        view=alt.ViewConfig(stroke=None),
        axis=axis,
        legend=alt.LegendConfig(labelFontSize=SMALL, labelLimit=0, columnPadding=18, rowPadding=4),
    ).to_dict()


def script() -> str:
    """Vega, and the charts as it draws them."""
    compiled = {
        name: vl_convert.vegalite_to_vega(_styled(chart(), "transparent")) for name, chart in CHARTS.items()
    }
    return f"{vl_convert.javascript_bundle()}\nwindow.CHARTS = {json.dumps(compiled, sort_keys=True)};\n"


def picture(name: str, rows: list[dict[str, object]]) -> str:
    """A chart as an SVG element, for a page that stands alone."""
    spec = _styled(CHARTS[name]().properties(width=640), "#fff")
    return vl_convert.vegalite_to_svg(spec | {"datasets": {"table": rows}})
