/** Decoded prompts, the least recently used dropped first when they take more than `maxBytes`. */
export interface PromptCache {
  get(key: string): Kept | undefined;
  /** Keeps it, unless it alone is larger than the cache. */
  set(key: string, prompt: Kept): void;
}

export interface Kept {
  readonly samples: Int16Array;
  readonly wide?: Int16Array | undefined;
}

/** An empty cache. */
export function promptCache(maxBytes: number): PromptCache {
  /** In the order of their last use, as a Map keeps it. */
  const kept = new Map<string, Kept>();
  let bytes = 0;

  function drop(key: string): void {
    const prompt = kept.get(key);
    if (prompt === undefined) return;
    kept.delete(key);
    bytes -= weight(key, prompt);
  }

  return {
    get(key) {
      const prompt = kept.get(key);
      if (prompt === undefined) return undefined;
      kept.delete(key);
      kept.set(key, prompt);
      return prompt;
    },
    set(key, prompt) {
      drop(key);
      if (weight(key, prompt) > maxBytes) return;
      kept.set(key, prompt);
      bytes += weight(key, prompt);
      for (const oldest of kept.keys()) {
        if (bytes <= maxBytes) break;
        drop(oldest);
      }
    },
  };
}

/** Bytes, the key's included: a bot chooses that too. */
function weight(key: string, { samples, wide }: Kept): number {
  return samples.byteLength + (wide?.byteLength ?? 0) + 2 * key.length;
}
