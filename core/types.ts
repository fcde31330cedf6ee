/** Integer microseconds since the scenario's origin. */
export type TimeUs = number;
