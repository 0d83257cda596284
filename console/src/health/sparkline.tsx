const [WIDTH, HEIGHT] = [120, 28];
/** So few values are not stretched over the whole width. */
const FEW = 15;

/** Values over time, from zero up, the newest at the right; for who does not see it the number beside it says enough. */
export function Sparkline({ values }: { readonly values: readonly (number | undefined)[] }) {
  const top = Math.max(...values.filter((value) => value !== undefined), 1e-9);
  const step = WIDTH / (Math.max(values.length, FEW) - 1);
  const from = WIDTH - (values.length - 1) * step;
  const points = values.flatMap((value, index) => {
    if (value === undefined) return [];
    const [x, y] = [from + index * step, HEIGHT - 2 - (value / top) * (HEIGHT - 4)];
    return [`${x.toFixed(1)},${y.toFixed(1)}`];
  });
  const [first, last] = [points[0]?.split(',')[0], points.at(-1)?.split(',')[0]];
  return (
    <svg
      className="sparkline"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      {points.length > 0 && (
        <>
          <polygon points={[`${first},${HEIGHT}`, ...points, `${last},${HEIGHT}`].join(' ')} />
          <polyline points={points.join(' ')} />
        </>
      )}
    </svg>
  );
}
