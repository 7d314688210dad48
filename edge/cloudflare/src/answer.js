// The answers to senders: status, code, and when to retry, all in one place.
//
// Clients of the tracking protocol differ in what they treat as final. All of them drop events at 400 with a code and a
// message, and retry at 429. So there is no 405, 413, 415 or 401 here.

/** A request that is not taken. `retryAfter` in seconds: it may be taken later. */
export class Refusal extends Error {
  constructor(code, message, status = 400, retryAfter = null) {
    super(message);
    this.code = code;
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** The queue takes no more for a moment. */
export function overloaded() {
  return new Refusal('overloaded', 'too many events are under way: send them again later', 429, 1);
}

/** The events can't be kept now. */
export function unavailable() {
  return new Refusal('unavailable', "the events can't be kept now: send them again later", 503, 5);
}

/** Pages of any origin may send events and read the answer; nothing depends on cookies. */
const OPEN = { 'access-control-allow-origin': '*' };
const JSON_TYPE = { 'content-type': 'application/json' };

/** Success on the paths of the protocol. */
export function success() {
  return new Response('{"success":true}', { headers: { ...JSON_TYPE, ...OPEN } });
}

/** Success on the bare path. */
export function noContent() {
  return new Response(null, { status: 204, headers: OPEN });
}

/** What a browser asks before it sends events from a page of another origin. */
export function preflight() {
  // Any header, for none is kept: libraries add some when they send again. The key's is not among "any".
  const headers = {
    ...OPEN,
    'access-control-allow-methods': 'POST',
    'access-control-allow-headers': '*, authorization',
    'access-control-max-age': '86400',
  };
  return new Response(null, { status: 204, headers });
}

/** A JSON document. */
export function document(status, value) {
  return new Response(JSON.stringify(value), { status, headers: JSON_TYPE });
}

/** A refusal. Its message names nothing of this collector. */
export function refused({ status, code, message, retryAfter }) {
  const headers = { ...JSON_TYPE, ...OPEN };
  if (retryAfter !== null) {
    headers['retry-after'] = String(retryAfter);
    headers['x-ratelimit-reset'] = String(Math.floor(Date.now() / 1000) + retryAfter);
    // Scripts of other origins do not see them otherwise.
    headers['access-control-expose-headers'] = 'retry-after, x-ratelimit-reset';
  }
  return new Response(JSON.stringify({ code, message }), { status, headers });
}
