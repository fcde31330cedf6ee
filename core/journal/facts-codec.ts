/** Compact binary form of facts: a kind byte, then LEB128 fields. A typical fact takes 6 to 60 bytes. */
import { type CardState, type DisputeAct, type DownCause, type Fact, FactKind, type StakeAct } from '../facts.ts';
import type { Letter, Packet } from '../link/link.ts';
import type { JobSpec, Outcome, TaskGroup } from '../types.ts';
import type { ByteSink, ByteSource } from './bytes.ts';
import { readPlain, writePlain } from './plain-codec.ts';

/** `bare`: packets without their letters, which whoever reads knows from the sender. */
export function writeFact(out: ByteSink, f: Fact, bare = false): void {
  out.u8(f.kind);
  switch (f.kind) {
    case FactKind.started:
    case FactKind.released:
      out.uint(f.node);
      out.uint(f.lease);
      out.uint(f.fence);
      return;
    case FactKind.exited:
      out.uint(f.node);
      out.uint(f.lease);
      out.uint(f.fence);
      out.u8(f.outcome * 2 + (f.clean ? 1 : 0));
      return;
    case FactKind.nodeDown:
      out.uint(f.node);
      out.u8(f.cause);
      return;
    case FactKind.nodeUp:
      out.uint(f.node);
      return;
    case FactKind.gpu:
      out.uint(f.node);
      out.uint(f.gpu);
      out.u8(f.state);
      out.uint(f.xid);
      return;
    case FactKind.leaving:
      out.uint(f.node);
      out.uint(f.stopUs);
      return;
    case FactKind.packet:
      if (bare) writeBare(out, f.packet);
      else writePlain(out, f.packet);
      return;
    case FactKind.contact:
      out.uint(f.pool);
      out.uint(f.node);
      out.uint(f.until);
      return;
    case FactKind.submit:
      out.uint(f.pool);
      writeSpec(out, f.spec);
      return;
    case FactKind.cancel:
      out.uint(f.pool);
      out.uint(f.job);
      return;
    case FactKind.deposit:
      out.text(f.user);
      out.uint(f.currency);
      out.text(f.amount);
      out.uint(f.seq);
      return;
    case FactKind.takeover:
      out.uint(f.from);
      out.uint(f.to);
      out.uint(f.seq);
      return;
    case FactKind.settle:
      out.uint(f.seq);
      return;
    case FactKind.progress:
      out.uint(f.node);
      out.uint(f.lease);
      out.uint(f.fence);
      out.uint(f.remainingUs);
      return;
    case FactKind.stake:
      out.uint(f.seq);
      writePlain(out, f.act);
      return;
    case FactKind.payer:
      out.text(f.user);
      out.u8(f.answers ? 1 : 0);
      out.uint(f.seq);
      return;
    case FactKind.dispute:
      out.uint(f.seq);
      writePlain(out, f.act);
      return;
  }
}

export function readFact(src: ByteSource, bare = false): Fact {
  const kind = src.u8();
  switch (kind) {
    case FactKind.started:
      return { kind, node: src.uint(), lease: src.uint(), fence: src.uint() };
    case FactKind.released:
      return { kind, node: src.uint(), lease: src.uint(), fence: src.uint() };
    case FactKind.exited: {
      const node = src.uint();
      const lease = src.uint();
      const fence = src.uint();
      const b = src.u8();
      return { kind, node, lease, fence, outcome: (b >> 1) as Outcome, clean: (b & 1) === 1 };
    }
    case FactKind.nodeDown:
      return { kind, node: src.uint(), cause: src.u8() as DownCause };
    case FactKind.nodeUp:
      return { kind, node: src.uint() };
    case FactKind.gpu:
      return { kind, node: src.uint(), gpu: src.uint(), state: src.u8() as CardState, xid: src.uint() };
    case FactKind.leaving:
      return { kind, node: src.uint(), stopUs: src.uint() };
    case FactKind.packet:
      return { kind, packet: bare ? readBare(src) : (readPlain(src) as Packet) };
    case FactKind.contact:
      return { kind, pool: src.uint(), node: src.uint(), until: src.uint() };
    case FactKind.submit:
      return { kind, pool: src.uint(), spec: readSpec(src) };
    case FactKind.cancel:
      return { kind, pool: src.uint(), job: src.uint() };
    case FactKind.deposit:
      return { kind, user: src.text(), currency: src.uint(), amount: src.text(), seq: src.uint() };
    case FactKind.takeover:
      return { kind, from: src.uint(), to: src.uint(), seq: src.uint() };
    case FactKind.settle:
      return { kind, seq: src.uint() };
    case FactKind.progress:
      return { kind, node: src.uint(), lease: src.uint(), fence: src.uint(), remainingUs: src.uint() };
    case FactKind.stake:
      return { kind, seq: src.uint(), act: readPlain(src) as StakeAct };
    case FactKind.payer:
      return { kind, user: src.text(), answers: src.u8() === 1, seq: src.uint() };
    case FactKind.dispute:
      return { kind, seq: src.uint(), act: readPlain(src) as DisputeAct };
    default:
      throw new Error(`unknown fact kind ${kind}`);
  }
}

/** Stands for a letter that a bare packet carried. */
export const UNREAD: Letter = Object.freeze({ from: -1, to: -1, message: Object.freeze({}) as never });

function writeBare(out: ByteSink, p: Packet): void {
  out.uint(p.fromHost);
  out.uint(p.toHost);
  out.uint(p.ack);
  out.uint(p.first);
  out.uint(p.base);
  out.uint(p.letters.length);
  writeUints(
    out,
    p.letters.flatMap((l, i) => (l === null ? [i] : [])),
  );
}

function readBare(src: ByteSource): Packet {
  const head = { fromHost: src.uint(), toHost: src.uint(), ack: src.uint(), first: src.uint(), base: src.uint() };
  const letters = new Array<Letter | null>(src.uint()).fill(UNREAD);
  for (const i of readUints(src)) letters[i] = null;
  return { ...head, letters };
}

/** Added to the number of groups when one of them has a MIG profile or an image or is elastic: then each is followed by all three. */
const WITH_MORE = 0x10000;

function writeSpec(out: ByteSink, s: JobSpec): void {
  out.uint(s.job);
  out.text(s.user);
  out.text(s.label);
  const more = s.groups.some((g) => g.mig !== undefined || g.least !== undefined || g.image !== undefined);
  out.uint(s.groups.length + (more ? WITH_MORE : 0));
  for (const g of s.groups) {
    out.uint(g.tasks);
    out.uint(g.gpus);
    out.uint(g.gpuMilli);
    out.uint(g.gpuMemoryMiB);
    out.uint(g.cpuMilli);
    out.uint(g.ramMiB);
    if (!more) continue;
    out.text(g.mig ?? '');
    out.uint(g.least ?? 0);
    out.text(g.image?.name ?? '');
    out.uint(g.image?.mib ?? 0);
  }
  writeUints(out, s.classes);
  writeUints(out, s.bids);
  out.uint(s.currency);
  out.uint(s.limitUs);
  out.uint(s.estimateUs);
  out.uint(s.patienceUs);
  out.uint(s.maxAttempts);
  // Zigzag: priorities may be negative.
  out.uint(s.priority < 0 ? -2 * s.priority - 1 : 2 * s.priority);
  out.uint(s.deadlineUs === undefined ? 0 : s.deadlineUs + 1);
}

function readSpec(src: ByteSource): JobSpec {
  const job = src.uint();
  const user = src.text();
  const label = src.text();
  const groups: TaskGroup[] = [];
  const count = src.uint();
  const more = count >= WITH_MORE;
  for (let n = more ? count - WITH_MORE : count; n > 0; n--) {
    const group: TaskGroup = {
      tasks: src.uint(),
      gpus: src.uint(),
      gpuMilli: src.uint(),
      gpuMemoryMiB: src.uint(),
      cpuMilli: src.uint(),
      ramMiB: src.uint(),
    };
    const mig = more ? src.text() : '';
    const least = more ? src.uint() : 0;
    const name = more ? src.text() : '';
    const mib = more ? src.uint() : 0;
    if (mig !== '') group.mig = mig;
    if (least > 0) group.least = least;
    if (name !== '') group.image = { name, mib };
    groups.push(group);
  }
  const spec: JobSpec = {
    job,
    user,
    label,
    groups,
    classes: readUints(src),
    bids: readUints(src),
    currency: src.uint(),
    limitUs: src.uint(),
    estimateUs: src.uint(),
    patienceUs: src.uint(),
    maxAttempts: src.uint(),
    priority: unzigzag(src.uint()),
  };
  const deadline = src.uint();
  if (deadline > 0) spec.deadlineUs = deadline - 1;
  return spec;
}

const unzigzag = (v: number): number => (v % 2 === 0 ? v / 2 : -(v + 1) / 2);

function writeUints(out: ByteSink, values: readonly number[]): void {
  out.uint(values.length);
  for (let i = 0; i < values.length; i++) out.uint(values[i]!);
}

function readUints(src: ByteSource): number[] {
  const values: number[] = [];
  for (let n = src.uint(); n > 0; n--) values.push(src.uint());
  return values;
}
