/** One class per cause; the fields say what was at fault. None of them carries residues, slot values or key material. */

/** The parent of every error of this package. */
export abstract class CkksError extends Error {}

/** log2(Q·P) exceeds what the security table allows for the ring degree, and the caller did not ask for an insecure set. */
export class InsecureParametersError extends CkksError {
  override readonly name = 'InsecureParametersError'
  constructor(
    readonly logN: number,
    /** log2(Q·P) of the refused set. */
    readonly logQP: number,
    /** The largest log2(Q·P) with 128-bit security at this degree; 0 when the degree is not in the table. */
    readonly limit: number,
    reason = limit > 0 ? `log2(QP) = ${logQP.toFixed(2)} exceeds ${limit}` : 'the ring degree is not in the security table'
  ) {
    super(`parameters below 128-bit security at N = 2^${logN}: ${reason}`)
  }
}

/** A parameter set is malformed. */
export class InvalidParametersError extends CkksError {
  override readonly name = 'InvalidParametersError'
  constructor(
    readonly field: string,
    readonly expected: string,
    readonly actual: string
  ) {
    super(`parameters: ${field}: expected ${expected}, got ${actual}`)
  }
}

/** A level outside 0..maxLevel, or above what the operand has. */
export class InvalidLevelError extends CkksError {
  override readonly name = 'InvalidLevelError'
  constructor(
    readonly operation: string,
    readonly level: number,
    readonly maximum: number,
    readonly minimum = 0
  ) {
    super(`${operation}: level ${level} is not an integer from ${minimum} to ${maximum}`)
  }
}

/** A scale that is not a positive finite number. */
export class InvalidScaleError extends CkksError {
  override readonly name = 'InvalidScaleError'
  constructor(
    readonly operation: string,
    readonly scale: number
  ) {
    super(`${operation}: the scale must be positive and finite, got ${scale}`)
  }
}

/** Operands at different levels. */
export class LevelMismatchError extends CkksError {
  override readonly name = 'LevelMismatchError'
  constructor(
    readonly operation: string,
    readonly expected: number,
    readonly actual: number
  ) {
    super(`${operation}: operands at levels ${expected} and ${actual}; bring them to one level with dropLevel or rescale`)
  }
}

/** Operands whose scales differ by more than a relative 2^-30. */
export class ScaleMismatchError extends CkksError {
  override readonly name = 'ScaleMismatchError'
  constructor(
    readonly operation: string,
    readonly expected: number,
    readonly actual: number
  ) {
    super(`${operation}: operands with scales 2^${Math.log2(expected).toFixed(6)} and 2^${Math.log2(actual).toFixed(6)}`)
  }
}

/** The scale of a result does not fit the modulus of its level. */
export class ScaleOverflowError extends CkksError {
  override readonly name = 'ScaleOverflowError'
  constructor(
    readonly operation: string,
    /** log2 of the scale the result would have. */
    readonly scaleBits: number,
    /** log2 of Q_l. */
    readonly modulusBits: number
  ) {
    super(`${operation}: a scale of 2^${scaleBits.toFixed(2)} does not fit a modulus of 2^${modulusBits.toFixed(2)}`)
  }
}

/** A ciphertext of the wrong degree (number of components minus one). */
export class DegreeMismatchError extends CkksError {
  override readonly name = 'DegreeMismatchError'
  constructor(
    readonly operation: string,
    readonly expected: number,
    readonly actual: number
  ) {
    super(`${operation}: expected a ciphertext of degree ${expected}, got ${actual}`)
  }
}

/** `multiplyAccumulate` was given nothing to add up. */
export class EmptySumError extends CkksError {
  override readonly name = 'EmptySumError'
  constructor(readonly operation: string) {
    super(`${operation}: there are no operands`)
  }
}

/** Slot values that cannot be encoded: too many, not finite, or too large for the modulus. */
export class EncodingError extends CkksError {
  override readonly name = 'EncodingError'
  constructor(
    readonly field: 'length' | 'value' | 'magnitude',
    readonly expected: string,
    readonly actual: string
  ) {
    super(`encode: ${field}: expected ${expected}, got ${actual}`)
  }
}

/** The evaluator has no key for the operation. */
export class MissingKeyError extends CkksError {
  override readonly name = 'MissingKeyError'
  constructor(
    readonly operation: string,
    /** The Galois element wanted, or null for the relinearisation key. */
    readonly galoisElement: number | null
  ) {
    super(`${operation}: no ${galoisElement === null ? 'relinearisation key' : `Galois key for element ${galoisElement}`} has been set`)
  }
}

/** A key whose level or number of digits does not fit the parameters or the ciphertext. */
export class KeyMismatchError extends CkksError {
  override readonly name = 'KeyMismatchError'
  constructor(
    readonly operation: string,
    readonly field: string,
    readonly expected: number,
    readonly actual: number
  ) {
    super(`${operation}: ${field} of the key: expected ${expected}, got ${actual}`)
  }
}

/** A Galois element that is even or outside 1..2N-1. */
export class InvalidGaloisElementError extends CkksError {
  override readonly name = 'InvalidGaloisElementError'
  constructor(
    readonly galoisElement: number,
    readonly N: number
  ) {
    super(`${galoisElement} is not a Galois element: expected an odd integer from 1 to ${2 * N - 1}`)
  }
}

/** A parameter set that one evaluator cannot take. */
export class UnsupportedParametersError extends CkksError {
  override readonly name = 'UnsupportedParametersError'
  constructor(
    readonly evaluator: string,
    readonly field: string,
    readonly expected: string,
    readonly actual: string
  ) {
    super(`${evaluator} evaluator: ${field}: expected ${expected}, got ${actual}`)
  }
}

/** An operand made by another evaluator, or by another context. */
export class ForeignOperandError extends CkksError {
  override readonly name = 'ForeignOperandError'
  constructor(
    readonly operation: string,
    readonly detail = 'the operand was made by another evaluator; pass it through store and load'
  ) {
    super(`${operation}: ${detail}`)
  }
}

/** Received bytes are not what they should be. `field` names the header field, or 'payload' for the residues. */
export abstract class MalformedBytesError extends CkksError {
  constructor(
    readonly what: string,
    readonly field: string,
    readonly expected: string,
    readonly actual: string,
    options?: ErrorOptions
  ) {
    super(`malformed ${what}: ${field}: expected ${expected}, got ${actual}`, options)
  }
}

export class MalformedCiphertextError extends MalformedBytesError {
  override readonly name = 'MalformedCiphertextError'
  constructor(field: string, expected: string, actual: string, options?: ErrorOptions) {
    super('ciphertext', field, expected, actual, options)
  }
}

export class MalformedPublicKeyError extends MalformedBytesError {
  override readonly name = 'MalformedPublicKeyError'
  constructor(field: string, expected: string, actual: string, options?: ErrorOptions) {
    super('public key', field, expected, actual, options)
  }
}

export class MalformedKeySwitchKeyError extends MalformedBytesError {
  override readonly name = 'MalformedKeySwitchKeyError'
  constructor(field: string, expected: string, actual: string, options?: ErrorOptions) {
    super('key-switching key', field, expected, actual, options)
  }
}

/** Bytes that should be a SEAL object are not one, or not of these parameters. */
export class MalformedSealObjectError extends MalformedBytesError {
  override readonly name = 'MalformedSealObjectError'
  constructor(field: string, expected: string, actual: string, options?: ErrorOptions) {
    super('SEAL object', field, expected, actual, options)
  }
}

/** SEAL threw. `exception` is the C++ exception type, `reason` its text. */
export class SealError extends CkksError {
  override readonly name = 'SealError'
  constructor(
    readonly operation: string,
    readonly exception: string,
    readonly reason: string,
    options?: ErrorOptions
  ) {
    super(`SEAL: ${operation}: ${reason} (${exception})`, options)
  }
}

/** SEAL ran out of its WebAssembly memory (at most 4 GiB). */
export class SealMemoryError extends CkksError {
  override readonly name = 'SealMemoryError'
  constructor(
    readonly operation: string,
    /** Bytes of WebAssembly memory when it happened. */
    readonly heapBytes: number,
    options?: ErrorOptions
  ) {
    super(`SEAL: ${operation}: out of memory with ${heapBytes} bytes of heap`, options)
  }
}

/** A simulated object was asked for what only cryptography can do, or was used after it was disposed. */
export class SimulationError extends CkksError {
  override readonly name = 'SimulationError'
  constructor(
    readonly operation: string,
    readonly reason: string
  ) {
    super(`simulator: ${operation}: ${reason}`)
  }
}
