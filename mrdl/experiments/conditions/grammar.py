r"""The grammar of conditions: text to a small tree, by a tokenizer and recursive descent; nothing is ever evaluated.

    condition   = test ["after" span] action
    test        = "nan" ["of" name] | "no improvement in" span ["of" name] | comparison {"and" comparison}
    comparison  = sum ("<" | "<=" | ">" | ">=" | "==" | "!=") sum
    sum         = product {("+" | "-") product};    product = term {("*" | "/") term}
    term        = ["-"] (number | name | "(" sum ")")
    span        = number unit;    unit = s, m, h, d | epochs | steps
    action      = "stop" | "warn" | "notify"

A name that is a word of the grammar, or has other signs, stands in quotation marks: "val loss" > 2 stop.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from mrdl.errors import ConfigError, printable

ACTIONS = ("stop", "warn", "notify")
OPERATORS = ("<=", ">=", "==", "!=", "<", ">")
LONGEST = 1000  # characters of a condition
DEEPEST = 50  # brackets in brackets
_SECONDS = {"s": 1, "second": 1, "m": 60, "minute": 60, "h": 3600, "hour": 3600, "d": 86400, "day": 86400}
_UNITS = {
    **{word: "s" for word in _SECONDS},
    **{short: "s" for short in ("sec", "min", "hr")},
    **{word: "epoch" for word in ("epoch", "round")},
    **{word: "step" for word in ("step", "iteration", "iter", "update")},
}
_SECONDS.update(sec=1, min=60, hr=3600)
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|(?P<name>[^\W\d][\w.@]*(?:/[^\W\d][\w.@]*)*)"
    r"|(?P<quoted>\"[^\"]+\"|'[^']+'|`[^`]+`)|(?P<sign><=|>=|==|!=|[<>+\-*/()=!]))"
)
_WAY_OUT = 'Some that work: "val_loss > 2 after 30m stop", "nan notify", "no improvement in 5 epochs stop"'


@dataclass(frozen=True)
class Number:
    """A number of the text."""

    value: float


@dataclass(frozen=True)
class Name:
    """A variable that the program tells; capitals do not count."""

    name: str


@dataclass(frozen=True)
class Sum:
    """Two terms and what is done with them: + - * /."""

    sign: str
    left: "Term"
    right: "Term"


Term = Number | Name | Sum


@dataclass(frozen=True)
class Comparison:
    """left OPERATOR right."""

    sign: str
    left: Term
    right: Term


@dataclass(frozen=True)
class Span:
    """How long: amount in seconds ("s"), epochs ("epoch") or steps ("step"); text: as the user wrote it."""

    amount: float
    unit: str
    text: str


@dataclass(frozen=True)
class NotFinite:
    """A variable, or any, is not a number or is infinite."""

    of: str | None


@dataclass(frozen=True)
class NoImprovement:
    """The best value of a variable is older than a span; of None it is the validation loss, or what comes next.

    What is better, a larger or a smaller value, the variable's name says: see watcher.larger_is_better.
    """

    within: Span
    of: str | None


@dataclass(frozen=True)
class Condition:
    """What to look for and what to do then.

    text: as the user wrote it; all_of: one test, or comparisons that must hold at once; after: how long it is not
    looked at first; action: one of ACTIONS.
    """

    text: str
    all_of: tuple[Comparison | NotFinite | NoImprovement, ...]
    after: Span | None
    action: str


@dataclass(frozen=True)
class _Token:
    kind: str  # number, name, quoted, sign or end
    text: str
    place: int


def parse(text: str) -> Condition:
    """Return the condition that a text says.

    Raises ConfigError with the place of the first thing that cannot be read, what was expected there, and examples.

    parse("accuracy < majority + 0.02 after 3 epochs warn").action  # "warn"
    """
    return _Parser(text).condition()


class _Parser:
    """Recursive descent over the tokens of one text: a method for each line of the grammar, which takes its tokens.

    text: of LONGEST characters at most. Raises ConfigError, as `parse` has it.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        if len(text) > LONGEST:
            raise ConfigError(f"a condition has at most {LONGEST} characters, this one has {len(text)}")
        self.tokens = self._tokens()
        self.at = 0
        self.depth = 0

    def _tokens(self) -> list[_Token]:
        """The numbers, names, quoted names and signs of the text, with their places, and an end behind them."""
        tokens, place = [], 0
        end = len(self.text.rstrip())
        while place < end:
            match = _TOKEN.match(self.text, place)
            if match is None or match.lastgroup is None:
                place = len(self.text) - len(self.text[place:].lstrip())
                self._fail("a number, a name or a sign", _Token("sign", self.text[place], place))
            kind = match.lastgroup
            tokens.append(_Token(kind, match[kind], match.start(kind)))
            place = match.end()
        return [*tokens, _Token("end", "", end)]

    @property
    def next(self) -> _Token:
        return self.tokens[self.at]

    def _fail(self, expected: str, token: _Token | None = None) -> NoReturn:
        """Raise ConfigError: what was expected, what stands there, the line with a mark under it, and examples."""
        token = token or self.next
        found = f'"{token.text}"' if token.text else "the end"
        line = re.sub(r"\s", " ", self.text)
        raise ConfigError(
            f"a condition cannot be read: expected {expected}, found {printable(found)} at column {token.place + 1}\n"
            f"  {printable(line)}\n  {' ' * token.place}^\n{_WAY_OUT}"
        )

    def _is(self, *words: str) -> bool:
        return self.next.kind in ("name", "sign") and self.next.text.lower() in words

    def _take(self, *words: str) -> str:
        """The next word where it is one of some; '' where it is another."""
        if not self._is(*words):
            return ""
        self.at += 1
        return self.tokens[self.at - 1].text.lower()

    def _need(self, expected: str, *words: str) -> str:
        return self._take(*words) or self._fail(expected)

    def condition(self) -> Condition:
        """Read the whole text as one condition; what stands behind its action is a fault."""
        tests = self._tests()
        after = self._span() if self._take("after") else None
        more = ("" if after else '"after", ') + ('"and", ' if isinstance(tests[0], Comparison) and not after else "")
        action = self._need(f"{more}stop, warn or notify", *ACTIONS)
        if self.next.kind != "end":
            self._fail(f"nothing after {action}")
        return Condition(" ".join(self.text.split()), tests, after, action)

    def _tests(self) -> tuple[Comparison | NotFinite | NoImprovement, ...]:
        """Read what is looked for: nan or no improvement stands alone, comparisons may be joined by `and`."""
        if self._take("nan"):
            return (NotFinite(self._of()),)
        if self._take("no"):
            self._need('"improvement"', "improvement")
            self._need('"in", as in "no improvement in 5 epochs"', "in", "for")
            return (NoImprovement(self._span(), self._of()),)
        found = [self._comparison()]
        while self._take("and"):
            found.append(self._comparison())
        return tuple(found)

    def _of(self) -> str | None:
        return self._name("the name of a variable") if self._take("of") else None

    def _name(self, expected: str) -> str:
        token = self.next
        if token.kind not in ("name", "quoted"):
            self._fail(expected)
        self.at += 1
        return token.text if token.kind == "name" else token.text[1:-1]

    def _comparison(self) -> Comparison:
        left = self._sum()
        sign = self._need("one of < <= > >= == !=", *OPERATORS)
        return Comparison(sign, left, self._sum())

    def _sum(self) -> Term:
        left = self._product()
        while sign := self._take("+", "-"):
            left = Sum(sign, left, self._product())
        return left

    def _product(self) -> Term:
        left = self._term()
        while sign := self._take("*", "/"):
            left = Sum(sign, left, self._term())
        return left

    def _term(self) -> Term:
        """Read a number, a name or what stands in brackets, with a minus before it or without.

        A word of the grammar is no name here; the message says how a variable of that name is written.
        """
        if self._take("-"):
            return Sum("-", Number(0.0), self._within(self._term))
        if self._take("("):
            inner = self._within(self._sum)
            self._need('")"', ")")
            return inner
        if self.next.kind == "number":
            self.at += 1
            return Number(float(self.tokens[self.at - 1].text))
        if self._is("and", "after", "of", "nan", "no", *ACTIONS):
            self._fail(f'a number or the name of a variable (a variable of that name is written "{self.next.text}")')
        return Name(self._name("a number or the name of a variable"))

    def _within(self, inner: Callable[[], Term]) -> Term:
        """What stands in brackets; so many of them that Python would give up are a fault of the text."""
        self.depth += 1
        if self.depth > DEEPEST:
            self._fail(f"at most {DEEPEST} brackets in brackets")
        found = inner()
        self.depth -= 1
        return found

    def _span(self) -> Span:
        """Read how long: a number above 0 and a unit, short, long or plural. "30m" is 1800 seconds."""
        start = self.next
        if start.kind != "number":
            self._fail('how long, as "30m" or "3 epochs"')
        self.at += 1
        word = self.next.text.lower()
        unit = word if word in _UNITS else word.removesuffix("s")
        if self.next.kind != "name" or unit not in _UNITS:
            self._fail("a unit: s, m, h, d, epochs or steps")
        self.at += 1
        amount = float(start.text) * _SECONDS.get(unit, 1)
        if not amount:
            self._fail("more than 0", start)
        return Span(amount, _UNITS[unit], self.text[start.place : self.next.place].strip())
