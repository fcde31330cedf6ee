/**
 * Azure's traces of LLM requests (github.com/Azure/AzurePublicDataset, 2023): wall-clock time of the call, input and output tokens.
 * What a request takes of a GPU is not in the trace and is imputed.
 */
import type { TraceJob } from '../resolved.ts';
import { plainJob, readRows, tokens } from './row.ts';
import { timestamp } from './timestamp.ts';

export const AZURE_HEADER = 'TIMESTAMP,ContextTokens,GeneratedTokens';

/** Every request of the trace, in its order; times count from 1970. */
export function readAzureLlm(chunks: Iterable<Uint8Array>, file: string): Generator<TraceJob> {
  return readRows(chunks, file, {
    format: 'azure-llm',
    header: { example: AZURE_HEADER, exact: true },
    id: () => -1,
    row: (csv) => {
      const job = plainJob(String(csv.line - 1), timestamp(csv, 0, 'TIMESTAMP'), 1, -1);
      job.inputTokens = tokens(csv, 1, 'ContextTokens');
      job.outputTokens = tokens(csv, 2, 'GeneratedTokens');
      return job;
    },
  });
}
