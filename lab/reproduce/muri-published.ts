/**
 * Figures published with Muri (Zhao et al., SIGCOMM 2022), as its artifact quotes them (github.com/Rivendile/Muri,
 * simulator/draw_fig9-10.py, figures 9 and 10): average JCT, makespan and 99th percentile of JCT in seconds, with the digits given
 * there.
 */
import type { MuriFigures, MuriPolicy } from './muri.ts';

const SRTF = `
trace1    1370603.198      26045465.532945 16647148.09074
trace1_pr 2303543.816      24513543.937825 19871388.29092
trace2    2665607.375      48847005.197635 33128484.196403
trace2_pr 4079154.454      48697594.999386 36640840.003736
trace3    193081.796       8174135.28      4538890.607
trace3_pr 844394.78        7261795.828     6363099.549
trace4    581982.9002      14787990.59235  7768533.005
trace4_pr 1430856.446      14272665.007687 9443500.203`;
const SRSF = `
trace1    980140.5699      26065759.044845 15529913.227905
trace1_pr 1801859.995      24272529.59311  18267307.81118
trace2    2213949.687      49026465.31107  31241250.835485
trace2_pr 3384600.437      47972347.554251 34656644.081924
trace3    185021.8802      8174135.28      4189699.177
trace3_pr 798057.6829      6907790.403     6228160.594
trace4    487167.1688      14887908.86639  7372568.184
trace4_pr 1218501.968      14426755.371188 9227908.326`;
const TIRESIAS = `
trace1    3330371.307      23556410.217355 14739851.5052
trace1_pr 6921682.793      21990477.824095 21765400.784095
trace2    7396368.514      48117093.307735 37913098.47143
trace2_pr 10555502.040026  47686997.556889 44369455.221804
trace3    347213.2481      8174226.28      4983397.254
trace3_pr 2213110.128      6761641.42      6739568.999
trace4    1319382.936      13073838.61827  8663311.856
trace4_pr 2674022.636      12584603.56365  11219877.952119`;
const tables: Record<MuriPolicy, string> = { srtf: SRTF, srsf: SRSF, 'tiresias-l': TIRESIAS };

const fields = ['avgJctSeconds', 'makespanSeconds', 'p99JctSeconds'] as const;

/** The row of one run, as printed. */
const row = (trace: string, policy: MuriPolicy): string[] =>
  tables[policy]
    .trim()
    .split('\n')
    .map((line) => line.split(/ +/))
    .find((cells) => cells[0] === trace)!
    .slice(1);

export function muriPublished(trace: string, policy: MuriPolicy): MuriFigures {
  const [avgJctSeconds, makespanSeconds, p99JctSeconds] = row(trace, policy).map(Number) as [number, number, number];
  return { avgJctSeconds, makespanSeconds, p99JctSeconds };
}

/** Whether every figure rounds to the digits printed, and the largest difference in seconds of those that do not. */
export function agreementWith(
  figures: MuriFigures,
  trace: string,
  policy: MuriPolicy,
): { largestDifference: number; toPrintedDigits: boolean } {
  const cells = row(trace, policy);
  let largestDifference = 0;
  let toPrintedDigits = true;
  fields.forEach((field, i) => {
    const cell = cells[i]!;
    const decimals = cell.split('.')[1]?.length ?? 0;
    // The table drops zeros at the end, and its digits may be rounded half to even or half up.
    let unit = 1;
    for (let d = 0; d < decimals; d++) unit /= 10;
    const off = Math.abs(figures[field] - Number(cell));
    if (off <= unit / 2 + 1e-8) return;
    toPrintedDigits = false;
    largestDifference = Math.max(largestDifference, off);
  });
  return { largestDifference, toPrintedDigits };
}
