/**
 * The life of one call, from its first fact to `terminated`. It owns the call's line and dialog; how the two come about is its side's
 * business: incoming.ts or outgoing.ts.
 *
 * Whatever ends it goes through `end`, which takes the first ending and no other. What follows is `#windUp`, in the order in
 * which the bot is told: the last fact of each operation, `terminating`, `terminated`.
 */
import { reasonOf } from '../errors.ts';
import type { Codec } from '../media/codecs.ts';
import type { LineLoss, MediaEngine, MediaLine } from '../operation/media-engine.ts';
import type { Dialog, DialogEnd } from '../sip/user-agent.ts';
import { Connection, type ConnectionEvents } from './connection.ts';
import type { DialPlan } from './dial-plan.ts';
import * as endings from './endings.ts';
import { Journal, type JournalParts } from './journal.ts';
import type { CallSnapshot, CallStart, Command, OperationStart, Reply, SipOutcome } from './model.ts';
import { type OperationParts, Operations } from './operations.ts';
import { callEnded, callNotFound, operationNotFound, refuse } from './refusal.ts';
import { advance, type CallEvent, pressed } from './states.ts';
import { referTo, transfer } from './transfer.ts';

export interface CallParts extends JournalParts, OperationParts {
  readonly engine: Pick<MediaEngine, 'openLine'>;
  /** Named in our SDP. */
  readonly mediaAddress: string;
  /** That calls may speak, the most wanted first; all that there are when left out. */
  readonly codecs?: readonly Codec[] | undefined;
  readonly dialPlan: DialPlan;
}

/** What makes a call incoming or outgoing: everything up to its dialog. */
export interface Side {
  /** The call begins: it rings, or it is dialled. */
  begin(call: LiveCall): void;
  /** What only this side can do, before there is a dialog. */
  steer(command: Steering, call: LiveCall): Promise<Reply> | Reply;
  /** The call is over before there is a dialog: the far end is told. */
  abandon(ending: endings.Ending): void;
  /** The call is over, whether it has a dialog or not: timers stop. */
  close(): void;
}

/** What the bot does with a call that is not established. */
export type Steering = Extract<Command, { name: 'answer' | 'reject' | 'redirect' }>;

export class LiveCall {
  readonly parts: CallParts;
  #side: Side;
  readonly #journal: Journal;
  readonly #operations: Operations;
  readonly #over = Promise.withResolvers<void>();
  #call: CallSnapshot;
  #connection: Connection | undefined;
  #dialog: Dialog | undefined;
  #ending: endings.Ending | undefined;
  /** Settles when the command that came last has been answered. */
  #busy: Promise<unknown> = Promise.resolve();
  #tones = 0;
  #watching = false;

  constructor(call: CallSnapshot, side: Side, parts: CallParts) {
    this.#call = call;
    this.#side = side;
    this.parts = parts;
    this.#journal = new Journal(parts);
    const owner = {
      journal: this.#journal,
      call: () => this.#call,
      ending: () => this.#ending?.ending,
      perform: (command: CallStart, line: MediaLine) => this.#performAtOnce(command, line),
    };
    this.#operations = new Operations(owner, parts);
  }

  get snapshot(): CallSnapshot {
    return this.#call;
  }

  /** The call's line and session, once there are any. */
  get connection(): Connection | undefined {
    return this.#connection;
  }

  get over(): boolean {
    return this.#ending !== undefined;
  }

  get answered(): boolean {
    return this.#dialog !== undefined;
  }

  /**
   * Lives the call, told of first as `created` or `updated`. Resolves when all was told; the far end is told too by then, though it may not
   * have answered. `onKept` is told whether its first fact could be kept; else the call ends at once. Called once.
   */
  async run(first: 'created' | 'updated', onKept: (kept: boolean) => void = () => {}): Promise<void> {
    const release = this.parts.cluster.own(
      this.#call.id,
      (command) => (this.#busy = this.#answerCommand(command)),
    );
    try {
      if (first === 'created') this.#side.begin(this);
      const kept = await this.#journal.begin({ kind: 'call', change: first, call: this.#call });
      onKept(kept);
      if (!kept) {
        // What a bot is told of must have an end, and the next process would not know of it.
        this.end(endings.notKept);
        await this.#closeLine();
        return;
      }
      if (first === 'updated' && !this.over) this.#side.begin(this);
      await this.#over.promise;
      await this.#windUp();
    } finally {
      this.#side.close();
      release();
    }
  }

  /** Ends the call: the far end hears of it at once. Does nothing when it has ended already. */
  end(ending: endings.Ending): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    this.#side.close();
    if (this.#dialog === undefined) this.#side.abandon(ending);
    else void this.#dialog.bye();
    this.#over.resolve();
  }

  /** Does what the state table says, and tells of it. */
  step(event: CallEvent, changes?: Partial<CallSnapshot>): void {
    const fact = advance(this.#call, event, changes);
    if (fact === undefined) return;
    this.#call = fact.call;
    void this.#journal.tellCall(fact);
  }

  /** What changes without being told of: where the bot wants to hear of the call, what it muted. */
  change(changes: Partial<Pick<CallSnapshot, 'callbackUri' | 'preFetch' | 'muted'>>): void {
    this.#call = { ...this.#call, ...changes };
  }

  /**
   * Opens the call's line, for ICE and DTLS-SRTP if `secure`; the call closes it. `signalledFrom`: where the far end's SIP comes from.
   * Throws what MediaEngine.openLine does.
   */
  async openConnection(options: { signalledFrom?: string; secure?: boolean } = {}): Promise<Connection> {
    const { signalledFrom, secure = false } = options;
    const line = await this.parts.engine.openLine({ callId: this.#call.id, secure });
    const events: ConnectionEvents = {
      onHeld: (held) => {
        if (!this.over) this.step(held ? 'held' : 'resumed', { transferFailure: undefined });
      },
      onUnusable: (why) => this.end(endings.unusableAnswer(why)),
    };
    const { mediaAddress: address, codecs } = this.parts;
    const connection = new Connection(line, { address, codecs, signalledFrom, events });
    this.#connection = connection;
    onAbort(line.lost, () => {
      const loss = line.lost.reason as LineLoss;
      // A worker's death is logged once, not for each of its calls.
      if (loss.by !== 'worker')
        this.parts.log.warn(
          { callId: this.#call.id, by: loss.by, why: loss.message },
          'the media of a call is lost',
        );
      this.end(endings.mediaLost(loss));
    });
    return connection;
  }

  /** The call has its dialog: from here on a BYE ends it. */
  enter(dialog: Dialog): void {
    this.#dialog = dialog;
    // An INVITE with all that hangs on it is not kept for the length of a call.
    this.#side.close();
    this.#side = ENTERED;
    onAbort(dialog.ended, () => this.end(endings.dialogEnded(dialog.ended.reason as DialogEnd | undefined)));
  }

  /** The far end and we agree that the call stands. */
  establish(): void {
    if (this.over) return;
    this.step('acknowledged');
    // Put on hold before it was established: the bot hears of both, in the order it knows.
    if (this.#connection?.held) this.step('held');
  }

  /** A transfer failed: the call goes on as before it. */
  resume(transferFailure: SipOutcome): void {
    this.step('transferFailed', { transferFailure });
    if (this.#connection?.held) this.step('held', { transferFailure: undefined });
  }

  async #windUp(): Promise<void> {
    // A command under way may still open a line or queue an operation, and cleans up after itself when it sees the ending.
    await this.#busy;
    await this.#closeLine();
    await this.#operations.concluded();
    const ending = this.#ending?.ending;
    this.step('ending', { ending });
    this.step('ended', { ending });
    await this.#journal.seal(this.#call, this.#operations.records());
  }

  async #closeLine(): Promise<void> {
    await this.#connection?.line.close().catch((thrown: unknown) => {
      this.parts.log.error({ callId: this.#call.id, error: reasonOf(thrown) }, 'a line could not be closed');
    });
  }

  async #answerCommand(command: Command): Promise<Reply> {
    try {
      return await this.#perform(command);
    } catch (thrown) {
      this.parts.log.error(
        { callId: this.#call.id, command: command.name, error: reasonOf(thrown) },
        'a command failed',
      );
      return refuse('internal', 'The command failed; the log of the server says why.');
    }
  }

  async #perform(command: Command): Promise<Reply> {
    if (command.applicationId !== this.#call.applicationId) return callNotFound();
    switch (command.name) {
      case 'get':
        return this.#call.state === 'terminated' ? callEnded() : { ok: true, call: this.#call };
      case 'getOperation': {
        const operation = this.#operations.get(command.operationId);
        return operation === undefined ? operationNotFound() : { ok: true, operation };
      }
      case 'listOperations':
        return { ok: true, operations: this.#operations.records().map(({ operation }) => operation) };
      case 'playPrompt':
      case 'record':
      case 'cancelMedia':
      case 'subscribeToTone':
      case 'mute':
      case 'unmute':
        return this.#operations.repeated(command) ?? this.#startOperation(command);
      default:
        return this.over ? callEnded() : this.#steer(command);
    }
  }

  #startOperation(command: OperationStart): Promise<Reply> | Reply {
    if (this.over) return callEnded();
    return this.#connection !== undefined && this.#isEstablished
      ? this.#operations.start(command, this.#connection.line)
      : this.#notEstablished();
  }

  get #isEstablished(): boolean {
    return this.#call.state === 'established' || this.#call.state === 'hold';
  }

  #notEstablished(): Reply {
    return refuse('notEstablished', `The call is ${this.#call.state}: this needs one that is established.`);
  }

  #steer(
    command: Steering | Extract<Command, { name: 'hangUp' | 'getDialog' | 'transfer' }>,
  ): Promise<Reply> | Reply {
    switch (command.name) {
      case 'hangUp':
        this.end(endings.botHungUp);
        return { ok: true };
      case 'getDialog': {
        if (this.#dialog === undefined || !this.#isEstablished) return this.#notEstablished();
        const { replaces, remoteTarget: target } = this.#dialog;
        return { ok: true, dialog: { replaces, target } };
      }
      case 'transfer':
        return this.#transfer(command);
      default:
        return this.answered
          ? refuse('conflict', 'The call has been answered already.')
          : this.#side.steer(command, this);
    }
  }

  #transfer(command: Extract<Command, { name: 'transfer' }>): Reply {
    if (this.#call.state === 'transferring' || this.#call.state === 'transferAccepted')
      return refuse('conflict', 'The call is being transferred already.');
    if (this.#dialog === undefined || !this.#isEstablished) return this.#notEstablished();
    const to = referTo(command, this.parts.dialPlan, this.#dialog);
    if (typeof to !== 'string') return refuse('badTarget', to.why);
    this.step('transferBegan', { transferFailure: undefined });
    void transfer(this.#dialog, to, this);
    return { ok: true };
  }

  #performAtOnce(command: CallStart, line: MediaLine): void {
    if (command.name !== 'subscribeToTone') {
      this.change({ muted: command.name === 'mute' });
      line.mute(command.name === 'mute');
      return;
    }
    this.#tones = 0;
    if (this.#watching) return;
    this.#watching = true;
    line.watchKeys((key) => {
      if (this.over) return;
      const fact = pressed(this.#call, { sequenceId: ++this.#tones, key });
      this.#call = fact.call;
      void this.#journal.tellCall(fact);
    });
  }
}

/** The side of a call that has its dialog: nothing is left to do for it. */
const ENTERED: Side = { begin() {}, steer: callEnded, abandon() {}, close() {} };

/** Runs `action` once: when `signal` aborts, or now when it has. */
export function onAbort(signal: AbortSignal, action: () => void): void {
  if (signal.aborted) action();
  else signal.addEventListener('abort', action, { once: true });
}
