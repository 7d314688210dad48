// The edge tracker: takes what `dlt tracker serve` takes, and answers as it does.
//
//   POST ──► decode ──► event + scrub ──► queue ──► 200 / 204
//                                           │
//                                         store ──► bucket ──► dlt tracker load --from s3://…
//
// Only the body of a request goes further: no address, no header. What is kept of an event is the row that will be in the
// tracker's tables, or in its quarantine. A sender is answered when the queue has acknowledged all of its events.

import settings from './settings.js';
import * as answer from './answer.js';
import { Refusal } from './answer.js';
import { passOn } from './claim.js';
import { Contracts } from './contract.js';
import * as decode from './decode.js';
import { callNamed, judge } from './event.js';
import { Keys, basicUser } from './keys.js';
import { send } from './send.js';
import { shake128 } from './shake.js';
import { store } from './store.js';
import { now } from './time.js';

const MIN_KEY_CHARS = 16;

/** What the tracker's folder says: keys and contracts. A test sets others. */
let known = null;

function settingsOf(env) {
  if (known === null || known.text !== env.SETTINGS) {
    const { keys, refuse_unknown_keys: refuses, contracts } = env.SETTINGS ? JSON.parse(env.SETTINGS) : settings;
    known = { text: env.SETTINGS, keys: new Keys(keys, refuses), contracts: new Contracts(contracts) };
  }
  return known;
}

/** Why this Worker can't take events; null if it can. */
function lack(env) {
  if (!env.EVENTS || !env.BUCKET) return 'the bindings EVENTS (a queue) and BUCKET are needed: see wrangler.toml';
  if ((env.ID_KEY ?? '').length < MIN_KEY_CHARS) {
    return `the secret ID_KEY of at least ${MIN_KEY_CHARS} characters is needed, by which ids of users are hashed: wrangler secret put ID_KEY`;
  }
  return null;
}

/** How the events of a request are wrapped, by its path: `{ form, call }`; null for an unknown one. */
function formOf(path) {
  if (path === '/') return { decode: decode.any, call: null };
  const found = /^\/(?:v1\/)?([^/]+)$/.exec(path);
  if (!found) return null;
  let name;
  try {
    name = decodeURIComponent(found[1]);
  } catch {
    return null;
  }
  if (path.startsWith('/v1/') && ['forget', 'holdings'].includes(name)) return { asks: name };
  if (['batch', 'import', 'b'].includes(name)) return { decode: decode.batch, call: null };
  const call = callNamed(name);
  return call === null ? null : { decode: decode.single, call };
}

async function respond(request, env) {
  const { pathname } = new URL(request.url);
  if (pathname === '/healthz' && request.method === 'GET') {
    const reason = lack(env);
    return reason === null ? answer.document(200, { status: 'ok' }) : answer.document(503, { status: 'failing', reason });
  }
  const form = formOf(pathname);
  if (form === null) {
    throw new Refusal('unknown_path', 'there is no such path: send events to /v1/track, /v1/batch or /');
  }
  if (request.method === 'OPTIONS') return answer.preflight();
  if (request.method !== 'POST') {
    throw new Refusal('unknown_method', 'this path does not take that method: events are sent by POST');
  }
  const reason = lack(env);
  if (reason !== null) {
    console.error(reason);
    throw answer.unavailable();
  }
  const sent = await decode.readBody(request);
  const body = decode.inflate(sent, request.headers.get('content-encoding'));
  if (form.asks) return passOn(form.asks, body, env.TRACKER);
  await take(form, body, basicUser(request.headers.get('authorization')), env);
  return pathname === '/' ? answer.noContent() : answer.success();
}

/** Takes the events of a request; returns when the queue holds them. */
async function take(form, body, user, env) {
  const receivedAt = now();
  const delivery = form.decode(body);
  const { keys, contracts } = settingsOf(env);
  const project = keys.projectOf([user, delivery.writeKey]);
  const arrival = {
    receivedAt,
    call: form.call,
    context: delivery.context,
    sentAt: delivery.sentAt,
    digest: () => (decode.mayProve(delivery, body) ? shake128(body) : null),
    idKey: env.ID_KEY,
    project,
    contract: contracts.of(project),
  };
  await send(env.EVENTS, delivery.events.map((event) => judge(event, arrival)));
}

export default {
  async fetch(request, env) {
    try {
      return await respond(request, env);
    } catch (error) {
      if (error instanceof Refusal) return answer.refused(error);
      // Its message could hold something of an event.
      console.error(`a request failed: ${error.name} ${error.stack?.split('\n').slice(1, 3).join(' ')}`);
      return answer.refused(answer.unavailable());
    }
  },

  queue(batch, env) {
    return store(batch, env.BUCKET);
  },
};
