/** Schema of single GPUs that fail while their machine stays. */
import { z } from 'zod';
import { cardPresetNames } from '../resolved.ts';
import { type Fields, name, whole } from './fields.ts';

export function cardFailuresSchema(f: Fields) {
  const error = z.strictObject({
    xid: whole(
      'Number of the error, as NVIDIA’s driver gives it; docs/models/failures.md says what each does.',
      1,
      9999,
    ),
    mtbf: f
      .duration(
        'Mean time between two of them on one GPU while it is in service, exponential; of a program’s error, in use.',
      )
      .optional(),
    between: f.timeFamily('Instead of mtbf: time in service until the next.').optional(),
    repair: f.timeFamily('Time of the reset, or of the repair. Default: that of the group.').optional(),
    replaced: z
      .strictObject({
        share: f.share('How often another card takes its place instead.'),
        after: f.timeFamily('Time until it is there.'),
      })
      .describe('Cards that go back to their maker. Default: none.')
      .optional(),
  });
  return z
    .record(
      name('Group of the fleet.'),
      z.strictObject({
        preset: z
          .enum(cardPresetNames)
          .describe(`Measured rates of Xid errors per GPU: ${cardPresetNames.join(', ')}; docs/models/failures.md.`)
          .optional(),
        errors: z.array(error).min(1).describe('Errors and their rates, besides those of a preset.').optional(),
        repair: f
          .timeFamily('Time of a reset or repair. Default exponential with a mean of 30 minutes.')
          .prefault({ exponential: { mean: '30 minute' } }),
      }),
    )
    .describe('GPUs that fail alone, by group: Xid errors that do or do not condemn a card. Default: none.')
    .prefault({});
}
