import { useEffect } from 'react';

const KEYS: readonly (readonly [key: string, letters: string])[] = [
  ['1', ''],
  ['2', 'ABC'],
  ['3', 'DEF'],
  ['4', 'GHI'],
  ['5', 'JKL'],
  ['6', 'MNO'],
  ['7', 'PQRS'],
  ['8', 'TUV'],
  ['9', 'WXYZ'],
  ['*', ''],
  ['0', '+'],
  ['#', ''],
];

const SPOKEN: Readonly<Record<string, string>> = { '*': 'star', '#': 'pound' };

/** The keys of a telephone, by mouse and, wherever the focus is but in a field, by keyboard. */
export function DialPad({
  isOn,
  pressed,
  onPress,
}: {
  readonly isOn: boolean;
  readonly pressed: string;
  readonly onPress: (key: string) => void;
}) {
  useEffect(() => {
    if (!isOn) return;
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
      if (event.target instanceof Element && event.target.closest('input, textarea, select, dialog')) return;
      if (/^[0-9*#]$/.test(event.key)) onPress(event.key);
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [isOn, onPress]);

  return (
    <section className="dial-pad" aria-label="Dial pad">
      <div className="dial-keys">
        {KEYS.map(([key, letters]) => (
          <button
            type="button"
            key={key}
            disabled={!isOn}
            aria-label={SPOKEN[key]}
            onClick={() => onPress(key)}
          >
            <b>{key}</b>
            <small aria-hidden="true">{letters}</small>
          </button>
        ))}
      </div>
      <p className="dialled-keys">
        <span className="quiet">Pressed: </span>
        <span className="mono">{pressed || '–'}</span>
      </p>
    </section>
  );
}
