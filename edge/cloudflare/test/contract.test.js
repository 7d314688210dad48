// The requests of `contract/requests`, replayed against the Worker, as the tracker's own tests do.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { objects, records, start, until } from './worker.js';

const FOLDER = path.join(import.meta.dirname, '../../../contract/requests');

const lines = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.jsonl'))
  .sort()
  .flatMap((name) =>
    readFileSync(path.join(FOLDER, name), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line, at) => ({ place: `${name}:${at + 1}`, ...JSON.parse(line) })),
  );

let worker;
before(async () => {
  worker = await start({ batch: { maxBatchSize: 1 } });
});
after(() => worker.dispose());

async function replay({ place, request, status, answer }) {
  const text = request.text ?? JSON.stringify(request.body);
  const headers = { ...request.headers };
  if (request.gzip) headers['content-encoding'] = 'gzip';
  const body = request.gzip ? gzipSync(text) : text;
  const found = await worker.dispatchFetch(`http://edge${request.path}`, { method: 'POST', headers, body });
  const told = await found.text();
  assert.equal(found.status, status, `${place}: ${told}`);
  for (const [name, value] of Object.entries(answer ?? {})) assert.deepEqual(JSON.parse(told)[name], value, `${place}: ${told}`);
  if (found.status === 400) assert.ok(JSON.parse(told).message, place);
}

/** A row has the columns that a line names. */
function compare(place, row, expected) {
  for (const [column, value] of Object.entries(expected)) {
    const found = row[column] ?? null;
    if (value === 'user-*') assert.match(found, /^user-[0-9a-f]{32}$/, place);
    else assert.deepEqual(found, value, `${place}: ${column} of ${JSON.stringify(row)}`);
  }
}

test('every request ends as the contract says', async () => {
  assert.ok(lines.length > 40, `${lines.length} requests`);
  const count = ({ events = [], quarantine = [], deduplicated = 0 }) => events.length + quarantine.length + deduplicated;
  const seen = new Set();
  const stored = new Map();
  for (const line of lines) {
    await replay(line);
    const before = new Set(stored.keys());
    const fresh = await until(`the records of ${line.place}`, async () => {
      const found = records([...(await objects(worker, 'events/', stored))].filter(([name]) => !before.has(name)));
      return found.length >= count(line) ? found : null;
    });
    assert.equal(fresh.length, count(line), `${line.place}: records`);
    // A message that was there already is the loader's to know.
    const isNew = ({ message_id: id }) => !seen.has(id) && seen.add(id);
    const found = {
      events: fresh.flatMap(({ event }) => (event && isNew(event) ? [event] : [])),
      quarantine: fresh.flatMap(({ quarantine }) => quarantine ?? []),
    };
    for (const table of ['events', 'quarantine']) {
      assert.equal(found[table].length, (line[table] ?? []).length, `${line.place}: ${table}`);
      (line[table] ?? []).forEach((expected, at) => compare(line.place, found[table][at], expected));
      assert.ok(found[table].every((row) => row.message_id), line.place);
    }
  }
});
