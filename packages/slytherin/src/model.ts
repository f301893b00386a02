/** A trained network, from its file to predictions on encrypted samples. */

import {
  type Answer,
  type ApproximationOptions,
  type ApproximationReport,
  answerOf,
  architectureOf,
  Calibration,
  type ImportOptions,
  importOnnx,
  inputShape,
  joinInputs,
  KERNEL_COSTS,
  type Network,
  type NetworkGraph,
  type OperandKind,
  obstacleToPlan,
  type Plan,
  type PlanOptions,
  type Precision,
  plan,
  type RunProgress
} from '@slytherin/engine'
import { type Kernel, type KernelOptions, loadKernel } from '@slytherin/ring'
import { readModel } from '#files'
import { NotPlannedError } from './errors.js'
import { OwnKey } from './own-key.js'

/**
 * One row of numbers a sample, in the order in which the network reads it (channels before rows before columns); of a network with several inputs, a row for each by its
 * name, or one row with all of them in the order of the file.
 */
export type Rows = readonly (ArrayLike<number> | Readonly<Record<string, ArrayLike<number>>>)[]

/** A path (Node), an address (browsers), or the file's bytes. */
export type ModelSource = string | URL | Uint8Array

/** What the file leaves open, and how many threads compute. */
export interface LoadOptions extends ImportOptions {
  /** Threads that work on an operation; default 1. */
  readonly threads?: KernelOptions['threads']
}

/** What a plan is for. */
export interface PlanRequest {
  /** Rows like those that the model will be asked about: they say how large values get, and where activations are approximated. A few hundred, better not those asked about. */
  readonly samples: Rows
  /** Rows that are evaluated together; default 1. More cost little until the ring's slots are full. */
  readonly batch?: number
  /** Whether the model's weights are encrypted, too; default `clear`. */
  readonly weights?: OperandKind
  /** How exact logits must be; default an error of 0.005 of the largest. */
  readonly precision?: Precision
  /** How activations that are no polynomials become ones. */
  readonly approximation?: Omit<ApproximationOptions, 'obstacle'>
}

/** How to follow predictions, and to end them early. */
export interface PredictOptions {
  /** Ends the evaluation; `predict` rejects with its reason. */
  readonly signal?: AbortSignal
  /** Called as the evaluation of every batch goes on. */
  readonly onProgress?: (progress: RunProgress) => void
}

interface Planned {
  readonly plan: Plan
  readonly network: Network
  readonly approximation: ApproximationReport
}

/**
 * ```ts
 * await using model = await Model.load('digits.onnx')
 * await model.plan({ samples: calibrationRows, batch: 16 })
 * const answers = await model.predict(rows)
 * console.log(answers.map(({ prediction }) => prediction))
 * ```
 */
export class Model implements AsyncDisposable {
  readonly #kernel: Kernel
  #planned: Planned | undefined
  #key: OwnKey | undefined
  /** Predictions are made one after the other. */
  #turn: Promise<unknown> = Promise.resolve()

  private constructor(
    kernel: Kernel,
    /** The network as its file says it; `evaluate(graph, row)` of `slytherin/engine` computes it in the clear. */
    readonly graph: NetworkGraph
  ) {
    this.#kernel = kernel
  }

  /**
   * @param source an ONNX file; by its path or address, files beside it that hold its weights are read, too
   * @throws the engine's import errors, which name the node and the remedy; whatever reading throws; KernelUnavailableError
   */
  static async load(source: ModelSource, { threads, ...options }: LoadOptions = {}): Promise<Model> {
    const { onnx, externalData } = ArrayBuffer.isView(source) ? { onnx: source, externalData: undefined } : await readModel(source)
    const graph = importOnnx(onnx, { ...(externalData === undefined ? {} : { externalData }), ...options })
    return new Model(await loadKernel(threads === undefined ? {} : { threads }), graph)
  }

  /** As the file names its graph, or as the options do. */
  get name(): string {
    return this.graph.name
  }

  /** Shape of one sample, without the batch. */
  get inputShape(): readonly number[] {
    return inputShape(this.graph)
  }

  /** What activations became, and how well answers stay. @throws NotPlannedError */
  get approximation(): ApproximationReport {
    return this.#plannedOrThrow().approximation
  }

  /**
   * Approximates activations and chooses ring, levels, packing and refreshes. `describePlan` tells a plan in words. Another plan takes the place of the one before.
   *
   * @returns a plan for one party that has the key: 128 bits of security
   * @throws InvalidInputError when samples do not fit, or nothing can be planned that is exact enough: then it names the layer that blocks
   */
  async plan({ samples, batch = 1, weights = 'clear', precision, approximation }: PlanRequest): Promise<Plan> {
    await this.#turn
    const wishes: PlanOptions = {
      batch,
      data: 'encrypted',
      weights,
      parties: 1,
      seededInputs: true,
      ...(precision === undefined ? {} : { precision })
    }
    const calibration = Calibration.fromSamples(samples.map(row => Float64Array.from(this.#row(row))))
    const { network, report } = calibration.approximate(this.graph, {
      ...approximation,
      obstacle: approximated =>
        obstacleToPlan(architectureOf(approximated.network, calibration.ranges(approximated.network)), {
          ...wishes,
          costModel: KERNEL_COSTS
        })
    })
    const planned = plan(architectureOf(network, calibration.ranges(network)), wishes)
    this.#key?.dispose()
    this.#key = undefined
    this.#planned = { plan: planned, network, approximation: report }
    return planned
  }

  /**
   * Encrypts rows, evaluates the network on the ciphertexts and decrypts the answers, batch after batch, with a key that is made at the first call and never leaves this
   * object.
   *
   * @returns an answer a row, in their order: what is predicted, the outputs of the file's last operator, whether errors could have made it another class
   * @throws NotPlannedError; InvalidInputError when a row has the wrong length, or values beyond what `plan` was told; the signal's reason
   */
  async predict(rows: Rows, options: PredictOptions = {}): Promise<Answer[]> {
    const turn = this.#turn.then(async () => await this.#predictNow(rows, options))
    this.#turn = turn.catch(() => undefined)
    return await turn
  }

  /** Wipes the key and ends the kernel's threads. */
  async dispose(): Promise<void> {
    await this.#turn
    this.#key?.dispose()
    this.#key = undefined
    this.#planned = undefined
    await this.#kernel.dispose()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  async #predictNow(rows: Rows, options: PredictOptions): Promise<Answer[]> {
    const { plan, network } = this.#plannedOrThrow()
    this.#key ??= new OwnKey(this.#kernel, plan, network)
    const answers: Answer[] = []
    for (let first = 0; first < rows.length; first += plan.batch) {
      const { logits, deviation } = await this.#key.evaluate(
        rows.slice(first, first + plan.batch).map(row => this.#row(row)),
        options
      )
      answers.push(...logits.map(values => answerOf(this.graph, values, deviation)))
    }
    return answers
  }

  /** @throws InvalidInputError for an input that is missing, unknown or of another size */
  #row(row: Rows[number]): ArrayLike<number> {
    if (typeof row.length === 'number') return row as ArrayLike<number>
    return joinInputs(
      this.graph.inputs ?? [{ name: this.graph.inputName, shape: this.inputShape }],
      row as Readonly<Record<string, ArrayLike<number>>>
    )
  }

  #plannedOrThrow(): Planned {
    if (this.#planned === undefined) throw new NotPlannedError(this.name)
    return this.#planned
  }
}
