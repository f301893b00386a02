/** Why a run counts as failed. */
import type { Scenario } from '../scenario.js'
import type { ScenarioReport } from './scenario-report.js'

/**
 * Why the run counts as failed; empty when it does not. Another class than the evaluated network's counts where the error bar does not explain it: a normal error beyond six
 * standard deviations has a chance of 2·10⁻⁹.
 */
export function failuresOf(report: ScenarioReport, { expect }: Scenario): string[] {
  const failures: string[] = []
  const { beyond } = report.disagreements
  if (1 - beyond / report.images < expect.agreement) {
    const { deviations } = report.errorBar
    failures.push(
      `${beyond} of ${report.images} encrypted answers differ from the evaluated network's by more than ${deviations} standard deviations of their error`
    )
  }
  if (!(report.maxLogitError <= expect.logitError * report.maxLogit)) {
    failures.push(`the worst logit error, ${report.maxLogitError}, exceeds ${expect.logitError} of the largest logit, ${report.maxLogit}`)
  }
  return failures
}
