/** What every benchmark answers (CLI.md): figures with targets, and a hash of the work done. */
export interface Figure {
  name: string;
  value: number;
  unit: string;
  /** What is aimed at, in words such as "<= 4"; null = reported only. */
  target: string | null;
  met: boolean | null;
}

export interface BenchReport {
  schema: 'janction.bench/1';
  bench: string;
  figures: Figure[];
  /** Equal when the same work was done: two reports with different hashes cannot be compared. */
  workHash: string;
  /** Why something was left out, if it was. */
  skipped?: string;
}

export function atMost(name: string, value: number, limit: number, unit: string): Figure {
  return { name, value: round(value), unit, target: `<= ${limit}`, met: value <= limit };
}

export function atLeast(name: string, value: number, limit: number, unit: string): Figure {
  return { name, value: round(value), unit, target: `>= ${limit}`, met: value >= limit };
}

export function plain(name: string, value: number, unit: string): Figure {
  return { name, value: round(value), unit, target: null, met: null };
}

const round = (x: number): number => Math.round(x * 1000) / 1000;

export function readableReport(r: BenchReport): string {
  const width = Math.max(0, ...r.figures.map((f) => f.name.length));
  const lines = r.figures.map((f) => {
    const verdict = f.met === null ? '' : f.met ? `  (${f.target}: met)` : `  (${f.target}: MISSED)`;
    return `  ${f.name.padEnd(width)}  ${f.value} ${f.unit}${verdict}`;
  });
  const skipped = r.skipped === undefined ? [] : [`  skipped: ${r.skipped}`];
  return `${[r.bench, ...lines, ...skipped, `  work ${r.workHash}`].join('\n')}\n`;
}
