/** The shape of a market file (`clear --market`), for editors; what else must hold is told by `lab/certify/market-json.ts`. */
import { z } from 'zod';
import { feeBases } from '../certify/market-json.ts';

const amount = z.union([z.number().min(0), z.string()]).describe('A number or a decimal text, at least 0.');
const id = z.string().min(1);
const common = { note: z.unknown().optional(), fee: z.unknown().optional() };
const pair = z.tuple([amount, amount]);

const income = z
  .union([
    z.strictObject({ kind: z.literal('sqrt'), alpha: amount }).describe('B(X) = alpha sqrt(X)'),
    z
      .strictObject({ kind: z.literal('marginal'), values: z.array(amount).min(1) })
      .describe('Worth of the first, second, ... unit.'),
    z.strictObject({
      kind: z.literal('pieces'),
      pieces: z.array(z.strictObject({ quantity: amount, price: amount })).min(1),
    }),
    z.strictObject({ kind: z.literal('all-or-nothing'), units: amount, value: amount }),
    z.strictObject({ kind: z.literal('sets'), sets: z.array(z.array(id).min(1)).min(1), value: amount }),
  ])
  .describe('What the accepted supply earns.');

const procurement = z.strictObject({
  kind: z.literal('procurement'),
  note: z.unknown().optional(),
  income,
  suppliers: z
    .array(
      z.strictObject({
        id,
        capacity: amount,
        unitCost: amount,
        quality: amount.describe('Effective units per raw hour. Default 1.').optional(),
        types: z.strictObject({ capacity: pair, unitCost: pair }).describe('Bounds; pvcg-tight needs them.').optional(),
      }),
    )
    .min(1),
  reserve: amount.optional(),
  price: amount.optional(),
  fee: z.strictObject({ base: z.enum(feeBases), rate: amount, holder: id.optional(), backs: id.optional() }).optional(),
});

const trader = { id, arrival: z.number().min(0).optional(), duration: z.number().min(0).optional() };
const sideOf = (money: 'unitValue' | 'unitCost', step: 'value' | 'cost') =>
  z
    .array(
      z.union([
        z.strictObject({ ...trader, quantity: amount.optional(), [money]: amount }),
        z.strictObject({
          ...trader,
          units: z.array(z.strictObject({ quantity: amount.optional(), [step]: amount })).min(1),
        }),
      ]),
    )
    .min(1);

const exchange = z.strictObject({
  kind: z.literal('exchange'),
  ...common,
  buyers: sideOf('unitValue', 'value'),
  sellers: sideOf('unitCost', 'cost'),
  price: amount.optional(),
  priceBounds: pair.describe('Lowest and highest value; online-threshold needs them.').optional(),
  prior: z
    .strictObject({ values: z.array(amount).min(1), probability: z.array(z.array(amount).min(1)).min(1) })
    .describe('Of the values; cremer-mclean needs it.')
    .optional(),
});

const combinatorial = z.strictObject({
  kind: z.literal('combinatorial'),
  ...common,
  goods: z.array(id).min(1),
  bids: z
    .array(
      z.strictObject({
        bidder: id,
        xor: z.array(z.strictObject({ bundle: z.array(id).min(1), value: amount })).min(1),
      }),
    )
    .min(1),
  norm: z.enum(['linear', 'sqrt']).optional(),
});

export const marketSchema = z.discriminatedUnion('kind', [procurement, exchange, combinatorial]);
