STATE_NAMES: tuple[str, ...]
EVENT_NAMES: tuple[str, ...]
ACTION_NAMES: tuple[str, ...]

def step(state: int, event: int) -> tuple[int, tuple[str, ...]]: ...
