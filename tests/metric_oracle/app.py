"""What the app counts itself, and the bands of the discovery map."""

from fractions import Fraction

import pandas as pd

from metric_oracle.base import POINT_IN_TIME, Cell, Night, Scope, Window, distinct, oracle

FLAG_SIZE_EDGES = ("0.25", "0.5", "1", "2")
FLAG_COLOUR_EDGES = ("0.1", "0.25", "0.5", "0.75")
HOME_TEXT = {"city": "homeSceneCity", "state": "homeSceneState", "music_community": "homeSceneCommunity"}
TEXT_OF = {"city": list(HOME_TEXT), "state": ["state", "music_community"], "national": ["music_community"]}


def scenes_of(night: Night, scope: Scope) -> pd.DataFrame:
    """The scope's communities of tier city, as of the night."""
    rows = night.table("communities")
    return rows[(rows["tier"] == "city") & scope.has(rows["id"])]


@oracle("total_members", windows=POINT_IN_TIME)
def total_members(night: Night, scope: Scope, _: Window) -> Cell:
    """The app's own counts of members, added up."""
    return Cell(int(scenes_of(night, scope)["memberCount"].sum()))


@oracle("scope_community_count", windows=POINT_IN_TIME)
def scope_community_count(night: Night, scope: Scope, _: Window) -> Cell:
    """How many scenes there are, active or not."""
    return Cell(len(scenes_of(night, scope)))


@oracle("active_scenes", windows=POINT_IN_TIME)
def active_scenes(night: Night, scope: Scope, _: Window) -> Cell:
    """How many scenes are active."""
    return Cell(int(scenes_of(night, scope)["isActive"].sum()))


@oracle("gps_verified_users", windows=POINT_IN_TIME, tiers=("city", "state", "national"))
def gps_verified_users(night: Night, scope: Scope, _: Window) -> Cell | None:
    """Verified people whose home text is the scope's; what is unscoped has no text."""
    if scope.is_unscoped:
        return None
    users = night.users[night.users["gpsVerified"]]
    place = scope.place_of
    parts = TEXT_OF[scope.tier]
    wanted = tuple(place[part] for part in parts)
    texts = zip(*(users[HOME_TEXT[part]] for part in parts), strict=True)
    people = distinct(users["id"][[text == wanted for text in texts]])
    return Cell(len(people), people=people)


@oracle("active_tracks", windows=POINT_IN_TIME)
def active_tracks(night: Night, scope: Scope, _: Window) -> Cell:
    """How many tracks are ready."""
    tracks = night.table("tracks")
    return Cell(int(((tracks["status"] == "ready") & scope.has(tracks["communityId"])).sum()))


@oracle("project_supports", needs=("project_supports", "projects"))
def project_supports(night: Night, scope: Scope, window: Window) -> Cell:
    """How often projects were supported."""
    rows = night.rows("project_supports")
    scene = night.look_up(rows["projectId"], "projects", "communityId")
    rows = rows[night.inside(rows["createdAt"], window) & scope.has(scene)]
    return Cell(len(rows), people=distinct(rows["userId"]))


def band(amount: Fraction, edges: tuple[str, ...]) -> int:
    """1, and one more for every edge that is not above."""
    return 1 + sum(Fraction(edge) <= amount for edge in edges)


@oracle("flag_size_band", windows=(7, 30))
def flag_size_band(night: Night, scope: Scope, window: int) -> Cell | None:
    """How much people at home listen and act, in a day and for each member."""
    if not (members := len(night.members(scope))):
        return None
    acts = night.activity
    acts = acts[night.inside(acts["at"], window) & scope.has(acts["home"])]
    amount = Fraction(acts["act"].nunique(), window * members)
    return Cell(band(amount, FLAG_SIZE_EDGES), people=night.active(window, scope))


@oracle("flag_colour_band", windows=(7, 30))
def flag_colour_band(night: Night, scope: Scope, window: Window) -> Cell | None:
    """How many of the members are active, as many as there are active users at home."""
    if not (members := len(night.members(scope))):
        return None
    people = night.active(window, scope)
    return Cell(band(Fraction(len(people), members), FLAG_COLOUR_EDGES), people=people)
