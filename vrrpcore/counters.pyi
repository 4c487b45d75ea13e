COUNTER_NAMES: tuple[str, ...]
DROP_COUNTER_NAMES: tuple[str, ...]
