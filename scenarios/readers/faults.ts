/**
 * Fault traces of machines. `infinitehbd`: the trace of InfiniteHBD (github.com/stepfun-ai/InfiniteHBD-Trace, SIGCOMM 2025), a JSON list
 * of fault_start and fault_end events with the server's id, the time in days and the fault's level, class and description.
 */
import { quoted, TraceError } from '../input-error.ts';
import { utf8Fault, utf8Text } from '../utf8.ts';

const DAY_US = 86_400_000_000;
const MAX_BYTES = 64 * 1024 * 1024;

export interface ListedFault {
  /** The server's own name. */
  server: string;
  fromUs: number;
  /** -1 = it had not ended when the trace did. */
  toUs: number;
  /** Class of the fault, for example GPU. */
  cause: string;
}

interface Event {
  node_id: string;
  event_time: number;
  event_type: string;
  fault_type: { Level: string; Class?: string; Desc?: string };
}

/** The faults in order of their beginning. Throws TraceError. */
export function readInfiniteHbd(chunks: Iterable<Uint8Array>, file: string): ListedFault[] {
  const events = eventsOf(chunks, file);
  const open = new Map<string, ListedFault[]>();
  const faults: ListedFault[] = [];
  events.forEach((e, i) => {
    const fault = (text: string): TraceError => new TraceError(file, 1, 1, `event ${i}: ${text}`);
    const at = Math.round(e.event_time * DAY_US);
    if (!(at >= 0 && at < Number.MAX_SAFE_INTEGER))
      throw fault(`event_time ${quoted(String(e.event_time))} is no time; write days from 0`);
    const key = JSON.stringify([e.node_id, e.fault_type]);
    if (e.event_type === 'fault_start') {
      const cause = e.fault_type.Class ?? e.fault_type.Level;
      const begun: ListedFault = { server: e.node_id, fromUs: at, toUs: -1, cause };
      faults.push(begun);
      open.set(key, [...(open.get(key) ?? []), begun]);
    } else if (e.event_type === 'fault_end') {
      const begun = open.get(key)?.shift();
      if (begun === undefined) throw fault('ends a fault that has not begun; add its fault_start before it');
      if (at < begun.fromUs) throw fault('ends before it began; sort the events by event_time');
      begun.toUs = Math.max(at, begun.fromUs + 1);
    } else throw fault(`event_type ${quoted(String(e.event_type))} is unknown; write fault_start or fault_end`);
  });
  return faults
    .map((f, i) => ({ f, i }))
    .sort((a, b) => a.f.fromUs - b.f.fromUs || a.i - b.i)
    .map(({ f }) => f);
}

function eventsOf(chunks: Iterable<Uint8Array>, file: string): Event[] {
  const parts: Uint8Array[] = [];
  let size = 0;
  for (const c of chunks) {
    size += c.length;
    if (size > MAX_BYTES) throw new TraceError(file, 1, 1, `more than ${MAX_BYTES} bytes; give a shorter trace`);
    parts.push(Uint8Array.from(c));
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const p of parts) {
    bytes.set(p, at);
    at += p.length;
  }
  if (utf8Fault(bytes, 0, size) >= 0)
    throw new TraceError(file, 1, 1, 'bytes that are not UTF-8; save the file as UTF-8');
  let value: unknown;
  try {
    value = JSON.parse(utf8Text(bytes, 0, size));
  } catch {
    throw new TraceError(file, 1, 1, 'no JSON; give fault_trace.json as a whole (was it cut off?)');
  }
  const isEvent = (e: unknown): e is Event => {
    if (typeof e !== 'object' || e === null) return false;
    const { node_id, event_time, fault_type } = e as Partial<Event>;
    return (
      typeof node_id === 'string' &&
      typeof event_time === 'number' &&
      typeof fault_type === 'object' &&
      fault_type !== null &&
      typeof fault_type.Level === 'string'
    );
  };
  if (!Array.isArray(value))
    throw new TraceError(file, 1, 1, 'no list of events; give fault_trace.json of InfiniteHBD');
  const wrong = value.findIndex((e) => !isEvent(e));
  if (wrong >= 0)
    throw new TraceError(
      file,
      1,
      1,
      `event ${wrong} lacks node_id, event_time or fault_type.Level; give fault_trace.json of InfiniteHBD`,
    );
  return value as Event[];
}
