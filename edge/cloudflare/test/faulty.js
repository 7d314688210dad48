// The Worker with a queue and a bucket that fail as they are told: `POST /faults` says how often and in which way, `GET` what is left of it.

import worker from '../src/worker.js';

let plan = {};

/** Takes a planned fault of a kind; null where none is left. */
function next(kind) {
  const fault = plan[kind]?.[0];
  if (fault === undefined) return null;
  plan[kind].shift();
  return fault;
}

/** Does a piece of work, and fails before or after it. */
async function perhaps(kind, work) {
  const fault = next(kind);
  if (fault === null) return work();
  if (fault.hangs) return new Promise(() => {});
  if (fault.after) await work();
  throw new Error(fault.message);
}

const queue = (real) => ({
  send: (...given) => perhaps('send', () => real.send(...given)),
  sendBatch: (...given) => perhaps('send', () => real.sendBatch(...given)),
});

const bucket = (real) => ({ put: (...given) => perhaps('put', () => real.put(...given)) });

/** Deliveries: a pause is only noted, and an acknowledgement may be lost. */
const delivered = (batch) => ({
  queue: batch.queue,
  messages: batch.messages,
  ackAll: () => (next('ack') === null ? batch.ackAll() : batch.retryAll()),
  retryAll: ({ delaySeconds }) => {
    (plan.waits ??= []).push(delaySeconds);
    batch.retryAll();
  },
});

export default {
  async fetch(request, env) {
    if (new URL(request.url).pathname === '/faults') {
      const before = plan;
      if (request.method === 'POST') plan = await request.json();
      return Response.json(before);
    }
    return worker.fetch(request, { ...env, EVENTS: queue(env.EVENTS) });
  },

  queue(batch, env) {
    return worker.queue(delivered(batch), { ...env, BUCKET: bucket(env.BUCKET) });
  },
};
