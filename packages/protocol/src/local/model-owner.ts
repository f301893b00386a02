/**
 * Model owner: publishes the shape of its network and encrypts its weights as a plan lays them out.
 */
import { type Plaintext, serializeCiphertext } from '@slytherin/ckks'
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
import { provesEncryptions } from '../terms/proof-batches.js'
import { type OpenSession, SessionStateError } from './open-session.js'
import { ProofMaker } from './proof-maker.js'

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

/**
 * A network in the hands of its owner: imported from ONNX, approximated or fused, its public architecture, and its weights, encrypted for a session item by
 * item.
 */
export class ModelOwner {
  /** What is proved in the session that is open. */
  #proving: { readonly session: OpenSession; readonly maker: ProofMaker } | undefined

  private constructor(
    /** Never leaves this process. */
    readonly network: Network,
    /** What everybody may know of it: shapes and bounds, no weights. */
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
    const { plan } = session
    if (plan.weights.items[index] === undefined)
      throw new SessionStateError(`weight ${index} is not in the plan, which has ${plan.weights.count}`)
    const prover = this.#prover(session)
    if (prover !== undefined) return prover.part(index)
    using plaintext = this.#encode(session, index)
    using ciphertext = session.encryptor.encrypt(plaintext)
    return serializeCiphertext(ciphertext)
  }

  /** @throws SessionStateError where nothing is proved, or there is no such batch */
  prove(session: OpenSession, batch: number): Uint8Array {
    const prover = this.#prover(session)
    if (prover === undefined) throw new SessionStateError('encryptions are not proved in this session')
    return prover.proof(batch)
  }

  /** A session is over. */
  close(): void {
    this.#proving?.maker.dispose()
    this.#proving = undefined
  }

  #prover(session: OpenSession): ProofMaker | undefined {
    const { proofs } = session
    if (proofs === undefined || !provesEncryptions(proofs, proofs.self)) return undefined
    if (this.#proving?.session !== session) {
      this.close()
      const provenance = { sender: proofs.self, query: null }
      this.#proving = { session, maker: new ProofMaker(session, provenance, index => this.#encode(session, index)) }
    }
    return this.#proving.maker
  }

  #encode({ plan, context }: OpenSession, index: number): Plaintext {
    const item = plan.weights.items[index]!
    // Level, scale and magnitude are the plan's: the ciphertext's metadata tell nothing of the weights.
    return context.encoder.encode(packWeight(plan, this.network, index), item)
  }
}
