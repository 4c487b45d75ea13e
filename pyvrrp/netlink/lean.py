"""pyroute2 without all that it imports by itself: it is imported before anything of it is.

Its `__init__` imports all of its 200 modules, and with them sqlite3, unittest and others, which costs 10 MB and 0.25 s;
the encoders of messages that are used here cost 1.5 MB. So the package is entered in sys.modules without running its
`__init__`. Its modules are then found as ever. Whoever asks the package itself for a name that is no module of it has
the `__init__` run, and all is as without this.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec

_NAME = "pyroute2"


def make_lean() -> None:
    """Have pyroute2 imported module by module; no effect on one that is imported already. Raises nothing."""
    spec = find_spec(_NAME) if _NAME not in sys.modules else None
    if spec is None or spec.loader is None:
        return                          # it is there, or missing, which an import will say
    package, loader = module_from_spec(spec), spec.loader

    def whole(name: str) -> object:
        """The package's __getattr__: find what its __init__ makes."""
        if find_spec(f"{_NAME}.{name}") is not None:
            raise AttributeError(name)  # as the import system expects before it imports a module
        del package.__getattr__
        loader.exec_module(package)
        return getattr(package, name)

    package.__getattr__ = whole         # type: ignore[method-assign]
    sys.modules[_NAME] = package


make_lean()
