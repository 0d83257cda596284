/**
 * Where the resources of a call stand (CONTRACT §1). A spelling is chosen when a thing is created and kept with it as a text:
 * `app`, `applications` or `communications`.
 */
import type { Application } from '../call/application.ts';

/** How the addresses of a thing begin. */
export type Spelling = 'app' | 'applications' | 'communications';

/** What an address is made of. */
export interface CallPlace {
  readonly id: string;
  readonly applicationId: string;
}

/** Of the notifications about an application's incoming calls. */
export function spellingOf(application: Application): Spelling {
  return application.dialect;
}

/** `/app/calls`, `/applications/{appId}/calls`, `/communications/calls`: relative, without a leading version. */
export function callsPath(spelling: string, applicationId: string): string {
  return spelling === 'applications' ? `/applications/${applicationId}/calls` : `/${spelling}/calls`;
}

/** `/app/calls/{id}` and its like. */
export function callPath(spelling: string, call: CallPlace): string {
  return `${callsPath(spelling, call.applicationId)}/${call.id}`;
}

/** `/app/calls/{id}/operations/{id}` and its like. */
export function operationPath(spelling: string, call: CallPlace, operationId: string): string {
  return `${callPath(spelling, call)}/operations/${operationId}`;
}

/** `/app/calls/{id}/participants/{id}` and its like. */
export function participantPath(spelling: string, call: CallPlace, participantId: string): string {
  return `${callPath(spelling, call)}/participants/${participantId}`;
}

/** Ids match in any case, with or without dashes; ours are lower-case with dashes. What is no GUID comes back in lower case. */
export function normalId(id: string): string {
  const bare = id.replaceAll('-', '').toLowerCase();
  return /^[0-9a-f]{32}$/.test(bare) ? withDashes(bare) : id.toLowerCase();
}

/** The GUID that 32 hexadecimal digits make. */
export function withDashes(digits: string): string {
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Whether Graph would take it for a GUID: with its dashes, in any case. */
export function isGuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}
