"""Sending one message: by any SMTP server, and by apprise to whatever it knows."""

import logging
import os
import smtplib
import socket
import ssl
from email.message import EmailMessage
from email.utils import formatdate

from mrdl.errors import ConfigError, MrdlError
from mrdl.experiments.notify.letter import Letter
from mrdl.experiments.notify.settings import Settings, secret_file

WAIT_S = 20.0  # for a server; nobody waits for this but the process that sends


class NotSent(MrdlError):
    """A message was not sent now; it may be later, so it stays in the outbox."""


class Refused(MrdlError):
    """A server will never take this message, so it is put aside, where a person may read it."""


def message(letter: Letter, settings: Settings, ident: str) -> EmailMessage:
    """Return a letter as a mail. ident: the same for the same event, so that a mail that came twice is known as one.

    Its parts are the text, and beside it the page with the picture in it; without a page the picture is attached. From
    is sender, or the user where that is an address, or mrdl at this host.
    """
    mail = EmailMessage()
    host = socket.gethostname()
    mail["Subject"] = letter.subject
    mail["From"] = settings.sender or (settings.user if "@" in settings.user else f"mrdl@{host}")
    mail["To"] = ", ".join(settings.to)
    mail["Date"] = formatdate(localtime=False)
    mail["Message-ID"] = f"<{ident}.mrdl@{host}>"
    mail["Auto-Submitted"] = "auto-generated"  # no answers of people who are on holiday
    mail.set_content(letter.text)
    if letter.html:
        mail.add_alternative(letter.html, subtype="html")
        if letter.picture:
            page = mail.get_payload()[-1]  # type: ignore[index]
            page.add_related(letter.picture, "image", "png", cid="<curve>", filename="curve.png")  # type: ignore
    elif letter.picture:
        mail.add_attachment(letter.picture, "image", "png", filename="curve.png")
    return mail


def send_mail(mail: EmailMessage, settings: Settings) -> None:
    """Send a mail by the server of the settings, and wait WAIT_S seconds at most for each of its answers.

    The password is read now, from its file or the environment, and is kept nowhere. An answer of 500 and above about
    the mail or all of its receivers is for good; what is wrong with the login, the encryption or the way there may be
    mended.

    Raises NotSent where the server or the login does not work now, Refused where it does not take this mail.
    """
    where = f"{settings.host}:{settings.port}"
    password = _password(settings) if settings.user else ""
    try:
        with _connected(settings) as server:
            if settings.user:
                server.login(settings.user, password)
            server.send_message(mail)
    except smtplib.SMTPAuthenticationError as error:
        raise NotSent(f"{where} does not take the user {settings.user} with this password: {_told(error)}") from None
    except smtplib.SMTPRecipientsRefused as error:
        codes = {code for code, _ in error.recipients.values()}
        words = "; ".join(f"{who}: {code} {_text(why)}" for who, (code, why) in error.recipients.items())
        raise (Refused if min(codes) >= 500 else NotSent)(f"{where} does not take the mail for {words}") from None
    except (smtplib.SMTPDataError, smtplib.SMTPSenderRefused) as error:
        kind = Refused if error.smtp_code >= 500 else NotSent
        raise kind(f"{where} does not take the mail: {_told(error)}") from None
    except ssl.SSLError as error:
        raise NotSent(f"{where}: the encryption failed ({error}). tls is {settings.encryption!r}") from None
    except (OSError, smtplib.SMTPException) as error:
        raise NotSent(f"{where} does not answer: {error}") from None


def _connected(settings: Settings) -> smtplib.SMTP:
    """A connection to the server, encrypted as the settings say."""
    context = ssl.create_default_context(cafile=settings.ca_file or None)
    own = socket.gethostname()  # else smtplib asks the name service, which may take long
    if settings.encryption == "tls":
        return smtplib.SMTP_SSL(settings.host, settings.port, own, timeout=WAIT_S, context=context)
    server = smtplib.SMTP(settings.host, settings.port, own, timeout=WAIT_S)
    if settings.encryption == "starttls":
        try:
            server.starttls(context=context)
        except BaseException:
            server.close()
            raise
    return server


def _password(settings: Settings) -> str:
    """The password, from the file or the environment."""
    if settings.password_file:
        try:
            return secret_file(settings.password_file)
        except ConfigError as error:
            raise NotSent(str(error)) from None
    found = os.environ.get(settings.password_env)
    if not found:
        raise NotSent(
            f"no password for {settings.user}: set {settings.password_env} where `mrdl exp` is started, "
            "or name a file of mode 600 as password_file"
        )
    return found


def _told(error: smtplib.SMTPResponseException) -> str:
    """A server's answer."""
    return f"{error.smtp_code} {_text(error.smtp_error)}"


def _text(words: bytes | str) -> str:
    return " ".join((words.decode(errors="replace") if isinstance(words, bytes) else words).split())


def urls(settings: Settings) -> list[str]:
    """Return the URLs of apprise, from their file or the environment, one a line or with blanks between.

    Lines that start with # are left out; [] where nothing is set. Raises NotSent where the file cannot be read, or
    others than its owner may read it.
    """
    if settings.urls_file:
        try:
            text = secret_file(settings.urls_file)
        except ConfigError as error:
            raise NotSent(str(error)) from None
    else:
        text = os.environ.get(settings.urls_env, "")
    return [word for line in text.splitlines() if not line.lstrip().startswith("#") for word in line.split()]


def send_elsewhere(letter: Letter, settings: Settings) -> None:
    """Send a letter to each URL, by apprise. Raises NotSent where a service does not take it or apprise is away.

    URLs hold secrets: an error gives the number of one and its scheme alone. Those before it have had the letter, and
    will have it again.
    """
    places = urls(settings)
    if not places:
        return
    try:
        import apprise
    except ImportError:
        raise NotSent('the URLs need apprise: pip install "mrdl[notify]"') from None
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it would print URLs, secrets among them
    for number, place in enumerate(places, 1):
        service = apprise.Apprise()
        scheme = place.partition("://")[0]
        if not service.add(place):
            raise NotSent(f"URL {number} ({scheme}://...) is none that apprise knows")
        if not service.notify(title=letter.subject, body=letter.text, body_format=apprise.NotifyFormat.TEXT):
            raise NotSent(f"URL {number} ({scheme}://...) did not take the message")
