"""keepalived.conf to a model.Configuration, and two configurations to a plan.

    text -> lexer -> parser (tree of statements) -> build (model) -> plan

`load()` does it here and now; `process.load_in_worker()` in another process, for the daemon. Nothing in a file
raises: what is wrong is a Diagnostic, and all of it is found in one run.

Only what every reader needs is imported here: a config test should not wait for an event loop to be imported.
"""

from pyvrrp.config.load import Loaded, load

__all__ = ["Loaded", "load"]
