/** `top` and `skip` of a list, as the page asks for them. */
export interface PageQuery {
  readonly top?: string;
  readonly skip?: string;
}

const USUAL = 50;
const MOST = 500;

/** Whatever is asked for, it makes a page. */
export function pageOf({ top, skip }: PageQuery): { readonly top: number; readonly skip: number } {
  return { top: Math.min(MOST, numberIn(top, USUAL)), skip: numberIn(skip, 0) };
}

/** That page of `all`. */
export function pageIn<Row>(all: readonly Row[], query: PageQuery): readonly Row[] {
  const { top, skip } = pageOf(query);
  return all.slice(skip, skip + top);
}

function numberIn(text: string | undefined, fallback: number): number {
  return /^\d{1,9}$/.test(String(text)) ? Number(text) : fallback;
}
