/**
 * The cluster of one process: who owns a call is a Map, and facts go from hand to hand.
 */
import { TonearmError } from '../errors.ts';
import type { Cluster } from './cluster.ts';
import { type Subscription, subscribe } from './subscription.ts';

interface Owner<Command, Reply> {
  readonly handler: (command: Command) => Promise<Reply>;
  /** Settles when the last command that was asked has been answered. */
  idle: Promise<unknown>;
}

/**
 * `own` throws TonearmError `alreadyOwned` for a call that has an owner. What still waits for its turn when the owner gives
 * the call up is answered `noOwner`. `ask` rejects with whatever the handler rejected with; the next command is not touched by it.
 */
export function embeddedCluster<Command, Reply, Fact>(): Cluster<Command, Reply, Fact> {
  const owners = new Map<string, Owner<Command, Reply>>();
  const subscriptions = new Set<Subscription<Fact>>();

  return {
    ask(callId, command) {
      const owner = owners.get(callId);
      if (owner === undefined) return Promise.resolve('noOwner');
      const reply = owner.idle.then(async () =>
        owners.get(callId) === owner ? await owner.handler(command) : 'noOwner',
      );
      owner.idle = reply.catch(() => undefined);
      return reply;
    },

    own(callId, handler) {
      if (owners.has(callId)) throw new TonearmError('alreadyOwned', `call ${callId} already has an owner`);
      const owner: Owner<Command, Reply> = { handler, idle: Promise.resolve() };
      owners.set(callId, owner);
      return () => {
        if (owners.get(callId) === owner) owners.delete(callId);
      };
    },

    async publish(fact) {
      await Promise.all([...subscriptions].map((subscription) => subscription.offer(fact)));
    },

    events(signal) {
      const subscription = subscribe<Fact>(signal, () => subscriptions.delete(subscription));
      if (!signal.aborted) subscriptions.add(subscription);
      return subscription.facts;
    },
  };
}
