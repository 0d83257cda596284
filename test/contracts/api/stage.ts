/** What the cases of the contract have in common: both dialects' roots, and a call that is established. */
import assert from 'node:assert/strict';
import type { Application } from '../../../src/call/application.ts';
import { BOT } from '../../support/api-stage.ts';
import { type Answer, type GraphStage, setGraphStage } from '../../support/graph-stage.ts';
import type { ScriptedInvite } from '../../support/scripted-sip.ts';
import { settle } from '../../support/virtual-clock.ts';

export type Case = () => Promise<void>;

export const APP = '/beta/app';
export const APPLICATIONS = `/beta/applications/${BOT.id}`;
export const COMMUNICATIONS = '/v1.0/communications';
export const ROOTS = [APP, APPLICATIONS, '/beta/communications', COMMUNICATIONS];

export interface Established {
  readonly stage: GraphStage;
  readonly invite: ScriptedInvite;
  /** `{root}/calls/{id}`. */
  readonly call: string;
  act(action: string, body?: object): Promise<Answer>;
  /** POSTs an action and expects it to be taken; the operation's id, from its Location. */
  operate(action: string, body?: object): Promise<string>;
}

export function dialectOf(root: string): Application['dialect'] {
  return root.endsWith('communications') ? 'communications' : 'app';
}

/** A call in `root`'s dialect that the bot has answered. */
export async function establish(root: string): Promise<Established> {
  const stage = await setGraphStage(dialectOf(root));
  const invite = await stage.establish();
  const call = stage.path(root);
  const act = (action: string, body: object = {}) => stage.send('POST', `${call}/${action}`, body);
  return {
    stage,
    invite,
    call,
    act,
    async operate(action, body) {
      const answer = await act(action, body);
      assert.ok(answer.statusCode === 200 || answer.statusCode === 202, answer.body);
      return String(answer.headers.location).split('/').at(-1) ?? '';
    },
  };
}

/** A call that rings. */
export async function ring(root: string): Promise<Pick<Established, 'stage' | 'invite' | 'call'>> {
  const stage = await setGraphStage(dialectOf(root));
  const invite = await stage.ring();
  return { stage, invite, call: stage.path(root) };
}

export const prompt = { mediaInfo: { uri: 'https://bot.example.com/hi.wav', resourceId: 'hi' } };

/** Expects an OData error, and gives its message. */
export function refused(answer: Answer, status: number, code: string): string {
  assert.equal(answer.statusCode, status, answer.body);
  const { error } = answer.json();
  assert.equal(error.code, code);
  assert.ok(error.innerError.date && error.innerError['request-id'] && error.innerError['client-request-id']);
  return error.message;
}

export { settle };
