/** What the network did: partitions, crashes and takeovers, and capacity that pools saw wrongly. */
import type { RunData } from './data.ts';
import { group, seconds, short } from './numbers.ts';
import { figure, htmlTable, type Section } from './over-time.ts';
import { html, lines, ticks, timeAxis } from './svg.ts';

/** Most events shown, and most points of one line. */
const MOST_EVENTS = 40;
const MOST_POINTS = 700;

interface Moment {
  at: number;
  ghost: number;
  phantom: number;
}

/** Ghost and phantom GPUs of all pools together at each sample; of many samples the largest of each bucket. */
function moments(run: RunData): Moment[] {
  const v = run.views;
  const all: Moment[] = [];
  for (let i = 0; i < v.rows; i++) {
    let last = all[all.length - 1];
    if (last === undefined || last.at !== v.time_us[i]!) {
      last = { at: v.time_us[i]!, ghost: 0, phantom: 0 };
      all.push(last);
    }
    last.ghost += v.ghost_milli[i]! / 1000;
    last.phantom += v.phantom_milli[i]! / 1000;
  }
  const per = Math.ceil(all.length / MOST_POINTS);
  if (per <= 1) return all;
  const out: Moment[] = [];
  for (let i = 0; i < all.length; i += per) {
    const bucket = all.slice(i, i + per);
    out.push({
      at: bucket[0]!.at,
      ghost: Math.max(...bucket.map((m) => m.ghost)),
      phantom: Math.max(...bucket.map((m) => m.phantom)),
    });
  }
  return out;
}

const many = (n: number, one: string, more = `${one}s`): string => `${group(n)} ${n === 1 ? one : more}`;

/** Null where the scenario has no network. */
export function networkSection(run: RunData): Section | null {
  const n = run.result.network;
  if (n === undefined) return null;
  const list = moments(run);
  const highest = Math.max(1, ...list.map((m) => Math.max(m.ghost, m.phantom)));
  const chart =
    list.length === 0
      ? ''
      : figure(
          'GPUs that pools saw wrongly',
          lines(
            {
              id: 'ghosts',
              title: 'GPUs that pools saw wrongly',
              about: `Ghost capacity (free and not offered) and phantom capacity (offered and not there) over time, at most ${short(highest)} GPUs.`,
              x: timeAxis(run.endUs),
              y: { from: 0, to: highest * 1.04, ticks: ticks(0, highest, 5, short), label: 'GPUs' },
            },
            [
              { name: 'ghost', color: 1, fill: true, points: list.map((m) => [m.at, m.ghost]) },
              { name: 'phantom', color: 3, points: list.map((m) => [m.at, m.phantom]) },
            ],
          ),
        );
  const e = run.network;
  const rows = Array.from({ length: Math.min(e.rows, MOST_EVENTS) }, (_, i) => [
    seconds(e.time_us[i]!),
    html(e.event[i]!),
    html(e.name[i]! || (e.to_pool[i] === '' ? e.pool[i]! : `${e.pool[i]!} to ${e.to_pool[i]!}`)),
  ]);
  const more =
    e.rows > MOST_EVENTS ? `<p>${group(e.rows - MOST_EVENTS)} more in <code>network.parquet</code>.</p>` : '';
  const events =
    rows.length === 0
      ? '<p>Nothing opened, crashed or was taken over.</p>'
      : htmlTable(['after', 'event', 'who'], rows, [0, 1, 2]) + more;
  const { sent, lost, doubled, cut } = n.packets;
  const wires = `<p>${group(sent)} packets sent; ${group(lost)} lost, ${group(doubled)} doubled, ${group(cut)} cut off. ${group(n.edge.retries)} times a pool did not answer a user; ${group(n.stolen)} jobs went to idle pools.</p>`;
  const title =
    n.partitions + n.crashes === 0
      ? 'Hosts talked over wires, and nothing broke'
      : `${many(n.partitions, 'partition')}, ${many(n.crashes, 'crash', 'crashes')} of aggregators, ${many(n.takeovers, 'takeover')}${
          n.ghostGpuHours === null ? '' : `; ${short(n.ghostGpuHours)} GPU-hours were free and not offered`
        }`;
  return { id: 'network', title, html: chart + events + wires };
}
