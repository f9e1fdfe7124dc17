"""Sends events to the router with the CloudEvents SDK for Python, in each form and by both of its interfaces."""

import json
import os
import sys
import urllib.error
import urllib.request
from datetime import datetime, timezone

from cloudevents.core.bindings import http
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from cloudevents.v1 import conversion as older
from cloudevents.v1.http import CloudEvent as OlderCloudEvent

ROUTER = os.environ["CELLSTACK_URL"]
EVENTS = f"{ROUTER}/v1/events"
DATA = {"amount": 42, "note": 'Grüße, "雪", 100 %', "lines": [1, None, {"deep": True}]}


def ask(request):
    request.add_header("x-tenant-id", "acme")
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, dict(response.headers), json.load(response)
    except urllib.error.HTTPError as refused:
        sys.exit(f"{request.method} {request.full_url} gets {refused.code}: {refused.read().decode()}")


def post(headers, body):
    return ask(urllib.request.Request(EVENTS, data=body, headers=dict(headers), method="POST"))


def read_back(event_id, data):
    """Waits until the event is processed, and checks what was stored of it."""
    _, _, event = ask(urllib.request.Request(f"{EVENTS}/{event_id}?wait=5", method="GET"))
    assert event["status"] == "processed", event
    assert event.get("data") == data, event


def attributes(name):
    return {
        "id": name,
        "source": "/sdk/python",
        "type": "sdk.tried",
        "subject": 'Größe "M", 100 %',
        "dataschema": "https://example.com/schema?a=b#c",
        "time": datetime(2026, 1, 1, 12, 30, 0, 125000, tzinfo=timezone.utc),
        "datacontenttype": "application/json",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "attempt": 7,
    }


def is_one_event(forms, data):
    """Sends an event in each form: the first is accepted, every other one is its repeat, to the byte."""
    first = None
    for headers, body in forms:
        status, received, accepted = post(headers, body)
        assert status == 202, (status, accepted)
        assert received.get("idempotency-replayed") == (first and "true"), (headers, received)
        first = first or accepted
        assert accepted == first, (accepted, first)
    read_back(first["id"], data)
    return first["id"]


def current(name, data):
    event = CloudEvent(attributes=attributes(name), data=data)
    messages = http.to_structured_event(event), http.to_binary_event(event)
    return is_one_event([(message.headers, message.body) for message in messages], data)


def former(name, data):
    """Sends an event by the interface of the SDK's first major version. It takes a time as text, and writes attributes into
    headers as they are, so the subject is text that a header may hold."""
    plain = {"time": "2026-01-01T12:30:00.125Z", "subject": "order 7 of 9"}
    event = OlderCloudEvent({**attributes(name), **plain}, data)
    return is_one_event([older.to_structured(event), older.to_binary(event)], data)


def batch(names):
    """Sends a batch. The SDK has none: a program puts events in its JSON format into an array."""
    events = [json.loads(JSONFormat().write(CloudEvent(attributes=attributes(name), data=DATA))) for name in names]
    body = json.dumps(events).encode()
    status, _, response = post({"content-type": "application/cloudevents-batch+json"}, body)
    results = response["results"]
    assert (status, [result["status"] for result in results]) == (200, [202] * len(names)), response
    # The first was sent before, alone.
    assert [result.get("replayed", False) for result in results] == [True] + [False] * (len(names) - 1), response
    for result in results:
        read_back(result["event"]["id"], DATA)
    return [result["event"]["id"] for result in results]


sent = {current("current", DATA), current("empty", None), former("former", DATA)}
sent.update(batch(["current", "batch-1", "batch-2"]))
_, _, listed = ask(urllib.request.Request(f"{EVENTS}?type=sdk.tried&status=processed&limit=100", method="GET"))
assert {event["id"] for event in listed["events"]} == sent, (listed, sent)
print(f"{len(sent)} events sent structured, binary and in a batch, and read back")
