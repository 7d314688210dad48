// Who asks for what is held of an id, to know it or to have it deleted, proves to be its owner. Whether that is proven only the
// tracker can tell, which has the tables: it is asked, where its address is set. The body is passed on, and no header.

import { Refusal } from './answer.js';
import { Cursor, JsonError, isObject, isText } from './json.js';
import { isWithin } from './text.js';

const FORM = 'the request must be {"anonymousId": id, "proof": [{"messageId": id, "digest": 64 hexadecimal digits}, …]}';
const MOST_PROOFS = 20;
const TIMEOUT_MS = 20_000;

const isId = (id) => isText(id) && id !== '' && isWithin(id, 100);
const isProof = (proof) =>
  isObject(proof) && isId(proof.get('messageId')) && /^[0-9a-fA-F]{64}$/.test(String(proof.get('digest')));

/** Refuses what is no such request. */
function check(body) {
  const malformed = (reason) => new Refusal('bad_request_to_forget', `${FORM}: ${reason}`);
  let claim;
  try {
    const cursor = new Cursor(new TextDecoder('utf-8', { fatal: true }).decode(body));
    claim = cursor.read();
    cursor.end();
  } catch (error) {
    throw malformed(error instanceof JsonError ? error.message : 'no UTF-8');
  }
  if (!isObject(claim) || !isId(claim.get('anonymousId'))) throw malformed('the id is missing, empty or too long');
  const proof = claim.get('proof');
  if (!Array.isArray(proof) || proof.length === 0 || proof.length > MOST_PROOFS) {
    throw malformed(`it must name between 1 and ${MOST_PROOFS} events`);
  }
  if (!proof.every(isProof)) throw malformed('a message id or a digest is not one');
}

/** Has a request, `forget` or `holdings`, answered by the tracker at this address. */
export async function passOn(name, body, tracker) {
  check(body);
  if (!tracker) {
    const message = 'this collector only receives, and has no events to look up; nothing was done: ask those who run the tracker';
    throw new Refusal('unproven', message);
  }
  try {
    const headers = { 'content-type': 'application/json' };
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const answer = await fetch(new URL(`/v1/${name}`, tracker), { method: 'POST', body, headers, signal });
    const passed = new Headers({ 'access-control-allow-origin': '*' });
    for (const name of ['content-type', 'retry-after', 'x-ratelimit-reset', 'access-control-expose-headers']) {
      if (answer.headers.has(name)) passed.set(name, answer.headers.get(name));
    }
    return new Response(await answer.text(), { status: answer.status, headers: passed });
  } catch (error) {
    console.error(`the tracker at ${tracker} does not answer: ${error.message}`);
    throw new Refusal('unavailable', "the events can't be looked up now: ask again later", 503, 5);
  }
}
