/** The `trunks` of the configuration: the way to phone numbers. */
import type { Trunk } from './call/dial-plan.ts';
import { bad, readList, readMapping, valuesOf } from './config-lists.ts';
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
  const raw = readMapping(given, at, KEYS);
  const text = (key: string, rule: string): string | undefined => {
    const value = raw[key];
    if (value === undefined || value === null || value === '') return undefined;
    if (typeof value !== 'string' || /[\s\p{Cc}]/u.test(value)) throw bad(`${at}.${key}`, rule);
    return value;
  };
  const { name, numbers, transport = 'udp' } = raw;
  if (typeof name !== 'string' || name === '') throw bad(`${at}.name`, 'a text, for you and the logs');
  if (transport !== 'udp' && transport !== 'tcp') throw bad(`${at}.transport`, 'udp or tcp');
  if (!Array.isArray(numbers) || numbers.length === 0 || numbers.some((one) => typeof one !== 'string'))
    throw bad(`${at}.numbers`, 'a list of patterns such as "+1*": the numbers that it takes');
  const address = parseSipUri(`sip:${text('address', ADDRESS) ?? ''}`);
  if (address === undefined || address.user !== undefined || address.text.includes(';'))
    throw bad(`${at}.address`, ADDRESS);
  const domain = text('domain', DOMAIN);
  if (domain !== undefined && parseSipUri(`sip:${domain}`)?.host !== domain.toLowerCase())
    throw bad(`${at}.domain`, DOMAIN);
  return {
    name,
    host: address.host,
    port: address.port,
    transport,
    credentials: credentialsOf(raw, at, env),
    callerId: text('callerId', 'a number such as "+14255550100", or a user name'),
    domain,
    numbers: numbers as readonly string[],
  };
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
    throw bad(`${at}.passwordEnv`, `the name of an environment variable that is set; ${passwordEnv} is not`);
  }
  if (username === undefined && secret === undefined) return undefined;
  if (typeof username !== 'string' || username === '')
    throw bad(`${at}.username`, 'a text beside the password');
  if (typeof secret !== 'string' || secret === '')
    throw bad(`${at}.password`, 'a text beside the username (or give passwordEnv, the name of a variable)');
  return { username, password: secret };
}
