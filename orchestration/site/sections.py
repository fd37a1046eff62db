"""What the public pages show: each section is a query on the published tables.

In a result null means that there is nothing to say, NaN that the number is about too few people to be shown.
No section is ordered by points.
"""

from orchestration.site.queries import NO_POINTS, SHOWN, WEEKS, Section, metrics, types, withheld

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


def _points(period: str, first: str, end: str) -> str:
    """Points of each page by activity type, for every `period` (week or day) from the first to the end."""
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
            select page, unnest(range({first}, {end}, interval 1 {period})) as starts_on
            from (select distinct page from ledger) cross join publication
        )
        select page, starts_on::date as period, {types()}, coalesce(sum(points), 0) as total
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


def _listening(**names: str) -> str:
    """Columns about listening under these names. Once it is delivered, null says that one is withheld."""
    return ", ".join(f'{withheld(column, "track_engagements")} as "{name}"' for column, name in names.items())


def _events(columns: str, which: str, order: str) -> str:
    """The twenty events of each page that come first in this order, of those that have ended or not."""
    return f"""
        with {_SCENES}
        select scene_of.page, starts_at::date as day, event.name as event, artist.name as artist{columns}
        from event_activity
        join scene_of using (scene_id)
        left join subject as event on event.subject_type = 'event' and event.subject_id = event_id
        left join subject as artist on artist.subject_type = 'artist' and artist.subject_id = artist_band_id
        where {which}
        qualify row_number() over (partition by page order by starts_at {order}, event_id) <= 20
        order by page, day {order}, event_id
    """


WHOLE_WEEKS = "date_trunc('week', as_of_date + 1)"  # the Monday after the last week that is over

SCOPE = [
    Section(
        "Activity Score by week",
        "Activity Points by the kind of act that earned them, in whole weeks from Monday, UTC. Bonuses are "
        "in them.",
        _points("week", f"{WHOLE_WEEKS} - interval {WEEKS} week", WHOLE_WEEKS),
        "points_by_week",
        empty=NO_POINTS,
    ),
    Section(
        "Activity Score by day",
        "The same for the last four weeks, day by day.",
        _points("day", "as_of_date - interval 27 day", "as_of_date + interval 1 day"),
        "points_by_day",
        empty=NO_POINTS,
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
        empty="Nobody is at home here yet.",
    ),
    Section(
        "Participation by week",
        "Whole weeks from Monday, UTC: what people did here. Listening earns no points. A dash: its export "
        "was never delivered.",
        _weekly(
            "votes, adds, blasts, recommends",
            f"{withheld('follows', 'follows')} as follows",
            'events_hosted as events, verified_attendance as "verified attendance"',
            'activity_points as "Activity Points"',
        ),
        "participation_by_week",
        empty="No week is over yet.",
    ),
    Section(
        "Listening by week",
        "Whole weeks from Monday, UTC. A dash: not known, or about fewer than {floor} people.",
        _weekly(
            _listening(listens="listens", listeners="listeners"),
            'active_users as "active people"',
            _listening(
                engagement_points="engagement", full_listens="full", majority_listens="majority",
                partial_listens="partial", skips="skips",
            ),
        ),
        "listening_by_week",
        empty="No week is over yet.",
    ),
    Section(
        "Broadcast health by week",
        "Songs in the scene's rotation. A dash: what was in it is known from the first snapshot on.",
        _weekly(
            'songs_entered_rotation as "entered", songs_in_rotation as "in rotation"',
            'active_new_count as "of them new"',
        ),
        "rotation_by_week",
        empty="No week is over yet.",
    ),
    Section(
        "Listening by city",
        "Listens and listeners of the last 30 days in each city scene.",
        f"""
        with {_SCENES}
        select scene_of.page, city.label as scene,
            any_value({SHOWN}) filter (where metric = 'listens') as listens,
            any_value({SHOWN}) filter (where metric = 'unique_listeners') as listeners
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
        "The latest twenty that are over. RSVPs are not exported, so nothing is said of them. A dash: not "
        "known.",
        _events(
            f""", verified_attendance as "verified attendance",
            case when verified_attendance is not null then {withheld("first_timers", "event_attendances")} end
                as "first time", blasts""",
            "coalesce(has_ended, false)",
            "desc",
        ),
    ),
    Section(
        "Announced events",
        "The next twenty that are not over yet.",
        _events("", "not coalesce(has_ended, false)", "asc"),
    ),
    Section(
        "Sects",
        "People who call their music by the same name. A dash: there is nothing to divide.",
        f"""
        with {_SCENES}
        select scene_of.page, sect_name as sect, scope.label as scene, status,
            {withheld("holders", "user_tags")} as holders, {withheld("artists", "user_tags")} as artists,
            case when holders is null then {withheld("share_of_tags", "user_tags")} else share_of_tags end
                as "share of tags",
            case when holders is null then {withheld("progress_to_official", "user_tags")}
                else progress_to_official end as "progress to official"
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
        "each means. A dash: not counted over this window.",
        metrics("scene", "scope_id", "public"),
        is_long=True,
    ),
]  # fmt: skip

GLOSSARY = Section(
    "Glossary",
    "What each number means. Partly: only a part of what it is about is known. Waiting: the export that it "
    "needs does not exist yet.",
    """
    select '{audience}' as page, section, metric as key, label as metric, definition as "what it means",
        unit as "counted in", status, missing as "what is missing"
    from registry
    where list_contains(string_split(audience, ';'), '{audience}')
    order by place
    """,
    is_long=True,
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
            'at most ' || format('{:,}', daily_cap_points) || ' points a day',
            'at most ' || format('{:,}', cap_per_source) || ' points for one act',
            'at most ' || format('{:,}', max_points_per_award) || ' points at once',
            'within ' || case when response_window_hours % 24 = 0 and response_window_hours > 24
                then response_window_hours // 24 || ' days' else response_window_hours || ' hours' end
        ) as bounds,
        case when valid_from <= date '1970-01-01' then 'the beginning' else valid_from::varchar end as "from",
        valid_to as until
    from point_rule
    order by activity_type, rule_id, valid_from
    """,
)
