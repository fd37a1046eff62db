"""Writes the site: three folders for three audiences, swapped in whole."""

import json
import math
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
from orchestration.site import place
from orchestration.site.bundle import bundle
from orchestration.site.look import beside, templates
from orchestration.site.sections import (
    ARTIST,
    ARTIST_CITIES,
    GLOSSARY,
    INTERNAL,
    MEMBER,
    RULES,
    SCOPE,
    Section,
)

SHADES = 5  # of the tiles of a map of cities
NUMBERS = ("BIGINT", "HUGEINT", "INTEGER", "DOUBLE", "DECIMAL")


@dataclass(frozen=True)
class Column:
    """A column of a table as a page shows it."""

    name: str
    is_number: bool
    is_day: bool


@dataclass(frozen=True)
class Shown:
    """A section of one page: its texts, and its table."""

    title: str
    note: str
    chart: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    units: dict[str, str]


@dataclass(frozen=True)
class Written:
    """What was written: the files of each audience, and how many of all are new."""

    files: dict[str, int]
    new: int


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
        pages = _Pages(draft, before, told)
        _write(connection, config, pages)
    place.swap_in(config, draft)
    return Written(dict(pages.files), pages.new)


def write_profile(config: Settings, user_id: str, file: Path) -> None:
    """Write the page of one member: it stands alone, and has no script.

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
        sections = list(_sections(connection, MEMBER, 0, user_id)("member"))
    from orchestration.site.charts import picture  # the pages of the site do without Altair

    pictures = {
        section.title: picture(section.chart, _rows_of(section)) for section in sections if section.chart
    }
    page = templates().get_template("member.html.jinja").render(
        title="My Activity Points", home_scene=found[0], as_of_date=found[1], floor=0, sections=sections,
        pictures=pictures,
    )  # fmt: skip
    file.write_text(page, encoding="utf-8")


def _rows_of(section: Shown) -> list[dict[str, object]]:
    names = [column.name for column in section.columns]
    return [
        {
            name: value if isinstance(value, int) else str(value)
            for name, value in zip(names, row, strict=True)
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
        text = self.templates.get_template(f"{template}.html.jinja").render(
            up_to="../" * (len(below) - 1), audience=audience, **self.always, **values
        )
        self.file(path, text)

    def file(self, path: str, text: str) -> None:
        """Write a file, or take the one of the site before if it says the same."""
        target, content = self.folder / path, text.encode()
        target.parent.mkdir(parents=True, exist_ok=True)
        old = self.before and self.before / path
        if old and old.exists() and old.stat().st_size == len(content) and old.read_bytes() == content:
            target.hardlink_to(old)
        else:
            target.write_bytes(content)
            self.new += 1
        self.files[path.split("/")[0]] += 1
        if self.files.total() % 100 == 0:
            self.told(self.files.total())


def _write(connection: duckdb.DuckDBPyConnection, config: Settings, pages: _Pages) -> None:
    """Every page of every audience."""
    (floor,) = one_row(
        connection, f"select floor_people from read_csv({files(PROJECT_DIR / 'seeds' / 'privacy_floor.csv')})"
    )
    as_of_date, nights_behind, missing = one_row(
        connection, "select as_of_date, nights_behind, nights_missing from publication"
    )
    pages.always = {"as_of_date": as_of_date, "nights_behind": nights_behind, "floor": floor}
    texts = {name: beside(name) for name in ("style.css", "site.js")} | {"charts.js": bundle(config)}
    for audience in place.AUDIENCES:
        for name, text in texts.items():
            pages.file(f"{audience}/{name}", text)
    scopes = _scopes(connection)
    _index(
        pages,
        "public",
        [(f"{scope['tier']}: {scope['label']}", f"scopes/{scope['page']}.html") for scope in scopes],
    )
    sections = _sections(connection, SCOPE, floor)
    (platform,) = (scope["page"] for scope in scopes if scope["tier"] == "platform")
    pages.page(
        "public/index.html",
        "overview",
        title="Overview",
        scopes=scopes,
        sections=[section for section in sections(platform) if section.chart == "points_by_week"],
        missing=missing,
    )
    for scope in scopes:
        pages.page(
            f"public/scopes/{scope['page']}.html", "sections",
            title=scope["label"] if scope["tier"] != "platform" else "The whole platform",
            kind=scope["kind"], sections=sections(scope["page"]),
        )  # fmt: skip
    pages.page("public/rules.html", "rules", title="Where points come from",
               sections=_sections(connection, [RULES], floor)("rules"))  # fmt: skip
    for audience, of in (("public", "public"), ("artists", "artist")):
        said = Section(GLOSSARY.title, GLOSSARY.note, GLOSSARY.sql.format(audience=of))
        pages.page(f"{audience}/glossary.html", "sections", title="Glossary", kind="",
                   sections=_sections(connection, [said], floor)(of))  # fmt: skip
    _artists(connection, pages, floor)
    _index(pages, "internal", [])
    pages.page("internal/index.html", "internal", title="Is last night right?", missing=missing,
               laws=_laws(config), sections=_sections(connection, INTERNAL, floor)("quality"))  # fmt: skip


def _artists(connection: duckdb.DuckDBPyConnection, pages: _Pages, floor: int) -> None:
    """One page for each artist, and their index by name."""
    artists = connection.execute(
        """
        select distinct artist_band_id::varchar, artist_name from artist_total
        order by artist_name, artist_band_id
        """
    ).fetchall()
    _index(pages, "artists", [(name, f"artist/{page}.html") for page, name in artists])
    pages.page("artists/index.html", "artists", title="Artists", artists=artists)
    sections, cities = _sections(connection, ARTIST, floor), _by_page(connection, ARTIST_CITIES)[1]
    for page, name in artists:
        heard = cities.get(page, [])
        most = max((listens or 0 for _, _, listens, _ in heard), default=0)
        states = {
            state: [
                (city, listens, listeners, _shade(listens, most)) for _, city, listens, listeners in tiles
            ]
            for state, tiles in groupby(heard, key=lambda tile: tile[0])
        }
        pages.page(f"artists/artist/{page}.html", "artist", title=name, kind="Artist", states=states,
                   sections=sections(page))  # fmt: skip


def _scopes(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """The scopes that have a page, by tier, state and name."""
    tiers = list(LISTS["tiers"])
    kinds = {tier: tier.capitalize() if parts else "" for tier, parts in LISTS["tiers"].items()}
    found = connection.execute(
        """
        select scope_id::varchar as page, tier, label, coalesce(state, '') as state from scope
        where not is_unscoped order by state, label, scope_id
        """
    )
    names = [column[0] for column in found.description]
    scopes = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return [
        scope | {"kind": kinds[scope["tier"]]}
        for scope in sorted(scopes, key=lambda s: tiers.index(s["tier"]))
    ]


def _sections(
    connection: duckdb.DuckDBPyConnection, sections: list[Section], floor: int, *parameters: object
) -> Callable[[str], Iterator[Shown]]:
    """What the sections show on a page; each is asked once, for all pages."""
    asked = [(section, *_by_page(connection, section.sql, *parameters)) for section in sections]

    def of(page: str) -> Iterator[Shown]:
        for section, columns, rows in asked:
            if page in rows:
                note = section.note.format(floor=floor)
                yield Shown(section.title, note, section.chart, columns, rows[page], section.units)

    return of


def _by_page(
    connection: duckdb.DuckDBPyConnection, sql: str, *parameters: object
) -> tuple[list[Column], dict[str, list[tuple[Any, ...]]]]:
    """The columns of a query but for the first, and its rows by the first."""
    found = connection.execute(sql, parameters)
    _, *columns = [
        Column(name, str(kind).startswith(NUMBERS), str(kind) == "DATE")
        for name, kind, *_ in found.description
    ]
    rows: dict[str, list[tuple[Any, ...]]] = {}
    for page, *row in found.fetchall():
        rows.setdefault(page, []).append(tuple(row))
    return columns, rows


def _index(pages: _Pages, audience: str, names: list[tuple[str, str]]) -> None:
    """What the search box of an audience knows: a script, because a page of a folder may fetch nothing."""
    pages.file(f"{audience}/index.js", f"window.INDEX = {json.dumps(names)};\n")


def _shade(number: int | None, most: int) -> int:
    """How dark a tile is: 0 where nothing is shown, else 1 to SHADES."""
    return math.ceil(SHADES * number / most) if number else 0


def _laws(config: Settings) -> list[tuple[str, str, str]]:
    """Each law, what it says, and how it stood when the warehouse was built."""
    try:
        results = json.loads(config.run_results.read_bytes())["results"]
        nodes = json.loads((config.dbt_dir / "manifest.json").read_bytes())["nodes"]
    except (OSError, ValueError, LookupError):
        return []  # who has the published file alone knows nothing of the build
    stood = {result["unique_id"]: result["status"] for result in results}
    words = {"pass": "holds", "warn": "found something (a warning)", "fail": "does not hold"}
    return [
        (
            node["name"].replace("_", " "),
            node["description"].replace("`", ""),
            words.get(stood.get(unique_id, ""), "was not looked at"),
        )
        for unique_id, node in sorted(nodes.items())
        if node["resource_type"] == "test" and Path(node["original_file_path"]).parent == Path("tests/laws")
    ]
