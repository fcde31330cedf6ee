/** Words, figures and small pieces of page that several notebooks share. */

import * as Plot from '@observablehq/plot';

/** A chart with room for its labels: the axis' name stands in the middle under its ticks, not among them. */
export function chart(options: Plot.PlotOptions): ReturnType<typeof Plot.plot> {
  const x = options.x === undefined || typeof options.x === 'string' ? {} : options.x;
  return Plot.plot({
    marginTop: 34,
    marginBottom: 46,
    ...options,
    // A page that is being laid out or hidden has no width for a moment.
    width: Math.max(240, options.width ?? 640),
    x: { labelAnchor: 'center', labelOffset: 40, ...x },
  });
}

/** Seconds as the largest sensible unit. */
export function duration(s: number): string {
  const trim = (x: number): string => String(Math.round(x * 10) / 10);
  if (s < 120) return `${trim(s)} s`;
  if (s < 7200) return `${trim(s / 60)} min`;
  if (s < 172_800) return `${trim(s / 3600)} h`;
  return `${trim(s / 86_400)} d`;
}

export const group = (n: number): string => {
  const [whole, rest] = String(n).split('.');
  return whole!.replace(/\B(?=(\d{3})+(?!\d))/g, ',') + (rest === undefined ? '' : `.${rest}`);
};
export const percent = (x: number): string => `${Math.round(x * 1000) / 10} %`;
export const usd = (x: number): string => (Math.abs(x) >= 1000 ? group(Math.round(x)) : x.toFixed(2));

/** Figures side by side. */
export function cards(list: readonly (readonly [string, string, string?])[]): HTMLElement {
  const div = document.createElement('div');
  div.className = 'cards';
  for (const [name, value, note] of list) {
    const card = div.appendChild(document.createElement('div'));
    card.append(name);
    card.appendChild(document.createElement('b')).textContent = value;
    if (note !== undefined) card.append(note);
  }
  return div;
}

export function status(share: number, text: string): HTMLElement {
  const div = document.createElement('div');
  div.className = 'status';
  div.setAttribute('role', 'status');
  if (share < 1) {
    const bar = div.appendChild(document.createElement('progress'));
    bar.value = share;
    bar.setAttribute('aria-label', 'progress');
    div.append(' ');
  }
  div.append(text);
  return div;
}

/** For `view` where there is nothing to ask: shows nothing and always says the same. */
export function settled<T>(value: T): HTMLElement {
  const span = document.createElement('span');
  span.hidden = true;
  return Object.assign(span, { value });
}

/** Something is wrong, said once, in the page. */
export function message(text: string): HTMLElement {
  const p = document.createElement('p');
  p.className = 'message';
  p.setAttribute('role', 'alert');
  p.textContent = text;
  return p;
}

export function commandLine(text: string): HTMLElement {
  const pre = document.createElement('pre');
  pre.className = 'command';
  pre.textContent = text;
  return pre;
}

/** A table; numbers go right. */
export function tableOf(
  head: readonly string[],
  rows: readonly (readonly (string | Node)[])[],
  numbers: readonly number[] = [],
): HTMLElement {
  const div = document.createElement('div');
  div.className = 'scroll';
  const table = div.appendChild(document.createElement('table'));
  const row = (cells: readonly (string | Node)[], tag: 'th' | 'td', into: HTMLElement): void => {
    const tr = into.appendChild(document.createElement('tr'));
    cells.forEach((c, i) => {
      const cell = tr.appendChild(document.createElement(tag));
      if (numbers.includes(i)) cell.className = 'n';
      cell.append(c);
    });
  };
  row(head, 'th', table.appendChild(document.createElement('thead')));
  const body = table.appendChild(document.createElement('tbody'));
  for (const r of rows) row(r, 'td', body);
  return div;
}

export const palette = [0, 1, 2, 3, 4, 5].map((i) => `var(--c${i})`);
