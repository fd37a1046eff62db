"""The dbt unit tests, and what every published table promises."""

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import copied_project
from golden.world import golden_run

from orchestration.build.manifest import export_tables, manifest
from orchestration.build.publication import published_tables
from orchestration.settings import PROJECT_DIR, settings

NAMES_THAT_RANK = ("rank", "position", "percentile", "leaderboard", "top")


def dbt(*arguments: str, target: Path) -> subprocess.CompletedProcess[str]:
    """Run dbt as the nightly does, with artefacts of its own."""
    executable = Path(sys.executable).with_name("dbt")
    return subprocess.run(  # noqa: S603
        [executable, "--no-use-colors", *arguments, "--target-path", target],
        cwd=PROJECT_DIR, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_every_unit_test_of_the_models_holds(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    # They ask the database for the types of columns; that of the golden nights has every model.
    shutil.copytree(golden_run(tmp_path_factory).warehouse_dir, tmp_path / "warehouse")
    monkeypatch.setenv("WAREHOUSE_DIR", str(tmp_path / "warehouse"))
    settings().building_dir.mkdir()
    settings().warehouse_file.rename(settings().building_file)
    tests = dbt("test", "--select", "test_type:unit", target=tmp_path / "target")
    assert tests.returncode == 0, tests.stdout
    results = json.loads((tmp_path / "target" / "run_results.json").read_text())["results"]
    told = {result["unique_id"]: result["status"] for result in results}
    unit_tests = manifest()["unit_tests"]
    assert unit_tests
    assert {name: told.get(name) for name in unit_tests} == dict.fromkeys(unit_tests, "pass")


def test_a_table_and_a_view_that_differ_from_their_contract_are_not_built(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are made in ways of our own, which must ask what dbt's would ask."""
    project, differing = copied_project(tmp_path / "project"), {"user_activity", "activity_explanation"}
    for model in differing:
        (contract,) = project.glob(f"models/**/{model}.yml")
        contract.write_text(contract.read_text().replace("data_type: uuid", "data_type: bigint", 1))
    monkeypatch.setenv("WAREHOUSE_DIR", str(tmp_path / "warehouse"))
    shutil.copytree(golden_run(tmp_path_factory).warehouse_dir, tmp_path / "warehouse")
    settings().building_dir.mkdir()
    settings().warehouse_file.rename(settings().building_file)
    directories = ("--project-dir", str(project), "--profiles-dir", str(project))
    dbt("run", "--select", *differing, *directories, target=tmp_path)
    results = json.loads((tmp_path / "run_results.json").read_text())["results"]
    refused = {result["unique_id"].split(".")[2] for result in results if "contract" in result["message"]}
    assert refused == differing


def test_the_readme_names_exactly_what_is_published() -> None:
    readme = (PROJECT_DIR / "README.md").read_text()
    _, section = readme.split("\n## What is published\n")
    rows = [line.split("|")[1] for line in section.split("\n## ")[0].splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(published_tables(manifest()).values())


def test_published_models_have_an_enforced_contract_and_describe_every_column() -> None:
    for unique_id in published_tables(manifest()):
        node = manifest()["nodes"][unique_id]
        assert node["description"].startswith("One row"), unique_id
        assert all(column["description"] for column in node["columns"].values()), unique_id
        if node["resource_type"] == "model":
            assert node["config"]["contract"]["enforced"], unique_id
            assert node["access"] == "public", unique_id


def test_what_only_its_folder_reads_is_private_to_it() -> None:
    """Staging is left out: it offers every export, read or not."""
    nodes = manifest()["nodes"]
    for unique_id, node in nodes.items():
        if node["resource_type"] != "model" or "published" in node["tags"] or node["fqn"][1] == "staging":
            continue
        readers = [nodes[child] for child in manifest()["child_map"][unique_id] if child in nodes]
        read_elsewhere = any(
            reader["fqn"][1] != node["fqn"][1]
            for reader in readers
            if reader["resource_type"] != "test" or reader["config"]["group"] != node["config"]["group"]
        )
        assert node["access"] == ("protected" if read_elsewhere else "private"), unique_id


def test_no_published_column_ranks_anyone() -> None:
    columns = {
        f"{unique_id}.{column}"
        for unique_id in published_tables(manifest())
        for column in manifest()["nodes"][unique_id]["columns"]
        if any(part in NAMES_THAT_RANK for part in column.split("_"))
    }
    assert columns == set()


def test_every_model_says_its_grain() -> None:
    silent = [
        node["name"]
        for node in manifest()["nodes"].values()
        if node["resource_type"] == "model" and not node["description"].startswith("One row")
    ]
    assert silent == []


def rules() -> list[dict[str, str]]:
    """The lines of the seed that prices every act."""
    with (PROJECT_DIR / "seeds" / "point_rule.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_rule_has_one_arm_and_every_arm_a_rule() -> None:
    acts = PROJECT_DIR / "models" / "recognition" / "acts"
    sql = "\n".join(path.read_text() for path in sorted(acts.glob("*.sql")))
    arms = re.findall(r"act_columns\(\s*'(\w+)'", sql)
    assert len(arms) == sql.count("act_columns(")
    assert sorted(arms) == sorted({rule["rule_id"] for rule in rules()})


def test_a_bonus_is_clearly_larger_than_every_everyday_act() -> None:
    """Twice at least; a moderator's adjustment has no price of its own."""
    priced = [rule for rule in rules() if rule["points"]]
    assert {rule["rule_id"] for rule in rules() if not rule["points"]} == {"adjustment"}
    points = {
        kind: [int(rule["points"]) for rule in priced if rule["is_bonus"] == kind]
        for kind in ("true", "false")
    }
    assert min(points["true"]) >= 2 * max(points["false"])


def test_every_contracted_table_is_accounted_for() -> None:
    sql = (PROJECT_DIR / "models" / "staging" / "deliveries" / "row_account.sql").read_text()
    tables = export_tables()
    lists = sql.split("set snapshot_tables")
    for name, table in tables.items():
        assert f"'{name}'" in lists[0 if table.kind == "append" else 1], name


def test_personal_columns_of_the_platform_are_outside_the_contract() -> None:
    forbidden = {
        "email", "password", "username", "displayName", "bio", "avatar", "coverImage", "latitude",
        "longitude", "geofence", "inviteToken", "inviteTokenExpiresAt", "instrument", "payload", "context",
        "address", "locationName", "headshotUrl", "thresholds",
    }  # fmt: skip
    columns = [(table.name, column) for table in export_tables().values() for column in table.columns]
    kept = {(table, column.delivered) for table, column in columns if not column.kept_as}
    assert {(table, column) for table, column in kept if column in forbidden} == set()
    assert ("collections", "name") not in kept
    assert ("registrar_artist_members", "name") not in kept
