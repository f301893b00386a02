/** Every ciphertext of a request is an instance of its own: reference polynomials and shares are never used for two. */
export function ciphertextInstance(instance: string, k: number): string {
  return `${instance}/${k}`
}
