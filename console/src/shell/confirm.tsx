import { useEffect, useId, useRef } from 'react';

/** Asks before something cannot be undone. The focus begins on what undoes nothing. */
export function Confirm({
  question,
  detail,
  action,
  onAnswer,
}: {
  readonly question: string;
  readonly detail: string;
  readonly action: string;
  readonly onAnswer: (yes: boolean) => void;
}) {
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={id}
      onClose={({ currentTarget }) => onAnswer(currentTarget.returnValue === 'yes')}
    >
      <h2 id={id}>{question}</h2>
      <p>{detail}</p>
      <div className="row">
        <button type="button" onClick={() => dialog.current?.close()}>
          Keep it
        </button>
        <button type="button" className="danger" onClick={() => dialog.current?.close('yes')}>
          {action}
        </button>
      </div>
    </dialog>
  );
}
