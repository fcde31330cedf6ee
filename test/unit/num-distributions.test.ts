import { describe, expect, test } from 'vitest';
import * as num from '../../core/num/index.ts';

// Tables: arguments, then the true value to double precision, computed with mpmath 1.3 at 60 digits; quantiles by
// solving there. Degrees of freedom and shapes follow the argument.
const logGammaTable: [number, number][] = [
  [1e-10, 23.025850929882736],
  [0.1, 2.252712651734206],
  [0.5, 0.5723649429247001],
  [0.9, 0.06637623973474295],
  [1.0000001, -5.772155829918507e-8],
  [1.3, -0.10817480950786047],
  [1.4616321449683622, -0.12148629053584961],
  [1.9, -0.03898427592308336],
  [2.5, 0.2846828704729192],
  [3.7, 1.428072326665388],
  [7.99, 8.50501160608848],
  [8, 8.525161361065415],
  [20.5, 40.8315009745308],
  [171.6, 709.6573587630563],
  [100000, 1051287.7089736569],
  [1000000000000000, 3.3538776394910668e16],
  [-0.5, 1.2655121234846454],
  [-1.5, 0.860047015376481],
  [-10.3, -14.457515440024208],
];
const gammaPgammaQTable: [number, number, number, number][] = [
  [0.1, 0.05, 0.7755386354510305, 0.22446136454896942],
  [0.5, 0.5, 0.6826894921370859, 0.3173105078629141],
  [0.5, 12, 0.9999990366429914, 9.633570086430946e-7],
  [1, 3, 0.950212931632136, 0.049787068367863944],
  [3, 0.1, 0.00015465307026467167, 0.9998453469297354],
  [10, 10, 0.5420702855281478, 0.4579297144718522],
  [10, 35, 0.9999998178629961, 1.8213700395721062e-7],
  [100, 80, 0.017108313035133115, 0.9828916869648668],
  [100, 130, 0.9972495916326934, 0.002750408367306526],
  [1000, 1000, 0.5042052441802155, 0.4957947558197845],
  [1000, 1200, 0.9999999987118394, 1.2881606086281433e-9],
  [5000, 4700, 7.5970648619412704e-6, 0.999992402935138],
];
const betaITable: [number, number, number, number][] = [
  [0.5, 0.5, 0.3, 0.36901011956554536],
  [2, 3, 0.4, 0.5248],
  [0.2, 7, 0.01, 0.626267965937642],
  [30, 0.5, 0.99, 0.439334368905251],
  [100, 200, 0.3, 0.10884306564490975],
  [1000, 1000, 0.52, 0.9632205167213604],
  [5, 1, 0.001, 1e-15],
];
const normalCdfTable: [number, number][] = [
  [-37, 5.725571222524577e-300],
  [-20, 2.7536241186062337e-89],
  [-10, 7.619853024160525e-24],
  [-5, 2.866515718791939e-7],
  [-3, 0.0013498980316300946],
  [-1.96, 0.024997895148220435],
  [-1, 0.15865525393145705],
  [-0.1, 0.460172162722971],
  [0, 0.5],
  [0.5, 0.6914624612740131],
  [1.6448536269514722, 0.95],
  [3, 0.9986501019683699],
  [6, 0.9999999990134123],
];
const normalQuantileTable: [number, number][] = [
  [1e-300, -37.0470962993612],
  [1e-100, -21.273453560965326],
  [1e-20, -9.262340089798407],
  [1e-6, -4.753424308822899],
  [0.001, -3.0902323061678136],
  [0.025, -1.9599639845400543],
  [0.0749, -1.4402382675279637],
  [0.0751, -1.43882539275254],
  [0.3, -0.5244005127080408],
  [0.5000000001, 2.506628482030354e-10],
  [0.9, 1.2815515655446006],
  [0.975, 1.9599639845400538],
  [0.99999, 4.264890793923841],
];
const studentTailTable: [number, number, number][] = [
  [0.1, 1, 0.4682744825694464],
  [1, 1, 0.25],
  [12.706204736174698, 1, 0.025000000000000015],
  [1000000, 1, 3.1830988618368455e-7],
  [2.262157162798205, 9, 0.025000000000000026],
  [5, 3, 0.007696219036651151],
  [-1.5, 4, 0.896],
  [40, 30, 6.863022597203201e-28],
  [0.5, 1000, 0.3085925404169374],
  [6, 2.5, 0.00764086494276145],
  [4, 100000, 3.169399877859767e-5],
];
const studentQuantileTable: [number, number, number][] = [
  [0.975, 9, 2.262157162798205],
  [0.975, 1, 12.706204736174694],
  [0.995, 3, 5.840909309733355],
  [0.9, 2, 1.885618083164127],
  [0.75, 1, 1],
  [0.501, 5, 0.002634309180336605],
  [0.6, 30, 0.2556053649519127],
  [0.999999, 7, 14.241469651921154],
  [0.95, 1000, 1.6463788172854643],
  [0.025, 9, -2.2621571627982053],
  [1e-12, 4, -1316.0727465592565],
];
const chiSquareTailTable: [number, number, number][] = [
  [3.841458820694124, 1, 0.05000000000000006],
  [0.01, 1, 0.920344325445942],
  [100, 10, 5.4497019829205295e-17],
  [1e-5, 2, 0.9999950000125],
  [950, 1000, 0.8691240657456885],
  [1200, 1000, 1.2255942330622905e-5],
  [700, 3, 2.0991308534204087e-151],
];
const chiSquareQuantileTable: [number, number, number][] = [
  [0.95, 1, 3.8414588206941245],
  [0.95, 10, 18.307038053275143],
  [0.05, 10, 3.94029913611906],
  [0.001, 1, 1.57079714926249e-6],
  [0.5, 2, 1.3862943611198906],
  [0.999, 1000, 1143.9170926196791],
  [1e-10, 3, 5.20939762143448e-7],
  [0.2, 0.5, 0.0021617714613259534],
];
const fTailTable: [number, number, number, number][] = [
  [4.964602743730712, 1, 10, 0.050000000000000044],
  [0.1, 3, 7, 0.9574706798180967],
  [25, 2, 4, 0.0054869684499314125],
  [1, 50, 60, 0.49671750506524004],
  [3, 5, 2.5, 0.22798412381325764],
];
const betaQuantileTable: [number, number, number, number][] = [
  [0.025, 8, 3, 0.44390453769235844],
  [0.975, 9, 2, 0.9747892736731666],
  [0.5, 0.5, 0.5, 0.5],
  [1e-8, 2, 5, 2.582077791429194e-5],
  [0.999, 100, 4, 0.9957864326857551],
];
const kolmogorovTailTable: [number, number][] = [
  [0.2, 0.999999999999495],
  [0.5, 0.9639452436648751],
  [0.8275735551899077, 0.49999999999999994],
  [1, 0.2699996716773545],
  [1.3580986393225505, 0.05000000000000003],
  [2, 0.0006709252557796953],
  [3, 3.045995948942526e-8],
  [5, 3.8574996959278356e-22],
];
const ksTailTable: [number, number, number][] = [
  [10, 0.274, 0.3715203845434956],
  [50, 0.1, 0.6623112704658185],
  [100, 0.13, 0.06209234069876565],
  [400, 0.0455, 0.3680426025991104],
  [401, 0.03, 0.8523975150942501],
  [401, 0.045, 0.37995096843196335],
  [401, 0.08, 0.011136256184799423],
  [600, 0.03, 0.6414444264463621],
  [600, 0.05, 0.09624372183201638],
  [1000, 0.025, 0.5510292467519937],
];

const relative = (got: number, exact: number): number => (got === exact ? 0 : Math.abs(got / exact - 1));

function check(name: string, args: number[], got: number, exact: number, limit: number): void {
  const error = relative(got, exact);
  if (!(error <= limit)) expect({ name, args, got, error }).toEqual({ name, args, got: exact, error: limit });
}

describe('against true values', () => {
  test('log gamma', () => {
    for (const [x, y] of logGammaTable) {
      if (x === 1.0000001) expect(Math.abs(num.logGamma(x) - y)).toBeLessThan(1e-22);
      else check('logGamma', [x], num.logGamma(x), y, 4e-16);
    }
    for (const x of [0, -1, -2, -1e15, -(2 ** 52) - 1, Infinity, -Infinity]) expect(num.logGamma(x)).toBe(Infinity);
    expect([num.logGamma(1), num.logGamma(2)]).toEqual([0, 0]);
    expect(num.logGamma(NaN)).toBeNaN();
  });

  test('incomplete gamma and beta', () => {
    for (const [a, x, p, q] of gammaPgammaQTable) {
      check('gammaP', [a, x], num.gammaP(a, x), p, 1e-13);
      check('gammaQ', [a, x], num.gammaQ(a, x), q, 1e-13);
    }
    for (const [a, b, x, p] of betaITable) check('betaI', [a, b, x], num.betaI(a, b, x), p, 2e-14);
  });

  test('normal distribution', () => {
    for (const [x, p] of normalCdfTable) {
      check('normalCdf', [x], num.normalCdf(x), p, 1e-15);
      check('normalTail', [x], num.normalTail(-x), p, 1e-15);
    }
    for (const [p, x] of normalQuantileTable) check('normalQuantile', [p], num.normalQuantile(p), x, 2e-15);
    check('normalPdf', [1], num.normalPdf(1), 0.24197072451914337, 1e-15);
    check('normalPdf', [-30], num.normalPdf(-30), 1.4736461348785476e-196, 1e-15);
  });

  test('Student t', () => {
    for (const [t, df, p] of studentTailTable) {
      check('studentTail', [t, df], num.studentTail(t, df), p, 1e-13);
      check('studentCdf', [-t, df], num.studentCdf(-t, df), p, 1e-13);
    }
    for (const [p, df, t] of studentQuantileTable)
      check('studentQuantile', [p, df], num.studentQuantile(p, df), t, 1e-14);
    expect(Math.abs(num.studentQuantile(0.975, 9) - 2.262157162798204)).toBeLessThan(1e-12);
    expect(Math.abs(num.studentQuantile(0.975, 1) - 12.706204736174696)).toBeLessThan(1e-12);
  });

  test('chi-square, F, beta', () => {
    for (const [x, df, p] of chiSquareTailTable) check('chiSquareTail', [x, df], num.chiSquareTail(x, df), p, 2e-14);
    for (const [p, df, x] of chiSquareQuantileTable) {
      check('chiSquareQuantile', [p, df], num.chiSquareQuantile(p, df), x, 1e-14);
    }
    for (const [f, d1, d2, p] of fTailTable) check('fTail', [f, d1, d2], num.fTail(f, d1, d2), p, 1e-14);
    for (const [p, a, b, x] of betaQuantileTable) check('betaQuantile', [p, a, b], num.betaQuantile(p, a, b), x, 1e-14);
  });

  test('Kolmogorov-Smirnov', () => {
    for (const [x, p] of kolmogorovTailTable) {
      check('kolmogorovTail', [x], num.kolmogorovTail(x), p, 2e-15);
      if (x < 1.2) check('kolmogorovCdf', [x], num.kolmogorovCdf(x), 1 - p, x < 0.3 ? 1e-3 : 1e-14);
    }
    // Exact to n = 400 (the first row is the example of Marsaglia, Tsang and Wang's paper), an expansion beyond.
    for (const [n, d, p] of ksTailTable) {
      expect(Math.abs(num.ksTail(n, d) - p)).toBeLessThan(n <= 400 ? 1e-13 : 0.06 / (n * n));
    }
  });
});

/** P(D_n >= d) by counting: the piecewise polynomial recursion over the sorted sample, exact in rationals (Conover). */
function ksTailOracle(n: number, d: number): number {
  // P(D_n < d) = n! times the volume of { u_1 < ... < u_n : i/n - d < u_i < (i-1)/n + d }, cut at the bounds.
  const lower = (i: number) => Math.max(0, i / n - d);
  const upper = (i: number) => Math.min(1, (i - 1) / n + d);
  const cuts = new Set<number>([0, 1]);
  for (let i = 1; i <= n; i++) {
    cuts.add(lower(i));
    cuts.add(upper(i));
  }
  const grid = [...cuts].sort((a, b) => a - b);
  // ways[k]: volume (times k!/k! free) of the first k points placed in the cells so far
  let ways = [1, ...new Array<number>(n).fill(0)];
  for (let c = 0; c + 1 < grid.length; c++) {
    const [a, b] = [grid[c]!, grid[c + 1]!];
    const next = ways.slice();
    for (let k = 0; k < n; k++) {
      let volume = 1;
      for (let m = 1; k + m <= n; m++) {
        const i = k + m;
        if (!(lower(i) <= a + 1e-15 && upper(i) >= b - 1e-15)) break;
        volume *= (b - a) / m;
        next[i]! += ways[k]! * volume;
      }
    }
    ways = next;
  }
  let factorial = 1;
  for (let i = 2; i <= n; i++) factorial *= i;
  return 1 - ways[n]! * factorial;
}

describe('laws', () => {
  test('ksTail equals the volume of the order simplex for small samples', () => {
    for (const n of [1, 2, 3, 5, 8, 12]) {
      for (let d = 0.03; d < 1; d += 0.07) {
        expect(Math.abs(num.ksTail(n, d) - ksTailOracle(n, d))).toBeLessThan(1e-11);
      }
    }
  });

  test('ksTail: the exact part, the one-sided part and the expansion join', () => {
    // n d^2 = 6 is where 1 - P gives way to twice the one-sided sum.
    for (const n of [60, 200, 400]) {
      const d = Math.sqrt(6 / n);
      check('join', [n], num.ksTail(n, d * (1 - 1e-12)), num.ksTail(n, d * (1 + 1e-12)), 1e-8);
    }
    for (const z of [0.6, 0.9, 1.3, 1.8]) {
      const step = num.ksTail(400, z / 20) - num.ksTail(401, z / Math.sqrt(401));
      expect(Math.abs(step)).toBeLessThan(3e-5 + 4e-7);
      expect(Math.abs(num.ksTail(1_000_000, z / 1000) - num.kolmogorovTail(z))).toBeLessThan(1e-3);
    }
    expect([num.ksTail(5, 0.1), num.ksTail(5, 1), num.ksTail(1, 0.75)]).toEqual([1, 0, 0.5]);
  });

  test('tails and lower tails add up to one', () => {
    for (let i = 0; i < 300; i++) {
      const u = num.chance([1, 2], 'u', i);
      const df = 0.3 + 60 * num.chance([1, 2], 'df', i);
      const x = 3 * df * u;
      const sums = [
        num.gammaP(df, x) + num.gammaQ(df, x),
        num.betaI(df, 2.5, u) + num.betaI(2.5, df, 1 - u),
        num.studentTail(10 * u - 5, df) + num.studentCdf(10 * u - 5, df),
        num.chiSquareTail(x, df) + num.chiSquareCdf(x, df),
        num.fTail(3 * u, df, 7) + num.fCdf(3 * u, df, 7),
        num.erf(4 * u - 2) + num.erfc(4 * u - 2),
        num.normalCdf(6 * u - 3) + num.normalTail(6 * u - 3),
        num.kolmogorovCdf(2 * u) + num.kolmogorovTail(2 * u),
      ];
      for (const s of sums) expect(Math.abs(s - 1)).toBeLessThan(2e-14);
      // an integer a: Q(a, x) is the sum of Poisson probabilities
      const a = 1 + Math.floor(df);
      let term = num.exp(-x);
      let poisson = 0;
      for (let k = 0; k < a; k++) {
        poisson += term;
        term *= x / (k + 1);
      }
      expect(relative(num.gammaQ(a, x), poisson)).toBeLessThan(1e-12);
    }
  });

  test('quantiles undo the distribution functions', () => {
    for (let i = 0; i < 200; i++) {
      const u = num.chance([3, 4], 'p', i);
      const df = num.exp(-1 + 9 * num.chance([3, 4], 'df', i));
      for (const p of [u, u * 1e-9, 0.5 + (u - 0.5) * 1e-6]) {
        check('normal', [p], num.normalCdf(num.normalQuantile(p)), p, 1e-13);
        check('student', [p, df], num.studentCdf(num.studentQuantile(p, df), df), p, 1e-12);
        check('chi-square', [p, df], num.chiSquareCdf(num.chiSquareQuantile(p, df), df), p, 1e-12);
        check('beta', [p, df], num.betaI(df, 2, num.betaQuantile(p, df, 2)), p, 1e-10);
        expect(num.studentQuantile(1 - u, df)).toBe(-num.studentQuantile(1 - (1 - u), df));
      }
    }
    expect(num.studentQuantile(0.5, 3)).toBe(0);
    expect([num.normalQuantile(0), num.normalQuantile(1), num.normalQuantile(0.5)]).toEqual([-Infinity, Infinity, 0]);
    expect([num.studentQuantile(0, 3), num.studentQuantile(1, 3)]).toEqual([-Infinity, Infinity]);
    expect([num.chiSquareQuantile(0, 3), num.chiSquareQuantile(1, 3)]).toEqual([0, Infinity]);
    expect([num.betaQuantile(0, 3, 1), num.betaQuantile(1, 3, 1)]).toEqual([0, 1]);
  });

  test('limits of the distributions', () => {
    check('t -> normal', [], num.studentTail(2, 1e8), num.normalTail(2), 1e-7);
    check('t^2 = F', [], num.fTail(2.5 * 2.5, 1, 11), 2 * num.studentTail(2.5, 11), 1e-14);
    check('z^2 = chi-square', [], num.chiSquareTail(9, 1), 2 * num.normalTail(3), 1e-14);
    check('exponential', [], num.chiSquareTail(50, 2), num.exp(-25), 1e-14);
    check('Cauchy', [], num.studentTail(1e200, 1), 1 / Math.PI / 1e200, 1e-14);
    check('Cauchy quantile', [], num.studentQuantile(1e-200, 1), -1 / Math.PI / 1e-200, 1e-14);
    expect([num.studentTail(Infinity, 3), num.studentTail(-Infinity, 3), num.fTail(Infinity, 3, 4)]).toEqual([0, 1, 0]);
    expect([num.erf(Infinity), num.erfc(-Infinity), num.erfc(30), num.normalCdf(-50), num.normalCdf(50)]).toEqual([
      1, 2, 0, 0, 1,
    ]);
  });

  test('bad parameters are refused, NaN goes through', () => {
    for (const call of [
      () => num.gammaP(0, 1),
      () => num.gammaQ(1, -1),
      () => num.betaI(1, 0, 0.5),
      () => num.betaI(1, 1, 1.5),
      () => num.normalQuantile(1.5),
      () => num.studentTail(1, 0),
      () => num.studentQuantile(-0.1, 2),
      () => num.chiSquareQuantile(2, 2),
      () => num.fTail(1, 1, -1),
      () => num.betaQuantile(0.5, -1, 1),
      () => num.ksTail(0, 0.5),
    ]) {
      expect(call).toThrow(/^range/);
    }
    expect([
      num.gammaP(1, NaN),
      num.betaI(1, 1, NaN),
      num.normalCdf(NaN),
      num.normalQuantile(NaN),
      num.studentTail(NaN, 1),
      num.studentQuantile(NaN, 1),
      num.chiSquareTail(NaN, 1),
      num.fTail(NaN, 1, 1),
      num.kolmogorovTail(NaN),
      num.ksTail(3, NaN),
      num.erf(NaN),
      num.erfc(NaN),
    ]).toEqual(new Array(12).fill(NaN));
  });
});
