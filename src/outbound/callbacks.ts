/** Where bots may have themselves told of their calls: `callbacks.allow` and `callbacks.allowHttp`, and what the operator named besides. */
import { type Admission, admitUrl, type Entry, type OutboundRules, outboundRules } from './rules.ts';

export interface CallbackOptions {
  readonly allow: readonly Entry[];
  /** Whether `http:` is allowed beside `https:`, wherever it leads. */
  readonly allowHttp: boolean;
  /** Whether bots on this machine may be told: where nobody else is served. */
  readonly loopback: boolean;
}

export interface CallbackRules {
  readonly rules: OutboundRules;
  /** `own`: the application's callback as the operator configured it, whose origin needs no other permission. */
  admit(callbackUri: string, own: string | undefined): Admission;
}

const LOOPBACK: readonly Entry[] = [
  { kind: 'network', network: { address: '127.0.0.0', prefix: 8, family: 'ipv4' } },
  { kind: 'network', network: { address: '::1', prefix: 128, family: 'ipv6' } },
];

export function callbackRules({ allow, allowHttp, loopback }: CallbackOptions): CallbackRules {
  const rules = outboundRules('callbacks.allow', loopback ? [...allow, ...LOOPBACK] : allow);
  return {
    rules,
    admit(callbackUri, own) {
      const url = URL.parse(callbackUri);
      if (url?.protocol === 'http:' && !allowHttp)
        return no('it is http: and must be https: (http: only with callbacks.allowHttp)');
      if (url?.protocol !== 'https:' && url?.protocol !== 'http:')
        return no('it must be an https: URL (http: only with callbacks.allowHttp)');
      const origin = own === undefined ? null : URL.parse('/', own);
      if (origin === null) return admitUrl(rules, url);
      return admitUrl({ ...rules, places: [...rules.places, { url: origin, below: false }] }, url);
    },
  };
}

function no(message: string): Admission {
  return { ok: false, message };
}
