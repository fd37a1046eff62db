"""Exported recurrence scores re-derive from engagement alone; one that points had a part in is named."""

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from worlds import SMALL, World, ancestors, compiled, directories, ingest_nights

from orchestration.sample import write_sample
from orchestration.settings import Settings

LAW = "recurrence_scores_derive_from_engagement_alone"
Entry = tuple[object, ...]

BUILT = ancestors("rotation_recurrence", "stg_communities")


def build(config: Settings, confirmed: list) -> World:
    """Ingest what was delivered, and build what the law and the verdicts are made of."""
    assert ingest_nights(config, confirmed) is not None
    world = World()
    world.load(config)
    world.build(BUILT)
    return world


def mismatches(world: World) -> set[Entry]:
    """The rows law 6 names."""
    (law,) = (node["compiled_code"] for node in compiled()["nodes"].values() if node["name"] == LAW)
    columns = "as_of_date::varchar, scene_id::varchar, track_id::varchar, recurrence_score"
    return set(world.connection.execute(f"select {columns} from ({law})").fetchall())


# What a platform that let points into rotation would do: tracks of members with points are played more.
NUDGED = """
    with earned as (
        select userId, sum(case type when 'BLAST' then 5 else 10 end) as points
        from read_parquet('{exports}/signal_actions/*/part-*', union_by_name = true)
        where type in ('ADD', 'BLAST', 'SUPPORT') group by all
    ),
    owned as (
        select tracks.id as trackId, sum(earned.points)::integer as points
        from read_parquet('{exports}/tracks/{night}/part-*') as tracks
        inner join earned on tracks.uploadedById = earned.userId
        group by all
    ),
    played as (from '{part}')
    select played.* replace (recurrenceScore + coalesce(owned.points, 0) as recurrenceScore)
    from played left join owned on played.trackId = owned.trackId and played.pool = 'MAIN_ROTATION'
"""


def nudge(exports: Path, night: str) -> set[Entry]:
    """Let points into the exported scores; returns what law 6 must name: the rows touched that it judges."""
    part = exports / "rotation_entries" / night / "part-0000.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"create table played as from '{part}'")
        connection.execute(f"create table nudged as {NUDGED.format(exports=exports, night=night, part=part)}")
        connection.execute(f"copy nudged to '{part}' (format parquet)")
        return set(
            connection.execute(
                f"""
                select '{night}', sceneId, trackId, nudged.recurrenceScore
                from nudged inner join played using (id, sceneId, trackId)
                inner join read_parquet('{exports}/communities/{night}/part-*') as scenes
                    on scenes.id = sceneId
                where nudged.recurrenceScore <> played.recurrenceScore and scenes.tier = 'city'
                """
            ).fetchall()
        )


@pytest.mark.seeds(2, 20)
def test_scores_nudged_by_points_are_found_with_exactly_the_rows_named(
    seed: int, tmp_path: Path, tried: Callable[[str, str, int], None]
) -> None:
    config = directories(tmp_path)
    nights = write_sample(config.exports_dir, SMALL, seed=seed, formats=("parquet",))
    honest = build(config, nights)
    counted = honest.connection.execute("select verdict, count(*) from rotation_recurrence group by all")
    verdicts = dict(counted.fetchall())
    assert mismatches(honest) == set()
    assert verdicts.keys() <= {"match", "within_job_time", "not_judged"}
    assert verdicts["match"] > 0
    tried("scores derive from engagement", "entries and nights replayed", sum(verdicts.values()))

    touched = nudge(config.exports_dir, nights[-1].isoformat())
    assert len(touched) > 3
    found = mismatches(build(config, nights))
    tried("scores derive from engagement", "scores nudged by points, each named", len(touched))
    assert found == touched


def test_every_entry_of_main_rotation_has_a_verdict_on_every_night(tmp_path: Path) -> None:
    config = directories(tmp_path)
    world = build(config, write_sample(config.exports_dir, SMALL, seed=5, formats=("parquet",)))
    exported = duckdb.execute(
        f"""
        select parse_path(filename)[-2], sceneId, trackId
        from read_parquet('{config.exports_dir}/rotation_entries/*/part-*', filename = true)
        where pool = 'MAIN_ROTATION' order by all
        """
    ).fetchall()
    key = "as_of_date::varchar, scene_id::varchar, track_id::varchar"
    replayed = world.connection.execute(f"select {key} from rotation_recurrence order by all").fetchall()
    assert replayed == exported != []
    # The job computes nothing for scenes that are not of tier city; every night of engagement came whole.
    assert reasons(world) == {(None, "city"), ("scene_not_city", "state")}


def reasons(world: World) -> set[tuple[str | None, str]]:
    """Why entries are not judged, or None where they are, and of which tier their scenes are."""
    found = world.connection.execute(
        """
        select distinct verdict = 'not_judged', not_judged_because, tier
        from rotation_recurrence inner join stg_communities on scene_id = community_id
        """
    ).fetchall()
    assert all(not_judged == (reason is not None) for not_judged, reason, _ in found)
    return {(reason, tier) for _, reason, tier in found}


def test_entries_whose_window_holds_a_missing_night_say_so(tmp_path: Path) -> None:
    config = directories(tmp_path)
    nights = write_sample(config.exports_dir, SMALL, seed=5, formats=("parquet",))
    shutil.rmtree(config.exports_dir / "track_engagements" / nights[1].isoformat())
    world = build(config, nights)
    assert reasons(world) == {(None, "city"), ("scene_not_city", "state"), ("window_not_known", "city")}
    (first,) = world.connection.execute(
        "select min(updated_at)::date from rotation_recurrence where not_judged_because = 'window_not_known'"
    ).fetchone()
    assert first >= nights[1]
