import { Agent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import type { Reach } from './rules.ts';

/** Idle connections to one origin, and for how long: bots that are told of a call are told again within seconds. */
const MOST_IDLE = 64;
const IDLE_MS = 30_000;

/** Connections that are kept for the next request. Whoever makes it closes it. */
export class Connections {
  readonly #agents = new Map<string, Agent>();

  /** For requests of that reach only: a connection to a private address must not serve one that may not go there. */
  agentFor({ protocol }: URL, reach: Reach): Agent {
    const key = `${protocol} ${reach}`;
    const kept = this.#agents.get(key);
    if (kept !== undefined) return kept;
    const options = { keepAlive: true, maxFreeSockets: MOST_IDLE, timeout: IDLE_MS };
    const agent = protocol === 'https:' ? new TlsAgent(options) : new Agent(options);
    this.#agents.set(key, agent);
    return agent;
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
  }
}
