// One event: the row that is stored of it, or the row of the quarantine and why. Nothing else of it is kept.

import rules from './rules.js';
import { breachOf, hashNames, hashedName, names } from './contract.js';
import { Cursor, JsonError, Num, isNested, isObject, isText, readOrNull, write } from './json.js';
import * as scrub from './scrub.js';
import { hasClientForm } from './client-form.js';
import { shake128 } from './shake.js';
import { byteLength, firstChars, sortedOnce } from './text.js';
import { corrected, formatTime, now, parseTime } from './time.js';

const { limits } = rules;

/** The members of an event that are looked at; all others are passed over. */
const LOOKED_AT = new Set([
  'messageId', 'anonymousId', 'userId', 'event', 'name', 'type', 'properties', 'context', 'timestamp', 'originalTimestamp', 'sentAt',
]);

/** The calls of the tracking protocol, by the names that paths and the `type` of an event have. */
const CALLS = new Map(['track', 'identify', 'page', 'screen', 'group', 'alias'].flatMap((call) => [[call, call], [call[0], call]]));

/** The call of a name, or null. */
export function callNamed(name) {
  return CALLS.get(name) ?? null;
}

/** Why an event is quarantined. */
class Invalid extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

/**
 * Decides whether an event, given as JSON text, is stored or quarantined, and makes its row: `{ kind, row }`.
 *
 * `arrival` is what is known of its request: `receivedAt`, `call`, `context` and `sentAt` of the batch, `digest` (makes the
 * hash of the request, or null where it proves nothing), `idKey`, `project`, `contract`.
 */
export function judge(text, arrival) {
  try {
    if (byteLength(text) > limits.event_bytes) throw new Invalid('too_large');
    if (!text.startsWith('{')) throw new Invalid('not_an_object');
    const parts = take(lookedAt(text), text, arrival);
    parts.properties = hashNames(arrival.contract, parts.event, parts.properties, (name) => {
      // The hash of the request would tell whether a name that is tried is the right one.
      parts.digest = null;
      return hashedName(name, arrival.idKey);
    });
    const breach = breachOf(arrival.contract, parts.event, parts.properties);
    if (breach !== null) return undeclared(parts, breach, byteLength(text), arrival);
    return { kind: 'event', row: rowOf(parts, arrival) };
  } catch (error) {
    if (error instanceof Invalid) return quarantined(text, error.reason, arrival);
    throw error;
  }
}

function lookedAt(text) {
  const cursor = new Cursor(text);
  const found = new Map();
  try {
    cursor.members((name) => {
      if (!LOOKED_AT.has(name)) return cursor.skip();
      if (found.has(name)) throw new Invalid('unreadable');
      found.set(name, cursor.read());
    });
  } catch (error) {
    throw error instanceof JsonError ? new Invalid('unreadable') : error;
  }
  return (name) => found.get(name) ?? null;
}

/** Takes an event apart: ids, name, times and context as they are stored, and the properties that may be kept. */
function take(member, text, arrival) {
  const messageId = idOf(member('messageId'), 'bad_message_id') ?? newMessageId();
  const anonymousId = idOf(member('anonymousId'), 'bad_anonymous_id') ?? hashedId(member('userId'), arrival.idKey);
  const call = arrival.call ?? callNamed(member('type')) ?? 'track';
  const event = call === 'track' ? eventName(member('event')) : call;
  const properties = member('properties') ?? new Map();
  if (!isObject(properties)) throw new Invalid('properties_not_an_object');
  const context = member('context');
  if (context !== null && !isObject(context)) throw new Invalid('context_not_an_object');
  const sentAt = member('sentAt') ?? arrival.sentAt;
  const original = member('originalTimestamp') ?? member('timestamp');
  const title = member('name');
  const dropped = new Set();
  return {
    messageId,
    anonymousId,
    event,
    name: (call === 'page' || call === 'screen') && isText(title) && scrub.isName(title) ? title : null,
    timestamp: formatTime(corrected(arrival.receivedAt, parseTime(original), parseTime(sentAt))),
    receivedAt: formatTime(arrival.receivedAt),
    context: contextColumns(context, arrival.context),
    properties: kept(properties, dropped),
    dropped,
    digest: hasClientForm(text) ? arrival.digest() : null,
  };
}

function idOf(value, reason) {
  if (value === null || value === '') return null;
  if (!isText(value) || !scrub.isId(value)) throw new Invalid(reason);
  return value;
}

function eventName(name) {
  if (name === null) throw new Invalid('no_event_name');
  if (!isText(name) || name === '' || !scrub.isName(name)) throw new Invalid('bad_event_name');
  return name;
}

/** What stands for an installation where only the id of a user is told, which may be a mail address: its hash by a key. */
function hashedId(userId, key) {
  if (!(userId instanceof Num) && !(isText(userId) && userId !== '')) return null;
  return `user-${shake128(`user id\0${key}\0${userId}`).slice(0, 32)}`;
}

/** The properties that may be kept. What is in lists and objects is not looked at. */
function kept(properties, dropped) {
  const found = new Map();
  for (const [name, value] of properties) {
    if (value === null) continue;
    if (scrub.isForbidden(name, value)) dropped.add(scrub.shownName(name));
    else found.set(name, value);
  }
  return found;
}

function contextColumns(own, ofBatch) {
  const member = (name) => (own?.has(name) ? own.get(name) : (isObject(ofBatch) ? ofBatch.get(name) : null)) ?? null;
  const text = (part, inner, shorten) => {
    const value = isObject(part) ? part.get(inner) : null;
    return isText(value) ? shorten(value) : null;
  };
  const [library, os, runtime] = ['library', 'os', 'runtime'].map(member);
  const [python, cpu, ciRun, execInfo] = ['python', 'cpu', 'ci_run', 'exec_info'].map(member);
  return {
    library_name: text(library, 'name', scrub.contextText),
    library_version: text(library, 'version', scrub.libraryVersion),
    os_name: text(os, 'name', scrub.contextText),
    os_version: text(os, 'version', scrub.systemVersion),
    python_version: isText(python) ? scrub.systemVersion(python) : null,
    runtime_name: text(runtime, 'name', scrub.contextText),
    runtime_version: text(runtime, 'version', scrub.systemVersion),
    cpu: cpu instanceof Num && cpu.signed !== null ? cpu : null,
    ci_run: typeof ciRun === 'boolean' ? ciRun : null,
    exec_info: Array.isArray(execInfo) ? words(execInfo) : null,
    client_dropped: counts(member('dropped')),
  };
}

function words(items) {
  const found = items.filter(isText).map(scrub.contextText).filter((word) => word !== null);
  return sortedOnce(found).slice(0, limits.context_members).join(',');
}

/** What a client reports as lost, by reason: numbers only. */
function counts(members) {
  if (!isObject(members)) return null;
  const isCount = ([name, count]) => count instanceof Num && count.unsigned !== null && scrub.isCountName(name);
  return asText(new Map([...members].filter(isCount).slice(0, limits.context_members)));
}

/** Members as JSON; null where there are none. */
function asText(members) {
  return members.size === 0 ? null : write(members);
}

/** The row of the table of events. Lists and objects are kept where the contract names them. */
function rowOf(parts, arrival) {
  const { properties, dropped } = parts;
  const takeIf = (name, isRight) => {
    const value = properties.get(name) ?? null;
    if (!isRight(value)) return null;
    properties.delete(name);
    return value;
  };
  const takeText = (name) => takeIf(name, isText);
  const category = takeText('event_category');
  const name = takeText('event_name') ?? parts.name;
  const success = takeIf('success', (value) => typeof value === 'boolean');
  const elapsed = takeIf('elapsed', (value) => value instanceof Num);
  const known = Object.fromEntries(rules.text_columns.map((column) => [column, takeText(column)]));
  const rest = new Map();
  for (const [property, value] of properties) {
    if (!isNested(value)) rest.set(property, value);
    else if (names(arrival.contract, parts.event, property, value)) rest.set(property, scrub.clean(value, property, dropped));
    else dropped.add(property);
  }
  return rowText({
    message_id: parts.messageId,
    project: arrival.project,
    event: parts.event,
    event_category: category,
    event_name: name,
    anonymous_id: parts.anonymousId,
    timestamp: parts.timestamp,
    received_at: parts.receivedAt,
    ...parts.context,
    success,
    elapsed: elapsed === null ? null : new Num(Number(elapsed.value)),
    ...known,
    properties: asText(rest),
    properties_dropped: dropped.size > 0 ? sortedOnce(dropped).join(',') : null,
    body_digest: dropped.size === 0 ? parts.digest : null,
  });
}

/** Quarantines an event, given as JSON text. */
function quarantined(text, reason, arrival) {
  const read = readOrNull(text);
  const member = (name) => (isObject(read?.value) ? read.value.get(name) : null);
  const [event, id] = [member('event'), member('anonymousId')];
  const row = {
    message_id: newMessageId(),
    anonymous_id: isText(id) && scrub.isId(id) ? id : null,
    reason,
    event: isText(event) && !scrub.isPersonal(event) ? firstChars(event, limits.name_chars) : null,
    received_at: formatTime(arrival.receivedAt),
    bytes: new Num(BigInt(byteLength(text))),
    payload: read === null ? null : scrub.payloadForQuarantine(read.value),
    project: arrival.project,
  };
  return { kind: 'quarantine', row: rowText(row) };
}

/** Quarantines an event that its contract does not name. It is kept whole, so that it can be stored when it is named. */
function undeclared(parts, breach, bytes, arrival) {
  const properties = new Map([...parts.properties].map(([name, value]) => [name, scrub.clean(value, name, parts.dropped)]));
  // The hash of the request would tell whether a value that is tried is the one that was removed.
  const isWhole = parts.dropped.size === 0;
  const dropped = isWhole ? null : sortedOnce(parts.dropped);
  const payload = { ...parts, context: present(parts.context), properties, dropped, digest: isWhole ? parts.digest : null };
  const row = {
    message_id: newMessageId(),
    anonymous_id: parts.anonymousId,
    reason: breach.reason,
    path: breach.path,
    event: parts.event,
    received_at: parts.receivedAt,
    bytes: new Num(BigInt(bytes)),
    payload: write(present(payload)),
    project: arrival.project,
  };
  return { kind: 'quarantine', row: rowText(row) };
}

/** The members that are not null. */
function present(members) {
  return new Map(Object.entries(members).filter(([, value]) => value !== null));
}

function rowText(row) {
  return write(present(row));
}

/** A new id: a UUID of version 7, made of the time and 74 random bits. */
function newMessageId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const milliseconds = now() / 1_000_000n;
  for (let at = 0; at < 6; at += 1) bytes[at] = Number((milliseconds >> BigInt(40 - 8 * at)) & 0xffn);
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const digits = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
