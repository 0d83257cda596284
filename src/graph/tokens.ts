/** Tokens as Entra ID gives them (CONTRACT §4, §6): access tokens for bots, and the token that each notification carries. */
import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import type { Application, Role } from '../call/application.ts';
import type { Clock } from '../clock.ts';
import { ALGORITHM, type SigningKeys } from './signing-keys.ts';

export interface TokenOptions {
  readonly keys: SigningKeys;
  /** `iss`, and the base of the discovery document. */
  readonly issuer: string;
  readonly applications: readonly (Application & { readonly secret: string })[];
  readonly lifetimeMs: number;
  readonly clock: Clock;
}

export interface Tokens {
  readonly issuer: string;
  readonly keys: SigningKeys;
  /** The application with this id and secret, compared in constant time. */
  login(clientId: string, secret: string, tenant: string): Application | undefined;
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

export function createTokens({ keys, issuer, applications, lifetimeMs, clock }: TokenOptions): Tokens {
  const byId = new Map(applications.map((application) => [application.id, application]));
  const notificationTokens = new Map<
    string,
    { readonly token: Promise<string>; readonly signedAt: number }
  >();
  const seconds = () => Math.floor(clock.now() / 1000);

  const sign = (claims: Record<string, unknown>, audience: string, lifetimeS: number) =>
    new SignJWT({ ver: '2.0', ...claims })
      .setProtectedHeader({ alg: ALGORITHM, kid: keys.kid, typ: 'JWT' })
      .setIssuer(issuer)
      .setAudience(audience)
      .setIssuedAt(seconds())
      .setNotBefore(seconds())
      .setExpirationTime(seconds() + lifetimeS)
      .setJti(randomUUID())
      .sign(keys.privateKey);

  return {
    issuer,
    keys,
    login(clientId, secret, tenant) {
      const application = byId.get(clientId.toLowerCase());
      const right = sameText(secret, application?.secret ?? randomUUID());
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
      try {
        const { payload } = await jwtVerify(token, keys.verify, {
          algorithms: [ALGORITHM],
          issuer,
          audience: issuer,
          clockTolerance: CLOCK_SKEW_S,
          currentDate: new Date(clock.now()),
        });
        const application = byId.get(String(payload.appid));
        if (application === undefined) return undefined;
        const granted = Array.isArray(payload.roles) ? payload.roles : [];
        // A role that was taken away in the configuration is gone at once, not at the token's end.
        return { application, roles: application.roles.filter((role) => granted.includes(role)) };
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

function sameText(a: string, b: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(a), hash(b));
}
