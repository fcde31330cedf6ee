/** The whole schema of a scenario file, and the rules of the market: scheduling, pricing, billing, stake, output. */
import { z } from 'zod';
import { rat } from '../../core/num/index.ts';
import { feeBases } from '../../core/types.ts';
import { pricingNames } from '../../mechanisms/names.ts';
import { adversariesSchema } from './adversaries.ts';
import { budgetsSchema } from './budgets.ts';
import { contractSchema, payersSchema } from './contract.ts';
import { demandSchema } from './demand.ts';
import { disputesSchema } from './disputes.ts';
import { type Fields, modulePath, name, whole } from './fields.ts';
import { failuresSchema, fleetSchema } from './fleet.ts';
import { networkSchema } from './network.ts';
import { schedulingSchema } from './scheduling.ts';
import { stakeSchema, verificationSchema } from './stake.ts';

function pricingSchema(f: Fields) {
  const rates = z
    .record(name('GPU class.'), f.priceOr('none', 'Price of one GPU for an hour at the start.'))
    .describe('First price of each GPU class; "none" = the class is not sold.');
  const adjust = z
    .strictObject({
      target: f
        .parts(
          'Demand (leased and waiting GPUs over those that are up) at which prices stand still. Default 80 %.',
          10_000,
          rat(0),
          rat(10),
        )
        .prefault('80 %'),
      gain: f
        .parts(
          'Share of the distance to the target by which a price moves each epoch. Default 20 %.',
          10_000,
          rat(0),
          rat(10),
        )
        .prefault('20 %'),
      floor: f.parts('Lowest price, as a share of the first. Default 50 %.', 10_000, rat(0), rat(1)).prefault('50 %'),
      cap: f
        .parts('Highest price, as a share of the first. Default 300 %.', 10_000, rat(1), rat(1000))
        .prefault('300 %'),
    })
    .describe('Prices follow demand from epoch to epoch. Default: prices are fixed.');
  const supply = z
    .strictObject({
      pay: z
        .enum(['use', 'availability'])
        .describe('What awarded suppliers are paid for: metered use, or GPUs that are up. Default use.')
        .prefault('use'),
      subsidy: f
        .deposit(
          'Opening balance of each pool’s subsidy account: what availability may cost beyond income. Default 0 USD.',
        )
        .optional(),
      fee: f
        .parts('What the treasury takes of feeBase. Default 0 %, and 100 % of the residual.', 10_000, rat(0), rat(1))
        .optional(),
      feeBase: z
        .enum(feeBases)
        .describe(
          'What the fee is reckoned on. Truth stays best under residual (what is left of charges; the aggregator has the rest), price (inside what users pay), gross-up (asks are raised by it before clearing) and leave-one-out (by the market without the supplier); not under gross (each payment) or surplus (payment less ask). Default gross, at 0 %.',
        )
        .prefault('gross'),
      reserve: z
        .record(name('GPU class.'), f.price('Highest pay for one GPU for an hour.'))
        .describe('Reserve prices of the supply auction.')
        .prefault({}),
    })
    .describe(
      'How supply is bought under an auction (pvcg, pay-as-bid, uniform-price). Suppliers are paid by their awards and the treasury gets ' +
        'the rest of the charges: billing.shares does not apply, and aggregators get nothing but by feeBase residual.',
    );
  const own = z.strictObject({ rates: rates.optional(), adjust: adjust.optional() });
  return z
    .strictObject({
      mechanism: z
        .union([z.enum(pricingNames), modulePath()])
        .describe(`How prices are made: ${pricingNames.join(', ')}. Default posted.`)
        .prefault('posted'),
      epoch: f.duration('How long prices hold, and how often revenue is paid out. Default 1 hour.').prefault('1 hour'),
      rates: rates.prefault({}),
      adjust: adjust.optional(),
      params: z
        .record(z.string(), z.unknown())
        .describe('What a mechanism of your own is given besides rates and adjust.')
        .optional(),
      supply: supply.optional(),
      pools: z
        .record(name('Pool.'), own)
        .describe('Rates and adjustment of single pools; rates replace those above class by class.')
        .prefault({}),
    })
    .describe('What GPUs cost.');
}

function billingSchema(f: Fields) {
  const share = (about: string) => f.parts(about, 10_000, rat(0), rat(1)).prefault(0);
  const grace = (about: string, standard: string) => f.duration(`${about} Default ${standard}.`).prefault(standard);
  const shares = z
    .strictObject({
      provider: share('To the provider of the GPUs.'),
      staker: share("To those who staked on the provider's GPUs; to the treasury where nobody did."),
      aggregator: share('To the aggregator of the pool.'),
      verifier: share('To the verifiers.'),
      treasury: share('To the treasury.'),
    })
    .describe('How each charge is divided; a party that is not named gets nothing, and the sum must be 1.');
  const graces = z
    .strictObject({
      startWindow: grace('A lease may be started until this long after it was granted.', '1 minute'),
      startAllowance: grace('A started process must report within this after the last allowed start.', '1 minute'),
      pool: grace("How much longer than the machine's limit the pool waits.", '30 second'),
      hold: grace('How much longer than the pool the held money stays held.', '30 second'),
      quote: grace('How long a quote binds a waiting job; then it is quoted again.', '7 day'),
    })
    .describe('The ladder of deadlines.');
  return z
    .strictObject({
      shares: shares.prefault({ provider: '85 %', staker: '5 %', aggregator: '5 %', treasury: '5 %' }),
      tokenPrice: f.tokenPrice('Price of one JCT for users who pay in it; fixed over the run.').optional(),
      postpaid: z.boolean().describe('Users may owe unless their persona says otherwise. Default true.').prefault(true),
      contract: contractSchema(f).optional(),
      payers: payersSchema(f),
      disputes: disputesSchema(f).optional(),
      budgets: budgetsSchema(f),
      graces: graces.prefault({}),
    })
    .describe('Who is paid what, and when.');
}

/** The schema of a scenario file; what it parses to is in base units but still refers to things by name. */
export function scenarioSchema(f: Fields) {
  return z
    .strictObject({
      name: name('Name of the scenario, for reports.'),
      question: z.string().describe('The question the scenario is to answer.').prefault(''),
      horizon: f.durationOr('until done', 'Length of the run. "until done" ends with the last job of a trace.'),
      warmup: f
        .duration('Jobs submitted before this are billed, but left out of waits and completion times. Default 0 hour.')
        .prefault('0 hour'),
      seed: whole('Seed of every random draw; --seed overrides it. Default 1.', 0, Number.MAX_SAFE_INTEGER).prefault(1),
      fleet: fleetSchema(f),
      demand: demandSchema(f),
      scheduling: schedulingSchema(f).prefault({}),
      pricing: pricingSchema(f),
      billing: billingSchema(f).prefault({}),
      stake: stakeSchema(f).prefault({}),
      verification: verificationSchema(f).optional(),
      network: networkSchema(f).optional(),
      failures: failuresSchema(f).prefault({}),
      adversaries: adversariesSchema(f).optional(),
      output: z
        .strictObject({
          sample: f.durationOr('none', 'Interval of the samples table. Default 1 hour.').prefault('1 hour'),
        })
        .describe('What is recorded.')
        .prefault({}),
    })
    .meta({ title: 'janction-lab scenario', description: 'One run of the marketplace: machines, demand, rules.' });
}

export type ParsedScenario = z.output<ReturnType<typeof scenarioSchema>>;
