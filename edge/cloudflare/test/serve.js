// The Worker on a free port, for tests that are not written in JavaScript: as `faulty.js`, so that faults can be planned by
// `POST /faults`. Prints its address; then each line that it reads is a folder, into which it copies all objects of the bucket, and
// prints how many there are. Ends with its input. Its argument is the folder of the bucket; TRACKER and SETTINGS of its environment
// are the Worker's.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { objects, start } from './worker.js';

const { TRACKER = '', SETTINGS } = process.env;
const bindings = SETTINGS === undefined ? { TRACKER } : { TRACKER, SETTINGS };
const miniflare = await start({ main: 'faulty.js', bindings, host: '127.0.0.1', port: 0, r2Persist: process.argv[2] });
console.log((await miniflare.ready).origin);
for await (const folder of createInterface({ input: process.stdin })) {
  const found = await objects(miniflare, '');
  for (const [name, text] of found) {
    const file = path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  console.log(found.size);
}
await miniflare.dispose();
