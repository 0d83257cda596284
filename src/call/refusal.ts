import type { CommandError, Reply } from './model.ts';

/** A command that cannot be done; `message` is for the bot's author. */
export function refuse(error: CommandError, message: string): Reply {
  return { ok: false, error, message };
}

export const callNotFound = (): Reply => refuse('callNotFound', 'There is no such call.');
export const callEnded = (): Reply => refuse('callEnded', 'The call has ended.');
export const operationNotFound = (): Reply => refuse('operationNotFound', 'The call has no such operation.');
