"""What those who run the platform ask in the morning: is last night right?"""

import json
from dataclasses import dataclass

import duckdb

from orchestration.database import one_row
from orchestration.lists import LAWS
from orchestration.settings import Settings
from orchestration.site.look import counted
from orchestration.site.queries import Section, by_window, metrics

# Each table that the last night should have brought, and what became of it.
_EXPECTED = """
    expected as (
        select table_name, count(*) filter (where night = as_of_date and status = 'accepted') > 0 as is_read,
            count(*) filter (where night = as_of_date and status = 'refused') > 0 as is_refused,
            coalesce(sum(rows_rejected) filter (where night = as_of_date and status = 'accepted'), 0)
                as rejected
        from row_account cross join publication
        where night <= as_of_date
        group by table_name
    )
"""
# Tables and nights that were not delivered, or refused.
_MISSING = """
    missing as (
        select split_part(said, ' ', 1) as table_name, split_part(said, ' ', 2)::date as night
        from (select unnest(string_split(nights_missing, ', ')) as said from publication)
        where said != ''
    )
"""
LAW_WORDS = {
    "pass": "holds",
    "warn": "found something (a warning)",
    "fail": "does not hold",
    "error": "could not be asked",
    "skipped": "was not asked",
}


@dataclass(frozen=True)
class Law:
    """A law: its name, what it says, and how it stood."""

    name: str
    says: str
    stands: str

    @property
    def holds(self) -> bool:
        """Whether it held."""
        return self.stands == LAW_WORDS["pass"]


@dataclass(frozen=True)
class Verdict:
    """Whether last night is right: a sentence, and the numbers behind it by name."""

    is_right: bool
    sentence: str
    cards: dict[str, str]


def verdict(connection: duckdb.DuckDBPyConnection, laws: list[Law]) -> Verdict:
    """Whether everything that the last night should have brought was read, whole, and the laws hold."""
    tables, read, refused, rejected, behind = one_row(
        connection,
        f"""
        with {_EXPECTED}
        select count(*), count(*) filter (where is_read),
            count(*) filter (where is_refused and not is_read), coalesce(sum(rejected), 0)::bigint,
            any_value(nights_behind)
        from expected cross join publication
        """,
    )
    held, missing = sum(law.holds for law in laws), tables - read - refused
    wrong = [
        said
        for number, said in (
            (refused, f"{counted(refused, 'table')} refused"),
            (missing, f"{missing:,} not delivered"),
            (rejected, f"{counted(rejected, 'row')} rejected"),
            (behind, f"the data is {counted(behind or 0, 'night')} behind"),
        )
        if number
    ]
    said = ", ".join(wrong) or f"all {tables:,} tables were read and no row was rejected"
    is_right = not wrong and held == len(laws)
    standing = (
        f"{held} of {len(laws)} laws hold" if laws else "of the laws nothing is known for this publication"
    )
    answer = "Not quite" if not is_right else "Yes" if laws else "Yes, as far as is known"
    return Verdict(
        is_right,
        f"{answer}: {said}; {standing}.",
        {
            "tables read": f"{read:,} of {tables:,}",
            "refused": f"{refused:,}",
            "not delivered": f"{missing:,}",
            "rows rejected": f"{rejected:,}",
            "laws that hold": f"{held} of {len(laws)}" if laws else "not known",
            "nights behind": f"{behind or 0:,}",
        },
    )


def laws(config: Settings, run_id: str) -> list[Law]:
    """Each law as it stood when this run built; none if what dbt left here is of another run, or gone."""
    try:
        found = json.loads(config.run_results.read_bytes())
        nodes = json.loads((config.dbt_dir / "manifest.json").read_bytes())["nodes"]
        stood = {result["unique_id"]: result["status"] for result in found["results"]}
        built_for = found["metadata"]["env"].get("RUN")
    except (OSError, ValueError, LookupError, AttributeError):
        return []  # who has the published file alone knows nothing of the build
    if built_for != run_id:
        return []
    return [
        Law(
            node["name"].replace("_", " "),
            node["description"].replace("`", ""),
            LAW_WORDS.get(stood.get(unique_id, "skipped"), "is not known"),
        )
        for unique_id, node in sorted(nodes.items())
        if node["resource_type"] == "test" and node["name"] in LAWS
    ]


INTERNAL = [
    Section(
        "What needs a look",
        "Deliveries that were refused or never came, and rows that broke the contract, as they stand now.",
        f"""
        with {_MISSING},
        refused as (
            select table_name, night, string_agg(distinct reason, '; ') as reason
            from row_account join missing using (table_name, night)
            where status = 'refused' group by all
        ),
        found as (
            select table_name, 'refused' as what, reason as why, night, null as rows from refused
            union all
            select table_name, 'not delivered', null, night, null
            from missing anti join refused using (table_name, night)
            union all
            select table_name, 'rows rejected', null, night, rows_rejected
            from row_account where status = 'accepted' and rows_rejected > 0
        )
        select 'quality' as page, table_name as "table", what, why, count(distinct night) as nights,
            min(night) as "first night", max(night) as "last night", sum(rows)::bigint as rows
        from found
        group by all order by table_name, what, "first night", why
        """,
        empty="Nothing does.",
    ),
    Section(
        "Deliveries of the last night",
        "What became of each table's rows. Usual: the median of the nights before.",
        f"""
        with {_EXPECTED},
        nightly as (
            select table_name, night, sum(rows_delivered) as delivered
            from row_account cross join publication
            where night < as_of_date and status = 'accepted'
            group by all
        ),
        usual as (
            select table_name, round(median(delivered)) as delivered from nightly group by all
        ),
        last_night as (
            select table_name, status, reason, sum(rows_delivered)::bigint as delivered,
                sum(rows_accepted)::bigint as accepted, sum(rows_duplicate)::bigint as duplicate,
                sum(rows_superseded)::bigint as superseded, sum(rows_rejected)::bigint as rejected
            from row_account cross join publication
            where night = as_of_date
            group by all
        )
        select 'quality' as page, table_name as "table", coalesce(status, 'not delivered') as status, reason,
            last_night.delivered, usual.delivered as usual, accepted, duplicate, superseded,
            last_night.rejected
        from expected
        left join last_night using (table_name)
        left join usual using (table_name)
        order by table_name, status, reason
        """,
    ),
    Section(
        "Rejected rows",
        "The latest hundred that broke the contract, with line and column.",
        """
        select 'quality' as page, table_name as "table", night, part, row_number as line,
            column_name as "column", reason, value
        from rejected_row
        qualify row_number() over (order by night desc, table_name, part, row_number, column_name) <= 100
        order by night desc, table_name, part, row_number, column_name
        """,
        empty="No row was rejected.",
    ),
    Section(
        "Integrity of the platform",
        "Metrics for the inside alone. They never change what is played or who is paid. A dash: not counted "
        "over this window.",
        f"""
        select * replace ('quality' as page)
        from ({metrics("scene", "case when tier = 'platform' then scope_id end", "internal")})
        where page is not null
        """,
        empty="None is known yet.",
    ),
    Section(
        "Integrity by scene, song and event",
        "Where such a number is not zero.",
        f"""
        select 'quality' as page, registry.label as metric, registry.unit,
            case when summary.subject_type = 'scene' then scope.label else subject.name end as name,
            {by_window("value")},
            any_value(value) filter (where window_days is null) as "all time"
        from analytics_summary as summary
        join registry using (metric)
        join scope using (scope_id)
        left join subject on subject.subject_type = summary.subject_type
            and subject.subject_id = summary.subject_id
        where list_contains(string_split(registry.audience, ';'), 'internal')
            and (summary.subject_type = 'scene' and scope.tier = 'city'
                or summary.subject_type != 'scene' and scope.tier = 'platform')
            and value != 0
        group by registry.place, registry.label, registry.unit, summary.subject_type, summary.subject_id,
            subject.name, scope.label
        order by registry.place, summary.subject_type, name
        """,
        empty="None is.",
    ),
    Section(
        "All deliveries",
        "Every delivered row is accepted, a duplicate, superseded or rejected; refused deliveries say why.",
        """
        select 'quality' as page, table_name as "table", status, reason, count(*) as parts,
            min(night) as "from", max(night) as until,
            sum(rows_delivered)::bigint as delivered, sum(rows_accepted)::bigint as accepted,
            sum(rows_duplicate)::bigint as duplicate, sum(rows_superseded)::bigint as superseded,
            sum(rows_rejected)::bigint as rejected
        from row_account
        group by all order by table_name, status, reason
        """,
        is_folded=True,
    ),
    Section(
        "This publication",
        "What was built, when, and from what.",
        """
        select 'quality' as page, unnest([
            {'what': 'run', 'value': run_id},
            {'what': 'built (UTC)', 'value': strftime(built_at, '%Y-%m-%d %H:%M:%S')},
            {'what': 'policy in force', 'value': policy_version},
            {'what': 'version of models, seeds and contract', 'value': code_version},
            {'what': 'nights read', 'value': nights_read::varchar}
        ], recursive := true)
        from publication
        """,
    ),
]
