/** Facts as the bot is told of them (CONTRACT §1, §4). */
import { randomUUID } from 'node:crypto';
import { NOT_TOLD } from '../call/application.ts';
import type { CallSnapshot, Fact } from '../call/model.ts';
import type { NewNotification } from '../notify/outbox.ts';
import { dialectOf } from './dialects.ts';
import { type CallChange, spellCall, spellCallChange, spellTone } from './resources.ts';
import { isGuid } from './spelling.ts';

/** `undefined`: bots are not told of this, or not this bot. */
export function spellFact(fact: Fact): NewNotification | undefined {
  if (fact.kind === 'progress' || fact.kind === 'asked') return undefined;
  const { call, change } = fact;
  if (call.callbackUri === NOT_TOLD) return undefined;
  if (fact.kind === 'operation') {
    const { operation } = fact;
    const dialect = dialectOf(operation.spelling);
    if (!dialect.tellsOf(operation)) return undefined;
    return {
      ...addressed(call, operation.clientRequestId),
      key: `op:${operation.id}:${change === 'deleted' ? change : operation.revision}`,
      body: JSON.stringify(dialect.envelope(change, dialect.spellOperation(call, operation))),
    };
  }
  return {
    ...addressed(call, undefined),
    key: `call:${isOver(call) ? call.state : call.revision}`,
    body: JSON.stringify(dialectOf(call.spelling).envelope(change, spellCallFact(fact))),
  };
}

/**
 * What is told once has the same key whatever the revision: after a kill it may be told anew by a process that does not know how far the one before
 * had got.
 */
function isOver({ state }: CallSnapshot): boolean {
  return state === 'terminating' || state === 'terminated';
}

function spellCallFact({
  call,
  change,
  audioBegan,
  tone,
}: Extract<Fact, { readonly kind: 'call' }>): CallChange {
  if (tone !== undefined) return spellTone(call, call.spelling, tone);
  return change === 'created'
    ? spellCall(call, call.spelling)
    : spellCallChange(call, call.spelling, audioBegan === true);
}

/** All of a notification but what it says. `asked`: the id of the request that it answers to in the end. */
function addressed(call: CallSnapshot, asked: string | undefined): Omit<NewNotification, 'key' | 'body'> {
  return {
    lane: call.id,
    target: call.callbackUri,
    applicationId: call.applicationId,
    tenantId: call.tenantId,
    headers: {
      'Scenario-Id': call.scenarioId,
      // Bots log it and take it for a GUID, which a client-request-id need not be.
      'Client-Request-Id':
        [asked, call.clientRequestId].find((id) => id !== undefined && isGuid(id)) ?? randomUUID(),
    },
  };
}
