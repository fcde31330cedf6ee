/** What every pricing mechanism of the running market must keep. */
import { describe, expect, test } from 'vitest';
import { conformanceClasses, conformanceRates, pricingLaws } from '../../lab/conformance/pricing.ts';
import { shipped } from '../../mechanisms/index.ts';

const variants: { label: string; name: string; params: Record<string, unknown> }[] = [
  { label: 'posted', name: 'posted', params: { rates: conformanceRates } },
  {
    label: 'posted, adjusting',
    name: 'posted',
    params: { rates: conformanceRates, adjust: { targetBps: 8000, gainBps: 2500, floorBps: 5000, capBps: 30_000 } },
  },
];

for (const { label, name, params } of variants) {
  describe(`pricing ${label}`, () => {
    test('says its name', () => {
      expect(shipped.pricing(name, params, conformanceClasses).name).toBe(name);
    });
    for (const law of pricingLaws)
      test(law.name, () => law.check(() => shipped.pricing(name, params, conformanceClasses)));
  });
}
