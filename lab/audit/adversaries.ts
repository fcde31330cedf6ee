/** What adversaries got from the market and what they left unpaid, from the transfers alone. Shares no code with the simulator. */
interface Table {
  readonly length: number;
  text(column: string, i: number): string;
  big(column: string, i: number): bigint;
}

interface Part {
  agents: string[];
  others: string[];
  honest: boolean;
}

interface Purse {
  /** Got less given, without what came from outside; and that. Micro-units. */
  net: bigint;
  brought: bigint;
  unpaid: bigint;
}

/** By kind; nothing where an agent has anything in another currency, whose price in USD is the simulator's affair. */
export function adversaryFigures(
  parts: Record<string, Part> | undefined,
  transfers: Table,
  adjustments: Table,
  currency: string,
): Record<string, object> {
  if (parts === undefined) return {};
  const purses = new Map<string, Purse>();
  for (const p of Object.values(parts)) for (const a of p.agents) purses.set(a, { net: 0n, brought: 0n, unpaid: 0n });
  let foreign = false;
  const find = (text: string, own: string): Purse | undefined => {
    // A name with a number behind is the same user's.
    const purse = purses.get(text) ?? purses.get(text.replace(/~\d+$/, ''));
    if (purse !== undefined && own !== currency) foreign = true;
    return purse;
  };
  const party = (account: string): string => /^(?:provider|deposit|user):(.*)$/.exec(account)?.[1] ?? '';
  for (let i = 0; i < transfers.length; i++) {
    const kind = transfers.text('kind', i);
    if (kind !== 'single' && kind !== 'post') continue;
    const amount = transfers.big('amount_micro', i);
    const own = transfers.text('currency', i);
    const giver = transfers.text('debit', i);
    const to = find(party(transfers.text('credit', i)), own);
    const from = find(party(giver), own);
    if (from !== undefined) from.net -= amount;
    if (to !== undefined) {
      if (giver === 'world') to.brought += amount;
      else to.net += amount;
    }
  }
  for (let i = 0; i < adjustments.length; i++) {
    const kind = adjustments.text('kind', i);
    const sign = kind === 'unpaid' ? 1n : kind === 'debt-paid' ? -1n : 0n;
    if (sign === 0n) continue;
    const purse = find(adjustments.text('user', i), adjustments.text('currency', i));
    if (purse !== undefined) purse.unpaid += sign * adjustments.big('amount_micro', i);
  }
  if (foreign) return {};
  const usd = (micro: bigint): number => Number(micro) / 1e6;
  return Object.fromEntries(
    Object.entries(parts).map(([kind, p]) => {
      let market = 0n;
      let unpaid = 0n;
      for (const a of p.agents) {
        const { net, brought, unpaid: owed } = purses.get(a)!;
        // Who vanishes has paid what it brought and no more.
        const never = kind === 'deadRequestors' && !p.honest && -net > brought ? -net - brought : 0n;
        market += net + never;
        unpaid += owed + never;
      }
      const { agents, others, honest } = p;
      return [
        kind,
        {
          agents: agents.length,
          honest,
          marketUsd: usd(market),
          unpaidUsd: usd(unpaid),
          others: { agents: others.length },
        },
      ];
    }),
  );
}
