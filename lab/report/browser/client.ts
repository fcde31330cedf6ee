/**
 * The only script of a report: draws which machine ran what, lets the reader zoom, and finds a job. Inlined into the page as it
 * stands, so it imports nothing.
 */
interface Shown {
  /** Microseconds of one unit of time. */
  unitUs: number;
  endUs: number;
  nodes: { name: string; group: string; gpus: number }[];
  labels: string[];
  outcomes: string[];
}

interface Bar {
  node: number;
  gpu: number;
  width: number;
  milli: number;
  start: number;
  end: number;
  job: number;
  label: number;
  outcome: number;
}

function decode(text: string, nodes: number): Bar[] {
  const raw = atob(text);
  let at = 0;
  const uint = (): number => {
    let value = 0;
    let scale = 1;
    for (;;) {
      const b = raw.charCodeAt(at++);
      value += (b & 127) * scale;
      if (b < 128) return value;
      scale *= 128;
    }
  };
  const bars: Bar[] = [];
  for (let node = 0; node < nodes; node++) {
    let start = 0;
    let job = 0;
    for (let n = uint(); n > 0; n--) {
      start += uint();
      const end = start + uint();
      const turn = uint();
      job += turn % 2 === 0 ? turn / 2 : -(turn + 1) / 2;
      const gpu = uint();
      const width = uint();
      bars.push({ node, gpu, width, milli: uint(), start, end, job, label: uint(), outcome: uint() });
    }
  }
  return bars;
}

function duration(us: number): string {
  const s = us / 1e6;
  const trim = (x: number): string => String(Math.round(x * 10) / 10);
  if (s < 120) return `${trim(s)} s`;
  if (s < 7200) return `${trim(s / 60)} min`;
  if (s < 172800) return `${trim(s / 3600)} h`;
  return `${trim(s / 86400)} d`;
}

function start(): void {
  const canvas = document.getElementById('gantt') as HTMLCanvasElement | null;
  const head = document.getElementById('gantt-head');
  const body = document.getElementById('gantt-bars');
  const say = document.getElementById('gantt-say');
  if (canvas === null || head === null || body === null || say === null) return;
  const shown = JSON.parse(head.textContent ?? '{}') as Shown;
  const bars = decode(body.textContent ?? '', shown.nodes.length);
  const context = canvas.getContext('2d');
  if (context === null) return;
  const ends = shown.endUs / shown.unitUs;
  let from = 0;
  let to = ends;
  let first = 0;
  let chosen: Bar | null = null;
  let wanted = -1;
  // The last label stands for jobs that are not over.
  const kinds = shown.labels.length - 1;
  const lanes: { node: number; gpu: number }[] = [];
  const laneOf: number[] = [];
  shown.nodes.forEach((n, i) => {
    laneOf.push(lanes.length);
    for (let g = 0; g < Math.max(1, n.gpus); g++) lanes.push({ node: i, gpu: g });
  });
  const narrow = (): boolean => canvas.clientWidth < 560;
  const left = (): number => (narrow() ? 74 : 132);
  const laneHeight = (): number => Math.max(3, Math.min(14, Math.floor(430 / lanes.length)));
  const visible = (): number => Math.min(lanes.length, Math.floor(430 / laneHeight()));
  const height = (): number => visible() * laneHeight() + 26;
  const x = (t: number): number => left() + ((t - from) / (to - from)) * (canvas.clientWidth - left() - 4);
  const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function draw(): void {
    const ratio = window.devicePixelRatio || 1;
    const wide = canvas!.clientWidth;
    const high = height();
    canvas!.style.height = `${high}px`;
    canvas!.width = Math.round(wide * ratio);
    canvas!.height = Math.round(high * ratio);
    const c = context!;
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, wide, high);
    const lane = laneHeight();
    const palette = [0, 1, 2, 3, 4, 5, 6].map((i) => colour(`--c${i}`));
    const muted = colour('--muted');
    c.font = '11px system-ui, sans-serif';
    c.textBaseline = 'middle';
    c.save();
    c.beginPath();
    c.rect(left(), 0, wide - left(), visible() * lane);
    c.clip();
    for (const b of bars) {
      if (b.end < from || b.start > to) continue;
      const y = (laneOf[b.node]! + b.gpu - first) * lane;
      if (y + lane * b.width < 0 || y > visible() * lane) continue;
      const x0 = x(b.start);
      const w = Math.max(0.6, x(b.end) - x0);
      const share = b.milli < 1000 && b.width === 1 ? b.milli / 1000 : 1;
      c.fillStyle = palette[(kinds > 1 ? b.label : b.job) % palette.length]!;
      c.globalAlpha = wanted >= 0 && b.job !== wanted ? 0.18 : b.outcome === 0 ? 0.85 : 0.45;
      c.fillRect(x0, y + 0.5, w, Math.max(1, lane * b.width * share - 1));
      if (b.job === wanted || b === chosen) {
        c.globalAlpha = 1;
        c.strokeStyle = colour('--ink');
        c.lineWidth = 1.5;
        c.strokeRect(x0, y + 0.5, w, Math.max(2, lane * b.width - 1));
      }
    }
    c.restore();
    c.globalAlpha = 1;
    c.fillStyle = colour('--ink');
    let free = -1;
    for (let i = first; i < first + visible(); i++) {
      const l = lanes[i]!;
      const y = (i - first) * lane;
      if (l.gpu > 0 && i !== first) continue;
      if (y < free) continue;
      c.textAlign = 'right';
      const name = shown.nodes[l.node]!.name;
      const most = narrow() ? 10 : 19;
      c.fillText(name.length > most ? `…${name.slice(1 - most)}` : name, left() - 6, y + Math.max(6, lane / 2));
      free = y + 12;
    }
    c.fillStyle = muted;
    const steps = narrow() ? 3 : 6;
    for (let k = 0; k <= steps; k++) {
      const t = from + ((to - from) * k) / steps;
      c.textAlign = k === 0 ? 'left' : k === steps ? 'right' : 'center';
      c.fillText(duration(t * shown.unitUs), x(t), visible() * lane + 14);
    }
  }

  function clampView(): void {
    const span = Math.min(ends, Math.max(2, to - from));
    from = Math.max(0, Math.min(ends - span, from));
    to = from + span;
    first = Math.max(0, Math.min(lanes.length - visible(), first));
  }

  function zoom(factor: number, around: number): void {
    from = around - (around - from) * factor;
    to = around + (to - around) * factor;
    clampView();
    draw();
  }

  function pan(share: number, rows: number): void {
    const d = (to - from) * share;
    from += d;
    to += d;
    first += rows;
    clampView();
    draw();
  }

  function tell(b: Bar): void {
    const n = shown.nodes[b.node]!;
    const gpus = b.width > 1 ? `GPUs ${b.gpu} to ${b.gpu + b.width - 1}` : `GPU ${b.gpu}`;
    const share = b.milli < 1000 ? `, ${b.milli / 10} % of it` : '';
    say!.textContent = `job ${b.job} (${shown.labels[b.label]}) on ${n.name}, ${gpus}${share}: ${duration(b.start * shown.unitUs)} to ${duration(b.end * shown.unitUs)} after the start, ${duration((b.end - b.start) * shown.unitUs)}, ${shown.outcomes[b.outcome]}`;
  }

  function find(job: number): boolean {
    const mine = bars.filter((b) => b.job === job);
    if (mine.length === 0) {
      say!.textContent = `job ${job} did not run on any machine shown here`;
      return false;
    }
    wanted = job;
    chosen = mine[0]!;
    const a = Math.min(...mine.map((b) => b.start));
    const z = Math.max(...mine.map((b) => b.end));
    const span = Math.max((z - a) * 3, ends / 400, 4);
    from = (a + z) / 2 - span / 2;
    to = from + span;
    first = Math.max(0, laneOf[mine[0]!.node]! - Math.floor(visible() / 3));
    clampView();
    draw();
    tell(chosen);
    return true;
  }

  function at(event: MouseEvent): Bar | null {
    const box = canvas!.getBoundingClientRect();
    const t = from + ((event.clientX - box.left - left()) / (canvas!.clientWidth - left() - 4)) * (to - from);
    const lane = Math.floor((event.clientY - box.top) / laneHeight()) + first;
    const l = lanes[lane];
    if (l === undefined || event.clientX - box.left < left()) return null;
    const slack = ((to - from) / canvas!.clientWidth) * 2;
    return (
      bars.find(
        (b) =>
          b.node === l.node && l.gpu >= b.gpu && l.gpu < b.gpu + b.width && b.start - slack <= t && b.end + slack >= t,
      ) ?? null
    );
  }

  let drag: { x: number; y: number; from: number; to: number; first: number; moved: boolean } | null = null;
  canvas.addEventListener('pointerdown', (e) => {
    drag = { x: e.clientX, y: e.clientY, from, to, first, moved: false };
    canvas.setPointerCapture(e.pointerId);
  });
  canvas.addEventListener('pointermove', (e) => {
    if (drag === null) return;
    const dx = e.clientX - drag.x;
    const dy = e.clientY - drag.y;
    if (Math.abs(dx) + Math.abs(dy) > 3) drag.moved = true;
    const span = drag.to - drag.from;
    from = drag.from - (dx / (canvas.clientWidth - left())) * span;
    to = from + span;
    first = drag.first - Math.round(dy / laneHeight());
    clampView();
    draw();
  });
  canvas.addEventListener('pointerup', (e) => {
    const moved = drag?.moved === true;
    drag = null;
    if (moved) return;
    chosen = at(e);
    wanted = chosen?.job ?? -1;
    if (chosen !== null) tell(chosen);
    draw();
  });
  canvas.addEventListener(
    'wheel',
    (e) => {
      // The page scrolls as everywhere; with Ctrl the wheel zooms.
      if (!e.ctrlKey && !e.metaKey) return;
      e.preventDefault();
      const box = canvas.getBoundingClientRect();
      const t = from + ((e.clientX - box.left - left()) / (canvas.clientWidth - left() - 4)) * (to - from);
      zoom(e.deltaY > 0 ? 1.25 : 0.8, t);
    },
    { passive: false },
  );
  const middle = (): number => (from + to) / 2;
  const acts: Record<string, () => void> = {
    in: () => zoom(0.5, middle()),
    out: () => zoom(2, middle()),
    earlier: () => pan(-0.25, 0),
    later: () => pan(0.25, 0),
    up: () => pan(0, -Math.ceil(visible() / 2)),
    down: () => pan(0, Math.ceil(visible() / 2)),
    all: () => {
      from = 0;
      to = ends;
      wanted = -1;
      chosen = null;
      draw();
    },
  };
  const keys: Record<string, string> = {
    '+': 'in',
    '=': 'in',
    '-': 'out',
    ArrowLeft: 'earlier',
    ArrowRight: 'later',
    ArrowUp: 'up',
    ArrowDown: 'down',
    '0': 'all',
  };
  canvas.addEventListener('keydown', (e) => {
    const act = keys[e.key];
    if (act === undefined) return;
    e.preventDefault();
    acts[act]!();
  });
  for (const b of document.querySelectorAll<HTMLButtonElement>('[data-gantt]'))
    b.addEventListener('click', () => acts[b.dataset['gantt']!]!());
  document.getElementById('gantt-find')?.addEventListener('submit', (e) => {
    e.preventDefault();
    const value = Number((document.getElementById('gantt-job') as HTMLInputElement).value);
    if (Number.isSafeInteger(value) && value > 0) find(value);
    else say.textContent = 'a job is a whole number from 1';
  });
  for (const a of document.querySelectorAll<HTMLAnchorElement>('a[data-job]'))
    a.addEventListener('click', () => find(Number(a.dataset['job'])));
  window.addEventListener('resize', () => {
    clampView();
    draw();
  });
  window.addEventListener('beforeprint', () => draw());
  window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => draw());
  draw();
}

start();
