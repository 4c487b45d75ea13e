"""What the table says of one keyword, and the few ways in which keywords take their arguments.

One entry serves four readers: the parser (which words, how many arguments, is there a block), the readers of values
(range, choices, the field of the model that the value goes to), whoever explains a keyword to people, and the tests
(an example that is right and one that is wrong). So a keyword is described once.

A keyword that pyvrrp does not act on says so in `without`: what is different for lack of it. Its arguments are checked
and kept all the same, so that a file is judged by the same rules on the day that pyvrrp does it.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from enum import Enum

TOP = ""  # the level outside all blocks
MANY = 1 << 30  # as many arguments as one likes
INT_MAX = 0x7FFFFFFF  # the bound of numbers that keepalived keeps in an int


class Kind(Enum):
    """What follows a keyword."""

    FLAG = "nothing"
    BOOLEAN = "yes or no; nothing means yes"
    TEXT = "a word"
    TEXTS = "words"
    PATH = "the path of a file"
    CHOICE = "one of the choices"
    INTEGER = "a whole number"
    SECONDS = "seconds, with a decimal fraction if need be"
    ADDRESS = "an IP address"
    INTERFACE = "the name of an interface"
    COMMAND = "a command in quotes, then a user and a group if need be"
    USER = "a user, then a group if need be"
    WEIGHT = "a whole number, then reverse if need be"
    BLOCK = "a block of keywords"
    LINES = "a block with one entry on each line"
    WORDS = "a block in which each word is an entry"
    FOREIGN = "anything"  # a line or a block that is left out as it is


BLOCKS = frozenset((Kind.BLOCK, Kind.LINES, Kind.WORDS))
_NONE_NEEDED = BLOCKS | {Kind.FLAG, Kind.BOOLEAN, Kind.FOREIGN}
_MOST = {
    Kind.BOOLEAN: 1,
    Kind.USER: 2,
    Kind.WEIGHT: 2,
    Kind.COMMAND: MANY,
    Kind.TEXTS: MANY,
    Kind.FOREIGN: MANY,
}


@dataclass(frozen=True, slots=True, eq=False)
class Keyword:
    """One keyword of one block, the same only as itself. Ranges are inclusive; those of seconds are in seconds."""

    name: str
    kind: Kind
    meaning: str  # one sentence
    _: KW_ONLY
    low: float = 0  # smallest number
    high: float = 0  # largest number
    unit: str = ""
    default: str = ""  # as one would write it; empty: none
    choices: tuple[str, ...] = ()
    takes: str = ""  # the arguments as one writes them, where the kind does not say it
    named: bool = False  # the block has a name of its own
    least: int = -1  # how many arguments it needs, and how many it takes; -1: as its kind
    most: int = -1
    field: str = ""  # of the model, if the value goes there as it is
    clamps: bool = False  # a number out of range counts as the nearest in it
    since: str = ""  # the version of keepalived that brought it, if later than 2.2.7; or pyvrrp
    without: str = ""  # what is different because pyvrrp does not do it; empty: it is done
    partly: bool = False  # `without` is the part that is not done
    alias: str = ""  # this is an old name of that one
    good: str = ""  # arguments that are right, of a block: lines; empty: any that the kind suggests
    bad: str = ""  # arguments that are reported; empty: none can be wrong, or the kind suggests some

    def __post_init__(self) -> None:
        usual = int(self.named) if self.kind in _NONE_NEEDED else 1
        if self.least < 0:
            object.__setattr__(self, "least", usual)
        if self.most < 0:
            object.__setattr__(self, "most", max(self.least, _MOST.get(self.kind, usual)))

    @property
    def is_done(self) -> bool:
        return not self.without

    @property
    def is_block(self) -> bool:
        return self.kind in BLOCKS

    @property
    def low_us(self) -> int:
        return round(self.low * 1_000_000)

    @property
    def high_us(self) -> int:
        return round(self.high * 1_000_000)
