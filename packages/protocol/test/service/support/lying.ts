/** Cryptography of parties that compute something else than they should. */
import type {
  ContentStore,
  EpochCryptography,
  EvaluationTerms,
  ReleaseCryptography,
  ReleaseEvaluation,
  ReleasesCryptography,
  ReleaseTerms,
  ServiceCryptography
} from '@slytherin/protocol/service'

/** What is altered: the second component of the first refresh, one encrypted weight for another, the inputs, that proofs hold, or nothing. */
export type Lie = 'step' | 'model' | 'inputs' | 'proofs' | 'nothing'

export interface Liar {
  lie: Lie
  /** Input of an earlier query, with its proof: another one's. */
  earlier?: Uint8Array
}

/** As `target`, with some methods in the place of its own. */
export function altered<T extends object>(target: T, methods: Partial<T>): T {
  return new Proxy(target, {
    get: (object, property) => {
      const member: unknown = Reflect.get(property in methods ? methods : object, property)
      return typeof member === 'function' ? member.bind(property in methods ? methods : object) : member
    }
  })
}

export function lyingCryptography(real: ServiceCryptography, liar: Liar, contents: ContentStore): ServiceCryptography {
  return altered(real, {
    openEpoch: async terms => {
      const epoch = await real.openEpoch(terms)
      return altered<EpochCryptography>(epoch, {
        releases: async () => {
          const releases = await epoch.releases()
          return altered<ReleasesCryptography>(releases, {
            openRelease: async of => lyingRelease(await releases.openRelease(of), of, releases, liar, contents)
          })
        }
      })
    }
  })
}

function lyingRelease(
  release: ReleaseCryptography,
  of: ReleaseTerms,
  releases: ReleasesCryptography,
  liar: Liar,
  contents: ContentStore
): ReleaseCryptography {
  return altered<ReleaseCryptography>(release, {
    checkBatch: async check => (liar.lie === 'proofs' ? undefined : await release.checkBatch(check)),
    openEvaluation: async terms => {
      liar.earlier ??= await contents.get(terms.space, terms.inputs[0]!)
      const evaluation = await opened(release, of, releases, liar, contents, terms)
      if (liar.lie !== 'step') return evaluation
      return altered<ReleaseEvaluation>(evaluation, {
        evaluate: async (callbacks, signal) =>
          await evaluation.evaluate(
            {
              ...bound(callbacks),
              refresh: async request => {
                const [first, ...others] = request.c1.map(bytes => bytes.slice())
                // One bit of a residue.
                first![first!.length - 8]! ^= 1
                return await callbacks.refresh({ ...request, c1: [first!, ...others] })
              }
            },
            signal
          )
      })
    }
  })
}

async function opened(
  release: ReleaseCryptography,
  of: ReleaseTerms,
  releases: ReleasesCryptography,
  liar: Liar,
  contents: ContentStore,
  terms: EvaluationTerms
): Promise<ReleaseEvaluation> {
  if (liar.lie === 'inputs') {
    const other = await contents.put(terms.space, liar.earlier!)
    return await release.openEvaluation({ ...terms, inputs: terms.inputs.with(0, other) })
  }
  if (liar.lie !== 'model') return await release.openEvaluation(terms)
  const { items } = of.plan.weights
  const second = items.findIndex(({ level, scale }, k) => k > 0 && level === items[0]!.level && scale === items[0]!.scale)
  const parts = of.parts.with(0, of.parts[second]!).with(second, of.parts[0]!)
  const other = await releases.openRelease({ ...of, parts })
  const evaluation = await other.openEvaluation(terms)
  return altered<ReleaseEvaluation>(evaluation, {
    dispose: async () => {
      await evaluation.dispose()
      await other.dispose()
    }
  })
}

/** Methods of a class, as an object that can be spread. */
function bound<T extends object>(target: T): T {
  const methods: Record<string, unknown> = {}
  for (let at: object = target; at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) {
      const member: unknown = Reflect.get(target, name)
      if (name !== 'constructor' && typeof member === 'function') methods[name] ??= member.bind(target)
    }
  }
  return methods as T
}
