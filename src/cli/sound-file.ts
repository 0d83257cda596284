import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { systemClock } from '../clock.ts';
import { TonearmError } from '../errors.ts';
import { silentLog } from '../log.ts';
import type { PromptAudio } from '../media/prompt-library.ts';
import { createPrompts } from '../media/prompts.ts';

export type SoundFile = Pick<Extract<PromptAudio, { ok: true }>, 'samples' | 'wide'>;

/** A sound file, read as prompts are. Throws TonearmError `noSound`, naming the file and what is wrong with it. */
export async function readSoundFile(file: string): Promise<SoundFile> {
  const path = resolve(file);
  const prompts = createPrompts({ allow: [`file:${dirname(path)}`], clock: systemClock, log: silentLog });
  const sound = await prompts.get({ uri: pathToFileURL(path).href, resourceId: undefined }, 'cli');
  if (!sound.ok) throw new TonearmError('noSound', `${file}: ${sound.message}`);
  return sound;
}
