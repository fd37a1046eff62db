"""The cards at the head of a page: a number, what it was before, and a small line of how it went.

A query gives a row for each card: the page, what is counted, the number, what it was before, since when, and
the series of the small line. Null is a number that is not known, NaN one about too few people.
"""

from orchestration.site.queries import ARTIST_WEEKS, WEEKS, withheld

DAYS = 56  # that a small line looks back


def _by_day(place: int, what: str, column: str, days: int, before: str) -> str:
    """A number of activity_score, and what it was so many days before."""
    return f"""
        select scope_id::varchar as page, {place} as place, '{what}' as what,
            any_value({column}) filter (where score.as_of_date = publication.as_of_date)::double as number,
            any_value({column}) filter (where score.as_of_date = publication.as_of_date - {days})::double
                as before,
            '{before}' as since,
            list({column}::double order by score.as_of_date)
                filter (where score.as_of_date > publication.as_of_date - {DAYS}) as series
        from activity_score as score cross join publication
        group by scope_id
    """


def _by_week(place: int, what: str, column: str) -> str:
    """A number of the last whole week, and of the one before."""
    last = "date_trunc('week', as_of_date + 1)::date"
    shown = withheld(column, "track_engagements")
    return f"""
        select scope_id::varchar, {place}, '{what}',
            any_value({shown}) filter (where starts_on = {last} - 7)::double,
            any_value({shown}) filter (where starts_on = {last} - 14)::double,
            'on the week before',
            list({column}::double order by starts_on) filter (where starts_on >= {last} - {7 * WEEKS})
        from scene_week cross join publication
        where period = 'week'
        group by scope_id
    """


# Of a Plot: the numbers that the app shows there, and that have no history.
_PLOT = """
    select page, unnest([
        {'place': 20, 'what': 'actions on signals in 7 days', 'number': signal_actions_7d,
            'before': signal_actions_7d_before, 'since': 'on the 7 days before'},
        {'place': 21, 'what': 'members, as the app counts them', 'number': total_members,
            'before': null, 'since': ''},
        {'place': 22, 'what': 'active sects', 'number': active_sects, 'before': null, 'since': ''},
        {'place': 23, 'what': 'events announced in 7 days', 'number': events_this_week, 'before': null,
            'since': ''},
        {'place': 24, 'what': 'songs ready to play', 'number': active_tracks, 'before': null, 'since': ''},
        {'place': 25, 'what': 'people verified on the spot', 'number': gps_verified_users, 'before': null,
            'since': ''},
        {'place': 26, 'what': 'communities', 'number': scope_community_count, 'before': null, 'since': ''}
    ], recursive := true), null as series
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
"""

OF_SCOPES = (
    "select page, what, number, before, since, series from ("
    + " union all ".join(
        [
            _by_day(1, "Activity Score, 7 days", "points_7d", 7, "on the 7 days before"),
            _by_day(2, "Activity Score, 30 days", "points_30d", 30, "on the 30 days before"),
            _by_day(3, "Activity Score, all time", "points_all_time", 30, "since 30 days ago"),
            _by_day(4, "people at home here", "members", 30, "since 30 days ago"),
            _by_day(5, "people who contributed in 30 days", "contributors_30d", 30, "on the 30 days before"),
            _by_week(6, "listens in the last whole week", "listens"),
            _by_week(7, "listeners in the last whole week", "listeners"),
            _PLOT,
        ]
    )
    + ") order by page, place"
)


def _card(what: str, number: str, before: str = "null", since: str = "", series: str = "null") -> str:
    return (
        f"{{'what': '{what}', 'number': ({number})::double, 'before': ({before})::double, "
        f"'since': '{since}', 'series': {series}}}"
    )


_OF_AN_ARTIST = ", ".join(
    [
        _card(
            "listens in the last whole week",
            withheld("total.listens_last_week", "track_engagements"),
            withheld("total.listens_week_before", "track_engagements"),
            "on the week before",
            "series.series",
        ),
        _card("listeners in 30 days", "month.listeners"),
        _card("followers", "total.followers"),
        _card("cities whose listens are shown", "month.cities"),
        _card("votes so far", "total.votes"),
        _card("songs ready to play", "total.songs"),
    ]
)

OF_ARTISTS = f"""
    with total as (
        select * from artist_total where window_days is null
    ),
    month as (
        select * from artist_total where window_days = 30
    ),
    {ARTIST_WEEKS},
    series as (
        select artist_band_id, list(listens::double order by starts_on) as series
        from artist_weeks group by artist_band_id
    )
    select total.artist_band_id::varchar as page, unnest([{_OF_AN_ARTIST}], recursive := true)
    from total
    left join month using (artist_band_id)
    left join series using (artist_band_id)
    order by page
"""
