// An exponential moving average without the pull of its start towards zero.
export function smoothed(values, weight) {
  let sum = 0;
  let known = 0;
  return values.map((value) => {
    if (value === null) return null;
    sum = sum * weight + (1 - weight) * value;
    known = known * weight + (1 - weight);
    return sum / known;
  });
}
