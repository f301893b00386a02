/** How long parts may take: planned for another machine, they take longer or shorter here, and all of them by about as much. */

/** By how much a part may be slower than planned. */
const SLOWER = 20
/** By how much it may be slower than others were of late, before a second place does it, too. */
const SLOW = 3
/** Of the last part in that. */
const WEIGHT = 0.2

export class Pace {
  /** How much longer than planned parts take of late. */
  #ratio = 1

  /** @param patience what a part may take at least @param hedge beyond what others have taken; milliseconds */
  constructor(
    private readonly patience: number,
    private readonly hedge: number
  ) {}

  /** What a part has taken, and what was planned, seconds. */
  took(seconds: number, planned: number): void {
    if (planned > 0) this.#ratio += WEIGHT * (seconds / planned - this.#ratio)
  }

  /** When somebody else is given a part, too: milliseconds, for seconds that are planned. */
  late(planned: number): number {
    return Math.max(this.patience, SLOWER * 1000 * planned)
  }

  /** When a second place does it beside the first: milliseconds, for seconds that are planned. */
  slow(planned: number): number {
    return this.hedge + SLOW * this.#ratio * 1000 * planned
  }
}
