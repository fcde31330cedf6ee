/** What a file is, told by its first line or its first bytes: for finding the reader, and for naming a file given by mistake. */
import type { FleetFormat, TraceFormat } from '../resolved.ts';

interface Beginning {
  begin: RegExp;
  what: string;
  /** Name of the reader, if one reads it. */
  format: TraceFormat | FleetFormat | null;
}

const headers: Beginning[] = [
  {
    begin: /^#job id,arrival time \(sec\),topology,shape,size,duration \(sec\)$/,
    what: 'the reduced Philly trace of RFold',
    format: 'philly',
  },
  {
    begin: /^name,cpu_milli,memory_mib,num_gpu,gpu_milli/,
    what: 'a pod list of the Alibaba GPU trace of 2023',
    format: 'openb-pods',
  },
  {
    begin: /^sn,cpu_milli,memory_mib,gpu,model$/,
    what: 'a node list of the Alibaba GPU trace of 2023',
    format: 'openb-nodes',
  },
  {
    begin: /^num_switch,num_node_p_switch,/,
    what: 'a cluster description of the Tiresias or Muri simulator',
    format: 'cluster-spec',
  },
  {
    begin: /^job_id,submission_time,(duration,num_gpu$|num_iteration,model_name,)/,
    what: 'a Microsoft ITP job list of 2021',
    format: 'microsoft-itp',
  },
  {
    begin: /^job_id,num_gpu,submit_time,iterations,model_name,batch_size,/,
    what: 'a job list of the Muri simulator',
    format: 'muri',
  },
  { begin: /^job_id,num_gpu,submit_time,/, what: 'a job list of the Tiresias simulator', format: 'tiresias' },
  {
    begin: /^TIMESTAMP,ContextTokens,GeneratedTokens$/i,
    what: 'an Azure trace of LLM requests',
    format: 'azure-llm',
  },
  {
    begin: /^\{"timestamp": ?\d+, ?"input_length"/,
    what: 'a Mooncake trace of LLM requests',
    format: 'mooncake',
  },
  { begin: /^job_id,user,vc,gpu_num,cpu_num,/, what: 'a Helios job log', format: 'helios' },
  { begin: /^job_id,user,node_num,gpu_num,cpu_num,/, what: 'an ACME job log', format: 'acme' },
  { begin: /^[^\t]{1,80}(\t[^\t]*){11}$/, what: 'a Shockwave trace', format: 'shockwave' },
  { begin: /^[^\t]{1,80}(\t[^\t]*){6}$/, what: 'a Gavel trace', format: 'gavel' },
  {
    begin: /^;|^ *-?\d+( +-?\d+(\.\d+)?){17} *$/,
    what: 'a log in the Standard Workload Format',
    format: 'swf',
  },
  {
    begin: /^([a-z_]+,)*(duration|duration_seconds|input_tokens)(,[a-z_]+)*$/,
    what: 'a job list in the CSV of this project',
    format: 'csv',
  },
  {
    begin: /^\[? *\{? *"(status|vc|jobid|attempts)"|^\[ *\{? *$/,
    what: 'JSON, perhaps the original Philly job log, which has to be reduced first',
    format: null,
  },
  {
    begin: /^version https:\/\/git-lfs/,
    what: 'a Git LFS pointer, not the file itself: fetch it with git lfs',
    format: null,
  },
  { begin: /^<(!DOCTYPE|html)/i, what: 'a web page, not the file itself', format: null },
];

export interface Recognised {
  /** In words, with the name of the reader if there is one. */
  what: string;
  format: TraceFormat | FleetFormat | null;
}

/** What a file is that begins with this line, or null. */
export function recognise(firstLine: string): Recognised | null {
  const line = firstLine.slice(0, 2000);
  const found = headers.find(({ begin }) => begin.test(line));
  if (found === undefined) return null;
  return { what: found.format === null ? found.what : `${found.what} (format: ${found.format})`, format: found.format };
}

const magics: [readonly number[], string][] = [
  [[0x1f, 0x8b], 'a gzip archive: unpack it first'],
  [[0x50, 0x4b, 3, 4], 'a zip archive: unpack it first'],
  [[0x42, 0x5a, 0x68], 'a bzip2 archive: unpack it first'],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], 'an xz archive: unpack it first'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'a zstd archive: unpack it first'],
  [[0x50, 0x41, 0x52, 0x31], 'a Parquet file: write it as CSV first'],
  [[0xff, 0xfe], 'UTF-16 text: save it as UTF-8'],
  [[0xfe, 0xff], 'UTF-16 text: save it as UTF-8'],
];

/** What a file of other than text is that begins with these bytes, or null. */
export function recogniseBytes(bytes: Uint8Array, start: number): string | null {
  return magics.find(([begin]) => begin.every((b, i) => bytes[start + i] === b))?.[1] ?? null;
}
