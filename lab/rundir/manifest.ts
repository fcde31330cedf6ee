/** run.json as it is read back: whether it has what every reader of a run rests on, and whether its scenario is the one that ran. */
import { createHash } from 'node:crypto';
import { canonicalScenario } from '../../scenarios/canonical.ts';
import type { ResolvedScenario } from '../../scenarios/resolved.ts';

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** What a manifest says of its scenario, to be held against the scenario it holds. */
export const scenarioHash = (scenario: ResolvedScenario): string => sha256(canonicalScenario(scenario));

/** A value of the kind that must stand there: text, number, micro-units as text, or a mapping with at least these keys. */
type Shape = '' | 0 | typeof MICRO | { [key: string]: Shape };
const MICRO = '0';

const parties: Shape = {
  unit: '',
  charged: MICRO,
  providers: MICRO,
  stakers: MICRO,
  aggregators: MICRO,
  verifiers: MICRO,
  treasury: MICRO,
  dust: MICRO,
  memo: { subsidy: MICRO, refunded: MICRO, credits: MICRO, held: MICRO, slashed: MICRO },
};
const states = { submitted: 0, completed: 0, failed: 0, rejected: 0, cancelled: 0, running: 0, pending: 0 } as const;
const manifest: Shape = {
  engine: '',
  command: '',
  node: '',
  seed: 0,
  scenarioSha256: '',
  tables: {},
  journalBytes: 0,
  scenario: {},
  result: {
    fingerprint: '',
    simulatedSeconds: 0,
    jobs: states,
    rejectedBecause: {},
    gpu: {},
    waitSeconds: {},
    jctSeconds: {},
    failures: { byCause: {} },
    money: parties,
    moneyJct: parties,
    economics: { clearingPrice: {}, priceByClass: {} },
    invariants: { registered: 0, checks: 0, violations: 0 },
  },
};

const moduleShape: Shape = { ref: '', kind: '', name: '', sha256: '', file: '' };

/** The first key that is missing or of another kind, with what should stand there; null when all is there. */
export function manifestFault(value: unknown): string | null {
  const found = faultOf(value, manifest, '');
  const { modules } = value as { modules?: unknown };
  if (found !== null || modules === undefined) return found;
  if (!Array.isArray(modules)) return 'modules is no list';
  return modules.reduce((first: string | null, m, i) => first ?? faultOf(m, moduleShape, `modules.${i}`), null);
}

function faultOf(value: unknown, shape: Shape, at: string): string | null {
  if (typeof shape === 'object') {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return `${at || 'it'} is no mapping`;
    for (const [key, inner] of Object.entries(shape)) {
      const found = faultOf((value as Record<string, unknown>)[key], inner, at === '' ? key : `${at}.${key}`);
      if (found !== null) return found;
    }
    return null;
  }
  if (shape === 0) return Number.isFinite(value) ? null : `${at} is no number`;
  if (typeof value !== 'string') return `${at} is no text`;
  return shape === MICRO && !/^-?\d{1,40}$/.test(value) ? `${at} is no whole number of micro-units` : null;
}
