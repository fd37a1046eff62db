"""What the page of an artist shows, and the page of a member."""

from orchestration.lists import LISTS
from orchestration.site.queries import ARTIST_WEEKS, NO_POINTS, Section, by_window, metrics, types, withheld

_WINDOWS = {f"{days} days": f"{days}d" for days in LISTS["windows"]} | {"all time": "all_time"}
_TOTALS = {
    "listens": "listens",
    "listeners": "listeners",
    "adds": "adds",
    "adders": "people who added",
    "followers": "followers",
    "attendance": "verified attendance",
    "attendees": "people who came",
    "aware_people": "aware people",
    "blasts": "blasts",
    "votes": "votes",
    "cities": "cities shown",
    "states": "states shown",
}


def _totals() -> str:
    """What artist_total counts: a row for each, a column for each window."""
    places = enumerate(_TOTALS.items())
    arms = ", ".join(f"{{'place': {n}, 'what': '{what}', 'number': {name}}}" for n, (name, what) in places)
    return f"""
        select page, what, {by_window("number")},
            any_value(number) filter (where window_days is null) as "all time"
        from (
            select artist_band_id::varchar as page, window_days, unnest([{arms}], recursive := true)
            from artist_total
        )
        group by page, place, what
        having count(number) > 0
        order by page, place
    """


ARTIST = [
    Section(
        "Week by week",
        "Whole weeks from Monday, UTC. A dashed line: something was released, or an event was held.",
        f"""
        with {ARTIST_WEEKS}
        select artist_band_id::varchar as page, starts_on as period,
            {withheld("listens", "track_engagements")} as listens,
            {withheld("adds", "signal_actions")} as adds, blasts, releases, events
        from artist_weeks
        order by page, starts_on
        """,
        "artist_by_week",
        empty="No week is over yet.",
    ),
    Section(
        "Totals",
        "Distinct people are counted over everything, so cities do not add up to them. A dash: about fewer "
        "than {floor} people, or not counted over this window. What has no number at all is left out.",
        _totals(),
        empty="Nothing is counted yet.",
    ),
    Section(
        "Songs",
        "From release to graduation. A dash: not yet, not known, or about fewer than {floor} people.",
        """
        select artist_band_id::varchar as page, track_title as song, scope.label as scene,
            entered_pool_at::date as released, graduated_at::date as graduated,
            days_to_graduation as "days to graduation",
            first_week_listens as "listens in the first week", votes
        from release_activity
        left join scope on scope.tier = 'city' and scope.scene_id = release_activity.scene_id
        order by page, released, song, rotation_entry_id
        """,
        empty="No song was released yet.",
    ),
    Section(
        "All numbers",
        "Every metric of the registry about you, over the whole platform. A dash: not counted over this "
        "window.",
        metrics("artist", "case when tier = 'platform' then subject_id end", "artist"),
        is_long=True,
    ),
]

# The cities where an artist is heard: not a section, because it is drawn as a map of tiles.
ARTIST_CITIES = f"""
    select artist_band_id::varchar as page, state, city,
        {withheld("listens", "track_engagements")} as listens,
        {withheld("listeners", "track_engagements")} as listeners
    from artist_analytics
    where window_days = 30 and city is not null
    order by page, state, city
"""

_KINDS = ", ".join(f"'{kind}'" for kind in LISTS["activity_types"])


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
        "Weeks from Monday, UTC, from the first that had points. The last one may not be over yet.",
        f"""
        with source as (
            select date_trunc('week', occurred_at)::date as period, activity_type, points
            from member_point_source
            where user_id = $1
        ),
        weeks as (
            select unnest(range(first, as_of_date + interval 1 day, interval 1 week))::date as period
            from (select min(period) as first from source) cross join publication
            where first is not null
        )
        select 'member' as page, period, {types()}, coalesce(sum(points), 0) as total
        from weeks left join source using (period)
        group by period order by period
        """,
        "points_by_week",
        empty=NO_POINTS,
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
        empty=NO_POINTS,
    ),
]
