"""Messages about experiments, sent by a real mail server."""

import json
import os
import socket
import sys

import pytest
from mail_server import plain

from mrdl.experiments.history import History
from mrdl.experiments.notify import notifier, post
from mrdl.experiments.notify.notifier import Notifier
from mrdl.experiments.notify.outbox import Outbox

CRASH = """loss: 0.5
Traceback (most recent call last):
  File "lang.py", line 3, in <module>
    train()
ValueError: <b>boom</b>
"""


@pytest.fixture(autouse=True)
def own_settings(tmp_path, monkeypatch):
    """No test reads the settings of whoever runs it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("MRDL_SMTP_PASSWORD", "MRDL_APPRISE_URLS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def root(tmp_path):
    """A folder of experiments with one, 7, that has crashed."""
    folder = tmp_path / "experiments" / "7"
    folder.mkdir(parents=True)
    history = History(folder / "history.jsonl")
    for step in range(1, 40):
        history.add({"step": step, "loss": 2 / step, "acc": 1 - 1 / step})
    history.monitor({"memory_mb": 812.0})
    history.close()
    (folder / "log").write_text("x\n" * 100 + CRASH)
    started = {"at": "2026-11-28T08:00:00.000Z", "what": "state", "state": "running"}
    (folder / "events.jsonl").write_text(json.dumps(started) + "\n")
    return folder.parent


def failed(root, **other):
    """The event of experiment 7's crash."""
    return {
        "what": "failed",
        "id": "7",
        "name": "lang",
        "folder": str(root / "7"),
        "argv": ["python", "lang.py", "--lr", "0.1 0.2"],
        "why": "exit status 1",
        "exit": 1,
        "at": "2026-11-28T09:30:00.000Z",
        **other,
    }


def test_a_crash_report_has_the_traceback_the_log_the_variables_and_a_picture(root, mail_server):
    server = mail_server()
    tells = Notifier({"to": "me@example.org", "smtp": f"127.0.0.1:{server.port}", "tail": 8}, root)
    assert tells.send(failed(root)) and tells.wait(60) == 0
    [mail] = server.mails
    assert mail["Subject"] == "[mrdl] lang failed: exit status 1" and mail["To"] == "me@example.org"
    text = plain(mail)
    for words in (
        "lang (7) failed.",
        "command   python lang.py --lr '0.1 0.2'",
        "took      1 h 30 min",
        "loss  2 -> 0.0512821",
        "memory at most 812 MB",
        "loss  █",
        "Traceback\n  Traceback (most recent call last):",
        "  ValueError: <b>boom</b>\n",
    ):
        assert words in text
    assert text.count("  x\n") == 3  # the log's last eight lines
    page = mail.get_body(("html",)).get_content()
    assert "&lt;b&gt;boom&lt;/b&gt;" in page and "<b>boom" not in page and "cid:curve" in page
    picture = next(part for part in mail.walk() if part.get_content_type() == "image/png")
    assert picture.get_content().startswith(b"\x89PNG") and picture["Content-ID"] == "<curve>"


def test_encryption_and_login_with_a_password_that_stands_in_no_folder_and_no_command(
    root, mail_server, tmp_path, monkeypatch
):
    server = mail_server(folder=tmp_path, password="s3cret-word")
    settings = {
        "picture": False,
        "to": ["me@example.org", "you@example.org"],
        "from": "lab@example.org",
        "smtp": f"localhost:{server.port}",
        "tls": "starttls",
        "user": "me",
        "ca_file": str(tmp_path / "cert.pem"),
    }
    monkeypatch.setenv("MRDL_SMTP_PASSWORD", "s3cret-word")
    tells = Notifier(settings, root)
    tells.send(failed(root))
    assert all("s3cret" not in word for process in tells._posts for word in process.args)
    assert tells.wait(60) == 0, tells.outbox.words()
    assert server.mails[0]["From"] == "lab@example.org" and server.mails[0]["To"] == "me@example.org, you@example.org"
    monkeypatch.delenv("MRDL_SMTP_PASSWORD")
    secret = tmp_path / "password"
    secret.write_text("s3cret-word\n")
    secret.chmod(0o600)
    tells = Notifier({**settings, "password_file": str(secret)}, root)
    tells.send(failed(root))
    assert tells.wait(60) == 0 and len(server.mails) == 2
    kept = [path.read_bytes() for path in root.rglob("*") if path.is_file()]
    assert kept and not any(b"s3cret" in data for data in kept)


def test_a_wrong_password_and_a_foreign_certificate_are_told_and_the_message_waits(
    root, mail_server, tmp_path, monkeypatch
):
    server = mail_server(folder=tmp_path, password="right")
    settings = {
        "picture": False,
        "to": "me@example.org",
        "smtp": f"localhost:{server.port}",
        "tls": "starttls",
        "user": "me",
    }
    monkeypatch.setenv("MRDL_SMTP_PASSWORD", "wrong")
    outbox = Outbox(root)
    tells = Notifier(settings, root)
    tells.send(failed(root))
    assert tells.wait(60) == 1
    assert "1 message not sent yet" in outbox.words() and "certificate" in outbox.words()
    for item in outbox.waiting():
        item.unlink()
    tells = Notifier({**settings, "ca_file": str(tmp_path / "cert.pem")}, root)
    tells.send(failed(root))
    assert tells.wait(60) == 1 and "does not take the user me with this password: 535" in outbox.words()
    monkeypatch.setenv("MRDL_SMTP_PASSWORD", "right")
    assert post.post(root) == 0 and len(server.mails) == 1 and outbox.words() == ""


def test_a_server_that_is_down_harms_nothing_and_gets_the_mail_when_it_is_back(root, mail_server):
    first = mail_server()
    first.stop()
    tells = Notifier({"picture": False, "to": "me@example.org", "smtp": f"127.0.0.1:{first.port}"}, root)
    for attempt in (1, 2):
        assert tells.send(failed(root, attempt=attempt))
    assert tells.wait(60) == 2
    assert tells.outbox.words().startswith("2 messages not sent yet: ") and "Connection refused" in tells.outbox.words()
    assert not tells.flush()  # it was tried just now
    os.utime(root / "outbox" / "trouble", (0, 0))
    server = mail_server(port=first.port)
    assert tells.flush() and tells.wait(60) == 0
    assert [mail["Subject"] for mail in server.mails] == ["[mrdl] lang failed: exit status 1"] * 2
    assert len({mail["Message-ID"] for mail in server.mails}) == 2 and tells.outbox.words() == ""
    assert len((root / "outbox" / "sent.jsonl").read_text().splitlines()) == 2


def test_many_that_waited_come_as_one(root, mail_server):
    server = mail_server()
    settings = Notifier({"picture": False, "to": "me@example.org", "smtp": f"127.0.0.1:{server.port}"}, root).settings
    for number in range(50):
        Outbox(root).put(failed(root, id=str(number)), settings.to_json())
    assert post.post(root) == 0
    [mail] = server.mails
    assert mail["Subject"].startswith("[mrdl] 50 messages, the last: ")
    assert plain(mail).count("lang failed: exit status 1\n") == 50


def test_more_than_twenty_in_an_hour_wait(root, mail_server, monkeypatch):
    server = mail_server()
    settings = Notifier({"to": "me@example.org", "smtp": f"127.0.0.1:{server.port}", "picture": False}, root).settings
    for number in range(26):
        Outbox(root).put(failed(root, id=str(number)), settings.to_json())
        post.post(root)
    assert len(server.mails) == 21  # twenty, and one of the six that had to wait
    assert server.mails[-1]["Subject"].startswith("[mrdl] 6 messages, the last: ")


def test_a_mail_that_a_server_will_never_take_is_put_aside_and_told(root, mail_server):
    server = mail_server(refuse="550 no such person")
    tells = Notifier({"picture": False, "to": "me@example.org", "smtp": f"127.0.0.1:{server.port}"}, root)
    tells.send(failed(root))
    assert tells.wait(60) == 0
    assert "1 refused for good, the last: " in tells.outbox.words() and "550 no such person" in tells.outbox.words()
    busy = mail_server(refuse="451 come later")
    tells = Notifier({"picture": False, "to": "me@example.org", "smtp": f"127.0.0.1:{busy.port}"}, root)
    tells.send(failed(root))
    assert tells.wait(60) == 1 and "451 come later" in tells.outbox.words()


def test_a_sweep_of_ten_thousand_sends_three_mails(root, mail_server):
    server = mail_server()
    tells = Notifier(
        {
            "picture": False,
            "to": "me@example.org",
            "smtp": f"127.0.0.1:{server.port}",
            "on": list(notifier.ONCE) + ["finished"],
        },
        root,
    )
    for number in range(10_000):
        what = ("finished", "failed", "condition", "lost", "warning")[number % 5]
        tells.send({"what": what, "id": str(number), "group": "0003", "size": 10_000})
    digest = {"what": "digest", "group": "0003", "size": 10_000, "counts": {"finished": 9_000, "failed": 1_000}}
    tells.send({**digest, "failed": ["1", "6"], "best": [["5", "lr=0.1", 0.93]]})
    tells.send(digest)
    assert tells.wait(60) == 0
    assert len(server.mails) == 3
    text = plain(server.mails[-1])
    assert "10000 experiments have ended." in text and "9000 finished" in text and "998 more" in text
    assert "5  lr=0.1  0.93" in text


def test_only_what_is_wanted_is_told(root, mail_server):
    server = mail_server()
    tells = Notifier(
        {"picture": False, "to": "me@example.org", "smtp": f"127.0.0.1:{server.port}", "on": "finished"}, root
    )
    assert not tells.send(failed(root)) and tells.send(failed(root, what="finished", why=""))
    assert tells.wait(60) == 0
    assert [mail["Subject"] for mail in server.mails] == ["[mrdl] lang has finished"]
    assert not Notifier(None, root).send(failed(root))  # nobody is named


def test_own_templates_are_used(root, mail_server, tmp_path):
    server = mail_server()
    (tmp_path / "mail.txt").write_text("Subject: $name: $why, $$5\n\nIt ran $command\n$curve\n$report")
    (tmp_path / "mail.html").write_text("<p>$traceback</p>$curve$report")
    settings = {"picture": False, "to": "me@example.org", "smtp": f"127.0.0.1:{server.port}", "template": "mail.txt"}
    table = notifier.read_settings({**settings, "template_html": "mail.html"}, tmp_path)
    tells = Notifier(table, root)
    tells.send(failed(root, why="line\nof two\r\nBcc: x@example.org"))
    assert tells.wait(60) == 0
    [mail] = server.mails
    assert mail["Subject"] == "lang: line of two Bcc: x@example.org, $5" and mail["Bcc"] is None
    assert plain(mail).startswith("It ran python lang.py")
    assert mail.get_body(("html",)).get_content().startswith("<p>Traceback (most")
    assert "&lt;b&gt;boom" in mail.get_body(("html",)).get_content()


def test_a_folder_that_is_gone_and_a_disk_that_is_full_harm_nothing(root, mail_server):
    server = mail_server()
    settings = {"picture": False, "to": "me@example.org", "smtp": f"127.0.0.1:{server.port}"}
    tells = Notifier(settings, root)
    tells.send(failed(root, folder=str(root / "gone")))
    assert tells.wait(60) == 0 and "lang (7) failed." in plain(server.mails[0])
    assert not Notifier(settings, "/proc/none").send(failed(root))


def test_messages_go_elsewhere_by_apprise_and_no_url_is_kept(root, tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        monkeypatch.setenv("MRDL_APPRISE_URLS", f"json://127.0.0.1:{port}/t0ken")
        tells = Notifier({"on": "failed"}, root)
        assert tells.send(failed(root))
        connection, _ = listening.accept()
        with connection:
            told = b""
            while b"boom" not in told:
                told += connection.recv(1 << 16)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        assert tells.wait(60) == 0, tells.outbox.words()
    assert b"POST /t0ken" in told and b"[mrdl] lang failed: exit status 1" in told
    assert not any(b"t0ken" in path.read_bytes() for path in root.rglob("*") if path.is_file())


def test_a_mail_that_went_is_not_sent_again_for_a_webhook_that_did_not(root, mail_server, monkeypatch):
    server = mail_server()
    monkeypatch.setenv("MRDL_APPRISE_URLS", "nonsense://t0ken")
    tells = Notifier({"picture": False, "to": "me@example.org", "smtp": f"127.0.0.1:{server.port}"}, root)
    tells.send(failed(root))
    assert tells.wait(60) == 1 and len(server.mails) == 1
    assert "URL 1 (nonsense://...) is none that apprise knows" in tells.outbox.words()
    monkeypatch.delenv("MRDL_APPRISE_URLS")
    assert post.post(root) == 0 and len(server.mails) == 1


def test_nothing_heavy_is_loaded_to_tell_of_an_event():
    import subprocess

    program = "import sys, mrdl.experiments.notify.notifier; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert not {"torch", "numpy", "pandas", "matplotlib", "apprise", "smtplib", "ssl"} & set(told)
