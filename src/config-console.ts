import type { Config } from './config.ts';
import { isOfThisMachineAlone } from './config-callbacks.ts';

/** Whether the console is served: as the configuration says, or when nobody but who is at this machine reaches it. */
export function isConsoleOn({ console, http }: Config): boolean {
  return console.enabled === 'auto' ? isOfThisMachineAlone({ http }) : console.enabled;
}
