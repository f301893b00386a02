/**
 * The bytes of a plan stay as they are: parties of two releases must read the same plan alike, and what a plan implies must not come out differently.
 *
 * A change that is meant: raise `version` of the plan or of its architecture, then write the vector anew with `RENEW_VECTORS=1 npx vitest run packages/engine/test/frozen.test.ts` and
 * `npm run format`, and read the difference before it is committed. A planner that finds a better plan for the same network is no reason: nothing here searches unless the vector is renewed.
 */
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { type CostModel, InvalidPlanError, parseArchitecture, parsePlan, plan } from '@slytherin/engine'
import { coreOf, derivePlan } from '@slytherin/engine/testing'
import { describe, expect, test } from 'vitest'

const FILE = new URL('vectors/plan.json', import.meta.url)

/** Figures of no machine, so that new measurements do not change the vector. */
const COSTS: CostModel = {
  name: 'frozen',
  transform: 1e-4,
  product: 2e-5,
  scalarProduct: 1e-5,
  keyProduct: 2e-5,
  division: 0,
  rescaling: 1e-4,
  embedding: 5e-4,
  hoisting: true,
  combining: true,
  retaining: true,
  load: 1e-4,
  copy: 60e-6,
  ringTransform: 1e-4,
  step: 0.01,
  reading: 1e9,
  bandwidth: 1e8,
  roundTrip: 0.02,
  preparation: 0.25
}

/** A convolution by taps, a square, a polynomial and dense layers; one refresh is asked for. */
const architecture = parseArchitecture({
  version: 2,
  name: 'frozen',
  input: { shape: [1, 4, 4], magnitude: 1 },
  layers: [
    {
      kind: 'affine',
      name: 'convolution',
      inputs: 16,
      outputs: 4,
      operations: [
        {
          kind: 'convolution',
          geometry: {
            channels: 1,
            height: 4,
            width: 4,
            kernel: [2, 2],
            strides: [2, 2],
            pads: [0, 0, 0, 0],
            dilations: [1, 1],
            outputChannels: 1,
            groups: 1
          }
        }
      ],
      convolution: {
        channels: 1,
        height: 4,
        width: 4,
        kernel: [2, 2],
        strides: [2, 2],
        pads: [0, 0, 0, 0],
        dilations: [1, 1],
        outputChannels: 1,
        groups: 1
      },
      weightMagnitude: 1,
      biasMagnitude: 0.5,
      outputMagnitude: 2,
      rowNorm: 1.5,
      norms: { input: 3, window: 1.5 }
    },
    { kind: 'square', name: 'square', features: 4, outputMagnitude: 4 },
    {
      kind: 'affine',
      name: 'hidden',
      inputs: 4,
      outputs: 3,
      operations: [{ kind: 'dense', inputs: 4, outputs: 3 }],
      weightMagnitude: 0.5,
      biasMagnitude: 0.25,
      outputMagnitude: 1,
      rowNorm: 0.75
    },
    { kind: 'polynomial', name: 'sigmoid', features: 3, basis: 'chebyshev', coefficients: [0.5, 0.375, 0, -0.0625], outputMagnitude: 1 },
    {
      kind: 'affine',
      name: 'logits',
      inputs: 3,
      outputs: 2,
      operations: [{ kind: 'dense', inputs: 3, outputs: 2 }],
      weightMagnitude: 2,
      biasMagnitude: 1,
      outputMagnitude: 8,
      rowNorm: 3
    }
  ],
  output: { features: 2, largest: 4, final: [{ kind: 'softmax' }], task: { kind: 'classification' } }
})

if (process.env['RENEW_VECTORS'] === '1') {
  const made = plan(architecture, {
    data: 'encrypted',
    weights: 'encrypted',
    parties: 3,
    batch: 100,
    floodingBits: 30,
    maximumDecryptions: 64,
    minimumRefreshes: 1,
    costModel: COSTS
  })
  writeFileSync(FILE, JSON.stringify({ sha256: hash(made), plan: made }))
}

/** JSON with sorted keys and no spaces, as parties hash and sign it. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`).join(',')}}`
}

function hash(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex')
}

const text = readFileSync(FILE, 'utf8')
const document = (): Record<string, unknown> => JSON.parse(text).plan
const { sha256 } = JSON.parse(text) as { sha256: string }

describe('a plan that was written once', () => {
  test('holds every kind of step', () => {
    expect(new Set(parsePlan(document()).steps.map(step => step.kind))).toEqual(
      new Set(['taps', 'square', 'refresh', 'diagonals', 'polynomial'])
    )
  })

  test('is read, and written again with the same bytes', () => {
    expect(hash(document())).toBe(sha256)
    expect(canonical(parsePlan(document()))).toBe(canonical(document()))
  })

  test('is what its own core implies, to the last byte', () => {
    const derived = derivePlan(coreOf(parsePlan(document())), COSTS)
    expect(canonical(derived)).toBe(canonical(document()))
    expect(hash(derived)).toBe(sha256)
  })

  test('every field of it is required', () => {
    for (const field of Object.keys(document())) {
      const { [field]: _, ...rest } = document()
      expect(() => parsePlan(rest), field).toThrow(InvalidPlanError)
    }
  })
})
