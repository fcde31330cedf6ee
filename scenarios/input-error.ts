/**
 * Faults of what a person wrote: one line each, no stack to read, with the place and the way to mend it. Everything that a
 * scenario file, an override or a trace can do wrong ends here; whoever prints it adds `error: ` and exits with status 2.
 */

/** One fault and where it is. */
export interface Problem {
  /** `FILE:LINE:COL`, or the text of the override that brought it. */
  place: string;
  /** What is wrong; how to mend it. */
  text: string;
}

/**
 * A scenario, an override or a trace that cannot be used. All the faults that were found are kept; the message is the first, in one
 * line: `PLACE: what is wrong; how to mend it (and N more)`.
 */
export class ScenarioError extends Error {
  readonly problems: readonly Problem[];

  /** `problems` holds at least one, the one to show first. */
  constructor(problems: readonly Problem[]) {
    const { place, text } = problems[0]!;
    const others = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
    super(oneLine(`${place}: ${text}${others}`));
    this.name = 'ScenarioError';
    this.problems = problems;
  }
}

/** A trace that cannot be read, at the first line that is wrong. Lines and columns count from 1, columns in bytes. */
export class TraceError extends ScenarioError {
  constructor(file: string, line: number, column: number, text: string) {
    super([{ place: `${file}:${line}:${column}`, text }]);
    this.name = 'TraceError';
  }
}

/** What somebody wrote, quoted for a message: control characters escaped, cut to 60 characters. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text);
}

function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ');
}
