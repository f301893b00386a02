/** What every step's rules read: the ring, the scheme's rules, who encrypts what, and how samples share slots. */
import type { EvaluationRules, NoiseModel, Parameters } from '@slytherin/ckks'
import type { SlotPacking } from '../packing/slots.js'
import type { Operands } from './operands.js'

export interface Setting {
  readonly parameters: Parameters
  readonly rules: EvaluationRules
  readonly noise: NoiseModel
  readonly operands: Operands
  /** n: ternary secrets that the key sums */
  readonly parties: number
  /** t: key holders whose shares a refresh or a switch sums */
  readonly threshold: number
  /** inputs are encrypted with the secret key */
  readonly seededInputs: boolean
  readonly packing: SlotPacking
  /** log2 of an error that the weights have besides that of their encryption (plan/moved.ts); none when left out */
  readonly weightError?: number
  /** bound on |slot| relative to the architecture's bounds on values */
  readonly slotFactor: number
  /** slots per position: samples of a batch block, or half of them where a slot holds two */
  readonly stride: number
  /** positions per block: slots / stride */
  readonly width: number
}
