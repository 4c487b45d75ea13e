"""Hosts with configurations in virtual time: what happens to them, what is checked, and how they are wired."""

from __future__ import annotations

import pytest
from simulated import changes, configured, failed, instance, network, owners, played, unicast

from pyvrrp.errors import UsageError
from pyvrrp.model import State
from pyvrrp.simulate.checks import IN_TIME, NO_FLAPPING, NO_ORPHAN, ONE_MASTER
from pyvrrp.simulate.network import START_NS, Weather
from pyvrrp.simulate.play import Note
from pyvrrp.simulate.scenario import Step
from pyvrrp.simulate.wiring import Place, wire

PAIR = {"A": instance(150), "B": instance(100)}
SCRIPT = 'vrrp_script check {\nscript "/bin/true"\ninterval 2\nfall 2\nrise 3\n}\n'
# Master_Down_Interval of v2: 3 s and (256 - priority) / 256 s.
DOWN_150_S, DOWN_100_S = 3.414, 3.609
BOUND_S = DOWN_100_S + 0.001


# ---- what happens to hosts

def test_power_failure_and_return() -> None:
    play = network(PAIR)
    play.play_failover()
    (at_a, *_), (at_b, who_b, _), (back, *_), _ = changes(play)
    assert at_a == DOWN_150_S
    assert who_b == "B"
    assert 17 + 2 < at_b <= 17 + BOUND_S        # it stopped at 17 s: up to an interval after its last advert
    assert back == round(34 + DOWN_150_S, 3)
    assert owners(play) == {"192.0.2.100/24": ["A"]}
    assert failed(play) == set()
    assert play.checks.settled == 3


def test_the_same_seed_is_the_same_run() -> None:
    def run(seed: int) -> list[tuple[float, str, str]]:
        weather = Weather(1_000_000, 5_000_000, loss=0.4)
        return changes(played(PAIR, "20s stop A", "40s start A", for_s=300, seed=seed, weather=weather))

    assert run(7) == run(7)
    assert run(7) != run(8)


def test_an_end_in_order_needs_skew_time_only() -> None:
    play = played(PAIR, "20s shutdown A")
    assert changes(play)[1:] == [(20.0, "A", "INIT"), (round(20 + 156 / 256, 3), "B", "MASTER")]


@pytest.mark.parametrize("pause_s", [5, 60])
def test_a_master_that_stood_still_is_replaced_and_comes_back_alone(pause_s: int) -> None:
    play = played(PAIR, "20s pause A", f"{20 + pause_s}s continue A")
    assert failed(play) == set()
    (_, (at_s, who, state), *back) = changes(play)
    assert (who, state) == ("B", "MASTER")
    assert 22 < at_s <= 20 + BOUND_S
    assert back == [(20 + pause_s, "B", "BACKUP")]      # as soon as A speaks: it was never anything else
    assert owners(play) == {"192.0.2.100/24": ["A"]}


def test_without_preempt_it_gives_way_when_it_goes_on() -> None:
    text = {"A": instance(150, "nopreempt"), "B": instance(100, "nopreempt")}
    play = played(text, "20s pause A", "40s continue A")
    assert changes(play)[2:] == [(40.0, "A", "BACKUP")]
    assert owners(play) == {"192.0.2.100/24": ["B"]}


def test_a_backup_that_stood_still_takes_nothing_over() -> None:
    play = played(PAIR, "20s pause B", "50s continue B")
    assert changes(play) == [(DOWN_150_S, "A", "MASTER")]
    assert failed(play) == set()


def test_a_partition_has_a_master_on_each_side_and_one_when_it_heals() -> None:
    play = played(PAIR, "20s cut A B", "50s join")
    assert [(who, state) for _, who, state in changes(play)] == [("A", "MASTER"), ("B", "MASTER"), ("B", "BACKUP")]
    assert failed(play) == set()
    assert owners(played(PAIR, "20s cut A B")) == {"192.0.2.100/24": ["A", "B"]}


def test_one_way() -> None:
    assert [who for _, who, _ in changes(played(PAIR, "20s cut A to B"))] == ["A", "B"]
    assert [who for _, who, _ in changes(played(PAIR, "20s cut B to A"))] == ["A"]
    play = played(PAIR, "20s cut A to B", "40s join A to B")
    assert owners(play) == {"192.0.2.100/24": ["A"]}


def test_a_link_that_goes_down_is_a_fault_with_its_reason() -> None:
    play = played(PAIR, "20s link A eth0 down", "40s link A eth0 up")
    fault = next(one for one in play.timeline if getattr(one, "new", None) is State.FAULT)
    assert fault.why == "interface eth0 is down"
    assert owners(play) == {"192.0.2.100/24": ["A"]}


def test_short_flaps_of_a_link_are_not_seen_if_the_file_says_so() -> None:
    text = "interface_up_down_delays {\neth0 1.5\n}\n" + instance(150)
    lines = ("20s link A eth0 down", "21s link A eth0 up", "40s link A eth0 down")
    faults = [at_s for at_s, _, state in changes(played(PAIR | {"A": text}, *lines)) if state == "FAULT"]
    assert faults == [41.5]


def test_a_script_counts_by_fall_rise_and_interval() -> None:
    text = SCRIPT + instance(150, "track_script {\ncheck\n}")
    play = played(PAIR | {"A": text}, "20.5s script A check fail", "50s script A check ok")
    # Runs at 0, 2, 4 ...: the second failure is at 24 s; the third success at 56, when 50 is the first.
    states = [(at_s, state) for at_s, who, state in changes(play) if who == "A"]
    assert (24.0, "FAULT") in states
    cleared = [at_s for at_s, state in states if state == "BACKUP"]
    assert cleared == [56.0]
    assert failed(play) == set()


def test_what_fails_fails_after_a_boot_too() -> None:
    text = SCRIPT + instance(150, "track_script {\ncheck\n}")
    play = played(PAIR | {"A": text}, "20s script A check fail", "40s stop A", "60s start A")
    assert owners(play) == {"192.0.2.100/24": ["B"]}
    assert play.by_name["A"].members[0].faults == ("check failed",)


def test_a_weight_moves_the_priority() -> None:
    text = SCRIPT + instance(150, "track_script {\ncheck weight -60\n}")
    play = played(PAIR | {"A": text}, "20s script A check fail")
    assert owners(play) == {"192.0.2.100/24": ["B"]}
    assert play.by_name["A"].members[0].priority == 90


def test_files_and_processes() -> None:
    text = ("vrrp_track_file f {\nfile /nowhere/f\nweight 1\n}\nvrrp_track_process p {\nprocess some-daemon\n"
            "terminate_delay 2\n}\n" + instance(150, "track_file {\nf\n}\ntrack_process {\np\n}"))
    assert owners(played(PAIR | {"A": text}, "20s file A f -60")) == {"192.0.2.100/24": ["B"]}
    play = played(PAIR | {"A": text}, "20s process A p down")
    assert (22.0, "A", "FAULT") in changes(play)


def test_orders_of_an_operator() -> None:
    assert owners(played(PAIR, "20s hold A web")) == {"192.0.2.100/24": ["B"]}
    assert owners(played(PAIR, "20s hold A *", "40s resume A *")) == {"192.0.2.100/24": ["A"]}
    assert owners(played(PAIR, "20s priority A web 50")) == {"192.0.2.100/24": ["B"]}


def test_a_sync_group_moves_together() -> None:
    group = "vrrp_sync_group G {\ngroup {\nweb\nin\n}\n}\n"
    inner = {"interface": "eth1", "vrid": 52, "vip": "10.0.0.1/24"}
    text = {
        name: instance(priority) + instance(priority, **inner).replace("web", "in") + group
        for name, priority in (("A", 150), ("B", 100))
    }
    play = played(text, "20s link A eth1 down")
    assert owners(play) == {"192.0.2.100/24": ["B"], "10.0.0.1/24": ["B"]}
    assert failed(play) == set()


def test_a_delay_at_start_is_waited_for() -> None:
    text = PAIR | {"A": "global_defs {\nvrrp_startup_delay 30\n}\n" + instance(150)}
    play = played(text)
    assert changes(play) == [(DOWN_100_S, "B", "MASTER"), (33.414, "A", "MASTER"), (33.414, "B", "BACKUP")]
    assert failed(play) == set()


def test_what_a_host_says_else_is_noted_once() -> None:
    text = {"A": unicast(1, 150, (2,)), "B": unicast(2, 100, (1,), vip="192.0.2.101/24")}
    notes = [one.text for one in played(text).timeline if isinstance(one, Note)]
    assert len(notes) == 1
    assert "advertises other virtual addresses" in notes[0]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["5s link A eth9 down"], "A has no eth9"),
        (["5s script A none fail"], "A has no none"),
        (["5s hold A none"], "A has no none"),
        (["5s start A"], "A is on at that time"),
        (["5s stop A", "6s hold A *"], "A is off at that time"),
        (["5s pause A", "6s hold A *"], "A is paused"),
        (["5s continue A"], "A is not paused"),
    ],
)
def test_what_cannot_happen_is_refused(lines: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        played(PAIR, *lines)


# ---- what is checked

def test_two_masters_that_do_not_understand_each_other_are_found() -> None:
    password = "authentication {\nauth_type PASS\nauth_pass one\n}"
    play = played({"A": instance(150, password), "B": instance(100)})
    assert failed(play) == {ONE_MASTER}
    (failure,) = play.checks.failures
    assert failure.what == "web on A with priority 150 and web on B with priority 100 are MASTER at once"


def test_an_address_under_two_vrids_is_found() -> None:
    assert failed(played({"A": instance(150), "B": instance(100, vrid=52)})) == {ONE_MASTER}


def test_hosts_that_hear_each_other_only_by_way_of_a_third_are_found() -> None:
    play = played(PAIR | {"C": instance(50)}, "20s cut A C")
    assert failed(play) == {ONE_MASTER}


def test_an_address_that_nobody_may_have_is_found() -> None:
    tracks = "track_script {\ncheck\n}"
    text = {"A": SCRIPT + instance(150, tracks), "B": SCRIPT + instance(100, tracks)}
    play = played(text, "20s script A check fail", "20s script B check fail")
    assert failed(play) == {NO_ORPHAN}
    (failure,) = play.checks.failures
    assert failure.what == "192.0.2.100/24: web on A: FAULT, check failed; web on B: FAULT, check failed"
    assert failed(played(PAIR, "20s stop A", "20s stop B")) == set()        # nobody is there who could


def test_a_takeover_that_does_not_come_is_found() -> None:
    play = network(PAIR)
    play.play([], for_ns=20_000_000_000)
    play.by_name["B"].engine.stand_aside(0, True, play.now_ns)      # behind the back of the checks
    play.do(Step(0, "stop", ("A",)))
    play.settle()
    play.checks.look_settled(play.now_ns, True)
    assert failed(play) == {IN_TIME, NO_ORPHAN}
    late = next(one for one in play.checks.failures if one.check == IN_TIME)
    assert "Master_Down_Interval of web on B is 3 x 1 s + Skew_Time 0.609 s" in late.what
    assert round((late.at_ns - START_NS) / 1e9, 3) == round(20 + DOWN_100_S, 3)


def test_flapping_is_found() -> None:
    play = played(PAIR, for_s=300, weather=Weather(loss=0.6))
    assert NO_FLAPPING in failed(play)


def test_nothing_is_looked_at_before_all_has_settled() -> None:
    play = played(PAIR, "1s stop A", "2s start A", for_s=3)
    assert (play.checks.settled, play.checks.unsettled) == (0, 3)
    assert failed(play) == set()


def test_takeovers_are_told_with_their_bound() -> None:
    play = played(PAIR, "20s stop A")
    first, second = play.checks.takeovers
    assert (first.member.machine.name, round(first.took_ns / 1e9, 3)) == ("A", DOWN_150_S)
    assert second.reckoning == "3 x 1 s + Skew_Time 0.609 s"
    assert second.took_ns <= second.bound_ns


# ---- how they are wired

def wired(texts: dict[str, str], **options):
    return wire({name: configured(name, text) for name, text in texts.items()}, **options)


ETH0 = Place("", "eth0")


def test_interfaces_of_one_name_are_on_one_wire() -> None:
    found = wired(PAIR)
    assert found.wires == {("A", ETH0): "eth0", ("B", ETH0): "eth0"}
    assert found.notes == ()


def test_interfaces_of_other_names_are_joined_by_an_address_and_that_is_told() -> None:
    found = wired({"A": instance(150), "B": instance(100, interface="ens3")})
    assert len(set(found.wires.values())) == 1
    assert found.notes == ("B:ens3 and A:eth0 are taken for one wire, as both have VRID 51 with 192.0.2.100/24; "
                           "--wire says otherwise",)


def test_who_says_otherwise_is_obeyed() -> None:
    texts = {"A": instance(150), "B": instance(100)}
    hosts = {name: configured(name, text) for name, text in texts.items()}
    apart = wire(hosts, joined=[["A:eth0"], ["B:eth0"]])
    assert len(set(apart.wires.values())) == 2
    with pytest.raises(UsageError, match="A:eth7: no file names such an interface; name one of these: A:eth0, B:eth0"):
        wire(hosts, joined=[["A:eth7"]])


def test_the_source_of_a_unicast_host_is_what_the_others_have_for_a_peer() -> None:
    found = wired({"A": unicast(0, 150, (2, 3)), "B": unicast(2, 100, (1, 3)), "C": unicast(3, 50, (1, 2))})
    assert found.addresses["A", ETH0] == (bytes([192, 0, 2, 1]),)
    assert found.made_up == frozenset()
    assert owners(played({"A": unicast(0, 150, (2,)), "B": unicast(0, 100, (1,))}, "20s stop A")) == {
        "192.0.2.100/24": ["B"]}


def test_a_source_that_cannot_be_known_is_asked_for() -> None:
    texts = {"A": unicast(0, 150, (2,)), "B": unicast(2, 100, (1, 7))}
    note, stranger = wired(texts).notes
    assert stranger == "B: 192.0.2.1, a peer of instance web, is none of these hosts (and 1 more)"
    assert note == ("A: instance web has no unicast_src_ip, and the peers of the others leave 2 addresses for it; "
                    "--address A:eth0=ADDRESS says which it has")
    given = wired(texts, given=[("A:eth0", bytes([192, 0, 2, 1]))])
    assert given.addresses["A", ETH0] == (bytes([192, 0, 2, 1]),)
    assert given.notes == ("B: 192.0.2.7, a peer of instance web, is none of these hosts",)


def test_multicast_addresses_are_made_up_in_the_order_of_hosts() -> None:
    found = wired(PAIR)
    assert found.addresses == {("A", ETH0): (bytes([198, 18, 0, 1]),), ("B", ETH0): (bytes([198, 18, 0, 2]),)}
    assert len(found.made_up) == 2


def test_unicast_goes_through_routers() -> None:
    play = played({"A": unicast(1, 150, (2,)), "B": unicast(2, 100, (1,), interface="ens3")}, "20s stop A")
    assert [who for _, who, _ in changes(play)] == ["A", "B"]
    assert failed(play) == set()
