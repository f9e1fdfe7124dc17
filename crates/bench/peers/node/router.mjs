// The router in Node: the peer that the benchmark measures alongside Cellstack's own.
//
// One POST of a plain event, as Cellstack's router takes it: the same checks, the same caches and leases, the same
// item, the same conditional write and the same response. Written the way that is fast in Node: the bare client with its
// commands, made once, and no framework.

import { createHash, randomFillSync } from 'node:crypto';
import { DynamoDBClient, GetItemCommand, PutItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import { NodeHttpHandler } from '@smithy/node-http-handler';

const TENANT_MAP = process.env.CELLSTACK_TENANT_MAP_TABLE;
const REGISTRY = process.env.CELLSTACK_REGISTRY_TABLE;
const TENANT_LEASE = 300_000;
const CELL_LEASE = 10_000;
const CACHE = 20_000;
const MAX_BODY = 224 * 1024;
const TENANT = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const EVENT_TYPE = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/;

const dynamodb = new DynamoDBClient({
  maxAttempts: 3,
  requestHandler: new NodeHttpHandler({ connectionTimeout: 1000, requestTimeout: 1000 }),
});
const tenants = new Map();
const cells = new Map();

/** The response when a request can't be served. */
class Problem extends Error {
  constructor(status, kind, detail) {
    super(detail);
    this.status = status;
    this.kind = kind;
  }
}

export async function handler(event) {
  const requestId = event.requestContext.requestId;
  const stamps = { 'x-request-id': requestId };
  let response;
  try {
    response = await postEvent(event, stamps);
  } catch (error) {
    const problem = error instanceof Problem ? error : new Problem(503, 'unavailable', 'The router could not reach AWS.');
    response = {
      status: problem.status,
      headers: {
        'content-type': 'application/problem+json',
        ...(problem.status === 503 && { 'retry-after': '1' }),
      },
      body: {
        type: `urn:cellstack:problem:${problem.kind}`,
        title: problem.kind,
        status: problem.status,
        detail: problem.message,
        instance: `urn:request:${requestId}`,
      },
    };
  }
  console.log(JSON.stringify({ level: 'INFO', message: 'request', status: response.status, cell: stamps['x-cell-id'] }));
  return {
    statusCode: response.status,
    headers: { ...response.headers, ...stamps },
    body: JSON.stringify(response.body),
    isBase64Encoded: false,
  };
}

async function postEvent(event, stamps) {
  if (event.rawPath !== '/v1/events') throw new Problem(404, 'unknown-path', 'The path is POST /v1/events.');
  if (event.requestContext.http.method !== 'POST') throw new Problem(405, 'method-not-allowed', 'Use POST.');
  const tenant = event.headers['x-tenant-id'] ?? '';
  if (!TENANT.test(tenant)) throw new Problem(400, 'missing-tenant', 'Name the tenant in the header x-tenant-id.');
  const { type, data } = read(event);
  const { route, source } = await tenantRoute(tenant);
  stamps['x-cell-id'] = route.cell;
  stamps['x-cell-epoch'] = route.epoch;
  stamps['x-route-source'] = source;
  const table = await cellTable(route.cell);
  const now = Date.now();
  const id = uuid7(now);
  const item = {
    tenant_id: { S: tenant },
    sk: { S: `event#${id}` },
    type: { S: type },
    status: { S: 'accepted' },
    epoch: { N: route.epoch },
    accepted_at: { N: String(now) },
    body_sha256: { S: fingerprint(type, data) },
  };
  if (data !== undefined) item.data = { S: data };
  await dynamodb.send(
    new PutItemCommand({
      TableName: table,
      Item: item,
      ConditionExpression: 'attribute_not_exists(tenant_id)',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    }),
  );
  return {
    status: 202,
    headers: { 'content-type': 'application/json', location: `/v1/events/${id}` },
    body: { id, type, status: 'accepted', accepted_at: new Date(now).toISOString() },
  };
}

/** The event's type, and its data as JSON text. */
function read(event) {
  const body = event.body ?? '';
  if (event.isBase64Encoded) throw new Problem(415, 'unsupported-media-type', 'Send JSON.');
  if (body.length > MAX_BODY) throw new Problem(413, 'too-large', 'Send a reference to the data instead.');
  const mediaType = (event.headers['content-type'] ?? '').split(';', 1)[0].trim().toLowerCase();
  if (!['', 'application/json', 'text/plain'].includes(mediaType)) {
    throw new Problem(415, 'unsupported-media-type', 'Send JSON as application/json.');
  }
  let draft;
  try {
    draft = JSON.parse(body);
  } catch {
    throw new Problem(400, 'invalid-event', 'The body is no JSON.');
  }
  const type = draft?.type;
  if (typeof type !== 'string' || !EVENT_TYPE.test(type)) {
    throw new Problem(400, 'invalid-event', 'Member type must name what happened.');
  }
  return { type, data: draft.data == null ? undefined : JSON.stringify(draft.data) };
}

/** The tenant's cell and epoch, from the cache while its lease lasts. */
async function tenantRoute(tenant) {
  const now = performance.now();
  const known = tenants.get(tenant);
  if (known && now - known.read < TENANT_LEASE) return { route: known.route, source: 'cache' };
  const { Item: found } = await dynamodb.send(
    new GetItemCommand({ TableName: TENANT_MAP, Key: { tenant_id: { S: tenant } }, ConsistentRead: true }),
  );
  if (!found) throw new Problem(404, 'unknown-tenant', `Tenant ${tenant} is not placed.`);
  if (found.state.S !== 'active') throw new Problem(503, 'unavailable', 'The tenant is being moved to another cell.');
  const route = { cell: found.cell_id.S, epoch: found.epoch.N };
  if (tenants.size >= CACHE) tenants.delete(tenants.keys().next().value);
  tenants.set(tenant, { route, read: now });
  return { route, source: 'map' };
}

/** The cell's table, from the cache while its lease lasts. */
async function cellTable(cell) {
  const now = performance.now();
  const known = cells.get(cell);
  if (known && now - known.read < CELL_LEASE) return known.table;
  const { Items: items } = await dynamodb.send(
    new QueryCommand({
      TableName: REGISTRY,
      KeyConditionExpression: 'pk = :cell',
      ExpressionAttributeValues: { ':cell': { S: `cell#${cell}` } },
      ConsistentRead: true,
    }),
  );
  const bySortKey = Object.fromEntries(items.map((item) => [item.sk.S, item]));
  if (!bySortKey.config) throw new Problem(503, 'unavailable', "The tenant's cell is not registered.");
  if (['down', 'retired'].includes(bySortKey.state?.status?.S)) {
    throw new Problem(503, 'unavailable', "The tenant's cell is down.");
  }
  const table = bySortKey.config.table.S;
  cells.set(cell, { table, read: now });
  return table;
}

function fingerprint(type, data) {
  const hash = createHash('sha256');
  for (const part of [type, '', data ?? '']) {
    const bytes = Buffer.from(part);
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(bytes.length));
    hash.update(length).update(bytes);
  }
  return hash.digest('hex');
}

const random = Buffer.alloc(16);

function uuid7(ms) {
  randomFillSync(random, 6);
  random.writeUIntBE(ms, 0, 6);
  random[6] = (random[6] & 0x0f) | 0x70;
  random[8] = (random[8] & 0x3f) | 0x80;
  const text = random.toString('hex');
  return `${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}`;
}
