"""`mrdl web`: the pages, on this machine."""

import argparse
import contextlib
import ipaddress
import os
import secrets
import socket
import sys
from pathlib import Path

from mrdl.cli.screen import say
from mrdl.errors import ConfigError, SetupError, not_installed
from mrdl.mapreduce.runners import RUNNERS

PORT = 8713
TRIES = 20  # ports from the usual one on, where none was asked for
GOES_S = 2  # that an answer under way may take after Ctrl-C
GIGABYTE = 1 << 30
HERE = ("127.0.0.1", "localhost", "::1")  # names of this machine for itself
EVERYWHERE = ("0.0.0.0", "::")  # addresses that mean all of this machine's


def define(parser: argparse.ArgumentParser) -> None:
    """Say what `mrdl web` can be told."""
    parser.description = (
        "Serve the pages on which tables are uploaded, networks trained, watched and read. Trainings are processes of "
        "their own: they go on when this one ends, and it finds them again."
    )
    parser.add_argument(
        "--folder",
        default=".",
        metavar="DIR",
        help="where runs/, sweeps/ and tables/ lie (default: this folder); hdfs://...: tables go there, the rest here",
    )
    parser.add_argument(
        "-r", "--runner", default="local", choices=tuple(RUNNERS), help="where tasks run (default: a process a core)"
    )
    parser.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="DIR",
        help="a folder, local or hdfs://, whose tables may be named, too; may be given several times",
    )
    parser.add_argument("--limit-gb", type=float, default=1024.0, metavar="X", help="size of an upload (default: 1024)")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="the address to listen at (default: 127.0.0.1, which other machines cannot reach). With another one "
        "everybody who has the token may train, read the tables and delete: there is no encryption, so put it behind a "
        "server that has",
    )
    parser.add_argument("--port", type=int, default=None, metavar="N", help=f"default: {PORT}, or the next free one")
    parser.set_defaults(command=web)


def web(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM; prints one address, with the token that it needs.

    The token is kept in FOLDER/sessions/token, so that an address stays good when the server starts again; MRDL_TOKEN
    is taken in its place. Raises SetupError where the port or the folder cannot be used, or mrdl[web] is missing.
    """
    try:
        import uvicorn

        from mrdl.web.app import create_app
        from mrdl.web.guard import Guard, hosts_of
        from mrdl.web.watching.watchers import end_watching
    except ImportError:
        raise not_installed("the pages need", "fastapi", "web") from None
    from mrdl.web.home import Home

    _is_loopback(options.host)  # raises for what is no address
    in_hdfs = "://" in options.folder
    folder = Path("." if in_hdfs else options.folder).absolute()
    token = os.environ.get("MRDL_TOKEN") or _token(folder)
    tables = options.folder.rstrip("/") if in_hdfs else str(folder / "tables")
    home = Home(folder, tables, options.runner, (tables, *options.data), int(options.limit_gb * GIGABYTE))
    app = create_app(home)
    listening = _listen(options.host, options.port)
    port = listening.getsockname()[1]
    guarded = Guard(app, token, hosts_of(_names(options.host), port), f"mrdl-{port}")

    class Server(uvicorn.Server):
        """Lets the pages that listen go as it ends, which would else be waited for."""

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            """See uvicorn."""
            end_watching(app)
            await super().shutdown(sockets)

    server = Server(
        uvicorn.Config(guarded, log_level="warning", access_log=False, timeout_graceful_shutdown=GOES_S, lifespan="on")
    )
    _tell(options.host, port, token)
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn hands on the signal that ended it
        server.run([listening])
    say("stopped; what is being trained goes on", file=sys.stderr)
    return 0


def _names(host: str) -> set[str]:
    """The names by which a browser may ask for the address that is listened at."""
    if host in EVERYWHERE:
        return {host, *HERE, socket.gethostname(), socket.getfqdn()}
    return {host, *(HERE if _is_loopback(host) else ())}


def _tell(host: str, port: int, token: str) -> None:
    """Print the address with its token, and what it means that others can reach it."""
    shown = HERE[0] if host in EVERYWHERE else host
    say(f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/?token={token}")
    if not _is_loopback(host):
        say(
            f"it listens at {host}: whoever has this address may train, read tables and delete, and what is sent is "
            "not encrypted",
            file=sys.stderr,
        )
    sys.stdout.flush()


def _token(folder: Path) -> str:
    """The token of a folder's pages, made once; only its owner can read it."""
    place = folder / "sessions" / "token"
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if place.exists() and (found := place.read_text().strip()):
            return found
        token = secrets.token_urlsafe(32)
        with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(token)
        return token
    except OSError as error:
        raise SetupError(f"{place} cannot be written: {error.strerror}. Use another --folder") from error


def _listen(host: str, port: int | None) -> socket.socket:
    """A socket that listens, so that what is asked before the server is ready waits."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    ports = [port] if port is not None else [*range(PORT, PORT + TRIES)]
    for each in ports:
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, each))
            listening.listen(1024)
            return listening
        except (OSError, OverflowError) as error:
            listening.close()
            why = error
    raise SetupError(f"no server can listen at {host}, port {ports[0]}: {why}. Use another --port or --host")


def _is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError as error:
        raise ConfigError(f"--host {host!r}: expected the number of an address, as 127.0.0.1, or localhost") from error
