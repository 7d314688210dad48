// Whose events are whose, by the write key that a sender names. Only hashes of keys are known here, and none is kept.

import { Buffer } from 'node:buffer';
import { Refusal } from './answer.js';
import { shake128 } from './shake.js';

const MESSAGES = {
  missing_key: 'a write key is needed: send one as the user of HTTP Basic, or as "writeKey"',
  unknown_key: 'the write key is not one of this tracker',
  revoked_key: 'the write key was revoked',
};

/** The write keys of all projects. */
export class Keys {
  /** `refusesUnknown`: events that name no key of the tracker are refused. Otherwise they are the default project's. */
  constructor(keys, refusesUnknown) {
    this.byHash = new Map(keys.map((key) => [key.hash, key]));
    this.refusesUnknown = refusesUnknown;
  }

  /** The project of a request by the keys that it names, the first that is known; null for the default project. */
  projectOf(keys) {
    let code = 'missing_key';
    for (const key of keys.filter(Boolean)) {
      const known = this.byHash.get(shake128(`write key\0${key}`));
      if (known && !known.revoked) return known.project;
      if (known) code = 'revoked_key';
      else if (code === 'missing_key') code = 'unknown_key';
    }
    if (!this.refusesUnknown && code !== 'revoked_key') return null;
    throw new Refusal(code, MESSAGES[code]);
  }
}

/** The user of HTTP Basic, which is the key of clients of the protocol; some send no colon after it. */
export function basicUser(authorization) {
  const found = /^([^ ]*) (.*)$/.exec(authorization ?? '');
  if (found?.[1].toLowerCase() !== 'basic' || !/^[A-Za-z0-9+/]*=*$/.test(found[2].trim())) return null;
  try {
    const bytes = Buffer.from(found[2].trim(), 'base64');
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).split(':')[0];
  } catch {
    return null;
  }
}
