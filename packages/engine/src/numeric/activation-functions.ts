/** Activation functions as a layer has them: one with a name, or an expression, which may have constants of its own for every element (a slope per channel). */
import { compileExpression, describeExpression, type Expression, elementsOf, kinksOf } from './expression.js'
import { describeNamed, type NamedFunction, namedFunction, type RealFunction } from './named-functions.js'

export { GELU_TANH_CUBE, GELU_TANH_SCALE, type RealFunction } from './named-functions.js'

/** An element-wise function: one with a name, or an expression of one argument. */
export type ActivationFunction =
  | NamedFunction
  /** of argument 0 alone */
  | { readonly name: 'expression'; readonly expression: Expression }

/** Names of activations. */
export type ActivationName = ActivationFunction['name']

/** Number of elements that have constants of their own; undefined for one function for all. */
export const ownElements = (activation: ActivationFunction): number | undefined =>
  activation.name === 'expression' ? elementsOf(activation.expression) : undefined

/**
 * Values, breakpoints and derivative bounds of an activation function.
 * @param element whose constants an expression takes, where every element has its own
 */
export function realFunction(activation: ActivationFunction, element = 0): RealFunction {
  if (activation.name !== 'expression') return namedFunction(activation)
  const compiled = compileExpression(activation.expression)
  const evaluate = (x: number): number => compiled([x], element)
  return { evaluate, breakpoints: kinksOf(activation.expression, element) }
}

/** Value of an activation function. */
export const applyActivation = (activation: ActivationFunction, x: number, element = 0): number => elementFunction(activation)(x, element)

/** The function as it is applied to a vector: value and position of an element. */
export function elementFunction(activation: ActivationFunction): (x: number, element: number) => number {
  if (activation.name !== 'expression') return namedFunction(activation).evaluate
  const compiled = compileExpression(activation.expression)
  return (x, element) => compiled([x], element)
}

/** What the reports call it: name and parameters, or a formula. */
export const describeActivation = (activation: ActivationFunction): string =>
  activation.name === 'expression' ? describeExpression(activation.expression) : describeNamed(activation)
