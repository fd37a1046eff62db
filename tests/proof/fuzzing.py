"""What fuzzing shares: examples in batches, and what every outcome must be."""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from ingesting import PLANTED, House

from orchestration.raw.account import Outcome, refusal


def in_batches(
    strategy: st.SearchStrategy[Any], judge: Callable[[Any], None], *, long: bool, batches: int
) -> int:
    """Try examples: a few, or in the long form so many batches of 50.

    A batch that fails says its seed, and always fails again.

    Returns:
        How many examples were tried.
    """
    tried = 0

    def example(value: Any) -> None:
        nonlocal tried
        tried += 1
        judge(value)

    for batch in range(batches if long else 1):
        limits = settings(
            max_examples=50 if long else 25,
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        )
        seed(batch)(limits(given(strategy)(example)))()
    return tried


def check(house: House, outcome: Outcome, names: list[str]) -> None:
    """Accepted, every row accounted for; or refused in one sentence that names a file and quotes no row."""
    table, night = outcome.night.table, outcome.night.date
    if outcome.action == "refused":
        reason = refusal(outcome)
        assert any(name in reason for name in names), reason
        assert reason.isprintable()
        assert len(reason) < 600
        assert PLANTED not in reason
        assert not (house.settings.raw_dir / table / str(night)).exists()
    else:
        assert outcome.action == "accepted"
        day = night.day
        kept, rejected = len(house.rows(table, day, "row_number")), len(house.rejected(table, day))
        assert (kept + rejected, rejected) == (outcome.rows, outcome.rejected)
