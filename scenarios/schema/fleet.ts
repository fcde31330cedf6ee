/** Schema of the supply side: GPU classes, pools, groups of machines, failures. */
import { z } from 'zod';
import { rat } from '../../core/num/index.ts';
import { failurePresetNames, fleetFormats } from '../resolved.ts';
import { cardFailuresSchema } from './cards.ts';
import { type Fields, name, names, whole } from './fields.ts';
import { sharingSchema } from './performance.ts';

export const MAX_PROVIDERS = 1_000_000;

export function fleetSchema(f: Fields) {
  const speed = (about: string) => f.parts(about, 1000, rat(1, 1000), rat(1000));
  const gpuClass = z.strictObject({
    name: name('Name of the class, for example rtx-4090: what prices, groups and personas refer to.'),
    model: name(
      'Model of the catalogue (scenarios/gpus.csv), which gives memory, speed and power where they are not written here.',
    ).optional(),
    sharing: sharingSchema(f).optional(),
    link: f
      .dataRate('Between two GPUs of one machine, per direction. Default: that of the model, or 32 GB/s (PCIe 4 x16).')
      .optional(),
    mig: z
      .string()
      .describe(
        'MIG profile of that model, for example 1g.10gb: each GPU of the class is one such instance. Or on-demand: a GPU is divided as ' +
          'tasks ask for instances of it, and taken whole or shared by others while it is not.',
      )
      .optional(),
    memory: f.memory('Memory of one GPU. Needed unless a model gives it.').optional(),
    speed: speed(
      'Indicative speed: work done per hour relative to the reference GPU on which the work of jobs is counted. Default: that of ' +
        'the model, or 1.',
    ).optional(),
  });
  const pool = z.strictObject({
    name: name('Name of the pool: one aggregator with its own queue and prices.'),
    aggregator: name("Party that receives the aggregator's share. Default: the name of the pool.").optional(),
  });
  const daily = z
    .strictObject({
      from: f.timeOfDay('When the machine comes, counted from midnight.'),
      to: f.timeOfDay('When its owner takes it back; before `from` means the next morning.'),
      jitter: f
        .duration(
          'Each coming and going is moved by up to this, by a normal draw with a third of it as deviation. Default 0.',
        )
        .prefault('0 second'),
    })
    .describe('There on the same hours every day.');
  const sessions = z
    .strictObject({
      up: f.timeFamily('How long a machine stays.'),
      down: f.timeFamily('How long it is away.'),
    })
    .describe('There and away in turn, for independent times; the run begins in the long-run mixture.');
  const availability = z
    .union(
      [
        z.enum(['always', 'volunteer-hosts']),
        z
          .strictObject({ daily: daily.optional(), sessions: sessions.optional() })
          .refine((v) => (v.daily === undefined) !== (v.sessions === undefined), {
            error: 'wants one of "daily" and "sessions"; write one of them',
          }),
      ],
      { error: 'neither "always" nor "volunteer-hosts" nor a mapping with "daily" or "sessions"; write one of these' },
    )
    .describe(
      'When machines are there for the market, apart from failures; volunteer-hosts = the sessions of SETI@home computers. Default always.',
    );
  const group = z.strictObject({
    name: name('Name of the group. Its providers are called NAME-001, NAME-002, …, their machines NAME-001/0, ….'),
    providers: whole('Number of providers. Default 1.', 1, MAX_PROVIDERS).prefault(1),
    nodes: whole('Machines of each provider. Default 1.', 1, MAX_PROVIDERS).prefault(1),
    gpus: whole('GPUs of each machine. Default 1.', 0, 1024).prefault(1),
    class: name('GPU class of the machines.'),
    speed: speed("Speed of this group's GPUs, relative to the reference. Default: the speed of the class.").optional(),
    rack: whole(
      'Machines of one rack, for topology-aware placement. Default: machines stand alone.',
      1,
      10_000,
    ).optional(),
    nvlink: whole('GPUs that one NVLink domain joins. Default 1: none.', 1, 1024).optional(),
    cpu: f.cores('CPU cores of each machine. Default 8 per GPU.').optional(),
    ram: f.memory('Main memory of each machine. Default 32 GiB per GPU.').optional(),
    fabric: f.dataRate('Between two machines, per direction. Default 1.25 GB/s (10 Gbit/s).').prefault('1.25 GB/s'),
    download: f
      .dataRate('At which a machine fetches the images and models of jobs. Default 1 Gbit/s.')
      .prefault('1 Gbit/s'),
    cache: f.memory('Room for them on its disk; the longest unused go first. Default 500 GB.').prefault('500 GB'),
    pool: names('Pool, or list of pools dealt out to the providers in turn. Default: all pools.').optional(),
    availability: availability.prefault('always'),
    notice: f
      .duration(
        'How long before it takes a machine back its owner says so: the machine takes nothing new then, and jobs that keep checkpoints write one in time. Default 0: not at all.',
      )
      .prefault('0 second'),
    cost: f
      .price("The provider's own cost of one GPU leased for an hour: power, wear, bother. Default 0 USD/hour.")
      .prefault('0 USD/hour'),
    energy: z
      .strictObject({
        price: f.energyPrice('Price of electricity.'),
        overhead: f
          .number(
            'Power drawn at the meter over that of the GPUs: cooling, the rest of the machine. Default 1.',
            rat(1),
            rat(10),
          )
          .prefault(1),
      })
      .describe('Adds to the cost what a GPU draws at the power it is rated at; the class must name a model.')
      .optional(),
    entry: z
      .strictObject({
        outside: f.spread(
          'What an hour of one of its GPUs is worth to a provider elsewhere, idle or not: drawn per provider.',
        ),
        every: f.duration('How often providers think about it. Default 1 day.').prefault('1 day'),
        inside: f.share('Share of the providers who are in at the start. Default 100 %.').prefault(1),
        weight: f.share('Weight of the last epoch in what they expect to earn. Default 50 %.').prefault(0.5),
        attention: f.share('Chance that a provider looks at an epoch’s end. Default 50 %.').prefault(0.5),
      })
      .describe(
        'Providers leave when they expect less per GPU-hour, after costs, than it is worth elsewhere, and come back when those who are in ' +
          'earn more (docs/models/supply.md). Default: they stay.',
      )
      .optional(),
    lies: z
      .strictObject({
        speed: f
          .number('Speed it claims over the one it has. Default 1: it says what it has.', rat(1), rat(1000))
          .prefault(1),
        copies: whole('How often it registers each GPU. Default 1.', 1, 64).prefault(1),
      })
      .describe(
        'Its providers lie: jobs run slower than their users reckon with, and those on one GPU registered several times share it. The ' +
          'result says what it brought them (docs/models/adversaries.md). Default: they do not.',
      )
      .optional(),
    ask: f
      .price('What the provider asks for a GPU-hour in a supply auction. Default: its cost, truthfully.')
      .optional(),
  });
  const list = z
    .strictObject({
      path: z.string().min(1).describe('File of the list, relative to the working directory.'),
      format: z
        .enum(['detect', ...fleetFormats])
        .describe(`Format of the list: ${fleetFormats.join(', ')}. Default detect: told by the first line.`)
        .prefault('detect'),
      name: name('Name of the group that the machines form, and of its provider. Default listed.').prefault('listed'),
      class: name(
        'GPU class of machines whose model the list does not name. Default: the first class; models that are named must be ' +
          'classes of the scenario.',
      ).optional(),
      pool: names('Pool, or list of pools that take the machines in turn. Default: all pools.').optional(),
      cost: f.price('Cost of one GPU leased for an hour to its provider. Default 0 USD/hour.').prefault('0 USD/hour'),
    })
    .describe('Machines from a public list, besides those of the groups.');
  const processes = z
    .strictObject({
      start: f.duration('Time a process takes to come up. Default 1 second.').prefault('1 second'),
      kill: f.duration('Time a killed process takes to be gone. Default 1 second.').prefault('1 second'),
      checkpoint: z
        .strictObject({
          every: f
            .duration(
              'Work between two checkpoints that survive the loss of a machine. Default 0: only when told to end.',
            )
            .prefault('0 second'),
          write: f
            .duration('Run time that each of those checkpoints takes, in which no work is done. Default 0.')
            .prefault('0 second'),
          save: f.duration('Time to write one when told to end. Default 10 second.').prefault('10 second'),
          restore: f
            .duration('Run time of an attempt before it goes on from one. Default 10 second.')
            .prefault('10 second'),
        })
        .describe('Jobs keep what they have done. Default: an attempt that is cut short was for nothing.')
        .optional(),
    })
    .describe('How long simulated processes take to start and to die.');
  return z
    .strictObject({
      classes: z.array(gpuClass).min(1).describe('GPU classes: each is priced as one good.'),
      pools: z
        .array(pool)
        .min(1)
        .describe('Pools, each with an aggregator. Default: one pool called main.')
        .prefault([{ name: 'main' }]),
      groups: z
        .array(group)
        .min(1)
        .describe('Groups of like providers.')
        .optional()
        .transform((v) => v ?? []),
      list: list.optional(),
      costs: z
        .record(name('GPU class.'), f.spread('Cost of one GPU leased for an hour.'))
        .describe(
          'Private costs drawn per provider and GPU class, in place of those of the groups; the result says that they were imputed.',
        )
        .prefault({}),
      processes: processes.prefault({}),
    })
    .describe('The machines: classes of GPU, pools, groups of providers.');
}

export function failuresSchema(f: Fields) {
  const rule = z.strictObject({
    preset: z
      .enum(failurePresetNames)
      .describe(`A published measurement, per machine: ${failurePresetNames.join(', ')}; docs/models/failures.md.`)
      .optional(),
    mtbf: f.durationOr('never', 'Mean time between failures of one machine while it is up, exponential.').optional(),
    repair: f.duration('Mean time to repair, exponential. Default 1 hour.').prefault('1 hour'),
    between: f.timeFamily('Instead of mtbf: time up until the next failure.').optional(),
    causes: z
      .record(
        z.string().min(1).max(60),
        z.strictObject({
          weight: f.number('How often, relative to the others. Default 1.', rat(0), rat(1_000_000)).prefault(1),
          repair: f.timeFamily('Time to repair.'),
        }),
      )
      .describe('Kinds of failure, each with its own repair; they replace `repair`.')
      .optional(),
  });
  const trace = z
    .strictObject({
      path: z.string().min(1).describe('fault_trace.json of InfiniteHBD, relative to the working directory.'),
      group: name('Group whose machines take the faults of the trace’s servers, in order of their first fault.'),
    })
    .describe('Faults that are replayed.');
  return z
    .strictObject({
      groups: z
        .record(name('Group of the fleet.'), rule)
        .describe('Failures by group; a group that is not named never fails.')
        .prefault({}),
      shared: z
        .array(
          z.strictObject({
            name: name('Name of what fails: its failures are counted under it.'),
            of: z
              .enum(['rack', 'provider', 'site', 'gpu'])
              .describe(
                'Whose machines it takes down together: each rack’s, each provider’s, all of the groups’ (one site), or each GPU its own.',
              ),
            groups: names('Groups whose machines hang on it.'),
            mtbf: f.duration('Mean time between failures of one of them while it is up, exponential.').optional(),
            between: f.timeFamily('Instead of mtbf: time up until the next failure.').optional(),
            repair: f.timeFamily('Time to repair. Default exponential with a mean of 1 hour.').prefault({
              exponential: { mean: '1 hour' },
            }),
          }),
        )
        .describe('Failures of what machines share, besides their own. Default none.')
        .prefault([]),
      gpus: cardFailuresSchema(f),
      trace: trace.optional(),
    })
    .describe('When machines and GPUs break. Default: never.');
}
