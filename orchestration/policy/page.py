"""The comparison as one HTML page. Charts are SVG inside it; it loads nothing and has no script."""

from pathlib import Path

import altair as alt
import vl_convert

from orchestration.policy.comparison import Comparison, shown
from orchestration.site.look import templates

NOW, THEN = "#9aa5b1", "#2563eb"
GAIN, STAY, LOSE = "#0f9d7a", "#d5dae1", "#d9622b"
WIDTH = 640
# With more scenes than this, the page shows a table instead of a picture.
SCENES_DRAWN = 60
WHOLE_NUMBERS = alt.Axis(format=",d", tickMinStep=1, tickCount=6)

Row = dict[str, object]


def write_page(comparison: Comparison, candidate: str, path: Path) -> None:
    """Write the page of a comparison.

    Args:
        comparison: what `compare` found.
        candidate: the candidate's name, for the title.
        path: the file to write; its folder is made if need be.

    Raises:
        OSError: the file cannot be written.
    """
    findings = comparison.findings
    page = (
        templates(Path(__file__).parent)
        .get_template("page.html.jinja")
        .render(
            title=f"What if: {candidate}",
            last_day=comparison.last_day,
            findings=findings,
            charts={
                name: _svg(draw(findings[name].records()))
                for name, draw in CHARTS.items()
                if name in findings
            },
            shown=shown,
        )
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def _svg(chart: alt.Chart | None) -> str | None:
    """A chart as an SVG element."""
    if chart is None:
        return None
    styled = chart.configure(
        font="Helvetica, Arial, sans-serif",
        background="transparent",
        # Room for a reader's font that is wider than the one measured with.
        padding={"left": 36, "right": 20, "top": 5, "bottom": 5},
        view=alt.ViewConfig(stroke=None),
        axis=alt.AxisConfig(
            gridColor="#eef1f4",
            domainColor="#cbd2d9",
            tickColor="#cbd2d9",
            labelColor="#3e4c59",
            labelFontSize=12,
            labelLimit=280,
            titleColor="#52606d",
            titleFontSize=12,
            titleFontWeight="normal",
        ),
        legend=alt.LegendConfig(title=None, orient="top", labelFontSize=12, labelColor="#3e4c59"),
    )
    return vl_convert.vegalite_to_svg(styled.to_dict())


def _now_and_then(rows: list[Row], title: str) -> alt.Chart:
    """For every subject, in the given order, a bar for now above a bar for then."""
    return (
        alt.Chart(alt.Data(values=rows), width=WIDTH, height=alt.Step(13))
        .mark_bar()
        .encode(
            x=alt.X("value:Q", title=title, axis=WHOLE_NUMBERS),
            y=alt.Y("subject:N", title=None, sort=None, scale=alt.Scale(paddingInner=0.35)),
            yOffset=alt.YOffset("side:N", sort=["now", "then"]),
            color=alt.Color("side:N", scale=alt.Scale(domain=["now", "then"], range=[NOW, THEN])),
        )
    )


def _sides(rows: list[Row], subject: str, measure: str) -> list[Row]:
    return [
        {"subject": row[subject], "side": side, "value": row[f"{measure} {side}"]}
        for row in rows
        for side in ("now", "then")
    ]


def _by_type(rows: list[Row]) -> alt.Chart:
    return _now_and_then(_sides(rows, "activity type", "points"), "points")


def _by_rule(rows: list[Row]) -> alt.Chart:
    return _now_and_then(_sides(rows, "rule", "points"), "points")


def _by_scene(rows: list[Row]) -> alt.Chart | None:
    """What each scene gains or loses."""
    if len(rows) > SCENES_DRAWN or not any(row["difference"] for row in rows):
        return None
    bars = [{"scene": row["scene"], "value": row["difference"]} for row in rows]
    return (
        alt.Chart(alt.Data(values=bars), width=WIDTH, height=alt.Step(20))
        .mark_bar()
        .encode(
            x=alt.X(
                "value:Q",
                title="points then less points now",
                axis=alt.Axis(format="+,d", tickMinStep=1, tickCount=6),
            ),
            # The end of a label tells it from others, so labels are never cut.
            y=alt.Y("scene:N", title=None, sort=None, axis=alt.Axis(labelLimit=WIDTH)),
            color=alt.condition("datum.value < 0", alt.value(LOSE), alt.value(GAIN)),
        )
    )


def _distribution(rows: list[Row]) -> alt.Chart:
    sides = {row["side"]: row for row in rows}
    bars = [
        {"subject": subject, "side": side, "value": sides[side][measure]}
        for measure, subject in (
            ("median", "half of the members"),
            ("p90", "90 % of them"),
            ("p99", "99 % of them"),
        )
        for side in ("now", "then")
    ]
    return _now_and_then(bars, "points that this part of the members has at most")


def _bands(rows: list[Row]) -> alt.Chart:
    bars = [
        {"band": row["points now"], "what": what, "order": order, "members": row[what]}
        for row in rows
        for order, what in enumerate(("lose", "stay", "gain"))
    ]
    return (
        alt.Chart(alt.Data(values=bars), width=WIDTH, height=alt.Step(28))
        .mark_bar()
        .encode(
            x=alt.X(
                "members:Q",
                stack="normalize",
                title="part of the band's members, in percent",
                axis=alt.Axis(format="%"),
            ),
            y=alt.Y("band:N", title="points now", sort=None),
            order="order:Q",
            color=alt.Color(
                "what:N", scale=alt.Scale(domain=["lose", "stay", "gain"], range=[LOSE, STAY, GAIN])
            ),
        )
    )


def _caps(rows: list[Row]) -> alt.Chart:
    named = [row | {"subject": f"{row['rule']}, {row['cap on']}"} for row in rows]
    return _now_and_then(_sides(named, "subject", "withheld"), "points withheld")


def _fading(rows: list[Row]) -> alt.Chart:
    points = [
        {"days": row["days old"], "side": side, "share": row[f"share left {side}"]}
        for row in rows
        for side in ("now", "then")
    ]
    return (
        alt.Chart(alt.Data(values=points), width=WIDTH, height=220)
        .mark_line(strokeWidth=2.5, interpolate="monotone", point=True)
        .encode(
            x=alt.X("days:Q", title="age of the act, in days"),
            y=alt.Y(
                "share:Q",
                title="part of the point that counts",
                axis=alt.Axis(format="%"),
                scale=alt.Scale(domain=[0, 1]),
            ),
            color=alt.Color("side:N", scale=alt.Scale(domain=["now", "then"], range=[NOW, THEN])),
        )
    )


CHARTS = {
    "by_type": _by_type,
    "by_rule": _by_rule,
    "by_scene": _by_scene,
    "distribution": _distribution,
    "bands": _bands,
    "caps": _caps,
    "fading": _fading,
}
