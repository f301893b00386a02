/** What a module must offer so that the worker can host it. The default is local-cryptography.ts; tests bring their own. */
import type { Link, OperandKind, Precision, Replacements, TaskChoice } from '@slytherin/engine'
import type { Architecture, PartyCryptography, Plan } from '@slytherin/protocol'
import type { ApproximationConfiguration, CalibrationConfiguration } from '../configuration/schema.js'
import type { KeySource } from '../storage/key-source.js'

/** A model of this party's. */
export interface ModelOptions {
  readonly path: string
  readonly calibration: CalibrationConfiguration
  readonly approximation?: ApproximationConfiguration
  /** Which output of the file is computed, and the shape of one sample, where the file leaves it open. */
  readonly output?: string
  readonly inputShape?: readonly number[]
  readonly replace?: Replacements
  /** What the session will be planned for, as far as this party knows: activations get degrees that can be planned. */
  readonly wishes?: PlanRequest
  /** What its outputs mean, where it does not follow from the file. */
  readonly task?: TaskChoice
}

/** Plain data: it crosses to the worker, which opens keystore and ledger itself. */
export interface CryptographyOptions {
  /** What computes on ciphertexts: this project's kernel, or Microsoft SEAL. */
  readonly evaluator: 'seal' | 'kernel'
  /** Threads that share an operation of the kernel. */
  readonly threads: number | 'auto'
  /** What plans are priced with: this machine's own speed, kept in the state directory, or figures that are the same everywhere. */
  readonly costs: 'measured' | 'reference'
  /** State directory. */
  readonly state: string
  /** Where the keystore's passphrase or key is. */
  readonly keySource: KeySource
  /** ONNX file, where the bounds on its values come from and how it is approximated, where this party owns the model. */
  readonly model?: ModelOptions
  /** Leave model parts on disk at the end of a session. */
  readonly keepParts: boolean
}

/** What the evaluator asks of the engine. */
export interface PlanRequest {
  /** Samples of a query. */
  readonly batch: number
  /** Key holders. */
  readonly parties: number
  /** Key holders that suffice; all of them when not given. */
  readonly threshold?: number
  /** Collective refreshes that the plan has at least. */
  readonly minimumRefreshes: number
  /** Whether inputs are encrypted with the secret key. */
  readonly seededInputs?: boolean
  /** s: bits of security of flooding; what the statistical distance takes when not given. */
  readonly floodingBits?: number
  /** What of the model owner's word flooding rests on: magnitudes, or norms, too. */
  readonly floodingBounds?: Plan['floodingBounds']
  /** τ: ciphertexts that a session may decrypt. */
  readonly maximumDecryptions?: number
  /** How exact logits must be. */
  readonly precision?: Precision
  /** Whether there may be refreshes; true when not given. */
  readonly refreshing?: boolean
  /** The way between the parties that the plan is made for; 100 Mbit/s and 20 ms when not given. */
  readonly link?: Link
  /** Queries that keys and encrypted weights are made for once; what the cost model says when not given. */
  readonly expectedQueries?: number
  /** Bytes of evaluation keys that a key holder makes at most; as many as pay when not given. */
  readonly maximumKeyBytes?: number
  /** Workers of the evaluator's fleet that blocks of a query are divided among; 1 when not given. */
  readonly workers?: number
  /** Who encrypts samples: `clear` where the evaluator owns them. */
  readonly data: OperandKind
  /** Who encrypts weights: `clear` where the evaluator owns the model. */
  readonly weights: OperandKind
}

/** A party's cryptography as it runs in the worker: everything of the protocol, and planning. */
export interface HostedCryptography extends PartyCryptography {
  /** The engine's plan for an architecture, priced with the costs that the options name. @throws the engine's errors when no plan fits */
  plan(architecture: Architecture, request: PlanRequest): Promise<Plan>
  /** Wipes secrets, closes files. */
  dispose(): Promise<void>
}

/** A module that the worker imports by its URL. */
export interface CryptographyModule {
  /** Opens keystore and ledger, loads the model and the kernel. @throws what opening or loading them throws */
  createCryptography(options: CryptographyOptions): Promise<HostedCryptography>
}
