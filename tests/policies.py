"""A policy to try things on: the first line of every rule, so that tests stand when the seeds move on."""

from pathlib import Path

from orchestration.policy.checks import POLICY_FILES, SEEDS_DIR, key_of, read


def first_policy(folder: Path) -> Path:
    """Write the first version of every rule, and of the score policy, as if nothing had ever followed it."""
    folder.mkdir(exist_ok=True)
    for name in POLICY_FILES:
        header, *lines = read(SEEDS_DIR / name)
        first = {
            key_of(name, line): line for line in sorted(lines, key=lambda line: line["valid_from"])[::-1]
        }
        kept = [
            line.text.replace(f",{line['valid_from']},{line['valid_to']},", f",{line['valid_from']},,")
            for line in lines
            if line is first[key_of(name, line)]
        ]
        (folder / name).write_bytes((header.text + "".join(kept)).encode())
    return folder
