with invitations as (
    select * from {{ ref('invitation') }}
),

filings as (
    select * from {{ ref('stg_registrar_entries') }}
),

band_members as (
    select distinct
        user_id,
        artist_band_id
    from {{ ref('stg_artist_band_members') }}
),

members as (
    select * from {{ ref('resident') }}
),

active as (
    select distinct
        window_days,
        user_id
    from {{ ref('activity_window') }}
    where is_active_anywhere
),

scope_windows as (
    {{ scope_windows() | indent(4) }}
),

-- The share of the invitations that lead to a member.
known as (
    select avg(cast(is_known as integer)) as share from invitations
),

invited as (
    select
        members.user_id,
        members.scene_id,
        invitations.instrument,
        invitations.created_at
    from invitations
    inner join members
        on invitations.user_id = members.user_id
),

musicians as (
    select
        user_id,
        scene_id,
        min(created_at) as invited_at
    from invited
    group by all
),

players as (
    select distinct
        user_id,
        scene_id,
        instrument
    from invited
    where instrument is not null
),

scoped_musicians as (
    {{ scoped('musicians') | indent(4) }}
),

scoped_players as (
    {{ scoped('players') | indent(4) }}
),

members_of_scope as (
    select
        scope_id,
        value as members
    from {{ ref('counts') }}
    where metric = 'members' and window_days is null
),

by_scope as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        known.share as known_share,
        members_of_scope.members,
        count(scoped_musicians.user_id) as musicians,
        count(active.user_id) as active_musicians,
        count(*) filter (
            where
            scoped_musicians.invited_at >= scope_windows.starts_at
            and scoped_musicians.invited_at < scope_windows.as_of
        ) as new_musicians
    from scope_windows
    cross join known
    left join members_of_scope
        on scope_windows.scope_id = members_of_scope.scope_id
    left join scoped_musicians
        on scope_windows.scope_id = scoped_musicians.scope_id
    left join active
        on
            scoped_musicians.user_id = active.user_id
            and scope_windows.window_days is not distinct from active.window_days
    group by all
),

on_the_night as (
    select * from by_scope
    where window_days is null
),

by_instrument as (
    select
        scoped_players.tier,
        scoped_players.scope_id,
        cast(null as integer) as window_days,
        scoped_players.instrument,
        known.share as known_share,
        count(*) as musicians
    from scoped_players
    cross join known
    group by all
),

filed as (
    select
        invitations.created_at,
        filings.scene_id,
        filings.artist_band_id,
        band_members.user_id as joined_user_id
    from invitations
    left join filings
        on invitations.registrar_entry_id = filings.registrar_entry_id
    left join band_members
        on
            invitations.claimed_user_id = band_members.user_id
            and filings.artist_band_id = band_members.artist_band_id
),

scoped_filed as (
    {{ scoped('filed') | indent(4) }}
),

conversion as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        count(*) as invitations,
        count(scoped_filed.joined_user_id) as conversions,
        count(distinct scoped_filed.joined_user_id) as joined,
        cast(count(scoped_filed.artist_band_id) as double) / count(*) as named_share
    from scope_windows
    inner join scoped_filed
        on
            scope_windows.scope_id = scoped_filed.scope_id
            and scoped_filed.created_at >= scope_windows.starts_at
            and scoped_filed.created_at < scope_windows.as_of
    group by all
)

{{ unpivoted('on_the_night', [
    {'name': 'musicians', 'cohort': 'musicians', 'coverage': 'known_share'},
    {
        'name': 'musician_share', 'numerator': 'musicians', 'denominator': 'members', 'cohort': 'musicians',
        'coverage': 'known_share',
    },
]) }}
union all
{{ unpivoted('by_scope', [
    {'name': 'new_musicians', 'cohort': 'new_musicians', 'coverage': 'known_share'},
    {'name': 'active_musicians', 'cohort': 'active_musicians', 'coverage': 'known_share'},
]) }}
union all
{{ unpivoted('by_instrument', [
    {
        'name': 'musicians_by_instrument', 'column': 'musicians', 'cohort': 'musicians',
        'coverage': 'known_share', 'bucket': 'instrument',
    },
]) }}
union all
{{ unpivoted('conversion', [
    {
        'name': 'musician_conversion_share', 'numerator': 'conversions', 'denominator': 'invitations',
        'cohort': 'joined', 'coverage': 'named_share',
    },
]) }}
