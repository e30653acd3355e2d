"""Settings of notifications: a `[notify]` table, which holds no secret, and where the secrets are."""

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from string import Template
from typing import Any

from mrdl.errors import ConfigError, brief

KINDS = ("started", "finished", "failed", "stopped", "lost", "condition", "warning", "digest")
TLS = ("starttls", "tls", "none")
LOCAL = ("localhost", "127.0.0.1", "::1")
SECRET = {"password": "password_file", "urls": "urls_file", "apprise": "urls_file"}  # and where it belongs
# what a template may name
PARTS = (
    *("report", "what", "sentence", "id", "name", "why", "command", "folder", "host", "started", "took", "exit"),
    *("variables", "curve", "traceback", "tail", "group", "size", "condition", "at"),
)


@dataclass(frozen=True)
class Settings:
    """Whom to tell, of what, and how.

    to: addresses; sender: the mails' From; smtp: "host:port"; tls: one of TLS, by the port where it is not said; user:
    where the server wants a login; password_env, password_file: where its password is; ca_file: a certificate
    authority of one's own; on: of KINDS; template, template_html: files of one's own texts; picture: whether a curve is
    drawn; tail: lines of the log; urls_env, urls_file: where the URLs of apprise are, which hold secrets.
    """

    to: tuple[str, ...] = ()
    sender: str = ""
    smtp: str = "localhost:25"
    tls: str = ""
    user: str = ""
    password_env: str = "MRDL_SMTP_PASSWORD"
    password_file: str = ""
    ca_file: str = ""
    on: tuple[str, ...] = ("finished", "failed", "lost", "condition", "warning", "digest")
    template: str = ""
    template_html: str = ""
    picture: bool = True
    tail: int = 50
    urls_env: str = "MRDL_APPRISE_URLS"
    urls_file: str = ""

    @property
    def host(self) -> str:
        """The mail server: smtp without its port."""
        return _host_and_port(self.smtp)[0]

    @property
    def port(self) -> int:
        """Its port; 587 where it is not said, 25 on this machine."""
        return _host_and_port(self.smtp)[1]

    @property
    def encryption(self) -> str:
        """One of TLS: as said, else tls on port 465, none on this machine, starttls elsewhere."""
        by_host = "none" if self.host in LOCAL else "starttls"
        return self.tls or ("tls" if self.port == 465 else by_host)

    @property
    def tells(self) -> bool:
        """Whether anybody is told."""
        return bool(self.to or self.urls_file or os.environ.get(self.urls_env))

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON keeps them."""
        return asdict(self)

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> "Settings":
        """The settings that to_json gave; names that this version does not know are passed over."""
        known = {field.name for field in fields(cls)}
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in table.items() if k in known}
        return cls(**values)


def user_file() -> Path:
    """The file of a user's own settings, for all experiments: mrdl/notify.toml in $XDG_CONFIG_HOME or ~/.config."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "mrdl" / "notify.toml"


def read_settings(table: Mapping[str, Any] | None = None, folder: Path | str = ".") -> Settings:
    """Return the settings of an experiment: those of the user's file, and over them the experiment's own.

    table: the `[notify]` of an experiment's file, or None; folder: what relative paths in it start from. Raises
    ConfigError for a name, a value, a template or a file that cannot be used, and for a secret in a table.

    read_settings({"to": "me@example.org", "smtp": "smtp.example.org:587", "user": "me"})
    """
    found = Settings()
    path = user_file()
    if path.exists():
        try:
            own = tomllib.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path} cannot be read: {error}") from None
        found = _with(found, own.get("notify", own), path.parent, str(path))
    found = _with(found, table or {}, Path(folder), "[notify]")
    _check(found)
    return found


def _with(settings: Settings, table: Mapping[str, Any], folder: Path, where: str) -> Settings:
    """Settings with those of a table over them.

    table: by name, `from` being the sender; where: whose table it is, for messages; folder: what relative paths of
    files start from. Raises ConfigError for a name that is none, a value of another kind, and a secret, with where it
    belongs.
    """
    values: dict[str, Any] = {}
    kinds = {field.name: type(getattr(Settings(), field.name)) for field in fields(Settings)}
    for key, value in table.items():
        if key in SECRET:
            raise ConfigError(
                f"{where}: {key} is a secret, which this table would put into folders of experiments. Write it into a "
                f"file of mode 600 and name that: {SECRET[key]} = ...; or set the variable of {SECRET[key][:-4]}env"
            )
        name = "sender" if key == "from" else key
        if name not in kinds:
            raise ConfigError(f"{where}: expected {', '.join(sorted(kinds))}, got {brief(key)}")
        if kinds[name] is tuple:
            value = tuple([value] if isinstance(value, str) else value) if isinstance(value, (str, list, tuple)) else 0
        if not isinstance(value, kinds[name]) or (kinds[name] is int and isinstance(value, bool)):
            raise ConfigError(f"{where}: expected {_KIND[kinds[name]]} for {key}, got {brief(str(table[key]))}")
        if value and name in ("password_file", "ca_file", "template", "template_html", "urls_file"):
            value = str((folder / Path(value).expanduser()).absolute())
        values[name] = value
    return replace(settings, **values)


_KIND = {str: "text", bool: "true or false", int: "a whole number", tuple: "a list of texts"}


def _check(settings: Settings) -> None:
    """Raise ConfigError for settings that no message can be sent with."""
    _choice("on", settings.on, KINDS)
    _choice("tls", [settings.tls] if settings.tls else [], TLS)
    for address in settings.to:
        if not isinstance(address, str) or "@" not in address or any(char in address for char in " ,;\r\n"):
            raise ConfigError(f"to: expected an address, as me@example.org, got {brief(str(address))}")
    _host_and_port(settings.smtp)
    if settings.user and settings.encryption == "none" and settings.host not in LOCAL:
        raise ConfigError(f'tls = "none" would send the password in clear to {settings.host}: use "starttls" or "tls"')
    for name in (settings.template, settings.template_html):
        if name:
            template(name)
    for name in (settings.password_file, settings.urls_file):
        if name:
            secret_file(name)


def _choice(name: str, values: Any, choices: tuple[str, ...]) -> None:
    for value in values:
        if value not in choices:
            raise ConfigError(f"{name}: expected {', '.join(choices)}, got {brief(str(value))}")


def _host_and_port(text: str) -> tuple[str, int]:
    """The two parts of "host:port", "host" or "[::1]:25"."""
    host, _, port = text.rpartition(":")
    if not host or text.endswith("]"):
        host, port = text, ""
    host = host.strip("[]")
    if not host or (port and not port.isdecimal()) or (port and not 0 < int(port) < 65536):
        raise ConfigError(f"smtp: expected a server and its port, as smtp.example.org:587, got {brief(text)}")
    return host, int(port) if port else (25 if host in LOCAL else 587)


def template(path: str) -> Template:
    """Return a user's template. Raises ConfigError where it cannot be read or names what there is not.

    path: of a text in which $name or ${name}, of PARTS, stands for a part, and $$ for a sign of money:
    Subject: $name $sentence
    """
    try:
        found = Template(Path(path).read_text())
        names = found.get_identifiers() if found.is_valid() else None
    except (OSError, ValueError) as error:
        raise ConfigError(f"the template {path} cannot be read: {error}") from None
    if names is None:
        raise ConfigError(f"the template {path} has a $ that starts no name: a sign of money is $$")
    wrong = [name for name in names if name not in PARTS]
    if wrong:
        known = ", ".join(f"${part}" for part in PARTS)
        raise ConfigError(f"the template {path} names ${wrong[0]}, which is none of {known}. A sign of money is $$")
    return found


def secret_file(path: str) -> str:
    """Return what a file with a secret holds. Raises ConfigError where others may read it, or it cannot be read.

    Line ends around the secret are no part of it, blanks are. The message has the way out: chmod 600 and the path.
    """
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)
        text = Path(path).read_text()
    except (OSError, ValueError) as error:
        raise ConfigError(f"the secret in {path} cannot be read: {getattr(error, 'strerror', error)}") from None
    if mode & 0o077:
        raise ConfigError(f"the secret in {path} can be read by others (mode {mode:o}): chmod 600 {path}")
    return text.strip("\r\n")
