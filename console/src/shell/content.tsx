import { useId } from 'react';

/** A text as it is, or a value as JSON, under a heading. */
export function Content({ heading, content }: { readonly heading: string; readonly content: unknown }) {
  const id = useId();
  return (
    <section className="content" aria-labelledby={id}>
      <p className="content-heading" id={id}>
        {heading}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and must do so by keyboard */}
      <pre tabIndex={0}>{typeof content === 'string' ? content : JSON.stringify(content, undefined, 2)}</pre>
    </section>
  );
}
