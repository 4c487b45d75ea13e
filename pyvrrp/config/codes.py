"""The kinds of mistakes that are told of, and the code of each, for programs that read `check --json`.

A code belongs to one sentence, and is never renamed or given to another; the sentence may be worded better. Kinds are
coarser: a program that does not know a code, as it is new, goes by its kind. docs/diagnostics.md is made from here.
"""

from __future__ import annotations

KINDS = {
    "unreadable": "the file is missing, cannot be read, or is no text",
    "encoding": "bytes that are no UTF-8, NUL bytes",
    "braces": "a block begins or ends where its author did not mean it",
    "quotes": "a quote is not closed",
    "include": "a file that is included cannot be",
    "definition": "`$NAME`, `~SEQ`, `~LST` or `@id`",
    "unknown-word": "no such keyword, block or option",
    "misplaced-word": "a keyword in a block that it does not belong to",
    "not-done": "keepalived has it, pyvrrp has not",
    "missing-argument": "a keyword or option without what must follow it",
    "missing-keyword": "a block without a keyword that it needs",
    "surplus-words": "words that do nothing",
    "bad-value": "a value that cannot be understood, or is out of its range",
    "duplicate": "something is given or named twice",
    "vrid-clash": "two instances whose adverts could not be told apart",
    "unknown-name": "a script, instance, group or user that is not there",
    "no-interface": "an interface that does not exist (now)",
    "script": "a command that cannot be run, or not safely",
    "conflict": "two settings that exclude one another",
    "no-effect": "a setting that changes nothing where it stands",
    "limit": "more than there may be",
    "transaction": "what `pyvrrp apply` is given is not what a transaction takes",
    "advice": "it runs as it is meant; look at it anyway",
}

_OF_KIND = {
    "unreadable": """
        directory-empty file-directory file-forbidden file-irregular file-large file-missing file-unreadable
        file-utf-16 pattern-empty reader-died reader-nonsense reader-not-started reader-slow
        """,
    "encoding": "not-utf-8 nul-bytes",
    "braces": "block-missing block-open block-unwanted brace-closes-nothing brace-opens-nothing",
    "quotes": "command-inner-quote command-quote process-quote quote-open typographic-quote",
    "include": "file-executable include-itself include-no-match not-included",
    "definition": """
        condition-bang definition-deep definition-deep-line definition-endless definition-long-deep
        definition-long-inside definition-unknown include-long-definition random-range repeat-arguments
        repeat-blank repeat-deep repeat-direction repeat-inside repeat-list repeat-negative repeat-no-values
        repeat-number-large repeat-parenthesis repeat-step-zero repeat-values repeat-variable
        """,
    "unknown-word": "linkbeat-method nexthop-word route-word rule-word unknown-word",
    "misplaced-word": """
        ipv6-only-option misplaced-word nexthop-not-last track-group-address track-group-routing
        use-vmac-static
        """,
    "not-done": "auth-ah auth-hmac netlink-buffer not-done old-unicast-checksum route-as",
    "missing-argument": """
        argument-missing auth-pass-empty delay-missing extra-if-seconds include-nothing no-command
        option-value peer-option-value rule-priority unicast-without-peer weight-missing
        """,
    "missing-keyword": """
        address-without-interface auth-incomplete garp-group-incomplete goto-priority group-without-member
        interface-missing nexthop-nowhere route-destination rule-action rule-track-group
        script-without-command track-file-without-file track-process-without-process vips-needed vips-none
        vrid-missing
        """,
    "surplus-words": """
        address-words line-words one-word-too-many peer-words script-words tracker-words weight-words
        words-surplus
        """,
    "bad-value": """
        advert-int-step auth-type broadcast-family broadcast-prefix buffer-policy decimals-many encap-family
        encap-type group-family group-scope ila-locator include-check-word instance-interface-name
        interface-name interval-fine label-long name-unknown namespace-name not-a-boolean not-a-choice
        not-a-number not-an-address not-multicast number-definition number-range param-match port range range-empty
        realms route-feature route-pref rule-type script-time-fine script-time-zero seconds-range
        state-unknown time ttl-propagate umask-name umask-number vmac-mac vmac-name weight-range
        """,
    "duplicate": """
        address-twice delay-twice dev-twice fifo-twice garp-interface-twice given-before instance-name-twice
        interface-tracked-twice member-of-two-groups name-twice peer-twice route-destination-twice
        routing-line-twice rule-actions-two state-given-before static-address-twice tracked-in-group
        tracked-twice vmac-name-twice
        """,
    "vrid-clash": "vrid-clash",
    "unknown-name": """
        account-unknown fifo-account group-member-not-run notify-account tracker-unusable unknown-instance
        unknown-track-group unknown-tracker
        """,
    "no-interface": "interface-absent",
    "script": """
        command-nul program-missing program-not-a-file program-not-executable program-not-in-path
        program-relative program-unseen script-insecure
        """,
    "conflict": """
        accept-strict auth-strict auth-version-3 broadcast-beside-peer broadcast-ipv6 family-mixed
        first-not-link-local goto-back ipvlan-beside-vmac label-ipv6 lookup-only-option mcast-dst-ip-family
        native-ipv6 nopreempt-ignored peer-family peer-ttl-order preempt-delay-ignored prefix-family
        quorum-order route-via-and-hops routing-family scope-ipv6 source-among-peers strict-setting
        strict-state tracked-protocol unicast-strict vmac-mac-strict weight-in-group
        """,
    "no-effect": """
        autojoin-unicast mcast-dst-ip-unicast mngtmpaddr-prefix no-virtual-ipaddress-unneeded nopreempt-weight
        own-interface-tracked prefix-beside-peer prefix-of-node process-name-long unicast-word-alone
        vmac-without-interface vmac-xmit-base-alone weight-of-owner zero-is-default
        """,
    "limit": """
        auth-pass-long files-many include-braces include-depth include-search line-long lines-many
        made-line-long made-text-long messages-many peers-many repeat-rounds repeat-values-many too-long
        vips-fragment vips-many
        """,
    "transaction": """
        transaction-both transaction-empty transaction-kind transaction-language transaction-loose transaction-many
        transaction-not-plain transaction-twice transaction-unnamed
        """,
    "advice": "addresses-dropped file-relative group-of-one group-scope-wide old-word script-for-process",
}

KIND_OF = {code: kind for kind, codes in _OF_KIND.items() for code in codes.split()}
