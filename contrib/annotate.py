"""Write Cython's annotated HTML, and fail when a line of a nogil function touches Python.

    annotate.py DIRECTORY

A line's score counts the calls into Python's C API that it costs. In a function declared `noexcept nogil` every line
has to have score 0: that is what keeps the path of a packet free of Python objects.
"""

import html
import re
import shutil
import sys
from pathlib import Path

from Cython.Compiler.Main import compile as cython_compile
from Cython.Compiler.Options import CompilationOptions

LINE = re.compile(r'<pre class="cython line score-(\d+)"[^>]*>.*?<span class="">(\d+)</span>: (.*?)</pre>', re.S)
NOGIL = re.compile(r"^\s*cdef .*\) noexcept nogil:")
START = re.compile(r"^(\s*)(?:cdef|cpdef|def|class|@)\b")


def hot_lines(source: list[str]) -> set[int]:
    """The line numbers, from 1, that lie in functions declared nogil, without their signatures."""
    hot: set[int] = set()
    number = 0
    while number < len(source):
        start, signature = number, source[number]
        if signature.lstrip().startswith("cdef ") and "(" in signature:
            while not signature.rstrip().endswith(":") and number + 1 < len(source) and source[number + 1].strip():
                number += 1
                signature += " " + source[number].strip()
        number += 1
        if not NOGIL.match(signature):
            continue
        indent = len(source[start]) - len(source[start].lstrip())
        while number < len(source):
            text = source[number]
            if text.strip() and len(text) - len(text.lstrip()) <= indent:
                break
            number += 1
            hot.add(number)
    return hot


def main(directory: str) -> int:
    """Annotate every .pyx of vrrpcore into `directory`; returns how many hot lines touch Python, at most 1."""
    target = Path(directory)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    found = 0
    for source in sorted(Path("vrrpcore").glob("*.pyx")):
        options = CompilationOptions(
            annotate="default",
            output_file=str(target / f"{source.stem}.c"),
            language_level=3,
            compiler_directives={"boundscheck": False, "wraparound": False, "initializedcheck": False},
        )
        result = cython_compile(str(source), options, full_module_name=f"vrrpcore.{source.stem}")
        if result.num_errors:
            return 1
        page = (target / f"{source.stem}.html").read_text()
        hot = hot_lines(source.read_text().splitlines())
        for score, number, text in LINE.findall(page):
            if int(score) and int(number) in hot:
                found += 1
                plain = html.unescape(re.sub(r"<[^>]+>", "", text)).rstrip()
                print(f"{source}:{number}: score {score}: {plain.strip()}")
        print(f"{source}: {len(hot)} lines without the GIL")
    print(f"pages in {target}/; {found} hot lines touch Python")
    return min(found, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
