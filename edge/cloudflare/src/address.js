// Whether a text has the address of a machine or of a person in it.

import { withoutBeginning, withoutEnd } from './text.js';

/**
 * Signs that are in no address, those of brackets among them. A word goes on where a version or a name does: `1.2.3.4-rc1` is
 * none, and `std::vec` neither.
 */
const SEPARATOR = /(?![0-9a-zA-Z.:_+-])[\0-\x7f\p{White_Space}«»\u2010-\u205e]/u;

/** How often a text may have been escaped (`%40`, `%2540`). */
const ESCAPED = 2;

/** IP addresses and mail addresses, whatever stands around them, also escaped. */
export function isPersonal(text) {
  // Most texts have none of these and need no closer look.
  if (!/[.:@%]/.test(text)) return false;
  if (hasAddress(text)) return true;
  for (let times = 0; times < ESCAPED && text.includes('%'); times += 1) {
    text = unescaped(text);
    if (hasAddress(text)) return true;
  }
  return false;
}

function hasAddress(text) {
  return hasMail(text) || text.split(SEPARATOR).some(isMachine);
}

function isMachine(word) {
  const first = word.indexOf(':');
  if (first < 0) return isV4(word);
  // What stands before the first colon may say what comes: `peer:2001:db8::1`.
  const rest = word.slice(first + 1);
  return isV6(word) || isV6(rest) || word.split(':').some(isV4);
}

function isV4(word) {
  // Most words with a dot are versions and names of modules, and need no closer look.
  return word.split('.').length >= 4 && isIpv4(withoutBeginning(withoutEnd(word, isDot), isDot));
}

/** An address of IPv6, but not `a::b`, which is the name of something in a module. */
function isV6(word) {
  const isName = (text) => /^[^:0-9]*::[^:0-9]*$/.test(text);
  // A sentence may go on behind it, but `2001:db8::` ends with its colons.
  return [word, withoutEnd(word, isStop)].some((text) => isIpv6(text) && !isName(text));
}

const isDot = (sign) => sign === '.';
const isStop = (sign) => sign === '.' || sign === ':';

/** `somebody@example.org`, but neither `@scope/package` nor `package@1.2.3`. */
function hasMail(text) {
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
    if (at === 0 || SEPARATOR.test(text[at - 1])) continue;
    let end = at + 1;
    while (end < text.length && text[end] !== ':' && !SEPARATOR.test(text[end])) end += 1;
    const host = withoutEnd(text.slice(at + 1, end), isDot);
    const dot = host.lastIndexOf('.');
    if (dot > 0 && /^\p{Alphabetic}/u.test(host.slice(dot + 1))) return true;
  }
  return false;
}

const DECODER = new TextDecoder('utf-8', { ignoreBOM: true });

/** A text without its escapes (`%40`). What is not UTF-8 is replaced. */
function unescaped(text) {
  return text.replace(/(?:%[0-9a-fA-F]{2})+/g, (run) =>
    DECODER.decode(Uint8Array.from(run.slice(1).split('%'), (digits) => Number.parseInt(digits, 16))),
  );
}

/** Four numbers up to 255, without zeros in front. */
export function isIpv4(text) {
  return /^(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!$)|$)){4}$/.test(text);
}

/** Eight groups, of which a row of zeros may be left out once, and the last two may be written as IPv4. */
function isIpv6(text) {
  if (!/^[0-9a-fA-F:.]+$/.test(text)) return false;
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const groups = [];
  for (const [at, half] of halves.entries()) {
    if (half === '') continue;
    const parts = half.split(':');
    const last = parts[parts.length - 1];
    if (at === halves.length - 1 && last.includes('.')) {
      if (!isIpv4(last)) return false;
      parts.splice(-1, 1, '0', '0');
    }
    if (!parts.every((part) => /^[0-9a-fA-F]{1,4}$/.test(part))) return false;
    groups.push(...parts);
  }
  return halves.length === 2 ? groups.length <= 7 : groups.length === 8;
}
