// JSON as the tracker reads and writes it. `JSON.parse` will not do: it rounds large numbers, reorders members that look
// like numbers, hides members that come twice, takes half surrogates, and tells nothing of an event's own text.
//
// In memory: null, true, false, a string, a `Num`, an array, or a `Map` whose members are in their order.

/** Containers within each other that the tracker reads, less one. */
const DEPTH = 128;
const I64 = { least: -(2n ** 63n), most: 2n ** 63n - 1n };
const U64 = 2n ** 64n - 1n;

/** The text is not JSON. The message names a place, and nothing of the contents. */
export class JsonError extends Error {
  constructor(reason, text, at) {
    const before = text.slice(0, at).split('\n');
    super(`${reason} at line ${before.length} column ${before[before.length - 1].length}`);
  }
}

/** A number: a whole one is exact, any other a double. */
export class Num {
  constructor(value) {
    this.value = value;
  }

  static of(text) {
    // Longer ones are beyond 64 bits.
    if (text.length <= 20 && /^-?\d+$/.test(text)) {
      const whole = BigInt(text);
      if (text !== '-0' && whole >= I64.least && whole <= U64) return new Num(whole);
    }
    return new Num(Number(text));
  }

  get isWhole() {
    return typeof this.value === 'bigint';
  }

  /** As a signed integer of 64 bits, or null. */
  get signed() {
    return this.isWhole && this.value <= I64.most ? this.value : null;
  }

  /** As an unsigned integer of 64 bits, or null. */
  get unsigned() {
    return this.isWhole && this.value >= 0n ? this.value : null;
  }

  toString() {
    return this.isWhole ? this.value.toString() : floatText(this.value);
  }
}

/** The shortest digits that read as the same double, as Rust's libraries lay them out. */
function floatText(value) {
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const [, sign, digits, exponent] = /^(-?)(.+)e([+-]\d+)$/.exec(value.toExponential());
  const plain = digits.replace('.', '');
  const point = Number(exponent);
  if (point < -5 || point > 15) return `${sign}${digits}e${exponent}`;
  if (point < 0) return `${sign}0.${'0'.repeat(-point - 1)}${plain}`;
  if (plain.length <= point + 1) return `${sign}${plain}${'0'.repeat(point + 1 - plain.length)}.0`;
  return `${sign}${plain.slice(0, point + 1)}.${plain.slice(point + 1)}`;
}

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
// eslint-disable-next-line no-control-regex
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const HALF = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
const ESCAPES = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };
const WORDS = { t: ['true', true], f: ['false', false], n: ['null', null] };

/** A place in a text. */
export class Cursor {
  constructor(text, at = 0, depth = DEPTH) {
    this.text = text;
    this.at = at;
    this.depth = depth;
  }

  fail(reason) {
    throw new JsonError(this.at >= this.text.length ? 'it ends early' : reason, this.text, this.at);
  }

  match(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)[0];
    this.at += found.length;
    return found;
  }

  /** The next sign that is no space. */
  peek() {
    this.match(SPACE);
    return this.text[this.at];
  }

  expect(sign, reason) {
    if (this.peek() !== sign) this.fail(reason);
    this.at += 1;
  }

  /** Nothing but spaces may follow. */
  end() {
    if (this.peek() !== undefined) this.fail('something follows the value');
  }

  /** Passes over a value of any depth, and returns its text. */
  skip() {
    this.peek();
    const begin = this.at;
    const open = [];
    for (;;) {
      const sign = this.peek();
      if (sign === '{' || sign === '[') {
        this.at += 1;
        open.push(sign);
        if (this.peek() === (sign === '{' ? '}' : ']')) {
          this.at += 1;
          open.pop();
        } else {
          if (sign === '{') this.skipName();
          continue;
        }
      } else {
        this.skipScalar(sign);
      }
      // A value ended: what is around it goes on, or ends, too.
      for (;;) {
        if (open.length === 0) return this.text.slice(begin, this.at);
        const isObject = open[open.length - 1] === '{';
        const next = this.peek();
        this.at += 1;
        if (next === ',') {
          if (isObject) this.skipName();
          break;
        }
        if (next !== (isObject ? '}' : ']')) {
          this.at -= 1;
          this.fail('a comma or an end is missing');
        }
        open.pop();
      }
    }
  }

  skipName() {
    if (this.peek() !== '"') this.fail('a name is missing');
    this.skipString();
    this.expect(':', 'a colon is missing');
  }

  skipScalar(sign) {
    if (sign === '"') return this.skipString();
    if (sign in WORDS) return this.word(sign);
    return this.number();
  }

  /** A string whose escapes are well formed; what they mean is not looked at. */
  skipString() {
    this.at += 1;
    for (;;) {
      this.match(PLAIN);
      const sign = this.text[this.at];
      if (sign === '"') {
        this.at += 1;
        return;
      }
      if (sign !== '\\') this.fail('a string has a control character');
      this.escape();
    }
  }

  /** The sign that an escape stands for. */
  escape() {
    const sign = this.text[this.at + 1];
    if (sign === 'u') {
      const digits = this.text.slice(this.at + 2, this.at + 6);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) this.fail('an escape is none');
      this.at += 6;
      return String.fromCharCode(parseInt(digits, 16));
    }
    if (!Object.hasOwn(ESCAPES, sign ?? '')) this.fail('an escape is none');
    this.at += 2;
    return ESCAPES[sign];
  }

  string() {
    this.at += 1;
    let found = '';
    let hasEscapes = false;
    for (;;) {
      found += this.match(PLAIN);
      const sign = this.text[this.at];
      if (sign === '"') break;
      if (sign !== '\\') this.fail('a string has a control character');
      hasEscapes = true;
      found += this.escape();
    }
    // The text itself has none: it was decoded from UTF-8.
    if (hasEscapes && HALF.test(found)) this.fail('an escape is half a character');
    this.at += 1;
    return found;
  }

  word(sign) {
    const [word, value] = WORDS[sign];
    if (!this.text.startsWith(word, this.at)) this.fail('a word is none of JSON');
    this.at += word.length;
    return value;
  }

  number() {
    NUMBER.lastIndex = this.at;
    const found = NUMBER.exec(this.text);
    if (!found) this.fail('a value is missing');
    this.at += found[0].length;
    return found[0];
  }

  /** Reads a value. */
  read() {
    const sign = this.peek();
    if (sign === '{') return this.object();
    if (sign === '[') return this.list();
    if (sign === '"') return this.string();
    if (sign in WORDS) return this.word(sign);
    const number = Num.of(this.number());
    if (!number.isWhole && !Number.isFinite(number.value)) this.fail('a number is out of range');
    return number;
  }

  nested(work) {
    this.depth -= 1;
    if (this.depth === 0) this.fail('it is nested too deeply');
    this.at += 1;
    const found = work();
    this.depth += 1;
    return found;
  }

  list() {
    return this.nested(() => {
      const items = [];
      if (this.peek() === ']') {
        this.at += 1;
        return items;
      }
      for (;;) {
        items.push(this.read());
        const next = this.peek();
        if (next !== ',' && next !== ']') this.fail('a comma or an end is missing');
        this.at += 1;
        if (next === ']') return items;
      }
    });
  }

  object() {
    const members = new Map();
    // Of a name that comes twice, the last value stands in the first place.
    this.members((name) => members.set(name, this.read()));
    return members;
  }

  /** Goes through an object: `each` gets a name, and reads or skips its value. */
  members(each) {
    this.nested(() => {
      if (this.peek() === '}') {
        this.at += 1;
        return;
      }
      for (;;) {
        if (this.peek() !== '"') this.fail('a name is missing');
        const name = this.string();
        this.expect(':', 'a colon is missing');
        each(name);
        const next = this.peek();
        if (next !== ',' && next !== '}') this.fail('a comma or an end is missing');
        this.at += 1;
        if (next === '}') return;
      }
    });
  }
}

/** Reads a text that is one value; null where it is none. */
export function readOrNull(text) {
  try {
    const cursor = new Cursor(text);
    const value = cursor.read();
    cursor.end();
    return { value };
  } catch (error) {
    if (error instanceof JsonError) return null;
    throw error;
  }
}

/** A value as compact JSON. */
export function write(value) {
  if (value instanceof Map) {
    return `{${[...value].map(([name, member]) => `${JSON.stringify(name)}:${write(member)}`).join(',')}}`;
  }
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`;
  return value instanceof Num ? value.toString() : JSON.stringify(value);
}

export const isText = (value) => typeof value === 'string';
export const isObject = (value) => value instanceof Map;
export const isNested = (value) => value instanceof Map || Array.isArray(value);
