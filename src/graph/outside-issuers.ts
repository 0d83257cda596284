/** Access tokens of issuers that the configuration trusts, such as Entra ID and Keycloak (CONTRACT §6). */
import { lookup } from 'node:dns/promises';
import {
  createRemoteJWKSet,
  customFetch,
  decodeJwt,
  type FetchImplementation,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';
import type { Clock } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { type Resolve, readBody, sendRequest } from '../outbound/request.ts';
import { admitUrl, type Entry, type OutboundRules, outboundRules } from '../outbound/rules.ts';

export interface TrustedIssuer {
  /** As `iss` has it; its discovery document is at `<issuer>/.well-known/openid-configuration`. */
  readonly issuer: string;
  /** As `aud` must have it. */
  readonly audience: string;
}

export interface OutsideIssuers {
  /** What a token of a trusted issuer says; `undefined`: it is none, or not good. Never rejects. */
  verify(token: string): Promise<OutsideToken | undefined>;
}

export interface OutsideToken {
  /** Entra's `appid` or `azp`, Keycloak's `azp` or `client_id`; in lower case. */
  readonly applicationId: string;
  readonly roles: readonly string[];
}

/** Asymmetric ones: with a shared secret, whoever can verify could also sign. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const CLOCK_SKEW_S = 60;
const PATIENCE_MS = 5000;
const LARGEST_DOCUMENT = 256 * 1024;
/** An issuer that could not be reached is not asked again for so long: bad tokens are not to become requests. */
const ASK_AGAIN_MS = 30_000;
/** Issuers move their keys to another address now and then. */
const DISCOVERED_FOR_MS = 86_400_000;
const LARGEST_TOKEN = 16_384;
const ACCEPT = { accept: 'application/json' };

/** Redirects are not followed. */
type FetchJson = (address: string) => Promise<Readonly<Record<string, unknown>>>;

interface Discovery {
  readonly keys: Promise<JWTVerifyGetKey | undefined>;
  readonly askedAt: number;
  failed: boolean;
}

export function createOutsideIssuers(
  trusted: readonly TrustedIssuer[],
  {
    clock,
    log,
    resolve = (host) => lookup(host, { all: true }),
  }: { readonly clock: Clock; readonly log: Log; readonly resolve?: Resolve },
): OutsideIssuers {
  const discovered = new Map<string, Discovery>();

  const keysOf = (issuer: string): Promise<JWTVerifyGetKey | undefined> => {
    const known = discovered.get(issuer);
    const goodFor = known?.failed ? ASK_AGAIN_MS : DISCOVERED_FOR_MS;
    if (known !== undefined && known.askedAt + goodFor > clock.now()) return known.keys;
    const warn = (thrown: unknown) =>
      log.warn({ issuer, error: reasonOf(thrown) }, 'a trusted issuer cannot be asked for its keys');
    const fetchJson = jsonFetcher(reachOf(issuer), resolve);
    const discovery: Discovery = {
      askedAt: clock.now(),
      failed: false,
      keys: discover(issuer, fetchJson, keyFetcher(fetchJson, clock, warn)).catch((thrown: unknown) => {
        discovery.failed = true;
        warn(thrown);
        return known?.keys;
      }),
    };
    discovered.set(issuer, discovery);
    return discovery.keys;
  };

  return {
    async verify(token) {
      const row =
        token.length > LARGEST_TOKEN ? undefined : trusted.find(({ issuer }) => issuer === issuerOf(token));
      if (row === undefined) return undefined;
      const keys = await keysOf(row.issuer);
      if (keys === undefined) return undefined;
      try {
        const { payload } = await jwtVerify(token, keys, {
          algorithms: ALGORITHMS,
          issuer: row.issuer,
          audience: row.audience,
          clockTolerance: CLOCK_SKEW_S,
          currentDate: new Date(clock.now()),
          requiredClaims: ['exp'],
        });
        return read(payload, row.audience);
      } catch (thrown) {
        log.debug({ issuer: row.issuer, error: reasonOf(thrown) }, 'a token of a trusted issuer is not good');
        return undefined;
      }
    },
  };
}

/** Not verified yet: only to know whom to ask. */
function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

async function discover(
  issuer: string,
  fetchJson: FetchJson,
  fetchKeys: FetchImplementation,
): Promise<JWTVerifyGetKey> {
  const document = await fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
  if (document.issuer !== issuer) throw new Error(`its discovery document is that of ${document.issuer}`);
  const keys = new URL(String(document.jwks_uri));
  if (keys.protocol !== 'https:' && new URL(issuer).protocol === 'https:')
    throw new Error('its jwks_uri is not https:');
  return createRemoteJWKSet(keys, { [customFetch]: fetchKeys });
}

/** jose itself would ask at each token while there is no answer, and read whatever length. `warn` hears of each failure once. */
function keyFetcher(
  fetchJson: FetchJson,
  clock: Clock,
  warn: (thrown: unknown) => void,
): FetchImplementation {
  let failedAt = -Infinity;
  return async (url) => {
    if (failedAt + ASK_AGAIN_MS > clock.now()) throw new Error('its keys could not be had a while ago');
    try {
      const document = await fetchJson(url);
      if (!Array.isArray(document.keys)) throw new Error(`${url} holds no keys`);
      return Response.json(document);
    } catch (thrown) {
      failedAt = clock.now();
      warn(thrown);
      throw thrown;
    }
  };
}

/** The issuer's own origin, which the operator named, and what else is public and https:, since keys may be elsewhere. */
function reachOf(issuer: string): OutboundRules {
  const elsewhere: Entry = { kind: 'scheme', protocol: 'https:' };
  const own: Entry = { kind: 'place', place: { url: new URL('/', issuer), below: false } };
  return outboundRules('tokens.trusted', [own, elsewhere]);
}

function jsonFetcher(rules: OutboundRules, resolve: Resolve): FetchJson {
  return async (address) => {
    const url = new URL(address);
    const admission = admitUrl(rules, url);
    if (!admission.ok) throw new Error(`${address}: ${admission.message}`);
    const { reach } = admission;
    const patience = AbortSignal.timeout(PATIENCE_MS);
    const response = await sendRequest({ url, headers: ACCEPT }, { rules, reach, resolve }, patience);
    const body = response.statusCode === 200 ? await readBody(response, LARGEST_DOCUMENT) : undefined;
    response.destroy();
    if (response.statusCode !== 200) throw new Error(`${address} answers ${response.statusCode}`);
    if (body === undefined) throw new Error(`${address} is too large`);
    return Object(JSON.parse(body.toString('utf8')));
  };
}

function read(payload: JWTPayload, audience: string): OutsideToken | undefined {
  const applicationId = [payload.appid, payload.azp, payload.client_id].find((id) => typeof id === 'string');
  if (applicationId === undefined || isOfPerson(payload, String(applicationId))) return undefined;
  const keycloak = payload as {
    readonly realm_access?: { readonly roles?: unknown };
    readonly resource_access?: Readonly<Record<string, { readonly roles?: unknown } | undefined>>;
  };
  const access = Object.hasOwn(Object(keycloak.resource_access), audience)
    ? keycloak.resource_access?.[audience]?.roles
    : undefined;
  const roles = [payload.roles, keycloak.realm_access?.roles, access].flatMap((some) =>
    Array.isArray(some) ? some.filter((role): role is string => typeof role === 'string') : [],
  );
  return { applicationId: String(applicationId).toLowerCase(), roles };
}

/**
 * Whether somebody signed in through the application. Graph's calls API takes no delegated tokens: else whoever may sign in could steer the
 * bot's calls. Entra gives `scp` to people only; Keycloak gives a session to people, and to service accounts only when told to.
 */
function isOfPerson(
  { scp, sid, session_state, preferred_username }: JWTPayload,
  applicationId: string,
): boolean {
  const serviceAccount = `service-account-${applicationId}`.toLowerCase();
  const session = sid ?? session_state;
  return (
    scp !== undefined ||
    (session !== undefined && String(preferred_username).toLowerCase() !== serviceAccount)
  );
}
