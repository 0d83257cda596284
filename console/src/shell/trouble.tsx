/** What went wrong, where it did; nothing when nothing did. */
export function Trouble({ words }: { readonly words: string | undefined }) {
  if (words === undefined) return null;
  return (
    <p className="trouble" role="alert">
      <b>Error: </b>
      {words}
    </p>
  );
}
