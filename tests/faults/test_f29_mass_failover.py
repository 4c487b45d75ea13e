"""F29: a host dies with 2,000 MASTERs. The last address is usable Master_Down_Interval and 250 ms after the death."""

from __future__ import annotations

import pytest
from netns.harness import lab, master_down_interval_s

from faults.many import Many, here

pytestmark = [pytest.mark.root]

LATE_S = 0.250


def test_two_thousand_addresses() -> None:
    with lab(adverts=False) as made:
        many = Many(made)
        _, right, client = many.segment.nodes
        many.start()
        delay_s = many.right.host_delay_s()
        since = len(right.record.addresses)
        killed_s = many.left.kill()
        right.record.wait(lambda: many.vips <= here(right), 10, "all addresses on the right")
        came_s = sorted(event.at_s for event in right.record.addresses[since:] if event.added)
        heard = client.record.announcements
        client.record.wait(
            lambda: many.vips <= {a.address for a in heard if a.at_s > killed_s}, 3, "every address is announced"
        )
        delay_s = many.right.host_delay_s() - delay_s
        # The last advert was sent at the latest when the host died.
        down_s = master_down_interval_s(3, 100, many.interval_s)
        late_s = [at_s - killed_s - down_s for at_s in came_s]
        print(f"F29: after the death {came_s[0] - killed_s:.3f} s (first), {came_s[1000] - killed_s:.3f} s (median), "
              f"{came_s[1979] - killed_s:.3f} s (99 %), {came_s[-1] - killed_s:.3f} s (last); Master_Down_Interval is "
              f"{down_s:.3f} s; the host held it up for {delay_s:.3f} s")
        assert late_s[-1] <= LATE_S + delay_s
