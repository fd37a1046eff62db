"""Ten questions of analysts, asked of the published file again and again."""

import re
import time
from pathlib import Path
from statistics import quantiles

import duckdb

ROUNDS = 20
QUESTION = re.compile(r"^-- (all|scope|artist|member): .*\n([^;]+);", re.MULTILINE)
SUBJECTS = {
    "scope": "select scope_id from scope order by md5(scope_id::varchar) limit $1",
    "artist": """
        select artist_band_id from (select distinct artist_band_id from artist_analytics)
        order by md5(artist_band_id::varchar) limit $1
    """,
    "member": "select user_id from member_profile order by md5(user_id::varchar) limit $1",
}


def slowest(published: Path) -> dict[str, float]:
    """The 95th percentile of seconds: `one` of questions about one subject, `all` of the others."""
    taken: dict[str, list[float]] = {"one": [], "all": []}
    questions = QUESTION.findall(Path(__file__).with_suffix(".sql").read_text())
    with duckdb.connect(str(published), read_only=True) as connection:
        for about, query in questions:
            asked: list[list[object]] = [[]] * ROUNDS
            if about in SUBJECTS:
                asked = [list(row) for row in connection.execute(SUBJECTS[about], [ROUNDS]).fetchall()]
            for subject in asked:
                started = time.monotonic()
                connection.execute(query, subject).fetchall()
                taken["all" if about == "all" else "one"].append(time.monotonic() - started)
    return {kind: quantiles(seconds, n=20)[-1] for kind, seconds in taken.items()}
