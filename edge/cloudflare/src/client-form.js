// The form of the telemetry client's own requests: these members and no others, with nothing in them to scrub but the later
// numbers of a version. Only of such a request the hash is kept, by which its sender can prove later that it sent it: that of
// any other would allow guesses at what was scrubbed, such as an address.

import rules from './rules.js';
import { Cursor, JsonError, Num, isObject, isText } from './json.js';
import { contextText, isCountName } from './scrub.js';
import { parseTime } from './time.js';

const { context_members: MOST } = rules.limits;
const TEXTS = ['anonymousId', 'event', 'messageId', 'timestamp', 'sentAt'];
const isKept = (value) => isText(value) && contextText(value) === value;

/** Whether an event, given as JSON text, has this form. */
export function hasClientForm(text) {
  const cursor = new Cursor(text);
  const found = new Map();
  // A repeated member is no form of any client.
  const once = (members, name, read) => {
    if (members.has(name)) cursor.fail('a member comes twice');
    members.set(name, read());
  };
  const object = (readMember) => () => {
    if (cursor.peek() !== '{') cursor.fail('no object');
    const members = new Map();
    cursor.members((name) => once(members, name, () => readMember(name)));
    return members;
  };
  const part = object(() => cursor.read());
  const context = object((name) => (['library', 'os', 'runtime'].includes(name) ? part() : cursor.read()));
  try {
    cursor.members((name) =>
      once(found, name, () => {
        if (name === 'properties') return cursor.skip();
        return name === 'context' ? context() : cursor.read();
      }),
    );
  } catch (error) {
    if (error instanceof JsonError) return false;
    throw error;
  }
  const has = (name) => isText(found.get(name));
  return (
    found.size === TEXTS.length + 2 &&
    found.has('properties') &&
    TEXTS.every(has) &&
    ['timestamp', 'sentAt'].every((name) => parseTime(found.get(name)) !== null) &&
    found.has('context') &&
    [...found.get('context')].every(([name, value]) => isOfContext(name, value))
  );
}

function isOfContext(name, value) {
  switch (name) {
    case 'ci_run':
      return typeof value === 'boolean';
    case 'cpu':
      return value instanceof Num && value.signed !== null;
    case 'exec_info':
      return Array.isArray(value) && value.length <= MOST && value.every(isKept);
    case 'library':
    case 'os':
    case 'runtime':
      return [...value].every(([member, text]) => (member === 'name' || member === 'version') && isKept(text));
    case 'python':
      return isKept(value);
    case 'dropped':
      return isObject(value) && value.size <= MOST && [...value].every(isCount);
    default:
      return false;
  }
}

function isCount([name, count]) {
  return count instanceof Num && count.unsigned !== null && isCountName(name);
}
