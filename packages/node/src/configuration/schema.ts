/** Schema of party.yaml: the single source of its types, its checks and its documentation. Times are milliseconds, sizes bytes. */
import { TASK_KINDS } from '@slytherin/engine'
import { ROLES } from '@slytherin/protocol'
import * as z from 'zod'
import { linkSchema } from './link.js'
import { bytes, costs, count, evaluator, keystore, log, milliseconds, network, path, peerId, rosterEntry, threads } from './parts.js'

/** x = (raw·scale - mean) / deviation, clamped to ±clip. */
const normalisation = z.strictObject({
  scale: z.number().default(1),
  mean: z.union([z.number(), z.array(z.number())]).default(0),
  deviation: z.union([z.number().positive(), z.array(z.number().positive())]).default(1),
  clip: z.number().positive().optional()
})

/** Where an array of numbers is, and how it lies there. */
const arraySource = {
  /** File of any format that is read here, told by its contents, or a folder of PNG images; `FILE#NAME` for an array or a field of it. */
  file: path.optional(),
  /** IDX file (gzip or plain), as MNIST comes. */
  idx: path.optional(),
  /** NumPy array file, first axis the samples. */
  npy: path.optional(),
  /** NumPy archive; `array` names the array where it has several. */
  npz: path.optional(),
  array: z.string().min(1).optional(),
  /** Comma-separated values, one sample a line, with or without a heading; `columns` chooses and orders columns by name or position from 0. */
  csv: path.optional(),
  columns: z
    .array(z.union([z.string(), z.number().int().min(0)]))
    .min(1)
    .optional(),
  /** The field of a table that names the class of a sample, and is no value of it. */
  label: z.union([z.string().min(1), z.number().int().min(0)]).optional(),
  /** `nhwc`: samples lie row by row, their channels last, and are brought into the order of the network, channels first. */
  layout: z.enum(['nhwc']).optional()
}

interface FilesNamed {
  readonly [format: string]: unknown
}

/** How many of the keys that name files there are. */
const filesNamed = ({ file, idx, npy, npz, csv }: FilesNamed): number =>
  [file, idx, npy, npz, csv].filter(item => item !== undefined).length

/** One of several inputs. */
const inputSource = z
  .strictObject({ ...arraySource, /** that of all inputs when absent */ normalisation: normalisation.optional() })
  .refine(source => filesNamed(source) === 1, { error: 'expected exactly one of "file", "idx", "npy", "npz" and "csv"' })

export const samples = z
  .strictObject({
    ...arraySource,
    /** Of a model with several inputs: where each is, by its name; sample k is the k-th of all of them. */
    inputs: z.record(z.string().min(1).max(256), inputSource).optional(),
    offset: z.number().int().min(0).default(0),
    /** All from `offset` on when absent. */
    count: count.optional(),
    normalisation: normalisation.prefault({})
  })
  .refine(source => filesNamed(source) + (source.inputs === undefined ? 0 : 1) === 1, {
    error: 'expected exactly one of "file", "idx", "npy", "npz", "csv" and "inputs"'
  })

/** How exact logits must be: so many bits of the largest one, or an absolute error; the worst of a batch counts. */
const precision = z
  .strictObject({ bits: z.number().positive().max(60).optional(), logitError: z.number().positive().optional() })
  .refine(value => (value.bits === undefined) !== (value.logitError === undefined), {
    error: 'expected exactly one of "bits" and "logitError"'
  })
  .transform(({ bits, logitError }) => (bits === undefined ? { logitError: logitError! } : { bits }))

/** What stands in the place of operators that nothing evaluates, as the engine's `Replacements`. */
export const replacements = z.strictObject({
  /** Maxima of windows pair after pair, by |a - b|, or by the mean of the window, which is another function. */
  maxPool: z.enum(['pairs', 'average']).optional(),
  /** Rounding between quantising and dequantising is left out. */
  fakeQuantization: z.enum(['identity']).optional()
})

/** What the model's outputs mean, where it does not follow from the file; the threshold is one of binary and multi-label tasks, on the scale of the file's output. */
const task = z.union([
  z.enum(TASK_KINDS).transform(kind => ({ kind })),
  z.strictObject({
    kind: z.enum(TASK_KINDS).optional(),
    threshold: z.number().optional(),
    /** Names of the classes in the order of the outputs, instead of those that the file has. */
    labels: z
      .array(z.union([z.string().min(1).max(256), z.number()]))
      .min(2)
      .readonly()
      .optional()
  })
])

/** Where the bounds on the model's values come from. */
export const calibration = z
  .strictObject({
    /** Run the model on these. */
    samples: samples.optional(),
    /** JSON list of models with activation ranges, as models/manifest.json. */
    manifest: path.optional(),
    /** Ranges of the activations' inputs, named as in the model file, and bounds on |input| and |logit|. */
    measured: z
      .strictObject({
        input: z.number().positive(),
        largestLogit: z.number().positive(),
        activations: z.array(z.strictObject({ layer: z.string(), min: z.number(), max: z.number() }))
      })
      .optional(),
    /** Factor on every bound. */
    margin: z.number().min(1).optional()
  })
  .refine(value => [value.samples, value.manifest, value.measured].filter(item => item !== undefined).length === 1, {
    error: 'expected exactly one of "samples", "manifest" and "measured"'
  })

/** How activations that are no polynomials become some. */
export const approximation = z.strictObject({
  /**
   * `fit` (default where calibration has samples): best in the mean where inputs really are; `minimax` (default otherwise) and `chebyshev`: uniformly on the interval of
   * the inputs. A `fit` of degree 2 becomes a square, which is by far the cheapest.
   */
  method: z.enum(['fit', 'minimax', 'chebyshev']).optional(),
  /** The degree of all activations; when absent, the smallest that is good enough and can be planned. */
  degree: z.number().int().min(1).max(63).optional(),
  /** `fit`: share of held-out samples whose predicted class must stay; 0.99 when absent. */
  agreement: z.number().gt(0).max(1).optional(),
  /** `minimax`, `chebyshev`: largest error, as a share of half the interval's length; 0.01 when absent. */
  accuracy: z.number().positive().optional(),
  /** Widening of every measured interval around its centre, as a share of its half-width; 0.2 when absent. */
  margin: z.number().min(0).optional()
})

/** party.yaml of one session, key by key, with defaults. Unknown keys are refused; rules between keys are in load.ts. */
export const configurationSchema = z.strictObject({
  /** What this party calls itself. */
  name: z.string().min(1).max(128),
  /** Directory with identity, keystore and ledger, made by `slytherin init`. */
  state: path,
  keystore,
  network,
  /** Everyone, this party included. */
  roster: z.array(rosterEntry).min(1),
  /** Own roles, checked against the roster; those of the roster when absent. */
  roles: z.array(z.enum(ROLES)).optional(),
  /** What the evaluator puts into the session, and what every party demands of it. */
  session: z
    .strictObject({
      /**
       * Who encrypts: `clear` data where the data owner evaluates, `clear` weights where the model owner does. The evaluator plans for it; the owner of what
       * would be clear refuses a plan that protects it less than this says.
       */
      data: z.enum(['clear', 'encrypted']).default('encrypted'),
      weights: z.enum(['clear', 'encrypted']).default('encrypted'),
      /** Samples per query that the plan is made for. */
      batch: count.default(64),
      /**
       * s: bits of security of flooding. When absent, 30 with one key holder, otherwise what makes the statistical distance over a session at most 2^-40, or as near to it as the precision allows;
       * the plan says what that is.
       */
      floodingBits: z.number().int().min(30).max(100).optional(),
      /**
       * `norms`: flooding rests on norms and sensitivities, too, which the model owner publishes and nobody can check. The evaluator plans for it, and this party accepts
       * it where it holds a key for a model of others. Networks of twenty layers are far quicker with it, of fifty need it.
       */
      floodingBounds: z.enum(['magnitudes', 'norms']).optional(),
      maximumDecryptions: count.optional(),
      minimumRefreshes: z.number().int().min(0).default(0),
      /** Whether key holders may be asked to refresh values while a query is evaluated; without, the ring is larger where a network is deep. */
      refreshing: z.boolean().default(true),
      switchesPerQuerier: count.optional(),
      /** Ciphertexts that may be refreshed in the session; what its queries need, and as much again, when absent. */
      refreshesPerSession: count.optional(),
      queries: count.optional(),
      /** How exact logits must be: what the evaluator plans for, and the least that this party accepts. Planned by default: an error of 0.5 % of the largest logit. */
      precision: precision.optional(),
      /**
       * The way between the parties that the evaluator plans for: Mbit/s, and milliseconds of a round trip (100 and 20 when absent); or `measured`, where it is to find out
       * with padded pings when the session begins: the slowest of its lines.
       */
      link: z.union([linkSchema, z.literal('measured')]).optional(),
      /**
       * Queries that the session's keys are made for: each bears that share of what making them costs (a quarter of it when absent). With many it is worth it to have more keys
       * and fewer rotations, above all where several holders make them.
       */
      expectedQueries: count.optional(),
      /** Bytes of evaluation keys that a key holder makes at most; as many as pay when absent. With fewer an evaluation may take longer. */
      maximumKeyBytes: count.optional(),
      /** Least flooding that this party accepts in a descriptor. */
      minimumFloodingBits: z.number().int().min(30).max(100).default(30),
      /** Least statistical distance of flooded results over a session that this party accepts, as minus log2; any when absent. */
      minimumFloodingDistanceBits: z.number().min(1).max(100).optional(),
      /** Most switches per querier that this party accepts; any when absent. */
      maximumSwitchesPerQuerier: count.optional(),
      /** Most refreshed ciphertexts of a session that this party accepts; any when absent. */
      maximumRefreshes: count.optional(),
      /** Requests in flight to one party. */
      window: count.max(32).default(3)
    })
    .prefault({}),
  /** What this party wants to see before it helps to refresh and to decrypt; for key holders. */
  assist: z
    .strictObject({
      /**
       * Who checks that inputs and encrypted weights are encryptions: `evaluator`, on which this party then relies; `witness`, which endorses nothing before it has
       * checked them, so that a session without a witness is refused; or `own`, this party itself, too, which is sent all that their owners prove. When absent,
       * `witness` where endorsements are asked for, `evaluator` otherwise. A session without proofs is refused either way.
       */
      proofs: z.enum(['own', 'witness', 'evaluator']).optional(),
      /** Witnesses that must have come to the very same ciphertexts; a session without so many is refused. One when absent, where the roster has any. */
      witnesses: z.number().int().min(0).max(255).optional(),
      /** Peer ids of the witnesses that count; all of the roster when absent. */
      from: z.array(peerId).min(1).optional()
    })
    .prefault({}),
  /** ONNX file, with its weights inside or in files beside it; needed by the model owner. */
  model: path.optional(),
  /** Which output of the model is computed, where it has several. */
  output: z.string().min(1).optional(),
  /** Shape of one sample, without the batch, where the model leaves it open. */
  inputShape: z.array(count).min(1).max(8).optional(),
  /** What stands in the place of operators of the model that nothing evaluates: `maxPool: pairs`, for instance. */
  replace: replacements.optional(),
  /** What its outputs mean: classification, binary, multi-label or regression, or that with a threshold; as the file says when absent. */
  task: task.optional(),
  /** Needed with `model`. */
  calibration: calibration.optional(),
  /** How the model's activations are approximated; for the model owner. */
  approximation: approximation.optional(),
  /** Needed by a querier or data owner that asks at start. */
  samples: samples.optional(),
  /** What is kept of sessions for `slytherin audit`. */
  evidence: z
    .strictObject({
      /** `evidence` in the state directory when absent. */
      directory: path.optional(),
      /** All sessions together; the oldest go first. */
      maximumBytes: bytes.default(2e9),
      maximumAge: milliseconds.default(30 * 86_400_000),
      /** Keep ciphertexts and shares, too, where this party evaluates: without them a session cannot be run again. */
      blobs: z.boolean().default(true)
    })
    .prefault({}),
  evaluator,
  /** What the evaluator prices plans with: the speed of this machine, measured once, or built-in figures that give the same plan everywhere. */
  costs,
  /** Threads that share an operation, `auto` for one per processor: by default `auto` for the evaluator and for witnesses, 1 for everybody else. */
  threads,
  /** How long the protocol waits for answers, the roster, the whole. */
  deadlines: z
    .strictObject({ idle: milliseconds, roster: milliseconds, longest: milliseconds, heartbeat: milliseconds })
    .partial()
    .prefault({}),
  log,
  /** Serve the next session when one has ended. */
  keepServing: z.boolean().default(false),
  /** Leave encrypted model parts on disk when the session ends. */
  keepParts: z.boolean().default(false)
})

/** party.yaml of one session with its defaults filled in and its paths absolute. */
export type Configuration = z.infer<typeof configurationSchema>
/** `samples`: which file, which of its rows, and how they are brought to the network's scale. */
export type SamplesConfiguration = NonNullable<Configuration['samples']>
/** `calibration`: samples, a manifest or measured ranges that bound the model's values. */
export type CalibrationConfiguration = NonNullable<Configuration['calibration']>
/** `approximation`: how activations become polynomials. */
export type ApproximationConfiguration = z.infer<typeof approximation>
/** How raw values become what the network was trained on. */
export type Normalisation = z.infer<typeof normalisation>
