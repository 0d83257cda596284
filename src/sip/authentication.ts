import { randomBytes } from 'node:crypto';
import {
  type Credentials,
  type DigestChallenge,
  formatAuthorization,
  strongestChallenge,
} from '../wire/digest.ts';
import { headerList, type SipHeader, type SipRequest, type SipResponse } from '../wire/sip-message.ts';

/** The credentials header for a request that was answered so, to send it with again; `undefined`: the answer stands. */
export type Challenged = (
  request: SipRequest,
  answer: Pick<SipResponse, 'status' | 'headers'>,
) => SipHeader | undefined;

/** Where a challenge stands, and its answer (RFC 3261 §22.2, §22.3). */
const HEADERS: Readonly<Record<number, readonly [challenge: string, answer: string]>> = {
  401: ['www-authenticate', 'authorization'],
  407: ['proxy-authenticate', 'proxy-authorization'],
};
const ANSWERS = Object.values(HEADERS).map(([, answer]) => answer);

/** The credentials of one call: of its INVITE, and of what its dialog sends. */
export class Authenticator {
  readonly #credentials: Credentials | undefined;
  #nonce = '';
  #cnonce = '';
  #uses = 0;

  /** Without credentials no challenge is answered. */
  constructor(credentials: Credentials | undefined) {
    this.#credentials = credentials;
  }

  /** For one request and its repetitions: it is sent with credentials once, and once more when their nonce was too old. */
  forRequest(): Challenged {
    const tried: string[] = [];
    return (request, answer) => {
      const names = HEADERS[answer.status];
      if (names === undefined || this.#credentials === undefined) return undefined;
      const challenge = strongestChallenge(headerList(answer, names[0]));
      if (challenge === undefined) return undefined;
      const again = tried.length === 1 && challenge.stale && !tried.includes(challenge.nonce);
      if (tried.length > 0 && !again) return undefined;
      tried.push(challenge.nonce);
      return { name: names[1], value: this.#answer(this.#credentials, challenge, request) };
    };
  }

  #answer(credentials: Credentials, challenge: DigestChallenge, request: SipRequest): string {
    // RFC 7616 §3.4: the count goes on with the nonce, which a server may use for more than one request.
    if (challenge.nonce !== this.#nonce) {
      this.#nonce = challenge.nonce;
      this.#cnonce = randomBytes(16).toString('hex');
      this.#uses = 0;
    }
    const { method, uri } = request;
    return formatAuthorization(challenge, credentials, {
      method,
      uri,
      cnonce: this.#cnonce,
      count: ++this.#uses,
    });
  }
}

/** The credentials headers of a request: its ACK has the same (RFC 3261 §13.2.2.4). */
export function credentialsOf(request: SipRequest): Readonly<Record<string, string>> {
  const headers = request.headers.filter(({ name }) => ANSWERS.includes(name));
  return Object.fromEntries(headers.map(({ name, value }) => [name, value]));
}
