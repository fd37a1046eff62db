with as_of as (
    select * from {{ ref('as_of') }}
),

scope as (
    select * from {{ ref('scope') }}
),

home_scene as (
    select * from {{ ref('home_scene') }}
),

compared as (
    select * from {{ ref('compared_night') }}
    where table_name = 'users'
),

joined_members as (
    select * from {{ ref('joined_member') }}
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
        compared.days_seen
    from scope
    cross join compared
    left join in_scope
        on scope.scope_id = in_scope.scope_id and compared.window_days = in_scope.window_days
    group by all
),

scoped_members as (
    {{ scoped('joined_members') | indent(4) }}
),

joined as (
    select
        tier,
        scope_id,
        user_id,
        cast(min(joined_at) as date) as joined_on
    from scoped_members
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
        'coverage': 'days_seen',
    },
]) }}
union all
{{ unpivoted('tenure', [
    {
        'name': 'member_tenure_days_avg', 'numerator': 'days', 'denominator': 'joined_members',
        'cohort': 'joined_members',
    },
]) }}
