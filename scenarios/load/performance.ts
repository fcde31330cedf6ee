/** Performance models of personas: speeds by class from a roofline or a table, scaling, images, and isolation. */
import {
  type Isolation,
  isolationLevels,
  type PerformanceModel,
  type PerformanceSpec,
  type Persona,
} from '../resolved.ts';
import type { ParsedScenario } from '../schema/scenario.ts';
import { CATALOGUE_FILE, REFERENCE, readCatalogue } from './catalogue.ts';
import type { Demand } from './demand.ts';
import type { Path } from './document.ts';
import type { Fleet, OpenFile } from './fleet.ts';
import type { Report } from './names.ts';

type ParsedPersona = NonNullable<ParsedScenario['demand']['personas']>[number];
type Peaks = NonNullable<Fleet['figures'][number]['peaks']>;

/** PCIe 4.0 x16, per direction. */
const PCIE4_KBPS = 32_000_000;
const MACHINES_KBPS = 1_250_000;
const DOWNLOAD_KBPS = 125_000;
const CACHE_MIB = 476_837;

/**
 * Operations a second that a GPU reaches at an intensity (Williams, Waterman and Patterson, "Roofline", CACM 52(4), 2009): TFLOP/s.
 * `peak` in TFLOP/s, `bandwidth` in GB/s, `intensity` in operations per byte.
 */
export const attainable = (peak: number, bandwidth: number, intensity: number): number =>
  Math.min(peak, (intensity * bandwidth) / 1000);

/** Null when nothing of it is used: then runs are what they were without this page. */
export function resolvePerformance(
  s: ParsedScenario,
  fleet: Fleet,
  demand: Demand,
  report: Report,
  open: OpenFile | undefined,
): PerformanceSpec | null {
  const parsed = s.demand.personas ?? [];
  const used = parsed.some((p) => p.performance !== undefined || p.image !== undefined || p.isolation !== undefined);
  const shared = s.fleet.classes.some((c) => c.sharing !== undefined);
  if ((!used && !shared) || demand.demand.kind !== 'personas') return null;
  const classes = s.fleet.classes.map((c, i) => {
    const peaks = fleet.figures[i]!.peaks;
    const isolation: Isolation = c.sharing?.isolation ?? (c.mig === undefined ? 'time-slice' : 'mig');
    return {
      speedMilli: fleet.figures[i]!.speedMilli,
      linkKBps: c.link ?? (peaks?.linkGBps == null ? PCIE4_KBPS : Math.round(peaks.linkGBps * 1_000_000)),
      isolation,
      interferenceMilli: isolation === 'mig' ? 0 : (c.sharing?.interference ?? 0),
    };
  });
  s.fleet.classes.forEach((c, i) => {
    if (c.link === 0) report(['fleet', 'classes', i, 'link'], 'no data rate at all; write one above zero');
    if (c.sharing?.isolation === 'mig' && (c.sharing.interference ?? 0) > 0)
      report(
        ['fleet', 'classes', i, 'sharing', 'interference'],
        'MIG instances do not disturb each other; leave it away',
      );
    if ((c.sharing?.interference ?? 0) > 0 && (s.fleet.processes.checkpoint?.write ?? 0) > 0)
      report(
        ['fleet', 'classes', i, 'sharing', 'interference'],
        'not modelled together with checkpoints that cost time; leave fleet.processes.checkpoint.write or this away',
      );
  });
  const groups: PerformanceSpec['groups'] = {};
  s.fleet.groups.forEach((g, i) => {
    for (const key of ['fabric', 'download'] as const)
      if (g[key] === 0) report(['fleet', 'groups', i, key], 'no data rate at all; write one above zero');
    groups[g.name] = { fabricKBps: g.fabric, downloadKBps: g.download, cacheMiB: g.cache };
  });
  if (s.fleet.list !== undefined)
    groups[s.fleet.list.name] = { fabricKBps: MACHINES_KBPS, downloadKBps: DOWNLOAD_KBPS, cacheMiB: CACHE_MIB };
  const models: PerformanceModel[] = [];
  const reference = open === undefined ? undefined : referencePeaks(open);
  parsed.forEach((p, i) => {
    const persona = (demand.demand as { personas: Persona[] }).personas[i]!;
    const path = ['demand', 'personas', i];
    if (p.performance !== undefined || p.image !== undefined) {
      let faults = 0;
      const model = modelOf(p, fleet, path, reference, (...fault) => {
        faults++;
        report(...fault);
      });
      persona.model = models.push(model) - 1;
      if (model.image !== null) {
        const { name, mib } = model.image;
        for (const x of persona.shapes) for (const g of x.groups) g.image = { name, mib };
      }
      // What is wrong with the table says more than that no class is left.
      if (faults === 0)
        keep(
          persona,
          fleet,
          (c) => model.speedMilli[c]! > 0,
          [...path, 'performance'],
          'no class it may use is named',
          report,
        );
    }
    if (p.isolation === undefined) return;
    const least = isolationLevels.indexOf(p.isolation);
    const fraction = p.shapes.some((x) => [x, ...(x.with ?? [])].some((t) => t.gpus > 0 && t.share < 1000));
    if (fraction && p.isolation === 'whole')
      report(
        [...path, 'isolation'],
        'whole cards, yet a shape takes a share of one; write another level or whole GPUs',
      );
    // A whole GPU is shared with nobody, but a MIG instance stands on a card with others.
    const level = (c: number) => (fraction || s.fleet.classes[c]!.mig !== undefined ? classes[c]!.isolation : 'whole');
    keep(
      persona,
      fleet,
      (c) => isolationLevels.indexOf(level(c)) >= least,
      [...path, 'isolation'],
      `no class it may use keeps tenants apart by ${p.isolation}`,
      report,
    );
  });
  if (models.some((m) => m.image !== null))
    fleet.nodes.forEach((n, i) => {
      n.diskMiB = groups[fleet.lives[i]!.group]!.cacheMiB;
    });
  return { classes, groups, models };
}

/** Leaves the persona the classes that will do. */
function keep(
  persona: Persona,
  fleet: Fleet,
  will: (gpuClass: number) => boolean,
  path: Path,
  none: string,
  report: Report,
): void {
  const all = persona.classes.length > 0 ? persona.classes : fleet.classes.map((_, c) => c);
  const left = all.filter(will);
  if (left.length === 0) report([...path], `${none}; change it or the persona’s classes`);
  else if (left.length < fleet.classes.length) persona.classes = left;
}

function referencePeaks(open: OpenFile): Peaks {
  const e = readCatalogue(open(CATALOGUE_FILE), 'scenarios/gpus.csv').get(REFERENCE)!;
  return { halfTflops: e.halfTflops, fp32Tflops: e.fp32Tflops, bandwidthGBps: e.bandwidthGBps, linkGBps: e.linkGBps };
}

function modelOf(
  p: ParsedPersona,
  fleet: Fleet,
  path: Path,
  reference: Peaks | undefined,
  report: Report,
): PerformanceModel {
  const { roofline, throughput, scaling } = p.performance ?? {};
  const at = [...path, 'performance'];
  if (scaling !== undefined && scaling.step < 1)
    report([...at, 'scaling', 'step'], 'no time at all; write a duration above zero');
  let speedMilli = fleet.figures.map((x) => x.speedMilli);
  if (throughput !== undefined) {
    fleet.classNames.findKeys(throughput.of, [...at, 'throughput', 'of']);
    const base = throughput.of[throughput.reference];
    if (base === undefined)
      report([...at, 'throughput', 'reference'], 'has no throughput of its own; name a class of the table');
    speedMilli = fleet.classNames.list.map((c) => milli((throughput.of[c] ?? 0) / (base ?? 1)));
  }
  if (roofline !== undefined) {
    const peak = (x: Peaks) =>
      roofline.precision === 'half' ? Math.max(x.halfTflops ?? 0, x.fp32Tflops ?? 0) : (x.fp32Tflops ?? 0);
    const base = reference === undefined ? 1 : attainable(peak(reference), reference.bandwidthGBps, roofline.intensity);
    speedMilli = fleet.figures.map(({ peaks }, c) => {
      if (peaks !== null) return milli(attainable(peak(peaks), peaks.bandwidthGBps, roofline.intensity) / base);
      if (persona(p, fleet.classNames.list[c]!))
        report(
          [...at, 'roofline'],
          `the class "${fleet.classNames.list[c]}" names no model, so its peaks are not known; give it one, or write a throughput`,
        );
      return 0;
    });
  }
  return {
    speedMilli,
    scaling: scaling === undefined ? null : { parallel: scaling.parallel, stepUs: scaling.step, syncMiB: scaling.sync },
    image: p.image === undefined ? null : { name: p.image.name ?? p.name, mib: p.image.size },
  };
}

const milli = (x: number): number => (x > 0 ? Math.max(1, Math.round(1000 * x)) : 0);

/** The persona may use the class as far as its own list says. */
const persona = (p: ParsedPersona, gpuClass: string): boolean =>
  p.classes === undefined || [p.classes].flat().includes(gpuClass);
