"""Settings of notifications: what is read, from where, and what is refused. Curves and ends of logs."""

import json
import math

import pytest

from mrdl.errors import ConfigError
from mrdl.experiments.notify.crash import tail, traceback
from mrdl.experiments.notify.curve import MOST_POINTS, picture, series, spark
from mrdl.experiments.notify.settings import Settings, read_settings


@pytest.fixture(autouse=True)
def config(tmp_path, monkeypatch):
    """The folder of a user's settings."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "config" / "mrdl").mkdir(parents=True)
    return tmp_path / "config" / "mrdl"


def test_a_users_file_holds_for_all_and_an_experiments_table_over_it(config):
    assert read_settings() == Settings() and not Settings().tells
    (config / "notify.toml").write_text(
        '[notify]\nto = "me@example.org"\nsmtp = "smtp.example.org"\nca_file = "ca.pem"\n'
    )
    found = read_settings({"on": ["failed"], "from": "lab@example.org"})
    assert (found.to, found.on, found.sender) == (("me@example.org",), ("failed",), "lab@example.org")
    assert (found.host, found.port, found.encryption) == ("smtp.example.org", 587, "starttls")
    assert found.ca_file == str(config / "ca.pem") and found.tells
    assert Settings.from_json(json.loads(json.dumps(found.to_json()))) == found
    (config / "notify.toml").write_text("to = ")
    with pytest.raises(ConfigError, match=r"notify\.toml cannot be read"):
        read_settings()


@pytest.mark.parametrize(
    ("smtp", "parts"),
    {
        "mail.example.org:465": ("mail.example.org", 465, "tls"),
        "localhost": ("localhost", 25, "none"),
        "[::1]:2525": ("::1", 2525, "none"),
        "[::1]": ("::1", 25, "none"),
    }.items(),
)
def test_the_encryption_follows_the_server(smtp, parts):
    found = read_settings({"smtp": smtp})
    assert (found.host, found.port, found.encryption) == parts


WRONG = {
    "password is a secret.*password_file = ...*MRDL|password_env": {"password": "x"},
    "urls is a secret.*urls_file": {"urls": "slack://x"},
    "expected .*smtp.*, got 'smpt'": {"smpt": "x"},
    "expected an address, as me@example.org, got 'me'": {"to": "me"},
    "on: expected started, finished.*got 'ended'": {"on": ["ended"]},
    "tls: expected starttls, tls, none, got 'ssl'": {"tls": "ssl"},
    "smtp: expected a server and its port.*'host:port'": {"smtp": "host:port"},
    "expected a whole number for tail, got 'all'": {"tail": "all"},
    "expected true or false for picture": {"picture": "no"},
    "expected a list of texts for to": {"to": 3},
    "would send the password in clear to smtp.example.org": {
        "smtp": "smtp.example.org",
        "user": "me",
        "tls": "none",
    },
    "the template .* cannot be read": {"template": "gone.txt"},
    "the secret in .* cannot be read": {"password_file": "gone"},
}


@pytest.mark.parametrize("words", WRONG)
def test_settings_that_cannot_be_used_are_refused_with_a_way_out(words, tmp_path):
    with pytest.raises(ConfigError, match=words):
        read_settings(WRONG[words], tmp_path)


def test_templates_and_secrets_are_looked_at_before_anything_runs(tmp_path):
    (tmp_path / "mail.txt").write_text("It costs $5")
    with pytest.raises(ConfigError, match="a sign of money is"):
        read_settings({"template": "mail.txt"}, tmp_path)
    (tmp_path / "mail.txt").write_text("$nmae")
    with pytest.raises(ConfigError, match=r"names \$nmae, which is none of \$report, .*\$name"):
        read_settings({"template": "mail.txt"}, tmp_path)
    secret = tmp_path / "password"
    secret.write_text("x")
    secret.chmod(0o644)
    with pytest.raises(ConfigError, match=r"can be read by others \(mode 644\): chmod 600"):
        read_settings({"password_file": "password"}, tmp_path)
    secret.chmod(0o600)
    assert read_settings({"password_file": "password"}, tmp_path).password_file == str(secret)


def test_the_end_of_a_log_is_what_a_terminal_would_show(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"first\n" + b"x" * 300_000 + b"\n10%\r20%\r\n\x1b[31mred\x1b[0m\x07\n\xff\nlast")
    assert tail(log, 4).split("\n") == ["20%", "red", "\ufffd", "last"]
    assert tail(log, 10_000).startswith("20%")  # what a look at the last bytes finds whole
    assert tail(tmp_path / "gone") == tail(log, 0) == ""
    log.write_text("y" * 2000)
    assert len(tail(log)) == 500 and tail(log).endswith("...")


def test_the_last_traceback_is_found_with_its_error(tmp_path):
    log = tmp_path / "log"
    trace = 'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\n    f()\n{}: no\n'
    log.write_text(trace.format("KeyError") + "\nDuring handling\n\n" + trace.format("ValueError") + "bye\n")
    assert traceback(log) == trace.format("ValueError").rstrip()
    log.write_text("no trouble at all\n")
    assert traceback(log) == ""


def test_curves_are_lines_of_bars():
    assert spark([3, 2, 1, 1]) == "█▅▁▁"
    assert spark([1, 1]) == "▁▁" and spark([]) == "" and spark([0, math.nan, 1]) == "▁!█"
    assert len(spark(range(1000))) == 24 and spark(range(1000)).startswith("▁") and spark(range(1000)).endswith("█")


def test_a_history_of_any_length_is_thinned_and_told_exactly(tmp_path):
    history = tmp_path / "history.jsonl"
    lines = [json.dumps({"at": "x", "step": i, "loss": 50_000 - i}) for i in range(50_000)]
    history.write_text("\n".join([*lines, '{"at": "x", "monitor": {"cpu": 5}}', "[1]", '{"loss": 3']))
    variables, monitored = series(history)
    loss = variables["loss"]
    assert (loss.first, loss.last, loss.least, loss.most, loss.told) == (50_000, 1, 1, 50_000, 50_000)
    assert 300 < len(loss.points) <= MOST_POINTS and loss.points[0] == (0, 50_000) and list(variables) == ["loss"]
    assert monitored["cpu"].last == 5 and series(tmp_path / "gone") == ({}, {})
    assert picture(variables).startswith(b"\x89PNG") and picture({}) is None
