"""SQL that checks JSON as RFC 8259 and PostgreSQL define it: DuckDB also accepts other texts as JSON."""

from orchestration.database import literal

# LENIENT_JSON finds what DuckDB accepts as JSON and RFC 8259 does not, in a document whose texts (JSON_TEXT)
# were emptied.
LENIENT_JSON = r",[ \t\r\n]*[\]}]|(?i:(^|[:,\[])[ \t\r\n]*-?(nan|inf))"
JSON_TEXT = r'"([^"\\]|\\.)*"'
JSON_NUL = r"(^|[^\\])(\\\\)*\\u0000"


def is_json(text: str) -> str:
    """The SQL that tells whether a text is JSON as RFC 8259 and PostgreSQL define it; DuckDB accepts more."""
    repeats = repeats_a_key(f"json_keys({text})", f"json_keys({text}, '$..*')")
    wrong = f"{is_lenient(text)} or {holds_nul(text)} or {repeats}"
    return f"case when json_valid({text}) then not ({wrong}) else false end"


def is_lenient(text: str) -> str:
    """The SQL that finds what only DuckDB accepts as JSON: NaN, infinities, a comma before a bracket."""
    without_texts = f"regexp_replace({text}, {literal(JSON_TEXT)}, '\"\"', 'g')"
    suspicious, found = (f"regexp_matches({t}, {literal(LENIENT_JSON)})" for t in (text, without_texts))
    return f"case when {suspicious} then {found} else false end"


def holds_nul(text: str) -> str:
    """The SQL that tells whether a JSON text holds an escaped NUL; DuckDB accepts no other form of NUL."""
    return f"(contains({text}, '\\u0000') and regexp_matches({text}, {literal(JSON_NUL)}))"


def repeats_a_key(keys: str, keys_below: str) -> str:
    """The SQL that tells whether any object, given the keys of each, has the same key twice."""
    repeats = "list_unique(names) < len(names)"
    return f"len([names for names in list_prepend({keys}, coalesce({keys_below}, [])) if {repeats}]) > 0"


def json_path(key: str) -> str:
    """The path of a key, which may have any characters."""
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'$."{escaped}"'
