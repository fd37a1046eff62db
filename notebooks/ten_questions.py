"""Ten questions of an analyst, asked of the published file, which it only reads.

Open it with `.venv/bin/marimo edit notebooks/ten_questions.py`. WAREHOUSE_DIR says which warehouse.
"""

import marimo

app = marimo.App(width="medium")


@app.cell
def _():
    import os
    from pathlib import Path

    import altair as alt
    import duckdb
    import marimo as mo

    published = Path(os.environ.get("WAREHOUSE_DIR") or "data/warehouse") / "analytics.duckdb"
    connection = duckdb.connect(published, read_only=True)
    publication = connection.sql("select as_of_date, nights_behind, nights_missing from publication").df()
    scenes = connection.sql(
        "select label, scope_id::varchar as scope_id from scope where not is_unscoped order by tier, label"
    ).df()
    scene = mo.ui.dropdown(
        dict(zip(scenes["label"], scenes["scope_id"], strict=True)), value=scenes["label"][0], label="Scope"
    )
    mo.vstack(
        [
            mo.md("# Ten questions\nA dash or an empty cell: withheld, because it is about few people."),
            publication,
            scene,
        ]
    )
    return alt, connection, mo, scene


@app.cell
def _(connection, mo, scene):
    by_week = connection.execute(
        """
        select starts_on, listens, listeners, votes, adds, blasts, activity_points
        from scene_week where period = 'week' and scope_id::varchar = $1 order by starts_on
        """,
        [scene.value],
    ).df()
    mo.vstack([mo.md("## 1. How does the scope do, week over week?"), by_week.tail(12)])
    return (by_week,)


@app.cell
def _(alt, by_week, mo):
    points = (
        alt.Chart(by_week.tail(26))
        .mark_bar()
        .encode(x=alt.X("starts_on:T", title="week from Monday (UTC)"), y="activity_points:Q")
        .properties(width="container", height=220)
    )
    mo.vstack([mo.md("## 2. And its Activity Points?"), points])
    return


@app.cell
def _(connection, mo):
    by_type = connection.sql(
        """
        select activity_type, count(*) filter (where reverses_activity_point_id is null) as awards,
            sum(points) as points_30d
        from activity_point cross join publication
        where occurred_on > as_of_date - 30
        group by activity_type order by activity_type
        """
    ).df()
    mo.vstack([mo.md("## 3. Which acts earned those of everywhere, in the last 30 days?"), by_type])
    return (by_type,)


@app.cell
def _(connection, mo):
    not_awarded = connection.sql(
        """
        select rule_id, decision, count(*) as acts from activity_decision where not is_awarded
        group by all order by all
        """
    ).df()
    mo.vstack([mo.md("## 4. What was not awarded, and why?"), not_awarded])
    return (not_awarded,)


@app.cell
def _(connection, mo, scene):
    numbers = connection.execute(
        """
        select metric.section, metric.label, value, is_suppressed, analytics_summary.coverage, unit
        from analytics_summary join metric using (metric)
        where scope_id::varchar = $1 and analytics_summary.subject_type = 'scene' and window_days = 30
        order by metric.place
        """,
        [scene.value],
    ).df()
    mo.vstack([mo.md("## 5. What do the metrics say of its last 30 days?"), mo.ui.table(numbers)])
    return (numbers,)


@app.cell
def _(connection, mo):
    cohorts = connection.sql(
        """
        select joined_month, size, active_after_1m, active_after_3m, active_after_6m
        from member_cohort where tier = 'platform' order by joined_month
        """
    ).df()
    mo.vstack([mo.md("## 6. Do new members come back?"), cohorts])
    return (cohorts,)


@app.cell
def _(connection, mo):
    tiers = connection.sql(
        """
        select scope.tier, scope.label, listens, listeners, members,
            listens / nullif(members, 0) as listens_per_member
        from scene_week join scope using (scope_id)
        where period = 'week' and starts_on = (select max(starts_on) from scene_week where period = 'week')
        order by scope.tier, scope.label
        """
    ).df()
    mo.vstack([mo.md("## 7. How do the tiers compare, in the last whole week?"), mo.ui.table(tiers)])
    return (tiers,)


@app.cell
def _(connection, mo):
    events = connection.sql(
        """
        select scope.label as scene, starts_at, verified_attendance, first_timers, blasts
        from event_activity join scope on scope.tier = 'city' and scope.scene_id = event_activity.scene_id
        where has_ended order by starts_at desc limit 50
        """
    ).df()
    mo.vstack([mo.md("## 8. Who came to the latest events?"), mo.ui.table(events)])
    return (events,)


@app.cell
def _(connection, mo):
    deliveries = connection.sql(
        """
        select table_name, status, sum(rows_delivered) as delivered, sum(rows_accepted) as accepted,
            sum(rows_duplicate) as duplicate, sum(rows_superseded) as superseded,
            sum(rows_rejected) as rejected
        from row_account where night = (select as_of_date from publication)
        group by all order by all
        """
    ).df()
    mo.vstack([mo.md("## 9. What became of last night's rows?"), deliveries])
    return (deliveries,)


@app.cell
def _(connection, mo):
    partly_known = connection.sql(
        """
        select metric, value, coverage from analytics_summary
        where tier = 'platform' and subject_type = 'scene' and window_days = 30 and coverage < 1
        order by coverage, metric
        """
    ).df()
    mo.vstack([mo.md("## 10. Of which numbers is only a part known?"), partly_known])
    return (partly_known,)


if __name__ == "__main__":
    app.run()
