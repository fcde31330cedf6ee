/** What `validate` found as one page of HTML, opened offline: gates first, then every figure beside the noise. */
import type { ValidateJson } from '../commands/validate.ts';
import { htmlTable } from '../report/over-time.ts';
import { style } from '../report/style.ts';
import { html } from '../report/svg.ts';
import type { OpenLoopJson, Prediction } from './open-loop.ts';

const percentOf = (share: number): string => `${(100 * share).toFixed(2)} %`;

export function fidelityPage(v: ValidateJson): string {
  const c = v.closedLoop;
  const verdict = (pass: boolean | null): string => (pass === null ? 'open' : pass ? 'pass' : 'FAIL');
  const gates = htmlTable(
    ['gate', 'verdict', 'why'],
    v.gates.map((g) => [html(g.name), verdict(g.pass), html(g.why)]),
    [0, 1, 2],
    true,
  );
  const closed = htmlTable(
    ['compared', 'number', 'differ'],
    [
      ['decisions', String(c.decisions), String(c.decisionMismatches)],
      ['invoices', String(c.invoices), String(c.invoiceMismatches)],
      ['actions the run never took', '', String(c.unansweredActions)],
      ['answers nothing asked for', '', String(c.unusedAnswers)],
    ],
  );
  const first = c.firstMismatch === null ? '' : `<p>First: ${html(c.firstMismatch)}</p>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${html(v.scenario)}: janction fidelity</title>
<style>${style}</style>
</head>
<body>
<header><p class="kicker">janction validate · ${html(v.scenario)} · seed ${v.seed} · ${v.runs} ${v.runs === 1 ? 'run' : 'runs'}</p>
<h1>Does the simulator decide, bill and predict as the machines did?</h1></header>
<main>
<section id="gates"><h2>Gates</h2>${gates}</section>
<section id="closed"><h2>Closed loop</h2><p>The simulator was given what was submitted and every answer of the world with its delay.</p>${closed}${first}</section>
${v.openLoop.map(openLoopSection).join('\n')}
</main>
</body>
</html>
`;
}

function openLoopSection(o: OpenLoopJson, index: number): string {
  const predictions: [string, Prediction][] = [['uncalibrated', o.uncalibrated]];
  if (o.calibrated !== null) predictions.push(['calibrated', o.calibrated]);
  const rows = predictions.flatMap(([about, p]) => {
    const row = (name: string, key: keyof Prediction['metrics'], error: keyof Prediction['errors']): string[] => {
      const m = o.measured[key];
      const digits = key === 'utilisation' ? 3 : 0;
      return [
        about,
        name,
        m.mean.toFixed(digits),
        m.spread === null ? '-' : percentOf(m.spread),
        p.metrics[key].toFixed(digits),
        error === 'utilisationPoints' ? `${p.errors[error].toFixed(2)} points` : percentOf(p.errors[error]),
        p.indistinguishable.includes(error) ? 'yes' : '',
      ];
    };
    const other = (name: string, error: 'ks' | 'bill', text: string): string[] => {
      return [about, name, '', '', '', text, p.indistinguishable.includes(error) ? 'yes' : ''];
    };
    return [
      row('makespan, s', 'makespanSeconds', 'makespan'),
      row('mean completion, s', 'meanCompletionSeconds', 'meanCompletion'),
      row('p95 completion, s', 'p95CompletionSeconds', 'p95Completion'),
      row('utilisation', 'utilisation', 'utilisationPoints'),
      other('KS distance of completion times', 'ks', p.errors.ks.toFixed(3)),
      other('largest error of a user’s bill', 'bill', percentOf(p.errors.bill)),
    ];
  });
  const head = ['prediction', 'figure', 'measured', 'spread of repeats', 'predicted', 'error', 'within the noise'];
  const title = `${html(o.scenario)}, ${html(o.queueing)}, load ${o.load}, ${o.repeats} ${o.repeats === 1 ? 'run' : 'runs'}`;
  return `<section id="open-${index}"><h2>Open loop: ${title}</h2>${htmlTable(head, rows, [0, 1], true)}</section>`;
}
