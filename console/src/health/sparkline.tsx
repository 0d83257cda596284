const [WIDTH, HEIGHT] = [120, 28];

/** Values over time as a line, the newest at the right; for who does not see it the number beside it says enough. */
export function Sparkline({
  values,
  most,
}: {
  readonly values: readonly (number | undefined)[];
  readonly most: number;
}) {
  const known = values.filter((value) => value !== undefined);
  const top = Math.max(...known, 1e-9);
  const step = WIDTH / Math.max(1, most - 1);
  const from = WIDTH - (values.length - 1) * step;
  const points = values.flatMap((value, index) =>
    value === undefined
      ? []
      : [`${(from + index * step).toFixed(1)},${(HEIGHT - 2 - (value / top) * (HEIGHT - 4)).toFixed(1)}`],
  );
  return (
    <svg
      className="sparkline"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <polyline points={points.join(' ')} />
    </svg>
  );
}
