"""Writes the site: three folders for three audiences, swapped in whole."""

import json
import math
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb

from orchestration.database import files, one_row, set_up
from orchestration.lists import LISTS
from orchestration.places import read
from orchestration.settings import PROJECT_DIR, Settings, UsageError
from orchestration.site import cards, place
from orchestration.site.bundle import bundle
from orchestration.site.last_night import INTERNAL, Verdict, laws, verdict
from orchestration.site.look import beside, small_lines, templates
from orchestration.site.people import ARTIST, ARTIST_CITIES, MEMBER
from orchestration.site.queries import Section, name_sections
from orchestration.site.sections import GLOSSARY, RULES, SCOPE

SHADES = 5  # of the tiles of a map of cities
NUMBERS = ("BIGINT", "HUGEINT", "INTEGER", "DOUBLE", "DECIMAL")
SILENT = ("section", "key", "about", "unit")  # columns that say something of a row and are not shown


@dataclass(frozen=True)
class Column:
    """A column of a table as a page shows it: where in a row its value stands, and what it holds."""

    place: int
    name: str
    is_number: bool
    is_day: bool


@dataclass(frozen=True)
class Shown:
    """A section of one page: what it says of itself, its columns, and its rows."""

    of: Section
    note: str
    columns: Sequence[Column]
    silent: dict[str, int]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Card:
    """A number at the head of a page, what it was before, and its small lines."""

    what: str
    number: float | None
    before: float | None
    since: str
    lines: list[str]

    @property
    def change(self) -> float | None:
        """How much more it is than before; None if one of the two is not known or withheld."""
        known = [value for value in (self.number, self.before) if value is not None and value == value]
        return known[0] - known[1] if len(known) == 2 else None


@dataclass(frozen=True)
class Written:
    """What was written: the files of each audience, how many are new, and whether last night is right."""

    files: dict[str, int]
    new: int
    verdict: Verdict


def write_site(config: Settings, told: Callable[[int], None] = lambda _: None) -> Written:
    """Write the site of what is published, and put it in the place of the last one.

    Pages that say the same as before stay the same files. `told` hears now and then how many are written.

    Raises:
        OSError, duckdb.Error, HinderedError: it could not be written; the last site stays.
    """
    before = config.site_dir.resolve() if config.site_dir.is_dir() else None
    with read(config.published_file) as connection:
        set_up(connection, config.memory_limit)
        (run_id,) = one_row(connection, "select run_id from publication")
        draft = place.draft(config, run_id)
        try:
            pages = _Pages(draft, before, told)
            found = _write(connection, config, pages)
            place.swap_in(config, draft)
        finally:
            shutil.rmtree(draft, ignore_errors=True)  # which is gone if it was swapped in
    return Written(dict(pages.files), pages.new, found)


def write_profile(config: Settings, user_id: str, file: Path) -> None:
    """Write the page of one member: it stands alone, has no script, and nobody else may read it.

    Raises:
        UsageError: no member has this id now.
        OSError, duckdb.Error, HinderedError: it could not be written.
    """
    with read(config.published_file) as connection:
        set_up(connection, config.memory_limit)
        found = connection.execute(
            "select home_scene, as_of_date from member_profile where user_id::varchar = $1", [user_id]
        ).fetchone()
        if not found:
            raise UsageError(f"no member has the id {user_id} now")
        sections = _sections(connection, MEMBER, 0, user_id)("member")
    from orchestration.site.charts import picture  # the pages of the site do without Altair

    pictures = {
        section.of.title: picture(section.of.chart, _rows_of(section))
        for section in sections
        if section.of.chart and section.rows
    }
    page = templates().get_template("member.html.jinja").render(
        title="My Activity Points", home_scene=found[0], as_of_date=found[1], floor=0, sections=sections,
        pictures=pictures,
    )  # fmt: skip
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(page, encoding="utf-8")


def _rows_of(section: Shown) -> list[dict[str, object]]:
    return [
        {
            column.name: row[column.place] if isinstance(row[column.place], int) else str(row[column.place])
            for column in section.columns
        }
        for row in section.rows
    ]


class _Pages:
    """The pages of one site while it is written."""

    def __init__(self, folder: Path, before: Path | None, told: Callable[[int], None]) -> None:
        """Into `folder`; what has not changed is taken from the site before."""
        self.folder, self.before, self.told = folder, before, told
        self.templates = templates()
        self.always: dict[str, Any] = {}
        self.files: Counter[str] = Counter()
        self.new = 0

    def page(self, path: str, template: str, **values: Any) -> None:
        """Write a page: `path` from the top of the site."""
        audience, *below = path.split("/")
        values = {"kind": "", "cards": [], "sections": [], "trail": []} | values
        text = self.templates.get_template(f"{template}.html.jinja").render(
            up_to="../" * (len(below) - 1), audience=audience, here="/".join(below),
            has_chart=any(section.of.chart and section.rows for section in values["sections"]),
            has_metrics=any("about" in section.silent for section in values["sections"]),
            **self.always, **values,
        )  # fmt: skip
        self.file(path, text)

    def file(self, path: str, text: str) -> None:
        """Write a file, or take the one of the site before if it says the same."""
        target, content = self.folder / path, text.encode()
        target.parent.mkdir(parents=True, exist_ok=True)
        old = self.before and self.before / path
        if not (old and _says(old, content) and _is_linked(target, old)):
            target.write_bytes(content)
            self.new += 1
        self.files[path.split("/")[0]] += 1
        if self.files.total() % 100 == 0:
            self.told(self.files.total())


def _says(file: Path, content: bytes) -> bool:
    return file.exists() and file.stat().st_size == len(content) and file.read_bytes() == content


def _is_linked(target: Path, old: Path) -> bool:
    """Whether a file is now also found there. Some file systems have one name for each file, and no more."""
    try:
        target.hardlink_to(old)
    except OSError:
        return False
    return True


def _write(connection: duckdb.DuckDBPyConnection, config: Settings, pages: _Pages) -> Verdict:
    """Every page of every audience."""
    (floor,) = one_row(
        connection, f"select floor_people from read_csv({files(PROJECT_DIR / 'seeds' / 'privacy_floor.csv')})"
    )
    name_sections(connection)
    publication = _publication(connection)
    pages.always = {"publication": publication, "floor": floor}
    texts = {name: beside(name) for name in ("style.css", "site.js")}
    for audience in place.AUDIENCES:
        drawn = {} if audience == "internal" else {"charts.js": bundle(config)}
        for name, text in (texts | drawn).items():
            pages.file(f"{audience}/{name}", text)
    for audience, of in (("public", "public"), ("artists", "artist"), ("internal", "internal")):
        said = Section(GLOSSARY.title, GLOSSARY.note, GLOSSARY.sql.format(audience=of), is_long=True)
        pages.file(f"{audience}/meanings.js", f"window.MEANINGS = {json.dumps(_meanings(connection, of))};\n")
        pages.page(f"{audience}/glossary.html", "sections", title="Glossary",
                   sections=_sections(connection, [said], floor)(of))  # fmt: skip
    pages.page("public/rules.html", "rules", title="Where points come from",
               sections=_sections(connection, [RULES], floor)("rules"))  # fmt: skip
    _scopes(connection, pages, floor)
    _artists(connection, pages, floor)
    standing = laws(config, publication["run_id"])
    found = verdict(connection, standing)
    _index(pages, "internal", [])
    pages.page("internal/index.html", "internal", title="Is last night right?", verdict=found, laws=standing,
               sections=_sections(connection, INTERNAL, floor)("quality"))  # fmt: skip
    return found


def _meanings(connection: duckdb.DuckDBPyConnection, audience: str) -> dict[str, str]:
    """What each metric of an audience means, by its name; all pages share it."""
    found = connection.execute(
        """
        select metric, definition from registry
        where list_contains(string_split(audience, ';'), $1) order by metric
        """,
        [audience],
    )
    return dict(found.fetchall())


def _publication(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """What a page says of the publication that it shows.

    `is_kept_up` says whether a later night is expected: the last one expected when it was built was the day
    before, unless the exports had ended (see `nights_behind` of the table).
    """
    found = connection.execute(
        """
        select run_id, as_of_date, nights_behind, strftime(built_at, '%Y-%m-%d %H:%M') as built,
            as_of_date + nights_behind::integer >= built_at::date - 1 as is_kept_up,
            contains(nights_missing, ' ' || as_of_date) as misses_last, nights_missing != '' as misses_any
        from publication
        """
    )
    return dict(zip((column[0] for column in found.description), found.fetchone(), strict=True))


def _scopes(connection: duckdb.DuckDBPyConnection, pages: _Pages, floor: int) -> None:
    """The overview, one page for each scope, and their index by name."""
    scopes = _with_trails(_known_scopes(connection))
    _index(pages, "public", [(f"{s['tier']}: {s['label']}", f"scopes/{s['page']}.html") for s in scopes])
    sections, at_a_glance = _sections(connection, SCOPE, floor), _cards(connection, cards.OF_SCOPES)
    whole = next((scope["page"] for scope in scopes if scope["tier"] == "platform"), None)
    pages.page(
        "public/index.html", "overview", title="Overview", scopes=scopes, cards=at_a_glance(whole),
        sections=[s for s in sections(whole) if s.of.chart == "points_by_week"] if whole else [],
    )  # fmt: skip
    for scope in scopes:
        pages.page(
            f"public/scopes/{scope['page']}.html", "scope", title=scope["title"], kind=scope["kind"],
            trail=scope["trail"], within=[other for other in scopes if other["trail"][-1:] == [scope]],
            cards=at_a_glance(scope["page"]), sections=sections(scope["page"]),
        )  # fmt: skip


def _artists(connection: duckdb.DuckDBPyConnection, pages: _Pages, floor: int) -> None:
    """One page for each artist, and their index by name."""
    artists = connection.execute(
        """
        select artist_band_id::varchar, coalesce(any_value(artist_name), '(no name)') as name
        from artist_total
        group by artist_band_id order by name, artist_band_id
        """
    ).fetchall()
    _index(pages, "artists", [(name, f"artist/{page}.html") for page, name in artists])
    pages.page("artists/index.html", "artists", title="Artists", artists=artists)
    sections, cities = _sections(connection, ARTIST, floor), _by_page(connection, ARTIST_CITIES)[1]
    at_a_glance = _cards(connection, cards.OF_ARTISTS)
    for page, name in artists:
        heard = cities.get(page, [])
        most = max((listens for _, _, listens, _ in heard if _is_shown(listens)), default=0)
        states = {
            state: [
                (city, listens, listeners, _shade(listens, most)) for _, city, listens, listeners in tiles
            ]
            for state, tiles in groupby(heard, key=lambda tile: tile[0])
        }
        pages.page(f"artists/artist/{page}.html", "artist", title=name, kind="Artist", states=states,
                   cards=at_a_glance(page), sections=sections(page))  # fmt: skip


def _known_scopes(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """The scopes that have a page, by tier, state and name, each with the parts that its scenes share."""
    tiers = list(LISTS["tiers"])
    found = connection.execute(
        """
        select scope_id::varchar as page, tier, coalesce(label, '(no name)') as label,
            coalesce(state, '') as in_state, * exclude (scope_id, tier, label)
        from scope where not is_unscoped order by in_state, label, scope_id
        """
    )
    names = [column[0] for column in found.description]
    scopes = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return sorted(scopes, key=lambda scope: tiers.index(scope["tier"]))


def _with_trails(scopes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The scopes with their titles, and the way that leads to each: all wider scopes that hold it."""
    parts = LISTS["tiers"]
    by_parts = {(s["tier"], *(s[part] for part in parts[s["tier"]])): s for s in scopes}
    tiers = list(parts)
    for scope in reversed(scopes):  # the widest first
        scope["title"] = scope["label"] if parts[scope["tier"]] else "The whole platform"
        scope["kind"] = scope["tier"].capitalize() if parts[scope["tier"]] else ""
        wider = tiers[tiers.index(scope["tier"]) + 1 :]
        holding = (by_parts.get((tier, *(scope[part] for part in parts[tier]))) for tier in reversed(wider))
        scope["trail"] = [found for found in holding if found]
    return scopes


def _cards(connection: duckdb.DuckDBPyConnection, sql: str) -> Callable[[str | None], list[Card]]:
    """The cards at the head of a page; they are asked once, for all pages."""
    _, rows = _by_page(connection, sql)
    return lambda page: [
        Card(what, number, before, since, small_lines(series))
        for what, number, before, since, series in rows.get(page or "", [])
    ]


def _sections(
    connection: duckdb.DuckDBPyConnection, sections: list[Section], floor: int, *parameters: object
) -> Callable[[str], list[Shown]]:
    """What the sections show on a page; each is asked once, for all pages."""
    asked = [(section, *_by_page(connection, section.sql, *parameters)) for section in sections]
    return lambda page: list(_shown(asked, page, floor))


def _shown(
    asked: list[tuple[Section, list[Column], dict[str, list[tuple[Any, ...]]]]], page: str, floor: int
) -> Iterator[Shown]:
    for section, columns, found in asked:
        rows = found.get(page, [])
        if rows or section.empty:
            yield Shown(
                section,
                section.note.format(floor=floor),
                [
                    column
                    for column in columns
                    if column.name not in SILENT
                    and (section.chart or any(row[column.place] is not None for row in rows))
                ],
                {column.name: column.place for column in columns if column.name in SILENT},
                rows,
            )


def _by_page(
    connection: duckdb.DuckDBPyConnection, sql: str, *parameters: object
) -> tuple[list[Column], dict[str, list[tuple[Any, ...]]]]:
    """The columns of a query but for the first, and its rows by the first."""
    found = connection.execute(sql, parameters)
    columns = [
        Column(
            place, name, str(kind).startswith(NUMBERS) and not str(kind).endswith("]"), str(kind) == "DATE"
        )
        for place, (name, kind, *_) in enumerate(found.description[1:])
    ]
    rows: dict[str, list[tuple[Any, ...]]] = {}
    for page, *row in found.fetchall():
        rows.setdefault(page, []).append(tuple(row))
    return columns, rows


def _index(pages: _Pages, audience: str, names: list[tuple[str, str]]) -> None:
    """What the search box of an audience knows: a script, because a page of a folder may fetch nothing."""
    pages.file(f"{audience}/index.js", f"window.INDEX = {json.dumps(names)};\n")


def _is_shown(number: float | None) -> bool:
    return number is not None and not math.isnan(number)


def _shade(number: float | None, most: float) -> int:
    """How dark a tile is: 0 where nothing is shown, else 1 to SHADES."""
    return math.ceil(SHADES * number / most) if number and _is_shown(number) else 0
