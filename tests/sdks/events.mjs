// Sends events to the router with the CloudEvents SDK for JavaScript, in each form.

import assert from "node:assert/strict";

import { CloudEvent, HTTP, Mode, emitterFor, httpTransport } from "cloudevents";

const events = `${process.env.CELLSTACK_URL}/v1/events`;
const tenant = { "x-tenant-id": "globex" };
const data = { amount: 42, note: 'Grüße, "雪", 100 %', lines: [1, null, { deep: true }] };

async function get(path) {
  const response = await fetch(`${events}${path}`, { headers: tenant });
  assert.equal(response.status, 200, `GET ${path} gets ${await response.clone().text()}`);
  return response.json();
}

// Waits until the event is processed, and checks what was stored of it.
async function readBack(id, sent) {
  const event = await get(`/${id}?wait=5`);
  assert.equal(event.status, "processed", JSON.stringify(event));
  assert.deepEqual(event.data, sent);
}

// The SDK writes attributes into headers as they are, so these are text that a header may hold.
const made = (id, sent = data) =>
  new CloudEvent({
    id,
    source: "/sdk/javascript",
    type: "sdk.tried",
    subject: "order 7 of 9",
    dataschema: "https://example.com/schema?a=b#c",
    time: "2026-01-01T12:30:00.125Z",
    datacontenttype: "application/json",
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    attempt: 7,
    sampled: true,
    data: sent,
  });

// The SDK's own transport, which does not return the status of a response; the body shows it.
const transport = httpTransport(events);
async function emit(mode, event) {
  const { headers, body } = await emitterFor(transport, { mode })(event, { headers: tenant });
  const accepted = JSON.parse(body);
  assert.equal(accepted.status, "accepted", `${mode}: ${body}`);
  return { accepted, replayed: headers["idempotency-replayed"] };
}

// Sends an event in both forms: the second is a repeat of the first, to the byte.
async function isOneEvent(event, sent) {
  const first = await emit(Mode.STRUCTURED, event);
  assert.equal(first.replayed, undefined);
  const again = await emit(Mode.BINARY, event);
  assert.deepEqual(again, { accepted: first.accepted, replayed: "true" });
  await readBack(first.accepted.id, sent);
  return first.accepted.id;
}

// Sends a batch. The SDK reads batches and writes none: a program makes the array.
async function batch(...ids) {
  const headers = { ...tenant, "content-type": "application/cloudevents-batch+json" };
  const body = JSON.stringify(ids.map((id) => made(id)));
  assert.equal(HTTP.toEvent({ headers, body }).length, ids.length, "the SDK reads the same batch");
  const response = await fetch(events, { method: "POST", headers, body });
  const { results } = await response.json();
  assert.equal(response.status, 200, JSON.stringify(results));
  // The first was sent before, alone.
  assert.deepEqual(results.map((result) => result.replayed ?? false), ids.map((_, at) => at === 0));
  for (const result of results) {
    assert.equal(result.status, 202);
    await readBack(result.event.id, data);
  }
  return results.map((result) => result.event.id);
}

const sent = new Set([await isOneEvent(made("alone"), data), await isOneEvent(made("list", [1, "two"]), [1, "two"])]);
for (const id of await batch("alone", "batch-1", "batch-2")) {
  sent.add(id);
}
const listed = await get("?type=sdk.tried&status=processed&limit=100");
assert.deepEqual(new Set(listed.events.map((event) => event.id)), sent);
console.log(`${sent.size} events sent structured, binary and in a batch, and read back`);
