"""What the pages show: each section is a query on the published tables, whose first column says which page.

A section is a table with a heading, and perhaps a chart of that table. In a result null means that there is
nothing to say, NaN that the number is about too few people to be shown. No section is ordered by points.
"""

from dataclasses import dataclass, field

from orchestration.lists import LISTS

WEEKS = 26  # that a page looks back, and as many days twice over
_TYPES = ",\n    ".join(
    f"coalesce(sum(points) filter (where activity_type = '{kind}'), 0) as \"{kind.replace('_', ' ')}\""
    for kind in LISTS["activity_types"]
)
# Each scene, and each scope that has a page and holds it.
_SCENES = """
scene_of as (
    select scope.scope_id::varchar as page, home.scene_id
    from scope
    join scope as home on home.tier = 'city' and not home.is_unscoped and (
        scope.tier = 'city' and home.scene_id = scope.scene_id
        or scope.tier = 'state' and (home.state, home.music_community) = (scope.state, scope.music_community)
        or scope.tier = 'national' and home.music_community = scope.music_community
    )
    where not scope.is_unscoped
)
"""


@dataclass(frozen=True)
class Section:
    """A table of a page: its heading, what must be known to read it, its query and perhaps its chart."""

    title: str
    note: str
    sql: str
    chart: str = ""
    units: dict[str, str] = field(default_factory=dict)


def _points(period: str, first: str) -> str:
    """Points of each page by activity type, for every whole `period` (week or day) from the first on."""
    return f"""
        with {_SCENES},
        ledger as (
            select scene_of.page, date_trunc('{period}', occurred_on) as starts_on, activity_type, points
            from activity_point join scene_of using (scene_id)
            union all
            select scope_id::varchar, date_trunc('{period}', occurred_on), activity_type, points
            from activity_point cross join scope
            where scope.tier = 'platform'
        ),
        periods as (
            select page, unnest(range({first}, as_of_date + interval 1 day, interval 1 {period})) as starts_on
            from (select distinct page from ledger) cross join publication
        )
        select page, starts_on::date as period, {_TYPES}, coalesce(sum(points), 0) as total
        from periods left join ledger using (page, starts_on)
        group by page, starts_on order by page, starts_on
    """


def _weekly(*columns: str) -> str:
    """Columns of the whole weeks that a page looks back."""
    return f"""
        select scope_id::varchar as page, starts_on as period, {", ".join(columns)}
        from scene_week cross join publication
        where period = 'week' and starts_on > as_of_date - {7 * WEEKS}
        order by page, starts_on
    """


def _metrics(subject: str, page: str, audience: str) -> str:
    """Every metric of a subject that this audience may see, in the registry's order, by window."""
    value = "case when is_suppressed then 'nan'::double else value end"
    windows = ", ".join(
        f"""any_value({value}) filter (where window_days = {days}) as "{days} days\""""
        for days in LISTS["windows"]
    )
    return f"""
        select
            {page}::varchar as page, metric.section, metric.label as metric, metric.unit,
            any_value({value}) filter (where is_point_in_time) as now,
            {windows},
            any_value({value}) filter (where not is_point_in_time and window_days is null) as "all time"
        from analytics_summary join metric using (metric)
        where analytics_summary.subject_type = '{subject}'
            and list_contains(string_split(metric.audience, ';'), '{audience}')
        group by page, metric.section, metric.label, metric.unit, metric.rowid
        order by page, min(metric.rowid) over (partition by metric.section), metric.rowid
    """


SCOPE = [
    Section(
        "Plot statistics",
        "The numbers of the scene's Plot. “Actions on signals” is what the app calls activity score; "
        "the Activity Score is the sum of the Activity Points that people earned here.",
        """
        select page, unnest([
            {'what': 'members, as the app counts them', 'number': total_members, 'the 7 days before': null},
            {'what': 'people at home here', 'number': members, 'the 7 days before': null},
            {'what': 'people who contributed in 30 days', 'number': contributors_30d,
                'the 7 days before': null},
            {'what': 'active sects', 'number': active_sects, 'the 7 days before': null},
            {'what': 'events announced in 7 days', 'number': events_this_week, 'the 7 days before': null},
            {'what': 'actions on signals in 7 days', 'number': signal_actions_7d,
                'the 7 days before': signal_actions_7d_before},
            {'what': 'songs ready to play', 'number': active_tracks, 'the 7 days before': null},
            {'what': 'people verified on the spot', 'number': gps_verified_users, 'the 7 days before': null},
            {'what': 'communities', 'number': scope_community_count, 'the 7 days before': null},
            {'what': 'Activity Score, 7 days', 'number': activity_score_7d,
                'the 7 days before': activity_score_7d_before},
            {'what': 'Activity Score, 30 days', 'number': activity_score_30d, 'the 7 days before': null},
            {'what': 'Activity Score, all time', 'number': activity_score_all_time, 'the 7 days before': null}
        ], recursive := true)
        from (
            select scope.scope_id::varchar as page, plot_statistics.*
            from scope
            join plot_statistics on tier_scope = tier and (
                tier = 'city' and plot_statistics.scene_id = scope.scene_id
                or tier = 'state' and plot_statistics.state = scope.state
                    and plot_statistics.music_community = scope.music_community
                or tier = 'national' and plot_statistics.music_community = scope.music_community
            )
            qualify row_number() over (partition by scope_id order by plot_statistics.scene_id) = 1
        )
        """,
    ),
    Section(
        "Activity Score by week",
        "Activity Points by the kind of act that earned them. Bonuses are in them.",
        _points("week", f"date_trunc('week', as_of_date) - interval {WEEKS - 1} week"),
        "points_by_week",
    ),
    Section(
        "Activity Score by day",
        "The same for the last four weeks.",
        _points("day", "as_of_date - interval 27 day"),
        "points_by_day",
    ),
    Section(
        "Members and contributors",
        "Members are at home here. Contributors earned points here within 30 days.",
        """
        select scope_id::varchar as page, activity_score.as_of_date as period, members,
            contributors_30d as "contributors of 30 days"
        from activity_score cross join publication
        where activity_score.as_of_date > publication.as_of_date - 56
        order by page, period
        """,
        "people_by_day",
    ),
    Section(
        "Participation by week",
        "Whole weeks from Monday, UTC: what people did here. Listening earns no points.",
        _weekly(
            "votes, adds, blasts, recommends, follows, events_hosted as events",
            'verified_attendance as "verified attendance", activity_points as "Activity Points"',
        ),
        "participation_by_week",
    ),
    Section(
        "Listening by week",
        "No number stands where it would be about fewer than {floor} people, or where its export was never "
        "delivered.",
        _weekly(
            'listens, listeners, active_users as "active people", engagement_points as engagement',
            'full_listens as "full", majority_listens as majority, partial_listens as partial, skips',
        ),
        "listening_by_week",
    ),
    Section(
        "Broadcast health by week",
        "Songs in the scene's rotation. What was in it is known from the first snapshot on.",
        _weekly(
            'songs_entered_rotation as "entered", songs_in_rotation as "in rotation"',
            'active_new_count as "of them new"',
        ),
        "rotation_by_week",
    ),
    Section(
        "Listening by city",
        "Listens and listeners of the last 30 days in each city scene.",
        f"""
        with {_SCENES}
        select scene_of.page, city.label as scene,
            any_value(case when is_suppressed then 'nan'::double else value end)
                filter (where metric = 'listens') as listens,
            any_value(case when is_suppressed then 'nan'::double else value end)
                filter (where metric = 'unique_listeners') as listeners
        from scene_of
        join scope as city on city.tier = 'city' and city.scene_id = scene_of.scene_id
        join analytics_summary as numbers on numbers.scope_id = city.scope_id
        where numbers.metric in ('listens', 'unique_listeners') and window_days = 30
            and numbers.subject_type = 'scene' and scene_of.page != city.scope_id::varchar
        group by all order by page, scene
        """,
    ),
    Section(
        "Events",
        "The latest twenty. RSVPs are not exported, so nothing is said of them.",
        f"""
        with {_SCENES}
        select scene_of.page, starts_at::date as day, event.name as event, artist.name as artist,
            verified_attendance as "verified attendance", first_timers as "first time", blasts
        from event_activity
        join scene_of using (scene_id)
        left join subject as event on event.subject_type = 'event' and event.subject_id = event_id
        left join subject as artist on artist.subject_type = 'artist' and artist.subject_id = artist_band_id
        qualify row_number() over (partition by page order by starts_at desc, event_id) <= 20
        order by page, day desc, event_id
        """,
    ),
    Section(
        "Sects",
        "Who calls what they play by the same name. No number stands where it would be about fewer than "
        "{floor} people.",
        f"""
        with {_SCENES}
        select scene_of.page, sect_name as sect, scope.label as scene, status, holders, artists,
            share_of_tags as "share of tags", progress_to_official as "progress to official"
        from sect_activity
        join scene_of using (scene_id)
        join scope on scope.tier = 'city' and scope.scene_id = sect_activity.scene_id
        order by page, sect_name, scene
        """,
        units={"share of tags": "share", "progress to official": "share"},
    ),
    Section(
        "All numbers",
        "Every metric of the registry that is public, over each of its windows. The glossary says what "
        "each means.",
        _metrics("scene", "scope_id", "public"),
    ),
]

ARTIST = [
    Section(
        "Totals",
        "Distinct people are counted over everything, so cities do not add up to them.",
        """
        select artist_band_id::varchar as page,
            case when window_days is null then 'all time' else window_days || ' days' end as "window",
            listens, listeners, adds, adders, followers, attendance, attendees,
            aware_people as "aware people", blasts, votes, cities, states, songs
        from artist_total
        order by page, window_days nulls last
        """,
    ),
    Section(
        "Week by week",
        "Whole weeks from Monday, UTC. A dashed line: something was released, or an event was held.",
        f"""
        select artist_band_id::varchar as page, starts_on as period, listens, adds, blasts,
            release_markers as releases, event_markers as events
        from artist_timeline cross join publication
        where tier = 'platform' and starts_on > as_of_date - {7 * WEEKS}
        order by page, starts_on
        """,
        "artist_by_week",
    ),
    Section(
        "Songs",
        "From release to graduation.",
        """
        select artist_band_id::varchar as page, track_title as song, scope.label as scene,
            entered_pool_at::date as released, graduated_at::date as graduated,
            days_to_graduation as "days to graduation",
            first_week_listens as "listens in the first week", votes
        from release_activity
        left join scope on scope.tier = 'city' and scope.scene_id = release_activity.scene_id
        order by page, released, song, rotation_entry_id
        """,
    ),
    Section(
        "All numbers",
        "Every metric of the registry about you, over the whole platform.",
        _metrics("artist", "case when tier = 'platform' then subject_id end", "artist"),
    ),
]

# The cities where an artist is heard: not a section, because it is drawn as a map of tiles.
ARTIST_CITIES = """
    select artist_band_id::varchar as page, state, city, listens, listeners
    from artist_analytics
    where window_days = 30 and city is not null
    order by page, state, city
"""

GLOSSARY = Section(
    "Glossary",
    "What each number means. Waiting: the export that it needs does not exist yet.",
    """
    select '{audience}' as page, section, label as metric, definition, unit, status,
        coalesce(missing, '') as "what is missing"
    from metric
    where list_contains(string_split(audience, ';'), '{audience}')
    order by min(rowid) over (partition by section), rowid
    """,
)

RULES = Section(
    "Rules",
    "Each rule as it stands in the policy, with the days from which it holds.",
    """
    select 'rules' as page, description as "what earns points", replace(activity_type, '_', ' ') as type,
        points,
        concat_ws('; ',
            case when is_bonus then 'a bonus' end,
            -- What a rule does not have is null, and is left out.
            'at most ' || daily_cap_points || ' a day',
            'at most ' || cap_per_source || ' for one act',
            'at most ' || max_points_per_award || ' at once',
            'within ' || response_window_hours || ' hours'
        ) as bounds,
        valid_from as "from", valid_to as until
    from point_rule
    order by activity_type, rule_id, valid_from
    """,
)

INTERNAL = [
    Section(
        "Deliveries of the last night",
        "What became of each table's rows.",
        """
        select 'quality' as page, table_name as "table", status, reason, sum(rows_delivered) as delivered,
            sum(rows_accepted) as accepted, sum(rows_duplicate) as duplicate,
            sum(rows_superseded) as superseded, sum(rows_rejected) as rejected
        from row_account cross join publication
        where night = as_of_date
        group by all order by all
        """,
    ),
    Section(
        "All deliveries",
        "Every delivered row is accepted, a duplicate, superseded or rejected; refused deliveries say why.",
        """
        select 'quality' as page, table_name as "table", status, reason, count(*) as parts,
            min(night) as "from", max(night) as until,
            sum(rows_delivered) as delivered, sum(rows_accepted) as accepted,
            sum(rows_duplicate) as duplicate, sum(rows_superseded) as superseded,
            sum(rows_rejected) as rejected
        from row_account
        group by all order by all
        """,
    ),
    Section(
        "Rejected rows",
        "The latest hundred that broke the contract, with line and column.",
        """
        select 'quality' as page, table_name as "table", night, part, row_number as line,
            column_name as "column", reason, value
        from rejected_row
        qualify row_number() over (order by night desc, table_name, part, row_number, column_name) <= 100
        order by night desc, table_name, part, row_number, column_name
        """,
    ),
]

_KINDS = ", ".join(f"'{kind}'" for kind in LISTS["activity_types"])
_WINDOWS = {f"{days} days": f"{days}d" for days in LISTS["windows"]} | {"all time": "all_time"}


def _of_window(window: str) -> str:
    """Points of each kind in a window, then their total, as a list."""
    return ", ".join([*(f"{kind}_points_{window}" for kind in LISTS["activity_types"]), f"points_{window}"])


_OF_A_WINDOW = ", ".join(f'[{_of_window(window)}][place] as "{name}"' for name, window in _WINDOWS.items())

# Of one member, whose id is the parameter of each query.
MEMBER = [
    Section(
        "Points by kind",
        "Every total is the sum of the points above it.",
        f"""
        select 'member' as page, replace([{_KINDS}, 'total'][place], '_', ' ') as kind, {_OF_A_WINDOW}
        from member_profile cross join range(1, {len(LISTS["activity_types"]) + 2}) as places (place)
        where user_id = $1
        order by place
        """,
    ),
    Section(
        "Points by week",
        "Weeks from Monday, UTC, in which points were earned or taken back.",
        f"""
        select 'member' as page, date_trunc('week', occurred_at)::date as period, {_TYPES},
            sum(points) as total
        from member_point_source
        where user_id = $1
        group by all order by period
        """,
        "points_by_week",
    ),
    Section(
        "Where each point came from",
        "The latest first. What was taken back stands twice: as it was earned, and as it was taken back.",
        """
        select 'member' as page, strftime(occurred_at, '%Y-%m-%d %H:%M') as "when (UTC)", points, rule, scene
        from member_point_source
        where user_id = $1
        order by occurred_at desc, activity_point_id
        """,
    ),
]
