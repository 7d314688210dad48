// No event keeps the Worker busy for long, however it is made: nothing here takes more than a few passes over a text.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Contracts } from '../src/contract.js';
import { judge } from '../src/event.js';
import { now } from '../src/time.js';

const arrival = { receivedAt: now(), call: null, context: null, sentAt: null, digest: () => null, idKey: 'k', project: null, contract: new Contracts().of(null) };

/** Time of the processor that an event takes, in microseconds: the least of some tries, because others use the machine, too. */
function cost(text) {
  const tries = Array.from({ length: 5 }, () => {
    const begun = process.cpuUsage();
    judge(text, arrival);
    const { user, system } = process.cpuUsage(begun);
    return user + system;
  });
  return Math.min(...tries);
}

test('odd texts take time by their length, and not by its square', () => {
  for (const sign of ['-', '.', ':', '[', '@', ' ', '1.', '::', 'a@', '\\u0000', '\\ud83d\\ude00', '%', 'Aa', '=[.', '9', '{', '["', '\\\\']) {
    for (const made of [(text) => `{"event":"${text}x"}`, (text) => `{"event":"e","properties":{"${text}x":"${text}x"}}`, (text) => `{"event":"e","n":${text}}`]) {
      const of = (length) => made(sign.repeat(Math.floor(length / sign.length)));
      judge(of(1000), arrival);
      const [short, long] = [cost(of(7_500)), cost(of(30_000))];
      // Four times the length would be sixteen times the time, were it the square; small times are noise.
      assert.ok(long < 100_000 || long < 10 * short, `${JSON.stringify(sign)}: ${short} and ${long} µs`);
    }
  }
});
