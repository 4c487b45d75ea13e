"""The build: one extension per .pyx, one cffi module, one table of compiler directives.

PYVRRP_BUILD=debug in the environment makes the debug build: bounds checks, line tracing and the address and
undefined-behaviour sanitizers. PYVRRP_BUILD=none builds nothing: for an editable install beside a build in place.
PYVRRP_BUILD=bench builds what `make bench` alone needs, instead of the package, with the same directives and flags.
Speed directives stand here and nowhere else: written in a .pyx they would
override this table, and the debug build could not turn them back on.
"""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

BUILD = os.environ.get("PYVRRP_BUILD", "")
DEBUG = BUILD == "debug"
BENCH = BUILD == "bench"

DIRECTIVES = {
    "language_level": 3,
    "binding": True,
    "embedsignature": True,
    "boundscheck": DEBUG,
    "wraparound": DEBUG,
    "initializedcheck": DEBUG,
    "nonecheck": False,         # it wants the GIL where there is none
    "overflowcheck": False,     # checksums and hashes wrap on purpose
    "linetrace": DEBUG,
    "profile": False,
}

WARNINGS = ["-Wall", "-Wextra", "-Wno-unused-parameter", "-Wno-unused-function", "-Wno-missing-field-initializers"]
SANITIZE = ["-fsanitize=address,undefined", "-fno-omit-frame-pointer"]

COMPILE_ARGS = [*WARNINGS, "-O1", "-g1", *SANITIZE] if DEBUG else [*WARNINGS, "-O3", "-g0"]
LINK_ARGS = SANITIZE if DEBUG else []
MACROS = [("CYTHON_TRACE_NOGIL", "1")] if DEBUG else []

SOURCES = [Path("bench/inner.pyx")] if BENCH else [
    *sorted(Path("vrrpcore").glob("*.pyx")), *sorted(Path("pyvrrp").glob("*/*.pyx"))]
CFFI_MODULE = "bench/yardstick_build.py" if BENCH else "pyvrrp/linux_build.py"

extensions = [
    Extension(
        source.stem if BENCH else ".".join(source.with_suffix("").parts),
        [str(source)],
        extra_compile_args=COMPILE_ARGS,
        extra_link_args=LINK_ARGS,
        define_macros=MACROS,
    )
    for source in SOURCES
]

setup(
    ext_modules=[] if BUILD == "none" else cythonize(
        extensions,
        compiler_directives=DIRECTIVES,
        nthreads=os.cpu_count() or 1,
        build_dir="build/bench" if BENCH else None,
    ),
    cffi_modules=[] if BUILD == "none" else [f"{CFFI_MODULE}:ffibuilder"],
)
