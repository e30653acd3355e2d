"""Text of others on the terminal: shown, cut where it is long, never obeyed."""

import io
import logging

import pytest

import mrdl
from mrdl.cli.main import main
from mrdl.cli.process import Notes
from mrdl.cli.screen import Screen
from mrdl.errors import SHOWN, brief, printable

RED = "\x1b[31mred\x07"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("größe, 数 and 🙂", "größe, 数 and 🙂"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        (RED, "\\x1b[31mred\\x07"),
        ("\r\x00\x7f\x9b", "\\r\\x00\\x7f\\x9b"),
        ("a\u202eb\u200bc\ufeff", "a\\u202eb\\u200bc\\ufeff"),
        ("\udcff", "\\udcff"),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize("text", ["", "a", "x" * SHOWN, "x" * 3000, RED * 99, "'" * 300, "\\" * 300])
def test_a_quoted_text_is_short_and_closed(text):
    shown = brief(text)
    assert len(shown) <= SHOWN + 4 and shown[0] == shown[-1] and shown[0] in "'\""
    assert (shown == repr(text)) == (len(repr(text)) <= SHOWN + 2)


def test_a_screen_shows_neither_markup_nor_commands():
    out = io.StringIO()
    screen = Screen(file=out, width=80)
    from rich.table import Table

    table = Table()
    table.add_column("[bold]x[/b]")
    table.add_row(f"[/b]{RED}:smile:")
    screen.print(f"[/b]{RED}")
    screen.print(table)
    assert "\x1b" not in out.getvalue() and out.getvalue().count("[/b]\\x1b[31mred\\x07") == 2
    assert ":smile:" in out.getvalue() and "[bold]x[/b]" in out.getvalue()


def test_notes_are_shown_escaped():
    record = logging.LogRecord("mrdl", logging.WARNING, "", 0, "it said %s", (RED,), None)
    assert Notes("note: %(message)s").format(record) == "note: it said \\x1b[31mred\\x07"


def test_labels_and_names_of_data_are_shown_escaped(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{RED if i % 2 else '[/b]'},{i},{i * i % 7}\n" for i in range(40))
    (tmp_path / "data.csv").write_text(f"answer,{RED},b\n{rows}")
    words = ["--shards=1", "--rounds=1", "--epochs=1", "--nodes=2,3,2", "--run-dir=run"]
    assert main(["train", "data.csv", "--json", *words]) == 0
    assert main(["show", "run"]) == 0 and main(["show", "run/model.safetensors"]) == 0
    assert main(["train", "data.csv", "--label", "x"]) == 2
    assert main(["train", "data.csv", "--label", RED, "--ignore", RED]) == 2
    assert main(["train", "data.csv", "--json", "--label", RED, *words[:3], "--run-dir=by_number"]) == 0
    told = capsys.readouterr()
    assert "\x1b" not in told.out + told.err and "\x07" not in told.out + told.err
    assert "\\x1b[31mred" in told.out and "\\x1b[31mred" in told.err


@pytest.mark.parametrize("terminal", [True, False])
def test_predicted_labels_are_data_for_a_file_and_text_for_a_terminal(tmp_path, monkeypatch, capsys, terminal):
    rows = "".join(f"{RED if i % 2 else 'blue'},{i},{i * i % 7}\n" for i in range(40))
    (tmp_path / "data.csv").write_text(rows)
    model = mrdl.train(
        tmp_path / "data.csv", shards=1, rounds=1, epochs=1, nodes=(2, 3, 2), show=False, run_dir=str(tmp_path / "run")
    )
    model.save(tmp_path / "net.out")
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    assert main(["predict", "--proba", str(tmp_path / "net.out"), str(tmp_path / "data.csv")]) == 0
    assert ("\x1b" in capsys.readouterr().out) == (not terminal)
