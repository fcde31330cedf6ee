/** Names of the shipped mechanisms, for schemas and messages; the code is in the families' folders. */
export const queueingNames = [
  'fifo',
  'sjf',
  'easy',
  'fifo-skip',
  'conservative',
  'srtf',
  'srsf',
  'las',
  'priority',
  'edf',
  'fair-share',
  'heterogeneity',
  'elastic',
] as const;
export const placementNames = [
  'first-fit',
  'best-fit',
  'worst-fit',
  'random',
  'dot-product',
  'best-fit-2d',
  'gpu-packing',
  'gpu-clustering',
  'fgd',
  'topology-aware',
  'price-aware',
  'reliability-aware',
  'cache-aware',
] as const;
export const pricingNames = ['posted', 'surge', 'pvcg', 'pay-as-bid', 'uniform-price'] as const;
/** Those that buy supply in an auction. */
export const supplyAuctionNames = ['pvcg', 'pay-as-bid', 'uniform-price'] as const;
/** Rules by which stakers elect aggregators, and ways in which stake counts in revenue. */
export const electionNames = ['phragmen', 'phragmms', 'mes', 'top-k'] as const;
/** How completed results are checked. */
export const verificationNames = ['spot-check', 'quorum', 'adaptive', 'consensus', 'challenge', 'reputation'] as const;
export const stakeWeightNames = ['linear', 'sqrt', 'capped', 'lock-weighted'] as const;
/** How the edge chooses a pool. */
export const routingNames = ['random', 'least-loaded', 'power-of-two', 'price-then-load', 'locality'] as const;
