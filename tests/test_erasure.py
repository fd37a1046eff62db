"""Members who left are erased: their ids and those of their rows are pseudonyms, in any order of nights."""

import datetime as dt
import hmac
import json
import logging
import os
import random
import shutil
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import uid, write_rows
from golden.world import erased
from members import KINDS, MEMBER, NIGHTS, OWNED, TABLES, deliver, ids_of, named, replaced, rows_of

from orchestration.database import files, quoted
from orchestration.raw import erase, read
from orchestration.raw.account import Outcome
from orchestration.raw.check import row_hash
from orchestration.raw.discover import delivered_nights
from orchestration.raw.ingest import ingest
from orchestration.raw.pseudonyms import ErasureKeyError, load
from orchestration.raw.store import recover
from orchestration.settings import Settings

# Tables of every kind there is: members; snapshots and appended rows of theirs, one with two owners; a list
# of members; references to members, and to rows of theirs.
SOME = (
    "users", "collections", "collection_items", "community_activation_audits", "events", "pioneer_referrals",
    "proof_of_support", "signal_actions",
)  # fmt: skip
PLAIN = ("users", "collections", "collection_items")


READ_AGAIN = erase._read_again


class House:
    """A warehouse directory and its exports, in which the ingestion of a run happens."""

    def __init__(
        self, home: Path, exports_dir: Path | None = None, tables: Iterable[str] = SOME, **limits: Any
    ) -> None:
        """In these small worlds any share of members may leave, unless a limit is given."""
        usual = {
            "exports_dir": exports_dir or home / "exports", "warehouse_dir": home / "warehouse",
            "dagster_home": home, "max_rejected_rows": 0, "max_rejected_share": 0, "max_departed_share": 1,
            "publications_kept": 7, "max_unpacked_bytes": 1 << 30, "erasure_key": os.environ["ERASURE_KEY"],
        }  # fmt: skip
        self.settings = Settings(**(usual | limits))
        self.tables = {name: TABLES[name] for name in tables}
        self.settings.warehouse_dir.mkdir(parents=True, exist_ok=True)
        self.read_again: list[tuple[str, dt.date]] = []

    def read(self) -> list[Outcome]:
        """Read what was delivered."""
        recover(self.settings, self.tables)
        nights = delivered_nights(self.settings.exports_dir, self.tables)
        return list(ingest(self.settings, self.tables, nights))

    def run(self, *forget: str) -> int:
        """Do what a run does before the models: read, erase, give ids back. Returns how many it erased."""
        nights = [outcome.night for outcome in self.read()]

        def noted(*given: Any) -> None:
            self.read_again += sorted((night.table, night.date) for night in given[2])
            READ_AGAIN(*given)

        with pytest.MonkeyPatch.context() as watched:
            watched.setattr(erase, "_read_again", noted)
            return erase.settle(self.settings, self.tables, nights, [erased(member) for member in forget])

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """Columns of every standing row, in the order of nights and files."""
        file = self.settings.raw_dir / table / "2*" / "rows.parquet"
        names = ", ".join(quoted(column) for column in columns)
        with duckdb.connect() as connection:
            found = connection.execute(
                f"select {names} from read_parquet(?) order by night, part, row_number",  # noqa: S608
                [str(file)],
            )
            return [tuple(str(v) if isinstance(v, uuid.UUID) else v for v in row) for row in found.fetchall()]

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that raw holds, and the pseudonyms in force, in a fixed order."""
        paths = [*self.settings.raw_dir.glob("*/2*/*.parquet"), self.settings.erased_file]
        with duckdb.connect() as connection:
            return {
                str(path.relative_to(self.settings.warehouse_dir)): connection.execute(
                    "select * from read_parquet(?) order by all", [str(path)]
                ).fetchall()
                for path in paths
            }

    def written(self) -> str:
        """Every value of every Parquet file, and the bytes of every other file."""
        texts = [str(self.everything())]
        texts += [
            path.read_bytes().decode("latin-1")
            for path in self.settings.warehouse_dir.rglob("*")
            if path.is_file()
        ]
        return "\n".join(texts)


# What a pseudonym is


def test_a_pseudonym_is_the_hmac_of_the_id(tmp_path: Path) -> None:
    house = House(tmp_path)
    ids = [str(uuid.UUID(int=random.Random(7).getrandbits(128) ^ number)) for number in range(1000)]  # noqa: S311
    with duckdb.connect() as connection:
        load(connection, house.settings)
        found = connection.execute(
            "select id, pseudonym(id)::varchar from (select unnest($1::uuid[]) as id)", [ids]
        ).fetchall()
    key = bytes.fromhex(os.environ["ERASURE_KEY"])
    assert len(found) == 1000
    for identifier, pseudonym in found:
        digest = hmac.new(key, str(identifier).encode(), "sha256").hexdigest()
        assert pseudonym.replace("-", "") == digest[:32]


def test_the_key_is_made_once_for_its_user_alone_and_written_nowhere_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    house = House(tmp_path, erasure_key="")
    deliver(house.settings.exports_dir, NIGHTS[0], [1, 2], SOME)
    deliver(house.settings.exports_dir, NIGHTS[1], [1], SOME)
    with caplog.at_level(logging.DEBUG):
        house.run()
    key = house.settings.key_file.read_text()
    assert len(bytes.fromhex(key)) == 32
    assert house.settings.key_file.stat().st_mode & 0o777 == 0o600
    house.run()
    assert house.settings.key_file.read_text() == key
    house.settings.key_file.unlink()
    assert key not in house.written() + caplog.text + repr(house.settings)
    assert str(bytes.fromhex(key)) not in house.written()


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("", "the key .*key is gone, and members are erased under it"),
        ("00" * 32, "is not the one its pseudonyms were made with"),
        ("00" * 31, "ERASURE_KEY is not a key of 32 bytes in hexadecimal"),
        ("no key", "ERASURE_KEY is not a key of 32 bytes in hexadecimal"),
    ],
)
def test_once_somebody_is_erased_no_other_key_will_do(tmp_path: Path, key: str, message: str) -> None:
    house = House(tmp_path)
    deliver(house.settings.exports_dir, NIGHTS[0], [1, 2], SOME)
    deliver(house.settings.exports_dir, NIGHTS[1], [1], SOME)
    house.run()
    before = house.everything()
    with pytest.raises(ErasureKeyError, match=message):
        House(tmp_path, erasure_key=key).run()
    assert house.everything() == before


def test_before_anybody_is_erased_the_key_may_change(tmp_path: Path) -> None:
    house = House(tmp_path)
    deliver(house.settings.exports_dir, NIGHTS[0], [1, 2], SOME)
    house.run()
    assert House(tmp_path, erasure_key="00" * 32).run() == 0


def test_who_had_departed_stays_erased_after_the_key_is_lost(tmp_path: Path) -> None:
    house = House(tmp_path)
    deliver(house.settings.exports_dir, NIGHTS[0], [1, 2], SOME)
    deliver(house.settings.exports_dir, NIGHTS[1], [1], SOME)
    house.run()
    house.settings.erased_file.unlink()
    renewed = House(tmp_path, erasure_key="00" * 32)
    renewed.run()
    assert named(renewed.written(), ids_of(2)) == []
    proofs = renewed.rows("proof_of_support", "id", "userId")
    assert len(proofs) == 3
    assert [proof[1] for proof in proofs if proof[1] != uid(MEMBER, 1)] == [*renewed.rows("users", "id")[1]]
    stands = renewed.everything()
    renewed.run()
    assert renewed.everything() == stands


# What the contract says


def test_every_id_of_a_member_says_whose_the_row_is() -> None:
    places = {"homeSceneId"}
    silent = [
        f"{name}.{column.name}"
        for name, table in TABLES.items()
        for column in table.columns
        if column.personal and column.data_type in ("uuid", "json") and not column.keep_ids
        if not column.member and column.name not in places
    ]
    assert silent == []
    assert {c.member for t in TABLES.values() for c in t.columns} == {"", "owner", "reference", "list"}


def test_only_the_rows_of_members_are_referred_to_as_such() -> None:
    found = {
        (name, column.name): column.refers_to
        for name, table in TABLES.items()
        for column in table.columns
        if column.refers_to
    }
    assert found == {("collection_items", "collectionId"): "collections"}
    assert set(found.values()) <= OWNED


# Departure


def test_a_departed_members_ids_are_replaced_in_every_column_of_every_night(tmp_path: Path) -> None:
    """Raw is the same as if the platform itself had delivered the pseudonyms."""
    house, other = House(tmp_path / "one", tables=TABLES), House(tmp_path / "other", tables=TABLES)
    gone = ids_of(2)
    for night, members in zip(NIGHTS[:3], ([1, 2, 3], [1, 2, 3], [1, 3]), strict=True):
        deliver(house.settings.exports_dir, night, members, TABLES)
    for part in house.settings.exports_dir.rglob("*.csv"):
        at = other.settings.exports_dir / part.relative_to(house.settings.exports_dir)
        at.parent.mkdir(parents=True)
        at.write_text(replaced(part.read_text(), gone))
    assert house.run() == 1
    other.read()
    for name, table in house.tables.items():
        columns = [c.name for c in table.columns if c.member != "list"]
        assert house.rows(name, "night", "part", "row_number", *columns) == other.rows(
            name, "night", "part", "row_number", *columns
        )
        if name != "community_activation_audits":
            assert house.rows(name, "row_hash") == other.rows(name, "row_hash")
    listed, given = (h.rows("community_activation_audits", "cutoverListenerIds") for h in (house, other))
    assert [json.loads(text) for (text,) in listed] == [json.loads(text) for (text,) in given]
    assert named(house.written(), gone) == []
    assert named(house.written(), ids_of(1)) == ids_of(1)


def test_of_a_list_of_members_only_their_ids_are_kept_and_only_who_departed_is_replaced(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    listed = [uid(MEMBER, 1), "no id", 7, {"a": 1}, None, "ann@example.invalid", uid(MEMBER, 3)]
    audit = rows_of("community_activation_audits", [1])[0] | {"cutoverListenerIds": json.dumps(listed)}
    deliver(house.settings.exports_dir, NIGHTS[0], [1, 2], ["users"])
    write_rows(house.settings.exports_dir, "community_activation_audits", NIGHTS[0], [audit])
    house.read()
    before = house.rows("community_activation_audits", "cutoverListenerIds", "row_hash")
    assert json.loads(before[0][0]) == [uid(MEMBER, 1), uid(MEMBER, 3)]
    deliver(house.settings.exports_dir, NIGHTS[1], [1], ["users"])
    house.run()
    assert house.rows("community_activation_audits", "cutoverListenerIds", "row_hash") == before
    deliver(house.settings.exports_dir, NIGHTS[2], [2], ["users"])
    house.run()
    ((text, _),) = house.rows("community_activation_audits", "cutoverListenerIds", "row_hash")
    assert json.loads(text) == [erased(uid(MEMBER, 1)), uid(MEMBER, 3)]


def test_a_rewritten_row_has_the_hash_that_reading_it_would_give(tmp_path: Path) -> None:
    house = House(tmp_path)
    deliver(house.settings.exports_dir, NIGHTS[0], [1, 2], SOME)
    deliver(house.settings.exports_dir, NIGHTS[1], [1], SOME)
    house.run()
    with duckdb.connect() as connection:
        for name, table in house.tables.items():
            file = house.settings.raw_dir / name / "2*" / "rows.parquet"
            wrong = connection.execute(
                f"select count(*) from read_parquet(?) where row_hash <> {row_hash(table)}",  # noqa: S608
                [str(file)],
            )
            assert wrong.fetchone() == (0,)


def test_what_arrives_late_of_a_departed_member_is_erased_as_it_is_read(tmp_path: Path) -> None:
    house, whole = House(tmp_path), House(tmp_path / "whole", tmp_path / "exports")
    deliver(house.settings.exports_dir, NIGHTS[0], [1, 2], SOME)
    deliver(house.settings.exports_dir, NIGHTS[2], [1], SOME)
    house.run()
    deliver(house.settings.exports_dir, NIGHTS[1], [1, 2, 3], SOME)
    house.run()
    whole.run()
    assert house.everything() == whole.everything()
    assert named(house.written(), ids_of(2) + ids_of(3)) == []


def test_what_another_reader_reads_again_of_a_departed_member_ends_erased(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path)
    deliver(house.settings.exports_dir, NIGHTS[0], [1, 2], SOME)
    deliver(house.settings.exports_dir, NIGHTS[1], [1], SOME)
    assert house.run() == 1
    monkeypatch.setattr(read, "READER", "a later one")
    assert {outcome.action for outcome in house.read()} == {"accepted"}
    assert house.run() == 0  # they were before
    assert named(house.written(), ids_of(2)) == []
    fresh = House(tmp_path / "fresh", tmp_path / "exports")
    fresh.run()
    assert house.everything() == fresh.everything()


def test_a_snapshot_in_which_many_are_erased_is_no_mass_departure(tmp_path: Path) -> None:
    """The guard compares people, whether or not their ids are pseudonyms."""
    house = House(tmp_path)
    everybody = range(1, 11)
    deliver(house.settings.exports_dir, NIGHTS[0], everybody, ["users"])
    deliver(house.settings.exports_dir, NIGHTS[1], everybody, ["users"])
    deliver(house.settings.exports_dir, NIGHTS[2], range(1, 6), ["users"])
    house.run()
    strict = House(tmp_path, max_departed_share=0.0)
    corrected = rows_of("users", everybody)
    corrected[0]["homeSceneCity"] = "Corrected"
    write_rows(house.settings.exports_dir, "users", NIGHTS[1], corrected)
    outcomes = {outcome.night.date: outcome.action for outcome in strict.read()}
    assert outcomes[NIGHTS[1]] == "accepted"
    assert outcomes[NIGHTS[2]] == "refused"  # read anew, as the night before it changed: five really are gone


# What settles ties


ACTS = {name for name, table in TABLES.items() if table.holds_acts}


def ties(house: House) -> dict[str, list[tuple[Any, ...]]]:
    """Of each act that stands: its tie_order."""
    return {name: house.rows(name, "tie_order") for name in sorted(ACTS)}


def test_what_settles_ties_is_a_pseudonym_that_neither_departure_nor_return_changes(tmp_path: Path) -> None:
    house = House(tmp_path, tables=TABLES)
    deliver(house.settings.exports_dir, NIGHTS[0], [1, 2], TABLES)
    house.run()
    before = ties(house)
    assert before == {name: [(erased(uid(KINDS[name], n)),) for n in (1, 2)] for name in sorted(ACTS)}
    deliver(house.settings.exports_dir, NIGHTS[1], [1], ["users"])
    house.run()
    action = uid(KINDS["signal_actions"], 2)
    assert house.rows("signal_actions", "id", "tie_order")[1] == (erased(action), erased(action))
    assert ties(house) == before
    deliver(house.settings.exports_dir, NIGHTS[2], [1, 2], ["users"])
    house.run()
    assert house.rows("signal_actions", "id")[1] == (action,)
    assert ties(house) == before


def test_nights_from_before_ties_were_settled_so_are_completed_although_their_exports_are_gone(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, tables=TABLES)
    deliver(house.settings.exports_dir, NIGHTS[0], [1, 2], TABLES)
    deliver(house.settings.exports_dir, NIGHTS[1], [1], ["users"])
    house.run()
    complete = house.everything()
    with duckdb.connect() as connection:
        for rows in house.settings.raw_dir.glob("*/*/rows.parquet"):
            connection.execute(
                f"copy (select * exclude (tie_order) from read_parquet('{rows}'))"  # noqa: S608
                f" to '{rows}.old' (format parquet)"
            )
            rows.with_name(f"{rows.name}.old").rename(rows)
    for empty in house.settings.raw_dir.glob("*/empty"):
        shutil.rmtree(empty)
    shutil.rmtree(house.settings.exports_dir)
    house.run()
    acts = [place for place in complete if place.split("/")[1] in ACTS]
    assert len(acts) > len(ACTS)
    assert {place: house.everything()[place] for place in acts} == {place: complete[place] for place in acts}
    stands = house.everything()
    house.run()
    assert house.everything() == stands


def test_under_another_key_ties_are_settled_by_it_everywhere(tmp_path: Path) -> None:
    house, renewed = House(tmp_path), House(tmp_path, erasure_key="00" * 32)
    deliver(house.settings.exports_dir, NIGHTS[0], [1, 2], SOME)
    house.run()
    before = house.rows("signal_actions", "id", "tie_order")
    deliver(house.settings.exports_dir, NIGHTS[1], [1, 2], SOME)
    renewed.run()
    after = renewed.rows("signal_actions", "id", "tie_order")
    assert after == after[:2] * 2
    assert [row[0] for row in after[:2]] == [row[0] for row in before]
    assert not {*after} & {*before}


def test_ties_are_settled_anew_beside_a_warehouse_that_the_name_could_stand_for(tmp_path: Path) -> None:
    for name, members in (("wh1", [3, 4]), ("wh[1]", [1, 2])):
        deliver(tmp_path / name / "exports", NIGHTS[0], members, SOME)
        House(tmp_path / name).run()
    House(tmp_path / "wh[1]", erasure_key="00" * 32).run()
    night = tmp_path / "wh[1]" / "warehouse" / "raw" / "signal_actions" / str(NIGHTS[0])
    with duckdb.connect() as connection:
        found = connection.sql(
            f"select id::varchar, tie_order::varchar from read_parquet({files(night / 'rows.parquet')})"  # noqa: S608
        ).fetchall()
    actions = {uid(KINDS["signal_actions"], number) for number in (1, 2)}
    assert {action for action, _ in found} == actions
    assert not {tie for _, tie in found} & {erased(action) for action in actions}


# Return


def test_who_returns_is_given_back_their_ids(tmp_path: Path) -> None:
    house, whole = House(tmp_path), House(tmp_path / "whole", tmp_path / "exports")
    deliver(house.settings.exports_dir, NIGHTS[0], [1, 2], SOME)
    deliver(house.settings.exports_dir, NIGHTS[1], [1], SOME)
    house.run()
    assert uid(MEMBER, 2) not in house.written()
    deliver(house.settings.exports_dir, NIGHTS[1], [1, 2], SOME)
    house.run()
    whole.run()
    assert house.everything() == whole.everything()
    assert len(house.everything()["raw/erased.parquet"]) == 1  # only what tells the key
    assert {name for name, _ in house.read_again} == set(SOME)


def test_who_returns_after_the_exports_are_gone_has_their_id_but_not_those_of_their_rows(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    deliver(house.settings.exports_dir, NIGHTS[0], [1, 2], SOME)
    deliver(house.settings.exports_dir, NIGHTS[1], [1], SOME)
    house.run()
    shutil.rmtree(house.settings.exports_dir)
    # The same proof stands in tonight's snapshot too: it must not become a second one.
    deliver(house.settings.exports_dir, NIGHTS[2], [1, 2], SOME)
    house.run()
    kind = KINDS["proof_of_support"]
    assert house.rows("proof_of_support", "id", "userId") == [
        (uid(kind, 1), uid(MEMBER, 1)), (erased(uid(kind, 2)), uid(MEMBER, 2)),
        (uid(kind, 1), uid(MEMBER, 1)),
        (uid(kind, 1), uid(MEMBER, 1)), (erased(uid(kind, 2)), uid(MEMBER, 2)),
    ]  # fmt: skip
    assert [member for (member,) in house.rows("users", "id")] == [uid(MEMBER, n) for n in (1, 2, 1, 1, 2)]
    house.read_again.clear()
    stands = house.everything()
    house.run()
    assert house.everything() == stands
    assert house.read_again == []


# Forgetting


def test_who_is_forgotten_is_erased_although_the_platform_still_has_them(tmp_path: Path) -> None:
    house = House(tmp_path)
    deliver(house.settings.exports_dir, NIGHTS[0], [1, 2], SOME)
    house.run()
    assert house.run(uid(MEMBER, 2)) == 1
    deliver(house.settings.exports_dir, NIGHTS[1], [1, 2], SOME)
    assert house.run() == 0
    assert named(house.written(), ids_of(2)) == []
    assert erased(uid(MEMBER, 2)) in str(house.rows("users", "id"))


def test_a_publication_that_names_them_in_whatever_column_is_deleted(tmp_path: Path) -> None:
    house = House(tmp_path)
    deliver(house.settings.exports_dir, NIGHTS[0], [1, 2], SOME)
    house.run()
    house.settings.publications_dir.mkdir()
    for name, number in {"of-them": 2, "of-another": 1}.items():
        with duckdb.connect(str(house.settings.publications_dir / f"{name}.duckdb")) as connection:
            connection.execute("create table analytics_summary (subject_id uuid, metric varchar)")
            connection.execute("insert into analytics_summary values ($1, 'points')", [uid(MEMBER, number)])
    # The folders go with them, also one that a run that broke off left.
    for name in ("of-them", "of-another", "of-none", ".draft"):
        (house.settings.product_dir / name).mkdir(parents=True)
    assert house.run(uid(MEMBER, 2)) == 1
    assert [file.stem for file in house.settings.publications_dir.iterdir()] == ["of-another"]
    assert [folder.name for folder in house.settings.product_dir.iterdir()] == ["of-another"]


def test_the_folder_that_readers_find_stays_until_another_takes_its_place(tmp_path: Path) -> None:
    """As the published file does. If nothing is published after an erasure, both may still name somebody."""
    house = House(tmp_path)
    deliver(house.settings.exports_dir, NIGHTS[0], [1, 2], SOME)
    house.run()
    for name in ("shown", "of-none"):
        (house.settings.product_dir / name).mkdir(parents=True)
    house.settings.product_manifest.write_text('{"folder": "shown"}')
    assert house.run(uid(MEMBER, 2)) == 1
    assert {path.name for path in house.settings.product_dir.iterdir()} == {"shown", "manifest.json"}


# Breaking off


def test_an_erasure_that_breaks_off_is_finished_or_dropped_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = House(tmp_path / "undisturbed", tables=PLAIN)
    for night, members in zip(NIGHTS[:3], ([1, 2, 3], [1, 2, 3], [1, 3]), strict=True):
        deliver(undisturbed.settings.exports_dir, night, members, PLAIN)
    undisturbed.run()
    # Seven files to move: two nights of each of three tables, and the pseudonyms in force.
    for allowed in range(8):
        house = House(tmp_path / str(allowed), tmp_path / "undisturbed" / "exports", PLAIN)
        moves = iter(range(allowed))
        with monkeypatch.context() as patched:
            patched.setattr(erase, "finish_erasure", _breaks_off_after(moves))
            with pytest.raises(KeyboardInterrupt):
                house.run()
        house.run()
        assert house.everything() == undisturbed.everything(), allowed


def _breaks_off_after(moves: Iterable[int]) -> Callable[[Settings], None]:
    """What `finish` does, cut off after so many moves."""

    def finish(settings: Settings) -> None:
        prepared = settings.incoming_dir / "erasure"
        todo = [
            (rows, settings.raw_dir / rows.parent.name / rows.stem / "rows.parquet")
            for rows in sorted(prepared.glob("*/*.parquet"))
        ]
        todo.append((prepared / "erased.parquet", settings.erased_file))
        for _, (source, target) in zip(moves, todo, strict=False):
            source.replace(target)
        raise KeyboardInterrupt

    return finish
