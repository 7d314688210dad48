// Times, in nanoseconds since 1970, as the tracker reads, corrects and writes them.

import rules from './rules.js';

const SECOND = 1_000_000_000n;
const EARLIEST = BigInt(rules.limits.earliest_second) * SECOND;
/** What the tracker's times can hold. */
const LEAST = -377_705_023_201n * SECOND;
const MOST = 253_402_207_200n * SECOND + SECOND - 1n;

const DATE = /^(\d{4}|[+-]\d{6})(?:-(\d\d)-(\d\d)|(\d\d)(\d\d))/;
const CLOCK = /^[ Tt](?:(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?|(\d\d)(?:(\d\d)(?:(\d\d)(?:[.,](\d{1,9}))?)?)?)/;
const OFFSET = /^(?:[Zz]|([+-])(\d\d)(?::(\d\d)(?::(\d\d)(?:[.,]\d{1,9})?)?|(?:(\d\d)(?:(\d\d)(?:[.,]\d{1,9})?)?)?))/;
const ANNOTATIONS = /^(?:\[!?[A-Za-z0-9_./=+:-]+\])*$/;

/** Reads a time with an offset (ISO 8601); null for what is none. */
export function parseTime(text) {
  if (typeof text !== 'string') return null;
  let rest = text;
  const take = (pattern) => {
    const found = pattern.exec(rest);
    if (found) rest = rest.slice(found[0].length);
    return found;
  };
  const [date, clock, offset] = [take(DATE), take(CLOCK), take(OFFSET)];
  if (!date || !clock || !offset || !ANNOTATIONS.test(rest) || date[1] === '-000000') return null;
  const [year, month, day] = [date[1], date[2] ?? date[4], date[3] ?? date[5]].map(Number);
  const [hour, minute, second] = [clock[1] ?? clock[5], clock[2] ?? clock[6], clock[3] ?? clock[7]].map((part) => Number(part ?? 0));
  const [offsetHour, offsetMinute, offsetSecond] = [offset[2], offset[3] ?? offset[5], offset[4] ?? offset[6]].map((part) => Number(part ?? 0));
  if (month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return null;
  if (hour > 23 || minute > 59 || second > 60 || offsetHour > 25 || offsetMinute > 59 || offsetSecond > 59) return null;
  const days = new Date(0).setUTCFullYear(year, month - 1, day) / 86_400_000;
  // A leap second is the one before it.
  const local = days * 86_400 + hour * 3600 + minute * 60 + Math.min(second, 59);
  const shift = (offset[1] === '-' ? -1 : 1) * (offsetHour * 3600 + offsetMinute * 60 + offsetSecond);
  const fraction = BigInt((clock[4] ?? clock[8] ?? '').padEnd(9, '0'));
  const time = BigInt(local - shift) * SECOND + fraction;
  return time < LEAST || time > MOST ? null : time;
}

function daysOf(year, month) {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;
}

/** The time now. */
export function now() {
  return BigInt(Date.now()) * 1_000_000n;
}

/** As rows have it: ISO 8601, microseconds, UTC. */
export function formatTime(time) {
  const microseconds = (((time / 1000n) % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const second = new Date(Number(time / SECOND) * 1000).toISOString().slice(0, 19);
  return `${second}.${microseconds.toString().padStart(6, '0')}Z`;
}

/**
 * When an event happened, by this clock. The sender's is trusted only for the time between event and sending. Never later
 * than now. An event without a time, or with an impossible one, happened when it arrived.
 */
export function corrected(receivedAt, original, sentAt) {
  if (original === null) return receivedAt;
  let happened = original;
  if (sentAt !== null) {
    const waited = sentAt > original ? sentAt - original : 0n;
    if (receivedAt - waited >= LEAST) happened = receivedAt - waited;
  }
  if (happened < EARLIEST) return receivedAt;
  return happened < receivedAt ? happened : receivedAt;
}
