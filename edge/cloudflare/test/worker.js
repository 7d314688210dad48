// The Worker in workerd, by miniflare: the real queue's and bucket's stand-ins that Cloudflare ships for this.

import { readdirSync } from 'node:fs';
import path from 'node:path';
import { Miniflare, Log, LogLevel } from 'miniflare';

export const SOURCE = path.join(import.meta.dirname, '../src');
export const ID_KEY = 'a key for the tests';

/** The modules of the Worker; `main` is one of them, or a module beside the tests. */
function modules(main) {
  const own = readdirSync(SOURCE).filter((name) => name.endsWith('.js'));
  const others = own.filter((name) => name !== main).map((name) => path.join(SOURCE, name));
  const first = own.includes(main) ? path.join(SOURCE, main) : path.join(import.meta.dirname, main);
  return [first, ...others].map((file) => ({ type: 'ESModule', path: file }));
}

/** Options of Miniflare for the Worker as it is deployed, with what a test says otherwise. */
export function options({ bindings = {}, batch = {}, main = 'worker.js', ...others } = {}) {
  const consumer = { maxBatchSize: 100, maxBatchTimeout: 1, maxRetries: 100, ...batch };
  return {
    log: new Log(LogLevel.ERROR),
    name: 'edge',
    modulesRoot: path.dirname(SOURCE),
    modules: modules(main),
    compatibilityDate: '2026-04-01',
    compatibilityFlags: ['nodejs_compat'],
    queueProducers: { EVENTS: 'events' },
    queueConsumers: { events: { ...consumer, deadLetterQueue: 'dead' }, dead: consumer },
    r2Buckets: ['BUCKET'],
    bindings: { ID_KEY, ...bindings },
    ...others,
  };
}

/** A running Worker. */
export async function start(given) {
  const miniflare = new Miniflare(options(given));
  await miniflare.ready;
  return miniflare;
}

/** All objects below a prefix, by their names, as text. What is in `known` is not fetched again, and what is found added. */
export async function objects(miniflare, prefix = 'events/', known = new Map()) {
  const bucket = await miniflare.getR2Bucket('BUCKET');
  const { objects: listed } = await bucket.list({ prefix });
  for (const { key } of listed.filter((object) => !known.has(object.key))) {
    known.set(key, await (await bucket.get(key)).text());
  }
  return known;
}

/** The records of objects, in the order of their names. */
export function records(found) {
  return [...found].flatMap(([, text]) => text.split('\n').slice(1, -1).map((line) => JSON.parse(line)));
}

/** Waits until something is so. */
export async function until(what, look, seconds = 30) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; ) {
    const found = await look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`it did not come about: ${what}`);
}
