/** Tokens as Entra ID gives them (CONTRACT §4, §6): access tokens for bots, and the token that each notification carries. */
import { randomUUID } from 'node:crypto';
import { decodeJwt, jwtVerify, SignJWT } from 'jose';
import { type Credentials, createSecretChecker } from '../access/secrets.ts';
import type { Application, ApplicationDirectory, Role } from '../call/application.ts';
import type { Clock } from '../clock.ts';
import type { OutsideIssuers } from './outside-issuers.ts';
import { ALGORITHM, type SigningKeys } from './signing-keys.ts';

export interface TokenOptions {
  readonly keys: SigningKeys;
  /** `iss`, and the base of the discovery document. */
  readonly issuer: string;
  readonly applications: ApplicationDirectory<Application & Credentials>;
  /** Whose tokens are taken besides ours; default: nobody's. */
  readonly outside?: OutsideIssuers;
  readonly lifetimeMs: number;
  readonly clock: Clock;
}

export interface Tokens {
  readonly issuer: string;
  readonly keys: SigningKeys;
  /** The application with this id and secret; `busy`: too many are logging in. Wrong takes as long as right. */
  login(clientId: string, secret: string, tenant: string): Promise<Application | undefined | 'busy'>;
  /** An access token for the API, and its lifetime in seconds. */
  issue(application: Application): Promise<{ readonly token: string; readonly expiresIn: number }>;
  /** Who an access token is for; `undefined`: it is not one of ours, or not any more. */
  verify(
    token: string,
  ): Promise<{ readonly application: Application; readonly roles: readonly Role[] } | undefined>;
  /** The token of a notification. */
  authorize(audience: { readonly applicationId: string; readonly tenantId: string }): Promise<string>;
}

const CLOCK_SKEW_S = 60;
const NOTIFICATION_LIFETIME_S = 3600;
/** A signature costs a millisecond of a core: more than all else of a notification. */
const REUSED_FOR_MS = 600_000;
/** Tenants in the token endpoint's path that stand for any. */
const ANY_TENANT = new Set(['common', 'organizations', 'botframework.com']);

export function createTokens(options: TokenOptions): Tokens {
  const { keys, issuer, applications, lifetimeMs, clock } = options;
  const secrets = createSecretChecker(clock);
  const notificationTokens = new Map<
    string,
    { readonly token: Promise<string>; readonly signedAt: number }
  >();
  const seconds = () => Math.floor(clock.now() / 1000);

  const sign = (claims: Record<string, unknown>, audience: string, lifetimeS: number) =>
    new SignJWT({ ver: '2.0', ...claims })
      .setProtectedHeader({ alg: ALGORITHM, kid: keys.current.kid, typ: 'JWT' })
      .setIssuer(issuer)
      .setAudience(audience)
      .setIssuedAt(seconds())
      .setNotBefore(seconds())
      .setExpirationTime(seconds() + lifetimeS)
      .setJti(randomUUID())
      .sign(keys.current.privateKey);

  const grant = (applicationId: string, granted: readonly string[]) => {
    const application = applications.get(applicationId);
    if (application === undefined) return undefined;
    // A role that was taken away in the configuration is gone at once, not at the token's end.
    return { application, roles: application.roles.filter((role) => granted.includes(role)) };
  };

  return {
    issuer,
    keys,
    async login(clientId, secret, tenant) {
      const application = applications.get(clientId.toLowerCase());
      const right = await secrets.check(application, secret);
      if (right === 'busy') return right;
      const tenantFits =
        ANY_TENANT.has(tenant.toLowerCase()) || tenant.toLowerCase() === application?.tenantId;
      return right && tenantFits ? application : undefined;
    },
    async issue(application) {
      const { id, tenantId, roles } = application;
      const expiresIn = Math.floor(lifetimeMs / 1000);
      const claims = { appid: id, azp: id, tid: tenantId, sub: id, oid: id, idtyp: 'app', roles };
      return { token: await sign(claims, issuer, expiresIn), expiresIn };
    },
    async verify(token) {
      if (issuerOf(token) !== issuer) {
        const outside = await options.outside?.verify(token);
        return outside && grant(outside.applicationId, outside.roles);
      }
      try {
        const { payload } = await jwtVerify(token, keys.verify, {
          algorithms: [ALGORITHM],
          issuer,
          audience: issuer,
          clockTolerance: CLOCK_SKEW_S,
          currentDate: new Date(clock.now()),
        });
        return grant(String(payload.appid), Array.isArray(payload.roles) ? payload.roles : []);
      } catch {
        return undefined; // whatever is wrong with it: it opens nothing
      }
    },
    authorize({ applicationId, tenantId }) {
      const kept = notificationTokens.get(applicationId);
      if (kept !== undefined && kept.signedAt + REUSED_FOR_MS > clock.now()) return kept.token;
      const claims = { tid: tenantId, 'http://schemas.microsoft.com/identity/claims/tenantid': tenantId };
      const token = sign(claims, applicationId, NOTIFICATION_LIFETIME_S);
      notificationTokens.set(applicationId, { token, signedAt: clock.now() });
      return token;
    },
  };
}

/** Not verified yet: only to know whose keys to verify it with. */
function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}
