// SHAKE-128 with 32 bytes of output, which browsers and workers do not have: Keccak-f[1600] on pairs of 32-bit halves.

/** Bytes absorbed between two permutations. */
const RATE = 168;

const ROTATIONS = [1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44];
const LANES = [10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1];
const ROUNDS = roundConstants();

/** The constants of the 24 rounds, as pairs of halves, low first: a shift register's bits. */
function roundConstants() {
  const constants = new Uint32Array(48);
  let register = 1;
  for (let round = 0; round < 24; round += 1) {
    for (let bit = 0; bit < 7; bit += 1) {
      const place = (1 << bit) - 1;
      if (register & 1) constants[2 * round + (place >> 5)] |= 1 << (place & 31);
      register = register & 0x80 ? ((register << 1) ^ 0x171) & 0xff : register << 1;
    }
  }
  return constants;
}

function permute(state) {
  const column = new Uint32Array(10);
  for (let round = 0; round < 24; round += 1) {
    for (let x = 0; x < 10; x += 1) {
      column[x] = state[x] ^ state[x + 10] ^ state[x + 20] ^ state[x + 30] ^ state[x + 40];
    }
    for (let x = 0; x < 5; x += 1) {
      const [left, right] = [2 * ((x + 4) % 5), 2 * ((x + 1) % 5)];
      const low = column[left] ^ ((column[right] << 1) | (column[right + 1] >>> 31));
      const high = column[left + 1] ^ ((column[right + 1] << 1) | (column[right] >>> 31));
      for (let y = 2 * x; y < 50; y += 10) {
        state[y] ^= low;
        state[y + 1] ^= high;
      }
    }
    let [low, high] = [state[2], state[3]];
    for (let step = 0; step < 24; step += 1) {
      const lane = 2 * LANES[step];
      const [nextLow, nextHigh] = [state[lane], state[lane + 1]];
      const by = ROTATIONS[step];
      const [near, far] = by < 32 ? [low, high] : [high, low];
      const bits = by & 31;
      state[lane] = bits ? (near << bits) | (far >>> (32 - bits)) : near;
      state[lane + 1] = bits ? (far << bits) | (near >>> (32 - bits)) : far;
      [low, high] = [nextLow, nextHigh];
    }
    for (let y = 0; y < 50; y += 10) {
      for (let x = 0; x < 10; x += 1) column[x] = state[y + x];
      for (let x = 0; x < 10; x += 1) state[y + x] ^= ~column[(x + 2) % 10] & column[(x + 4) % 10];
    }
    state[0] ^= ROUNDS[2 * round];
    state[1] ^= ROUNDS[2 * round + 1];
  }
}

/** The hash of bytes or of a text, in lower-case hexadecimal, 64 digits. */
export function shake128(input) {
  const bytes = typeof input === 'string' ? new TextEncoder().encode(input) : input;
  const padded = new Uint8Array((Math.floor(bytes.length / RATE) + 1) * RATE);
  padded.set(bytes);
  padded[bytes.length] ^= 0x1f;
  padded[padded.length - 1] ^= 0x80;
  const words = new DataView(padded.buffer);
  const state = new Uint32Array(50);
  for (let block = 0; block < padded.length; block += RATE) {
    for (let at = 0; at < RATE / 4; at += 1) state[at] ^= words.getUint32(block + 4 * at, true);
    permute(state);
  }
  const output = new Uint8Array(32);
  const view = new DataView(output.buffer);
  for (let at = 0; at < 8; at += 1) view.setUint32(4 * at, state[at], true);
  return [...output].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
