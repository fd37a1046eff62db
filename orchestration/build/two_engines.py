"""What the SQL of the models may not hold, as Spark does not understand it or takes it for something else.

`python -m orchestration.build.two_engines target/spark/manifest.json` looks at the SQL that dbt compiled for
Spark. It needs no Java.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlglot import exp, parse_one
from sqlglot.errors import ParseError, TokenError

# Functions of Spark that sqlglot does not know by a name of their own.
OF_SPARK = {"rint", "regexp_like", "timestampdiff", "xxhash64"}


def _takes_nulls(node: exp.Expr) -> bool:
    """Whether no filter says `<value> is not null`."""
    wanted = exp.Not(this=exp.Is(this=node.this.copy(), expression=exp.Null()))
    return not (isinstance(node.parent, exp.Filter) and wanted in node.parent.find_all(exp.Not))


def _is_of_decimals(node: exp.Expr) -> bool:
    """Whether the mean may be one of decimals, as nothing says that it is none."""
    return not (isinstance(node.this, exp.Cast) and node.this.to.is_type("int", "bigint", "double"))


# Each construct, when it is refused, and why.
REFUSED: list[tuple[type[exp.Expr], Callable[[Any], bool], str]] = [
    (exp.DataType, lambda n: n.is_type("uuid"), "Spark has no type for ids; write {{ id_type() }}"),
    (exp.DataType, lambda n: n.is_type("int128", "uint", "ubigint", "utinyint"), "Spark has no such number"),
    (
        exp.Lateral,
        lambda n: isinstance(n.this, exp.Subquery),
        "Spark fails to plan a lateral subquery that unites others; cross join a relation of its own",
    ),
    (exp.Unnest, lambda _: True, "Spark explodes lists; write a macro in engine.sql"),
    (exp.ArgMax, _takes_nulls, "Spark's max_by takes a null, DuckDB's passes over it; filter it out"),
    (exp.ArgMin, _takes_nulls, "Spark's min_by takes a null, DuckDB's passes over it; filter it out"),
    (exp.Avg, _is_of_decimals, "Spark rounds a mean of decimals; write the sum as double / the count"),
    (exp.Star, lambda n: bool(n.args.get("except_") or n.args.get("replace")), "name the columns"),
    (exp.Distinct, lambda n: n.args.get("on") is not None, "Spark has no distinct on; use qualify"),
    (exp.Struct, lambda _: True, "the engines write structs differently"),
    (exp.Array, lambda _: True, "the engines write lists differently"),
    (exp.Join, lambda n: n.method.lower() in ("asof", "positional"), "Spark has no such join"),
    (exp.DateDiff, lambda n: n.args.get("unit") is not None, "write {{ days_apart() }}"),
    (
        exp.Anonymous,
        lambda n: n.name.lower() not in OF_SPARK,
        "sqlglot knows no such function of Spark; if Spark has it, name it in OF_SPARK",
    ),
]

# What sqlglot reads as if it were written otherwise: outside of texts and comments, and why it is refused.
WRITTEN = [
    (r"\bas\s+(?:var)?char\b(?!\s*\()", "Spark's varchar has a length; write string"),
    (r"\bstring_agg\s*\(", "Spark writes the order elsewhere; write {{ text_list() }}"),
    (r"\bdate_sub\s*\(", "Spark counts days with it; write {{ milliseconds_apart() }}"),
    (r'"', "Spark takes a name in double quotation marks for a text; use a name that needs none"),
]


def misunderstood(sql: str) -> Iterator[str]:
    """Each construct in the SQL that only DuckDB understands, with the reason."""
    try:
        query = parse_one(sql, dialect="spark")
    except (ParseError, TokenError) as error:
        yield f"Spark cannot read it: {' '.join(str(error).split())[:300]}"
        return
    for node in query.walk():
        for kind, is_refused, reason in REFUSED:
            if isinstance(node, kind) and is_refused(node):
                yield f"{node.sql(dialect='spark')[:100]}: {reason}"
    for pattern, reason in WRITTEN:
        for found in re.finditer(pattern, _unquoted(sql), re.IGNORECASE):
            yield f"{found[0]}: {reason}"


def _unquoted(sql: str) -> str:
    """The SQL without its texts and comments."""
    lines = (line.partition("--")[0] for line in sql.splitlines())
    return "".join("\n".join(lines).split("'")[::2])


def problems(manifest: dict[str, Any]) -> list[str]:
    """One sentence for each construct of a model or a test that Spark would build."""
    return [
        f"{node['name']}: {found}"
        for node in manifest["nodes"].values()
        if node["resource_type"] in ("model", "test") and "duckdb" not in node["tags"]
        for found in misunderstood(node["compiled_code"])
    ]


if __name__ == "__main__":
    sys.exit("\n".join(problems(json.loads(Path(sys.argv[1]).read_bytes()))) or 0)
