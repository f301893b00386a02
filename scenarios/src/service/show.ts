/** A service's report as lines for a terminal. */
import type { ServiceReport } from './report.js'

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`

export function renderServiceReport(report: ServiceReport): string {
  const {
    queries,
    answered,
    refused,
    wrong,
    lost,
    kills,
    killsWhileStarting,
    secondsToReady,
    latency,
    memory,
    secondShares,
    shares,
    seconds
  } = report
  const lines = [
    `${queries} queries in ${(seconds.serving / 60).toFixed(1)} minutes: ${answered} answered, ${refused} refused, ${wrong} wrong, ${lost} lost`,
    `worst logit error ${(100 * report.worstLogitError).toFixed(2)} % of the largest logit`,
    `${kills} parties killed, ${killsWhileStarting} of them while they started; ready after ${secondsToReady.median.toFixed(1)} s (worst ${secondsToReady.worst.toFixed(1)} s)`,
    `${shares} shares of ciphertexts given, ${secondShares} of them for a ciphertext that had one`,
    `seconds to an answer: ${latency.first.toFixed(2)} the first, ${latency.median.toFixed(2)} in the middle; first hundred ${latency.firstHundred.toFixed(2)}, last hundred ${latency.lastHundred.toFixed(2)}`,
    `a query takes ${report.overhead.median.toFixed(2)} times what its encryption, transfer and evaluation take, ${report.overhead.worst.toFixed(2)} times at most`,
    `bytes of a query after the first: ${report.bytesAfterFirstQuery}`,
    ...Object.entries(memory).map(
      ([party, { secondQuarter, lastQuarter, peak }]) =>
        `memory of ${party}: ${mebibytes(secondQuarter)} in the second quarter, ${mebibytes(lastQuarter)} in the last, ${mebibytes(peak)} at most`
    )
  ]
  for (const [code, count] of Object.entries(report.refusals)) lines.push(`refused with ${code}: ${count}`)
  return lines.join('\n')
}
