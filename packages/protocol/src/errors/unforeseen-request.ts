/** A request for help that the signed plan does not foresee, so no share is given. */
export class UnforeseenRequestError extends Error {
  override name = 'UnforeseenRequestError'
  constructor(
    readonly request: 'relinearization' | 'galois' | 'refresh' | 'switch',
    readonly field: string,
    readonly expected: string,
    readonly actual: string
  ) {
    super(`${request} request: ${field} is ${actual}, the plan says ${expected}`)
  }
}
