"""Promotions and offers: how many are posted, by how many, and what people do with them."""

import pandas as pd

from metric_oracle.base import Cell, Night, Scope, Window, distinct, divided, oracle, ratio

SOME_TIME = (30, 90)


def posted(night: Night, scope: Scope, window: Window) -> pd.DataFrame:
    """The promotions and offers of the scope that were posted in the window."""
    signals = night.signals
    promotions = signals[signals["type"].isin(["PROMOTION", "OFFER"])]
    return promotions[scope.has(promotions["communityId"]) & night.inside(promotions["createdAt"], window)]


@oracle("promotions_posted")
def promotions_posted(night: Night, scope: Scope, window: Window) -> Cell:
    return Cell(len(posted(night, scope, window)))


@oracle("promotions_per_business", SOME_TIME)
def promotions_per_business(night: Night, scope: Scope, window: Window) -> Cell:
    promotions = posted(night, scope, window)
    creators = promotions["createdById"].dropna()
    coverage = divided(len(creators), len(promotions))
    return ratio(len(creators), creators.nunique(), people=distinct(creators), coverage=coverage)


@oracle("promotion_interactions_avg", SOME_TIME)
def promotion_interactions_avg(night: Night, scope: Scope, window: Window) -> Cell:
    promotions, actions = posted(night, scope, window), night.actions
    acts = actions[actions["type"].isin(["ADD", "BLAST"]) & actions["signalId"].isin(promotions["id"])]
    coverage = divided(acts["signalId"].nunique(), len(promotions))
    return ratio(len(acts), len(promotions), people=distinct(acts["userId"]), coverage=coverage)
