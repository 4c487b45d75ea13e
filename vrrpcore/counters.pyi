COUNTER_NAMES: tuple[str, ...]              # the columns of Engine.counters_array()
DROP_COUNTER_NAMES: tuple[str, ...]         # by the code of a reason to drop; 0 is none
TOTAL_NAMES: tuple[str, ...]                # the columns of Engine.totals_array()
HISTOGRAMS: dict[str, range]                # columns of totals_array(): k counts what is below 2**k
NO_ROUTER: int                              # in StatusArrays.state
