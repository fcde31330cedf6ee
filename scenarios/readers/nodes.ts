/**
 * Lists of machines. `openb-nodes`: the node lists of Alibaba's GPU trace of 2023, a machine per line. `cluster-spec`: the one-line
 * descriptions of the Tiresias and Muri simulators (switches, machines per switch, GPUs, CPUs and GiB of memory per machine).
 */
import { TraceError } from '../input-error.ts';
import { type FleetFormat, fleetFormats } from '../resolved.ts';
import { CsvReader } from './csv.ts';
import { recognise } from './formats.ts';
import { idText, SeenIds, wholeNumber } from './row.ts';

export interface ListedNode {
  id: string;
  /** Empty = not said. */
  model: string;
  gpus: number;
  cpuMilli: number;
  ramMiB: number;
  /** Where it stands in the file. */
  place: string;
}

const NODES_HEADER = 'sn,cpu_milli,memory_mib,gpu,model';
const SPEC_HEADER = 'num_switch,num_node_p_switch,num_gpu_p_node,num_cpu_p_node,mem_p_node';
const MOST = 1_000_000_000;
const MAX_GPUS = 1024;
const headers: Record<FleetFormat, string> = { 'openb-nodes': NODES_HEADER, 'cluster-spec': SPEC_HEADER };

/** Every machine of a list, in its order. Throws TraceError at the first line that is wrong. */
export function* readNodes(
  chunks: Iterable<Uint8Array>,
  file: string,
  given: FleetFormat | 'detect',
): Generator<ListedNode> {
  const csv = new CsvReader(chunks, file);
  if (!csv.next()) throw new TraceError(file, 1, 1, 'the file is empty; give a list of machines');
  const found = recognise(csv.text());
  const format = given === 'detect' ? fleetFormats.find((f) => f === found?.format) : given;
  if (format === undefined || csv.text() !== headers[format]) {
    const what = found === null ? 'no list of machines that is known here' : `${found.what}, not what is wanted`;
    const lines = fleetFormats.filter((f) => format === undefined || f === format).map((f) => `"${headers[f]}"`);
    throw csv.fault(`this is ${what}; give a file that begins with ${lines.join(' or ')}`);
  }
  const columns = csv.fields;
  const seen = new SeenIds();
  let n = 0;
  while (csv.next()) {
    if (csv.fields !== columns) throw csv.fault(`${csv.fields} columns, not ${columns}; was the file cut off?`);
    if (format === 'openb-nodes') seen.check(csv, 0, 'machine');
    yield* format === 'openb-nodes' ? [openbNode(csv, file)] : specNodes(csv, file);
    n++;
  }
  if (n === 0) throw new TraceError(file, 1, 1, 'a header and no machines; was the file cut off?');
}

function openbNode(csv: CsvReader, file: string): ListedNode {
  return {
    id: idText(csv, 0),
    cpuMilli: wholeNumber(csv, 1, 'cpu_milli', 0, MOST),
    ramMiB: wholeNumber(csv, 2, 'memory_mib', 0, MOST),
    gpus: wholeNumber(csv, 3, 'gpu', 0, MAX_GPUS),
    model: csv.field(4),
    place: `${file}:${csv.line}`,
  };
}

function* specNodes(csv: CsvReader, file: string): Generator<ListedNode> {
  const nodes = wholeNumber(csv, 0, 'num_switch', 1, MOST) * wholeNumber(csv, 1, 'num_node_p_switch', 1, MOST);
  const gpus = wholeNumber(csv, 2, 'num_gpu_p_node', 0, MAX_GPUS);
  const cpuMilli = wholeNumber(csv, 3, 'num_cpu_p_node', 0, MOST / 1000) * 1000;
  const ramMiB = wholeNumber(csv, 4, 'mem_p_node', 0, MOST / 1024) * 1024;
  for (let i = 0; i < nodes; i++)
    yield { id: `${csv.line - 2}-${i}`, model: '', gpus, cpuMilli, ramMiB, place: `${file}:${csv.line}` };
}
