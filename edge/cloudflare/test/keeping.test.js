// What was acknowledged is kept, once, whatever fails; and nothing is kept that should not be.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, afterEach, before, test } from 'node:test';
import { objects, records, start, until } from './worker.js';

let worker;
before(async () => {
  worker = await start({ main: 'faulty.js' });
});
after(() => worker.dispose());
afterEach(() => faults({}));

async function post(path, body, headers = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const found = await worker.dispatchFetch(`http://edge${path}`, { method: 'POST', body: text, headers });
  return { status: found.status, headers: found.headers, told: await found.text() };
}

/** Plans faults; returns what was left of the plan before, and what was noted. */
async function faults(plan) {
  return JSON.parse((await post('/faults', plan)).told);
}

/** What is left of the plan. */
async function left() {
  return (await worker.dispatchFetch('http://edge/faults')).json();
}

const events = (name, count, properties = {}) =>
  Array.from({ length: count }, (_, at) => ({ event: name, messageId: `${name}-${at}`, properties: { at, ...properties } }));

/** The records of events of that name, when each message has come at least once. */
function stored(name, count) {
  return until(`${count} of ${name}`, async () => {
    const found = records(await objects(worker)).flatMap(({ event }) => (event?.event === name ? [event] : []));
    return new Set(found.map((row) => row.message_id)).size >= count ? found : null;
  });
}

test('an object says what is in it', async () => {
  await post('/v1/batch', { batch: events('whole', 50) });
  await stored('whole', 50);
  for (const [name, text] of await objects(worker)) {
    assert.match(name, /^events\/\d{4}-\d\d-\d\d\/\d\d\/\d{8}T\d{9}-[0-9a-f]{20}\.ndjson$/);
    const [head] = text.split('\n');
    const body = text.slice(head.length + 1);
    const { format, version, lines, bytes, sha256 } = JSON.parse(head);
    assert.deepEqual([format, version, lines, bytes], ['dlt-edge', 1, body.split('\n').length - 1, Buffer.byteLength(body)]);
    assert.equal(sha256, createHash('sha256').update(body).digest('hex'));
  }
});

test('a request larger than a message is split, and answered when all of it is kept', async () => {
  const batch = events('large', 25, { text: 'x'.repeat(15_000) });
  assert.equal((await post('/v1/batch', { batch })).status, 200);
  assert.equal((await stored('large', 25)).length, 25);
});

test('a batch that lends each event a long context is refused whole where it is too much', async () => {
  const context = { library: { name: 'é'.repeat(200) }, os: { name: 'é'.repeat(200) }, exec_info: Array.from({ length: 30 }, (_, at) => `${at}${'é'.repeat(198)}`) };
  const found = await post('/v1/batch', { context, batch: events('lent', 1000) });
  assert.deepEqual([found.status, JSON.parse(found.told).code], [400, 'too_large']);
});

test('a queue that refuses is told, and the events are taken when they come again', async () => {
  for (const [message, status, code] of [
    ['Queue send failed: Too Many Requests', 429, 'overloaded'],
    ['Queue sendBatch failed: Queue is overloaded. Please back off.', 429, 'overloaded'],
    ['Queue send failed: Storage Limit Exceeded', 429, 'overloaded'],
    ['Queue send failed: Internal Server Error', 503, 'unavailable'],
  ]) {
    await faults({ send: [{ message }] });
    const found = await post('/v1/track', { event: 'again', messageId: message });
    assert.deepEqual([found.status, JSON.parse(found.told).code], [status, code], message);
    assert.match(found.headers.get('retry-after'), /^[1-9]\d*$/);
    assert.ok(Number(found.headers.get('x-ratelimit-reset')) > Date.now() / 1000 - 1);
    assert.equal((await post('/v1/track', { event: 'again', messageId: message })).status, 200);
  }
  await stored('again', 4);
});

test('an answer that is lost between queue and Worker makes a duplicate, and no loss', async () => {
  await faults({ send: [{ message: 'connection lost', after: true }] });
  assert.equal((await post('/v1/track', events('lost', 1)[0])).status, 503);
  assert.equal((await post('/v1/track', events('lost', 1)[0])).status, 200);
  const found = await until('both', async () => {
    const rows = await stored('lost', 1);
    return rows.length === 2 ? rows : null;
  });
  assert.deepEqual(found.map((row) => row.message_id), ['lost-0', 'lost-0']);
});

test('a bucket that fails gets the messages again, after a pause that grows', async () => {
  const down = { message: 'internal error' };
  await faults({ put: [down, down, { ...down, after: true }] });
  await post('/v1/batch', { batch: events('failing', 20) });
  const found = await stored('failing', 20);
  const { waits } = await faults({});
  assert.deepEqual(waits, [30, 60, 120]);
  // What was written and not acknowledged has the same name, and is there once.
  assert.equal(found.length, 20);
});

test('an acknowledgement that is lost stores nothing twice', async () => {
  await faults({ ack: [true, true] });
  await post('/v1/batch', { batch: events('redelivered', 20) });
  await until('the acknowledgements', async () => (await left()).ack.length === 0);
  assert.equal((await stored('redelivered', 20)).length, 20);
});

test('what holds no records is set aside, and keeps nothing else from being stored', async () => {
  const queue = await worker.getQueueProducer('EVENTS');
  for (const body of ['no record', '{"event":7}', '{"event":{"message_id":"x"}']) await queue.send(body, { contentType: 'text' });
  await queue.send({ of: 'another program' });
  await post('/v1/batch', { batch: events('beside', 3) });
  await stored('beside', 3);
  const aside = await until('four objects', async () => {
    const found = await objects(worker, 'set-aside/');
    return found.size === 4 ? found : null;
  });
  assert.deepEqual([...aside.values()].sort(), ['no record', '{"event":7}', '{"event":{"message_id":"x"}', '{"of":"another program"}'].sort());
});

test('no address, header or key is kept', async () => {
  const headers = {
    'user-agent': 'secret-agent/1.0',
    'cf-connecting-ip': '198.51.100.77',
    'x-forwarded-for': '198.51.100.77',
    'x-real-ip': '198.51.100.77',
    cookie: 'session=secret-cookie',
    referer: 'https://example.org/secret-page',
    authorization: `Basic ${btoa('secret-key:')}`,
  };
  const event = {
    event: 'private', messageId: 'p', writeKey: 'secret-key', userId: 'ada@example.org', traits: { email: 'ada@example.org' },
    context: { ip: '198.51.100.77', userAgent: 'secret-agent/1.0', library: { name: 'lib', version: '1', path: '/home/secret' } },
    properties: { client_ip: '198.51.100.77', note: 'write to ada@example.org', deep: { ip: '198.51.100.77' }, kept: 1 },
  };
  await post('/v1/track', event, headers);
  await post('/v1/track', { ...event, event: 7 }, headers);
  await post('/v1/track', 'secret-text and no JSON', headers);
  const [row] = await stored('private', 1);
  assert.match(row.anonymous_id, /^user-/);
  assert.equal(row.properties, '{"kept":1}');
  await until('the quarantined one', async () => records(await objects(worker)).some(({ quarantine }) => quarantine));
  for (const text of [...(await objects(worker, '')).values()]) assert.doesNotMatch(text, /secret|198\.51|ada@|home/);
});
