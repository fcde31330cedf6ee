/** What a scenario says of its network: the wires between hosts, when they are cut, when hosts go down, and who then takes over. */
import { z } from 'zod';
import { rat } from '../../core/num/index.ts';
import { type Fields, name, names, whole } from './fields.ts';

export function networkSchema(f: Fields) {
  const chancePer = (about: string) => f.number(`${about} Default 0 %.`, rat(0), rat(9, 10)).prefault('0 %');
  const members = {
    chain: z.boolean().describe('The chain (Settlement).').prefault(false),
    pools: names('Pools: the hosts of their aggregators.').optional(),
    groups: names('Groups of machines.').optional(),
    providers: names('Single providers, for example gamers-017.').optional(),
    personas: names('Users of these personas.').optional(),
  };
  const latency = z
    .strictObject({
      min: f.duration('Least time a packet takes. Default 5 ms.').prefault('5 ms'),
      beyond: f
        .timeFamily('What comes on top of it. Default exponential with a mean of 20 ms.')
        .prefault({ exponential: { mean: '20 ms' } }),
      far: f.duration('What the way between two regions takes longer. Default 0 ms.').prefault('0 ms'),
    })
    .describe('One-way delay, drawn per packet. A packet with a longer draw is overtaken by those behind it.');
  const window = {
    from: f.duration('When it begins.'),
    to: f.durationOr('never', 'When it ends.'),
    every: f.duration('Repeats with this period until the run ends. Default: once.').optional(),
  };
  const partition = z.strictObject({
    name: name('Name, for tables and reports. Default partition-1 and so on.').optional(),
    ...window,
    way: z
      .enum(['both', 'out', 'in'])
      .describe(
        'What does not pass: all, what the side sends (others do not hear it), or what is sent to it (it does not hear). Default both.',
      )
      .prefault('both'),
    side: z
      .strictObject({ ...members, regions: names('Regions: all that is in them.').optional() })
      .describe('Who is on one side; everybody else is on the other.'),
  });
  const crash = z.strictObject({ pool: name('Pool whose aggregator’s host goes down.'), ...window });
  return z
    .strictObject({
      latency: latency.prefault({}),
      loss: chancePer('Chance that a packet is lost.'),
      duplicate: chancePer('Chance that a packet arrives twice.'),
      reorder: z
        .strictObject({
          share: chancePer('Chance that a packet is held back.'),
          by: f.duration('Longest time by which; drawn uniformly. Default 1 second.').prefault('1 second'),
        })
        .describe('Packets held back, beyond what different delays reorder. Default none.')
        .prefault({}),
      resend: z
        .strictObject({
          first: f.duration('First wait for an acknowledgement. Default 1 second.').prefault('1 second'),
          most: f.duration('Ceiling of its doubling. Default 30 second.').prefault('30 second'),
          window: whole('Most messages in one packet. Default 64.', 1, 10_000).prefault(64),
        })
        .describe('How a wire repairs loss.')
        .prefault({}),
      heartbeat: z
        .strictObject({
          every: f.duration('How often a machine says that it is there. Default 10 second.').prefault('10 second'),
          missed: whole('So many in a row may fail to come. Default 3.', 1, 1000).prefault(3),
        })
        .describe('A pool gives no new work to a machine that it has not heard for longer.')
        .prefault({}),
      regions: z
        .array(z.strictObject({ name: name('Region.'), ...members }))
        .describe('Who is where; what no region names is in one of its own.')
        .prefault([]),
      partitions: z.array(partition).describe('When part of the network cannot reach the rest.').prefault([]),
      crashes: z
        .array(crash)
        .describe('When aggregators’ hosts are down. They come back from their journals.')
        .prefault([]),
      takeover: z
        .strictObject({
          after: f
            .duration('For so long the chain must not have heard of the aggregator. Default 5 minute.')
            .prefault('5 minute'),
          by: names(
            'Pools that may take over, the first that the chain can reach. Default: all others. Where stakers elect, their votes decide.',
          ).optional(),
        })
        .describe('The chain hands the machines and jobs of a lost aggregator on. Default: never.')
        .optional(),
    })
    .describe(
      'Hosts and wires: one for the chain, one per aggregator, one per provider. Default: everything on one host, without delay.',
    );
}
