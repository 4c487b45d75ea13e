"""The endpoints of the control API, version 1: one table, which the server goes by and the OpenAPI text is made from.

Within a version endpoints and fields are only ever added. A path may end with `{name}`, which takes the rest of the
path: names of instances hold slashes. Bodies of requests are JSON whatever their Content-Type says, so that
`curl -d '{...}'` does; none is as good as `{}`.

Reading needs the socket's group, changing needs root. Over TCP there is nothing that changes.
"""

from __future__ import annotations

import inspect
from enum import Enum
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec

from pyvrrp import __version__, limits
from pyvrrp.control import actions as a
from pyvrrp.control import protocol as p
from pyvrrp.control import trackers as t
from pyvrrp.control import transaction as tr


class Kind(Enum):
    """What an answer consists of."""

    JSON = "application/json"
    LINES = "application/x-ndjson"          # a JSON object on each line, without an end
    TEXT = "text/plain; version=0.0.4; charset=utf-8"       # as Prometheus reads it


class Query(NamedTuple):
    """A parameter of a query string."""

    name: str
    means: str


class Endpoint(NamedTuple):
    """One path with one method."""

    name: str                       # the operationId, and the key of its handler
    method: str
    path: str
    summary: str
    reply: Any = None               # the type of the answer, or of each of its lines
    request: type[msgspec.Struct] | None = None
    kind: Kind = Kind.JSON
    query: tuple[Query, ...] = ()
    changes: bool = False           # needs root, and is not to be had over TCP
    refusals: tuple[int, ...] = ()  # statuses of its own, beside those of all
    body_bytes_max: int = limits.CONTROL_REQUEST_BYTES_MAX


ENDPOINTS = (
    Endpoint("instances", "GET", "/v1/instances", "What the daemon runs, and in which state", p.InstancesReply),
    Endpoint("instance", "GET", "/v1/instances/{name}",
             "All that is known of one instance: timers, counters, peers, its last changes with their reasons",
             p.InstanceDetails, refusals=(404,)),
    Endpoint("scopes", "GET", "/v1/scopes", "The files that are run, and how many instances of each are in which state",
             p.ScopesReply),
    Endpoint("trackers", "GET", "/v1/trackers",
             "The scripts, files and processes that are tracked: how each stands, and who tracks it", t.TrackersReply),
    Endpoint("events", "GET", "/v1/events",
             "What happens from now on, an object on each line; an empty line now and then shows that it goes on",
             a.EventLine, kind=Kind.LINES,
             query=(Query("instance", "only of this instance"),), refusals=(404, 503)),
    Endpoint("configuration", "GET", "/v1/configuration",
             "What runs, as pyvrrp's own model has it: for the same version of pyvrrp only", dict[str, Any]),
    Endpoint("plan", "GET", "/v1/plan", "What a reload would do now, as `pyvrrp plan --json` says it",
             dict[str, Any], refusals=(503,)),
    Endpoint("openapi", "GET", "/v1/openapi.json", "This description", dict[str, Any]),
    Endpoint("healthz", "GET", "/healthz", "Whether the daemon runs its instances: 200, or 503 with the reasons",
             a.HealthReply, refusals=(503,)),
    Endpoint("metrics", "GET", "/metrics", "All numbers, as Prometheus reads them", kind=Kind.TEXT),
    Endpoint("reload", "POST", "/v1/reload",
             "Read the files again and go over to them, as SIGHUP does; the answer comes when that is done",
             a.ReloadReply, a.ReloadRequest, changes=True, refusals=(409,)),
    Endpoint("transaction", "POST", tr.TRANSACTION_PATH,
             "Put blocks into the configuration of a scope and remove others, all or nothing, and go over to it",
             tr.TransactionReply, tr.TransactionRequest, changes=True, refusals=(404, 409, 503),
             body_bytes_max=limits.TRANSACTION_BYTES_MAX),
    Endpoint("switchover", "POST", "/v1/switchover",
             "Have a MASTER yield: it stays out until another host has taken over, then its configuration counts again",
             a.MovesReply, a.SwitchoverRequest, changes=True, refusals=(404, 409)),
    Endpoint("hold", "POST", "/v1/hold", "Have an instance yield and stay out until it is resumed",
             a.MovesReply, a.HoldRequest, changes=True, refusals=(404, 409)),
    Endpoint("drain", "POST", "/v1/drain", "Have everything yield and stay out until it is resumed",
             a.MovesReply, a.DrainRequest, changes=True, refusals=(404, 409)),
    Endpoint("resume", "POST", "/v1/resume", "End hold, drain and switchover: the configuration counts again",
             a.ResumeReply, a.ResumeRequest, changes=True, refusals=(404,)),
    Endpoint("priority", "POST", "/v1/priority", "Have an instance use another priority for some time",
             a.PriorityReply, a.PriorityRequest, changes=True, refusals=(404, 409)),
    Endpoint("garp", "POST", "/v1/garp", "Have masters announce their addresses once more, by GARP and NA",
             a.GarpReply, a.GarpRequest, changes=True, refusals=(404, 409)),
)


def find(path: str) -> tuple[dict[str, Endpoint], str | None]:
    """The endpoints of a path by method, none if there is no such path, and what stands for `{name}`."""
    found = {endpoint.method: endpoint for endpoint in ENDPOINTS if endpoint.path == path}
    if found:
        return found, None
    for endpoint in ENDPOINTS:
        head, brace, _ = endpoint.path.partition("{")
        if brace and path.startswith(head) and len(path) > len(head):
            name = unquote(path[len(head):], errors="replace")
            return {each.method: each for each in ENDPOINTS if each.path == endpoint.path}, name
    return {}, None


def _set(*names: str) -> dict[str, Any]:
    """Of the three that name a target, these are given and the others are not."""
    given = {name: {"type": "string" if name in names else "null"} for name in ("instance", "group", "scope")}
    return {"properties": given, "required": list(names)}


_ONE = [_set("instance"), _set("group"), _set("scope")]
# What a type cannot say: which fields go together.
_ALTERNATIVES: dict[str, list[dict[str, Any]]] = {
    "SwitchoverRequest": _ONE,
    "HoldRequest": _ONE,
    "ResumeRequest": [_set(), *_ONE],
    "GarpRequest": [_set(), *_ONE],
    "PriorityRequest": [
        {"properties": {"priority": {"type": "null"}}},
        {
            "properties": {"priority": {"type": "number"}, "for_s": {"type": "number"}},
            "required": ["priority", "for_s"],
        },
    ],
}


def openapi() -> dict[str, Any]:
    """The description of the API, as OpenAPI 3.1."""
    kinds: list[Any] = [p.ErrorReply]
    kinds += [kind for each in ENDPOINTS for kind in (each.reply, each.request) if kind is not None]
    schemas, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    for component in components.values():
        if "description" in component:          # a docstring, which msgspec before 0.23 leaves as it stands
            component["description"] = inspect.cleandoc(component["description"])
    for name, alternatives in _ALTERNATIVES.items():
        components[name]["anyOf"] = alternatives
    of = {id(kind): schema for kind, schema in zip(kinds, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "pyvrrpd",
            "version": __version__,
            "description": "The control API of pyvrrpd, on its Unix socket. What changes something needs root.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://localhost", "description": "curl --unix-socket /run/pyvrrp/pyvrrp.sock"}],
        "paths": paths,
        "components": {"schemas": components},
    }


_STATUSES = {
    400: "The request is not understood",
    403: "Root alone may change something",
    404: "There is none of that name",
    409: "It is not possible now, and nothing was changed",
    413: "The request is too large",
    503: "Not now: too many clients, or something is not as it should be",
}


def _operation(endpoint: Endpoint, of: dict[int, dict[str, Any]]) -> dict[str, Any]:
    error = {"application/json": {"schema": of[id(p.ErrorReply)]}}
    media = endpoint.kind.value.partition(";")[0]
    schema = {"type": "string"} if endpoint.reply is None else of[id(endpoint.reply)]
    found: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "responses": {"200": {"description": "Done", "content": {media: {"schema": schema}}}},
    }
    parameters = [
        {"name": query.name, "in": "query", "required": False, "description": query.means,
         "schema": {"type": "string"}}
        for query in endpoint.query
    ]
    if "{name}" in endpoint.path:
        parameters.append({"name": "name", "in": "path", "required": True, "schema": {"type": "string"},
                           "description": "as `pyvrrp status` shows it; a slash in it may stand as it is"})
    if parameters:
        found["parameters"] = parameters
    if endpoint.request is not None:
        content = {"application/json": {"schema": of[id(endpoint.request)]}}
        needs_one = endpoint.name in ("switchover", "hold", "priority")
        found["requestBody"] = {"required": needs_one, "content": content}
    statuses = {400, *endpoint.refusals, *((403, 413) if endpoint.changes else ())}
    for status in sorted(statuses):
        own = (endpoint.name, status) in (("healthz", 503), ("reload", 409), ("transaction", 409))
        found["responses"][str(status)] = {
            "description": _STATUSES[status],
            "content": {"application/json": {"schema": schema}} if own else error,
        }
    return found


DESCRIPTION = msgspec.json.encode(openapi()) + b"\n"       # made beforehand: it takes 17 ms
