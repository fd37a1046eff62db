"""The acts of each rule, for the peers that make them in data frames: whose rows, and which columns of them.

A source is what a peer has put beside the rows of an export, so that the columns named here are there.
"""

COLUMNS = (
    "user_id", "occurred_at", "source_id", "owner_id", "band_id", "once_id", "credited_id", "named_scene_id",
    "points", "reversed_at",
)  # fmt: skip


def _acts(rule: str, source: str, user_id: str, **columns: str) -> tuple[str, str, dict[str, str]]:
    """A rule, its source, and where in it the columns of an act are; a column that is not named is empty."""
    return rule, source, {"user_id": user_id, "occurred_at": "createdAt", "source_id": "id"} | columns


OF_SIGNAL = {"owner_id": "createdById", "band_id": "band"}
ACTS = (
    _acts("blast", "blasts", "userId", **OF_SIGNAL),
    _acts("blast_response", "responses", "blaster", credited_id="blast", **OF_SIGNAL),
    _acts("support", "supports", "userId", **OF_SIGNAL),
    _acts(
        "attendance", "attendances", "userId", occurred_at="checkedInAt", once_id="eventId",
        owner_id="createdById", band_id="artistBandId",
    ),
    _acts("project_support", "project_supports", "userId", owner_id="maker"),
    _acts("project_founding", "projects", "createdById", once_id="id"),
    _acts(
        "proof_of_support", "proofs", "userId", occurred_at="verified", once_id="what", owner_id="owner",
        band_id="band", reversed_at="revoked",
    ),
    _acts("pioneer_formation", "listeners", "listener", named_scene_id="sceneId", once_id="sceneId"),
    _acts(
        "pioneer_recruiting", "referrals", "pioneerId", named_scene_id="communityId",
        owner_id="recruitedUserId",
    ),
    _acts(
        "pioneer_joining", "referrals", "recruitedUserId", named_scene_id="communityId", owner_id="pioneerId"
    ),
    _acts("adjustment", "adjustments", "userId", points="points"),
)  # fmt: skip
