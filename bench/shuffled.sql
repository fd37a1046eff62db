-- What Spark read from files and sent from task to task for each table that it made, from its event log: the tables for
-- which it sent most. `skew` is the longest task of a stage beside the median one, of the stage that took longest.
with event as (
    select json as event
    from read_json_objects($log, format = 'newline_delimited', maximum_object_size = 268435456)
),

made as (
    select
        event ->> '$.rootExecutionId' as execution,
        regexp_extract(event ->> '$.physicalPlanDescription', 'Arguments: `spark_catalog`\.`main`\.`(\w+)`', 1) as model
    from event
    where event ->> '$.Event' = 'org.apache.spark.sql.execution.ui.SparkListenerSQLExecutionStart'
),

stage as (
    select
        event ->> '$.Properties."spark.sql.execution.root.id"' as execution,
        unnest(from_json(event -> '$."Stage IDs"', '["bigint"]')) as stage_id
    from event
    where event ->> '$.Event' = 'SparkListenerJobStart'
),

task as (
    select
        (event ->> '$."Stage ID"')::bigint as stage_id,
        (event ->> '$."Task Metrics"."Executor Run Time"')::bigint as took,
        (event ->> '$."Task Metrics"."Input Metrics"."Bytes Read"')::bigint as bytes_read,
        (event ->> '$."Task Metrics"."Shuffle Write Metrics"."Shuffle Bytes Written"')::bigint as bytes_sent
    from event
    where event ->> '$.Event' = 'SparkListenerTaskEnd'
),

by_stage as (
    select
        made.model,
        stage.stage_id,
        sum(task.bytes_read) as bytes_read,
        sum(task.bytes_sent) as bytes_sent,
        count(*) as tasks,
        sum(task.took) as took,
        max(task.took) / greatest(median(task.took), 1) as skew
    from made
    inner join (select distinct * from stage) as stage
        on made.execution = stage.execution
    inner join task
        on stage.stage_id = task.stage_id
    where made.model <> ''
    group by all
)

select
    model,
    sum(bytes_read) / 1e6 as megabytes_read,
    sum(bytes_sent) / 1e6 as megabytes_sent,
    sum(tasks)::bigint as tasks,
    max_by(skew, took) as skew
from by_stage
group by all
order by megabytes_sent desc
limit 20
