from array import array

NOTHING: int

def lines(
    name: str, things: list[str], values: array[int], indexes: array[int], first: int, last: int, *,
    more: str = ..., is_milli: bool = ..., skip_zero: bool = ...,
) -> bytes: ...
