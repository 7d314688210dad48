// From the queue into objects of the bucket: lines of JSON, one a record, behind a line that says what follows:
//
//   {"format":"dlt-edge","version":1,"lines":2,"bytes":5120,"sha256":"…"}
//   {"event":{"message_id":"…", …}}
//   {"quarantine":{"message_id":"…", …}}
//
// `bytes` and `sha256` are of all that follows the first line, so that an object that was cut short is known for one.
// The same messages make the same object under the same name, so that a delivery that is repeated writes nothing new;
// delivered in other company, a record is in two objects, and the loader knows it by its message id.

import { readOrNull } from './json.js';

/** How long a batch that could not be stored waits: from half a minute to an hour. */
const LEAST_WAIT = 30;
const MOST_WAIT = 3600;

/** Stores a batch of messages. What fails is delivered again; no message is acknowledged before it is stored. */
export async function store(batch, bucket) {
  try {
    const messages = [...batch.messages].sort(inOrder);
    const isSound = (message) => typeof message.body === 'string' && message.body.split('\n').every(isRecord);
    const sound = messages.filter(isSound);
    // A message that is none of this Worker's can't become one by another delivery.
    for (const message of messages.filter((other) => !isSound(other))) await setAside(message, bucket);
    if (sound.length > 0) await put(bucket, sound);
    batch.ackAll();
  } catch (error) {
    const attempts = Math.max(...batch.messages.map((message) => message.attempts));
    const delaySeconds = Math.min(MOST_WAIT, LEAST_WAIT * 2 ** Math.min(attempts - 1, 10));
    console.error(`${batch.messages.length} messages can't be stored and wait ${delaySeconds} s: ${error.message}`);
    batch.retryAll({ delaySeconds });
  }
}

function inOrder(a, b) {
  return a.timestamp - b.timestamp || (a.id < b.id ? -1 : 1);
}

/** Whether a line is a record. */
function isRecord(line) {
  return /^\{"(?:event|quarantine)":\{/.test(line) && readOrNull(line) !== null;
}

async function put(bucket, messages) {
  const body = new TextEncoder().encode(messages.map((message) => `${message.body}\n`).join(''));
  const lines = messages.reduce((count, message) => count + message.body.split('\n').length, 0);
  const head = { format: 'dlt-edge', version: 1, lines, bytes: body.length, sha256: await sha256(body) };
  const whole = new Blob([`${JSON.stringify(head)}\n`, body]);
  const ids = new TextEncoder().encode(messages.map((message) => message.id).join('\n'));
  const name = `events/${place(messages[0].timestamp)}-${(await sha256(ids)).slice(0, 20)}.ndjson`;
  await bucket.put(name, await whole.arrayBuffer(), { httpMetadata: { contentType: 'application/x-ndjson' } });
}

/** Keeps a message that holds no records, for a person to look at. */
async function setAside(message, bucket) {
  const name = `set-aside/${place(message.timestamp)}-${message.id}.txt`;
  const text = typeof message.body === 'string' ? message.body : (JSON.stringify(message.body) ?? '');
  console.error(`a message holds no records, and is kept as ${name}`);
  await bucket.put(name, text);
}

/** `2026-11-29/14/20261129T140502123`: names are in the order of time. */
function place(time) {
  const text = time.toISOString();
  return `${text.slice(0, 10)}/${text.slice(11, 13)}/${text.replace(/[-:.Z]/g, '')}`;
}

async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
