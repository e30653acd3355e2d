"""Files of settings: TOML that is read, and TOML that is written with the meaning of each setting."""

import dataclasses
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mrdl.errors import ConfigError, brief


def read_toml(local_path: str | Path) -> dict[str, Any]:
    """The content of a TOML file.

    local_path: of a file in UTF-8, with or without a byte order mark. Raises ConfigError that names the file where it
    cannot be read, is no TOML, or is nested too deep.
    """
    shown = brief(str(local_path)) if len(str(local_path)) > 200 else local_path
    try:
        return tomllib.loads(Path(local_path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{shown} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{shown} is not TOML: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{shown} holds no settings: it is nested too deep") from error


def toml_of(settings: Any) -> str:
    """The text of a TOML file with all settings, each below its help.

    settings: a dataclass whose fields are made by `setting`. What is left out stands there as "", which is read as
    that.
    """
    lines = []
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        lines += [f"# {field.metadata['help']}", f"{field.name} = {as_toml(value)}"]
    return "\n".join(lines) + "\n"


def as_toml(value: Any) -> str:
    """A value of a setting as a TOML file has it; None, what is left out, as "".

    as_toml({"min": 8, "max": 64}) == "{ min = 8, max = 64 }"
    """
    if value is None:
        return '""'
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{key} = {as_toml(each)}' for key, each in value.items())} }}"
    text = json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
    return text.replace("\x7f", "\\u007f")  # which TOML has no more than other marks of control
