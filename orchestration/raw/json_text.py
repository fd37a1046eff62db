"""JSON as RFC 8259 and PostgreSQL have it, in SQL: DuckDB takes more for JSON than they do."""

from orchestration.database import literal

# What DuckDB takes for JSON and RFC 8259 does not, once no text stands in the way; and a text.
LENIENT_JSON = r",[ \t\r\n]*[\]}]|(?i:(^|[:,\[])[ \t\r\n]*-?(nan|inf))"
JSON_TEXT = r'"([^"\\]|\\.)*"'
JSON_NUL = r"(^|[^\\])(\\\\)*\\u0000"


def is_json(text: str) -> str:
    """The SQL of whether a text is JSON as RFC 8259 and PostgreSQL have it; DuckDB takes more."""
    repeats = repeats_a_key(f"json_keys({text})", f"json_keys({text}, '$..*')")
    wrong = f"{is_lenient(text)} or {holds_nul(text)} or {repeats}"
    return f"case when json_valid({text}) then not ({wrong}) else false end"


def is_lenient(text: str) -> str:
    """The SQL of whether a text that is JSON to DuckDB is none: NaN, infinities, a comma before a bracket."""
    without_texts = f"regexp_replace({text}, {literal(JSON_TEXT)}, '\"\"', 'g')"
    suspicious, found = (f"regexp_matches({t}, {literal(LENIENT_JSON)})" for t in (text, without_texts))
    return f"case when {suspicious} then {found} else false end"


def holds_nul(text: str) -> str:
    """The SQL of whether a NUL is written in a JSON text: DuckDB lets no other way pass."""
    return f"(contains({text}, '\\u0000') and regexp_matches({text}, {literal(JSON_NUL)}))"


def repeats_a_key(keys: str, keys_below: str) -> str:
    """The SQL of whether one of the objects whose keys are given has two of one name."""
    repeats = "list_unique(names) < len(names)"
    return f"len([names for names in list_prepend({keys}, coalesce({keys_below}, [])) if {repeats}]) > 0"


def json_path(key: str) -> str:
    """The path of a key, whatever characters it has."""
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'$."{escaped}"'
