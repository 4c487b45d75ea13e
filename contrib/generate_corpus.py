"""Write the corpus's files about keywords: each keyword of the table with a value that is right, and with one that is
wrong where there is one.

    generate_corpus.py [DIRECTORY]

DIRECTORY (tests/config/corpus/keywords) is emptied first. A file is named BLOCK.KEYWORD.good.conf or .bad.conf; the
examples are those of tests/config/keyword_files.py. A test compares the directory with what this would write.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests" / "config"
sys.path.insert(0, str(TESTS))

from keyword_files import AROUND, LINES, VALUE_BLOCKS, bad, good, wrapped  # noqa: E402

SECURITY = "global_defs {\n    enable_script_security\n    script_user root\n}\n"


def files() -> Iterator[tuple[str, str]]:
    """Name and text of every file."""
    for name, place in LINES.items():
        for sort, value in (("good", good(name, place)), ("bad", bad(name, place))):
            if value is None:
                continue
            around = AROUND.get(name, "")
            yield _file(name, sort, wrapped(place, f"{around}{place.keyword.name} {value}".rstrip() + "\n"))
    for name, place in VALUE_BLOCKS.items():
        for sort, value in (("good", good(name, place)), ("bad", place.keyword.bad)):
            if value:
                yield _file(name, sort, wrapped(place, f"{place.keyword.name} {{\n{value}\n}}\n"))


def _file(name: str, sort: str, text: str) -> tuple[str, str]:
    block, _, keyword = name.rpartition(".")
    place = f"{keyword} in {block}" if block else f"{keyword} outside all blocks"
    value = "a value that is right" if sort == "good" else "a value that is wrong"
    security = "" if "enable_script_security" in text or "script_user" in text else SECURITY
    return f"{name}.{sort}.conf", f"# {place}: {value}.\n{security}{_indented(text)}"


def _indented(text: str) -> str:
    """As one would write it: four blanks for each block."""
    depth, lines = 0, []
    for line in text.splitlines():
        depth -= line.count("}") > line.count("{")
        lines.append("    " * depth + line)
        depth += line.count("{") > line.count("}")
    return "\n".join(lines) + "\n"


def main() -> int:
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else TESTS / "corpus" / "keywords"
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.glob("*.conf"):
        old.unlink()
    for name, text in files():
        (directory / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
