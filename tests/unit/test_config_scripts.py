"""vrrp_script, what an instance tracks, and its notify scripts."""

import pytest
from config_texts import instance, messages, one

from pyvrrp.config import load
from pyvrrp.model import Command, GlobalDefs, Tracked


def test_script(read) -> None:
    text = (
        "vrrp_script s "
        "{\nscript \"/bin/sh -c 'exit 0'\"\ninterval 0.5\ntimeout 3\nweight -20\nrise 2\nfall 3\n"
        "user root root\n}\n" + instance("track_script {\ns\n}")
    )
    loaded = read(text)
    assert not loaded.diagnostics
    (script,) = loaded.configuration.scripts
    assert script.command == Command(("/bin/sh", "-c", "exit 0"), "root", "root")
    assert (script.interval_s, script.timeout_s, script.weight, script.rise, script.fall) == (
        0.5,
        3,
        -20,
        2,
        3,
    )
    assert one(loaded).track_scripts == (Tracked("s", -20),)


def test_script_after_its_user_is_found(read) -> None:
    text = instance("track_script {\ns weight 7\n}") + "vrrp_script s {\nscript /bin/true\ninterval 2\n}\n"
    loaded = read(text)
    assert not loaded.diagnostics
    assert one(loaded).track_scripts == (Tracked("s", 7),)
    assert loaded.configuration.scripts[0].timeout_s == 2


@pytest.mark.parametrize(
    ("value", "argv"),
    [
        ('"/bin/x a b"', ["/bin/x", "a", "b"]),
        ("'/bin/x a b'", ["/bin/x", "a", "b"]),
        ("\"/bin/x 'a b' c\"", ["/bin/x", "a b", "c"]),
        ("'/bin/x \"a b\" c'", ["/bin/x", "a b", "c"]),
        (r'"/bin/x \"q q\""', ["/bin/x", '"q', 'q"']),
        (r'"/bin/x a\tb \x41 \101 \cA \q"', ["/bin/x", "a\tb", "A", "A", "\x01", "q"]),
        ('/bin/x" a b"', ["/bin/x", "a", "b"]),
        ('"/bin/x a # b {}"', ["/bin/x", "a", "#", "b", "{}"]),
        (r'"/bin/x \xc3\xa9"', ["/bin/x", "é"]),
        ('"</dev/null"', ["/bin/sh", "-c", "</dev/null"]),
    ],
)
def test_command_words(read, value, argv) -> None:
    loaded = read(f"vrrp_script s {{\nscript {value}\n}}\n")
    assert list(loaded.configuration.scripts[0].command.argv) == argv


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ('"/bin/sh \'a"', "the quote ' in the command is not closed"),
        ("'/bin/sh", "the quote ' is not closed"),
        ('""', "names no command"),
        (r'"/bin/sh a\0b"', "NUL"),
    ],
)
def test_command_that_is_none(read, value, said) -> None:
    """The script stays and has no command, so that it counts as failed."""
    loaded = read(f"vrrp_script s {{\nscript {value}\n}}\n")
    assert loaded.configuration.scripts[0].command is None
    (message,) = messages(loaded)
    assert message.startswith("2: script")
    assert said in message


def test_program_that_cannot_run_is_told_and_stays_tracked(read, tmp_path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("")
    for program, said in (
        ("/nonexistent/x", "does not exist; it counts as failed until it can be run"),
        (str(plain), "is not executable"),
        (str(tmp_path), "is not a file"),
        ("no-such-program-anywhere", "is not found in PATH"),
    ):
        loaded = read(f'vrrp_script s {{\nscript "{program} -x"\n}}\n' + instance("track_script {\ns\n}"))
        (message,) = messages(loaded)
        assert message.startswith("2: warning: script ")
        assert said in message
        assert one(loaded).track_scripts == (Tracked("s", 0),)
        assert loaded.configuration.scripts[0].command.argv == (program, "-x")


def test_program_in_path_gets_its_path(read) -> None:
    loaded = read('vrrp_script s {\nscript "sh -c true"\n}\n')
    assert not loaded.diagnostics
    assert loaded.configuration.scripts[0].command.argv[0].startswith("/")


def test_relative_path(read) -> None:
    loaded = read('vrrp_script s {\nscript "path/to/script.sh"\n}\n')
    assert "is a relative path" in messages(loaded)[0]
    assert loaded.configuration.scripts[0].command.argv == ("path/to/script.sh",)


def test_command_without_quotes_is_told(read) -> None:
    loaded = read("vrrp_script s {\nscript /bin/sh -c true\n}\n")
    assert loaded.configuration.scripts[0].command.argv == ("/bin/sh",)
    assert "put the whole command in double quotes" in messages(loaded)[0]


def test_tracker_of_an_unknown_script(read) -> None:
    loaded = read("vrrp_script check_web {\nscript /bin/true\n}\n" + instance("track_script {\ncheck_wep\n}"))
    assert one(loaded).track_scripts == ()
    assert messages(loaded) == [
        "8: there is no vrrp_script check_wep, so it is not tracked and its failing changes nothing; "
        "did you mean check_web?"
    ]


def test_own_interface_is_not_tracked_twice(read) -> None:
    loaded = read(instance("track_interface {\neth0\neth1 weight 254\nnosuch0\neth1\n}"))
    assert one(loaded).track_interfaces == (Tracked("eth1", 253), Tracked("nosuch0", 0))
    assert [message.split(":")[0] for message in messages(loaded)] == ["5", "6", "7", "8"]


def test_reverse(read) -> None:
    """The definition says how a script counts, and the line of the tracker says otherwise."""
    head = "vrrp_script s {\nscript /bin/true\nweight 5 reverse\n}\nvrrp_script t {\nscript /bin/true\n}\n"
    lines = "track_interface {\neth1 weight 5 reverse\n}\ntrack_script {\n%s\nt weight 0 reverse\n}"
    loaded = read(head + instance(lines % "s"))
    assert not loaded.diagnostics
    assert one(loaded).track_interfaces == (Tracked("eth1", 5, True),)
    assert one(loaded).track_scripts == (Tracked("s", 5, True), Tracked("t", 0, True))
    assert [script.reverse for script in loaded.configuration.scripts] == [True, False]
    for own, expected in (
        ("weight -7", Tracked("s", -7, True)),
        ("weight -7 noreverse", Tracked("s", -7, False)),
        ("weight -7 reverse", Tracked("s", -7, True)),
    ):
        assert one(read(head + instance(lines % f"s {own}"))).track_scripts[0] == expected


def test_words_after_a_weight(read) -> None:
    (message,) = messages(read(instance("track_interface {\neth1 weight 5 reverse 7\n}")))
    assert message == "5: warning: 7: not known after a weight and ignored; remove it"


def test_init_fail(read) -> None:
    loaded = read("vrrp_script s {\nscript /bin/true\ninit_fail\n}\n" + instance("track_script {\ns\n}"))
    assert not loaded.diagnostics
    assert loaded.configuration.scripts[0].init_fail


def test_notify(read) -> None:
    lines = ['notify "/bin/true extra"', "notify_master /bin/true root", "notify_stop /bin/false root root"]
    got = one(read(instance(*lines))).notify
    assert got.any == Command(("/bin/true", "extra"))
    assert got.master == Command(("/bin/true",), "root")
    assert got.stop == Command(("/bin/false",), "root", "root")
    assert got.backup is None


def test_notify_whose_arguments_are_taken_for_a_user(read) -> None:
    loaded = read(instance("notify /bin/true MASTER"))
    assert one(loaded).notify.any is None
    assert messages(loaded) == [
        "4: notify: the user MASTER does not exist, so it is not run; put a command with its arguments in double quotes"
    ]


def test_second_notify_is_told(read) -> None:
    loaded = read(instance("notify /bin/true", "notify /bin/false"))
    assert one(loaded).notify.any == Command(("/bin/true",))
    assert messages(loaded)[0].startswith("5: notify was given before")


# Between instances


SECURE = "global_defs {{\n{0}\nscript_user root\n}}\nvrrp_script c {{\nscript \"{1} -x\"\nuser nobody\n}}\n"


def test_enable_script_security_is_asked_of_every_command(tmp_path) -> None:
    """Once it is known whom it runs as; the place is that of the command."""
    path, asked = tmp_path / "k.conf", []

    def why_unsafe(command: Command, defs: GlobalDefs) -> str | None:
        asked.append((command, defs.script_user))
        return "/x can be written by anybody" if command.user is None else None

    for word in ("enable_script_security", ""):
        path.write_text(SECURE.format(word, "/bin/false") + instance('notify "/bin/true 1"', "notify_fault /bin/true"))
        loaded = load(str(path), config_id="x", interfaces=None, why_unsafe=why_unsafe)
        if word:
            assert [(each.where.line, each.where.column, each.code, each.is_error) for each in loaded.diagnostics] == [
                (12, 9, "script-insecure", True),
                (13, 14, "script-insecure", True),
            ]
            assert loaded.diagnostics[1].message == (
                "notify_fault is not run under enable_script_security: /x can be written by anybody; let it, and all "
                "directories above it, belong to root, and nobody else write to them (or run it as another user)"
            )
    assert asked == [
        (Command(("/bin/false", "-x"), "nobody"), "root"), (Command(("/bin/true", "1")), "root"),
    ], "each program and user once, and nothing without the word"

