/** What is known of the values that flow through a model, without which neither activations can be approximated nor anything planned: samples, or figures of an earlier measurement. */
import type { NetworkGraph } from '../graph/graph.js'
import type { Ranges } from '../network/bounds.js'
import { calibrate, rangesFromActivations } from '../network/calibrate.js'
import type { MeasuredActivation } from '../network/measured.js'
import type { Network } from '../network/network.js'
import type { ApproximatedNetwork } from './activations.js'
import { type ApproximationOptions, approximate } from './approximate-network.js'

/** Figures of an earlier measurement. */
export interface MeasuredValues {
  /** Bound on |input|. */
  readonly input: number
  readonly largestLogit: number
  readonly activations: readonly MeasuredActivation[]
}

/** What is known of the values that flow through a network: samples, or ranges that were measured before. */
export class Calibration {
  private constructor(
    private readonly known:
      | { readonly samples: readonly Float64Array[]; readonly measured?: undefined }
      | { readonly measured: MeasuredValues; readonly samples?: undefined },
    private readonly margin: number | undefined
  ) {}

  /** From samples of the owner's: what is known of the network is measured on them. @param margin factor on every bound (`CalibrationOptions`) */
  static fromSamples(samples: readonly Float64Array[], margin?: number): Calibration {
    return new Calibration({ samples }, margin)
  }

  /** From ranges that were measured before, as a file keeps them. @param margin factor on every bound (`CalibrationOptions`) */
  static fromMeasured(measured: MeasuredValues, margin?: number): Calibration {
    return new Calibration({ measured }, margin)
  }

  /**
   * The network that is evaluated: activations approximated as asked, everything fused. Whoever knows the same and asks for the same gets the same network.
   * @throws as `approximate`: no range for an activation, no degree that is good enough, a topology that cannot be evaluated
   */
  approximate(graph: NetworkGraph, options: ApproximationOptions = {}): ApproximatedNetwork {
    const { samples, measured } = this.known
    return approximate(graph, samples === undefined ? { ranges: measured.activations } : { samples }, options)
  }

  /** @throws InvalidInputError for a missing activation, or without samples */
  ranges(network: Network): Ranges {
    const options = this.margin === undefined ? {} : { margin: this.margin }
    const { samples, measured } = this.known
    if (samples !== undefined) return calibrate(network, samples, options)
    const { activations, ...bounds } = measured
    return rangesFromActivations(network, activations, bounds, options)
  }
}
