import { beforeAll, describe, expect, test } from 'vitest'
import { renderCohortChart } from '../src/cohorts/chart.js'
import { runCohort } from '../src/cohorts/cohort.js'
import { PHASES, type Phase } from '../src/cohorts/phases.js'
import { type CohortFigures, cohortFiguresSchema, figuresOf, renderCohorts } from '../src/cohorts/report.js'

const figures = async (holders: number, threshold: number): Promise<CohortFigures> =>
  figuresOf(await runCohort(holders, threshold, new AbortController().signal), 1e8)

const phase = ({ phases }: CohortFigures, name: Phase): CohortFigures['phases'][number] => phases.find(one => one.phase === name)!

describe('cohorts in memory', () => {
  let small: CohortFigures
  let wide: CohortFigures
  beforeAll(async () => {
    small = await figures(5, 4)
    wide = await figures(7, 4)
  })

  test('answers are right, and every phase has been seen', () => {
    for (const cohort of [small, wide]) {
      expect(cohort.worstError).toBeLessThan(0.05)
      expect(cohortFiguresSchema.parse(JSON.parse(JSON.stringify(cohort)))).toEqual(cohort)
      for (const name of Object.keys(PHASES) as Phase[]) expect(phase(cohort, name).evaluator.received, name).toBeGreaterThan(0)
    }
  })

  test('a refresh, and every evaluation key, cost bytes by the threshold, whatever the number of holders', () => {
    for (const name of ['refresh', 'result', 'round one', 'round two', 'rotation keys'] as const) {
      const [few, many] = [small, wide].map(cohort => phase(cohort, name).evaluator)
      // Names of points and holders are a few bytes.
      expect(many!.sent / few!.sent, name).toBeCloseTo(1, 1)
      expect(many!.received / few!.received, name).toBeCloseTo(1, 1)
    }
    expect(phase(wide, 'sharing').evaluator.sent).toBeGreaterThan(1.5 * phase(small, 'sharing').evaluator.sent)
  })

  test('are drawn and written as a table', () => {
    const svg = renderCohortChart([small, wide])
    expect(svg.match(/<svg/g)).toHaveLength(3)
    expect(svg).toContain('round two')
    expect(renderCohorts({ cohorts: [small, wide] })).toContain('4 of 7')
  })
})
