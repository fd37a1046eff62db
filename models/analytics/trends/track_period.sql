{#- Nothing but platform-wide numbers: a track is heard by too few people for any narrower scope. -#}

with listening as (
    select * from {{ ref('listening_day') }}
),

votes as (
    select
        track_id,
        cast(created_at as date) as day,
        count(*) as votes
    from {{ ref('stg_track_votes') }}
    group by all
),

heard as (
    select
        periods.period,
        periods.starts_on,
        listening.track_id,
        {%- for number in heard_numbers() %}
        cast(sum(listening.{{ number }}) as bigint) as {{ number }},
        {%- endfor %}
        count(distinct listening.user_id) as listeners
    from listening
    {{ join_period('listening', 'engaged_on') }}
    group by all
),

voted as (
    select
        periods.period,
        periods.starts_on,
        votes.track_id,
        cast(sum(votes.votes) as bigint) as votes
    from votes
    {{ join_period('votes', 'day') }}
    group by all
)

select
    coalesce(heard.period, voted.period) as period,
    coalesce(heard.starts_on, voted.starts_on) as starts_on,
    coalesce(heard.track_id, voted.track_id) as track_id,
    {%- for number in heard_numbers() %}
    coalesce(heard.{{ number }}, 0) as {{ number }},
    {%- endfor %}
    coalesce(heard.listeners, 0) as listeners,
    coalesce(voted.votes, 0) as votes
from heard
full outer join voted
    on heard.period = voted.period and heard.starts_on = voted.starts_on and heard.track_id = voted.track_id
