/** Empties a list but keeps its room, which `length = 0` gives away: the next entry would pay for a new one. */
export function empty(list: unknown[]): void {
  while (list.length > 0) list.pop();
}

/** Takes one entry out of a list in place; `splice` makes a list of what it removed. Nothing happens when `at` is negative. */
export function removeAt<T>(list: T[], at: number): void {
  if (at < 0) return;
  const last = list.length - 1;
  for (let i = at; i < last; i++) list[i] = list[i + 1]!;
  list.pop();
}
