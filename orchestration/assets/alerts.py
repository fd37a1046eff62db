"""Sends an alert when a night needs a person, by a command or a webhook of the installation's choice.

A message has the run, the step and the reason in one sentence. It never has a row, a value or an id of a
member. If an alert cannot be sent, the log says so and the run goes on.
"""

import json
import logging
import os
import re
import shlex
import subprocess
import urllib.request

import dagster as dg
import duckdb
from sqlalchemy.exc import DatabaseError

from orchestration.places import attach
from orchestration.settings import SECRETS, HinderedError, Settings, UsageError, settings

log = logging.getLogger("warehouse")

TIMEOUT_SECONDS = 10
# How our own messages about a failed build begin. The rows that follow are not sent.
FINDINGS = re.compile(r"(?:law|test) \w+ failed on \d+ rows|\w+ could not be built")

REFUSED = """
    select distinct table_name || ' ' || night as refused
    from published.main.row_account where status = 'refused' order by refused
"""


def send(config: Settings, event: str, run_id: str, step: str, reason: str) -> None:
    """Send an alert as the settings say: a sentence to the command, JSON to the webhook.

    If Dagster did not know of the run yet, there is no id.
    """
    message = {
        "event": event,
        "run_id": run_id,
        "step": step,
        "reason": reason,
        "text": " ".join(filter(None, ("Warehouse run", run_id))) + f": {step} {event}: {reason}",
    }
    for way, target in ((_call, config.alert_command), (_post, config.alert_webhook)):
        if not target:
            continue
        try:
            way(target, message)
        except Exception as error:
            # Whatever goes wrong with an alert, the run goes on. The webhook's address may hold a secret, so
            # the log gets only the kind of error.
            log.warning("an alert could not be sent (%s): %s", way.__name__.strip("_"), type(error).__name__)


def _call(command: str, message: dict[str, str]) -> None:
    subprocess.run(  # noqa: S603  (the installation's own command, no shell)
        shlex.split(command),
        input=message["text"] + "\n",
        text=True,
        env={name: value for name, value in os.environ.items() if name not in SECRETS},
        capture_output=True,
        timeout=TIMEOUT_SECONDS,
        check=True,
    )


def _post(address: str, message: dict[str, str]) -> None:
    if not address.startswith(("http://", "https://")):
        raise ValueError("a webhook is an http or https address")
    request = urllib.request.Request(  # noqa: S310  (checked above)
        address, json.dumps(message).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):  # noqa: S310
        pass


@dg.failure_hook(name="tell_of_a_failure")
def tell_of_a_failure(context: dg.HookContext) -> None:
    """Say that a step failed and nothing was published."""
    send(settings(), "failed", context.run_id, context.op.name, in_short(context.op_exception))


@dg.success_hook(name="tell_of_refusals")
def tell_of_refusals(context: dg.HookContext) -> None:
    """Say that a publication lacks a refused delivery, which somebody must deliver anew."""
    config = settings()
    if context.op.name != "published__analytics":
        return
    with duckdb.connect() as connection:
        attach(connection, config.published_file, "published")
        refused = ", ".join(row[0] for row in connection.execute(REFUSED).fetchall())
    if refused:
        send(config, "published without refused deliveries", context.run_id, context.op.name, refused)


def in_short(error: BaseException | None) -> str:
    """The reason in one sentence that may be sent outside."""
    if isinstance(error, dg.Failure):
        description = error.description or ""
        return "; ".join(FINDINGS.findall(description)) or description.partition("\n")[0]
    if isinstance(error, (UsageError, HinderedError, OSError)):
        return str(error)
    if isinstance(error, DatabaseError):  # of Dagster's records, which hold no row
        return f"{error.orig} in Dagster's records"
    return f"unexpected {type(error).__name__}; the run's log says more"
