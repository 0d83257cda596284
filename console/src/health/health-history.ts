import { useEffect, useState } from 'react';
import type { Health } from '../../../src/http/console/wire.ts';
import { useEvent, useLoaded } from '../base/loaded.ts';

/** So many reports are shown: three minutes. */
const HISTORY = 90;

/** The last reports, the newest last. */
export function useHealth(): { readonly history: readonly Health[]; readonly error: string | undefined } {
  const { data, error } = useLoaded<Health>('health');
  const [history, setHistory] = useState<readonly Health[]>([]);
  const add = (health: Health) =>
    setHistory((before) =>
      health.at > (before.at(-1)?.at ?? 0) ? [...before, health].slice(-HISTORY) : before,
    );
  // biome-ignore lint/correctness/useExhaustiveDependencies: whenever it was asked for
  useEffect(() => {
    if (data !== undefined) add(data);
  }, [data]);
  useEvent('health', add);
  return { history, error };
}
