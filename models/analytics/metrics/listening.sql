{%- set sums = [
    'engagement_points', 'listens', 'full_listens', 'majority_listens', 'partial_listens', 'skips'
] -%}
{%- set metrics = [
    {'name': 'engagement_points', 'cohort': 'unique_listeners'},
    {'name': 'listens', 'cohort': 'unique_listeners'},
    {'name': 'full_listens', 'cohort': 'unique_listeners'},
    {'name': 'majority_listens', 'cohort': 'unique_listeners'},
    {'name': 'partial_listens', 'cohort': 'unique_listeners'},
    {'name': 'skips', 'cohort': 'unique_listeners'},
    {'name': 'skip_rate', 'numerator': 'skips', 'denominator': 'listens', 'cohort': 'unique_listeners'},
    {'name': 'unique_listeners', 'cohort': 'unique_listeners'},
] -%}

with listening as (
    select
        *,
        cast(engaged_on as timestamp) as happened_at
    from {{ ref('listening_day') }}
),

scoped as (
    {{ scoped('listening') | indent(4) }}
),

scope_windows as (
    {{ scope_windows() | indent(4) }}
),

by_scope as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        {%- for sum in sums %}
        coalesce(sum(scoped.{{ sum }}), 0) as {{ sum }},
        {%- endfor %}
        count(distinct scoped.user_id) as unique_listeners
    from scope_windows
    left join scoped
        on scope_windows.scope_id = scoped.scope_id and scoped.happened_at >= scope_windows.starts_at
    group by all
),

by_artist as (
    select
        scope_windows.tier,
        scope_windows.scope_id,
        scope_windows.window_days,
        scoped.artist_band_id,
        {%- for sum in sums %}
        sum(scoped.{{ sum }}) as {{ sum }},
        {%- endfor %}
        count(distinct scoped.user_id) as unique_listeners
    from scope_windows
    inner join scoped
        on scope_windows.scope_id = scoped.scope_id and scoped.happened_at >= scope_windows.starts_at
    where scoped.artist_band_id is not null
    group by all
)

{{ unpivoted('by_scope', metrics) }}
union all
{{ unpivoted('by_artist', metrics, 'artist', 'artist_band_id') }}
