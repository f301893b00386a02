/** Real processes, really killed: the others say who is missing, stop by themselves, and the next run succeeds. */
import { PartyFailedError, runScenario, type ScenarioRunOptions } from '@slytherin/scenarios'
import { describe, expect, inject, it } from 'vitest'
import { smallScenario } from './support.js'

const VICTIM = 'key-holder-2'

/** Kills the victim the moment the evaluator reports the phase. */
function killDuring(phase: string): { onEvent: NonNullable<ScenarioRunOptions['onEvent']>; peer(): string } {
  let pid: number | undefined
  let peer = ''
  return {
    peer: () => peer,
    onEvent: (party, event) => {
      if (event.event === 'started' && party === VICTIM) {
        pid = event.pid
        peer = event.peer
      }
      if (event.event === 'progress' && event.phase === phase && party === 'evaluator' && pid !== undefined) {
        process.kill(pid, 'SIGKILL')
        pid = undefined
      }
    }
  }
}

describe.each(['galois-keys', 'refresh'])('a key holder killed in %s', phase => {
  it('is named by all others, who stop within 30 seconds', async () => {
    const scenario = smallScenario()
    const killing = killDuring(phase)
    const failure = await runScenario(scenario, { onEvent: killing.onEvent, commandOf: () => inject('command') }).then(
      () => undefined,
      (error: unknown) => error
    )
    expect(failure).toBeInstanceOf(PartyFailedError)
    const { exitCodes, errors, secondsToStop } = failure as PartyFailedError
    expect(secondsToStop).toBeLessThan(30)
    const others = [...exitCodes.keys()].filter(name => name !== VICTIM)
    expect(others).toHaveLength(4)
    for (const name of others) {
      expect(exitCodes.get(name), name).not.toBe(0)
      const error = errors.get(name)
      expect(`${error?.culprit ?? ''} ${error?.peer ?? ''} ${error?.message ?? ''}`, name).toContain(killing.peer())
    }
  })
})

it('run again after both, all is well', async () => {
  const { report } = await runScenario(smallScenario(), { commandOf: () => inject('command') })
  expect(report.agreement).toBe(1)
})
