"""keepalived.conf to a model.Configuration, and two configurations to a plan.

    text -> lexer -> parser (tree of statements) -> build (model) -> plan

`load()` does it here and now; `load_in_worker()` in another process, for the daemon. Nothing in a file
raises: what is wrong is a Diagnostic, and all of it is found in one run.
"""

from pyvrrp.config.load import Loaded, load
from pyvrrp.config.plan import Change, Plan, Steps, plan, plan_in_turns
from pyvrrp.config.process import load_all_in_worker, load_in_worker

__all__ = ["Change", "Loaded", "Plan", "Steps", "load", "load_all_in_worker", "load_in_worker", "plan", "plan_in_turns"]
