// From the bytes of a request to events: bounded inflating, JSON, one event or a batch.
//
// A request that can't be read is refused as a whole. One that can be split into events is accepted, and an invalid event
// is quarantined alone.

import { Buffer } from 'node:buffer';
import zlib from 'node:zlib';
import rules from './rules.js';
import { Refusal } from './answer.js';
import { Cursor, JsonError, isText } from './json.js';
import { firstChars, trimmed } from './text.js';

const { limits } = rules;

function tooLarge() {
  return new Refusal('too_large', `the request is longer than ${limits.request_bytes} bytes`);
}

/** Reads a body of at most the limit. Of a longer one some more is read and discarded: senders retry after a reset. */
export async function readBody(request) {
  const pieces = [];
  let length = 0;
  if (request.body === null) return new Uint8Array();
  try {
    for await (const piece of request.body) {
      length += piece.length;
      if (length <= limits.request_bytes) pieces.push(piece);
      if (length > limits.discarded_bytes) break;
    }
  } catch {
    throw new Refusal('incomplete', 'the body did not arrive', 408);
  }
  if (length > limits.request_bytes) throw tooLarge();
  const body = new Uint8Array(length);
  pieces.reduce((at, piece) => {
    body.set(piece, at);
    return at + piece.length;
  }, 0);
  return body;
}

/** Inflates a body where its encoding says so. */
export function inflate(body, encoding) {
  const name = trimmed(encoding ?? '');
  if (name === '' || name === 'identity') return body;
  if (!['gzip', 'x-gzip'].includes(name.toLowerCase())) {
    const shown = JSON.stringify(firstChars(name, 40));
    throw new Refusal('unknown_encoding', `the content encoding ${shown} is not known: send gzip or nothing`);
  }
  try {
    return zlib.gunzipSync(body, { maxOutputLength: limits.request_bytes });
  } catch (error) {
    if (error.code === 'ERR_BUFFER_TOO_LARGE' || /memory limit/i.test(error.message)) throw tooLarge();
    throw new Refusal('invalid_gzip', `the body can't be inflated: ${error.message}`);
  }
}

/** The body as text. */
function textOf(body) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    throw new Refusal('invalid_json', 'the body is not JSON: no UTF-8');
  }
}

/** Does something that fails where the body is not JSON. */
function parsed(work) {
  try {
    return work();
  } catch (error) {
    if (error instanceof JsonError) throw new Refusal('invalid_json', `the body is not JSON: ${error.message}`);
    throw error;
  }
}

/** What came in one request: `{ events, isBatch, context, sentAt, writeKey }`, the events as JSON text. */
export function single(body) {
  return parsed(() => {
    const cursor = new Cursor(textOf(body));
    const event = cursor.skip();
    cursor.end();
    if (!event.startsWith('{')) throw new Refusal('not_an_object', 'the body is not a JSON object');
    return { events: [event], isBatch: false, context: null, sentAt: null, writeKey: writeKeyOf(event) };
  });
}

/** The key that an event names. Most name none, and are not looked through for it. */
function writeKeyOf(event) {
  if (!event.includes('"writeKey"')) return null;
  const cursor = new Cursor(event);
  const found = [];
  try {
    cursor.members((name) => (name === 'writeKey' ? found.push(cursor.read()) : cursor.skip()));
  } catch {
    return null;
  }
  return found.length === 1 && isText(found[0]) ? found[0] : null;
}

/** As `single`, for a batch; its events are not looked into. */
export function batch(body) {
  return parsed(() => {
    const cursor = new Cursor(textOf(body));
    if (cursor.peek() !== '{') {
      cursor.skip();
      cursor.end();
      throw new Refusal('not_an_object', 'the body is not a JSON object');
    }
    const found = new Map();
    cursor.members((name) => {
      if (!['batch', 'context', 'sentAt', 'writeKey'].includes(name)) return cursor.skip();
      if (found.has(name)) cursor.fail(`a batch has two members "${name}"`);
      found.set(name, name === 'batch' && cursor.peek() === '[' ? rawItems(cursor) : cursor.read());
    });
    cursor.end();
    const events = found.get('batch');
    if (!Array.isArray(events)) throw new Refusal('no_batch', 'a batch needs a list of events named "batch"');
    if (events.length > limits.batch_events) {
      throw new Refusal('too_many_events', `the batch has ${events.length} events, ${limits.batch_events} are allowed`);
    }
    const writeKey = found.get('writeKey');
    return {
      events,
      isBatch: true,
      context: found.get('context') ?? null,
      sentAt: found.get('sentAt') ?? null,
      writeKey: isText(writeKey) ? writeKey : null,
    };
  });
}

/** The items of a list, as text. */
function rawItems(cursor) {
  return cursor.nested(() => {
    const items = [];
    if (cursor.peek() === ']') {
      cursor.at += 1;
      return items;
    }
    for (;;) {
      items.push(cursor.skip());
      const next = cursor.peek();
      if (next !== ',' && next !== ']') cursor.fail('a comma or an end is missing');
      cursor.at += 1;
      if (next === ']') return items;
    }
  });
}

/** One event that names its own call, or a batch. */
export function any(body) {
  if (indexOfText(body, '"batch"') >= 0) {
    try {
      return batch(body);
    } catch (error) {
      if (error.code !== 'no_batch') throw error;
    }
  }
  return single(body);
}

function indexOfText(body, text) {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).indexOf(text);
}

/** Whether a request can prove that its sender sent it: a batch holds events of several, and the client always says `sentAt`. */
export function mayProve(delivery, body) {
  return !delivery.isBatch && indexOfText(body, '"sentAt"') >= 0;
}
