"""The site: its numbers are those published, each audience finds its own pages, a browser is content."""

import csv
import datetime as dt
import io
import json
import re
import shutil
import webbrowser
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import dagster as dg
import duckdb
import pytest
from browser import CHROMIUM, DRIVER, PALE, Browser, browser
from golden.world import golden_run, warehouse
from typer.testing import CliRunner

from orchestration.ask.summary import NO_SITE
from orchestration.assets.published import ANALYTICS
from orchestration.assets.site import SITE
from orchestration.assets.site import site as site_asset
from orchestration.cli import app
from orchestration.lock import let_go
from orchestration.settings import PROJECT_DIR, settings
from orchestration.site import cards, last_night, pages, people, sections
from orchestration.site import queries as shared
from orchestration.site.charts import LINES, TYPES
from orchestration.site.look import signed, small_lines
from orchestration.site.pages import write_site
from orchestration.site.place import index, shows
from orchestration.site.queries import Section
from orchestration.site.words import SECTIONS

FEW, NOTHING = "fewer than 5 people", "\N{EN DASH}"
HOSTILE = "<script>alert(1)</script> & \"quotes\" 'n' </title>"


class Reader(HTMLParser):
    """The tables of a page by their headings, as rows of texts; and its links."""

    def __init__(self, page: Path) -> None:
        """Of a file."""
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.links: list[tuple[str, str]] = []
        self.heading, self.inside, self.text = "", "", ""
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A row or a link begins."""
        self.inside, self.text = tag, ""
        if tag == "tr":
            self.tables.setdefault(self.heading, []).append([])
        elif tag == "a":
            self.links.append((dict(attrs)["href"], ""))

    def handle_data(self, data: str) -> None:
        """Some text."""
        self.text += data

    def handle_endtag(self, tag: str) -> None:
        """A heading, a cell or a link ends."""
        if tag == "h2":
            self.heading = self.text.strip()
        elif tag in ("td", "th"):
            self.tables[self.heading][-1].append(self.text.strip())
        elif tag == "a":
            self.links[-1] = (self.links[-1][0], self.text.strip())


def cards_of(page: Path) -> dict[str, tuple[str, str]]:
    """The cards of a page by what they count: the number, and what is said of the time before."""
    number, what = r'<div class="card"><b[^>]*>(.*?)</b>\s*', r'<span class="what">(.*?)</span>\s*'
    card = number + what + r'(?:<span class="change">(.*?)</span>)?'
    return {what: (number, change) for number, what, change in re.findall(card, page.read_text())}


@pytest.fixture
def site(copied: Path) -> Path:
    """The site of the golden nights, in a copy of their warehouse."""
    write_site(settings())
    assert index(settings()) == copied / "site" / "public" / "index.html"
    return copied / "site"


def asked(published: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(published / "analytics.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def as_shown(value: float | None, unit: str, is_suppressed: bool) -> str:
    """Worked out apart from the pages: withheld; a share in percent; whole numbers whole."""
    if is_suppressed:
        return FEW
    if unit == "share":
        return "%.1f%%" % (value * 100)
    if unit == "minutes":
        return f"{value:.1f} min"
    if unit == "days":
        return as_shown(value, "", False) + (" day" if value == 1 else " days")
    return format(int(value), ",") if value == int(value) else format(round(value, 2), ",.2f")


def test_the_numbers_of_a_page_are_those_published(site: Path, copied: Path) -> None:
    wanted = asked(
        copied,
        """
        select scope_id::varchar, m.label, m.unit, s.value, s.is_suppressed,
            case when is_point_in_time then 'now' when window_days is null then 'all time'
                else window_days || ' days' end
        from analytics_summary as s join metric as m on m.metric = s.metric join scope using (scope_id)
        where s.subject_type = 'scene' and ';' || m.audience || ';' like '%;public;%'
            and not scope.is_unscoped
            and (s.value is not null or s.is_suppressed)
        """,
    )
    found = {}
    for page in (site / "public" / "scopes").iterdir():
        heading, *rows = Reader(page).tables["All numbers"]
        for label, *cells in (row for row in rows if len(row) > 1):
            found |= {
                (page.stem, label, column): cell for column, cell in zip(heading[1:], cells, strict=True)
            }
    assert len(wanted) > 200
    for scope, label, unit, value, is_suppressed, column in wanted:
        assert found.pop((scope, label, column)) == as_shown(value, unit, is_suppressed), (
            scope,
            label,
            column,
        )
    assert set(found.values()) == {NOTHING}


def test_every_total_of_a_page_is_the_sum_of_its_parts_and_the_score_of_these_days(
    site: Path, copied: Path
) -> None:
    for title, of_a_period in (
        ("Activity Score by day", "as_of_date"),
        ("Activity Score by week", "date_trunc('week', as_of_date)::date"),
    ):
        scores = {
            (scope, str(period)): points
            for scope, period, points in asked(
                copied,
                f"""
                select scope_id::varchar, {of_a_period}, sum(points_on_day)
                from activity_score group by all
                """,
            )
        }
        compared = 0
        for page in (site / "public" / "scopes").iterdir():
            for period, *parts, total in Reader(page).tables.get(title, [[""]])[1:]:
                numbers = [int(part.replace(",", "")) for part in (*parts, total)]
                assert sum(numbers[:-1]) == numbers[-1] == scores.get((page.stem, period), 0), (page, period)
                compared += bool(numbers[-1]) or "week" in title
        assert compared > 10


def test_a_week_that_is_not_over_is_not_drawn_as_one(site: Path, copied: Path) -> None:
    ((as_of, last),) = asked(
        copied,
        "select as_of_date, (date_trunc('week', as_of_date + 1) - interval 7 day)::date from publication",
    )
    assert as_of.weekday() != 6
    tables = Reader(site / "public" / "index.html").tables
    assert tables["Activity Score by week"][-1][0] == str(last)
    for artist in (site / "artists" / "artist").iterdir():
        weeks = [row[0] for row in Reader(artist).tables.get("Week by week", [[""]])[1:]]
        assert all(week <= str(last) for week in weeks)


def test_plot_statistics_are_those_of_the_scope(site: Path, copied: Path) -> None:
    for scene, before, week, month, members, songs in asked(
        copied,
        """
        select scene_id::varchar, activity_score_7d_before, activity_score_7d, activity_score_30d, members,
            active_tracks
        from plot_statistics join scope using (scene_id) where tier_scope = 'city'
        """,
    ):
        found = cards_of(site / "public" / "scopes" / f"{scene}.html")
        change = f"{signed(week - before)} on the 7 days before ({before})"
        assert found["Activity Score, 7 days"] == (str(week), change)
        assert found["Activity Score, 30 days"][0] == str(month)
        assert found["people at home here"][0] == str(members)
        assert found["songs ready to play"] == (str(songs), "")


def test_the_change_of_a_card_says_how_much_and_which_way() -> None:
    assert [signed(change) for change in (1234, 0, -2)] == ["+1,234", "as many as", "\N{MINUS SIGN}2"]


def test_a_small_line_is_broken_where_a_number_is_not_known() -> None:
    assert small_lines([0, 10, None, 5, 10]) == ["0,26.0 30,2.0", "90,14.0 120,2.0"]
    assert small_lines([None, 3]) == small_lines(None) == []


def test_the_numbers_of_an_artist_are_those_published(site: Path, copied: Path) -> None:
    with_numbers = 0
    for artist, name, window, listens, votes, blasts in asked(
        copied,
        """
        select artist_band_id::varchar, artist_name,
            case when window_days is null then 'all time' else window_days || ' days' end,
            listens, votes, blasts
        from artist_total
        """,
    ):
        page = site / "artists" / "artist" / f"{artist}.html"
        (heading, *rows) = Reader(page).tables["Totals"]
        found = {row[0]: dict(zip(heading, row, strict=True)) for row in rows}
        assert f"<h1><bdi>{name}</bdi></h1>" in page.read_text()
        for what, number in (("listens", listens), ("votes", votes), ("blasts", blasts)):
            if what in found:
                assert found[what].get(window, NOTHING) == (NOTHING if number is None else f"{number:,}")
                with_numbers += number is not None
    assert with_numbers > 10
    wanted = asked(
        copied,
        """
        select subject_id::varchar, m.label, m.unit, s.value, s.is_suppressed,
            case when is_point_in_time then 'now' when window_days is null then 'all time'
                else window_days || ' days' end
        from analytics_summary as s join metric as m on m.metric = s.metric
        where s.subject_type = 'artist' and s.tier = 'platform' and ';' || m.audience || ';' like '%;artist;%'
            and (s.value is not null or s.is_suppressed)
        """,
    )
    assert len(wanted) > 15
    for artist, label, unit, value, is_suppressed, column in wanted:
        (heading, *rows) = Reader(site / "artists" / "artist" / f"{artist}.html").tables["All numbers"]
        (row,) = (row for row in rows if row[0] == label)
        assert dict(zip(heading, row, strict=True))[column] == as_shown(value, unit, is_suppressed)


def test_metrics_and_their_sections_stand_in_the_order_of_the_registry(site: Path) -> None:
    """The file's order: a section together, and the place grows, so that it can be published."""
    registry = list(csv.DictReader(io.StringIO((PROJECT_DIR / "seeds" / "metric.csv").read_text())))
    ranks = [int(row["place"]) for row in registry]
    assert ranks == sorted(set(ranks))
    order = {row["label"]: number for number, row in enumerate(registry)}
    sections_in_order = list(dict.fromkeys(SECTIONS[row["section"]] for row in registry))
    assert len(sections_in_order) == len({row["section"] for row in registry}) == len(SECTIONS)
    for page, title in (
        *((page, "All numbers") for page in (site / "public" / "scopes").iterdir()),
        *((page, "All numbers") for page in (site / "artists" / "artist").iterdir()),
        *((site / audience / "glossary.html", "Glossary") for audience in ("public", "artists", "internal")),
    ):
        rows = Reader(page).tables[title][1:]
        shown = [row[0] for row in rows if len(row) == 1]
        assert shown == [name for name in sections_in_order if name in shown]
        places = [order[row[0]] for row in rows if len(row) > 1]
        assert places == sorted(places)


def test_the_glossary_says_of_each_metric_what_it_means_and_in_what_it_is_counted(site: Path) -> None:
    registry = list(csv.DictReader(io.StringIO((PROJECT_DIR / "seeds" / "metric.csv").read_text())))
    for audience, told in (("public", "public"), ("artists", "artist"), ("internal", "internal")):
        page = site / audience / "glossary.html"
        heading, *rows = Reader(page).tables["Glossary"]
        found = {row[0]: dict(zip(heading, row, strict=True)) for row in rows if len(row) > 1}
        wanted = [row for row in registry if told in row["audience"].split(";")]
        assert set(found) == {row["label"] for row in wanted}
        for row in wanted:
            assert found[row["label"]]["what it means"] == row["definition"]
            assert found[row["label"]]["counted in"] == row["unit"]
            assert f'id="{row["metric"]}"' in page.read_text()


def test_no_code_of_the_inside_faces_the_public(site: Path) -> None:
    texts = "".join(file.read_text() for file in (site / "public").rglob("*.html"))
    assert [section for section in SECTIONS if f">{section}<" in texts] == []


def test_nothing_of_one_audience_lies_in_the_folder_of_another(site: Path, copied: Path) -> None:
    texts = {
        audience: "\n".join(file.read_text() for file in (site / audience).rglob("*.html"))
        for audience in ("public", "artists", "internal")
    }
    everything = "\n".join(texts.values())
    for label, audiences in asked(copied, "select label, string_split(audience, ';') from metric"):
        for audience, told in (("public", "public"), ("artists", "artist")):
            if told not in audiences:
                assert f">{label}<" not in texts[audience], (label, audience)
    assert "Rejected rows" in texts["internal"]
    assert "Rejected rows" not in texts["public"] + texts["artists"]
    assert not list((site / "public").rglob("artist*"))
    assert "artist/" not in (site / "public" / "index.js").read_text()
    members = asked(
        copied,
        """
        select user_id::varchar from member_profile
        union select user_id::varchar from user_activity where user_id is not null
        """,
    )
    assert len(members) > 5
    assert [member for (member,) in members if member in everything] == []


def test_names_stand_in_order_of_names_and_nothing_in_order_of_points(site: Path) -> None:
    names = [
        name for page, name in Reader(site / "public" / "index.html").links if page.startswith("scopes/")
    ]
    texas = [name for name in names if name.endswith(", Texas")]
    assert texas == sorted(texas)
    assert len(texas) > 1
    queries = {
        name: said
        for module in (sections, people, last_night, cards)
        for name, said in named_queries(module).items()
    }
    queries |= {module.__name__: Path(str(module.__file__)).read_text() for module in (pages, shared)}
    assert len(queries) > 25
    assert [name for name, sql in queries.items() if orders_by_points(sql)] == []


def named_queries(module: ModuleType) -> dict[str, str]:
    """Every query of a module, by the name of its section or its own."""
    found = {}
    for name, value in vars(module).items():
        for said in value if isinstance(value, list) else [value]:
            if isinstance(said, Section):
                found[f"{module.__name__}: {said.title}"] = said.sql
            elif isinstance(said, str) and "select" in said:
                found[f"{module.__name__}.{name}"] = said
    return found


def test_a_site_is_read_by_the_group_like_what_is_published(site: Path) -> None:
    found = [site.resolve(), *site.resolve().rglob("*")]
    assert {(path.is_dir(), path.stat().st_mode & 0o777) for path in found} == {(True, 0o750), (False, 0o440)}


def test_a_scene_whose_state_nobody_said_has_its_page(copied: Path) -> None:
    with duckdb.connect(str(copied / "analytics.duckdb")) as connection:
        connection.execute("update scope set state = null where label = 'Austin folk, Texas'")
    write_site(settings())
    assert ("No state", "Austin folk, Texas") in [
        (state, name)
        for state, names in re.findall(
            r"<h3>(.*?)</h3>\s*<ul>(.*?)</ul>", (copied / "site/public/index.html").read_text(), re.DOTALL
        )
        for name in re.findall(r">([^<]+)</bdi></a>", names)
    ]


def orders_by_points(sql: str) -> bool:
    """Whether rows are in an order by points. Whole words: `points.page` is a page."""
    ordered = re.findall(r"order by ((?:[^()]|\([^()]*\))*?)(?:\)|limit|qualify|$)", " ".join(sql.split()))
    return any(re.search(r"points|score\b(?!\.)|total\b|\ball\b", words) for words in ordered)


def test_an_order_by_points_would_be_found() -> None:
    assert orders_by_points("select scene, points from t order by points desc")
    assert orders_by_points("select scene from t order by scene, sum(points_7d)")
    assert orders_by_points("select scene, delivered from t order by all")
    assert not orders_by_points("select list(points order by score.as_of_date) from t order by scene")


def test_a_hostile_name_stays_text(copied: Path) -> None:
    with duckdb.connect(str(copied / "analytics.duckdb")) as connection:
        connection.execute("update scope set label = $1 where tier = 'city' and not is_unscoped", [HOSTILE])
        connection.execute("update subject set name = $1", [HOSTILE])
    write_site(settings())
    pages_of_scenes = [*(copied / "site" / "public").rglob("*.html")]
    assert any("&lt;script&gt;alert(1)" in page.read_text() for page in pages_of_scenes)
    assert not any("<script>alert" in page.read_text() for page in pages_of_scenes)


def test_a_name_that_is_written_from_right_to_left_leaves_the_text_around_it_alone(copied: Path) -> None:
    with duckdb.connect(str(copied / "analytics.duckdb")) as connection:
        connection.execute("update scope set label = '\u0645\u0648\u0633' where label = 'Austin folk, Texas'")
    write_site(settings())
    assert "<bdi>\u0645\u0648\u0633</bdi></a>" in (copied / "site/public/index.html").read_text()


def test_numbers_about_few_people_say_so_and_events_to_come_have_none(site: Path) -> None:
    (page,) = (
        page
        for page in (site / "public" / "scopes").iterdir()
        if "<h1><bdi>Austin punk, Texas</bdi></h1>" in page.read_text()
    )
    tables = Reader(page).tables
    assert [row[1] for row in tables["Listening by week"][-3:]] == [FEW] * 3
    assert tables["Events"][1][1:] == ["New Year Noise", "The Quiet Porch", "1", FEW, "1"]
    (houston,) = (
        page
        for page in (site / "public" / "scopes").iterdir()
        if "<h1><bdi>Houston punk, Texas</bdi></h1>" in page.read_text()
    )
    assert "Events" not in Reader(houston).tables
    assert Reader(houston).tables["Announced events"] == [
        ["day", "event"],
        ["2026-02-01", "Houston All-Dayer"],
    ]


def test_a_page_says_where_it_is_and_what_lies_within(site: Path, copied: Path) -> None:
    pages_by_name = dict(asked(copied, "select label, scope_id::varchar || '.html' from scope"))
    links = Reader(site / "public" / "scopes" / pages_by_name["Houston punk, Texas"]).links
    trail = [(pages_by_name[name], name) for name in ("punk", "Texas punk")]
    assert [link for link in links if link[0].endswith(".html") and "/" not in link[0]] == [
        (pages_by_name["platform"], "The whole platform"), *trail
    ]  # fmt: skip
    within = Reader(site / "public" / "scopes" / pages_by_name["Texas punk"]).links
    assert [name for page, name in within if page in pages_by_name.values()][2:] == [
        "Austin punk, Texas", "Houston punk, Texas"
    ]  # fmt: skip


def test_every_anchor_of_a_page_leads_somewhere(site: Path) -> None:
    looked_at = 0
    for page in site.rglob("*.html"):
        for link, _ in Reader(page).links:
            file, _, name = link.partition("#")
            target = (page.parent / file).resolve() if file else page
            assert target.is_file(), (page, link)
            assert not name or f'id="{name}"' in target.read_text(), (page, link)
            looked_at += bool(name)
    assert looked_at > 500


def test_a_world_without_points_or_a_platform_has_its_pages(copied: Path) -> None:
    with duckdb.connect(str(copied / "analytics.duckdb")) as connection:
        connection.execute("delete from activity_point")
        connection.execute("delete from scope where tier = 'platform'")
    write_site(settings())
    public = copied / "site" / "public"
    assert "What scenes do" in (public / "index.html").read_text()
    (page, *_) = (public / "scopes").iterdir()
    assert re.search(r"<h2>Activity Score by day</h2>\s*<p>No points yet.</p>", page.read_text())


def test_the_public_is_not_told_which_tables_are_missing(site: Path) -> None:
    overview = (site / "public" / "index.html").read_text()
    assert "A part of the last night is missing." in overview
    texts = "".join(file.read_text() for file in (site / "public").rglob("index.html"))
    assert "track_votes" not in texts


def test_last_night_has_a_verdict_and_what_needs_a_look(site: Path) -> None:
    page = site / "internal" / "index.html"
    # The clock of their run is 10,000 days ahead.
    ((behind,),) = asked(
        site.parent, "select date_diff('day', as_of_date, built_at::date) - 1 from publication"
    )
    assert behind > 10_000
    assert (
        f"Not quite: 1 table refused, 1 not delivered, 1 row rejected, the data is {behind:,} nights behind; "
        "7 of 8 laws hold." in page.read_text()
    )
    numbers = cards_of(page)
    assert numbers["tables read"][0] == "19 of 21"
    assert numbers["rows rejected"][0] == "1"
    tables = Reader(page).tables
    refused = "part-0000.csv disagrees with _manifest.json: rows is 4, not 5"
    assert [row[:4] for row in tables["What needs a look"][1:]] == [
        ["events", "refused", refused, "1"],
        ["track_engagements", "rows rejected", "", "1"],
        ["track_votes", "not delivered", "", "1"],
    ]
    deliveries = {row[0]: row[1:] for row in tables["Deliveries of the last night"]}
    assert deliveries["track_votes"][:3] == ["not delivered", "", NOTHING]
    assert deliveries["track_votes"][3] != NOTHING  # what the nights before brought
    assert "All deliveries" in tables
    assert re.search(r"<details>.*?All of them.*?</details>", page.read_text(), re.DOTALL)


def test_a_night_that_is_right_is_called_right(copied: Path) -> None:
    with duckdb.connect(str(copied / "analytics.duckdb")) as connection:
        connection.execute("update publication set nights_missing = '', nights_behind = 0")
        connection.execute("delete from rejected_row")
        connection.execute("update row_account set status = 'accepted', reason = null, rows_rejected = 0")
        connection.execute("delete from row_account where table_name in ('events', 'track_votes')")
    results = copied / "dbt" / "run_results.json"
    results.write_text(results.read_text().replace('"status": "warn"', '"status": "pass"'))
    found = write_site(settings()).verdict
    assert found.is_right
    assert found.sentence == "Yes: all 19 tables were read and no row was rejected; 8 of 8 laws hold."
    page = (copied / "site" / "internal" / "index.html").read_text()
    assert "<p>No row was rejected.</p>" in page
    assert "<p>Nothing does.</p>" in page


def test_laws_of_another_run_say_nothing_of_this_publication(copied: Path) -> None:
    results = copied / "dbt" / "run_results.json"
    said = json.loads(results.read_text())
    (law,) = (r for r in said["results"] if r["unique_id"].split(".")[2] == "nothing_personal_is_published")
    for status, words in (
        ("error", "could not be asked"),
        ("skipped", "was not asked"),
        ("fail", "does not hold"),
    ):
        law["status"] = status
        results.write_text(json.dumps(said))
        assert "6 of 8 laws hold" in write_site(settings()).verdict.sentence
        assert words in (copied / "site" / "internal" / "index.html").read_text()
    said["metadata"]["env"]["RUN"] = "another"
    results.write_text(json.dumps(said))
    assert "of the laws nothing is known" in write_site(settings()).verdict.sentence
    page = (copied / "site" / "internal" / "index.html").read_text()
    assert "Not known of this publication" in page
    assert "does not hold" not in page


def test_a_script_is_loaded_only_where_it_is_needed(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text()
        assert ("charts.js" in text) == ("data-chart" in text), page
    assert not (site / "internal" / "charts.js").exists()


def test_each_name_in_a_chart_has_a_colour_of_its_own_that_stands_out(site: Path) -> None:
    del site
    colours = [*TYPES.values(), *(colour for colour, _ in LINES.values())]
    assert len(set(colours)) == len(colours)

    def light(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
        return sum(v * share for v, share in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))

    for name, (colour, _) in LINES.items():
        assert 1.05 / (light(colour) + 0.05) >= 3, name  # on white
        assert (light(colour) + 0.05) / (light("#1a2027") + 0.05) >= 3, name  # on a card by night


def test_a_site_that_broke_off_leaves_the_last_one_and_the_next_is_whole(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {file.relative_to(site): file.stat().st_ino for file in site.rglob("*") if file.is_file()}
    write = pages._Pages.file
    left = iter(range(20))

    def broken_off(self: pages._Pages, path: str, text: str) -> None:
        if next(left, None) is None:
            raise OSError(28, "No space left on device")
        write(self, path, text)

    with monkeypatch.context() as patch:
        patch.setattr(pages._Pages, "file", broken_off)
        with pytest.raises(OSError, match="No space"):
            write_site(settings())
    assert {
        file.relative_to(site): file.stat().st_ino for file in site.rglob("*") if file.is_file()
    } == before
    assert not list((site.parent / ".site").glob("*.new"))
    # What says the same is the same file, and nothing else is left.
    write_site(settings())
    assert {
        file.relative_to(site): file.stat().st_ino for file in site.rglob("*") if file.is_file()
    } == before
    assert len(list((site.parent / ".site").iterdir())) == 1


def test_a_file_that_somebody_left_beside_the_sites_does_not_matter(site: Path) -> None:
    (site.parent / ".site" / "notes.txt").write_text("mine")
    write_site(settings())
    assert index(settings()).exists()


def test_where_no_file_has_two_names_a_page_is_written_anew(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    text = index(settings()).read_text()
    monkeypatch.setattr(Path, "hardlink_to", refused)
    assert write_site(settings()).new == sum(file.is_file() for file in site.rglob("*"))
    assert index(settings()).read_text() == text


def written_by_dagster() -> dg.ExecuteInProcessResult:
    """What came of the step that writes the site, without those before it."""
    done = dg.materialize([dg.AssetSpec(ANALYTICS), site_asset()], selection=[SITE])
    let_go(settings())
    return done


def test_the_step_after_a_publication_writes_the_site_and_says_where(copied: Path) -> None:
    done = written_by_dagster()
    assert done.success
    (made,) = done.asset_materializations_for_node("published__site")
    assert made.metadata["index"].value == str(copied / "site" / "public" / "index.html")
    assert f"| internal | 6 | `{copied}/site/internal/index.html` |" in made.metadata["preview"].value
    assert made.metadata["verdict"].value.startswith("Not quite: 1 table refused")
    assert made.metadata["verdict"].value in made.metadata["preview"].value
    assert made.metadata["files"].value == sum(file.is_file() for file in (copied / "site").rglob("*"))
    (check,) = done.get_asset_check_evaluations()
    assert check.passed


def test_what_hinders_the_site_is_reported_and_the_run_goes_on(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pages, "write_site", full)
    monkeypatch.setenv("ALERT_COMMAND", f"tee '{tmp_path / 'alert'}'")
    done = written_by_dagster()
    assert done.success
    assert done.asset_materializations_for_node("published__site") == []
    (check,) = done.get_asset_check_evaluations()
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "could not write the site: [Errno 28] No space left on device" in (tmp_path / "alert").read_text()
    said = " ".join(warehouse("status", "--warehouse-dir", copied).stdout.split())
    assert NO_SITE in said


def test_a_rollback_takes_the_site_along(copied: Path) -> None:
    with duckdb.connect(str(copied / "analytics.duckdb"), read_only=True) as connection:
        (run,) = connection.execute("select run_id from publication").fetchone()
    assert not shows(settings(), run)
    (kept,) = (copied / "publications").glob("*.duckdb")
    done = warehouse("rollback", kept.name, "--warehouse-dir", copied)
    assert (done.returncode, done.stderr) == (0, "")
    assert shows(settings(), run)


def test_a_rollback_stands_though_the_site_cannot_be_written(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise KeyError("a column that is not there")

    monkeypatch.setattr(pages, "write_site", broken)
    (kept,) = (copied / "publications").glob("*.duckdb")
    done = CliRunner().invoke(app, ["rollback", kept.name, "--warehouse-dir", str(copied)])
    let_go(settings())
    assert done.exit_code == 0
    assert NO_SITE in " ".join(done.stderr.split())


def test_what_is_opened_stays_when_the_next_site_is_written(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    done = CliRunner().invoke(app, ["site", "--open", "--warehouse-dir", str(copied)])
    let_go(settings())
    assert done.exit_code == 0
    assert opened == [(copied / "site" / "public" / "index.html").as_uri()]


def test_commands_write_the_site_and_the_page_of_a_member(copied: Path, tmp_path: Path) -> None:
    done = warehouse("site", "--warehouse-dir", copied)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"The site: {copied}/site/public/index.html" in done.stdout
    assert f"For those who run it: {copied}/site/internal/index.html" in done.stdout
    ((member, points),) = asked(
        copied,
        "select user_id::varchar, points_all_time from member_profile order by points_all_time desc limit 1",
    )
    page = tmp_path / "me.html"
    done = warehouse("profile", member, "--page", page, "--warehouse-dir", copied)
    assert (done.returncode, done.stderr) == (0, "")
    tables = Reader(page).tables
    assert tables["Points by kind"][-1][-1] == str(points)
    assert sum(int(row[1]) for row in tables["Where each point came from"][1:]) == points
    assert "<script" not in page.read_text()
    assert "<svg" in page.read_text()
    assert page.stat().st_mode & 0o777 == 0o600
    weeks = [dt.date.fromisoformat(row[0]) for row in tables["Points by week"][1:]]
    assert weeks == [weeks[0] + dt.timedelta(days=7 * number) for number in range(len(weeks))]
    assert sum(int(row[-1]) for row in tables["Points by week"][1:]) == points
    for words, message in (
        (("nobody", "--page", page), "no member has the id nobody now"),
        ((member, "--page", tmp_path / "nowhere" / "me.html"), "there is no directory"),
        ((member, "--page", copied / "me.html"), "lies in the warehouse"),
    ):
        wrong = warehouse("profile", *words, "--warehouse-dir", copied)
        assert wrong.returncode == 2
        assert message in " ".join(wrong.stderr.split())


def test_what_the_policy_says_of_each_rule_stands_on_its_page(site: Path) -> None:
    rules = list(csv.DictReader(io.StringIO((PROJECT_DIR / "seeds" / "point_rule.csv").read_text())))
    shown = {row[0]: row for row in Reader(site / "public" / "rules.html").tables["Rules"]}
    assert set(shown) == {"what earns points"} | {rule["description"] for rule in rules}
    assert shown["what earns points"] == ["what earns points", "type", "points", "bounds", "from"]
    assert shown["Blasting a signal"][3:] == ["at most 50 points a day", "the beginning"]
    assert shown["Somebody adds what one blasted"][3].endswith("within 7 days")
    for rule in rules:
        assert shown[rule["description"]][2] == (rule["points"] or NOTHING)
        assert ("a bonus" in shown[rule["description"]][3]) == (rule["is_bonus"] == "true")


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    if not (CHROMIUM and DRIVER):
        pytest.skip(
            "NO BROWSER HERE: install Debian's packages chromium and chromium-driver to try the pages in one"
        )
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of every kind."""
    home = tmp_path_factory.mktemp("browsed") / "warehouse"
    shutil.copytree(golden_run(tmp_path_factory).warehouse_dir, home)
    with duckdb.connect(str(home / "analytics.duckdb")) as connection:
        # The golden nights are so small that no listens of an artist may be shown.
        connection.execute("update artist_timeline set listens = 7")
        connection.execute(
            "update scope set label = 'Caf\u00e9 folk, Texas' where label = 'Austin folk, Texas'"
        )
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("WAREHOUSE_DIR", str(home))
        write_site(settings())
        site = settings().site_dir
        ((scope,), *_) = asked(home, "select scope_id::varchar from scope where label = 'Austin punk, Texas'")
        ((member,), *_) = asked(home, "select user_id::varchar from member_profile order by awards desc")
        pages.write_profile(settings(), member, home.parent / "me.html")
        candidate = home.parent / "candidate"
        shutil.copytree(PROJECT_DIR / "seeds", candidate)
        rules = candidate / "point_rule.csv"
        rules.write_text(rules.read_text().replace(",10,", ",12,"))
        assert (
            warehouse(
                "what-if", candidate, "--page", home.parent / "what_if.html", "--warehouse-dir", home
            ).returncode
            == 0
        )
    artist = next((site / "artists" / "artist").iterdir())
    return {
        "overview": site / "public" / "index.html",
        "scope": site / "public" / "scopes" / f"{scope}.html",
        "rules": site / "public" / "rules.html",
        "glossary": site / "public" / "glossary.html",
        "artists": site / "artists" / "index.html",
        "artist": artist,
        "internal": site / "internal" / "index.html",
        "member": home.parent / "me.html",
        "what-if": home.parent / "what_if.html",
    }


# How opaque a corner of each chart is.
CORNERS = """
return [...document.querySelectorAll("[data-chart] canvas")]
  .map((canvas) => canvas.getContext("2d").getImageData(1, 1, 1, 1).data[3]);
"""
KINDS = ("overview", "scope", "rules", "glossary", "artists", "artist", "internal", "member", "what-if")


@pytest.mark.parametrize("kind", KINDS)
def test_a_browser_has_no_complaint(window: Browser, kinds: dict[str, Path], kind: str) -> None:
    assert set(kinds) == set(KINDS)
    window.requested()
    window.open(kinds[kind], width=360)
    drawn = window.run("return document.querySelectorAll('[data-chart] canvas').length")
    assert bool(drawn) == (kind in ("overview", "scope", "artist"))
    assert window.run("return document.documentElement.scrollWidth") <= 360
    window.run("for (const folded of document.querySelectorAll('details')) folded.open = true")
    assert window.run("return document.documentElement.scrollWidth") <= 360
    assert window.run(PALE) == []
    window.open(kinds[kind], scheme="dark")
    assert window.run("return getComputedStyle(document.body).backgroundColor") == "rgb(18, 22, 27)"
    window.run("for (const folded of document.querySelectorAll('details')) folded.open = true")
    assert window.run(PALE) == []
    assert set(window.run(CORNERS)) <= {0}  # the card shows through every chart
    assert window.console() == []
    assert {address.split(":")[0] for address in window.requested()} <= {"file", "data", "blob"}


def test_the_keyboard_reaches_a_page_by_its_name(window: Browser, kinds: dict[str, Path]) -> None:
    window.open(kinds["overview"])
    reached = set()
    for _ in range(30):
        window.keys("\ue004")  # the tabulator
        reached.add(
            window.run("return document.activeElement.id || document.activeElement.getAttribute('href')")
        )
        if "find" in reached:
            break
    assert {"#content", "index.html", "rules.html", "glossary.html", "find"} <= reached
    window.keys("houston")
    assert window.run("return [...document.querySelectorAll('#found a')].map((a) => a.textContent)") == [
        "city: Houston punk, Texas"
    ]
    window.keys("\ue004\ue007")  # to what was found, and enter
    assert window.run("return document.querySelector('h1').textContent") == "Houston punk, Texas"
    assert window.console() == []


# What can be reached by the keyboard: links, fields, buttons, folded parts, wide tables.
CAN_BE_REACHED = "a[href], input, button, summary, [tabindex='0']"


@pytest.mark.parametrize("kind", KINDS)
def test_the_keyboard_reaches_everything(window: Browser, kinds: dict[str, Path], kind: str) -> None:
    window.open(kinds[kind])
    wanted = window.run(
        f"""
        const all = [...document.querySelectorAll("{CAN_BE_REACHED}")].filter((e) => e.checkVisibility());
        all.forEach((element, place) => (element.dataset.place = place));
        return all.length;
        """
    )
    reached = []
    for _ in range(min(wanted, 60)):
        window.keys("\ue004")
        reached.append(window.run("return Number(document.activeElement.dataset.place)"))
    assert reached == list(range(min(wanted, 60)))
    # Each shows where one is.
    assert window.run("return getComputedStyle(document.activeElement).outlineStyle") != "none"


def test_a_metric_says_what_it_means(window: Browser, kinds: dict[str, Path]) -> None:
    registry = list(csv.DictReader(io.StringIO((PROJECT_DIR / "seeds" / "metric.csv").read_text())))
    meant = {row["label"]: row["definition"] for row in registry}
    for kind in ("scope", "artist"):
        window.open(kinds[kind])
        links = "[...document.querySelectorAll('#all-numbers td a')].map((a) => [a.textContent, a.title])"
        said = window.run(f"return {links}")
        assert len(said) > 1
        assert all(meant[label] == title for label, title in said)


def test_the_search_finds_names_without_their_accents_and_says_if_there_is_none(
    window: Browser, kinds: dict[str, Path]
) -> None:
    window.open(kinds["overview"])
    found = """
        window.INDEX.push([null, "nowhere.html"]);
        const input = document.querySelector("#find");
        input.value = "%s";
        input.dispatchEvent(new Event("input"));
        return [...document.querySelectorAll("#found li")].map((item) => item.textContent);
    """
    assert window.run(found % "cafe") == ["city: Caf\u00e9 folk, Texas"]
    assert window.run(found % "zebra") == ["Nothing found"]
    assert window.run(found % " ") == []
    assert window.console() == []


def test_a_box_finds_rows_and_keeps_their_headings(window: Browser, kinds: dict[str, Path]) -> None:
    window.open(kinds["glossary"])
    window.run(
        """
        const input = document.querySelector(".only input");
        input.value = "skip rate";
        input.dispatchEvent(new Event("input"));
        """
    )
    shown = "[...document.querySelectorAll('tbody tr')].filter((row) => row.checkVisibility())"
    assert window.run(f"return {shown}.map((row) => row.cells[0].textContent)")[:2] == [
        "Engagement",
        "Skip rate",
    ]
    assert window.run(f"return {shown}.length") < 8


def test_a_table_is_saved_as_it_is_shown(window: Browser, kinds: dict[str, Path]) -> None:
    window.open(kinds["scope"])
    saved = window.run(
        """
        const table = document.querySelector("#events table");
        table.querySelector("td:nth-child(2)").textContent = '=1+1 "loud", twice';
        let blob = null;
        const original = URL.createObjectURL;
        URL.createObjectURL = (given) => original.call(URL, (blob = given));
        document.querySelector("#events .save").click();
        return blob.text();
        """
    )
    assert saved.splitlines()[0] == '"day","event","artist","verified attendance","first time","blasts"'
    (row,) = list(csv.reader(saved.splitlines()[1:]))
    assert row == ["2026-01-01", '\'=1+1 "loud", twice', "The Quiet Porch", "1", FEW, "1"]
    numbers = window.run(
        """
        let blob = null;
        URL.createObjectURL = (given) => ((blob = given), "#");
        document.querySelector("#all-numbers .save").click();
        return blob.text();
        """
    )
    heading, first, *_ = csv.reader(numbers.splitlines())
    assert heading[:2] == ["\ufeffsection", "metric"] or heading[:2] == ["section", "metric"]
    assert first[0] in SECTIONS.values()
    assert window.console() == []


def test_a_chart_tells_what_lies_under_the_pointer(window: Browser, kinds: dict[str, Path]) -> None:
    window.open(kinds["scope"])
    window.run("document.querySelector('#members-and-contributors').scrollIntoView()")
    left, top, width, height = window.run(
        """
        const box = document.querySelector("#members-and-contributors canvas").getBoundingClientRect();
        return [box.left, box.top, box.width, box.height];
        """
    )
    for x in range(int(left + width * 0.6), int(left + width * 0.9), 3):
        for y in range(int(top), int(top + height * 0.6), 6):
            window.point(x, y)
            if window.run("return !document.querySelector('.tip').hidden"):
                said = window.run(
                    "return [...document.querySelectorAll('.tip div')].map((l) => l.textContent)"
                )
                assert said[0].startswith("day (UTC): 20")
                assert window.console() == []
                return
    raise AssertionError("no tip was shown")


@pytest.mark.parametrize(
    ("age", "behind", "said"),
    [("3 day", 3, "Written 3 days ago; `warehouse status` says why."), ("3 day", 0, ""), ("20 hour", 3, "")],
    ids=["old", "ended", "new"],
)
def test_an_old_page_says_that_it_is_old_unless_its_exports_have_ended(
    window: Browser, copied: Path, age: str, behind: int, said: str
) -> None:
    now = "(current_timestamp at time zone 'UTC')"
    with duckdb.connect(str(copied / "analytics.duckdb")) as connection:
        connection.execute(
            f"""
            update publication set built_at = {now} - interval '{age}', nights_behind = {behind},
                as_of_date = ({now} - interval '{age}')::date - 1 - 3
            """
        )
    write_site(settings())
    internal, public = copied / "site/internal/index.html", copied / "site/public/index.html"
    window.open(internal)
    assert window.run("return document.querySelector('.stamp b')?.textContent.trim() ?? ''") == said
    window.open(public)
    shown = window.run("return document.querySelector('.stamp b')?.textContent.trim() ?? ''")
    assert shown == said.partition(";")[0] + ("." if said else "")


def test_what_is_printed_is_black_on_white(window: Browser, kinds: dict[str, Path]) -> None:
    window.open(kinds["scope"], scheme="dark", media="print")
    assert window.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert window.run(PALE) == []


def test_a_script_within_a_page_would_not_run_and_the_console_would_say_so(
    window: Browser, kinds: dict[str, Path]
) -> None:
    planted = kinds["overview"].with_name("planted.html")
    planted.write_text(
        kinds["overview"].read_text().replace("</main>", "<script>document.title = 'ran'</script></main>")
    )
    window.open(planted)
    assert window.run("return document.title") != "ran"
    assert any("Content Security Policy" in message for message in window.console())
    planted.unlink()
