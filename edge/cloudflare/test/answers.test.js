// What senders are told.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { shake128 } from '../src/shake.js';
import { objects, records, start, until } from './worker.js';

const keyOf = (project, key, revoked) => ({ project, id: 'x', hash: shake128(`write key\0${key}`), created: '', revoked });
const SETTINGS = JSON.stringify({
  keys: [keyOf('web', 'the-key-of-web'), keyOf('old', 'the-old-key', '2026-01-01T00:00:00Z')],
  refuse_unknown_keys: true,
  contracts: { web: { events: { bought: { fields: { total: { type: 'number', optional: false } } } } } },
});

let open;
let keyed;
before(async () => {
  [open, keyed] = await Promise.all([
    start({ batch: { maxBatchSize: 1 } }),
    start({ bindings: { SETTINGS }, batch: { maxBatchSize: 1 } }),
  ]);
});
after(() => Promise.all([open.dispose(), keyed.dispose()]));

async function ask(worker, path, { method = 'POST', body, headers } = {}) {
  const found = await worker.dispatchFetch(`http://edge${path}`, { method, headers, body });
  const text = await found.text();
  return { status: found.status, headers: found.headers, code: text.startsWith('{') ? JSON.parse(text).code : null, text };
}

test('paths and methods', async () => {
  const body = '{"event":"e"}';
  for (const path of ['/v1/track', '/track', '/t', '/v1/tr%61ck', '/v1/t?a=b']) {
    assert.equal((await ask(open, path, { body })).text, '{"success":true}', path);
  }
  assert.equal((await ask(open, '/', { body })).status, 204);
  for (const path of ['/v1/', '/v1/track/', '/v2/track', '/v1/%ff', '/forget', '/v1/tracks']) {
    assert.equal((await ask(open, path, { body })).code, 'unknown_path', path);
  }
  for (const method of ['GET', 'PUT', 'DELETE']) {
    const found = await ask(open, '/v1/track', { method, body: method === 'GET' ? undefined : body });
    assert.deepEqual([found.status, found.code], [400, 'unknown_method'], method);
  }
});

test('pages of other origins may send', async () => {
  const asked = await ask(open, '/v1/batch', { method: 'OPTIONS' });
  assert.equal(asked.status, 204);
  assert.equal(asked.headers.get('access-control-allow-headers'), '*, authorization');
  for (const path of ['/v1/track', '/nowhere']) {
    const found = await ask(open, path, { body: '{"event":"e"}' });
    assert.equal(found.headers.get('access-control-allow-origin'), '*', path);
  }
});

test('limits of a request', async () => {
  const batch = (count, text = '') => `{"batch":[${Array(count).fill('{"event":"e"}')}]${text}}`;
  const spaces = (bytes) => ' '.repeat(bytes - 13) + '{"event":"e"}';
  const gzip = { 'content-encoding': 'gzip' };
  for (const [path, body, headers, code] of [
    ['/v1/track', spaces(512_000), {}, null],
    ['/v1/track', spaces(512_001), {}, 'too_large'],
    ['/v1/track', spaces(9_000_000), {}, 'too_large'],
    ['/v1/track', gzipSync(spaces(512_000)), gzip, null],
    ['/v1/track', gzipSync(spaces(512_001)), gzip, 'too_large'],
    ['/v1/track', gzipSync(spaces(50_000_000)), gzip, 'too_large'],
    ['/v1/track', gzipSync(spaces(100)).subarray(0, -5), gzip, 'invalid_gzip'],
    ['/v1/track', Buffer.concat([gzipSync('{"event":'), gzipSync('"e"}')]), gzip, null],
    ['/v1/track', spaces(100), { 'content-encoding': 'identity' }, null],
    ['/v1/track', '\ufeff{"event":"e"}', {}, 'invalid_json'],
    ['/v1/track', Buffer.from('{"event":"\xff"}', 'latin1'), {}, 'invalid_json'],
    ['/v1/batch', batch(2500), {}, null],
    ['/v1/batch', batch(2501), {}, 'too_many_events'],
    ['/v1/batch', batch(1, ',"context":{"a":"\\ud800"}'), {}, 'invalid_json'],
    ['/v1/batch', batch(1, ',"batch":[]'), {}, 'invalid_json'],
    ['/', '{"event":"batch","properties":{"batch":1}}', {}, null],
    ['/', batch(1), {}, null],
  ]) {
    const found = await ask(open, path, { body, headers });
    const shown = `${path} ${String(body).slice(0, 40)} ${found.text}`;
    assert.equal(found.status, code === null ? (path === '/' ? 204 : 200) : 400, shown);
    assert.equal(found.code ?? null, code, shown);
  }
});

test('a write key says whose events they are', async () => {
  const body = (key) => JSON.stringify({ event: 'bought', messageId: `of ${key}`, properties: { total: 1 }, writeKey: key });
  const basic = (user) => ({ authorization: `Basic ${btoa(user)}` });
  for (const [key, headers, code] of [
    ['the-key-of-web', {}, undefined],
    [undefined, basic('the-key-of-web:'), undefined],
    ['another', basic('the-key-of-web'), undefined],
    [undefined, {}, 'missing_key'],
    ['another', {}, 'unknown_key'],
    ['the-old-key', {}, 'revoked_key'],
    ['another', basic('the-old-key:'), 'revoked_key'],
  ]) {
    const found = await ask(keyed, '/v1/track', { body: body(key), headers });
    assert.equal(found.code, code, `${key} ${JSON.stringify(headers)}: ${found.text}`);
  }
  const other = { event: 'bought', properties: { total: 1, coupon: 'x', user_email: 'ada@example.org' }, writeKey: 'the-key-of-web' };
  await ask(keyed, '/v1/track', { body: JSON.stringify(other) });
  const rows = await until('four records', async () => {
    const found = records(await objects(keyed));
    return found.length === 4 ? found : null;
  });
  const events = rows.flatMap(({ event }) => event ?? []);
  assert.deepEqual(events.map(({ project }) => project), ['web', 'web', 'web']);
  const { payload, ...aside } = rows.find(({ quarantine }) => quarantine).quarantine;
  assert.deepEqual([aside.reason, aside.path, aside.project], ['undeclared_property', 'coupon', 'web']);
  // It is kept whole, less what is never kept, so that it can be stored when it is named.
  assert.deepEqual(JSON.parse(payload).properties, { total: 1, coupon: 'x' });
  assert.deepEqual(JSON.parse(payload).dropped, ['user_email']);
});

test('a Worker that lacks something says so, and takes nothing', async () => {
  const worker = await start({ bindings: { ID_KEY: 'short' } });
  try {
    const health = await ask(worker, '/healthz', { method: 'GET' });
    assert.equal(health.status, 503);
    assert.match(health.text, /ID_KEY/);
    const found = await ask(worker, '/v1/track', { body: '{"event":"e"}' });
    assert.deepEqual([found.status, found.code, found.headers.get('retry-after')], [503, 'unavailable', '5']);
    assert.doesNotMatch(found.text, /ID_KEY/);
  } finally {
    await worker.dispose();
  }
  assert.equal((await ask(open, '/healthz', { method: 'GET' })).text, '{"status":"ok"}');
});
