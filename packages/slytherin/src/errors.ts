/** The model was asked for predictions, or for its plan, before it had one. */
export class NotPlannedError extends Error {
  override name = 'NotPlannedError'

  constructor(readonly model: string) {
    super(`model '${model}' has no plan yet: call plan({ samples }) with rows like those that it will be asked about`)
  }
}
