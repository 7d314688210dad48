// Whether a text has the address of a machine or of a person in it.

import { withoutBeginning, withoutEnd } from './text.js';

const SEPARATOR = /[\p{White_Space},;/%|="'()<>]/u;

/** IP addresses, also with a port or in brackets, and mail addresses. */
export function isPersonal(text) {
  // Most texts have none of these and need no closer look.
  return /[.:@]/.test(text) && text.split(SEPARATOR).some((word) => isMachine(word) || isMail(word));
}

function isMachine(word) {
  // Most words with a dot are versions and names of modules, and need no closer look.
  if (!word.includes(':') && word.split('.').length < 4) return false;
  // A sentence may go on behind it, but `2001:db8::` ends with its colons.
  for (const candidate of [word, withoutEnd(word, isStop)]) {
    if (isSocket(candidate) || isIp(withoutBeginning(withoutEnd(candidate, isBracket), isBracket))) return true;
  }
  const at = word.lastIndexOf('@');
  return at >= 0 && isMachine(word.slice(at + 1));
}

const isStop = (sign) => sign === '.' || sign === ':';
const isBracket = (sign) => sign === '[' || sign === ']';

/** `somebody@example.org`, but neither `@scope/package` nor `package@1.2.3`. */
function isMail(word) {
  const at = word.lastIndexOf('@');
  if (at <= 0) return false;
  const host = withoutEnd(word.slice(at + 1).split(':')[0], (sign) => sign === '.');
  const dot = host.lastIndexOf('.');
  return dot > 0 && /^\p{Alphabetic}/u.test(host.slice(dot + 1));
}

function isSocket(text) {
  const found = /^(?:([0-9.]+)|\[([0-9a-fA-F:.]+)\]):([0-9]+)$/.exec(text);
  if (!found || Number(found[3]) > 0xffff) return false;
  return found[1] !== undefined ? isIpv4(found[1]) : isIpv6(found[2]);
}

function isIp(text) {
  return isIpv4(text) || isIpv6(text);
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
