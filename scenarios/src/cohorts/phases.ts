/** Phases of a cohort's life, and which calls each of them is made of. */

/** In the order in which they happen. */
export const PHASES = {
  commitments: 'commitments: the proposal signed by all, hashes of nonces and coins',
  sharing: 't-of-n sharing: dealt, checked, signed',
  'public key': 'public key: hashes of shares, the shares, their sum at every holder',
  'round one': 'relinearisation key, round one: hashes of shares, the shares',
  'round two': "relinearisation key, round two: round one's shares to every active holder, its share back",
  'rotation keys': 'rotation keys: a share of each',
  refresh: 'one refresh of a query',
  result: 'the switch of one result to its querier',
  replacement: 'one holder replaced by another: shares dealt anew'
} as const

export type Phase = keyof typeof PHASES

const CALLS: Readonly<Record<string, Phase>> = {
  'epoch/propose': 'commitments',
  'epoch/open': 'commitments',
  'epoch/deal': 'sharing',
  'epoch/receive': 'sharing',
  'epoch/answer': 'sharing',
  'epoch/check': 'sharing',
  'epoch/complete': 'sharing',
  'epoch/sign': 'sharing',
  'epoch/keep': 'sharing',
  'epoch/public-key-commit': 'public key',
  'epoch/public-key-show': 'public key',
  'epoch/public-key-sum': 'public key',
  'key/one-commit': 'round one',
  'key/one-show': 'round one',
  'key/two': 'round two',
  'key/galois': 'rotation keys',
  'query/refresh': 'refresh',
  'query/switch': 'result'
}

/** @returns undefined for calls of which a cohort's size says nothing, such as hellos and a query's inputs */
export function phaseOf(call: string): Phase | undefined {
  return call.startsWith('sharing/') ? 'replacement' : CALLS[call]
}
