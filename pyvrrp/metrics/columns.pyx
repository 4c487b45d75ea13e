# cython: language_level=3, cdivision=True
"""A scrape's numbers of ten thousand instances, by columns: taken from the engine's arrays, and written as text.

No Python object is made for any of them.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport UINT64_MAX, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from array import array as make_array

cdef enum:
    DIGITS_MAX = 20                 # of a number below 2**64
    MARKS = 6                       # of a line: braces, comma, blank, newline, and a decimal point
    NS_PER_MS = 1_000_000

NOTHING = UINT64_MAX                # as a value: this thing has none, and no line


@cython.final
cdef class Things:
    """The labels of many things, one after the other in memory, as each column reads them all in order."""

    cdef bytes _text
    cdef Py_ssize_t[::1] _ends      # of each; the first is 0, before all
    cdef readonly Py_ssize_t count

    def __cinit__(self, labels: list) -> None:
        """labels: of each thing, without braces."""
        cdef Py_ssize_t k, size
        cdef const char *label
        self.count = len(labels)
        self._ends = make_array("q", bytes(8 * (self.count + 1)))
        for k in range(self.count):
            PyUnicode_AsUTF8AndSize(labels[k], &size)
            self._ends[k + 1] = self._ends[k] + size
        self._text = PyBytes_FromStringAndSize(NULL, self._ends[self.count])
        for k in range(self.count):
            label = PyUnicode_AsUTF8AndSize(labels[k], &size)
            memcpy(PyBytes_AS_STRING(self._text) + self._ends[k], label, size)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, place: int) -> str:
        """Return the labels of one thing. Raises IndexError."""
        if not 0 <= place < self.count:
            raise IndexError(f"there is no thing {place}")
        return self._text[self._ends[place]:self._ends[place + 1]].decode()


def picked(values: "array of B", indexes: "array of I") -> "array of Q":
    """Return the value at each of the indexes. Raises IndexError."""
    cdef const uint8_t[::1] numbers = values
    cdef const uint32_t[::1] places = indexes
    cdef Py_ssize_t k
    found = make_array("Q", bytes(8 * places.shape[0]))
    cdef uint64_t[::1] out = found
    for k in range(places.shape[0]):
        out[k] = numbers[check(places[k], numbers.shape[0])]
    return found


def ages_ms(times_ns: "array of q", indexes: "array of I", now_ns: int) -> "array of Q":
    """Return how long ago each of the indexes' times was, in milliseconds; NOTHING where it is 0. Raises IndexError."""
    cdef const int64_t[::1] numbers = times_ns
    cdef const uint32_t[::1] places = indexes
    cdef int64_t now = now_ns, at_ns
    cdef Py_ssize_t k
    found = make_array("Q", bytes(8 * places.shape[0]))
    cdef uint64_t[::1] out = found
    for k in range(places.shape[0]):
        at_ns = numbers[check(places[k], numbers.shape[0])]
        out[k] = UINT64_MAX if at_ns == 0 else <uint64_t>(max(0, now - at_ns) // NS_PER_MS)
    return found


def occupied(rows: "array of Q", width: int) -> list:
    """Return of each column of a table, row by row in `rows`, whether anything in it is not 0."""
    cdef const uint64_t[::1] numbers = rows
    cdef Py_ssize_t k, place = 0, last = width
    cdef uint8_t[::1] found = bytearray(width)
    for k in range(numbers.shape[0]):
        found[place] |= numbers[k] != 0
        place = 0 if place + 1 == last else place + 1
    return [bool(one) for one in found]


cdef inline Py_ssize_t check(uint32_t index, Py_ssize_t count) except -1:
    if index >= <size_t>count:
        raise IndexError(f"there is no value {index}")
    return index


def lines(
    name: str, things: Things, values: "array of Q", indexes: "array of I", first: int, last: int, *,
    more: str = "", is_milli: bool = False, skip_zero: bool = False,
) -> bytes:
    """Return the lines of things `first` to `last` - 1 of a metric: `name{thing} value`.

    more: labels that all lines have besides. indexes: by thing, where in `values` its value is. A value is a whole
    number, or with is_milli one in thousandths, written with three decimals. Left out is what has the value NOTHING,
    and with skip_zero what has 0. Raises IndexError: a thing, or a value that an index names, is not there.
    """
    cdef const uint64_t[::1] numbers = values
    cdef const uint32_t[::1] places = indexes
    cdef const Py_ssize_t[::1] ends = things._ends
    cdef const char *label = PyBytes_AS_STRING(things._text)
    cdef Py_ssize_t begin = first, end = last, k, size, name_size, more_size
    cdef const char *head = PyUnicode_AsUTF8AndSize(name, &name_size)
    cdef const char *tail = PyUnicode_AsUTF8AndSize(more, &more_size)
    cdef char *out
    cdef char *at
    cdef uint64_t value
    cdef bint milli = is_milli, zero_goes = skip_zero
    if not 0 <= begin <= end <= min(things.count, places.shape[0]):
        raise IndexError(f"there are no things {begin} to {end}")
    text = PyBytes_FromStringAndSize(
        NULL, ends[end] - ends[begin] + (end - begin) * (name_size + more_size + DIGITS_MAX + MARKS))
    out = at = PyBytes_AS_STRING(text)
    for k in range(begin, end):
        value = numbers[check(places[k], numbers.shape[0])]
        if is_left_out(value, zero_goes):
            continue
        memcpy(at, head, name_size)
        at += name_size
        at[0] = c"{"
        size = ends[k + 1] - ends[k]
        memcpy(at + 1, label + ends[k], size)
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
