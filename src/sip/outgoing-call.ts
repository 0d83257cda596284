import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { parseCSeq } from '../wire/sip-header.ts';
import { header, headerList, type SipResponse } from '../wire/sip-message.ts';
import { parseNameAddr } from '../wire/sip-uri.ts';
import type { SipDialog } from './dialog.ts';
import { type DialogState, dialogOfAnswer } from './dialog-state.ts';
import { ALLOW, cancelOf, makeRequest, newTag, sdpOf } from './messages.ts';
import { locate } from './next-hop.ts';
import type { TransactionLayer } from './transactions.ts';
import type { Peer, Transport } from './transport.ts';
import type { DialogHandler, InviteOutcome, OutgoingInvite } from './user-agent.ts';

export interface CallingHost {
  readonly clock: Clock;
  readonly layer: TransactionLayer;
  /** `undefined`: the agent has none of that kind. */
  readonly transport: Transport | undefined;
  openDialog(state: DialogState, handler: DialogHandler, transport: Transport, peer: Peer): SipDialog;
}

const NOWHERE = { answered: false, contacts: [] } as const;

/** Sends an INVITE and sees it through to its final outcome (RFC 3261 §13.2); `signal` cancels it (§9.1). */
export async function placeCall(
  call: OutgoingInvite,
  signal: AbortSignal,
  host: CallingHost,
): Promise<InviteOutcome> {
  const { transport } = host;
  if (transport === undefined) return { ...NOWHERE, status: 503, reason: `no ${call.transport} transport` };
  const via: Peer = {
    transport: call.transport,
    address: call.destination?.address ?? '',
    port: call.destination?.port ?? 5060,
  };
  const peer = call.destination === undefined ? await locate(call.requestUri, via) : via;
  if (peer === undefined) return { ...NOWHERE, status: 404, reason: 'the host is not known' };
  if (signal.aborted) return { ...NOWHERE, status: 487, reason: 'cancelled before it was sent' };

  const { address, port } = transport.localAddress(peer);
  const suffix = call.transport === 'tcp' ? ';transport=tcp' : '';
  const invite = makeRequest({
    method: 'INVITE',
    uri: call.requestUri,
    from: `${call.from};tag=${newTag()}`,
    to: call.to,
    callId: randomBytes(16).toString('hex'),
    cseq: 1,
    contact: `<sip:tonearm@${address.includes(':') ? `[${address}]` : address}:${port}${suffix}>`,
    headers: { Allow: ALLOW, ...call.headers },
    sdp: call.sdp,
  });

  return new Promise((resolve) => {
    let provisional = false;
    let finished = false;
    const dialogs = new Map<string, SipDialog>();
    const cancel = () => {
      // §9.1: no CANCEL before a provisional response; the first one sends it then.
      if (!provisional || finished) return;
      host.layer.send(cancelOf(transaction.request), peer, transport, { onResponse() {}, onFailure() {} });
    };
    const finish = (outcome: InviteOutcome) => {
      finished = true;
      signal.removeEventListener('abort', cancel);
      resolve(outcome);
    };
    const onAnswer = (response: SipResponse) => {
      const tag = parseNameAddr(header(response, 'to') ?? '')?.parameters.tag ?? '';
      const sequence = parseCSeq(header(response, 'cseq') ?? '')?.sequence ?? 1;
      const known = dialogs.get(tag);
      if (known !== undefined) return known.acknowledge(sequence);
      const state = dialogOfAnswer(transaction.request, response);
      if (state === undefined)
        return finish({ ...NOWHERE, status: 500, reason: 'the answer has no usable Contact' });
      const dialog = host.openDialog(state, call.handler, transport, peer);
      dialogs.set(tag, dialog);
      dialog.acknowledge(sequence);
      const sdp = sdpOf(response);
      // A second fork's answer, one that crossed our CANCEL, or one without SDP: acknowledged, and ended (§13.2.2.4).
      if (finished || signal.aborted || sdp === undefined) {
        void dialog.bye();
        if (!finished)
          finish({
            ...NOWHERE,
            status: 487,
            reason: sdp === undefined ? 'the answer has no SDP' : 'cancelled',
          });
        return;
      }
      finish({ answered: true, dialog, sdp });
    };
    const transaction = host.layer.send(invite, peer, transport, {
      onResponse(response) {
        if (response.status < 200) {
          provisional = true;
          if (signal.aborted) cancel();
          else call.onProgress?.(response.status, sdpOf(response));
        } else if (response.status < 300) onAnswer(response);
        else {
          const contacts = headerList(response, 'contact');
          finish({ answered: false, status: response.status, reason: response.reason, contacts });
        }
      },
      onFailure: (status, reason) => finish({ ...NOWHERE, status, reason }),
    });
    signal.addEventListener('abort', cancel, { once: true });
  });
}
