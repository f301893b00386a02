import { Model } from 'slytherin'
import type { NetworkGraph } from 'slytherin/engine'

/** Predictions of a regression, in the page, with the page's own key. */
export async function predict(
  onnx: Uint8Array,
  rows: number[][]
): Promise<{ readonly graph: NetworkGraph; readonly outputs: number[]; readonly deviation: number }> {
  await using model = await Model.load(onnx, { task: { kind: 'regression' } })
  await model.plan({ samples: rows, batch: rows.length })
  const answers = await model.predict(rows)
  return { graph: model.graph, outputs: answers.map(({ outputs }) => outputs[0]!), deviation: answers[0]!.deviations![0]! }
}

Object.assign(globalThis, { predict })
