import assert from 'node:assert/strict';
import type { OperationEnding } from '../../../src/operation/operation.ts';
import { contractRows } from '../../support/contract-tables.ts';
import { APP, type Case, COMMUNICATIONS, type Established, establish, settle } from './stage.ts';

/** What the contract's row says. */
interface Expected {
  readonly reasons: readonly string[];
  readonly status: string;
  readonly code: number;
  readonly subcodes: readonly number[];
}

function expectedOf(name: string): Expected {
  const cells = contractRows().find((row) => row.name === name)?.cells ?? [];
  const [code, subcodes] = (cells[3] ?? '').split('/');
  return {
    reasons: (cells[1] ?? '').split(',').map((reason) => reason.trim()),
    status: cells[2] ?? '',
    code: Number(code),
    subcodes: (subcodes ?? '').split(',').map(Number),
  };
}

/** `happens`, after so many samples were recorded, must end a record as the row `name` says; `recorded`: there is something to fetch. */
function ends(
  name: string,
  happens: (call: Established) => unknown,
  { captured, recorded, row = 0 }: { captured?: number; recorded: boolean; row?: number },
): Case {
  return async () => {
    const { reasons, status, code, subcodes } = expectedOf(name);
    for (const root of [APP, COMMUNICATIONS]) {
      const call = await establish(root);
      await call.operate('record');
      if (captured !== undefined) call.stage.engine.line.running.record(captured);
      await happens(call);
      await settle();
      const { changeType, resourceData: told } = call.stage
        .notifications()
        .findLast(
          ({ resourceData }) => resourceData['@odata.type'] === '#microsoft.graph.recordOperation',
        ) ?? {
        changeType: '',
        resourceData: {},
      };
      assert.equal(changeType, 'deleted');
      assert.deepEqual(
        [told.completionReason, told.status, told.resultInfo.code, told.resultInfo.subcode],
        [reasons[row], status, code, subcodes[row]],
      );
      assert.ok(told.resultInfo.message.length > 0);
      assert.ok(told.endReport.rule.length > 0);
      const location = told.recordResourceLocation ?? told.recordingLocation;
      assert.equal(location !== undefined, recorded, `${root}: recording`);
    }
  };
}

const engine = (by: OperationEnding) => (call: Established) => call.stage.engine.line.running.end(by);
const hangUp = ({ invite }: Established) => invite.dialog?.hangUp();
const all =
  (...cases: readonly Case[]): Case =>
  async () => {
    for (const one of cases) await one();
  };

const named = (name: string, make: (name: string) => Case): [string, Case] => [
  `§3.1 ${name}`,
  make(`§3.1 ${name}`),
];
const kept = { captured: 8000, recorded: true };
const none = { recorded: false };

/** §3.1: how a recording ends. */
export const endingCases: Readonly<Record<string, Case>> = Object.fromEntries([
  named('a stop tone sequence was completed', (name) => ends(name, engine('stopTone'), kept)),
  named('the duration was reached', (name) => ends(name, engine('maxDuration'), kept)),
  named('the pause after speech was reached', (name) => ends(name, engine('maxSilence'), kept)),
  named('no speech at all', (name) => ends(name, engine('initialSilence'), none)),
  named('cancelled by the bot, or barged out', (name) =>
    all(
      ends(name, ({ operate }) => operate('cancelMediaProcessing'), kept),
      ends(name, ({ stage, call }) => stage.send('DELETE', call), kept),
      ends(name, ({ operate }) => operate('cancelMediaProcessing'), none),
    ),
  ),
  named('the caller hung up after speaking', (name) => ends(name, hangUp, kept)),
  named('the caller hung up without speaking, or during the prompt', (name) => ends(name, hangUp, none)),
  named('no media arrived for the configured time', (name) => ends(name, engine('noMedia'), kept)),
  named('the prompt could not be fetched', (name) => ends(name, engine('promptUnavailable'), none)),
  named('the prompt is not audio we can decode', (name) => ends(name, engine('promptUndecodable'), none)),
  named('the prompt failed while playing; the beep did', (name) =>
    all(ends(name, engine('promptFailed'), none), ends(name, engine('beepFailed'), { ...none, row: 1 })),
  ),
  named('anything else', (name) => ends(name, engine('error'), kept)),
]);
