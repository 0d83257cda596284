/**
 * Who owns a call, and who hears of it. Four verbs; embedded.ts implements them with a Map, NATS comes later.
 * Generic in the command and fact types, which the call layer defines.
 */
export interface Cluster<Command, Reply, Fact> {
  /** Asks the owner of a call. `noOwner`: no live call of that id anywhere. */
  ask(callId: string, command: Command): Promise<Reply | 'noOwner'>;
  /** Becomes the owner; the handler answers one command at a time, in order. The returned function gives the call up. */
  own(callId: string, handler: (command: Command) => Promise<Reply>): () => void;
  /** Resolves when every consumer that was subscribed has taken the fact (is durable on its side). */
  publish(fact: Fact): Promise<void>;
  /** Every fact from now on, in order; a fact counts as taken when the next one is asked for. Ends when `signal` aborts. */
  events(signal: AbortSignal): AsyncIterable<Fact>;
}
