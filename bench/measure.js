/** Timing of two implementations of one operation, side by side. */

/**
 * @typedef {object} Timed one implementation of an operation
 * @property {() => unknown} run does the operation once; what it returns is given to `release` outside the measured time
 * @property {(made: any) => void} [release]
 * @property {number} [per] how many results one run makes; times are per result
 *
 * @typedef {object} Figure milliseconds
 * @property {number} minimum
 * @property {number} median
 * @property {number} runs
 *
 * @typedef {object} Effort
 * @property {number} warmUpMs each implementation runs this long (and at least three times) before anything is measured: WebAssembly starts in a baseline compiler
 * @property {number} measureMs measured time of each implementation, in slices that take turns
 * @property {number} slices
 */

/** @type {Effort} */
export const THOROUGH = { warmUpMs: 700, measureMs: 1500, slices: 5 }
/** @type {Effort} */
export const QUICK = { warmUpMs: 150, measureMs: 200, slices: 2 }

/**
 * Times all implementations, taking turns so that a busy moment of the machine meets all of them.
 *
 * @param {(Timed | null)[]} implementations null: this one cannot do it
 * @param {Effort} effort
 * @returns {(Figure | null)[]}
 */
export function compare(implementations, effort) {
  const times = implementations.map(() => /** @type {number[]} */ ([]))
  for (const timed of implementations) if (timed) repeat(timed, effort.warmUpMs, 3)
  for (let slice = 0; slice < effort.slices; slice++) {
    implementations.forEach((timed, k) => {
      if (timed) times[k].push(...repeat(timed, effort.measureMs / effort.slices, 1))
    })
  }
  return implementations.map((timed, k) => (timed ? figureOf(times[k], timed.per ?? 1) : null))
}

/**
 * @param {Timed} timed
 * @param {number} forMs
 * @param {number} atLeast
 */
function repeat({ run, release }, forMs, atLeast) {
  const times = []
  let spent = 0
  while (spent < forMs || times.length < atLeast) {
    const started = performance.now()
    const made = run()
    const elapsed = performance.now() - started
    release?.(made)
    times.push(elapsed)
    spent += elapsed
  }
  return times
}

/**
 * @param {number[]} times
 * @param {number} per
 * @returns {Figure}
 */
function figureOf(times, per) {
  times.sort((a, b) => a - b)
  return { minimum: times[0] / per, median: times[times.length >> 1] / per, runs: times.length }
}
