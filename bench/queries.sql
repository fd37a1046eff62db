-- Ten questions of analysts, one a paragraph. The first line says what the question is about: all, or the subject of $1.

-- scope: how does it do, week over week?
select * from scene_week where scope_id = $1 and period = 'week' order by starts_on;

-- scope: how did its score come about?
select * from activity_score where scope_id = $1 order by as_of_date;

-- scope: all its numbers
select metric, window_days, value, is_suppressed from analytics_summary where scope_id = $1 and subject_type = 'scene';

-- artist: weeks everywhere
select * from artist_week where artist_band_id = $1 and tier = 'platform' order by starts_on;

-- artist: where it is heard
select * from artist_analytics where artist_band_id = $1 order by state, city, window_days;

-- member: the points of a profile
select * from member_profile where user_id = $1;

-- member: where each point came from
select * from member_point_source where user_id = $1 order by occurred_at desc;

-- all: which activity types bring points, by month?
select activity_type, date_trunc('month', occurred_on) as month, sum(points) from activity_point group by all;

-- all: listens of the states, by month
select scope_id, starts_on, sum(listens) from scene_week where tier = 'state' and period = 'month' group by all;

-- all: how many members have points from several kinds of participation?
select count(*) from (
    select user_id from activity_point group by user_id having count(distinct activity_type) > 1
) as several;
