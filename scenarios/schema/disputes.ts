/** Whether charges may be disputed, by which rule they are judged, and who disputes what. */
import { z } from 'zod';
import { rat } from '../../core/num/index.ts';
import { disputeRules } from '../../core/types.ts';
import { type Fields, name } from './fields.ts';

export function disputesSchema(f: Fields) {
  const span = (about: string, standard: string) => f.duration(`${about} Default ${standard}.`).prefault(standard);
  const share = (about: string, standard: string) => f.share(`${about} Default ${standard}.`).prefault(standard);
  return z
    .strictObject({
      rule: z
        .enum(disputeRules)
        .describe(
          'By what a contested charge is judged. metered: a final meter reading proves delivery. checked: a check of the result does, and without one the reading. proven: only a check does. Default checked.',
        )
        .prefault('checked'),
      window: span('For so long a user may dispute a charge; until then it is not divided.', '1 day'),
      answer: span('How long a provider has to answer; who does not has lost.', '12 hour'),
      decide: span('How long after the answer a check is waited for.', '1 day'),
      bond: f
        .parts(
          'What each side lodges, as a share of the disputed amount; who is wrong loses it to the other. Default 0 %.',
          10_000,
          rat(0),
          rat(1),
        )
        .prefault('0 %'),
      filers: z
        .array(
          z.strictObject({
            persona: name('Persona, or the label of a trace.'),
            notices: share('Chance that a made-up result is noticed and disputed.', '100 %'),
            frivolous: share('Chance that a good result is disputed.', '0 %'),
            after: span('Time from the end of the work to the dispute.', '1 hour'),
          }),
        )
        .describe('Who disputes charges.')
        .prefault([]),
      providers: z
        .strictObject({
          answers: share('Chance that a provider answers at all.', '100 %'),
          bluffs: share('Chance that one which made the result up contests all the same.', '0 %'),
          after: span('How long an answer takes.', '1 hour'),
        })
        .describe('How providers answer.')
        .prefault({}),
      checks: z
        .strictObject({
          share: share('Chance that the result of a contested case is checked.', '100 %'),
          after: span('How long a check takes.', '2 hour'),
          detection: f
            .share('Chance that a made-up result is found to be one. Default that of verification, or 100 %.')
            .optional(),
          falseAlarm: f
            .share('Chance that a good result is called wrong. Default that of verification, or 0 %.')
            .optional(),
        })
        .describe('Checks of contested results, by the verifiers, or by an arbiter where there are none.')
        .prefault({}),
    })
    .describe('Users may dispute charges. Absent: a charge is final when it is booked.');
}
