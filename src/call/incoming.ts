/**
 * The life of one incoming call, from the INVITE that was admitted to `terminated`. It owns the call's line and dialog.
 *
 * Whatever ends it goes through `end`, which takes the first ending and no other. What follows is `#windUp`, in the order in
 * which the bot is told: the last fact of each operation, `terminating`, `terminated`.
 */
import type { Timer } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import type { Negotiated } from '../media/offer-answer.ts';
import type { MediaEngine, MediaLine } from '../operation/media-engine.ts';
import type { Dialog, DialogEnd, DialogHandler, IncomingInvite } from '../sip/user-agent.ts';
import * as endings from './endings.ts';
import { type Journal, type JournalParts, openJournal } from './journal.ts';
import { type MediaSession, openMediaSession } from './media-session.ts';
import type { CallSnapshot, Command, Reply } from './model.ts';
import { type OperationParts, type OperationStart, type Operations, openOperations } from './operations.ts';
import { callEnded, callNotFound, operationNotFound, refuse } from './refusal.ts';
import { advance, type CallEvent } from './states.ts';

export interface IncomingParts extends JournalParts, OperationParts {
  readonly engine: MediaEngine;
  /** Named in our SDP. */
  readonly mediaAddress: string;
  readonly answerTimeoutMs: number;
}

/** What the call has once its 200 is out. */
interface Answered {
  readonly line: MediaLine;
  readonly dialog: Dialog;
}

export class IncomingCall {
  readonly #invite: IncomingInvite;
  readonly #parts: IncomingParts;
  readonly #journal: Journal;
  readonly #operations: Operations;
  readonly #over = Promise.withResolvers<void>();
  #call: CallSnapshot;
  #patience: Timer | undefined;
  #answered: Answered | undefined;
  /** As the last offer or answer of the caller had it. */
  #held = false;
  #ending: endings.Ending | undefined;
  /** Settles when the command that came last has been answered. */
  #busy: Promise<unknown> = Promise.resolve();
  #bye: Promise<void> | undefined;

  constructor(invite: IncomingInvite, call: CallSnapshot, parts: IncomingParts) {
    this.#invite = invite;
    this.#call = call;
    this.#parts = parts;
    this.#journal = openJournal(parts);
    const owner = { journal: this.#journal, call: () => this.#call, ending: () => this.#ending?.ending };
    this.#operations = openOperations(owner, parts);
  }

  /** Lives the call. Resolves when all was told and the BYE, if there was one, is done with. Called once. */
  async run(): Promise<void> {
    const { cluster, clock, answerTimeoutMs } = this.#parts;
    const release = cluster.own(this.#call.id, (command) => (this.#busy = this.#answerCommand(command)));
    try {
      this.#patience = clock.after(answerTimeoutMs, () => this.end(endings.unanswered(answerTimeoutMs)));
      onAbort(this.#invite.cancelled, () => {
        if (this.#answered === undefined) this.end(endings.callerGaveUp);
      });
      this.#invite.ring();
      const kept = await this.#journal.tellCall({ kind: 'call', change: 'created', call: this.#call });
      if (!kept) this.end(endings.notKept);
      await this.#over.promise;
      await this.#windUp();
    } finally {
      this.#patience?.cancel();
      release();
    }
    await this.#bye;
  }

  /** Ends the call: the caller hears of it at once. Does nothing when it has ended already. */
  end(ending: endings.Ending): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    this.#patience?.cancel();
    if (this.#answered === undefined) this.#invite.reject(ending.refusal);
    else this.#bye = this.#answered.dialog.bye();
    this.#over.resolve();
  }

  async #windUp(): Promise<void> {
    // A command under way may still open a line or queue an operation, and cleans up after itself when it sees the ending.
    await this.#busy;
    await this.#answered?.line.close().catch((thrown: unknown) => {
      this.#parts.log.error({ callId: this.#call.id, error: reasonOf(thrown) }, 'a line could not be closed');
    });
    await this.#operations.concluded();
    const ending = this.#ending?.ending;
    this.#step('ending', { ending });
    this.#step('ended', { ending });
    await this.#journal.seal(this.#call, this.#operations.records());
  }

  /** Does what the state table says, and tells of it. */
  #step(event: CallEvent, changes?: Partial<CallSnapshot>): void {
    const fact = advance(this.#call, event, changes);
    if (fact === undefined) return;
    this.#call = fact.call;
    void this.#journal.tellCall(fact);
  }

  async #answerCommand(command: Command): Promise<Reply> {
    try {
      return await this.#perform(command);
    } catch (thrown) {
      this.#parts.log.error(
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
        return this.#operations.repeated(command) ?? this.#startOperation(command);
      default:
        return this.#ending === undefined ? this.#steer(command) : callEnded();
    }
  }

  #startOperation(command: OperationStart): Promise<Reply> | Reply {
    if (this.#ending !== undefined) return callEnded();
    const { state } = this.#call;
    if (this.#answered === undefined || (state !== 'established' && state !== 'hold')) {
      return refuse('notEstablished', `The call is ${state}: this needs one that is established.`);
    }
    return this.#operations.start(command, this.#answered.line);
  }

  #steer(command: Extract<Command, { name: 'answer' | 'reject' | 'hangUp' }>): Promise<Reply> | Reply {
    if (command.name === 'hangUp') {
      this.end(endings.botHungUp);
      return { ok: true };
    }
    if (this.#answered !== undefined) return refuse('conflict', 'The call has been answered already.');
    if (command.name === 'answer') return this.#answer(command);
    this.#follow(command.callbackUri);
    this.end(endings.rejected(command.reason));
    return { ok: true };
  }

  /** Where the bot wants to hear of the call from now on. */
  #follow(callbackUri: string | undefined): void {
    if (callbackUri !== undefined) this.#call = { ...this.#call, callbackUri };
  }

  async #answer({ callbackUri, preFetch }: Extract<Command, { name: 'answer' }>): Promise<Reply> {
    const { engine, prompts, mediaAddress } = this.#parts;
    for (const prompt of preFetch) void prompts.get(prompt);
    let line: MediaLine;
    try {
      line = await engine.openLine({ callId: this.#call.id });
    } catch (thrown) {
      const why = reasonOf(thrown);
      this.end(endings.noMedia(why));
      return refuse('unavailable', `The call could not be answered: ${why}`);
    }
    const session = openMediaSession({ address: mediaAddress, port: line.port });
    const dialog = this.#ending === undefined ? this.#accept(line, session) : undefined;
    if (dialog === undefined) {
      this.end(endings.callerGaveUp);
      await line.close();
      return callEnded();
    }
    this.#patience?.cancel();
    this.#answered = { line, dialog };
    this.#follow(callbackUri);
    this.#step('answered');
    void dialog.confirmed.then((ack) => this.#acknowledge(ack, line, session));
    onAbort(dialog.ended, () => this.end(endings.dialogEnded(dialog.ended.reason as DialogEnd | undefined)));
    onAbort(line.failed, () => this.end(endings.mediaDied));
    return { ok: true, call: this.#call };
  }

  /** `undefined` when the caller gave up first. */
  #accept(line: MediaLine, session: MediaSession): Dialog | undefined {
    const handler: DialogHandler = {
      onOffer: (offer) => {
        if (offer === undefined) return { sdp: session.offer() };
        const negotiated = session.answer(offer);
        return this.#connect(line, negotiated) ?? { status: 488 };
      },
      onAnswer: (sdp) => this.#takeAnswer(sdp, line, session),
    };
    const { offer } = this.#invite;
    if (offer === undefined) return this.#invite.accept(session.offer(), handler);
    // Checked when the call was admitted, so it can be met.
    const answer = this.#connect(line, session.answer(offer));
    return answer && this.#invite.accept(answer.sdp, handler);
  }

  #takeAnswer(sdp: string, line: MediaLine, session: MediaSession): void {
    const negotiated = session.accept(sdp);
    if (negotiated === undefined || this.#connect(line, negotiated)) return;
    // An answer cannot be refused, and the caller believes in it: no session is left, after a re-INVITE neither.
    if (!negotiated.ok) this.end(endings.unusableAnswer(negotiated.why));
  }

  /** Has the line follow what was settled; `undefined` when nothing was. */
  #connect(line: MediaLine, negotiated: Negotiated): { readonly sdp: string } | undefined {
    if (!negotiated.ok) return undefined;
    line.connect(negotiated.audio);
    const { direction } = negotiated.audio;
    this.#held = direction === 'recvonly' || direction === 'inactive';
    if (this.#ending === undefined) this.#step(this.#held ? 'held' : 'resumed');
    return { sdp: negotiated.sdp };
  }

  #acknowledge(ack: Awaited<Dialog['confirmed']>, line: MediaLine, session: MediaSession): void {
    if (ack === 'lost') this.end(endings.dialogEnded({ by: 'no-ack' }));
    else if (session.waiting) this.#takeAnswer(ack.ackSdp ?? '', line, session);
    if (this.#ending !== undefined) return;
    this.#step('acknowledged');
    // Put on hold before it was established: the bot hears of both, in the order it knows.
    if (this.#held) this.#step('held');
  }
}

/** Runs `action` once: when `signal` aborts, or now when it has. */
function onAbort(signal: AbortSignal, action: () => void): void {
  if (signal.aborted) action();
  else signal.addEventListener('abort', action, { once: true });
}
