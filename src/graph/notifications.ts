/** Facts as the bot is told of them (CONTRACT §1, §4). */
import { randomUUID } from 'node:crypto';
import type { CallSnapshot, Fact } from '../call/model.ts';
import type { NewNotification } from '../notify/outbox.ts';
import { spellCall, spellCallChange, spellOperation } from './resources.ts';

/** `undefined`: bots are not told of this. */
export function spellFact(fact: Fact): NewNotification | undefined {
  if (fact.kind === 'progress') return undefined;
  const { call, change } = fact;
  if (fact.kind === 'operation') {
    const { operation } = fact;
    const resource = spellOperation(call, operation);
    return notification(
      call,
      `op:${operation.id}:${operation.revision}:${change}`,
      operation.spelling,
      change,
      resource,
    );
  }
  const resource =
    change === 'created'
      ? spellCall(call, call.spelling)
      : spellCallChange(call, call.spelling, fact.audioBegan === true);
  return notification(call, `call:${call.revision}:${change}`, call.spelling, change, resource);
}

function notification(
  call: CallSnapshot,
  key: string,
  spelling: string,
  changeType: string,
  resourceData: Readonly<Record<string, unknown>>,
): NewNotification {
  const resource = resourceData['@odata.id'];
  const body =
    spelling === 'communications'
      ? {
          '@odata.type': '#microsoft.graph.commsNotifications',
          value: [
            {
              '@odata.type': '#microsoft.graph.commsNotification',
              changeType,
              resource,
              resourceUrl: resource,
              resourceData,
            },
          ],
        }
      : { value: [{ changeType, resource, resourceData }] };
  return {
    lane: call.id,
    key,
    target: call.callbackUri,
    applicationId: call.applicationId,
    tenantId: call.tenantId,
    body: JSON.stringify(body),
    headers: { 'Scenario-Id': call.scenarioId, 'Client-Request-Id': randomUUID() },
  };
}
