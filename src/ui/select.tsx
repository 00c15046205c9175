/** A choice of one of a few, as the browser shows it. */
import type { ReactElement } from 'react';

/** A labelled `<select>`; `onChange` is given the value of the option that was chosen. */
export function Select<Value extends string>(props: {
  readonly label: string;
  readonly value: Value;
  readonly options: readonly (readonly [value: Value, text: string])[];
  readonly disabled?: boolean;
  readonly onChange: (value: Value) => void;
}): ReactElement {
  const { label, value, options, disabled = false, onChange } = props;
  return (
    <label className="field">
      <span className="field__label">{label}</span>
      <select
        className="field__input"
        value={value}
        disabled={disabled}
        onChange={(event) => {
          const chosen = options.find(([option]) => option === event.target.value);
          if (chosen !== undefined) onChange(chosen[0]);
        }}
      >
        {options.map(([option, text]) => (
          <option key={option} value={option}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}
