/**
 * Where the resources of a call stand (CONTRACT §1). A spelling is chosen when a thing is created and kept with it as a text:
 * `app`, `applications` or `communications`.
 */
import type { Application } from '../call/application.ts';

export type Spelling = 'app' | 'applications' | 'communications';

/** Of the notifications about an application's incoming calls. */
export function spellingOf(application: Application): Spelling {
  return application.dialect;
}

/** `/app/calls/{id}` and its like: relative, without a leading version. */
export function callPath(
  spelling: string,
  call: { readonly id: string; readonly applicationId: string },
): string {
  return spelling === 'applications'
    ? `/applications/${call.applicationId}/calls/${call.id}`
    : `/${spelling}/calls/${call.id}`;
}

export function operationPath(
  spelling: string,
  call: { readonly id: string; readonly applicationId: string },
  operationId: string,
): string {
  return `${callPath(spelling, call)}/operations/${operationId}`;
}

/** Ids match in any case, with or without dashes; ours are lower-case with dashes. What is no GUID comes back in lower case. */
export function normalId(id: string): string {
  const bare = id.replaceAll('-', '').toLowerCase();
  return /^[0-9a-f]{32}$/.test(bare)
    ? bare.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
    : id.toLowerCase();
}
