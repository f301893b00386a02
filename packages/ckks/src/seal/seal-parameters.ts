/** A parameter set as a SEALContext, with the parmsId of every level. */
import { UnsupportedParametersError } from '../errors.js'
import type { Parameters } from '../parameters.js'
import type { ParmsId } from './frame.js'
import type { SealHandle, SealModule, SealRuntime } from './runtime.js'

type SealContextObject = InstanceType<SealModule['SEALContext']>
type ParmsIdObject = InstanceType<SealModule['ParmsIdType']>

/** SEAL's own table stops here; beyond it ours alone decides. */
const SEAL_MAXIMUM_LOG_N = 15

/** A parameter set in SEAL's own objects. */
export class SealParameters implements Disposable {
  readonly context: SealHandle<SealContextObject>
  /** parmsId of keys: all primes and the special one. */
  readonly keyParmsId: ParmsId
  /** parmsId of ciphertexts by level. */
  readonly parmsIds: readonly ParmsId[]
  private readonly parmsIdHandles: readonly SealHandle<ParmsIdObject>[]

  /**
   * @throws UnsupportedParametersError when there is not exactly one special prime, or SEAL refuses the set
   */
  constructor(
    readonly runtime: SealRuntime,
    readonly parameters: Parameters
  ) {
    if (parameters.alpha !== 1) {
      throw new UnsupportedParametersError('seal', 'specialPrimes', 'exactly one, SEAL has no other gadget', String(parameters.alpha))
    }
    this.context = runtime.own(createContext(runtime, parameters))
    const handles: SealHandle<ParmsIdObject>[] = []
    try {
      if (!runtime.call('parametersSet', () => this.context.object.parametersSet())) {
        throw new UnsupportedParametersError('seal', 'parameters', 'a set SEAL accepts', 'refused by SEALContext')
      }
      this.keyParmsId = runtime.use(
        'keyParmsId',
        () => this.context.object.keyParmsId(),
        id => id.values() as ParmsId
      )
      // the chain runs from the top level down; asking for what follows level 0 gives objects that are not one
      const { maxLevel } = parameters
      let data = runtime.create('firstContextData', () => this.context.object.firstContextData())
      for (let level = maxLevel; level >= 0; level--) {
        const index = data.object.chainIndex()
        handles[level] = runtime.create('parmsId', () => data.object.parmsId())
        if (index !== level) {
          data.dispose()
          throw new UnsupportedParametersError('seal', 'chain', `index ${level}`, String(index))
        }
        const current = data
        if (level > 0) data = runtime.create('nextContextData', () => current.object.nextContextData())
        current.dispose()
      }
      this.parmsIdHandles = handles
      this.parmsIds = handles.map(handle => handle.object.values() as ParmsId)
    } catch (error) {
      for (const handle of handles) handle?.dispose()
      this.context.dispose()
      throw error
    }
  }

  /** SEAL's own object for the parmsId of a level. */
  parmsIdObject(level: number): ParmsIdObject {
    return this.parmsIdHandles[level]!.object
  }

  /** The level a parmsId belongs to, or undefined. */
  levelOf(parmsId: ParmsId): number | undefined {
    const level = this.parmsIds.findIndex(id => sameParmsId(id, parmsId))
    return level < 0 ? undefined : level
  }

  /** Frees SEAL's context and its parmsIds. */
  dispose(): void {
    for (const handle of this.parmsIdHandles) handle.dispose()
    this.context.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

export function sameParmsId(a: ParmsId, b: ParmsId): boolean {
  return a.every((word, k) => word === b[k])
}

function createContext(runtime: SealRuntime, parameters: Parameters): SealContextObject {
  return runtime.use(
    'EncryptionParameters',
    seal => new seal.EncryptionParameters(seal.SchemeType.ckks),
    encryption => {
      const { module } = runtime
      encryption.setPolyModulusDegree(parameters.N)
      runtime.use(
        'coefficient modulus',
        seal => new seal.VectorModulus(),
        vector => {
          for (const modulus of parameters.moduli()) {
            runtime.use(
              'Modulus',
              seal => new seal.Modulus(modulus.value),
              object => vector.push_back(object)
            )
          }
          encryption.setCoeffModulus(vector)
        }
      )
      const table = !parameters.insecure && parameters.logN <= SEAL_MAXIMUM_LOG_N
      return new module.SEALContext(encryption, true, table ? module.SecLevelType.tc128 : module.SecLevelType.none)
    }
  )
}
