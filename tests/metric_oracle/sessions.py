"""Sessions: the listens of one person with one session id. Who has no session id has no session."""

import pandas as pd

from metric_oracle.base import Cell, Night, Scope, Window, divided, oracle, ratio
from metric_oracle.listening import heard, listeners

WINDOWS = (7, 30, 90)
SESSION = ["userId", "sessionId"]


def sessions(rows: pd.DataFrame) -> int:
    """How many sessions are in these listens."""
    return len(rows.dropna(subset=SESSION).drop_duplicates(SESSION))


@oracle("sessions_per_listener_avg", windows=WINDOWS)
def sessions_per_listener_avg(night: Night, scope: Scope, window: Window) -> Cell:
    """Sessions for each listener at home."""
    rows = heard(night, scope, window)
    people = listeners(rows)
    return ratio(sessions(rows), len(people), people=people)


@oracle("sessions_per_listener_week", windows=WINDOWS)
def sessions_per_listener_week(night: Night, scope: Scope, window: int) -> Cell:
    """Sessions for each listener at home in seven days."""
    rows = heard(night, scope, window)
    people = listeners(rows)
    return ratio(7 * sessions(rows), window * len(people), people=people)


@oracle("session_minutes_avg", windows=WINDOWS)
def session_minutes_avg(night: Night, scope: Scope, window: Window) -> Cell:
    """How long the sessions are that began in the window: to the last listen, and the track of it."""
    rows = heard(night, scope, None).dropna(subset=SESSION)
    rows = rows.assign(duration=night.look_up(rows["trackId"], "tracks", "duration").astype(float).fillna(0))
    at = rows.groupby(SESSION)["createdAt"]
    first, last, listens = at.min(), at.max(), at.size()
    last_rows = rows[rows["createdAt"] == at.transform("max")]
    final = last_rows.groupby(SESSION)["duration"].max()
    seconds = (last - first) // pd.Timedelta(seconds=1) + final
    began = night.inside(first, window)
    total, sixty_each = float(seconds[began].sum()), 60 * int(began.sum())
    return Cell(
        divided(total, sixty_each),
        round(total),
        sixty_each,
        coverage=divided(int((listens[began] >= 2).sum()), int(began.sum())),
        people=listeners(heard(night, scope, window)),
    )
