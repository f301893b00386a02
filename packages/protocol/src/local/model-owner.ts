/**
 * Model owner: publishes the shape of its network and encrypts its weights as a plan lays them out.
 */
import { serializeCiphertext } from '@slytherin/ckks'
import {
  type Architecture,
  architectureOf,
  fuse,
  type ImportOptions,
  importOnnx,
  type Network,
  type NetworkGraph,
  packWeight,
  type Ranges
} from '@slytherin/engine'
import { type OpenSession, SessionStateError } from './open-session.js'

/** A network as its owner hands it over. */
export interface ModelSource {
  /** Name under which the network is published. */
  readonly name: string
  /** Contents of an ONNX file. */
  readonly onnx: Uint8Array
  /** What the file leaves open, and the files beside it that hold its weights. */
  readonly options?: Omit<ImportOptions, 'name'>
  /** The network that is evaluated, where the file has activations that are no polynomials: with those approximated. Just fused when not given. */
  readonly network?: (graph: NetworkGraph) => Network | Promise<Network>
  /** Bounds on what flows through the network, as the owner has measured them on its own data. */
  readonly ranges: (network: Network) => Ranges | Promise<Ranges>
}

export class ModelOwner {
  private constructor(
    /** Never leaves this process. */
    readonly network: Network,
    readonly architecture: Architecture
  ) {}

  /** @throws the engine's import errors, naming node, operator and remedy */
  static async create(source: ModelSource): Promise<ModelOwner> {
    const graph = importOnnx(source.onnx, { ...source.options, name: source.name })
    const network = source.network ? await source.network(graph) : fuse(graph)
    return new ModelOwner(network, architectureOf(network, await source.ranges(network)))
  }

  /** Weight item `index` of the plan, encrypted under the collective key at the level where it is used. */
  part(session: OpenSession, index: number): Uint8Array {
    const { plan, context } = session
    const item = plan.weights.items[index]
    if (item === undefined) throw new SessionStateError(`weight ${index} is not in the plan, which has ${plan.weights.count}`)
    const slots = packWeight(plan, this.network, index)
    // Level, scale and magnitude are the plan's: the ciphertext's metadata tell nothing of the weights.
    using plaintext = context.encoder.encode(slots, item)
    using ciphertext = session.encryptor.encrypt(plaintext)
    return serializeCiphertext(ciphertext)
  }
}
