with periods as (
    select * from {{ ref('period') }}
),

scope as (
    select * from {{ ref('scope') }}
),

scene_count as (
    select * from {{ ref('scene_count') }}
),

listening_day as (
    select * from {{ ref('listening_day') }}
),

active_day as (
    select * from {{ ref('active_day') }}
),

follows_day as (
    select * from {{ ref('count_day') }}
    where metric = 'follows'
),

actions as (
    select
        cast(created_at as date) as acted_on,
        home_scene_id as scene_id,
        count(*) as adds
    from {{ ref('signal_response') }}
    where action_type = 'ADD'
    group by all
),

homes as (
    select * from {{ ref('home_scene') }}
),

users as (
    select * from {{ ref('stg_users_history') }}
),

entries as (
    select * from {{ ref('rotation_stay') }}
),

entries_of_the_night as (
    select * from {{ ref('stg_rotation_entries') }}
),

first_nights as (
    select
        min(night) filter (where table_name = 'rotation_entries') as of_rotation,
        min(night) filter (where table_name = 'users') as of_users
    from {{ ref('snapshot_night') }}
),

-- Where verified members were at home on the last night of the period.
verified as (
    select
        periods.period,
        periods.starts_on,
        users.user_id,
        homes.scene_id
    from users
    inner join periods
        on
            users.from_night < periods.ends_before
            and (users.to_night is null or users.to_night >= periods.ends_before)
    left join homes
        on
            users.user_id = homes.user_id
            and homes.valid_from < periods.ends_before
            and homes.valid_to >= periods.ends_before
    where users.is_gps_verified
),

scoped_follows as (
    {{ scoped('follows_day') | indent(4) }}
),

scoped_entries as (
    {{ scoped('entries') | indent(4) }}
),

scoped_actions as (
    {{ scoped('actions') | indent(4) }}
),

scoped_new as (
    {{ scoped('entries_of_the_night') | indent(4) }}
),

scoped_homes as (
    {{ scoped('homes') | indent(4) }}
),

scoped_verified as (
    {{ scoped('verified') | indent(4) }}
),

-- Who moves from one scene of a scope to another has not left the scope.
stays as (
    select
        *,
        lag(member_to) over (partition by scope_id, user_id order by member_from) as left_on,
        lead(member_from) over (partition by scope_id, user_id order by member_from) as back_on
    from scoped_homes
),

arrivals as (
    select * from stays
    where member_from is distinct from left_on
),

departures as (
    select * from stays
    where member_to is distinct from back_on
),

heard as (
    select
        periods.period,
        periods.starts_on,
        listening_day.scene_id,
        {%- for number in heard_numbers() %}
        sum(listening_day.{{ number }}) as {{ number }}{% if not loop.last %},{% endif %}
        {%- endfor %}
    from listening_day
    {{ join_period('listening_day', 'engaged_on') }}
    group by all
),

scoped_heard as (
    {{ scoped('heard') | indent(4) }}
),

listening as (
    select
        period,
        starts_on,
        scope_id,
        {%- for number in heard_numbers() %}
        sum({{ number }}) as {{ number }}{% if not loop.last %},{% endif %}
        {%- endfor %}
    from scoped_heard
    group by all
),

-- Who listens is active.
active_in_periods as (
    select
        periods.period,
        periods.starts_on,
        active_day.scene_id,
        active_day.user_id,
        active_day.listens > 0 as listeners,
        true as active_users
    from active_day
    {{ join_period('active_day', 'active_on') }}
),

people as (
    {{ ids_in_scopes(
        'active_in_periods', ['period', 'starts_on'], 'user_id', ['listeners', 'active_users']
    ) | indent(4) }}
),

adds_at_home as (
    select
        periods.period,
        periods.starts_on,
        scoped_actions.scope_id,
        sum(scoped_actions.adds) as adds_at_home
    from scoped_actions
    {{ join_period('scoped_actions', 'acted_on') }}
    group by all
),

follows as (
    select
        periods.period,
        periods.starts_on,
        scoped_follows.scope_id,
        sum(scoped_follows.things) as follows,
        count(distinct scoped_follows.user_id) as followers
    from scoped_follows
    {{ join_period('scoped_follows', 'happened_on') }}
    group by all
),

counted as (
    select
        periods.period,
        periods.starts_on,
        scene_count.scope_id,
        {%- for metric in scene_counts() %}
        sum(scene_count.{{ metric }}) as {{ metric }}{% if not loop.last %},{% endif %}
        {%- endfor %}
    from scene_count
    {{ join_period('scene_count', 'day') }}
    group by all
),

first_periods as (
    select
        period,
        min(starts_on) as starts_on
    from periods
    group by all
),

-- A stay begins once and ends once at most. So there are as many members as stays have begun, less those that have ended.
comings_and_goings as (
    select
        scene_id,
        member_from as day,
        1 as members
    from homes
    union all
    select
        scene_id,
        member_to as day,
        -1 as members
    from homes
    where member_to is not null
),

changes_by_scene as (
    select
        periods.period,
        periods.starts_on,
        changes.scene_id,
        sum(changes.members) as members
    from comings_and_goings as changes
    cross join first_periods
    inner join {{ ref('period_day') }} as periods
        on
            first_periods.period = periods.period
            and greatest(changes.day, first_periods.starts_on) = periods.day
    group by all
),

scoped_changes as (
    {{ scoped('changes_by_scene') | indent(4) }}
),

changes as (
    select
        period,
        starts_on,
        scope_id,
        sum(members) as members
    from scoped_changes
    group by all
),

members as (
    select
        periods.period,
        periods.starts_on,
        scope.scope_id,
        cast(sum(coalesce(changes.members, 0)) over (
            partition by scope.scope_id, periods.period
            order by periods.starts_on
        ) as bigint) as members
    from periods
    cross join scope
    left join changes
        on
            periods.period = changes.period
            and periods.starts_on = changes.starts_on
            and scope.scope_id = changes.scope_id
),

joined as (
    select
        periods.period,
        periods.starts_on,
        arrivals.scope_id,
        count(distinct arrivals.user_id) as joined
    from arrivals
    {{ join_period('arrivals', 'member_from') }}
    group by all
),

departed as (
    select
        periods.period,
        periods.starts_on,
        departures.scope_id,
        count(distinct departures.user_id) as departed
    from departures
    {{ join_period('departures', 'member_to') }}
    group by all
),

verified_members as (
    select
        period,
        starts_on,
        scope_id,
        count(*) as gps_verified_members
    from scoped_verified
    group by all
),

-- New songs that had entered and not graduated when the period ended, as the entries of the night tell it.
active_new as (
    select
        periods.period,
        periods.starts_on,
        scoped_new.scope_id,
        count(distinct scoped_new.rotation_entry_id) as active_new_count
    from scoped_new
    inner join periods
        on
            scoped_new.entered_pool_at < cast(periods.ends_before as timestamp)
            and (
                scoped_new.graduated_at >= cast(periods.ends_before as timestamp)
                or (scoped_new.graduated_at is null and scoped_new.pool <> 'MAIN_ROTATION')
            )
    group by all
),

-- What was in rotation on the last night of the period.
rotation as (
    select
        periods.period,
        periods.starts_on,
        scoped_entries.scope_id,
        count(distinct scoped_entries.track_id) as songs_in_rotation
    from scoped_entries
    inner join periods
        on
            scoped_entries.first_night < periods.ends_before
            and (scoped_entries.gone_on is null or scoped_entries.gone_on >= periods.ends_before)
    group by all
)

select
    periods.period,
    periods.starts_on,
    periods.ends_before,
    scope.tier,
    scope.scope_id,
    {%- for number in heard_numbers() %}
    cast(coalesce(listening.{{ number }}, 0) as bigint) as {{ number }},
    {%- endfor %}
    coalesce(people.listeners, 0) as listeners,
    coalesce(people.active_users, 0) as active_users,
    {%- for metric in scene_counts() %}
    counted.{{ metric }},
    {%- endfor %}
    coalesce(adds_at_home.adds_at_home, 0) as adds_at_home,
    cast(coalesce(follows.follows, 0) as bigint) as follows,
    coalesce(follows.followers, 0) as followers,
    coalesce(active_new.active_new_count, 0) as active_new_count,
    coalesce(members.members, 0) as members,
    coalesce(joined.joined, 0) as joined,
    coalesce(departed.departed, 0) as departed,
    case
        when first_nights.of_users < periods.ends_before
            then coalesce(verified_members.gps_verified_members, 0)
    end as gps_verified_members,
    case
        when first_nights.of_rotation < periods.ends_before then coalesce(rotation.songs_in_rotation, 0)
    end as songs_in_rotation
from periods
cross join scope
cross join first_nights
{%- for part in [
    'listening', 'people', 'adds_at_home', 'follows', 'counted', 'members', 'joined', 'departed',
    'verified_members', 'rotation', 'active_new'
] %}
left join {{ part }}
    on
        periods.period = {{ part }}.period
        and periods.starts_on = {{ part }}.starts_on
        and scope.scope_id = {{ part }}.scope_id
{%- endfor %}
