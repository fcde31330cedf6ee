/** Parsers of flags that several commands share, and the way to stdout. */
import { InvalidArgumentError } from 'commander';

export function seedOf(text: string): number {
  const n = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(n))
    throw new InvalidArgumentError('want a whole number from 0 to 9007199254740991');
  return n;
}

export const append = (value: string, list: string[]): string[] => [...list, value];

/** The result of a command: stdout carries nothing else. */
process.stdout.on('error', (e: NodeJS.ErrnoException) => {
  // The reader has seen enough (a pipe into head): no fault of ours.
  if (e.code === 'EPIPE') return;
  process.stderr.write(`error: stdout: cannot be written (${e.code ?? e.message}); send it where there is room\n`);
  process.exit(2);
});
export const print = (text: string): void => {
  process.stdout.write(text);
};

/** Worker threads. */
export function workersOf(text: string): number {
  const n = Number(text);
  if (!/^\d+$/.test(text) || n < 1 || n > 1024) throw new InvalidArgumentError('want a whole number from 1 to 1024');
  return n;
}

/** A confidence level. */
export function levelOf(text: string): number {
  const v = Number(text);
  if (!(v > 0.5 && v < 1)) throw new InvalidArgumentError('want a level between 0.5 and 1, for example 0.95');
  return v;
}

/** A whole number from `least` to `most`. */
export const wholeFrom =
  (least: number, most: number) =>
  (text: string): number => {
    const n = Number(text);
    if (!/^\d+$/.test(text) || n < least || n > most)
      throw new InvalidArgumentError(`want a whole number from ${least} to ${most}`);
    return n;
  };

/** Pairs of runs. */
export const pairsOf = wholeFrom(2, 100_000);
