EVENTS: dict[str, int]
