/**
 * QuantizeLinear and DequantizeLinear. Of constants they are folded, exactly. Of computed values they round, which nothing evaluates: refused, unless somebody asks to
 * leave the rounding out. Values then differ by up to half a step, and what the quantisation cuts off stays.
 */
import { UnsupportedOperatorError, UnsupportedTopologyError } from '../../errors.js'
import type { ImportContext, Operator } from '../context.js'
import type { OnnxNode } from '../decode.js'
import { remedyFor } from '../remedies.js'

const wished = (context: ImportContext, node: OnnxNode): void => {
  if (context.replace.fakeQuantization !== 'identity')
    throw new UnsupportedOperatorError(node.name, node.operator, remedyFor(node.operator))
}

/** The same value, until it is dequantised. */
export const quantizeLinear: Operator = (context, node) => {
  wished(context, node)
  const value = context.value(node, 0)
  context.quantised.set(value, node)
  context.alias(node, value)
}

export const dequantizeLinear: Operator = (context, node) => {
  wished(context, node)
  const value = context.value(node, 0)
  const before = context.quantised.get(value)
  const same = [1, 2].every(input => {
    const read = (from: OnnxNode): string => ((from.inputs[input] ?? '') === '' ? '0' : context.constant(from, input).values.join())
    return before !== undefined && read(before) === read(node)
  })
  if (!same)
    throw new UnsupportedTopologyError(
      node.name,
      'a value that was not quantised with the same scale',
      'export the network before quantisation, with float weights'
    )
  context.alias(node, value)
}
