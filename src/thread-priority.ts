/** How a thread stands among the others when there are more of them than cores: Linux gives each thread a priority of its own. */
import { readlinkSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';
import { basename } from 'node:path';

/**
 * Makes the calling thread nicer by so much (setpriority(2); less than 0: less nice). Which of the two is allowed is the system's to say: to be less nice takes
 * CAP_SYS_NICE, or a limit that allows for it (RLIMIT_NICE). Tells whether it was done.
 */
export function makeNicer(by: number): boolean {
  try {
    const thread = Number(basename(readlinkSync('/proc/thread-self')));
    const { PRIORITY_HIGHEST, PRIORITY_LOW } = constants.priority;
    setPriority(thread, Math.min(PRIORITY_LOW, Math.max(PRIORITY_HIGHEST, getPriority(thread) + by)));
    return true;
  } catch {
    return false;
  }
}
