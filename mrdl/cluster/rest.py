"""Asks Hadoop's web interfaces for JSON, or says what came instead and what to do about it.

No answer, a server's error and an empty body are `Unavailable`, which a run waits for; a refusal, a web page and a
circle of redirects are `SetupError`, which waiting does not mend.
"""

import functools
import json
import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from mrdl.errors import SetupError, Unavailable

if TYPE_CHECKING:  # what asks no service has no use for requests, which takes 70 ms to import
    from requests import Response, Session

TIMEOUT_S = 5
FOR_A_WHILE = (408, 425, 429)  # besides a server's errors
LOGIN = (401, 403, 407)
# a ResourceManager that stands by, or an election, is told as text: YARN's own words
STANDBY = re.compile(r"standby RM|no active RM", re.IGNORECASE)
NO_TICKET = "This cluster uses Kerberos: run kinit; klist tells what tickets you have"
SHOWN = 200  # characters of an answer


class Absent(SetupError):
    """A page is not there: 404."""


class Refused(SetupError):
    """This user may not: 401, 403, 407."""


class WebPage(SetupError):
    """HTML came where JSON was expected."""


@dataclass(frozen=True)
class Rest:
    """Asks one kind of service on behalf of a user.

    name: as people know the service, such as YARN; user: as Hadoop knows them; kerberos: whether to show a ticket.

    Rest("YARN", "ann").get("http://manager:8088/ws/v1/cluster/metrics")["clusterMetrics"]
    """

    name: str
    user: str
    kerberos: bool = False

    def get(self, url: str) -> dict[str, Any]:
        """Return the JSON object at an address.

        Raises Absent where there is no such page, Refused where this user may not, WebPage for HTML, Unavailable where
        the service may come back, and SetupError for anything else.
        """
        reply = self._ask("GET", url)
        try:
            found = reply.json()
        except (json.JSONDecodeError, ValueError):
            self._no_json(url, reply)
        if not isinstance(found, dict):
            raise SetupError(f"{self.name} answers {_shown(reply)} at {url}, expected an object. {self._way_out}")
        return found

    def text(self, url: str) -> str:
        """Return a page as it stands, such as a log; raises what `get` raises."""
        return self._ask("GET", url, accept="*/*").text

    def put(self, url: str, body: dict[str, str]) -> None:
        """Send a JSON object to an address; raises what `get` raises."""
        self._ask("PUT", url, body)

    def _ask(
        self, method: str, url: str, body: dict[str, str] | None = None, accept: str = "application/json"
    ) -> "Response":
        """Send a request; returns an answer whose status is no error.

        body: sent as JSON, None without one; accept: the type that is wanted. Raises what `get` raises.
        """
        from requests import RequestException, TooManyRedirects

        who = {"user.name": self.user}
        wanted = {"Accept": accept}  # logs are refused to who wants JSON
        session = _session(self.kerberos)
        try:
            reply = session.request(method, url, params=who, headers=wanted, timeout=TIMEOUT_S, json=body)
        except TooManyRedirects as error:
            raise SetupError(f"{self.name} sends its askers round in a circle at {url}. {self._way_out}") from error
        except RequestException as error:
            raise Unavailable(
                f"{self.name} does not answer at {url}. Is it running? On this machine: mrdl hadoop status."
            ) from error
        if not reply.ok:
            self._refused(url, reply)
        return reply

    def _refused(self, url: str, reply: "Response") -> NoReturn:
        """Raise the error that fits an answer's status."""
        told = f"{self.name} answers {reply.status_code} at {url} (user {self.user}): {_shown(reply)}."
        if reply.status_code == 404:
            raise Absent(f"{told} {self._way_out}")
        if reply.status_code >= 500 or reply.status_code in FOR_A_WHILE:
            raise Unavailable(told)
        if reply.status_code in LOGIN:
            raise Refused(f"{told} {NO_TICKET if self.kerberos else self._login}")
        raise SetupError(f"{told} {self._way_out}")

    def _no_json(self, url: str, reply: "Response") -> NoReturn:
        """Raise the error that fits an answer of status 200 that is no JSON."""
        if not reply.content.strip():
            raise Unavailable(f"{self.name} answers nothing at {url}: an empty page.")
        if STANDBY.search(reply.text):
            raise Unavailable(f"{self.name} has nobody in charge now: {_shown(reply)}.")
        if "html" in reply.headers.get("Content-Type", "") or reply.text.lstrip().startswith("<"):
            raise WebPage(f"{self.name} answers with a web page at {url}, expected JSON: a login. {self._login}")
        raise Unavailable(f"{self.name} answers {_shown(reply)} at {url}, expected JSON.")

    @property
    def _login(self) -> str:
        """The way out where a login is wanted."""
        return (
            "Its web interface wants a login that mrdl has not, or a proxy stands before it: ask who runs the cluster "
            "for an address that takes Hadoop's simple authentication, and mind HTTP_PROXY and NO_PROXY."
        )

    @property
    def _way_out(self) -> str:
        """The way out where the address may be wrong."""
        return "Is that its address? It comes from yarn-site.xml and mapred-site.xml in HADOOP_CONF_DIR."


@functools.lru_cache(maxsize=2)
def _session(kerberos: bool) -> "Session":
    """Return the HTTP session that asks; it keeps Hadoop's cookie, which spares most negotiations of a ticket.

    Raises SetupError where Kerberos's package is missing.
    """
    from requests import Session

    session = Session()
    if kerberos:
        try:
            from requests_kerberos import OPTIONAL, HTTPKerberosAuth
        except ImportError as error:
            raise SetupError("this cluster uses Kerberos: pip install 'hdfs[kerberos]', then kinit") from error
        logging.getLogger("requests_kerberos").setLevel(logging.CRITICAL)  # without a ticket it logs a traceback
        session.auth = HTTPKerberosAuth(mutual_authentication=OPTIONAL)
    return session


def _shown(reply: "Response") -> str:
    """Return the gist of an answer in one line: the reason in Hadoop's JSON, else text without tags, else HTTP's."""
    try:
        told = str(reply.json()["RemoteException"]["message"])
    except (ValueError, KeyError, TypeError):
        page = re.sub(r"(?is)<(style|script|head).*?</\1>|<[^>]*>", " ", reply.text)
        told = " ".join(page.split()) or str(reply.reason)
    return told.splitlines()[0][:SHOWN] if told.strip() else "nothing"
