import type { Config } from './config.ts';
import { isOfThisMachineAlone } from './config-callbacks.ts';
import type { Log } from './log.ts';

/** Whoever is asked for one makes it as long as this. */
const SHORTEST = 16;
const FEWEST_DIFFERENT = 6;

/**
 * Warns of secrets that can be guessed, such as those of examples, when others than this machine may try. Of applications with a hash, nothing is known. It is no
 * error: a server that worked yesterday starts.
 */
export function warnOfWeakSecrets(config: Config, log: Log): void {
  if (isOfThisMachineAlone(config)) return;
  for (const { id, secret } of config.applications) {
    if (secret === undefined || (secret.length >= SHORTEST && new Set(secret).size >= FEWEST_DIFFERENT))
      continue;
    const advice = `its secret can be guessed: give it ${SHORTEST} random characters or more`;
    log.warn(
      { application: id, advice },
      'an application has a weak secret, and the API is not of this machine alone',
    );
  }
}
