/** What a run of a small network tells, without the run: a real plan, real clear answers, made-up times and bytes. */
import { fileURLToPath } from 'node:url'
import { architectureOf, KERNEL_COSTS, type Plan, plan, type StepReport } from '@slytherin/engine'
import { type CalibrationConfiguration, openCalibration, type SessionReport } from '@slytherin/node'
import { type ClearReference, clearReference, loadReference, type Observations, partiesOf, type Scenario } from '@slytherin/scenarios'
import { smallScenario } from './support.js'

export interface Recorded {
  readonly scenario: Scenario
  readonly plan: Plan
  readonly clear: ClearReference
  readonly observations: Observations
}

/** @param calibration of the bounds; the ranges of the manifest when absent */
export async function planFor(scenario: Scenario, calibration?: CalibrationConfiguration): Promise<{ plan: Plan; clear: ClearReference }> {
  const clear = clearReference(await loadReference(scenario))
  const ranges = (await openCalibration(scenario.model, calibration ?? { manifest: scenario.manifest })).ranges(clear.network)
  const { minimumRefreshes, floodingBits, precision } = scenario.session
  const made = plan(architectureOf(clear.network, ranges), {
    batch: scenario.images,
    parties: partiesOf(scenario).filter(party => party.roles.includes('key-holder')).length,
    data: 'encrypted',
    weights: 'encrypted',
    minimumRefreshes,
    floodingBits,
    ...(precision === undefined ? {} : { precision })
  })
  return { plan: made, clear }
}

export async function recorded(changes: Partial<Scenario> = {}): Promise<Recorded> {
  const scenario = smallScenario(changes)
  const { plan, clear } = await planFor(scenario)
  const logits = clear.polynomial.map(row => Array.from(row, value => value + ERROR))
  return { scenario, plan, clear, observations: observe(scenario, plan, logits) }
}

/** @param logits what the querier read */
export function observe(scenario: Scenario, plan: Plan, logits: Observations['logits']): Observations {
  const parties = partiesOf(scenario)
  const steps = plan.steps.map((step, index): StepReport => {
    const layer = step.kind === 'refresh' ? 'refreshed' : plan.architecture.layers[step.layer]!.name
    const { scale, level } = step
    return { step: index, kind: step.kind, layer, blocks: [0, 1], seconds: 0.25 * (index + 1), level, scale, noise: 20 }
  })
  const sessions = new Map(parties.map(({ name, roles }, k) => [name, session(plan, roles, k)]))
  const peakMemoryByParty = Object.fromEntries(parties.map(({ name }, k) => [name, (k + 1) * 2 ** 28]))
  return {
    parties,
    sessions,
    plan,
    steps,
    logits,
    totalSeconds: 12.5,
    firstAnswerSeconds: 1.5,
    lastAnswerSeconds: 1.5,
    costModel: KERNEL_COSTS,
    peakMemoryBytes: 2 ** 31,
    peakMemoryByParty
  }
}

/** What was added to every logit. */
export const ERROR = 2 ** -10

function session(plan: Plan, roles: SessionReport['roles'], place: number): SessionReport {
  const figures = { seconds: place + 1, bytesSent: 1000 * (place + 1), bytesReceived: 3000 * (place + 1) }
  return {
    session: '00'.repeat(32),
    roles,
    phases: { 'public-key': figures, 'galois-keys': figures, input: figures, evaluation: figures, refresh: figures, switch: figures },
    queries: 1,
    refreshes: plan.refreshes.length,
    witnesses: 0,
    endorsements: 0,
    floodingBits: plan.floodingBits,
    maximumDecryptions: plan.maximumDecryptions,
    switchesPerQuerier: 1,
    parameters: plan.parameters,
    model: plan.model,
    batch: plan.batch,
    evaluator: 'kernel',
    bytes: { sent: 5000 * (place + 1), received: 15_000 * (place + 1), peers: {} },
    peakMemoryBytes: 2 ** 28,
    seconds: 12,
    transcriptHead: '00'.repeat(32)
  }
}

export const cryptonet: Pick<Scenario, 'model' | 'data'> = {
  model: file('onnx/cryptonet-square.onnx'),
  data: {
    samples: file('data/mnist-t10k-images-idx3-ubyte.gz'),
    labels: file('data/mnist-t10k-labels-idx1-ubyte.gz'),
    normalisation: { scale: 1 / 255, mean: 0, deviation: 1 }
  }
}

function file(path: string): string {
  return fileURLToPath(new URL(`../../models/${path}`, import.meta.url))
}
