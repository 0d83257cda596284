import { useId } from 'react';
import type { Parameter } from './actions.ts';

/** One parameter of an action: its name, its field, and what it means. */
export function ParameterField({
  parameter,
  value,
  onChange,
}: {
  readonly parameter: Parameter;
  readonly value: string | boolean | undefined;
  readonly onChange: (value: string | boolean) => void;
}) {
  const id = useId();
  const about = useId();
  return (
    <div className={parameter.type === 'flag' ? 'parameter flag' : 'parameter'}>
      <label className="mono" htmlFor={id}>
        {parameter.name}
      </label>
      <Field parameter={parameter} value={value} onChange={onChange} id={id} about={about} />
      <p className="help" id={about}>
        {parameter.help} <span className="bounds">{boundsOf(parameter)}</span>
      </p>
    </div>
  );
}

function Field({
  parameter,
  value,
  onChange,
  id,
  about,
}: {
  readonly parameter: Parameter;
  readonly value: string | boolean | undefined;
  readonly onChange: (value: string | boolean) => void;
  readonly id: string;
  readonly about: string;
}) {
  const common = { id, 'aria-describedby': about };
  if (parameter.type === 'flag')
    return (
      <input
        {...common}
        type="checkbox"
        checked={value === undefined ? parameter.fallback : value === true}
        onChange={(event) => onChange(event.target.checked)}
      />
    );
  const text = value === undefined ? '' : String(value);
  if (parameter.type === 'choice')
    return (
      <select
        {...common}
        value={text === '' ? parameter.fallback : text}
        onChange={(event) => onChange(event.target.value)}
      >
        {parameter.choices.map((choice) => (
          <option key={choice}>{choice}</option>
        ))}
      </select>
    );
  if (parameter.type === 'prompts')
    return (
      <textarea
        {...common}
        rows={2}
        value={text}
        required={parameter.isRequired}
        spellCheck={false}
        placeholder="http://127.0.0.1:9000/hello.wav"
        onChange={(event) => onChange(event.target.value)}
      />
    );
  return (
    <input
      {...common}
      value={text}
      required={parameter.isRequired}
      inputMode={parameter.type === 'number' ? 'numeric' : undefined}
      // Not type=number: what is out of range is to be sent, and refused.
      pattern={parameter.type === 'number' ? '-?\\d+' : undefined}
      placeholder={placeholderOf(parameter)}
      autoComplete="off"
      spellCheck={false}
      onChange={(event) => onChange(event.target.value)}
    />
  );
}

function placeholderOf(parameter: Parameter): string | undefined {
  if (parameter.type === 'number')
    return parameter.fallback === undefined ? undefined : String(parameter.fallback);
  return 'example' in parameter ? parameter.example : undefined;
}

function boundsOf(parameter: Parameter): string {
  const fallback =
    'fallback' in parameter && parameter.fallback !== undefined ? `Default ${parameter.fallback}.` : '';
  return parameter.type === 'number' ? `${fallback} ${parameter.range}.` : fallback;
}
