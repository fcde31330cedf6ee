/** How many random runs a test makes: its usual count, or what `npm run soak` asks for. */
export const runs = (usual: number): number => Number(process.env['JANCTION_RUNS'] ?? usual);
