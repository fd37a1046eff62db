"""The site: its numbers are those published, each audience finds its own pages, a browser is content."""

import csv
import io
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from browser import CHROMIUM, DRIVER, PALE, Browser, browser
from golden.world import golden_run, warehouse

from orchestration.ask.summary import NO_SITE
from orchestration.assets.published import ANALYTICS
from orchestration.assets.site import SITE
from orchestration.assets.site import site as site_asset
from orchestration.lock import let_go
from orchestration.settings import PROJECT_DIR, settings
from orchestration.site import pages, sections
from orchestration.site.pages import write_site
from orchestration.site.place import index, shows

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
                compared += bool(numbers[-1])
        assert compared > 10


def test_plot_statistics_are_those_of_the_scope(site: Path, copied: Path) -> None:
    for scene, before, week, month, members in asked(
        copied,
        """
        select scene_id::varchar, activity_score_7d_before, activity_score_7d, activity_score_30d, members
        from plot_statistics join scope using (scene_id) where tier_scope = 'city'
        """,
    ):
        rows = {
            what: numbers
            for what, *numbers in Reader(site / "public" / "scopes" / f"{scene}.html").tables[
                "Plot statistics"
            ]
        }
        assert rows["Activity Score, 7 days"] == [str(week), str(before)]
        assert rows["Activity Score, 30 days"] == [str(month), NOTHING]
        assert rows["people at home here"] == [str(members), NOTHING]


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
    everything = [
        *sections.SCOPE,
        *sections.ARTIST,
        *sections.MEMBER,
        *sections.INTERNAL,
        sections.RULES,
        sections.GLOSSARY,
    ]
    assert [section.title for section in everything if orders_by_points(section.sql)] == []


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
        for name in re.findall(r">([^<]+)</a>", names)
    ]


def orders_by_points(sql: str) -> bool:
    ordered = re.findall(r"order by ([^)]*?)(?:\)|limit|$)", " ".join(sql.split()))
    return any(
        re.search(r"points|score|total|all\b(?! time)", words) for words in ordered if "delivered" not in sql
    )


def test_an_order_by_points_would_be_found() -> None:
    assert orders_by_points("select scene, points from t order by points desc")
    assert orders_by_points("select scene from t order by scene, sum(points_7d)")


def test_a_hostile_name_stays_text(copied: Path) -> None:
    with duckdb.connect(str(copied / "analytics.duckdb")) as connection:
        connection.execute("update scope set label = $1 where tier = 'city' and not is_unscoped", [HOSTILE])
        connection.execute("update subject set name = $1", [HOSTILE])
    write_site(settings())
    pages_of_scenes = [*(copied / "site" / "public").rglob("*.html")]
    assert any("&lt;script&gt;alert(1)" in page.read_text() for page in pages_of_scenes)
    assert not any("<script>alert" in page.read_text() for page in pages_of_scenes)


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
    # What says the same is the same file, and nothing else is left.
    write_site(settings())
    assert {
        file.relative_to(site): file.stat().st_ino for file in site.rglob("*") if file.is_file()
    } == before
    assert len(list((site.parent / ".site").iterdir())) == 1


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
    assert f"| internal | 5 | `{copied}/site/internal/index.html` |" in made.metadata["preview"].value
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


def test_commands_write_the_site_and_the_page_of_a_member(copied: Path, tmp_path: Path) -> None:
    done = warehouse("site", "--warehouse-dir", copied)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"The site: {copied}/site/public/index.html" in done.stdout
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


KINDS = ("overview", "scope", "rules", "glossary", "artists", "artist", "internal", "member", "what-if")


@pytest.mark.parametrize("kind", KINDS)
def test_a_browser_has_no_complaint(window: Browser, kinds: dict[str, Path], kind: str) -> None:
    assert set(kinds) == set(KINDS)
    window.requested()
    window.open(kinds[kind], width=360)
    drawn = window.run("return document.querySelectorAll('[data-chart] canvas').length")
    assert bool(drawn) == (kind in ("overview", "scope", "artist"))
    assert window.run("return document.documentElement.scrollWidth") <= 360
    assert window.run(PALE) == []
    window.open(kinds[kind], scheme="dark")
    assert window.run("return getComputedStyle(document.body).backgroundColor") == "rgb(18, 22, 27)"
    assert window.run(PALE) == []
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
