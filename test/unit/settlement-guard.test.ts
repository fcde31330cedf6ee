/** What Settlement does with claims and readings that cannot be: it refuses, and neither pays them nor falls over. */
import { describe, expect, test } from 'vitest';
import type { Port } from '../../core/machine.ts';
import { type Message, MessageKind, type Quote } from '../../core/messages.ts';
import { quoteId } from '../../core/settlement/demand.ts';
import { maxCharge } from '../../core/settlement/metering.ts';
import { Settlement } from '../../core/settlement/settlement.ts';
import { Code, HOUR_US, holdOf, Outcome } from '../../core/types.ts';
import { shipped } from '../../mechanisms/index.ts';
import { mailOf } from '../support/mail.ts';
import { config, pool, SECOND, spec, task } from '../support/market.ts';

const job = spec(1, { groups: [task(2), task(1, { tasks: 2 })], limitUs: HOUR_US });
const hold = holdOf(1, 1);
const POOL = 1;

/** A Settlement that holds the money of `job`. */
function held() {
  const sent: [number, Message][] = [];
  const port: Port = {
    send: (to, m) => sent.push([to, m]),
    forget: () => {},
    act: () => {},
    row: () => {},
    decide: () => {},
  };
  const s = new Settlement(config(), port, shipped);
  const say = (m: Message, from = POOL) => {
    sent.length = 0;
    s.pulse(SECOND, mailOf([{ input: m, from }]));
    return sent.map(([, x]) => x);
  };
  say({ kind: MessageKind.awards, epoch: 0, awards: [{ award: 1, gpuClass: 0, rateMicro: 1_000_000 }] });
  const terms: Omit<Quote, 'id'> = {
    epoch: 0,
    currency: 0,
    classes: [0],
    awards: [1],
    rates: [1_000_000],
    maxCharge: maxCharge({ gpus: 4, totalMilli: 4000, parts: 3 }, { rates: [1_000_000] }, HOUR_US),
  };
  const quote = { id: quoteId(job, terms), ...terms };
  const history = {
    runs: 0,
    firstStartUs: -1,
    lastStartUs: -1,
    lastEndUs: -1,
    servedUs: 0,
    preemptions: 0,
    charged: 0n,
  };
  const reserve = { kind: MessageKind.reserve, hold, spec: job, quote, submittedUs: 0, history, term: 1 };
  expect(say(reserve as Message)).toMatchObject([{ kind: MessageKind.held }]);
  const claim = (part: number, gpus: number[], over: object = {}) =>
    say({
      kind: MessageKind.claim,
      hold,
      lease: 10 + part,
      node: 0,
      part,
      parts: 3,
      award: 1,
      gpus,
      gpuMilli: 1000,
      untilUs: 2 * HOUR_US,
      ...over,
    } as Message);
  const read = (part: number, startUs: number, endUs: number, outcome: Outcome = Outcome.completed) =>
    say({ kind: MessageKind.reading, hold, lease: 10 + part, node: 0, part, startUs, endUs, outcome });
  return { s, claim, read, quote };
}

const denied = [{ kind: MessageKind.denied, code: Code.quoteMismatch }];

describe('claims', () => {
  test('more or fewer GPUs, another share, another gang than the job asked for are denied', () => {
    const { claim } = held();
    expect(claim(0, [0, 1, 2])).toMatchObject(denied);
    expect(claim(0, [0])).toMatchObject(denied);
    expect(claim(1, [0, 1])).toMatchObject(denied);
    expect(claim(1, [0], { gpuMilli: 500 })).toMatchObject(denied);
    expect(claim(0, [0, 1], { parts: 1 })).toMatchObject(denied);
    expect(claim(3, [0])).toMatchObject(denied);
    expect(claim(-1, [0])).toMatchObject(denied);
    expect(claim(0, [0, 1])).toEqual([]);
  });
});

describe('readings', () => {
  const running = () => {
    const h = held();
    h.claim(0, [0, 1]);
    h.claim(1, [2]);
    expect(h.claim(2, [3])).toHaveLength(3);
    return h;
  };

  test('longer than the limit, ending before the start, completed without a start: not taken, and the true one still is', () => {
    const h = running();
    const lies: [number, number][] = [
      [0, HOUR_US + 1],
      [SECOND, 0],
      [-1, HOUR_US],
      [-1, -1],
    ];
    for (const [from, to] of lies) h.read(0, from, to);
    expect(h.s.lateReadings).toBe(lies.length);
    for (const part of [0, 1, 2]) h.read(part, 0, HOUR_US);
    expect(h.s.ledger.fault()).toBeNull();
    expect([...h.s.contracts()]).toEqual([]);
    const user = h.s.ledger.find('user:alice', 0)!;
    expect(user.debitsPosted).toBe(h.quote.maxCharge);
  });
});

describe('awards of a supply auction', () => {
  test.each([
    ['leave-one-out', 100, 'ok'],
    ['gross', 100, 'insufficientFunds'],
    ['gross', undefined, 'ok'],
  ] as const)('under %s a charge of %s beside the payment is %s', (feeBase, feeMicro, code) => {
    const sent: Message[] = [];
    const nothing = () => {};
    const port: Port = { send: (_, m) => sent.push(m), forget: nothing, act: nothing, row: nothing, decide: nothing };
    const supply = { pay: 'use', subsidy: '0', feeBps: 500, feeBase } as const;
    const c = config({ pools: [pool('east', { supply }), pool('west')] });
    const s = new Settlement(c, port, shipped);
    const awards = [{ award: 1, gpuClass: 0, rateMicro: 1_000_000 }];
    const bought = {
      award: 2,
      node: 0,
      gpus: 1,
      of: 1,
      payMicro: 1000,
      ...(feeMicro === undefined ? {} : { feeMicro }),
    };
    const input: Message = { kind: MessageKind.awards, epoch: 0, awards, supply: [bought] };
    s.pulse(SECOND, mailOf([{ input, from: POOL }]));
    expect(sent.filter((m) => m.kind === MessageKind.awarded).map((m) => m.code)).toEqual([Code[code]]);
  });
});
