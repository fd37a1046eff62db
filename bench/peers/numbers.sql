-- The numbers in PostgreSQL, from the tables of the exports as they were copied in. :night is set before.

create temp table as_of as
select (:'night'::date + 1)::timestamp as as_of, :'night'::date as night;

create temp table city_scene as
select id as scene_id, state, city, "musicCommunity" as music_community from communities
where tier = 'city';

-- A row for each scene and tier; the scene null stands for none. What has no place there is unscoped.
create temp table scoped as
with every as (
    select scene_id, state, music_community from city_scene
    union all
    select null, null, null
)

select every.scene_id, tiers.tier, tiers.scope
from every
cross join lateral (
    values
    ('city', coalesce(every.scene_id::text, '')),
    ('state', coalesce(every.state || '|' || every.music_community, '')),
    ('national', coalesce(every.music_community, '')),
    ('platform', '')
) as tiers (tier, scope);

create temp table home as
with named as (
    select distinct on (state, city, music_community) * from city_scene
    where coalesce(state, city, music_community) is not null
    order by state, city, music_community, scene_id
)

select
    users.id as user_id,
    coalesce(by_id.scene_id, named.scene_id) as scene_id,
    users."createdAt" as created_at,
    users."gpsVerified"::boolean as is_verified
from users
left join city_scene as by_id
    on users."homeSceneId" = by_id.scene_id
left join named
    on coalesce(users."homeSceneState", '') = coalesce(named.state, '')
    and coalesce(users."homeSceneCity", '') = coalesce(named.city, '')
    and coalesce(users."homeSceneCommunity", '') = coalesce(named.music_community, '')
    and coalesce(users."homeSceneState", users."homeSceneCity", users."homeSceneCommunity") is not null;

create temp table heard as
select
    actions.*,
    signals."createdById" as owner_id,
    (signals.metadata::jsonb ->> 'artistBandId')::uuid as band_id,
    signals.type is distinct from 'flyer' as counts
from signal_actions as actions
left join signals
    on actions."signalId" = signals.id;

create temp table response as
select distinct on (adds.id)
    adds.id, adds."createdAt", adds.owner_id, adds.band_id, blasts."userId" as blaster_id, blasts.id as blast_id
from heard as adds
inner join heard as blasts
    on adds."signalId" = blasts."signalId"
    and adds."userId" <> blasts."userId"
    and adds."createdAt" > blasts."createdAt"
    and adds."createdAt" <= blasts."createdAt" + interval '168 hours'
where adds.type = 'ADD' and blasts.type = 'BLAST' and adds.counts
order by adds.id, blasts."createdAt" desc, blasts.id desc;

create temp table proof as
select
    proofs.*,
    coalesce(proofs."verifiedAt", proofs."createdAt") as verified_at,
    proofs.kind || ' ' || coalesce(proofs."eventId", proofs."projectId", proofs."artistBandId")::text as subject,
    coalesce(projects."createdById", events."createdById") as owner_id,
    coalesce(proofs."artistBandId", events."artistBandId") as band_id,
    case when proofs.status = 'revoked' then coalesce(proofs."revokedAt", as_of.as_of - interval '1 millisecond') end
        as revoked_at
from proof_of_support as proofs
cross join as_of
left join events on proofs."eventId" = events.id
left join projects on proofs."projectId" = projects.id
where proofs.status = 'verified' or (proofs.status = 'revoked' and proofs."verifiedAt" is not null);

create temp table act (
    rule_id text, user_id uuid, occurred_at timestamp, source_id uuid, owner_id uuid, band_id uuid, once_id text,
    credited_id uuid, named_scene_id uuid, points integer, reversed_at timestamp
);

insert into act (rule_id, user_id, occurred_at, source_id, owner_id, band_id)
select case type when 'BLAST' then 'blast' else 'support' end, "userId", "createdAt", id, owner_id, band_id
from heard
where (type = 'BLAST' and counts) or type = 'SUPPORT';

insert into act (rule_id, user_id, occurred_at, source_id, owner_id, band_id, credited_id)
select 'blast_response', blaster_id, "createdAt", id, owner_id, band_id, blast_id from response;

insert into act (rule_id, user_id, occurred_at, source_id, owner_id, band_id, once_id)
select
    'attendance', attendances."userId", attendances."checkedInAt", attendances.id, events."createdById",
    events."artistBandId", attendances."eventId"::text
from event_attendances as attendances
left join events on attendances."eventId" = events.id;

insert into act (rule_id, user_id, occurred_at, source_id, owner_id)
select 'project_support', supports."userId", supports."createdAt", supports.id, projects."createdById"
from project_supports as supports
left join projects on supports."projectId" = projects.id;

insert into act (rule_id, user_id, occurred_at, source_id)
select 'project_founding', "createdById", "createdAt", id from projects;

insert into act (rule_id, user_id, occurred_at, source_id, owner_id, band_id, once_id, reversed_at)
select 'proof_of_support', "userId", verified_at, id, owner_id, band_id, subject, greatest(revoked_at, case
    when revoked_at is not null then verified_at
end)
from proof;

insert into act (rule_id, user_id, occurred_at, source_id, named_scene_id, once_id)
select distinct 'pioneer_formation', listeners.id::uuid, audits."createdAt", audits.id, audits."sceneId",
    audits."sceneId"::text
from community_activation_audits as audits
cross join lateral jsonb_array_elements_text(audits."cutoverListenerIds"::jsonb) as listeners (id);

insert into act (rule_id, user_id, occurred_at, source_id, named_scene_id, owner_id)
select 'pioneer_recruiting', "pioneerId", "createdAt", id, "communityId", "recruitedUserId" from pioneer_referrals
union all
select 'pioneer_joining', "recruitedUserId", "createdAt", id, "communityId", "pioneerId" from pioneer_referrals;

insert into act (rule_id, user_id, occurred_at, source_id, points)
select 'adjustment', "userId", "createdAt", id, points::integer from activity_point_adjustments;

create temp table claim as
select
    act.*,
    act.occurred_at::date as occurred_on,
    home.scene_id as home_scene_id,
    greatest(least(coalesce(act.points, rule.points), rule.max_points_per_award), -rule.max_points_per_award) as price,
    rule.cap_per_source,
    rule.daily_cap_points,
    row_number() over (
        partition by act.rule_id, act.user_id, coalesce(act.once_id, act.source_id::text)
        order by act.occurred_at, act.source_id
    ) as occurrence
from act
inner join home on act.user_id = home.user_id
inner join as_of on act.occurred_at < as_of.as_of
inner join point_rule as rule on act.rule_id = rule.rule_id
where
    act.owner_id is distinct from act.user_id
    and not exists (
        select from artist_band_members as mates
        where
            mates."artistBandId" = act.band_id
            and mates."userId" = act.user_id
            and mates."createdAt"::date <= act.occurred_at::date
    );

create temp table within_source as
select
    *,
    case when price < 0 or cap_per_source is null then price else least(price, greatest(0, cap_per_source - (
        sum(greatest(price, 0)) over (
            partition by rule_id, coalesce(credited_id, source_id)
            order by occurred_at, source_id rows unbounded preceding
        ) - price
    ))) end as of_source
from claim
where occurrence = 1;

create temp table award as
with within_day as (
    select
        *,
        case when of_source < 0 or daily_cap_points is null then of_source else least(of_source, greatest(
            0, daily_cap_points - (
                sum(greatest(of_source, 0)) over (
                    partition by rule_id, user_id, occurred_on
                    order by occurred_at, source_id rows unbounded preceding
                ) - of_source
            )
        )) end as paid
    from within_source
)

select
    within_day.rule_id, within_day.user_id, within_day.occurred_at, within_day.reversed_at, within_day.paid,
    case when within_day.named_scene_id is null then within_day.home_scene_id else city_scene.scene_id end as scene_id
from within_day
left join city_scene on within_day.named_scene_id = city_scene.scene_id
where within_day.paid <> 0 or within_day.price = 0;

create table ledger as
select rule_id, user_id, scene_id, occurred_at, paid as points, false as is_reversal
from award
union all
select award.rule_id, award.user_id, award.scene_id, award.reversed_at, -award.paid, true
from award
inner join as_of on award.reversed_at < as_of.as_of;

create temp table contribution as
with earned as (
    select distinct scoped.tier, scoped.scope, ledger.user_id, ledger.occurred_at::date as day
    from ledger
    inner join scoped
        on ledger.scene_id = scoped.scene_id or (ledger.scene_id is null and scoped.scene_id is null)
    where ledger.points > 0
),

beside as (
    select
        *,
        lag(day) over of_one + 30 as counted_to,
        lead(day) over of_one as next_day
    from earned
    window of_one as (partition by tier, scope, user_id order by day)
)

select tier, scope, day, 1 as change from beside
where counted_to is null or counted_to < day
union all
select tier, scope, day + 30, -1 from beside
where next_day is null or next_day > day + 30;

create table score as
with first_day as (
    select min(occurred_at::date) as day from ledger
),

fact as (
    select scene_id, occurred_at::date as day, sum(points) as points, 0 as members from ledger
    group by 1, 2
    union all
    select home.scene_id, greatest(home.created_at::date, first_day.day), 0, count(*) from home
    cross join first_day
    group by 1, 2
),

change as (
    select scoped.tier, scoped.scope, fact.day, fact.points, fact.members, 0 as contributors
    from fact
    inner join scoped on fact.scene_id = scoped.scene_id or (fact.scene_id is null and scoped.scene_id is null)
    union all
    select tier, scope, day, 0, 0, sum(change) from contribution
    group by 1, 2, 3
),

daily as (
    select
        scopes.tier, scopes.scope, days.day::date as day, coalesce(sum(change.points), 0) as points,
        coalesce(sum(change.members), 0) as members, coalesce(sum(change.contributors), 0) as contributors
    from (select distinct tier, scope from scoped) as scopes
    cross join generate_series((select day from first_day), :'night'::date, interval '1 day') as days (day)
    left join change
        on scopes.tier = change.tier and scopes.scope = change.scope and days.day::date = change.day
    group by 1, 2, 3
)

select
    tier, scope, day as as_of_date, points as points_on_day,
    sum(points) over (in_order rows between 6 preceding and current row) as points_7d,
    sum(points) over (in_order rows between 29 preceding and current row) as points_30d,
    sum(points) over (in_order rows between 89 preceding and current row) as points_90d,
    sum(points) over in_order as points_all_time,
    sum(members) over in_order as members,
    sum(contributors) over in_order as contributors_30d
from daily
window in_order as (partition by tier, scope order by day);

create temp table since as
select windows.window_days, as_of.as_of, as_of.as_of - windows.window_days * interval '1 day' as starts_at
from as_of
cross join (values (7), (30), (90), (null)) as windows (window_days);

create temp table listen as
select home.scene_id, engagements."userId" as user_id, engagements.type, engagements.score::integer as score,
    engagements."createdAt" as created_at
from track_engagements as engagements
left join home on engagements."userId" = home.user_id;

create temp table of_scene as
select scene_id, null::integer as window_days, 'members' as metric, count(*) as value from home
group by 1
union all
select scene_id, null, 'gps_verified_members', count(*) from home
where is_verified
group by 1
union all
select home.scene_id, since.window_days, 'new_users', count(*)
from home
inner join since on home.created_at >= coalesce(since.starts_at, '-infinity') and home.created_at < since.as_of
group by 1, 2
union all
select city_scene.scene_id, since.window_days, 'votes', count(*)
from track_votes as votes
inner join since on votes."createdAt" >= coalesce(since.starts_at, '-infinity')
left join city_scene on votes."sceneId" = city_scene.scene_id
group by 1, 2
union all
select city_scene.scene_id, since.window_days, 'events_created', count(*)
from events
inner join since
    on events."createdAt" >= coalesce(since.starts_at, '-infinity') and events."createdAt" < since.as_of
left join city_scene on events."communityId" = city_scene.scene_id
group by 1, 2
union all
select sums.scene_id, sums.window_days, named.metric, named.value
from (
    select
        listen.scene_id, since.window_days, count(*) as listens, sum(listen.score) as engagement_points,
        count(*) filter (where listen.type = 'skip') as skips,
        count(*) filter (where listen.type = 'full') as full_listens
    from listen
    inner join since on listen.created_at >= coalesce(since.starts_at, '-infinity')
    group by 1, 2
) as sums
cross join lateral (
    values
    ('listens', sums.listens), ('engagement_points', sums.engagement_points), ('skips', sums.skips),
    ('full_listens', sums.full_listens)
) as named (metric, value);

create table metrics as
select scoped.tier, scoped.scope, of_scene.window_days, of_scene.metric, sum(of_scene.value) as value
from of_scene
inner join scoped
    on of_scene.scene_id = scoped.scene_id or (of_scene.scene_id is null and scoped.scene_id is null)
group by 1, 2, 3, 4
union all
select scoped.tier, scoped.scope, listeners.window_days, 'unique_listeners', count(distinct listeners.user_id)
from (
    select distinct listen.scene_id, listen.user_id, since.window_days
    from listen
    inner join since on listen.created_at >= coalesce(since.starts_at, '-infinity')
) as listeners
inner join scoped
    on listeners.scene_id = scoped.scene_id or (listeners.scene_id is null and scoped.scene_id is null)
group by 1, 2, 3;
