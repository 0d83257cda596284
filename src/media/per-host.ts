import { atMost } from '../at-most.ts';

/** Runs tasks, at most `limit` at a time for each host that a URI names: a slow one holds up its own only. */
export function perHost(limit: number): <T>(uri: string, task: () => Promise<T>) => Promise<T> {
  const hosts = new Map<string, { readonly inTurn: ReturnType<typeof atMost>; tasks: number }>();
  return async (uri, task) => {
    // What is no URL, or a file, takes its turn with its like.
    const name = URL.canParse(uri) ? new URL(uri).host : '';
    const host = hosts.get(name) ?? { inTurn: atMost(limit), tasks: 0 };
    hosts.set(name, host);
    host.tasks++;
    try {
      return await host.inTurn(task);
    } finally {
      if (--host.tasks === 0) hosts.delete(name);
    }
  };
}
