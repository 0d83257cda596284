/**
 * Prompts: fetched as far as the configuration allows, decoded, brought to 8 kHz, cached by resourceId. Runs on the main thread.
 * prompts.ts implements it.
 */
export interface PromptLibrary {
  /** Starts at once; never rejects. The same resourceId (or the same uri without one) is fetched once and kept. */
  get(prompt: { readonly uri: string; readonly resourceId: string | undefined }): Promise<PromptAudio>;
}

/** Structurally the same as operation/'s PromptDelivery. */
export type PromptAudio =
  | { readonly ok: true; readonly samples: Int16Array }
  | { readonly ok: false; readonly why: 'unavailable' | 'undecodable'; readonly message: string };
