with engagements as (
    select
        *,
        cast(created_at as date) as engaged_on,
        date_trunc('hour', created_at) as heard_in
    from {{ ref('stg_track_engagements') }}
),

votes as (
    select
        *,
        date_trunc('hour', created_at) as voted_in
    from {{ ref('stg_track_votes') }}
),

listens_of_a_spike as (
    select try_cast(value as integer) as least
    from {{ ref('metric_threshold') }}
    where metric = 'engagement_spikes' and threshold = 'engagement_spike_listens'
),

votes_of_a_spike as (
    select try_cast(value as integer) as least
    from {{ ref('metric_threshold') }}
    where metric = 'vote_spikes' and threshold = 'vote_spike_votes'
),

scope_windows as (
    {{ scope_windows() | indent(4) }}
),

-- What is no spike of all people is none of those at home in one scope. So most hours need not be looked at by scope.
busy_hours as (
    select
        engagements.track_id,
        engagements.heard_in
    from engagements
    group by all
    having count(*) >= (select least from listens_of_a_spike)
),

listens_in_busy_hours as (
    select
        engagements.engaged_on,
        engagements.heard_in,
        engagements.user_id,
        engagements.track_id,
        {{ stable_id(['engagements.track_id', 'engagements.heard_in']) }} as spike_id
    from engagements
    inner join busy_hours
        on engagements.track_id = busy_hours.track_id and engagements.heard_in = busy_hours.heard_in
),

at_home as (
    select
        listens_in_busy_hours.*,
        home_scene.scene_id
    from listens_in_busy_hours
    {{ join_home_scene('listens_in_busy_hours', 'user_id', 'listens_in_busy_hours.engaged_on') }}
),

scoped_listening as (
    {{ scoped('at_home') | indent(4) }}
),

engagement_spikes as (
    select scoped_listening.*
    from scoped_listening
    cross join listens_of_a_spike
    qualify
        count(*) over (partition by scoped_listening.scope_id, scoped_listening.spike_id)
        >= listens_of_a_spike.least
),

engagement_by_scope as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        count(distinct engagement_spikes.spike_id) as engagement_spikes,
        count(distinct engagement_spikes.user_id) as listeners
    from scope_windows
    left join engagement_spikes
        on
            scope_windows.scope_id = engagement_spikes.scope_id
            and engagement_spikes.heard_in >= scope_windows.starts_at
    group by all
),

engagement_by_track as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        engagement_spikes.track_id,
        count(distinct engagement_spikes.spike_id) as engagement_spikes,
        count(distinct engagement_spikes.user_id) as listeners
    from scope_windows
    inner join engagement_spikes
        on
            scope_windows.scope_id = engagement_spikes.scope_id
            and engagement_spikes.heard_in >= scope_windows.starts_at
    group by all
),

vote_spikes as (
    select
        votes.scene_id,
        votes.voted_in,
        votes.user_id,
        {{ stable_id(['votes.scene_id', 'votes.voted_in']) }} as spike_id
    from votes
    cross join votes_of_a_spike
    qualify count(*) over (partition by votes.scene_id, votes.voted_in) >= votes_of_a_spike.least
),

scoped_votes as (
    {{ scoped('vote_spikes') | indent(4) }}
),

votes_by_scope as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        count(distinct scoped_votes.spike_id) as vote_spikes,
        count(distinct scoped_votes.user_id) as voters
    from scope_windows
    left join scoped_votes
        on
            scope_windows.scope_id = scoped_votes.scope_id
            and scoped_votes.voted_in >= scope_windows.starts_at
    group by all
)

{{ unpivoted('engagement_by_scope', [{'name': 'engagement_spikes', 'cohort': 'listeners'}]) }}
union all
{{ unpivoted(
    'engagement_by_track', [{'name': 'engagement_spikes', 'cohort': 'listeners'}], 'track', 'track_id'
) }}
union all
{{ unpivoted('votes_by_scope', [{'name': 'vote_spikes', 'cohort': 'voters'}]) }}
