/**
 * The catalogue of processors (scenarios/gpus.csv, described in gpus.md): memory, bandwidth, peaks, power, price and MIG geometry, each
 * figure with its source. A GPU class of a scenario names a model of it instead of writing figures.
 */
import { quoted, TraceError } from '../input-error.ts';
import { CsvReader } from '../readers/csv.ts';
import { SeenIds } from '../readers/row.ts';

/** Where the loader asks for the catalogue: a path that whoever opens files maps to the file of this project. */
export const CATALOGUE_FILE = 'janction:gpus.csv';

export interface CatalogueEntry {
  name: string;
  kind: 'gpu' | 'accelerator' | 'cpu';
  model: string;
  /** GiB; null = not a figure of this kind of processor. */
  memoryGiB: number | null;
  bandwidthGBps: number;
  fp32Tflops: number | null;
  /** Dense 16-bit peak with 32-bit accumulation where there is one. */
  halfTflops: number | null;
  tdpW: number | null;
  /** Per direction, to the other GPUs of its machine. */
  linkGBps: number | null;
  mig: MigProfile[];
  /** Source of each figure by the name of its column. */
  sources: Record<string, string>;
}

export interface MigProfile {
  name: string;
  /** Compute slices of the card that one instance has. */
  slices: number;
  memoryGiB: number;
  /** Instances of it that a card holds at most. */
  most: number;
}

const figures = ['memory', 'bandwidth', 'fp32', 'half', 'tdp', 'launch', 'rental', 'mig', 'link'] as const;
const needed = ['name', 'kind', 'model', 'memory_gib', 'bandwidth_gbps', 'fp32_tflops', 'half_tflops', 'tdp_w', 'mig'];

/** The entries by name. Throws TraceError at the first line that is wrong. */
export function readCatalogue(chunks: Iterable<Uint8Array>, file: string): Map<string, CatalogueEntry> {
  const csv = new CsvReader(chunks, file);
  if (!csv.next()) throw new TraceError(file, 1, 1, 'the file is empty; restore the catalogue');
  const names = csv.text().split(',');
  const at = (name: string): number => names.indexOf(name);
  const lacking = needed.find((n) => at(n) < 0);
  if (lacking !== undefined) throw csv.fault(`no column "${lacking}"; restore the catalogue`);
  const seen = new SeenIds();
  const entries = new Map<string, CatalogueEntry>();
  while (csv.next()) {
    if (csv.fields !== names.length)
      throw csv.fault(`${csv.fields} columns, not ${names.length}; was the file cut off?`);
    seen.check(csv, at('name'), 'model');
    const number = (name: string): number | null => {
      const text = csv.field(at(name));
      if (text === '') return null;
      if (!/^\d+(\.\d+)?$/.test(text))
        throw csv.fault(`${name} ${quoted(text)} is no plain number; write one`, at(name));
      return Number(text);
    };
    const kind = csv.field(at('kind'));
    if (kind !== 'gpu' && kind !== 'accelerator' && kind !== 'cpu')
      throw csv.fault(`kind ${quoted(kind)} is unknown; write gpu, accelerator or cpu`, at('kind'));
    const bandwidth = number('bandwidth_gbps');
    if (bandwidth === null) throw csv.fault('no bandwidth; write one', at('bandwidth_gbps'));
    const sources: Record<string, string> = {};
    for (const f of figures) if (at(`${f}_source`) >= 0) sources[f] = csv.field(at(`${f}_source`));
    const name = csv.field(at('name'));
    entries.set(name, {
      name,
      kind,
      model: csv.field(at('model')),
      memoryGiB: number('memory_gib'),
      bandwidthGBps: bandwidth,
      fp32Tflops: number('fp32_tflops'),
      halfTflops: number('half_tflops'),
      tdpW: number('tdp_w'),
      linkGBps: at('link_gbps') < 0 ? null : number('link_gbps'),
      mig: migProfiles(csv.field(at('mig')), () => csv.fault('no MIG geometry; write 1g.10gb*7+2g.20gb*3', at('mig'))),
      sources,
    });
  }
  return entries;
}

/** "1g.10gb*7+2g.20gb*3": profiles and how many of each a card holds. */
function migProfiles(text: string, fault: () => TraceError): MigProfile[] {
  if (text === '') return [];
  return text.split('+').map((part) => {
    const m = /^((\d+)g\.(\d+)gb)\*(\d+)$/.exec(part);
    if (m === null) throw fault();
    return { name: m[1]!, slices: Number(m[2]), memoryGiB: Number(m[3]), most: Number(m[4]) };
  });
}

/** The model on which speed is 1. */
export const REFERENCE = 'rtx-4090';

/** Dense 16-bit peak, or the 32-bit peak where that is higher or alone is known: early cards were slower at 16 bits. */
const peak = (e: CatalogueEntry): number => Math.max(e.halfTflops ?? 0, e.fp32Tflops ?? 0);

/**
 * Indicative speed in thousandths of the reference: the geometric mean of the ratios of bandwidth and of peak, between jobs that move
 * data and jobs that compute. For a MIG instance, its share of the card's compute slices.
 */
export function catalogueSpeedMilli(e: CatalogueEntry, reference: CatalogueEntry, mig?: MigProfile): number {
  const ratio = Math.sqrt((e.bandwidthGBps / reference.bandwidthGBps) * (peak(e) / peak(reference)));
  const slices = mig === undefined ? 1 : mig.slices / Math.max(...e.mig.map((p) => p.slices));
  return Math.max(1, Math.round(1000 * ratio * slices));
}
