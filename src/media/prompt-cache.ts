/** Decoded prompts, the least recently used dropped first when they take more than `maxBytes`. */
export interface PromptCache {
  get(key: string): Int16Array | undefined;
  /** Keeps it, unless it alone is larger than the cache. */
  set(key: string, samples: Int16Array): void;
}

/** An empty cache. */
export function promptCache(maxBytes: number): PromptCache {
  /** In the order of their last use, as a Map keeps it. */
  const kept = new Map<string, Int16Array>();
  let bytes = 0;

  function drop(key: string): void {
    const samples = kept.get(key);
    if (samples === undefined) return;
    kept.delete(key);
    bytes -= weight(key, samples);
  }

  return {
    get(key) {
      const samples = kept.get(key);
      if (samples === undefined) return undefined;
      kept.delete(key);
      kept.set(key, samples);
      return samples;
    },
    set(key, samples) {
      drop(key);
      if (weight(key, samples) > maxBytes) return;
      kept.set(key, samples);
      bytes += weight(key, samples);
      for (const oldest of kept.keys()) {
        if (bytes <= maxBytes) break;
        drop(oldest);
      }
    },
  };
}

/** Bytes, the key's included: a bot chooses that too. */
function weight(key: string, samples: Int16Array): number {
  return samples.byteLength + 2 * key.length;
}
