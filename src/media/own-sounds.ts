/**
 * Sounds of the server's own, as prompts: for a bot that lives within it. Each has a name that nobody can guess and that is told to nobody, so
 * that no other bot can ask for it.
 */
import { randomUUID } from 'node:crypto';
import { decodePrompt } from './prompt-decode.ts';
import type { PromptAudio, PromptLibrary } from './prompt-library.ts';

export interface OwnSounds extends PromptLibrary {
  /** Keeps a WAV file until `forget`; gives the uri that it is played by, `undefined` when it is no audio that we can decode. */
  keep(wav: Uint8Array): Promise<string | undefined>;
  forget(uri: string): void;
}

/** `wide`: as PromptOptions.wide. What has no name here is asked of `others`. */
export function createOwnSounds(others: PromptLibrary, wide: boolean): OwnSounds {
  const kept = new Map<string, PromptAudio>();
  return {
    get: (prompt, applicationId) => {
      const own = kept.get(prompt.uri);
      return own === undefined ? others.get(prompt, applicationId) : Promise.resolve(own);
    },
    async keep(wav) {
      const audio = await decodePrompt(wav, wide);
      if (!audio.ok) return undefined;
      const uri = `own:${randomUUID()}`;
      kept.set(uri, audio);
      return uri;
    },
    forget: (uri) => void kept.delete(uri),
  };
}
