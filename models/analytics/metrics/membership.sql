with as_of as (
    select * from {{ ref('as_of') }}
),

scope as (
    select * from {{ ref('scope') }}
),

home_scene as (
    select * from {{ ref('home_scene') }}
),

users as (
    select * from {{ ref('stg_users') }}
),

-- The users snapshot that each window is compared with: of the day before it, or the earliest after that.
compared as (
    select
        windows.window_days,
        min(nights.night) as night
    from {{ ref('summary_window') }} as windows
    inner join {{ ref('snapshot_night') }} as nights
        on
            nights.table_name = 'users'
            and cast(nights.night as timestamp) >= {{ days_before('windows.starts_at', 1) }}
    where windows.window_days is not null
    group by all
),

stays as (
    select
        compared.window_days,
        home_scene.user_id,
        home_scene.scene_id,
        home_scene.member_to is null as is_here,
        home_scene.member_from <= compared.night
        and compared.night < coalesce(home_scene.member_to, date '9999-12-31') as was_here
    from home_scene
    cross join compared
),

scoped_stays as (
    {{ scoped('stays') | indent(4) }}
),

-- Who moves from one scene of a scope to another has neither joined nor left it.
in_scope as (
    select
        scope_id,
        window_days,
        user_id,
        bool_or(is_here) as is_here,
        bool_or(was_here) as was_here
    from scoped_stays
    group by all
),

growth as (
    select
        scope.tier,
        scope.scope_id,
        compared.window_days,
        count(*) filter (where in_scope.is_here and not in_scope.was_here) as joined,
        count(*) filter (where in_scope.was_here and not in_scope.is_here) as gone,
        least(
            1,
            cast({{ days_apart('compared.night', 'as_of.as_of_date') }} as double) / compared.window_days
        ) as coverage
    from scope
    cross join compared
    cross join as_of
    left join in_scope
        on scope.scope_id = in_scope.scope_id and compared.window_days = in_scope.window_days
    group by all
),

memberships as (
    select
        memberships.user_id,
        memberships.community_id as scene_id,
        memberships.joined_at
    from {{ ref('stg_community_members') }} as memberships
    inner join users
        on memberships.user_id = users.user_id
),

scoped_memberships as (
    {{ scoped('memberships') | indent(4) }}
),

joined as (
    select
        tier,
        scope_id,
        user_id,
        cast(min(joined_at) as date) as joined_on
    from scoped_memberships
    group by all
),

tenure as (
    select
        joined.tier,
        joined.scope_id,
        cast(null as integer) as window_days,
        count(*) as joined_members,
        sum({{ days_apart('joined.joined_on', 'as_of.as_of_date') }}) as days
    from joined
    cross join as_of
    group by all
)

{{ unpivoted('growth', [
    {
        'name': 'net_member_growth', 'column': 'joined - gone', 'cohort': 'joined + gone',
        'coverage': 'coverage',
    },
]) }}
union all
{{ unpivoted('tenure', [
    {
        'name': 'member_tenure_days_avg', 'numerator': 'days', 'denominator': 'joined_members',
        'cohort': 'joined_members',
    },
]) }}
