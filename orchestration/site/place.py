"""Where the site lies: a link to the folder of the last one that was written whole."""

import datetime as dt
import os
import shutil
from pathlib import Path

from orchestration.places import move_for_good, sync
from orchestration.settings import Settings

# As what is published: the group reads it, a web server for instance.
FILES, FOLDERS = 0o440, 0o750
AUDIENCES = ("public", "artists", "internal")
THE_SITE = "The site"  # said of the public one


def index(config: Settings, audience: str = "public") -> Path:
    """The page that an audience opens first."""
    return config.site_dir / audience / "index.html"


def indexes(config: Settings) -> dict[str, Path]:
    """The page that each audience opens first, and for whom it is."""
    whose = zip((THE_SITE, "For artists", "For those who run it"), AUDIENCES, strict=True)
    return {whom: index(config, audience) for whom, audience in whose}


def shows(config: Settings, run_id: str) -> bool:
    """Whether the site is there and shows the publication of this run."""
    return config.site_dir.is_dir() and config.site_dir.resolve().name.startswith(f"{run_id}-")


def draft(config: Settings, run_id: str) -> Path:
    """An empty folder in which to write the site of a publication."""
    folder = _home(config) / f"{run_id}.new"
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def swap_in(config: Settings, written: Path) -> None:
    """Put a site that was written whole in the place of the last one, which goes."""
    home = _home(config)
    home.chmod(FOLDERS)
    for parent, _, names in os.walk(written):
        Path(parent).chmod(FOLDERS)
        for name in names:
            Path(parent, name).chmod(FILES)
    folder = home / f"{written.stem}-{dt.datetime.now(dt.UTC):%H%M%S%f}"
    move_for_good(written, folder)
    link = config.site_dir.with_name(f".{config.site_dir.name}.link")
    link.unlink(missing_ok=True)
    link.symlink_to(folder.relative_to(config.warehouse_dir))
    if config.site_dir.is_dir() and not config.site_dir.is_symlink():
        shutil.rmtree(config.site_dir)  # who copied the warehouse followed the link
    link.replace(config.site_dir)
    sync(config.warehouse_dir)
    for other in home.iterdir():
        if other.is_dir() and other != folder:
            shutil.rmtree(other, ignore_errors=True)  # the new one is in place whatever becomes of the old


def _home(config: Settings) -> Path:
    return config.site_dir.with_name(f".{config.site_dir.name}")
