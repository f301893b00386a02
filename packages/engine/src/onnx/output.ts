/**
 * The end of an ONNX graph: what stands between the logits and the file's outputs. Softmax, LogSoftmax, a last Sigmoid or other function of one value, ArgMax and the
 * bookkeeping of classifiers (labels, dictionaries, normalised scores, 1 - p beside p) are not evaluated under encryption: they are recorded in order, and the querier
 * applies them after decryption.
 */
import { UnsupportedAttributeError, UnsupportedTopologyError } from '../errors.js'
import type { Constants, Producers } from './constants.js'
import type { OnnxModel, OnnxNode } from './decode.js'
import { type OutputTail, TailWalk } from './tail.js'

/**
 * @param wanted name of the output to follow; all of them when none is named
 * @returns one for every value that holds logits: outputs that come from the same logits, as labels and scores of a classifier, are one
 * @throws UnsupportedTopologyError when no output has the wanted name
 */
export function findTails(model: OnnxModel, producers: Producers, constants: Constants, wanted: string | undefined): OutputTail[] {
  const names = model.outputs.map(output => output.name)
  const list = names.join(', ') || 'none'
  if (wanted !== undefined && !names.includes(wanted)) {
    throw new UnsupportedTopologyError(
      model.name,
      `the graph has no output '${wanted}' (it has ${list})`,
      "name one of them in the option 'output' (--output)"
    )
  }
  const walk = (name: string): TailWalk => new TailWalk(model, name, producers, constants)
  const tails = (wanted === undefined ? names : [wanted]).map(name => walk(name).run())
  const logits = [...new Set(tails.map(tail => tail.logits))]
  // a classifier's names of its classes may stand at another output
  const others = names.filter(name => walk(name).namesClasses).map(name => walk(name).run())
  return logits.map(value => {
    const chosen = common(tails.filter(tail => tail.logits === value))
    const labels = chosen.labels ?? others.find(other => other.logits === value && other.labels !== undefined)?.labels
    return { ...chosen, labels }
  })
}

/** The one output that says most of all that come from the same logits: probabilities rather than classes, all of them rather than one column. */
function common(tails: readonly OutputTail[]): OutputTail {
  const [first, ...others] = tails as [OutputTail, ...OutputTail[]]
  if (others.length === 0) return first
  const column = (tail: OutputTail): boolean => tail.final.at(-1)?.kind === 'select'
  const scores = tails.filter(tail => !tail.isLabel)
  const whole = scores.find(tail => !column(tail))
  if (whole) return whole
  const columns = scores[0]
  return columns ? { ...columns, final: columns.final.slice(0, -1) } : first
}

/**
 * Checks that final operators work along the logits of a sample.
 * @param shape of the logits of one sample
 */
export function checkAxes(nodes: readonly OnnxNode[], shape: readonly number[], opset: number): void {
  for (const node of nodes) {
    const axis = node.attributes.get('axis')?.integer ?? (node.operator === 'ArgMax' ? 0 : opset < 13 ? 1 : -1)
    if (shape.length !== 1 || (axis !== 1 && axis !== -1)) {
      throw new UnsupportedAttributeError(
        node.name,
        node.operator,
        'axis',
        String(axis),
        'apply it to the last of two dimensions, the logits'
      )
    }
  }
}
