/**
 * Prompts: fetched as far as the configuration allows, decoded, brought to 8 kHz (and to 16 kHz for lines that carry as much), cached by resourceId. Runs on the main thread.
 * prompts.ts implements it.
 */
export interface PromptLibrary {
  /**
   * Starts at once; never rejects. With a resourceId a uri is fetched once and kept, without one it is fetched each time;
   * requests of an application for the same at the same time share one fetch. Of what an application asks for, so much at a time is fetched, in all and
   * from one host; so much more may wait; the rest is `unavailable` at once.
   */
  get(
    prompt: { readonly uri: string; readonly resourceId: string | undefined },
    applicationId: string,
  ): Promise<PromptAudio>;
}

/** Structurally the same as operation/'s PromptDelivery. */
export type PromptAudio =
  | { readonly ok: true; readonly samples: Int16Array; readonly wide?: Int16Array | undefined }
  | { readonly ok: false; readonly why: 'unavailable' | 'undecodable'; readonly message: string };
