/** Names that were probably meant: edit distance with transpositions, blind to case, ties to the earlier name. */

/** The nearest of `known`, or null when none is near. */
export function nearest(word: string, known: readonly string[]): string | null {
  const limit = word.length < 3 ? 0 : Math.max(1, Math.floor(word.length / 3));
  let best: string | null = null;
  let least = limit + 1;
  for (const name of known) {
    if (Math.abs(name.length - word.length) >= least) continue;
    const d = distance(word.toLowerCase(), name.toLowerCase());
    if (d < least) {
      least = d;
      best = name;
    }
  }
  return best;
}

/** `did you mean "x"?`, else what there is to choose from, under the given heading. */
export function advice(word: string, known: readonly string[], heading: string): string {
  const near = nearest(word, known);
  if (near !== null) return `did you mean "${near}"?`;
  if (known.length === 0) return `${heading}: none`;
  const shown = known.length > 20 ? [...known.slice(0, 20), `… ${known.length - 20} more`] : known;
  return `${heading}: ${shown.join(', ')}`;
}

/** The name that `advice` suggested at the end of a text, or null. */
export function suggestionIn(text: string): string | null {
  return /did you mean "([^"]*)"\?$/.exec(text)?.[1] ?? null;
}

/** Optimal string alignment: insertions, deletions, substitutions, swaps of neighbours. Cut to 64 characters. */
function distance(left: string, right: string): number {
  const a = left.slice(0, 64);
  const b = right.slice(0, 64);
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(
        last[j]! + 1,
        row[j - 1]! + 1,
        last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1),
        swap ? before[j - 2]! + 1 : Number.POSITIVE_INFINITY,
      );
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}
