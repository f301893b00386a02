import { fileURLToPath } from 'node:url'
import { type Scenario, scenarioSchema } from '@slytherin/scenarios'

const models = fileURLToPath(new URL('../../models/', import.meta.url))

/** A small network on real data: quick to evaluate, all parties and flows of the big one. */
export function smallScenario(changes: Partial<Scenario> = {}): Scenario {
  const parsed = scenarioSchema.parse({
    name: 'small',
    model: `${models}onnx/breast-cancer-wdbc-mlp-square.onnx`,
    manifest: `${models}manifest.json`,
    data: {
      samples: `${models}data/breast-cancer-wdbc-test-x.npy`,
      labels: `${models}data/breast-cancer-wdbc-test-y.npy`
    },
    images: 16,
    parties: [
      { name: 'key-holder', roles: ['key-holder'], count: 2 },
      { name: 'model-owner', roles: ['model-owner'] },
      { name: 'querier', roles: ['data-owner', 'querier'] },
      { name: 'evaluator', roles: ['evaluator'] }
    ],
    session: { minimumRefreshes: 1 },
    evaluator: 'kernel',
    costs: 'reference',
    ...changes
  })
  return { ...parsed, data: parsed.data! }
}
