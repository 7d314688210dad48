// Records into the queue. A message holds records of one request as lines; a request is answered when the queue has
// acknowledged all of its messages.

import rules from './rules.js';
import { Refusal, overloaded, unavailable } from './answer.js';
import { byteLength } from './text.js';

/** The queue's limits are 128,000 bytes a message, 256,000 bytes and 100 messages a call; some is left for what it adds. */
const MESSAGE_BYTES = 120_000;
const CALL_BYTES = 240_000;
const CALL_MESSAGES = 100;
/** How long the queue may take; it has been seen to hang for a minute. */
const TIMEOUT_MS = 10_000;

/** Packs records into the texts of messages. */
export function packed(records) {
  const most = rules.limits.request_bytes * rules.limits.rows_factor;
  const messages = [];
  let [lines, bytes, total] = [[], 0, 0];
  const close = () => {
    if (lines.length > 0) messages.push({ text: lines.join('\n'), bytes });
    [lines, bytes] = [[], 0];
  };
  for (const { kind, row } of records) {
    const line = `{"${kind}":${row}}`;
    const length = byteLength(line) + 1;
    total += length;
    if (total > most || length > MESSAGE_BYTES) {
      const limit = total > most ? most : MESSAGE_BYTES;
      throw new Refusal('too_large', `what is to be stored of its events is longer than ${limit} bytes: send fewer at once`);
    }
    if (bytes + length > MESSAGE_BYTES) close();
    lines.push(line);
    bytes += length;
  }
  close();
  return messages;
}

/** Groups messages into calls. */
function calls(messages) {
  const groups = [];
  let bytes = Infinity;
  for (const message of messages) {
    const last = groups[groups.length - 1];
    if (bytes + message.bytes > CALL_BYTES || last.length === CALL_MESSAGES) {
      groups.push([message]);
      bytes = message.bytes;
    } else {
      last.push(message);
      bytes += message.bytes;
    }
  }
  return groups;
}

/** Sends records; returns when the queue holds them all. */
export async function send(queue, records) {
  for (const group of calls(packed(records))) {
    const batch = group.map(({ text }) => ({ body: text, contentType: 'text' }));
    try {
      await within(TIMEOUT_MS, batch.length === 1 ? queue.send(batch[0].body, { contentType: 'text' }) : queue.sendBatch(batch));
    } catch (error) {
      console.error(`the queue does not take events: ${error.message}`);
      throw /too many requests|overloaded|storage limit/i.test(error.message) ? overloaded() : unavailable();
    }
  }
}

function within(milliseconds, work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${milliseconds} ms`)), milliseconds);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
