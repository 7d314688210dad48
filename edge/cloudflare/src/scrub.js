// What is removed from an event before anything is kept. The words are the tracker's own (`rules.js`).

import rules from './rules.js';
import { isIpv4, isPersonal } from './address.js';
import { isNested, isObject, isText, write } from './json.js';
import { firstBytes, firstChars, isWithin, withoutEnd } from './text.js';

export { isPersonal };

const { scrub, limits } = rules;
const FORBIDDEN = new Set(scrub.forbidden);
const LAST_WORDS = new Set(scrub.forbidden_last_words);
const MEMBERS = new Set(scrub.members);
const CONTEXT = new Set(scrub.context);

/** Whether a name says that an address or a secret comes with it, or is an address itself. */
export function isForbiddenName(name) {
  const plain = name.replace(/[^0-9a-zA-Z]/g, '').toLowerCase();
  return (
    FORBIDDEN.has(plain) ||
    scrub.forbidden_endings.some((ending) => plain.endsWith(ending)) ||
    LAST_WORDS.has(lastWord(name).toLowerCase()) ||
    isPersonal(name)
  );
}

/** The last word of a name in any of the usual spellings: `client_ip`, `client-ip`, `clientIp`, `clientIP`. */
function lastWord(name) {
  const whole = withoutEnd(name, (sign) => !/[0-9a-zA-Z]/.test(sign));
  let begin = 0;
  for (let at = 0; at < whole.length; at += 1) {
    if (!/[0-9a-zA-Z]/.test(whole[at])) begin = at + 1;
    else if (/[A-Z]/.test(whole[at]) && !/[A-Z]/.test(whole[at - 1] ?? '')) begin = at;
  }
  return whole.slice(begin);
}

/** Whether a member must not be kept, by its name or by its value. */
export function isForbidden(name, value) {
  return isForbiddenName(name) || (isText(value) && isPersonal(value));
}

/** The name of a member that is not kept, or its place, as it may be told: names that are none may be an address together. */
export function shownName(name) {
  return isPersonal(name) ? 'address' : name;
}

/** Takes out of a list or an object, however deep, what must not be kept; tells its places. */
export function clean(value, path, dropped) {
  if (isObject(value)) {
    const kept = new Map();
    for (const [name, member] of value) {
      // A name is said once and may be above many values.
      const place = firstChars(`${path}.${shownName(name)}`, limits.path_chars);
      if (isForbidden(name, member)) dropped.add(shownName(place));
      else kept.set(name, clean(member, place, dropped));
    }
    return kept;
  }
  if (!Array.isArray(value)) return value;
  const place = firstChars(`${path}[]`, limits.path_chars);
  const kept = value.filter((item) => !isText(item) || !isPersonal(item));
  if (kept.length < value.length) dropped.add(shownName(place));
  return kept.map((item) => clean(item, place, dropped));
}

/** A text of the context; null if it is personal. */
export function contextText(text) {
  return isPersonal(text) ? null : firstChars(text, limits.context_chars);
}

/** A library's version. Its four numbers may look like an address: then the first two are kept. */
export function libraryVersion(version) {
  return isIpv4(version) ? systemVersion(version) : contextText(version);
}

/** The version of a system or a language, shortened; null if it is personal or empty. */
export function systemVersion(version) {
  if (isPersonal(version) && !isIpv4(version)) return null;
  return coarseVersion(version) || null;
}

/** Its first two numbers; what does not begin with a number up to the first space, 20 characters at most. */
function coarseVersion(version) {
  const numbers = [];
  for (const part of version.split('.').slice(0, 2)) {
    const digits = /^[0-9]*/.exec(part)[0];
    if (digits === '') break;
    numbers.push(digits);
  }
  const found = numbers.length > 0 ? numbers.join('.') : (version.split(/\p{White_Space}+/u).find(Boolean) ?? '');
  return firstChars(found, 20);
}

/** Whether a text can be the id of a message or of an installation: an address is none. */
export function isId(id) {
  return isWithin(id, limits.id_chars) && !isPersonal(id);
}

/** Whether a text can be the name of an event. */
export function isName(name) {
  return isWithin(name, limits.name_chars) && !isPersonal(name);
}

/** Whether a text can be the name of a count of the client's. */
export function isCountName(name) {
  return isWithin(name, limits.id_chars) && !isForbiddenName(name);
}

/** What the quarantine keeps of an event, as text; null where a string or a list, which may hold anything, is all of it. */
export function payloadForQuarantine(event) {
  if (isText(event) || Array.isArray(event)) return null;
  if (!isObject(event)) return write(event);
  const members = new Map([...event].filter(([name]) => MEMBERS.has(name)));
  if (members.has('context')) {
    const context = members.get('context');
    members.set('context', isObject(context) ? cleanContext(context) : null);
  }
  return firstBytes(write(strip(members)), limits.quarantined_bytes);
}

/** The same members as a good event's, and versions as coarse. */
function cleanContext(context) {
  const kept = new Map([...context].filter(([name]) => CONTEXT.has(name)));
  if (kept.has('python')) kept.set('python', versionOf(kept.get('python'), systemVersion));
  for (const name of ['library', 'os', 'runtime']) {
    const about = kept.get(name);
    if (!isObject(about)) {
      kept.delete(name);
      continue;
    }
    const told = new Map([...about].filter(([member]) => member === 'name' || member === 'version'));
    const shorten = name === 'library' ? libraryVersion : systemVersion;
    if (told.has('version')) told.set('version', versionOf(told.get('version'), shorten));
    kept.set(name, told);
  }
  return kept;
}

function versionOf(value, shorten) {
  return isText(value) ? shorten(value) : null;
}

function strip(value) {
  if (isObject(value)) {
    const kept = [...value].filter(([name, member]) => !isForbidden(name, member));
    return new Map(kept.map(([name, member]) => [name, strip(member)]));
  }
  if (!isNested(value)) return value;
  return value.filter((item) => !isText(item) || !isPersonal(item)).map(strip);
}
