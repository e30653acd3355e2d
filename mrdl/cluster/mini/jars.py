"""Fetches Hadoop's jars from Maven Central, once for all clusters of a user, and uses only those that are pinned."""

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from mrdl.cluster.mini.folders import SHIPPED, Folders
from mrdl.cluster.mini.java import find_java
from mrdl.errors import SetupError

PINNED = SHIPPED / "jars.sha256"
POM = SHIPPED / "pom.xml"
LAUNCHER = SHIPPED / "launcher"
NAMED = 10  # jars that an error lists


def fetch(folders: Folders, say: Callable[[str], None]) -> bool:
    """Fetch and check the jars unless they are there; returns whether they had to be fetched.

    say: told in words what takes time. A half-fetched set is never seen: it is made beside its place and renamed.
    Raises SetupError without Java or Maven, where Maven fails, and where a jar is not the one that is pinned.
    """
    installed = folders.installed
    fetched_for = installed / POM.name
    if fetched_for.exists() and fetched_for.read_text() == POM.read_text():
        if not is_verified(installed):
            verify(installed)
        _put_launcher(installed)
        return False
    find_java()
    if not shutil.which("mvn"):
        raise SetupError("no mvn found. Install Maven: apt-get install maven")
    say("Fetching Hadoop 3.5.0 from Maven Central (150 MB the first time) ...")
    installed.parent.mkdir(parents=True, exist_ok=True)
    target = Path(tempfile.mkdtemp(prefix="hadoop-", dir=installed.parent))
    try:
        _run_maven(target)
        verify(target, fetched_from="~/.m2/repository/org/apache/hadoop")
        _put_launcher(target)
        shutil.copy(POM, target / POM.name)
        shutil.rmtree(installed, ignore_errors=True)
        target.rename(installed)
    finally:
        shutil.rmtree(target, ignore_errors=True)
    return True


def checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each jar by its path below a folder: {"jars/hadoop-common-3.5.0.jar": "9f86..."}."""
    jars = sorted(folder.glob("*/*.jar"))
    return {str(jar.relative_to(folder)): hashlib.sha256(jar.read_bytes()).hexdigest() for jar in jars}


def verify(folder: Path, fetched_from: str | None = None) -> None:
    """Compare a folder's jars with those that are pinned, and keep the list beside them.

    fetched_from: what to delete so that wrong ones are fetched anew, the folder itself if None. Raises SetupError,
    which names the jars that differ.
    """
    there = checksums(folder)
    pinned = {name: digest for digest, name in (line.split() for line in PINNED.read_text().splitlines())}
    wrong = [name for name in {**there, **pinned} if there.get(name) != pinned.get(name)]  # those that came first
    if wrong:
        told = [f"  {name}: {there.get(name, 'missing')}, expected {pinned.get(name, 'no such jar')}" for name in wrong]
        raise SetupError(
            f"{len(wrong)} jars are not those of {PINNED}; none is used:\n" + "\n".join(told[:NAMED]) + "\n"
            f"Delete {fetched_from or folder} and fetch them again; where they differ again, the network or the "
            "repository gives you other files than ours."
        )
    shutil.copy(PINNED, folder / PINNED.name)


def is_verified(folder: Path) -> bool:
    """Return whether a folder's jars were compared with the list that is pinned now."""
    done = folder / PINNED.name
    return done.exists() and done.read_bytes() == PINNED.read_bytes()


def _run_maven(target: Path) -> None:
    """Let Maven put the jars of pom.xml into a folder.

    Raises SetupError, with Maven's last words, where it fails.
    """
    command = ["mvn", "-B", "-q", "-f", str(POM), f"-Dout={target}", "package"]
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if ended.returncode:
        raise SetupError(f"Maven could not fetch the jars:\n{ended.stdout[-2000:]}")


def _put_launcher(folder: Path) -> None:
    """Put bin/hadoop in its place, by rename: another cluster's client may be reading it."""
    place = folder / "bin" / "hadoop"
    if place.exists() and place.read_bytes() == LAUNCHER.read_bytes():
        return
    place.parent.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=place.parent, delete=False) as beside:
        beside.write(LAUNCHER.read_bytes())
    Path(beside.name).chmod(0o755)
    Path(beside.name).rename(place)
