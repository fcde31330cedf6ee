/** Drawing without a browser: SVG text with axes, legends and titles that a screen reader hears. Colours are CSS variables. */
import { scaleLinear } from 'd3-scale';
import { area, curveStepAfter, line } from 'd3-shape';

export const html = (text: string): string =>
  text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');

/** Coordinates to a tenth of a pixel: small files, and no last bits that differ between engines. */
export const px = (x: number): string => String(Math.round(x * 10) / 10);

export interface Axis {
  /** Value at the left or bottom, and at the right or top. */
  from: number;
  to: number;
  ticks: { at: number; label: string }[];
  label: string;
}

export interface Series {
  name: string;
  /** Class of the colour: c0 .. c7. */
  color: number;
  points: readonly (readonly [number, number])[];
  dash?: boolean;
  fill?: boolean;
  step?: boolean;
  wide?: boolean;
}

export interface Frame {
  id: string;
  title: string;
  /** What the picture shows, for who cannot see it. */
  about: string;
  x: Axis;
  y: Axis;
  /** Shaded from the left edge to here: warm-up. */
  shadeTo?: number;
}

const WIDTH = 860;
const NARROW = 400;
const HEIGHT = 250;
const LEFT = 62;
const RIGHT = 14;
const TOP = 12;
const BOTTOM = 44;

/** An empty picture with a name and a description. */
export function svg(id: string, title: string, about: string, width: number, height: number, body: string): string {
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="${id}-t ${id}-d"><title id="${id}-t">${html(title)}</title><desc id="${id}-d">${html(about)}</desc>${body}</svg>`;
}

/** One picture for wide pages and one for telephones, of which the style shows one. */
export function twice(draw: (width: number, suffix: string) => string): string {
  return `<div class="page-size">${draw(WIDTH, '')}</div><div class="phone-size">${draw(NARROW, '-n')}</div>`;
}

/** Lines or areas over common axes, with a legend when there is more than one. */
export function lines(frame: Frame, series: readonly Series[]): string {
  return (
    (series.length > 1 ? legend(series) : '') +
    twice((width, suffix) => plot({ ...frame, id: frame.id + suffix }, series, width))
  );
}

function plot(frame: Frame, series: readonly Series[], width: number): string {
  const height = HEIGHT;
  const x = scaleLinear()
    .domain([frame.x.from, frame.x.to])
    .range([LEFT, width - RIGHT]);
  const y = scaleLinear()
    .domain([frame.y.from, frame.y.to])
    .range([height - BOTTOM, TOP]);
  const parts: string[] = [];
  if (frame.shadeTo !== undefined && frame.shadeTo > frame.x.from)
    parts.push(
      `<rect class="shade" x="${LEFT}" y="${TOP}" width="${px(x(frame.shadeTo) - LEFT)}" height="${height - BOTTOM - TOP}"><title>warm-up: not counted in waits</title></rect>`,
    );
  parts.push(axes(frame, x, y, width, height));
  for (const s of series) {
    const at = (p: readonly [number, number]): number => x(p[0]);
    const up = (p: readonly [number, number]): number => y(p[1]);
    const path = line<readonly [number, number]>().x(at).y(up).digits(1);
    const shape = area<readonly [number, number]>().x(at).y0(y(frame.y.from)).y1(up).digits(1);
    if (s.step === true) {
      path.curve(curveStepAfter);
      shape.curve(curveStepAfter);
    }
    if (s.fill === true) parts.push(`<path class="area c${s.color}" d="${shape(s.points) ?? ''}"/>`);
    parts.push(
      `<path class="line c${s.color}${s.dash === true ? ' dash' : ''}${s.wide === true ? ' wide' : ''}" d="${path(s.points) ?? ''}"><title>${html(s.name)}</title></path>`,
    );
  }
  return svg(frame.id, frame.title, frame.about, width, height, parts.join(''));
}

type Scale = (v: number) => number;

function axes(frame: Frame, x: Scale, y: Scale, width: number, height: number): string {
  const parts: string[] = [];
  for (const t of frame.y.ticks) {
    const at = px(y(t.at));
    parts.push(
      `<line class="grid" x1="${LEFT}" x2="${width - RIGHT}" y1="${at}" y2="${at}"/><text class="tick" x="${LEFT - 6}" y="${at}" dy="0.35em" text-anchor="end">${html(t.label)}</text>`,
    );
  }
  const base = height - BOTTOM;
  // Labels must not touch: on a narrow page every second or third is left out.
  const room = Math.max(2, Math.floor((width - LEFT - RIGHT) / 46));
  const every = Math.ceil(frame.x.ticks.length / room);
  for (const [i, t] of frame.x.ticks.entries()) {
    if (i % every !== 0) continue;
    const at = px(x(t.at));
    parts.push(
      `<line class="tickline" x1="${at}" x2="${at}" y1="${base}" y2="${base + 4}"/><text class="tick" x="${at}" y="${base + 16}" text-anchor="middle">${html(t.label)}</text>`,
    );
  }
  parts.push(
    `<line class="axis" x1="${LEFT}" x2="${width - RIGHT}" y1="${base}" y2="${base}"/>`,
    `<text class="label" x="${(LEFT + width - RIGHT) / 2}" y="${height - 6}" text-anchor="middle">${html(frame.x.label)}</text>`,
    `<text class="label" transform="translate(13 ${(TOP + base) / 2}) rotate(-90)" text-anchor="middle">${html(frame.y.label)}</text>`,
  );
  return parts.join('');
}

export function legend(series: readonly { name: string; color: number; dash?: boolean }[]): string {
  const items = series.map(
    (s) =>
      `<li><svg class="key" viewBox="0 0 24 10" aria-hidden="true"><path class="line wide c${s.color}${s.dash === true ? ' dash' : ''}" d="M1 5H23"/></svg>${html(s.name)}</li>`,
  );
  return `<ul class="legend">${items.join('')}</ul>`;
}

export interface Bar {
  name: string;
  /** Pieces from left to right, in the axis' unit. */
  parts: { value: number; color: number; about: string }[];
  /** Written behind the bar. */
  note: string;
}

/** Horizontal bars with their figures written out. */
export function bars(id: string, title: string, about: string, list: readonly Bar[]): string {
  return twice((width, suffix) => barRows(id + suffix, title, about, list, width));
}

function barRows(id: string, title: string, about: string, list: readonly Bar[], width: number): string {
  const row = 26;
  const nameWidth = width < 600 ? 100 : 190;
  const noteWidth = width < 600 ? 160 : 210;
  const most = Math.max(1e-9, ...list.map((b) => b.parts.reduce((n, p) => n + p.value, 0)));
  const x = scaleLinear()
    .domain([0, most])
    .range([0, width - nameWidth - noteWidth]);
  const body = list.map((b, i) => {
    const y = i * row + 4;
    let at = nameWidth;
    const pieces = b.parts.map((p) => {
      const w = x(p.value);
      const piece = `<rect class="bar c${p.color}" x="${px(at)}" y="${y}" width="${px(w)}" height="${row - 8}"><title>${html(p.about)}</title></rect>`;
      at += w;
      return piece;
    });
    return `<text class="name" x="${nameWidth - 8}" y="${y + 13}" text-anchor="end">${html(clip(b.name, width < 600 ? 14 : 26))}</text>${pieces.join('')}<text class="tick" x="${px(at + 6)}" y="${y + 13}">${html(b.note)}</text>`;
  });
  return svg(id, title, about, width, list.length * row + 6, body.join(''));
}

export const clip = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most - 1)}…`;

/** Round ticks over a range of plain numbers. */
export function ticks(from: number, to: number, count: number, label: (v: number) => string): Axis['ticks'] {
  return scaleLinear()
    .domain([from, to])
    .ticks(count)
    .map((at) => ({ at, label: label(at) }));
}

const TIME_STEPS: readonly [number, string, number][] = [
  // step in seconds, unit, seconds of the unit
  [1, 's', 1],
  [5, 's', 1],
  [15, 's', 1],
  [60, 'min', 60],
  [300, 'min', 60],
  [900, 'min', 60],
  [3600, 'h', 3600],
  [3 * 3600, 'h', 3600],
  [6 * 3600, 'h', 3600],
  [86400, 'd', 86400],
  [2 * 86400, 'd', 86400],
  [5 * 86400, 'd', 86400],
  [10 * 86400, 'd', 86400],
  [30 * 86400, 'd', 86400],
  [100 * 86400, 'd', 86400],
];

/** The time axis of a run of `endUs`. */
export function timeAxis(endUs: number): Axis {
  const seconds = endUs / 1e6;
  const [step, unit, per] = TIME_STEPS.find(([s]) => seconds / s <= 10) ?? [365 * 86400, 'd', 86400];
  const list: Axis['ticks'] = [];
  for (let t = 0; t <= seconds; t += step) list.push({ at: t * 1e6, label: String(Math.round((t / per) * 100) / 100) });
  const word = { s: 'seconds', min: 'minutes', h: 'hours', d: 'days' }[unit]!;
  return { from: 0, to: endUs, ticks: list, label: `time since the start, ${word}` };
}
