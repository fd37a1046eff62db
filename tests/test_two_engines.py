"""A model that only DuckDB understands is refused before anything is built, and nothing else is."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from orchestration.build.two_engines import misunderstood, problems


@pytest.mark.parametrize(
    ("planted", "why"),
    [
        ("select cast(tier as varchar) as tier from scope", "write string"),
        ("select cast(null as uuid) as scope_id", "write {{ id_type() }}"),
        ("select a::hugeint as a from t", "no such number"),
        (
            "select n from t cross join lateral (select a as n union all select b as n) as both_of_them",
            "fails to plan",
        ),
        ("select day from unnest(range(1, 3)) as days (day)", "explodes lists"),
        ("select max_by(tier, night) as tier from t group by all", "takes a null"),
        ("select min_by(tier, night) filter (where night is not null) as tier from t", "takes a null"),
        ("select avg(latitude) as latitude from t", "rounds a mean of decimals"),
        ("select quantile_cont(score, 0.5) as middle from t", "knows no such function"),
        ("select * exclude (night) from t", ""),
        ("select distinct on (tier) tier, night from t", "use qualify"),
        ("select {'a': 1} as a", ""),
        ("select list_contains(names, 'a') as a from t", "knows no such function"),
        ("select regexp_matches(name, 'a') as a from t", "knows no such function"),
        ("select string_agg(name, ', ' order by name) as names from t", ""),
        ("select date_diff('day', a, b) as days from t", "write {{ days_apart() }}"),
        ('select "name" from t', "quotation marks"),
        ("select name from t asof join u on t.a >= u.a", ""),
        ("select a // b as c from t", ""),
    ],
)
def test_what_spark_does_not_understand_is_refused_with_a_reason(planted: str, why: str) -> None:
    found = list(misunderstood(planted))
    assert found, planted
    assert any(why in said for said in found), found


@pytest.mark.parametrize(
    "understood",
    [
        "select cast(tier as string) as tier from scope qualify row_number() over (order by tier) = 1",
        "select max_by(tier, night) filter (where tier is not null) as tier from t group by all",
        'select count(*) filter (where a is not distinct from b) as n from t -- "so"',
        "select 'he said \"a\"' as said, cast(a as decimal(19, 0)) * cast(b as decimal(18, 12)) as c from t",
        "select avg(cast(is_known as int)) as share from t where a < b - 7 * interval 24 hour",
        "with a as (select 1 as b) select bool_or(b > 0) over w as c from a window w as (partition by b)",
    ],
)
def test_what_both_understand_is_not_refused(understood: str) -> None:
    assert list(misunderstood(understood)) == []


def test_the_lint_names_the_model_and_fails(tmp_path: Path) -> None:
    node = {
        "name": "scope",
        "resource_type": "model",
        "tags": [],
        "compiled_code": "select cast(a as uuid) as a from t",
    }
    of_duckdb = {**node, "name": "law", "resource_type": "test", "tags": ["duckdb"]}
    manifest = {"nodes": {"a": node, "b": of_duckdb}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    outcome = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "orchestration.build.two_engines", tmp_path / "manifest.json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert outcome.returncode == 1
    assert outcome.stderr.strip() == problems(manifest)[0]
    assert "scope: " in outcome.stderr
    assert "law: " not in outcome.stderr
