"""The words after use_vmac: [[name] IF] [MAC] [netlink_notify_msg] [group G], in any order."""

from __future__ import annotations

import re

from pyvrrp.config import names
from pyvrrp.config.addresses import INTERFACE_NAME_MAX
from pyvrrp.config.parser import Statement
from pyvrrp.config.report import Report, shown
from pyvrrp.config.values import BadValue
from pyvrrp.model import UseVmac

_MAC = re.compile(r"[0-9a-fA-F]{1,2}(:[0-9a-fA-F]{1,2}){5}")


def read_use_vmac(statement: Statement, report: Report) -> UseVmac:
    """What a line asks for. A word that cannot be used is reported, and left out."""
    words = statement.words
    name, mac, group = "", b"", 0
    at = 1
    while at < len(words):
        word = words[at]
        if word == "group" or (word == "name" and at + 1 < len(words)):
            at += 1
            value = words[at] if at < len(words) else ""
            if word == "name":
                name = _name(statement, at, report) or name
            else:
                try:
                    group = names.group(value)
                except BadValue as problem:
                    report.error(
                        statement.where(min(at, len(words) - 1)), f"group {problem}; it is ignored", problem.code
                    )
        elif _MAC.fullmatch(word):
            mac = bytes(int(part, 16) for part in word.split(":"))
            if mac[0] & 1 or not any(mac):
                report.error(statement.where(at), f"{word} cannot be the MAC of an interface and is ignored; "
                                                  "leave it out, or write one whose first byte is even", "vmac-mac")
                mac = b""
        elif word != "netlink_notify_msg":          # others hear of the interface as of any other
            if name:
                report.error(
                    statement.where(at), f"{shown(word)} is a second name and is ignored; remove it", "vmac-name-twice"
                )
            else:
                name = _name(statement, at, report)
        at += 1
    return UseVmac(name, mac, group)


def _name(statement: Statement, at: int, report: Report) -> str:
    word = statement.words[at]
    if len(word.encode()) <= INTERFACE_NAME_MAX and "/" not in word and word not in (".", ".."):
        return word
    report.error(
        statement.where(at),
        f"{shown(word)} cannot be the name of an interface, and one is made up; write at most {INTERFACE_NAME_MAX} "
        "characters without a slash",
        "vmac-name",
    )
    return ""
