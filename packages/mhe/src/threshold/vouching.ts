/**
 * That what an old holder deals on is its share.
 *
 * The shares that are dealt on lie on one polynomial S̃ of degree t - 1, and so do their spare masks, of polynomials v_k that were dealt and checked with them. A
 * dealer of `reshare` uses its spare masks as constant terms of m_k, so its answer has
 *
 *   W_k(0) = L_k(D_i(0)) + v_k(i),      which is (L_k(S̃) + v_k)(i) if D_i(0) = s̃_i
 *
 * and any holder that does not deal can say the same of its share in a few bytes: it vouches. All of these lie on one polynomial of degree t - 1; a holder that deals
 * on another value than its share is off it but with probability 2^-128, for its masks were fixed before the coin. Of m values, as many as m - t wrong ones are
 * noticed and as many as (m - t) / 2 are named, by decoding. With m = t nothing can be told.
 *
 * Nothing is shown: L_k(S̃) + v_k is uniform, as v_k is. Once. Under a second coin the difference would be a function of the shares alone, so a share's spare masks
 * meet one coin, which the ledger remembers. Renewal comes with new ones.
 */
import { powerModulo } from '@slytherin/ring'
import { ShareAlreadyGivenError } from '../errors.js'
import { hex } from '../hash.js'
import type { ShareLedger } from '../ledger.js'
import { Fingerprints, readAnswer } from './consistency.js'
import { InvalidSharingError, MalformedDealingError, SpareMasksUsedError, TooManyWrongSharesError } from './errors.js'
import { addResidues, fingerprintCount, type Residues, readResidues, residuesLength, writeResidues } from './residues.js'
import type { DealingRound } from './round.js'
import { checkHeld, type ShamirShare } from './shamir-share.js'

/** Writes down that a share's spare masks are used under this coin. @throws SpareMasksUsedError when they were under another */
export function spendSpareMasks(share: ShamirShare, coin: Uint8Array, ledger: ShareLedger): void {
  const { epoch, generation, lineage } = share.sharing
  const instance = `${generation}/${hex(lineage)}/${share.point}`
  try {
    ledger.claim({ session: hex(epoch), protocol: 'fingerprint', instance, inputHash: hex(coin) })
  } catch (error) {
    if (error instanceof ShareAlreadyGivenError) throw new SpareMasksUsedError(share.point, generation)
    throw error
  }
}

/**
 * What a holder says of its share that does not deal it on. For everybody, to be signed.
 *
 * @param round  of `reshare`
 * @param ledger the holder's
 * @returns K residues of 8 bytes per prime
 * @throws InvalidSharingError, SharingMismatchError; SpareMasksUsedError when it vouched, or dealt, under another coin
 */
export function vouch(round: DealingRound, share: ShamirShare, coin: Uint8Array, ledger: ShareLedger): Uint8Array {
  const { context } = round
  checkResharing(round)
  checkHeld(round.before!, share.point, share)
  spendSpareMasks(share, coin, ledger)
  using fingerprints = new Fingerprints(context, coin)
  const out = new Uint8Array(residuesLength(context.ring.moduli, share.spare.length))
  writeResidues(out, 0, addResidues(context.ring.moduli, fingerprints.of(share.polynomial), share.spare))
  return out
}

/**
 * Who of the old holders dealt on, or vouched for, another value than its share.
 *
 * @param answers  of the dealers by their points
 * @param vouchers of other old holders by their points
 * @returns their points, ascending: to be left out. Empty, too, when there are no more values than the threshold, and nothing to compare them with
 * @throws TooManyWrongSharesError, MalformedDealingError, InvalidSharingError
 */
export function findWrongDealers(
  round: DealingRound,
  coin: Uint8Array,
  answers: ReadonlyMap<number, Uint8Array>,
  vouchers: ReadonlyMap<number, Uint8Array> = new Map()
): number[] {
  checkResharing(round)
  const { moduli } = round.context.ring
  const { access } = round.before!
  const count = fingerprintCount(moduli)
  const values = new Map<number, readonly Residues[]>()
  for (const [holder, bytes] of vouchers) values.set(holder, readVoucher(round, holder, bytes))
  for (const [dealer, bytes] of answers) {
    round.checkDealer(dealer)
    values.set(dealer, readAnswer(round, dealer, coin, bytes)[0]!.slice(0, count))
  }
  const holders = [...values.keys()].sort((a, b) => a - b)
  const stranger = holders.find(holder => !access.points.includes(holder))
  if (stranger !== undefined) throw new InvalidSharingError('holder', `one of ${access.points.join(', ')}`, stranger)
  if (holders.length <= access.threshold) return []
  const wrong = new Set<number>()
  for (let k = 0; k < count; k++) {
    moduli.forEach(({ value: q }, row) => {
      const word = holders.map(holder => values.get(holder)![k]![row]!)
      const off = errorPositions(holders, word, access.threshold, q)
      if (off === undefined) throw new TooManyWrongSharesError(holders, access.threshold)
      for (const position of off) wrong.add(holders[position]!)
    })
  }
  return [...wrong].sort((a, b) => a - b)
}

function checkResharing(round: DealingRound): void {
  if (round.kind !== 'reshare') throw new InvalidSharingError('round', 'a reshare', round.kind)
}

function readVoucher({ context }: DealingRound, holder: number, bytes: Uint8Array): Residues[] {
  const { moduli } = context.ring
  const count = fingerprintCount(moduli)
  const length = residuesLength(moduli, count)
  if (bytes.length !== length) throw new MalformedDealingError(holder, 'length of the voucher', length, bytes.length)
  return readResidues(moduli, bytes, 0, count, position => {
    throw new MalformedDealingError(holder, `residue ${position} of the voucher`, 'below its prime', 'not')
  })
}

/**
 * Where a word differs from the only codeword of the Reed-Solomon code within half its distance (Berlekamp and Welch): with e = ⌊(m - t)/2⌋ find E monic of degree e
 * and F of degree below t + e with F(x_i) = y_i·E(x_i); the codeword's polynomial is F / E.
 *
 * @param q prime, above all points
 * @returns undefined when there is none
 */
export function errorPositions(points: readonly number[], word: readonly bigint[], threshold: number, q: bigint): number[] | undefined {
  const errors = Math.floor((points.length - threshold) / 2)
  const unknowns = threshold + 2 * errors
  const rows = points.map((point, i) => {
    const powers = [1n]
    for (let k = 1; k < threshold + errors || k <= errors; k++) powers.push((powers[k - 1]! * BigInt(point)) % q)
    const y = word[i]!
    const locator = powers.slice(0, errors).map(power => (q - ((y * power) % q)) % q)
    return [...powers.slice(0, threshold + errors), ...locator, (y * powers[errors]!) % q]
  })
  const solution = solve(rows, unknowns, q)
  if (solution === undefined) return undefined
  const quotient = divide(solution.slice(0, threshold + errors), [...solution.slice(threshold + errors), 1n], q)
  if (quotient === undefined) return undefined
  const off = points.flatMap((point, i) => {
    const value = quotient.reduceRight((sum, coefficient) => (sum * BigInt(point) + coefficient) % q, 0n)
    return value === word[i] ? [] : [i]
  })
  return off.length <= errors ? off : undefined
}

/** Gauss's elimination; free unknowns are 0. @param rows the last column is the right side */
function solve(rows: readonly (readonly bigint[])[], unknowns: number, q: bigint): bigint[] | undefined {
  const matrix = rows.map(row => [...row])
  const pivots: number[] = []
  for (let column = 0; column < unknowns; column++) {
    const top = pivots.length
    const found = matrix.findIndex((row, i) => i >= top && row[column] !== 0n)
    if (found < 0) continue
    ;[matrix[top], matrix[found]] = [matrix[found]!, matrix[top]!]
    const inverse = powerModulo(matrix[top]![column]!, q - 2n, q)
    const pivot = matrix[top]!.map(value => (value * inverse) % q)
    matrix[top] = pivot
    matrix.forEach((row, i) => {
      const factor = row[column]!
      if (i === top || factor === 0n) return
      matrix[i] = row.map((value, at) => (((value - factor * pivot[at]!) % q) + q) % q)
    })
    pivots.push(column)
  }
  if (matrix.some((row, i) => i >= pivots.length && row[unknowns] !== 0n)) return undefined
  const solution = Array.from({ length: unknowns }, () => 0n)
  pivots.forEach((column, i) => {
    solution[column] = matrix[i]![unknowns]!
  })
  return solution
}

/** By a monic polynomial; undefined when something is left. */
function divide(numerator: readonly bigint[], denominator: readonly bigint[], q: bigint): bigint[] | undefined {
  const rest = [...numerator]
  const degree = denominator.length - 1
  const quotient = Array.from({ length: Math.max(0, rest.length - degree) }, () => 0n)
  for (let k = quotient.length - 1; k >= 0; k--) {
    const factor = rest[k + degree]!
    quotient[k] = factor
    denominator.forEach((coefficient, i) => {
      rest[k + i] = (((rest[k + i]! - factor * coefficient) % q) + q) % q
    })
  }
  return rest.every(value => value === 0n) ? quotient : undefined
}
