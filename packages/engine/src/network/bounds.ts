/** Bounds on what flows through a network, as calibration finds them. */

/** Bounds on |value|, margins included. */
export interface Ranges {
  readonly input: number
  /** one per layer of the network: bound on its output */
  readonly layers: readonly number[]
  /** the largest logit seen, without margin: precision is relative to it */
  readonly largestLogit: number
  /** one per layer, for each value that it reads, null for activations and products: what calibration on samples tells beyond maxima */
  readonly norms?: readonly (readonly LayerNorms[] | null)[]
  /**
   * How far errors reach: entry k is the largest Euclidean norm of the derivative of a logit by the output of layer k - 1 (of the input for k = 0), margin included.
   * Local norms multiplied over many layers overstate it.
   */
  readonly sensitivities?: readonly number[]
}

/**
 * Euclidean norms over the features of one sample, margins included. A sum of products has the variance Σ w²·σ_x² + Σ x²·σ_w², so norms say what maxima
 * overstate by the square root of the number of terms and more.
 */
export interface LayerNorms {
  /** of what the layer reads */
  readonly input: number
  /** of what one output of a convolution reads */
  readonly window?: number
  /** max over outputs i of ‖(W_ij·p'(u_j))_j‖, p the activation before the layer and u its input: the factor by which an error of u reaches an output */
  readonly gain?: number
}
