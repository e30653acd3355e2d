"""The names of uploads: as their users have them, and as files are called here."""

import re
import secrets
import unicodedata

ID = re.compile(r"[0-9a-f]{12}")
PART = ".part"  # the end of the name of a file that is not whole yet
ENDING = re.compile(r"((?:\.[A-Za-z0-9]{1,8}){1,2})$")  # of which a table's kind is told, as .csv.gz
STEM = 60  # characters of a name before its ending
MOST_OF_A_NAME = 255  # bytes, on Linux


def new_id() -> str:
    """A new upload's name in addresses, and of its folder."""
    return secrets.token_hex(6)


def last_part(name: str) -> str:
    """The name of a file without the folders before it, as a file here may be called; raises ValueError for none.

    last_part("C:\\\\Users\\\\Ann\\\\my data.csv") == "my data.csv"
    """
    last = re.split(r"[/\\]", name)[-1].replace("\0", "").encode("utf-8", "replace").decode()
    while len(last.encode()) > MOST_OF_A_NAME - len(PART):  # the ending tells what it is: it stays
        found = ENDING.search(last)
        ending = found[1] if found else ""
        last = last[: len(last) - len(ending) - 1] + ending
    if last in ("", ".", ".."):
        raise ValueError(f"{name[:100]!r} is no name of a file")
    return last


def cleaned(name: str) -> str:
    """What a file is called here: letters, digits, dots, dashes, and the ending of the user's name.

    cleaned("../größe (1).CSV.gz") == "groe-1.CSV.gz"
    """
    last = last_part(name)
    found = ENDING.search(last)
    ending = found[1] if found else ""
    plain = unicodedata.normalize("NFKD", last[: len(last) - len(ending)]).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("._-")  # one that begins with "_" or a dot is no data
    return (stem[:STEM].rstrip("._-") or "table") + ending
