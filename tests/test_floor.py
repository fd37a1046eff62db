"""Few people are withheld, and nobody who has all the other numbers of a publication can tell how many."""

import pytest
from attacker import Number, Publication, about_few, is_of_nobody, pinned, publication
from worlds import World, models, sample_world

from orchestration.sample import SampleSize

# pandas at work, which a tracer slows down by half; what it calls of ours is covered elsewhere.
pytestmark = pytest.mark.no_cover

SIZE = SampleSize(members=160, scenes=9, tracks=40, engagements=2500, actions=900, nights=3, history_days=100)
ANALYTICS = [model.name for model in models().values() if model.folder == "analytics"]
DECISIONS = [name for name in models() if name.startswith("decision_")]
SHOWING = ["shown_value", "analytics_summary", "analytics_breakdown", "scene_map", "artist_analytics"]
# Of these a withheld scope may be told to have none: those of the wider scope all lie in shown ones.
THINGS = {"full_listens", "majority_listens", "partial_listens", "skips"}

# Two people without a home listen in the week before the last, to a track of no scene that nobody else hears
# in 30 days. Two others hear an artist before an event in a community that is no city, and nobody afterwards.
NOWHERE = """
    create temp table nowhere as select track_id from stg_tracks anti join scene on community_id = scene_id;
    create temp table homeless as
    select user_id from home_scene
    where scene_id is null and user_id in (select user_id from stg_track_engagements);
    create temp table two as from homeless order by user_id limit 2;
    delete from stg_track_engagements
    where (created_at >= timestamp '2025-12-20' and track_id in (from nowhere))
        or (created_at >= timestamp '2026-01-05' and user_id in (from homeless));
    update stg_track_engagements
    set created_at = timestamp '2026-01-07 10:00:00', track_id = (select min(track_id) from nowhere)
    where user_id in (from two);

    create temp table event as
    select event_id, artist_band_id from stg_events
    where artist_band_id in (select artist_band_id from stg_tracks) order by event_id limit 1;
    create temp table theirs as select track_id from stg_tracks semi join event using (artist_band_id);
    create temp table others as
    select min(track_engagement_id) as track_engagement_id from stg_track_engagements
    where score = 3 and user_id not in (from homeless) group by user_id order by user_id limit 2;
    update stg_events
    set starts_at = timestamp '2025-12-19 20:00:00', ends_at = timestamp '2025-12-19 23:00:00',
        community_id = (select community_id from stg_communities where tier = 'state')
    where event_id in (select event_id from event);
    delete from stg_track_engagements
    where track_id in (from theirs) and created_at between timestamp '2025-12-05' and timestamp '2026-01-03';
    update stg_track_engagements
    set created_at = timestamp '2025-12-10 10:00:00', track_id = (select min(track_id) from theirs)
    where track_engagement_id in (from others)
"""


@pytest.mark.parametrize(
    ("shown", "withheld", "sums", "told"),
    [
        # 12 = 7 + ? + ?: one is at most 5, and nobody knows which has how many.
        ({"all": 12, "a": 7}, "bc", ["all=a+b+c"], ""),
        # 12 = 7 + ?
        ({"all": 12, "a": 7}, "b", ["all=a+b"], "b"),
        # 7 = 7 + ? + ?: nobody there.
        ({"all": 7, "a": 7}, "bc", ["all=a+b+c"], "bc"),
        # The same two numbers in two sums: b + c = 5, b - c = 1.
        ({"all": 5, "a": 1}, "bc", ["all=b+c", "b=a+c"], "bc"),
        # Only one of the three is told.
        ({"all": 9, "a": 4, "part": 5}, "bcd", ["all=a+b+c", "part=b+c+d"], "d"),
    ],
)
def test_the_attack_tells_what_a_person_would(
    shown: dict[str, float], withheld: str, sums: list[str], told: str
) -> None:
    rows = []
    for text in sums:
        whole, parts = text.split("=")
        rows.append([(1, (whole,)), *((-1, (part,)) for part in parts.split("+"))])
    numbers = {(name,): float(value) for name, value in shown.items()}
    publication = Publication(numbers, {(name,) for name in withheld}, rows)
    assert pinned(publication) == {(name,) for name in told}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world in which nobody moves, so that distinct people of the parts add up to those of the whole."""
    return with_nobody_moving(sample_world(tmp_path_factory.mktemp("floor"), seed=5, size=SIZE))


def with_nobody_moving(made: World) -> World:
    """The world had everybody always been at home where they were last."""
    made.connection.execute(
        """
        create or replace table home_scene as
        select user_id, max_by(scene_id, valid_from) as scene_id, min(member_from) as member_from,
            null::date as member_to, date '0001-01-01' as valid_from, date '9999-12-31' as valid_to
        from home_scene semi join stg_users using (user_id) group by user_id
        """
    )
    for table in ("track_engagements", "track_votes", "signal_actions", "event_attendances", "follows"):
        made.connection.execute(
            f"delete from stg_{table} where user_id not in (select user_id from stg_users)"
        )
    made.build(ANALYTICS)
    return made


def told_people(attacked: Publication) -> set[Number]:
    """The numbers of people, and of all that they did, that are pinned."""
    return {n for n in pinned(attacked) if n[0] not in THINGS and not is_of_nobody(n[0])}


def test_who_has_every_other_number_can_tell_no_withheld_one(world: World) -> None:
    attacked = publication(world)
    assert len(attacked.withheld) > 1000
    assert len(attacked.shown) > 1000
    assert told_people(attacked) == set()


def test_no_number_that_is_shown_is_about_few_people(world: World) -> None:
    assert about_few(world) == set()


def test_without_a_floor_many_are(world: World) -> None:
    with world.undone():
        world.connection.execute("update privacy_floor set floor_people = 0")
        world.build(ANALYTICS)
        assert len(about_few(world)) > 1000


def test_what_lies_nowhere_tells_no_more_of_few_people(world: World) -> None:
    """Of the lesser of two, 0 is not nobody: somebody was there before, lives there, or heard the other."""
    with world.undone():
        world.connection.execute(NOWHERE)
        world.build(ANALYTICS)
        (there,) = world.connection.sql(
            """
            select list(distinct metric order by metric)
            from metric_value join metric using (metric) join sceneless_scope using (scope_id)
            where cohort_size = 0 and cohort like 'the lesser of %'
            """
        ).fetchone()
        assert there == [
            "engagement_change_after_event", "engagement_growth_rate", "visitor_to_local_ratio",
        ]  # fmt: skip
        assert about_few(world) == set()
        assert told_people(publication(world)) == set()


def test_without_the_second_step_the_attack_tells_many(world: World) -> None:
    """Withholding the small cells alone is not enough."""
    with world.undone():
        for decision in DECISIONS:
            world.connection.execute(
                f"""
                create or replace table {decision} as
                select cell_key, scope_id, people < floor_people or coalesce(others between 1 and 4, false)
                    as is_withheld
                from floored_cell semi join {decision} using (cell_key, scope_id) cross join privacy_floor
                """
            )
        world.build(
            ["shown_value", "analytics_summary", "analytics_breakdown", "scene_map", "artist_analytics"]
        )
        assert len(told_people(publication(world))) > 20


def test_every_cell_is_decided_once(world: World) -> None:
    decided = " union all ".join(f"from {decision}" for decision in DECISIONS)
    undecided = f"select cohort_group from floored_cell anti join ({decided}) using (cell_key, scope_id)"
    assert world.connection.sql(undecided).fetchall() == []
    cells = f"select count(*), count(distinct (cell_key, scope_id)) from ({decided})"
    ((decisions, different),) = world.connection.sql(cells).fetchall()
    assert decisions == different > 1000
