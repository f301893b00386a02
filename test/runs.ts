/** How often a property is tried: as often as its test says in the suite, many times as often in a soak. */
export function runs(usual: number): number {
  return usual * Number(process.env['SLYTHERIN_SOAK_FACTOR'] ?? 1)
}
