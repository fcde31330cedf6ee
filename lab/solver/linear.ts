/**
 * Linear and mixed-integer programs by HiGHS, an optional dependency (WebAssembly). Answers are doubles: whoever needs an exact
 * decision rounds to the integers it knows the answer lies on, and checks.
 */
export interface Variable {
  objective: number;
  low?: number;
  high?: number;
  integer?: boolean;
}

export interface Row {
  /** [variable, coefficient] */
  terms: readonly (readonly [number, number])[];
  low?: number;
  high?: number;
}

export interface LinearProblem {
  sense: 'max' | 'min';
  variables: readonly Variable[];
  rows: readonly Row[];
}

export interface Solution {
  status: 'optimal' | 'infeasible' | 'unbounded' | 'failed';
  objective: number;
  values: number[];
}

export interface LinearSolver {
  readonly name: string;
  solve(p: LinearProblem): Solution;
}

interface Highs {
  solve(
    text: string,
    options?: Record<string, unknown>,
  ): {
    Status: string;
    ObjectiveValue: number;
    Columns: Record<string, { Primal?: number }>;
  };
}

/** The solver, or null when the optional package is not installed. */
export async function highsSolver(): Promise<LinearSolver | null> {
  let load: () => Promise<unknown>;
  try {
    // A name that the compiler does not follow: the project must build where the optional package is absent.
    const name = 'highs';
    const module = (await import(name)) as { default: () => Promise<unknown> };
    load = module.default;
  } catch {
    return null;
  }
  const highs = (await load()) as Highs;
  return {
    name: 'highs',
    solve(p) {
      // A gap of 0: an auction's allocation must be the optimum, not near it.
      const found = highs.solve(lpText(p), { mip_rel_gap: 0, mip_abs_gap: 0 });
      const status =
        found.Status === 'Optimal'
          ? 'optimal'
          : /infeasible/i.test(found.Status)
            ? 'infeasible'
            : /unbounded/i.test(found.Status)
              ? 'unbounded'
              : 'failed';
      const values = status === 'optimal' ? p.variables.map((_, i) => found.Columns[`x${i}`]?.Primal ?? 0) : [];
      return { status, objective: found.ObjectiveValue, values };
    },
  };
}

/** The program in CPLEX LP format. */
export function lpText(p: LinearProblem): string {
  const lines: string[] = [
    p.sense === 'max' ? 'Maximize' : 'Minimize',
    ` obj: ${sum(p.variables.map((v, i) => [i, v.objective]))}`,
    'Subject To',
  ];
  p.rows.forEach((r, k) => {
    const left = sum(r.terms);
    if (r.low !== undefined && r.low === r.high) lines.push(` r${k}: ${left} = ${r.low}`);
    else {
      if (r.high !== undefined) lines.push(` u${k}: ${left} <= ${r.high}`);
      if (r.low !== undefined) lines.push(` l${k}: ${left} >= ${r.low}`);
    }
  });
  lines.push('Bounds');
  p.variables.forEach((v, i) => {
    lines.push(` ${v.low ?? 0} <= x${i} <= ${v.high ?? '+inf'}`.replace('-Infinity', '-inf'));
  });
  const whole = p.variables.flatMap((v, i) => (v.integer === true ? [`x${i}`] : []));
  if (whole.length > 0) lines.push('General', ` ${whole.join('\n ')}`);
  return `${lines.join('\n')}\nEnd\n`;
}

function sum(terms: readonly (readonly [number, number])[]): string {
  const parts = terms.filter(([, c]) => c !== 0).map(([i, c]) => `${c < 0 ? '-' : '+'} ${Math.abs(c)} x${i}`);
  // An empty side still needs a variable; wrapped, since a line of the format has a limit.
  return parts.length === 0
    ? '0 x0'
    : parts.reduce((text, t, n) => (n % 8 === 0 && n > 0 ? `${text}\n  ${t}` : `${text} ${t}`), '').trim();
}
