import { type ContractRules, HOUR_US } from '../../core/types.ts';
import { SECOND } from './market.ts';

/** A contract of which a test says what matters. */
export const contractRules = (over: Partial<ContractRules>): ContractRules => ({
  kind: 'hold',
  periodUs: HOUR_US,
  blockUs: 60 * SECOND,
  depositUs: HOUR_US,
  shortage: 'first-come',
  topUp: true,
  acceptUs: 600 * SECOND,
  answerUs: 0,
  loss: 'provider-bears',
  creditBps: 0,
  providerDeposit: '0',
  ...over,
});
