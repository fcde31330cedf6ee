/** Names for files that are given in place of the trace that was asked for, told by how they begin. */

const headers: [RegExp, string][] = [
  [
    /^#job id,arrival time \(sec\),topology,shape,size,duration \(sec\)$/,
    'the reduced Philly trace of RFold (format: philly)',
  ],
  [/^name,cpu_milli,memory_mib,num_gpu,gpu_milli/, 'a pod list of the Alibaba GPU trace of 2023 (openb)'],
  [/^sn,cpu_milli,memory_mib,gpu,model$/, 'a node list of the Alibaba GPU trace of 2023 (openb)'],
  [/^job_id,num_gpu,submit_time,iterations,model_name,batch_size/, 'a job list of the Muri simulator'],
  [/^job_id,num_gpu,submit_time,/, 'a job list of the Tiresias simulator'],
  [/^num_switch,num_node_p_switch,/, 'a cluster description of the Tiresias or Muri simulator'],
  [/^TIMESTAMP,ContextTokens,GeneratedTokens/i, 'an Azure trace of LLM requests'],
  [/^\{"timestamp": ?\d+, ?"input_length"/, 'a Mooncake trace of LLM requests'],
  [
    /^\[? *\{? *"(status|vc|jobid|attempts)"|^\[ *\{? *$/,
    'JSON, perhaps the original Philly job log, which has to be reduced first',
  ],
  [/^version https:\/\/git-lfs/, 'a Git LFS pointer, not the file itself: fetch it with git lfs'],
  [/^[^\t]+ \(batch size \d+\)\t/, 'a Gavel or Shockwave trace'],
  [/^<(!DOCTYPE|html)/i, 'a web page, not the file itself'],
];

/** What a file is that begins with this line, or null. */
export function recognise(firstLine: string): string | null {
  const line = firstLine.slice(0, 300);
  return headers.find(([begin]) => begin.test(line))?.[1] ?? null;
}

const magics: [readonly number[], string][] = [
  [[0x1f, 0x8b], 'a gzip archive: unpack it first'],
  [[0x50, 0x4b, 3, 4], 'a zip archive: unpack it first'],
  [[0x50, 0x41, 0x52, 0x31], 'a Parquet file'],
  [[0xff, 0xfe], 'UTF-16 text: save it as UTF-8'],
  [[0xfe, 0xff], 'UTF-16 text: save it as UTF-8'],
];

/** What a file of other than text is that begins with these bytes, or null. */
export function recogniseBytes(bytes: Uint8Array, start: number): string | null {
  return magics.find(([begin]) => begin.every((b, i) => bytes[start + i] === b))?.[1] ?? null;
}
