# cython: language_level=3, cdivision=True
"""A column of a scrape as text: a number of each of ten thousand instances, and no Python object for any of them."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport UINT64_MAX, uint32_t, uint64_t
from libc.string cimport memcpy

cdef enum:
    DIGITS_MAX = 20                 # of a number below 2**64
    MARKS = 6                       # of a line: braces, comma, blank, newline, and a decimal point

NOTHING = UINT64_MAX                # as a value: this thing has none, and no line


def lines(
    name: str, things: list, values: "array of Q", indexes: "array of I", first: int, last: int, *,
    more: str = "", is_milli: bool = False, skip_zero: bool = False,
) -> bytes:
    """Return the lines of things `first` to `last` - 1 of a metric: `name{thing} value`.

    things: their labels, strings. more: labels that all lines have besides. indexes: by thing, where in `values` its
    value is. A value is a whole number, or with is_milli one in thousandths, written with three decimals. Left out is
    what has the value NOTHING, and with skip_zero what has 0. Raises IndexError: a thing, or a value that an index
    names, is not there.
    """
    cdef const uint64_t[::1] numbers = values
    cdef const uint32_t[::1] places = indexes
    cdef Py_ssize_t begin = first, end = last, k
    cdef Py_ssize_t name_size, more_size, size, room = 0
    cdef const char *head = PyUnicode_AsUTF8AndSize(name, &name_size)
    cdef const char *tail = PyUnicode_AsUTF8AndSize(more, &more_size)
    cdef const char *thing
    cdef char *out
    cdef char *at
    cdef uint64_t value
    cdef bint milli = is_milli, zero_goes = skip_zero
    if not 0 <= begin <= end <= min(len(things), places.shape[0]):
        raise IndexError(f"there are no things {begin} to {end}")
    for k in range(begin, end):
        if places[k] >= <size_t>numbers.shape[0]:
            raise IndexError(f"{things[k]}: there is no value {places[k]}")
        if is_left_out(numbers[places[k]], zero_goes):
            continue
        PyUnicode_AsUTF8AndSize(things[k], &size)
        room += name_size + size + more_size + DIGITS_MAX + MARKS
    text = PyBytes_FromStringAndSize(NULL, room)
    out = at = PyBytes_AS_STRING(text)
    for k in range(begin, end):
        value = numbers[places[k]]
        if is_left_out(value, zero_goes):
            continue
        thing = PyUnicode_AsUTF8AndSize(things[k], &size)
        memcpy(at, head, name_size)
        at += name_size
        at[0] = c"{"
        memcpy(at + 1, thing, size)
        at += size + 1
        if more_size:
            at[0] = c","
            memcpy(at + 1, tail, more_size)
            at += more_size + 1
        at[0] = c"}"
        at[1] = c" "
        at = write_number(at + 2, value, milli)
        at[0] = c"\n"
        at += 1
    return text[:at - out]


cdef inline bint is_left_out(uint64_t value, bint zero_goes) noexcept nogil:
    return value == UINT64_MAX or (zero_goes and value == 0)


cdef char *write_number(char *at, uint64_t value, bint is_milli) noexcept nogil:
    """Write a number in decimal; return where it ends."""
    cdef char[DIGITS_MAX + 4] digits            # backwards; below one there are zeros, at most four digits
    cdef int count = 0
    while value or count == 0 or (is_milli and count < 5):
        if is_milli and count == 3:
            digits[count] = c"."
            count += 1
        digits[count] = <char>(c"0" + value % 10)
        value //= 10
        count += 1
    while count:
        count -= 1
        at[0] = digits[count]
        at += 1
    return at
