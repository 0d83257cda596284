/** One request on its way to the call layer, and the answer on its way back, in the words of the root that was asked. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { CallRequest, Command, OperationCommand, Reply } from '../call/model.ts';
import type { CallbackRules } from '../outbound/callbacks.ts';
import { grantOf } from './authentication.ts';
import type { Root } from './dialects.ts';
import { clientRequestId, Refused } from './errors.ts';
import { listed, readQuery, selected } from './query.ts';
import { CALL_MEMBERS, spellCall } from './resources.ts';
import { type CallPlace, callPath, operationPath } from './spelling.ts';

/** What the calls API stands on. */
export interface CallsApi {
  readonly ask: (callId: string, command: Command) => Promise<Reply>;
  readonly create: (request: CallRequest) => Promise<Reply>;
  /** How bots reach the API, without a slash at the end: every absolute address starts with it. */
  readonly publicUrl: string;
  /** Where bots may have themselves told. */
  readonly callbacks: CallbackRules;
}

/** A request with what its answer is made by. */
export interface Asking {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly root: Root;
  readonly api: CallsApi;
}

/** Distributes over the union of commands. */
export type Question = Command extends infer C
  ? C extends Command
    ? Omit<C, 'applicationId'>
    : never
  : never;

type Answer = Extract<Reply, { readonly ok: true }>;

/** Answers without a body. */
export async function done(asking: Asking, question: Question, status: number): Promise<FastifyReply> {
  await ask(asking, question);
  return asking.reply.code(status).send();
}

/** Answers with the operation's address, and as the dialect has it with the operation. */
export async function operate(asking: Asking, question: Question): Promise<FastifyReply> {
  const { operation } = await ask(asking, question);
  if (operation === undefined) throw new Error('the call layer made no operation');
  const { reply, root } = asking;
  const place = placeOf(asking);
  reply.header('location', urlOf(asking, operationPath(root.spelling, place, operation.id)));
  const { accepted } = root.dialect;
  return accepted === 202
    ? reply.code(202).send()
    : reply.code(200).send(root.dialect.spellOperation(place, operation));
}

/** Has the call placed, and answers with it. */
export async function create(asking: Asking, request: CallRequest): Promise<FastifyReply> {
  const { call } = succeeded(await asking.api.create(request));
  if (call === undefined) throw new Error('the call layer made no call');
  const { spelling } = asking.root;
  asking.reply.header('location', urlOf(asking, callPath(spelling, call)));
  return asking.reply.code(201).send(spellCall(call, spelling));
}

/** Answers with the call. Like its neighbours it throws Refused for what the call layer, or the query, is refused with. */
export async function showCall(asking: Asking): Promise<FastifyReply> {
  const query = readQuery(asking.request.query, CALL_MEMBERS);
  return asking.reply.send(selected(spellCall(await getCall(asking), asking.root.spelling), query));
}

/** Answers with the operation, in the words of the root that is asked, whichever made it. */
export async function showOperation(asking: Asking, operationId: string): Promise<FastifyReply> {
  const { dialect, spelling } = asking.root;
  const query = readQuery(asking.request.query, dialect.operationMembers);
  const { operation } = await ask(asking, { name: 'getOperation', operationId });
  if (operation === undefined) throw new Error('the call layer gave no operation');
  return asking.reply.send(
    selected(dialect.spellOperation(placeOf(asking), { ...operation, spelling }), query),
  );
}

/** Answers with all operations of the call, oldest first. */
export async function showOperations(asking: Asking): Promise<FastifyReply> {
  const { dialect, spelling } = asking.root;
  return showList(asking, 'operations', dialect.operationMembers, async () => {
    const { operations = [] } = await ask(asking, { name: 'listOperations' });
    return operations.map((one) => dialect.spellOperation(placeOf(asking), { ...one, spelling }));
  });
}

/** A list that stands under the call. */
export async function showList(
  asking: Asking,
  name: string,
  members: readonly string[],
  list: () => Promise<readonly object[]>,
): Promise<FastifyReply> {
  const query = readQuery(asking.request.query, members);
  const path = `${callPath(asking.root.spelling, placeOf(asking))}/${name}`;
  return asking.reply.send({
    '@odata.context': `${asking.api.publicUrl}${asking.root.version}/$metadata#${path}`,
    ...listed(await list(), query, urlOf(asking, path)),
  });
}

/** The call that the path names. Throws Refused. */
export async function getCall(asking: Asking): Promise<NonNullable<Answer['call']>> {
  const { call } = await ask(asking, { name: 'get' });
  if (call === undefined) throw new Error('the call layer gave no call');
  return call;
}

/** What every media action carries. */
export function operationCommand(
  { request, root }: Asking,
  body: { readonly clientContext?: string },
): OperationCommand {
  const key = request.headers['idempotency-key'];
  return {
    clientContext: body.clientContext,
    clientRequestId: clientRequestId(request),
    spelling: root.spelling,
    idempotencyKey: typeof key === 'string' ? key : undefined,
  };
}

/** Throws Refused unless notifications to that address are allowed. */
export function checkCallback({ api, request }: Asking, callbackUri: string | undefined): void {
  if (callbackUri === undefined) return;
  const admission = api.callbacks.admit(callbackUri, grantOf(request).application.callbackUri);
  if (!admission.ok)
    throw new Refused('badRequest', `$.callbackUri is "${callbackUri}": ${admission.message}.`);
}

/** The call that the path names, whether there is one or not. */
function placeOf({ request }: Asking): CallPlace {
  const { callId } = request.params as { readonly callId: string };
  return { id: callId, applicationId: grantOf(request).application.id };
}

function urlOf({ api, root }: Asking, path: string): string {
  return `${api.publicUrl}${root.version}${path}`;
}

async function ask(asking: Asking, question: Question): Promise<Answer> {
  const { id, applicationId } = placeOf(asking);
  return succeeded(await asking.api.ask(id, { ...question, applicationId } as Command));
}

function succeeded(reply: Reply): Answer {
  if (reply.ok) return reply;
  throw new Refused(reply.error, reply.message);
}
