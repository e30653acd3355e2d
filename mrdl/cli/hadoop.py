"""`mrdl hadoop`, also scripts/hadoop: a real Hadoop on this machine. Standard library only: any Python runs it."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

from mrdl.errors import SetupError

ABOUT = """A real HDFS + YARN + history server on this one machine, for trying mrdl out and for its tests.

  {door} start            start it (installs it first, from Maven Central), about 10 s
  eval "$({door} env)"    let this shell's hadoop, mrjob and mrdl use it
  {door} status           what runs, and the addresses of the web pages
  {door} stop             stop it; the data in HDFS stays for the next start
  {door} install          only fetch the jars (100 MB), and make the archive of their classes
  {door} checksums        the SHA-256 of the jars that are installed, as jars.sha256 has them

Needs Java 17 to 23 and Maven. The cluster's files lie in $MRDL_HADOOP_DIR; where that is not set, in .hadoop/ of a
clone of mrdl's repository, or in ~/.cache/mrdl/hadoop of an installed mrdl: `status` says where. Delete that folder
to start afresh. It listens on 127.0.0.1 only, but for the shuffle port, which Hadoop opens on every interface.
No dependency but Python's own library.

Hadoop without Kerberos believes every user's name: whoever can log in to this machine can read and
change all that lies in its HDFS, and run programs as you by sending YARN a job in your name. Start it
only where you trust all of them, and stop it when you are done.

Jars are taken only if their SHA-256 is that of mrdl/cluster/mini/hadoop/jars.sha256. After a change of pom.xml, look
at what came, then: {door} checksums > mrdl/cluster/mini/hadoop/jars.sha256
"""
NOT_READY = 3  # the exit status of `status`


def hadoop_command(options: argparse.Namespace) -> int:
    """Run a verb of `mrdl hadoop` on this user's cluster; returns the exit status.

    options: verb, one of VERBS, and door. Raises SetupError, which says what stands in the way and the way out.
    """
    from mrdl.cluster.mini.cluster import MiniCluster
    from mrdl.cluster.mini.folders import Folders

    return VERBS[options.verb](MiniCluster(Folders.of_user()), options.door) or 0


def define(parser: argparse.ArgumentParser, door: str = "mrdl hadoop") -> None:
    """Say what `mrdl hadoop` can be told.

    door: how the user calls it, for its help and messages.
    """
    parser.description = ABOUT.format(door=door)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("verb", choices=VERBS)
    parser.set_defaults(command=hadoop_command, door=door)


def main(words: Sequence[str] | None = None, door: str = "scripts/hadoop") -> int:
    """Run scripts/hadoop; returns the exit status.

    words: of the command line, this process's own if None; door: how the user calls it.

    main(["status"]) == NOT_READY
    """
    parser = argparse.ArgumentParser(prog=door)
    define(parser, door)
    try:
        return hadoop_command(parser.parse_args(words))
    except SetupError as error:
        say(f"{door}: {error}")
        return 1


def say(text: str) -> None:
    """Tell people on standard error; standard output is the shell's, which takes `env` from it."""
    print(text, file=sys.stderr, flush=True)


# --- verbs: each takes the cluster and how the user calls this command ---


def _install(cluster: Any, door: str) -> None:
    """Fetch what the cluster needs."""
    from mrdl.cluster.mini.install import install

    install(cluster.folders, say)


def _start(cluster: Any, door: str) -> None:
    """Install what is missing, start the cluster, and say how to use it."""
    _install(cluster, door)
    took_s = cluster.start()
    told = "already running" if took_s is None else f"Hadoop is ready after {took_s:.1f} s"
    say(f'{told}. In this shell: eval "$({door} env)"')


def _stop(cluster: Any, door: str) -> None:
    """Stop the cluster and say where its data stays."""
    say(f"stopped; the data stays in {cluster.folders.base}" if cluster.stop() else "was not running")


def _status(cluster: Any, door: str) -> int:
    """Print the daemons, addresses and folder of the cluster; returns NOT_READY where it cannot be used."""
    found = cluster.status()
    if found is None:
        print(f"no cluster yet: {door} start; its files will lie in {cluster.folders.base}")
        return NOT_READY
    for name, pid in found.pids.items():
        print(f"{name:16} {f'running, process {pid}' if pid else 'not running'}")
    for service, address in {**found.addresses, "files": found.folder}.items():
        print(f"{service:10} {address}")
    print("ready" if found.ready else "not ready")
    return 0 if found.ready else NOT_READY


def _env(cluster: Any, door: str) -> None:
    """Print the variables of the cluster as a shell's export lines."""
    values = cluster.environment()
    values["PATH"] = f"{cluster.folders.installed}/bin:$PATH"
    for name, value in values.items():
        print(f'export {name}="{value}"')


def _checksums(cluster: Any, door: str) -> None:
    """Print the sums of the jars as jars.sha256 has them."""
    from mrdl.cluster.mini.jars import checksums

    if not cluster.folders.jars.exists():
        raise SetupError(f"no jars are installed yet: {door} install")
    for name, digest in checksums(cluster.folders.installed).items():
        print(f"{digest}  {name}")


VERBS: dict[str, Callable[[Any, str], int | None]] = {
    "install": _install,
    "start": _start,
    "stop": _stop,
    "status": _status,
    "env": _env,
    "checksums": _checksums,
}
