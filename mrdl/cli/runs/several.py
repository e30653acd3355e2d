"""Do something to each of several runs, whatever becomes of the others."""

from collections.abc import Callable, Sequence

from mrdl.errors import ConfigError, MrdlError


def each(names: Sequence[str], act: Callable[[str], None]) -> None:
    """Act on each name; what goes wrong is raised at the end, as one ConfigError for all of them."""
    wrong: list[MrdlError] = []
    for name in dict.fromkeys(names):
        try:
            act(name)
        except MrdlError as error:
            wrong.append(error)
    if len(wrong) == 1:
        raise wrong[0]
    if wrong:
        raise ConfigError("\n".join(map(str, wrong)))
