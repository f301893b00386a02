/** A trained network and plans of it on a small, insecure ring. */
import { readFile } from 'node:fs/promises'
import { architectureOf, calibrate, fuse, importOnnx, type Network, type PlanOptions, plan, type Ranges } from '@slytherin/engine'
import type { ModelSource, Plan } from '@slytherin/protocol'
import { realSamples } from '../../support/real-session.js'

const NAME = 'breast-cancer-wdbc-mlp-square'
const onnx = await readFile(new URL(`../../../../../models/onnx/${NAME}.onnx`, import.meta.url))

export const network: Network = fuse(importOnnx(onnx))
const ranges: Ranges = calibrate(network, realSamples(64))

export const modelSource: ModelSource = { name: NAME, onnx, ranges: () => ranges }

export type SmallPlanOptions = Pick<PlanOptions, 'parties'> & Partial<PlanOptions>

const architecture = architectureOf(network, ranges)
const plans = new Map<string, Plan>()

/** One search for a plan does for every world that asks for it, and so does one compilation. */
export function smallPlan(options: SmallPlanOptions): Plan {
  const key = JSON.stringify(options)
  const known = plans.get(key) ?? planned(options)
  plans.set(key, known)
  return known
}

function planned(options: SmallPlanOptions): Plan {
  return plan(architecture, {
    batch: 2,
    data: 'encrypted',
    weights: 'encrypted',
    minimumRefreshes: 1,
    insecure: true,
    logN: 8,
    floodingBits: 30,
    maximumDecryptions: 1024,
    ...options
  })
}

/** Largest difference from the clear network, as a share of its largest logit. */
export function errorOf(samples: readonly Float64Array[], logits: readonly Float64Array[]): number {
  let worst = 0
  for (const [i, sample] of samples.entries()) {
    const clear = network.forward(sample)
    for (const [k, value] of clear.entries()) worst = Math.max(worst, Math.abs(value - logits[i]![k]!))
  }
  return worst / ranges.largestLogit
}
