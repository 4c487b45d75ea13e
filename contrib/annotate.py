"""Write Cython's annotated HTML, and fail when a line of a function without the GIL touches Python.

    annotate.py DIRECTORY [PACKAGE]

A line's score counts the calls into Python's C API that it costs. In a function declared `nogil`, and in every inline
function of a .pxd, each line has to have score 0: that is what keeps the path of a packet free of Python objects.
Cython itself refuses Python objects there, but not all that costs a call: a division that may raise ZeroDivisionError
takes the GIL to do so.

An inline function is compiled into each module that uses it, so it is looked at in all of them, and one that nobody
uses is an error: nobody has checked it.
"""

import html
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from Cython.Compiler import Annotate
from Cython.Compiler.Main import compile as cython_compile
from Cython.Compiler.Options import CompilationOptions

LINE = re.compile(
    r'<pre class="cython line score-(?P<score>\d+)"[^>]*>(?P<sign>[^<]*)<span class="">(?P<number>\d+)</span>: '
    r"(?P<text>.*?)</pre>",
    re.S,
)
NOGIL = re.compile(r"^\s*cdef .*\).*\bnogil:")
INLINE = re.compile(r"^\s*cdef inline .*\).*:")


class Pages(Annotate.AnnotationCCodeWriter):
    """Writes the page of a source, and one more for each .pxd of the package whose functions were compiled into it."""

    def save_annotation(self, source_filename: str, target_filename: str, coverage_xml: object = None) -> None:
        super().save_annotation(source_filename, target_filename, coverage_xml)
        target = Path(target_filename)
        for name in filter(None, self.code):
            path = Path(name)
            if path.suffix == ".pxd" and path.parent.name == Path(source_filename).parent.name:
                super().save_annotation(name, str(target.with_name(f"{target.stem}.{path.name}.c")), coverage_xml)


def hot_functions(source: list[str], pattern: re.Pattern[str]) -> Iterator[range]:
    """The line numbers, from 1, of each function whose signature matches, without the signature."""
    number = 0
    while number < len(source):
        start, signature = number, source[number]
        if signature.lstrip().startswith("cdef ") and "(" in signature:
            while not signature.rstrip().endswith(":") and number + 1 < len(source) and source[number + 1].strip():
                number += 1
                signature += " " + source[number].strip()
        number += 1
        if not pattern.match(signature):
            continue
        indent = len(source[start]) - len(source[start].lstrip())
        first = number
        while number < len(source):
            text = source[number]
            if text.strip() and len(text) - len(text.lstrip()) <= indent:
                break
            number += 1
        yield range(first + 1, number + 1)


def compile_all(sources: list[Path], target: Path) -> bool:
    """Write the C code and the pages of all sources to `target`; say whether they are right."""
    Annotate.AnnotationCCodeWriter = Pages      # where the compiler looks it up
    for source in sources:
        options = CompilationOptions(
            annotate="default",
            output_file=str(target / f"{source.stem}.c"),
            language_level=3,
            compiler_directives={"boundscheck": False, "wraparound": False, "initializedcheck": False},
        )
        if cython_compile(str(source), options, full_module_name=f"{source.parent.name}.{source.stem}").num_errors:
            return False
    return True


def check(source: Path, pages: list[Path], pattern: re.Pattern[str]) -> int:
    """Print the hot lines of a source that touch Python on any of its pages, and return how many."""
    functions = list(hot_functions(source.read_text().splitlines(), pattern))
    hot = {number for function in functions for number in function}
    compiled: set[int] = set()
    wrong: dict[int, str] = {}
    for page in pages:
        for line in LINE.finditer(page.read_text()):
            number = int(line["number"])
            if line["sign"] == "+":
                compiled.add(number)
            if int(line["score"]) and number in hot:
                plain = html.unescape(re.sub(r"<[^>]+>", "", line["text"])).strip()
                wrong[number] = f"score {line['score']}: {plain}"
    for function in functions:
        if compiled.isdisjoint(function):
            wrong[function.start] = "no module uses this function: it cannot be checked"
    for number, sentence in sorted(wrong.items()):
        print(f"{source}:{number}: {sentence}")
    if functions:
        print(f"{source}: {len(hot)} lines without the GIL")
    return len(wrong)


def main(directory: str, package: str = "vrrpcore") -> int:
    """Annotate every .pyx of a package into `directory`; returns 1 if a hot line touches Python, else 0."""
    target = Path(directory)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    sources = sorted(Path(package).glob("*.pyx"))
    if not compile_all(sources, target):
        return 1
    found = sum(check(source, [target / f"{source.stem}.html"], NOGIL) for source in sources)
    for header in sorted(Path(package).glob("*.pxd")):
        found += check(header, sorted(target.glob(f"*.{header.name}.html")), INLINE)
    print(f"pages in {target}/; {found} hot lines touch Python")
    return min(found, 1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
