-- A world of any size in the staging tables that recognition reads: variable `acts` says about how many acts follow.
-- Few members do much and many little, few signals are answered by many, most answers come within days.

set variable members = greatest(getvariable('acts') // 50, 50);
set variable scenes = least(400, getvariable('members') // 10);
set variable bands = getvariable('members') // 20;
set variable events = getvariable('members') // 10;
set variable projects = getvariable('members') // 100 + 1;
set variable signals = getvariable('acts') // 40;
set variable last_day = (select as_of_date from as_of);
set variable days = 540;
set variable first_day = getvariable('last_day') - getvariable('days');

-- The same thing has the same id in every table.
create temp macro id_of(kind, number) as md5(kind || number)::uuid;
-- An even fraction below 1, the same on every machine; to the power of 2 or 3 most of it falls on few.
create temp macro fraction(number, salt) as (hash(number, salt) % 1000003) / 1000003;
create temp macro one_of(number, salt, skew, name) as
    floor(fraction(number, salt) ** skew * getvariable(name))::bigint;
create temp macro days_before_the_end(fraction, days) as
    getvariable('last_day')::timestamp + interval 1 day - to_milliseconds(1 + floor(fraction * days * 86400000)::bigint);
create temp macro instant(number, salt) as days_before_the_end(fraction(number, salt), getvariable('days'));
create temp macro delivery_of(table_name, night) as id_of(table_name, night::date::varchar);

truncate stg_communities_history;
insert into stg_communities_history by name
select
    id_of('scene', scene) as community_id,
    'Scene ' || scene as name,
    'City ' || scene % 40 as city,
    'State ' || scene % 20 as state,
    'Community ' || scene // 40 as music_community,
    'city' as tier,
    getvariable('first_day')::timestamp as created_at,
    getvariable('first_day') as from_night
from range(getvariable('scenes')) as numbers (scene);

-- Every fifth member has moved once.
truncate stg_users_history;
insert into stg_users_history by name
select
    id_of('member', member) as user_id,
    id_of('scene', one_of(member, 'home' || stay, 2, 'scenes')) as home_scene_id,
    false as is_gps_verified,
    instant(member, 'joined') as created_at,
    if(stay = 1, getvariable('first_day'), getvariable('last_day') - 100) as from_night,
    if(stay = 1 and member % 5 = 0, getvariable('last_day') - 100, null) as to_night
from range(getvariable('members')) as numbers (member), range(1, 3) as stays (stay)
where stay = 1 or member % 5 = 0;

truncate stg_users;
insert into stg_users by name
select *
from stg_users_history
where to_night is null;

truncate stg_artist_band_members_history;
insert into stg_artist_band_members_history by name
select
    id_of('membership', number) as artist_band_member_id,
    id_of('band', number // 4) as artist_band_id,
    id_of('member', one_of(number, 'plays', 1, 'members')) as user_id,
    'member' as role,
    instant(number, 'formed') as created_at,
    getvariable('first_day') as from_night
from range(getvariable('bands') * 4) as numbers (number);

truncate stg_signals_history;
insert into stg_signals_history by name
select
    id_of('signal', signal) as signal_id,
    if(signal % 50 = 0, 'flyer', 'release') as signal_type,
    if(signal % 5 < 3, id_of('band', signal % getvariable('bands')), null) as artist_band_id,
    id_of('scene', signal % getvariable('scenes')) as community_id,
    id_of('member', one_of(signal, 'creator', 2, 'members')) as created_by_user_id,
    instant(signal, 'born') as created_at,
    getvariable('first_day') as from_night
from range(getvariable('signals')) as numbers (signal);

truncate stg_events_history;
insert into stg_events_history by name
select
    id_of('event', event) as event_id,
    'Event ' || event as title,
    instant(event, 'event') as starts_at,
    starts_at + interval 3 hour as ends_at,
    id_of('scene', event % getvariable('scenes')) as community_id,
    id_of('member', one_of(event, 'host', 1, 'members')) as created_by_user_id,
    starts_at - interval 7 day as created_at,
    id_of('band', event % getvariable('bands')) as artist_band_id,
    getvariable('first_day') as from_night
from range(getvariable('events')) as numbers (event);

truncate stg_projects_history;
insert into stg_projects_history by name
select
    id_of('project', project) as project_id,
    'Project ' || project as name,
    id_of('scene', project % getvariable('scenes')) as community_id,
    id_of('member', one_of(project, 'founder', 1, 'members')) as created_by_user_id,
    'active' as status,
    instant(project, 'founded') as created_at,
    created_at::date as from_night,
    delivery_of('projects', created_at) as delivery_id
from range(getvariable('projects')) as numbers (project);

-- A member blasts, adds or supports a signal once, within forty days of its making.
truncate stg_signal_actions;
insert into stg_signal_actions by name
with actions as (
    select
        number,
        one_of(number, 'signal', 2, 'signals') as signal,
        one_of(number, 'actor', 3, 'members') as member,
        case when number % 20 < 7 then 'BLAST' when number % 20 < 17 then 'ADD' else 'SUPPORT' end as action_type
    from range(getvariable('acts') * 19 // 20) as numbers (number)
    qualify row_number() over (partition by signal, member, action_type order by number) = 1
)
select
    id_of('action', number) as signal_action_id,
    signal_action_id as tie_order,
    action_type,
    id_of('member', member) as user_id,
    id_of('signal', signal) as signal_id,
    least(
        instant(signal, 'born') + to_milliseconds(floor(fraction(number, 'answered') ** 3 * 40 * 86400000)::bigint),
        days_before_the_end(fraction(number, 'late'), 20)
    ) as created_at,
    created_at::date as export_date,
    delivery_of('signal_actions', created_at) as delivery_id
from actions;

truncate stg_event_attendances;
insert into stg_event_attendances by name
select
    id_of('attendance', number) as event_attendance_id,
    event_attendance_id as tie_order,
    id_of('member', one_of(number, 'guest', 3, 'members')) as user_id,
    id_of('event', one_of(number, 'party', 2, 'events')) as event_id,
    instant(number, 'attended') as checked_in_at,
    'qr_scan' as method,
    checked_in_at as created_at,
    checked_in_at::date as export_date,
    delivery_of('event_attendances', checked_in_at) as delivery_id
from range(getvariable('acts') // 8) as numbers (number);

truncate stg_project_supports;
insert into stg_project_supports by name
select
    id_of('support', number) as project_support_id,
    project_support_id as tie_order,
    id_of('project', one_of(number, 'project', 2, 'projects')) as project_id,
    id_of('member', one_of(number, 'supporter', 3, 'members')) as user_id,
    'labor' as kind,
    instant(number, 'supported') as created_at,
    created_at::date as export_date,
    delivery_of('project_supports', created_at) as delivery_id
from range(getvariable('acts') // 50) as numbers (number);

truncate stg_proof_of_support_history;
insert into stg_proof_of_support_history by name
select
    id_of('proof', number) as proof_of_support_id,
    proof_of_support_id as tie_order,
    id_of('member', one_of(number, 'fan', 2, 'members')) as user_id,
    instant(number, 'bought') as created_at,
    'merch' as kind,
    id_of('band', number % getvariable('bands')) as artist_band_id,
    case number % 20 when 0 then 'revoked' when 1 then 'pending' else 'verified' end as status,
    'location' as method,
    if(status = 'pending', null, created_at) as verified_at,
    if(status = 'revoked', created_at + interval 5 day, null) as revoked_at,
    created_at as updated_at,
    created_at::date as from_night,
    delivery_of('proof_of_support', created_at) as delivery_id
from range(getvariable('acts') // 50) as numbers (number);

truncate stg_pioneer_referrals;
insert into stg_pioneer_referrals by name
select
    id_of('referral', number) as pioneer_referral_id,
    pioneer_referral_id as tie_order,
    id_of('member', one_of(number, 'pioneer', 2, 'members')) as pioneer_user_id,
    id_of('member', number) as recruited_user_id,
    id_of('scene', number % getvariable('scenes')) as community_id,
    instant(number, 'recruited') as created_at,
    created_at::date as export_date,
    delivery_of('pioneer_referrals', created_at) as delivery_id
from range(getvariable('members') // 3) as numbers (number);


insert into row_account by name
select
    delivery_of(tables.table_name, night) as delivery_id,
    tables.table_name,
    night::date as night,
    'part-0000.csv' as part,
    'accepted' as status,
    0 as rows_delivered
from
    range(getvariable('first_day')::timestamp, getvariable('last_day')::timestamp + interval 1 day, interval 1 day)
        as nights (night),
    unnest([
        'signal_actions', 'event_attendances', 'project_supports', 'proof_of_support', 'pioneer_referrals', 'projects'
    ]) as tables (table_name);
