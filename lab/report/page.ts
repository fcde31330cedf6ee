/** The page: head, sections in the order a reader asks, and how to do it again. One file, nothing fetched from anywhere. */
import { readFileSync } from 'node:fs';
import { NEVER } from '../../core/types.ts';
import { imputedBecause } from '../readable.ts';
import { adversarySection } from './adversaries.ts';
import { clearingSection } from './clearing.ts';
import { compareSection } from './compare.ts';
import type { RunData } from './data.ts';
import { divisionOf } from './division.ts';
import { machineSection } from './machines.ts';
import { moneySection, revenueSection } from './money.ts';
import { networkSection } from './network.ts';
import { amount, group, percent, seconds, short } from './numbers.ts';
import { failureSection, htmlTable, loadSection, priceSection, type Section } from './over-time.ts';
import { stakeSection } from './stake.ts';
import { style } from './style.ts';
import { html } from './svg.ts';
import { longestSection, waitSection } from './waiting.ts';

/** The page about the first run, compared with the others. The same runs give the same bytes. */
export function reportPage(runs: readonly RunData[]): string {
  const run = runs[0]!;
  const { scenario, result } = run;
  const sections: Section[] = [
    asked(run),
    ...(runs.length > 1 ? [compareSection(runs)] : []),
    loadSection(run),
    waitSection(run),
    longestSection(run),
    priceSection(run),
    ...[clearingSection(run)].filter((x) => x !== null),
    moneySection(run),
    revenueSection(run),
    ...[adversarySection(run), stakeSection(run), networkSection(run)].filter((x) => x !== null),
    failureSection(run),
    machineSection(run),
    checked(run),
    again(runs),
  ];
  const links: [string, string][] = [
    ['asked', 'asked'],
    ['compare', 'compared'],
    ['load', 'load'],
    ['waits', 'waits'],
    ['longest', 'longest waits'],
    ['prices', 'prices'],
    ['clearing', 'clearing'],
    ['money', 'money'],
    ['revenue', 'revenue'],
    ['adversaries', 'adversaries'],
    ['stake', 'stake'],
    ['network', 'network'],
    ['failures', 'failures'],
    ['machines', 'machines'],
    ['checked', 'checks'],
    ['again', 'run it again'],
  ];
  const nav = links
    .filter(([id]) => sections.some((s) => s.id === id))
    .map(([id, text]) => `<a href="#${id}">${text}</a>`)
    .join('');
  const body = sections.map((s) => `<section id="${s.id}"><h2>${s.title}</h2>${s.html}</section>`).join('\n');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="janction report">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<title>${html(scenario.name)}, seed ${scenario.seed}: janction report</title>
<style>${style}</style>
</head>
<body>
<header>
<p class="kicker">janction report · ${html(scenario.name)} · seed ${scenario.seed} · ${seconds(run.endUs)} simulated</p>
<h1>${html(scenario.question || scenario.name)}</h1>
${cards(run)}
<nav aria-label="Sections">${nav}</nav>
</header>
<main>
${body}
</main>
<footer><p>${html(run.manifest.engine)}, fingerprint <code>${result.fingerprint}</code>. This page is one file and asks no other host for anything.</p></footer>
<script>${clientScript()}</script>
</body>
</html>
`;
}

/** The compiled script of the page; beside this file when built, in dist when run from source. */
function clientScript(): string {
  const here = new URL('./browser/client.js', import.meta.url);
  try {
    return clean(readFileSync(here, 'utf8'));
  } catch {
    return clean(readFileSync(new URL('../../dist/lab/report/browser/client.js', import.meta.url), 'utf8'));
  }
}
const clean = (js: string): string =>
  js
    .replace(/^export \{\};?\s*$/m, '')
    .replace(/<\//g, '<\\/')
    .trim();

function cards(run: RunData): string {
  const { result: r, scenario } = run;
  const code = scenario.market.currencies[0]!.code;
  const share = r.jobs.submitted === 0 ? '–' : percent(r.jobs.completed / r.jobs.submitted);
  const list: [string, string, string][] = [
    ['jobs completed', share, `${group(r.jobs.completed)} of ${group(r.jobs.submitted)}`],
    ['median wait', seconds(r.waitSeconds.p50 * 1e6), `p95 ${seconds(r.waitSeconds.p95 * 1e6)}`],
    [
      'GPUs busy',
      percent(r.gpu.utilisation),
      `${short(r.gpu.usedGpuHours)} of ${short(r.gpu.capacityGpuHours)} GPU-hours up`,
    ],
    [
      'users paid',
      amount(Number(r.money.charged), code),
      r.economics.costPerUsefulGpuHour === null
        ? ''
        : `${short(r.economics.costPerUsefulGpuHour)} ${code} per useful GPU-hour`,
    ],
  ];
  if (r.economics.welfare !== null)
    list.push(['welfare', `${short(r.economics.welfare)} ${code}`, 'worth of completed jobs minus cost']);
  return `<dl class="cards">${list.map(([k, v, n]) => `<div><dt>${k}</dt><dd>${html(v)}<small>${html(n)}</small></dd></div>`).join('')}</dl>`;
}

function asked(run: RunData): Section {
  const { scenario: s, result: r } = run;
  const m = s.market;
  const list = (names: readonly string[]): string => {
    const shown = names.slice(0, 6).map(html).join(', ');
    return names.length > 6 ? `${shown} and ${names.length - 6} more` : shown;
  };
  const unique = (names: readonly string[]): string[] => [...new Set(names)];
  const ref = (x: { name: string }): string => x.name;
  const rows: [string, string][] = [
    ['machines', `${group(m.nodes.length)} with ${group(r.gpu.count)} GPUs (${list(m.classes.map((c) => c.name))})`],
    ['groups', list(unique(s.nodes.map((n) => n.group)))],
    [
      'demand',
      s.demand.kind === 'trace'
        ? `replay of a trace (${html(s.demand.format)}, ${html(s.demand.path.split('/').pop() ?? '')})`
        : s.demand.kind === 'list'
          ? `${group(s.demand.arrivals.length)} listed jobs`
          : `${s.demand.personas.length} personas: ${list(s.demand.personas.map((p) => `${p.name} ${short(p.jobsPerHour)}/h`))}`,
    ],
    ['pools', list(m.pools.map((p) => p.id))],
    ['queueing', list(unique(m.pools.map((p) => ref(p.queueing))))],
    ['placement', list(unique(m.pools.map((p) => ref(p.placement))))],
    ['pricing', `${list(unique(m.pools.map((p) => ref(p.pricing))))}, renewed every ${seconds(m.epochUs)}`],
    ['each charge is divided', divisionOf(m).map(html).join('<br>')],
    ['length', s.horizonUs >= NEVER ? `until every job was over: ${seconds(run.endUs)}` : seconds(run.endUs)],
    ['warm-up', s.warmupUs === 0 ? 'none' : `${seconds(s.warmupUs)}; jobs submitted before are not in waits`],
  ];
  const ran = run.manifest.execution;
  if (ran !== undefined) {
    const devices = [...new Set(ran.devices.map((d) => `${d.device} (${d.name})`))];
    rows.push(
      ['executed, not simulated', `at ${group(ran.timeScale)} x wall time on ${list(devices)}`],
      ['kept apart by', html(ran.isolation)],
    );
  }
  if ((run.manifest.modules ?? []).length > 0)
    rows.push([
      'modules of your own',
      list(run.manifest.modules!.map((m) => `${m.ref} (${m.kind}, SHA-256 ${m.sha256.slice(0, 12)}…)`)),
    ]);
  for (const [why, notes] of imputedBecause(s, r))
    if (notes.length > 0) rows.push([why.charAt(0).toLowerCase() + why.slice(1), list(notes)]);
  return {
    id: 'asked',
    title: 'What was asked',
    html: `<dl class="facts">${rows.map(([k, v]) => `<div><dt>${k}</dt><dd>${v}</dd></div>`).join('')}</dl>`,
  };
}

function checked(run: RunData): Section {
  const { result: r } = run;
  const because = Object.entries(r.rejectedBecause).map(([k, n]) => `${k} ${group(n)}`);
  const rows = [
    ['completed', group(r.jobs.completed)],
    ['failed', group(r.jobs.failed)],
    ['rejected', `${group(r.jobs.rejected)}${because.length > 0 ? ` (${html(because.join(', '))})` : ''}`],
    ['cancelled', group(r.jobs.cancelled)],
    ['still running at the end', group(r.jobs.running)],
    ['still waiting at the end', group(r.jobs.pending)],
    ['submitted', group(r.jobs.submitted)],
  ];
  const sum = r.jobs.completed + r.jobs.failed + r.jobs.rejected + r.jobs.cancelled + r.jobs.running + r.jobs.pending;
  return {
    id: 'checked',
    title: `${r.invariants.registered} laws of the market were checked ${group(r.invariants.checks)} times; ${r.invariants.violations === 0 ? 'none was broken' : `${group(r.invariants.violations)} violations`}`,
    html: `${htmlTable(['jobs', 'count'], rows)}<p>${sum === r.jobs.submitted ? 'Every submitted job is accounted for' : `The jobs do not add up: ${group(sum)} of ${group(r.jobs.submitted)}`}; charges equal what the parties got, to the micro-unit. <code>npx janction audit ${html(run.dir)}</code> replays the run and recomputes every balance with code that shares nothing with the ledger.</p>`,
  };
}

function again(runs: readonly RunData[]): Section {
  const run = runs[0]!;
  const m = run.manifest;
  const commands = [
    ...runs.map((r) => `npx ${r.manifest.command} --out NEW-DIRECTORY`),
    `npx janction audit ${run.dir}`,
    `npx janction explain ${run.dir} JOB`,
    `npx janction timeline ${run.dir} > timeline.json    # opens in ui.perfetto.dev`,
  ];
  return {
    id: 'again',
    title: 'How to run it again',
    html: `<pre>${commands.map((c) => html(c)).join('\n')}</pre>
<p>The same scenario, seed and version give the same bytes on any machine: fingerprint <code>${run.result.fingerprint}</code>, scenario SHA-256 <code class="long">${m.scenarioSha256}</code>, ${html(m.engine)}.</p>
<p>Not modelled: what jobs compute, transfer of data, power. Every figure comes from the Parquet tables in the run directory; their columns are explained in <code>docs/data-dictionary.md</code>.</p>`,
  };
}
