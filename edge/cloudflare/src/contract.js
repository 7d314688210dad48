// Contracts: which events a project may send, with which properties. dlt's own events are in every one.

import rules from './rules.js';
import { Num, isObject, isText } from './json.js';
import { isForbidden, shownName } from './scrub.js';
import { shake128 } from './shake.js';
import { firstChars } from './text.js';

const OPEN = { events: rules.contract.events, isClosed: false };

/** The contracts of all projects, by their names; `default` is that of the project without a name. */
export class Contracts {
  constructor(own = {}) {
    this.own = new Map(Object.entries(own).map(([project, contract]) => [project, closed(contract)]));
  }

  /** The contract of a project, of which null is the default one. */
  of(project) {
    return this.own.get(project ?? 'default') ?? OPEN;
  }
}

/** A project's own contract, and of what it leaves open, what is built in. */
function closed(contract) {
  const events = { ...rules.contract.events };
  for (const [name, event] of Object.entries(contract.events)) {
    events[name] = { fields: { ...own(events, name)?.fields, ...event.fields } };
  }
  return { events, isClosed: true };
}

/** A member of a plain object, and nothing that all objects have. */
function own(object, name) {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** Whether a contract names a list or an object of an event. */
export function names(contract, event, name, value) {
  const field = own(own(contract.events, event)?.fields ?? {}, name);
  return field !== undefined && fits(field, value, '') === null;
}

/** What of an event its contract does not name: a reason and where it stands; null if it names all. */
export function breachOf(contract, event, properties) {
  if (!contract.isClosed) return null;
  const known = own(contract.events, event);
  if (known === undefined) return breach('undeclared_event', 'event');
  return members(known.fields, properties, '', (name, value) => rules.always.includes(name) && isText(value));
}

/**
 * Puts hashes in the place of texts that are to be kept as such: names that a person chose. What is a hash already stays.
 * `hash` makes the hash of a name.
 */
export function hashNames(contract, event, properties, hash) {
  const known = own(contract.events, event);
  return known === undefined ? properties : hashedMembers(known.fields, properties, hash);
}

/** The hash of a name by a key. */
export function hashedName(name, key) {
  return `name-${shake128(`name\0${key}\0${name}`).slice(0, 32)}`;
}

function hashedMembers(fields, found, hash) {
  const hashed = ([name, value]) => {
    const field = own(fields, name);
    return [name, field === undefined ? value : hashedWithin(field, field.hashed, value, hash)];
  };
  return new Map([...found].map(hashed));
}

function hashedWithin(shape, known, value, hash) {
  if (shape.type === 'array' && Array.isArray(value)) return value.map((item) => hashedWithin(shape.items, known, item, hash));
  if (shape.type === 'object' && isObject(value)) return hashedMembers(shape.fields, value, hash);
  const isName = shape.type === 'string' && isText(value) && known !== undefined && value !== '';
  if (!isName || known.includes(value) || /^name-[0-9a-f]{32}$/.test(value)) return value;
  return hash(value);
}

function breach(reason, path) {
  return { reason, path: shownName(firstChars(shownName(path), rules.limits.path_chars)) };
}

function members(fields, found, path, isAlways) {
  const below = (name) => (path === '' ? name : `${path}.${name}`);
  for (const [name, value] of found) {
    if (value === null || isForbidden(name, value) || isAlways(name, value)) continue;
    const field = own(fields, name);
    if (field === undefined) return breach('undeclared_property', below(name));
    const wrong = fits(field, value, below(name));
    if (wrong !== null) return wrong;
  }
  const isMissing = (name) => !fields[name].optional && (found.get(name) ?? null) === null;
  const missing = Object.keys(fields).sort().find(isMissing);
  return missing === undefined ? null : breach('missing_property', below(missing));
}

function fits(shape, value, path) {
  if (value === null || isScalar(shape.type, value)) return null;
  if (shape.type === 'array' && Array.isArray(value)) {
    for (const item of value) {
      const wrong = fits(shape.items, item, `${path}[]`);
      if (wrong !== null) return wrong;
    }
    return null;
  }
  if (shape.type === 'object' && isObject(value)) return members(shape.fields, value, path, () => false);
  return breach('wrong_type', path);
}

function isScalar(type, value) {
  if (type === 'string') return isText(value);
  if (type === 'boolean') return typeof value === 'boolean';
  if (!(value instanceof Num)) return false;
  return type === 'number' || (type === 'integer' && (value.isWhole || Number.isInteger(value.value)));
}
