/** The number below which that part of the numbers is: 0.5 is the median (of an even count the mean of the two in the middle). */
export function quantile(numbers, part) {
  if (numbers.length === 0) return undefined;
  const sorted = numbers.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * part;
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low + (high - low) * (at - Math.floor(at));
}

export const median = (numbers) => quantile(numbers, 0.5);

/** The median with the least and the greatest. */
export const spread = (numbers) => ({ median: median(numbers), min: Math.min(...numbers), max: Math.max(...numbers) });
