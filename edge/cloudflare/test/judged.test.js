// The Worker makes of events what the tracker makes of them: `judged.jsonl` holds what that is, made by the tracker's tests.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Contracts } from '../src/contract.js';
import { callNamed, judge } from '../src/event.js';
import { Cursor } from '../src/json.js';
import { shake128 } from '../src/shake.js';
import { parseTime } from '../src/time.js';

const [first, ...lines] = readFileSync(path.join(import.meta.dirname, 'judged.jsonl'), 'utf8').trimEnd().split('\n');
const about = JSON.parse(first);
const contracts = new Contracts({ web: about.contract });

/** The row with an id that was made just now taken out, as the tracker's test does. */
function withoutNewId(text, row) {
  const isOwn = (id) => id !== '' && text.includes(JSON.stringify(id));
  if (!isOwn(row.message_id)) row.message_id = 'new';
  if (row.path !== undefined) {
    const own = /"messageId":("(?:[^"\\]|\\.)*")/.exec(row.payload)[1];
    if (!isOwn(JSON.parse(own))) row.payload = row.payload.replace(`"messageId":${own}`, '"messageId":"new"');
  }
  return row;
}

test('the rows are those of the tracker', () => {
  assert.ok(lines.length > 400, `${lines.length} events`);
  for (const [at, line] of lines.entries()) {
    const { text, call, context, sent_at: sentAt, closed, ...expected } = JSON.parse(line);
    const project = closed ? 'web' : null;
    const { kind, row } = judge(text, {
      receivedAt: parseTime(about.received_at),
      call: call === null ? null : callNamed(call),
      context: context === null ? null : new Cursor(context).read(),
      sentAt,
      digest: () => shake128(text),
      idKey: about.id_key,
      project,
      contract: contracts.of(project),
    });
    const found = { [kind]: withoutNewId(text, JSON.parse(row)) };
    assert.deepEqual(found, expected, `line ${at + 2}: ${text.slice(0, 2000)}`);
  }
});
