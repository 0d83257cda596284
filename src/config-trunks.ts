/** The `trunks` of the configuration: the way to phone numbers. */
import type { Trunk } from './call/dial-plan.ts';
import { readList, readMapping, valuesOf } from './config-lists.ts';
import { mustBe } from './config-mistakes.ts';
import { parseSipUri } from './wire/sip-uri.ts';

const KEYS = [
  'name',
  'address',
  'transport',
  'username',
  'password',
  'passwordEnv',
  'callerId',
  'domain',
  'numbers',
];

/** Throws TonearmError `badConfig`. */
export function readTrunks(
  given: unknown,
  env: Readonly<Record<string, string | undefined>>,
): readonly Trunk[] {
  return readList('trunks', given, 'name', (one, at) => readTrunk(one, at, env));
}

/** The environment variables that hold passwords. */
export function passwordVariables(given: unknown): readonly string[] {
  return valuesOf(given, 'passwordEnv');
}

function readTrunk(given: unknown, at: string, env: Readonly<Record<string, string | undefined>>): Trunk {
  const { address, ...read } = readMapping(given, at, KEYS, (raw) => {
    const text = (key: string, rule: string): string | undefined => {
      const value = raw[key];
      if (value === undefined || value === null || value === '') return undefined;
      if (typeof value !== 'string' || /[\s\p{Cc}]/u.test(value)) throw mustBe(`${at}.${key}`, rule);
      return value;
    };
    return {
      name: () => {
        if (typeof raw.name === 'string' && raw.name !== '') return raw.name;
        throw mustBe(`${at}.name`, 'a text, for you and the logs');
      },
      address: () => {
        const found = parseSipUri(`sip:${text('address', ADDRESS) ?? ''}`);
        if (found !== undefined && found.user === undefined && !found.text.includes(';')) return found;
        throw mustBe(`${at}.address`, ADDRESS);
      },
      transport: () => {
        const { transport = 'udp' } = raw;
        if (transport === 'udp' || transport === 'tcp') return transport;
        throw mustBe(`${at}.transport`, 'udp or tcp');
      },
      credentials: () => credentialsOf(raw, at, env),
      callerId: () => text('callerId', 'a number such as "+14255550100", or a user name'),
      domain: () => {
        const domain = text('domain', DOMAIN);
        if (domain === undefined || parseSipUri(`sip:${domain}`)?.host === domain.toLowerCase())
          return domain;
        throw mustBe(`${at}.domain`, DOMAIN);
      },
      numbers: () => {
        const { numbers } = raw;
        if (Array.isArray(numbers) && numbers.length > 0 && numbers.every((one) => typeof one === 'string'))
          return numbers as readonly string[];
        throw mustBe(`${at}.numbers`, 'a list of patterns such as "+1*": the numbers that it takes');
      },
    };
  });
  return { ...read, host: address.host, port: address.port };
}

const ADDRESS = 'host or host:port, such as sip.provider.example:5060';
const DOMAIN = 'a host name: the domain that our calls come from';

function credentialsOf(
  { username, password, passwordEnv }: Readonly<Record<string, unknown>>,
  at: string,
  env: Readonly<Record<string, string | undefined>>,
): Trunk['credentials'] {
  const secret = typeof passwordEnv === 'string' ? env[passwordEnv] : password;
  if (typeof passwordEnv === 'string' && (secret === undefined || secret === '')) {
    throw mustBe(
      `${at}.passwordEnv`,
      `the name of an environment variable that is set; ${passwordEnv} is not`,
    );
  }
  if (username === undefined && secret === undefined) return undefined;
  if (typeof username !== 'string' || username === '')
    throw mustBe(`${at}.username`, 'a text beside the password');
  if (typeof secret !== 'string' || secret === '')
    throw mustBe(
      `${at}.password`,
      'a text beside the username (or give passwordEnv, the name of a variable)',
    );
  return { username, password: secret };
}
