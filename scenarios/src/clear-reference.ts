/** The same samples through the clear network: what the encrypted run is held against. */
import {
  type ApproximatedNetwork,
  countOutOfInterval,
  evaluate,
  type IntervalReport,
  inputShape,
  type Network,
  type NetworkGraph,
  type PlanOptions,
  type Prediction
} from '@slytherin/engine'
import { approximationOptions, importModelFile, loadLabels, obstacleOf, openCalibration, SampleFile, sourceOf } from '@slytherin/node'
import { asksWithWholeKey } from '@slytherin/protocol'
import { calibrationOf } from './calibration.js'
import { countShared } from './calibration-apart.js'
import { predictionsOf } from './comparison.js'
import { modelChoiceOf } from './model-choice.js'
import { batchesOf, partiesOf, type Scenario } from './scenario.js'
import { truthOf } from './truth.js'

export interface ClearReference {
  /** What the data say, in the words of the model; where they say nothing, what the network of the file says. */
  readonly labels: readonly Prediction[]
  /** Whether the data say it. */
  readonly labelled: boolean
  /** Of the network as the file writes it, node by node in float64. */
  readonly logits: readonly Float64Array[]
  /** Of the network that is evaluated: activations approximated, layers fused; float64, too. */
  readonly polynomial: readonly Float64Array[]
  readonly samples: readonly Float64Array[]
  /** The network that is evaluated. */
  readonly network: Network
  /** Samples that the model owner calibrated on, none of which is asked about; undefined for ranges of a manifest. */
  readonly calibrationRows: number | undefined
  /** Samples that are asked about and are among those, as tables have equal rows by chance. */
  readonly calibrationShared: number
  /** How the activations of the file became polynomials. */
  readonly approximation: ApproximatedNetwork['report']
  /** Inputs of approximated activations outside their intervals, in the network that is evaluated. */
  readonly outOfRange: readonly IntervalReport[]
}

/** A reference before anything has been computed with it. */
export interface LoadedReference extends Omit<ClearReference, 'logits' | 'polynomial' | 'outOfRange' | 'labels' | 'labelled'> {
  /** undefined where the data have none */
  readonly labels: readonly Prediction[] | undefined
  /** as the file writes it, and with polynomials */
  readonly graph: NetworkGraph
  readonly approximated: NetworkGraph
}

/** Everything of a reference but its answers; the network is made as the model owner makes it, from the same files. @throws DataFileError and the engine's import errors */
export async function loadReference(scenario: Scenario): Promise<LoadedReference> {
  const { samples: samplesFile, labels: labelsFile, normalisation, layout, label } = scenario.data
  const select = { offset: 0, count: scenario.images }
  const graph = await importModelFile(scenario.model, await modelChoiceOf(scenario))
  const shape = inputShape(graph)
  const laid = layout === undefined ? {} : { layout }
  const file = (await SampleFile.open({ ...sourceOf(samplesFile), label, ...select, normalisation, ...laid })).as(shape)
  const samples = [...file]
  const labels = labelsFile === undefined ? file.labels : await loadLabels(labelsFile, select)
  const configuration = await calibrationOf(scenario)
  const calibration = await openCalibration(scenario.model, configuration, shape, graph.inputs)
  const {
    graph: approximated,
    network,
    report
  } = calibration.approximate(graph, {
    ...approximationOptions(scenario.approximation),
    obstacle: obstacleOf(calibration, planWishes(scenario))
  })
  return {
    labels: labels && truthOf(network, labels, labelsFile ?? samplesFile),
    samples,
    calibrationRows: configuration.samples?.count,
    calibrationShared: await countShared(configuration, samples, shape),
    graph,
    approximated,
    network,
    approximation: report
  }
}

/** What the parties of a scenario will plan for, so that the reference has the polynomials that theirs have. */
function planWishes(scenario: Scenario): PlanOptions {
  const { data, weights, floodingBits, floodingBounds, maximumDecryptions, minimumRefreshes, refreshing, precision } = scenario.session
  const roster = partiesOf(scenario).map(({ name, roles }) => ({ peer: name, roles }))
  return {
    ...(precision === undefined ? {} : { precision }),
    batch: batchesOf(scenario).batch,
    data,
    weights,
    ...(floodingBits === undefined ? {} : { floodingBits }),
    ...(floodingBounds === undefined ? {} : { floodingBounds }),
    minimumRefreshes,
    refreshing,
    parties: roster.filter(({ roles }) => roles.includes('key-holder')).length,
    seededInputs: data === 'encrypted' && asksWithWholeKey(roster),
    ...(maximumDecryptions === undefined ? {} : { maximumDecryptions })
  }
}

export function clearReference({ graph, approximated, ...rest }: LoadedReference): ClearReference {
  const { samples, network, approximation, labels } = rest
  const logits = samples.map(sample => evaluate(graph, sample))
  return {
    ...rest,
    labels: labels ?? predictionsOf(network, logits),
    labelled: labels !== undefined,
    logits,
    polynomial: samples.map(sample => network.forward(sample)),
    outOfRange: approximation.activations.length === 0 ? [] : countOutOfInterval(approximated, samples)
  }
}
