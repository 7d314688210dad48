// Texts, measured as the tracker measures them: characters are code points, bytes are those of UTF-8.

const ENCODER = new TextEncoder();

/** Bytes of a text. */
export function byteLength(text) {
  let bytes = text.length;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code > 0x7f) bytes += code > 0x7ff ? 2 : 1;
    if (code >= 0xd800 && code < 0xdc00) {
      // Two units of UTF-16 are four bytes.
      at += 1;
    }
  }
  return bytes;
}

/** Whether a text has at most so many characters. */
export function isWithin(text, chars) {
  return text.length <= chars || (text.length <= 2 * chars && [...text].length <= chars);
}

/** The first so many characters. */
export function firstChars(text, chars) {
  return text.length <= chars ? text : [...text.slice(0, 2 * chars)].slice(0, chars).join('');
}

/** The first so many bytes, less what is cut of a character. */
export function firstBytes(text, bytes) {
  if (byteLength(text) <= bytes) return text;
  const { read } = ENCODER.encodeInto(text, new Uint8Array(bytes));
  return text.slice(0, read);
}

/** Sorts as bytes are sorted, and leaves of equal ones one. */
export function sortedOnce(texts) {
  return [...new Set(texts)].sort(byBytes);
}

function byBytes(a, b) {
  if (a === b) return 0;
  const [left, right] = [[...a], [...b]];
  for (let at = 0; at < left.length && at < right.length; at += 1) {
    const difference = left[at].codePointAt(0) - right[at].codePointAt(0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** Without the signs at its end, and at its beginning, that are among those. By hand: an expression would take the square of the time. */
export function withoutEnd(text, isCut) {
  let end = text.length;
  while (end > 0 && isCut(text[end - 1])) end -= 1;
  return text.slice(0, end);
}

export function withoutBeginning(text, isCut) {
  let begin = 0;
  while (begin < text.length && isCut(text[begin])) begin += 1;
  return text.slice(begin);
}

/** Without spaces at its ends, of all kinds that there are. */
export function trimmed(text) {
  const isSpace = (sign) => /\p{White_Space}/u.test(sign);
  return withoutBeginning(withoutEnd(text, isSpace), isSpace);
}
