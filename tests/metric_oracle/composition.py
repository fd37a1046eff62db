"""Composition: how many artists, promoters and events a scope has, each beside the other."""

from metric_oracle.artists import events_created
from metric_oracle.base import POINT_IN_TIME, Cell, Night, Scope, Window, distinct, oracle, ratio
from metric_oracle.events import here


def promoters_of(night: Night, scope: Scope) -> set[str]:
    """The members whose grant as promoters is active."""
    grants = night.table("user_capability_grants")
    active = grants[(grants["capability"] == "promoter_capability") & (grants["status"] == "active")]
    return night.members(scope) & distinct(active["userId"])


@oracle("promoters", POINT_IN_TIME)
def promoters(night: Night, scope: Scope, _: Window) -> Cell:
    people = promoters_of(night, scope)
    return Cell(len(people), people=people)


@oracle("artist_to_member_ratio", POINT_IN_TIME)
def artist_to_member_ratio(night: Night, scope: Scope, _: Window) -> Cell:
    members = night.members(scope)
    return ratio(len(night.of_scope(scope)), len(members), people=members)


@oracle("promoter_to_artist_ratio", POINT_IN_TIME)
def promoter_to_artist_ratio(night: Night, scope: Scope, _: Window) -> Cell:
    people = promoters_of(night, scope)
    return ratio(len(people), len(night.of_scope(scope)), people=people)


@oracle("event_to_artist_ratio", (30, 90))
def event_to_artist_ratio(night: Night, scope: Scope, window: Window) -> Cell:
    return ratio(len(here(scope, events_created(night, window))), len(night.of_scope(scope)))


@oracle("events_per_promoter", (30, 90))
def events_per_promoter(night: Night, scope: Scope, window: Window) -> Cell:
    people, events = promoters_of(night, scope), events_created(night, window)
    return ratio(int(events["createdById"].isin(people).sum()), len(people), people=people)
